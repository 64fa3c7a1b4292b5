//! Lists as one text: their elements joined by a separator, or a JSON array.
//!
//! Joined elements can be told apart again: one that holds the separator stands in quotes, as a field of a CSV would. A NULL
//! element leaves its place empty (`a, , c`), so that positions stay as they were; arrays of several dimensions are flattened.

use super::{json_value, memory, text, Cell, TextForm};
use crate::error::Result;
use std::borrow::Cow;

/// The form of lists in csv and in cells of a worksheet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lists {
    /// Between elements.
    pub separator: String,
    /// As JSON arrays.
    pub json: bool,
    /// Of the elements, and of values that are no lists.
    pub form: TextForm,
}

impl Default for Lists {
    fn default() -> Self {
        Lists { separator: ", ".into(), json: false, form: TextForm::default() }
    }
}

impl Lists {
    /// Appends a cell, whose lists have this form.
    pub fn append(&self, cell: &Cell<'_>, out: &mut Vec<u8>) -> Result<()> {
        match cell {
            Cell::List(_) | Cell::Grid(_) if self.json => json_value::append_as(cell, self.form, out),
            Cell::List(items) => self.join(items, out),
            Cell::Grid(grid) => self.join(grid.items, out),
            other => text::plain_as(other, self.form, out),
        }
    }

    fn join(&self, items: &[Cell<'_>], out: &mut Vec<u8>) -> Result<()> {
        let separator = self.separator.as_bytes();
        for (place, item) in items.iter().enumerate() {
            if place > 0 {
                memory::reserve(out, separator.len())?;
                out.extend_from_slice(separator);
            }
            match item {
                Cell::List(inner) => self.join(inner, out)?,
                Cell::Grid(grid) => self.join(grid.items, out)?,
                item => {
                    let start = out.len();
                    text::plain_as(item, self.form, out)?;
                    if needs_quotes(&out[start..], separator) {
                        let element = out.split_off(start);
                        memory::reserve(out, element.len() * 2 + 2)?;
                        quote(&element, out);
                    }
                }
            }
        }
        Ok(())
    }

    /// A list of this form in the default one; a text that is none stays as it is.
    pub fn as_default(&self, list: &str) -> String {
        let elements = if self.json { from_json(list) } else { split(list, &self.separator) };
        elements.map_or_else(|| list.to_owned(), |elements| joined(&elements))
    }
}

/// True if a reader would take an element for several, or take its quotes away.
fn needs_quotes(element: &[u8], separator: &[u8]) -> bool {
    let separator = match separator.trim_ascii() {
        [] => separator,
        trimmed => trimmed,
    };
    match separator {
        [] => false,
        [byte] => element.contains(byte) || element.starts_with(b"\""),
        bytes => element.windows(bytes.len()).any(|part| part == bytes) || element.starts_with(b"\""),
    }
}

fn quote(element: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for &byte in element {
        out.push(byte);
        if byte == b'"' {
            out.push(byte);
        }
    }
    out.push(b'"');
}

/// Elements in the default form.
pub fn joined(elements: &[Cow<'_, str>]) -> String {
    let mut text = String::new();
    for (place, element) in elements.iter().enumerate() {
        if place > 0 {
            text.push_str(", ");
        }
        if needs_quotes(element.as_bytes(), b",") {
            text.push('"');
            text.push_str(&element.replace('"', "\"\""));
            text.push('"');
        } else {
            text.push_str(element);
        }
    }
    text
}

/// The elements of a joined list; None: a quote is not closed, or something stands behind one.
pub fn split<'t>(list: &'t str, separator: &str) -> Option<Vec<Cow<'t, str>>> {
    if list.is_empty() || separator.is_empty() {
        return Some(if list.is_empty() { Vec::new() } else { vec![Cow::Borrowed(list)] });
    }
    let mut elements = Vec::new();
    let mut rest = list;
    loop {
        let after = if rest.starts_with('"') {
            let (element, after) = unquoted(rest)?;
            elements.push(Cow::Owned(element));
            match after {
                "" => return Some(elements),
                after => after.strip_prefix(separator)?,
            }
        } else {
            match rest.split_once(separator) {
                None => {
                    elements.push(Cow::Borrowed(rest));
                    return Some(elements);
                }
                Some((element, after)) => {
                    elements.push(Cow::Borrowed(element));
                    after
                }
            }
        };
        rest = after;
    }
}

/// The content of the quotes at the beginning, and what stands behind them.
pub fn unquoted(text: &str) -> Option<(String, &str)> {
    let mut element = String::new();
    let mut rest = text.strip_prefix('"')?;
    loop {
        let (part, after) = rest.split_once('"')?;
        element.push_str(part);
        match after.strip_prefix('"') {
            Some(after) => {
                element.push('"');
                rest = after;
            }
            None => return Some((element, after)),
        }
    }
}

/// The elements of a JSON array as plain texts, arrays in it flattened; None: it is none.
pub fn from_json(list: &str) -> Option<Vec<Cow<'_, str>>> {
    let mut elements = Vec::new();
    flatten(list, &mut elements)?;
    Some(elements)
}

fn flatten<'t>(list: &'t str, elements: &mut Vec<Cow<'t, str>>) -> Option<()> {
    let items: Vec<&'t serde_json::value::RawValue> = serde_json::from_str(list).ok()?;
    for item in items {
        match item.get().as_bytes() {
            b"null" => elements.push(Cow::Borrowed("")),
            [b'[', ..] => {
                let before = elements.len();
                flatten(item.get(), elements)?;
                // An empty list keeps its place.
                if elements.len() == before {
                    elements.push(Cow::Borrowed(""));
                }
            }
            [b'"', ..] => elements.push(Cow::Owned(serde_json::from_str(item.get()).ok()?)),
            _ => elements.push(Cow::Borrowed(item.get())),
        }
    }
    Some(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::value::Grid;
    use proptest::prelude::*;

    fn shown(cell: Cell<'_>, lists: &Lists) -> String {
        let mut out = Vec::new();
        lists.append(&cell, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn of(separator: &str) -> Lists {
        Lists { separator: separator.into(), ..Lists::default() }
    }

    #[test]
    fn lists_join() {
        let inner = [Cell::Int(1), Cell::Null, Cell::text("x")];
        let outer = [Cell::List(&inner), Cell::Bool(true)];
        let default = Lists::default();
        assert_eq!(shown(Cell::List(&outer), &default), "1, , x, true");
        assert_eq!(shown(Cell::List(&[]), &default), "");
        assert_eq!(shown(Cell::List(&[Cell::Null]), &default), "");
        let grid = Grid { items: &[Cell::Int(1), Cell::Int(2), Cell::Null, Cell::Int(4)], sizes: &[2, 2] };
        assert_eq!(shown(Cell::Grid(&grid), &default), "1, 2, , 4");
        let json = Lists { json: true, ..Lists::default() };
        assert_eq!(shown(Cell::Grid(&grid), &json), "[[1,2],[null,4]]");
        assert_eq!(shown(Cell::List(&outer), &json), "[[1,null,\"x\"],true]");
        assert_eq!(json.as_default("[[1,null,\"x\"],true]"), "1, , x, true");
    }

    #[test]
    fn elements_that_hold_the_separator_are_quoted() {
        let list = [Cell::text("a, b"), Cell::text("c,d"), Cell::text("\"e\""), Cell::text("f \"g\"")];
        let text = shown(Cell::List(&list), &Lists::default());
        assert_eq!(text, "\"a, b\", \"c,d\", \"\"\"e\"\"\", f \"g\"");
        assert_eq!(split(&text, ", ").unwrap(), ["a, b", "c,d", "\"e\"", "f \"g\""]);
        assert_eq!(shown(Cell::List(&list[..2]), &of("; ")), "a, b; c,d");
        assert_eq!(split("\"a\" b, c", ", "), None);
        assert_eq!(split("\"a, b", ", "), None);
    }

    proptest! {
        /// Lists of different elements are different texts, whatever stands in them.
        #[test]
        fn elements_come_back(
            elements in prop::collection::vec("[ab,; \"|]{0,6}", 1..5),
            separator in prop::sample::select(vec![", ", ",", ";", " | ", "--", " "]),
        ) {
            let cells: Vec<Cell<'_>> = elements.iter().map(|element| Cell::text(element)).collect();
            let text = shown(Cell::List(&cells), &of(separator));
            let found = split(&text, separator).unwrap();
            // An empty list and one empty element are one text.
            prop_assert!(found == elements || (elements == [""] && found.is_empty()), "{text:?}: {found:?}");
            let default = joined(&found);
            prop_assert_eq!(split(&default, ", ").unwrap(), found);
        }
    }
}
