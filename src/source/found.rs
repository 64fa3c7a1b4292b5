//! The keys that the rows of an export have, found by reading them once more: by the same query, the same snapshot, the same
//! rights, through the same masks.

use super::escape::unescape;
use super::expand::Layout;
use super::members;
use super::plan::Plan;
use super::take::Written;
use crate::encode::{Cell, Format};
use crate::error::Result;
use crate::pg::{query, wait};
use crate::request::filter::quote_ident;
use crate::request::part::{LONGEST, MOST};
use std::collections::{BTreeSet, HashMap};
use std::ops::ControlFlow;

/// What becomes columns of one field: the first of its keys, sorted, so that it is the same whatever the order of the rows. Who
/// writes the keys cannot make it larger.
#[derive(Debug, Default)]
pub struct Keys {
    pub names: BTreeSet<Box<str>>,
    /// There is more in the documents than these.
    pub left: bool,
}

impl Keys {
    pub fn see(&mut self, cell: &Cell<'_>, is_secret: &dyn Fn(&str) -> bool) -> Result<()> {
        let Cell::Json(text) = cell else { return Ok(()) };
        let is_object = members::each(text, &mut |raw, _| {
            let key = unescape(raw);
            if !self.names.contains(&*key) && !is_secret(&key) {
                self.add(&key);
            }
            Ok(())
        })?;
        self.left |= !is_object && text.trim_ascii() != "null";
        Ok(())
    }

    fn add(&mut self, key: &str) {
        if key.len() > LONGEST {
            self.left = true;
            return;
        }
        if self.names.len() == MOST {
            self.left = true;
            if self.names.last().is_some_and(|last| **last < *key) {
                return;
            }
            self.names.pop_last();
        }
        self.names.insert(key.into());
    }
}

impl Plan {
    /// The columns of the file. Where they are the keys of the rows, these are read: as the requester, with the snapshot of the
    /// export. `most`: no more of them.
    pub fn layout(&self, format: Format, key: Option<[u8; 32]>, most: Option<u64>) -> Result<Layout> {
        let sought: Vec<usize> = match format {
            Format::Csv | Format::Xlsx => {
                let sought = self.takes.iter().filter(|take| matches!(take.written, Written::Found));
                sought.map(|take| take.column).collect()
            }
            Format::Ndjson | Format::Json => Vec::new(),
        };
        let found = if sought.is_empty() { HashMap::new() } else { keys(self, &sought, key, most)? };
        Ok(Layout::new(&self.columns, &self.takes, self.names().clone(), format, found))
    }

    /// The same, without reading: of keys that the rows have there is none.
    pub fn outline(&self, format: Format) -> Layout {
        Layout::new(&self.columns, &self.takes, self.names().clone(), format, HashMap::new())
    }
}

/// The keys of these columns of a plan, by their places. `most`: rows that are looked at. As the requester.
fn keys(
    plan: &Plan,
    places: &[usize],
    pseudonyms: Option<[u8; 32]>,
    most: Option<u64>,
) -> Result<HashMap<usize, Keys>> {
    let mut found: Vec<Keys> = places.iter().map(|_| Keys::default()).collect();
    let list: Vec<String> =
        places.iter().map(|place| format!("q.{}", quote_ident(&plan.columns[*place].name))).collect();
    let limit = most.map(|most| format!(" LIMIT {}", most.min(i64::MAX as u64))).unwrap_or_default();
    let sql = format!("SELECT {} FROM ({}) AS q{limit}", list.join(", "), plan.unordered_sql);
    let mut shield = plan.shield_of(places, pseudonyms);
    let is_secret = |key: &str| plan.names().is_secret(key);
    let mut rows = 0u64;
    query::for_each_row(&sql, &plan.params, false, &mut |cells| {
        shield.apply(cells, &mut |cells| {
            found.iter_mut().zip(cells).try_for_each(|(keys, cell)| keys.see(cell, &is_secret))
        })?;
        rows += 1;
        if rows.is_multiple_of(1024) {
            wait::interrupted()?;
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(places.iter().copied().zip(found).collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn seen<'a>(documents: impl IntoIterator<Item = &'a str>) -> Keys {
        let mut keys = Keys::default();
        for document in documents {
            keys.see(&Cell::Json(document), &|key| key == "token").unwrap();
        }
        keys
    }

    fn names(keys: &Keys) -> Vec<&str> {
        keys.names.iter().map(|name| &**name).collect()
    }

    #[test]
    fn keys_are_sorted_and_secrets_none() {
        let keys = seen([r#"{"b": 1, "token": true, "B": 2}"#, "null", r#"{"a\u0062": {"c": 1}}"#, "{}"]);
        assert_eq!((names(&keys), keys.left), (vec!["B", "ab", "b"], false));
        for other in ["[]", "\"x\"", "1"] {
            assert!(seen(["{\"a\": 1}", other]).left, "{other}");
        }
        let long = format!("{{\"{}\": 1, \"{}\": 1}}", "x".repeat(LONGEST), "y".repeat(LONGEST + 1));
        let keys = seen([long.as_str()]);
        assert_eq!((names(&keys), keys.left), (vec!["x".repeat(LONGEST).as_str()], true));
    }

    #[test]
    fn the_first_of_very_many_whatever_their_order() {
        let document = |numbers: &mut dyn Iterator<Item = usize>| -> String {
            let members: Vec<String> = numbers.map(|n| format!("\"k{n:05}\": {n}")).collect();
            format!("{{{}}}", members.join(", "))
        };
        let (up, down) = (document(&mut (0..3 * MOST)), document(&mut (0..3 * MOST).rev()));
        let keys = seen([up.as_str()]);
        assert_eq!((keys.names.len(), keys.left), (MOST, true));
        assert_eq!(keys.names.last().map(|name| &**name), Some("k00999"));
        assert_eq!(names(&seen([down.as_str(), up.as_str()])), names(&keys));
        let exact = document(&mut (0..MOST));
        assert!(!seen([exact.as_str(), exact.as_str()]).left);
    }
}
