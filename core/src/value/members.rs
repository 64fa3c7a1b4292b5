//! The members of JSON objects, and what their values are as cells. Pure: a text that has been scrubbed goes in.

use super::escape::unescape;
use super::json_value;
use super::memory;
use super::Cell;
use crate::error::{Error, Kind, Result};
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// An array that has more bytes stays JSON: as cells it would take many times as many.
const LONGEST_LIST: usize = 64 * 1024;

/// Takes a key as it stands between its quotes, and the text of the value.
pub type Visit<'v, 't> = dyn FnMut(&'t str, &'t str) -> Result<()> + 'v;

/// Hands on each member of an object, in its order. False: the text is no object.
pub fn each<'t>(text: &'t str, visit: &mut Visit<'_, 't>) -> Result<bool> {
    if !text.trim_ascii_start().starts_with('{') {
        return Ok(false);
    }
    let mut failure = None;
    let members = Members { visit, failure: &mut failure };
    let read = serde_json::Deserializer::from_str(text).deserialize_map(members);
    match (failure, read) {
        (Some(error), _) => Err(error),
        (None, Ok(())) => Ok(true),
        // The server has checked its grammar.
        (None, Err(_)) => Err(Error::new(Kind::Internal, "a JSON value of the source cannot be read")),
    }
}

/// Objects are walked along, not gathered: one may have millions of members.
struct Members<'m, 'v, 't> {
    visit: &'m mut Visit<'v, 't>,
    failure: &'m mut Option<Error>,
}

impl<'t> Visitor<'t> for Members<'_, '_, 't> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object")
    }

    fn visit_map<A: MapAccess<'t>>(self, mut map: A) -> std::result::Result<(), A::Error> {
        while let Some((key, value)) = map.next_entry::<&'t RawValue, &'t RawValue>()? {
            let key = key.get();
            if let Err(error) = (self.visit)(&key[1..key.len() - 1], value.get()) {
                *self.failure = Some(error);
                return Err(serde::de::Error::custom("stopped"));
            }
        }
        Ok(())
    }
}

/// A value that may have had to be copied.
pub enum Value<'t> {
    As(Cell<'t>),
    Text(String),
    Json(String),
    List(Vec<Value<'t>>),
}

impl<'t> Value<'t> {
    pub const NULL: Value<'static> = Value::As(Cell::Null);

    /// A scalar as what it is, an array of scalars as a list, all else as JSON on one line.
    pub fn of(json: &'t str) -> Result<Value<'t>> {
        Ok(match json.as_bytes() {
            [b'"', ..] => match unescape(&json[1..json.len() - 1]) {
                Cow::Borrowed(text) => Value::As(Cell::text(text)),
                // No text of the server has a NUL.
                Cow::Owned(text) if text.contains('\0') => Value::Text(text.replace('\0', "\u{fffd}")),
                Cow::Owned(text) => Value::Text(text),
            },
            b"null" => Value::NULL,
            b"true" => Value::As(Cell::Bool(true)),
            b"false" => Value::As(Cell::Bool(false)),
            // The server's numerics have no exponent, which `json` keeps.
            [b'-' | b'0'..=b'9', ..] if !json.contains(['e', 'E']) => Value::As(Cell::Numeric(json)),
            _ => match scalars(json) {
                Some(items) => {
                    Value::List(items.into_iter().map(|item| Value::of(item.get())).collect::<Result<_>>()?)
                }
                None => Value::json(json)?,
            },
        })
    }

    /// A document on one line.
    pub fn json(json: &'t str) -> Result<Value<'t>> {
        if !json.contains(['\n', '\r']) {
            return Ok(Value::As(Cell::Json(json)));
        }
        let mut line = Vec::new();
        memory::reserve(&mut line, json.len())?;
        json_value::embed(json.as_bytes(), &mut line);
        let line = String::from_utf8(line);
        line.map(Value::Json).map_err(|_| Error::new(Kind::Internal, "a JSON value is not UTF-8"))
    }

    /// The elements as cells, of a list.
    pub fn items(&self) -> Option<Vec<Cell<'_>>> {
        let Value::List(items) = self else { return None };
        Some(items.iter().map(|item| item.cell(&mut std::iter::empty())).collect())
    }

    /// `lists`: what `items` gave, in the order of the values.
    pub fn cell<'c>(&'c self, lists: &mut dyn Iterator<Item = &'c [Cell<'c>]>) -> Cell<'c> {
        match self {
            Value::As(cell) => *cell,
            Value::Text(text) => Cell::text(text),
            Value::Json(json) => Cell::Json(json),
            Value::List(_) => Cell::List(lists.next().unwrap_or_default()),
        }
    }
}

/// The elements of an array that is written as a list; None: it is not.
pub fn scalars(json: &str) -> Option<Vec<&RawValue>> {
    if !json.starts_with('[') || json.len() > LONGEST_LIST {
        return None;
    }
    let items: Vec<&RawValue> = serde_json::from_str(json).ok()?;
    let nested = |item: &&RawValue| item.get().starts_with(['{', '[']);
    (!items.iter().any(nested)).then_some(items)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn members(text: &str) -> Option<Vec<(&str, &str)>> {
        let mut found = Vec::new();
        let object = each(text, &mut |key, value| {
            found.push((key, value));
            Ok(())
        });
        object.unwrap().then_some(found)
    }

    #[test]
    fn members_come_as_they_stand() {
        assert_eq!(members("{}"), Some(vec![]));
        let text = "{ \"a\\n\\ud800\" : [1, {\"b\": \"}\"}]\n, \"\":null,\"\": -1.50e3 }";
        let wanted = vec![("a\\n\\ud800", "[1, {\"b\": \"}\"}]"), ("", "null"), ("", "-1.50e3")];
        assert_eq!(members(text), Some(wanted));
        for text in ["[]", "null", "\"{}\"", "1", ""] {
            assert_eq!(members(text), None, "{text}");
        }
        // Deeper than a stack reaches.
        let deep = format!("{{\"a\": {}{}}}", "[".repeat(300_000), "]".repeat(300_000));
        assert_eq!(members(&deep).unwrap().len(), 1);
    }

    #[test]
    fn a_visitor_can_stop() {
        let stopped = each("{\"a\": 1, \"b\": 2}", &mut |key, _| {
            assert_eq!(key, "a");
            Err(memory::too_large())
        });
        assert_eq!(stopped, Err(memory::too_large()));
        assert_eq!(each("{\"a\": ", &mut |_, _| Ok(())).unwrap_err().kind, Kind::Internal);
    }

    #[test]
    fn values_are_what_they_are() {
        let cells = |json: &str, wanted: Cell<'_>| {
            let value = Value::of(json).unwrap();
            let items = value.items();
            let found = value.cell(&mut items.as_deref().into_iter());
            assert_eq!(found, wanted, "{json}");
        };
        cells("\"x\"", Cell::text("x"));
        cells(r#""a\n\"\u0000\u00e9""#, Cell::text("a\n\"\u{fffd}é"));
        cells("\"\"", Cell::text(""));
        cells("-1.50", Cell::Numeric("-1.50"));
        cells("1e5", Cell::Json("1e5"));
        cells("true", Cell::Bool(true));
        cells("null", Cell::Null);
        cells("[]", Cell::List(&[]));
        let items = [Cell::Numeric("1"), Cell::Null, Cell::text("a\tb"), Cell::Bool(false)];
        cells(r#"[1, null, "a\tb", false]"#, Cell::List(&items));
        cells("{\"a\":\n \"b\"}", Cell::Json("{\"a\":\"b\"}"));
        cells("[1, [2]]", Cell::Json("[1, [2]]"));
        let long = format!("[{}1]", "1,".repeat(LONGEST_LIST));
        cells(&long, Cell::Json(&long));
    }
}
