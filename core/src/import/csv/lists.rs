//! The separator of a CSV file's lists, found beside the lists of the database: the file does not name it.

use crate::import::several::as_list;
use crate::value::list;

/// Separators that are tried.
const MAX_CANDIDATES: usize = 16;
/// Bytes of a separator.
const MAX_BYTES: usize = 16;

/// The separator of lists; a comma and JSON arrays are always read.
#[derive(Default)]
pub struct Separator {
    found: Option<String>,
    /// Lists of several elements that are the same with a comma.
    commas: u32,
    /// Separators that lists may have, and the number of lists that are the same with each.
    candidates: Vec<(String, u32)>,
}

impl Separator {
    /// True if one of a cell's readings is the list `held`, which is in the default form.
    pub fn is_same(&self, readings: &[String], held: &str) -> bool {
        is_same(readings, held, ",")
            || self.found.as_deref().is_some_and(|other| is_same(readings, held, other))
    }

    /// The same, and takes note of the separators with which it is.
    pub fn learn(&mut self, readings: &[String], held: &str) -> bool {
        if is_same(readings, held, ",") {
            self.commas = self.commas.saturating_add(u32::from(held.contains(", ")));
            return true;
        }
        if let Some(found) = &self.found {
            return is_same(readings, held, found);
        }
        for (separator, count) in &mut self.candidates {
            *count = count.saturating_add(u32::from(is_same(readings, held, separator)));
        }
        for separator in readings.iter().filter_map(|list| between(list, held)) {
            let is_known = self.candidates.iter().any(|(known, _)| *known == separator);
            if !is_known && self.candidates.len() < MAX_CANDIDATES {
                self.candidates.push((separator, 1));
            }
        }
        false
    }

    /// Decides for the separator of the most lists, once there is one.
    pub fn settle(&mut self) {
        if self.found.is_none() {
            let commas = self.commas;
            let others = self.candidates.iter().filter(|(_, count)| *count > commas);
            let best = others.max_by_key(|(separator, count)| (!separator.is_empty(), *count));
            self.found = best.map(|(separator, _)| separator.clone());
        }
    }

    /// A cell's list in the default form.
    pub fn as_list(&self, readings: &[String]) -> String {
        let list = readings.first().map_or("", String::as_str);
        as_list(list, self.found.as_deref().unwrap_or(","))
    }
}

fn is_same(readings: &[String], held: &str, separator: &str) -> bool {
    readings.iter().any(|list| as_list(list, separator) == held)
}

/// The text between the first two elements of a list, if the whole list is `held` with it as the separator. The empty one for a
/// single element, in which a comma stands without quotes.
fn between(text: &str, held: &str) -> Option<String> {
    let elements = list::split(held, ", ")?;
    let text = text.trim();
    let (first, second) = match &elements[..] {
        [only] => return (text == only.as_ref()).then(String::new),
        [first, second, ..] => (first, second),
        [] => return None,
    };
    let quoted = |element: &str| format!("\"{}\"", element.replace('"', "\"\""));
    let rest = text.strip_prefix(first.as_ref()).or_else(|| text.strip_prefix(quoted(first).as_str()))?;
    let end = [rest.find(second.as_ref()), rest.find(quoted(second).as_str())].into_iter().flatten().min()?;
    let separator = match rest[..end].trim() {
        "" => &rest[..end],
        trimmed => trimmed,
    };
    let is_likely = (1..=MAX_BYTES).contains(&separator.len()) && !separator.contains('"');
    (is_likely && as_list(text, separator) == held).then(|| separator.to_owned())
}
