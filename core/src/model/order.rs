//! The order of the rows, as option `order` says it.

use crate::error::{Error, Result};
use crate::value::{list, shown};
use serde_json::Value;

/// The order of the rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// By the dataset's key: the same data gives the same file.
    Key,
    /// As the source gives them.
    None,
    /// By these fields, none of them twice, and by the key where they are equal.
    By(Vec<SortKey>),
}

/// A field that rows are sorted by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SortKey {
    pub field: String,
    pub descending: bool,
    pub nulls_first: bool,
}

const HINT: &str = "Give \"key\", \"none\" or a list such as [\"name\", \"created_at desc nulls last\"].";

impl Order {
    /// `"key"`, `"none"`, or a list of `field [asc|desc] [nulls first|last]`, words in any case; a field whose name ends with such a
    /// word stands in double quotes. NULLs come last, in descending order first.
    ///
    /// Errors: 22023 for anything else, and for a field that is named twice.
    pub fn parse(value: &Value) -> Result<Order> {
        let wrong =
            || Error::invalid("option \"order\" must be \"key\", \"none\" or a list of fields").hint(HINT);
        let list = match value {
            Value::String(word) if word == "key" => return Ok(Order::Key),
            Value::String(word) if word == "none" => return Ok(Order::None),
            Value::Array(list) if !list.is_empty() => list,
            _ => return Err(wrong()),
        };
        let mut keys: Vec<SortKey> = Vec::with_capacity(list.len());
        for text in list {
            let key = SortKey::parse(text.as_str().ok_or_else(wrong)?)?;
            if keys.iter().any(|known| known.field == key.field) {
                return Err(Error::invalid(format!(
                    "field {} is named twice in option \"order\"",
                    shown(&key.field)
                ))
                .hint("Name each field once."));
            }
            keys.push(key);
        }
        Ok(Order::By(keys))
    }
}

impl SortKey {
    fn parse(text: &str) -> Result<SortKey> {
        let text = text.trim();
        let wrong = || {
            Error::invalid(format!(
                "{} in option \"order\" is not of the form field [asc|desc] [nulls first|last]",
                shown(text)
            ))
            .hint(HINT)
        };
        let (quoted, rest) = match list::unquoted(text) {
            Some((field, rest)) => (Some(field), format!("x{rest}")),
            None => (None, text.to_owned()),
        };
        let rest = rest.as_str();
        let (rest, nulls_first) = match without_nulls(rest) {
            Some((rest, first)) => (rest, Some(first)),
            None => (rest, None),
        };
        let (rest, descending) = match (without(rest, "desc"), without(rest, "asc")) {
            (Some(rest), _) => (rest, true),
            (None, Some(rest)) => (rest, false),
            (None, None) => (rest, false),
        };
        let field = match quoted {
            Some(field) if rest == "x" => field,
            Some(_) => return Err(wrong()),
            None => rest.to_owned(),
        };
        if field.is_empty() {
            return Err(wrong());
        }
        Ok(SortKey { field, descending, nulls_first: nulls_first.unwrap_or(descending) })
    }
}

/// The text before `nulls first` or `nulls last`; true for the first.
fn without_nulls(text: &str) -> Option<(&str, bool)> {
    let (rest, first) = match (without(text, "first"), without(text, "last")) {
        (Some(rest), _) => (rest, true),
        (None, rest) => (rest?, false),
    };
    Some((without(rest, "nulls")?, first))
}

/// The text before the last word, if that is this word and there is a text before it.
fn without<'t>(text: &'t str, word: &str) -> Option<&'t str> {
    let (rest, last) = text.rsplit_once(char::is_whitespace)?;
    let rest = rest.trim_end();
    (last.eq_ignore_ascii_case(word) && !rest.is_empty()).then_some(rest)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;
    use serde_json::json;

    fn by(list: Value) -> Vec<(String, bool, bool)> {
        match Order::parse(&list).unwrap() {
            Order::By(keys) => {
                keys.into_iter().map(|key| (key.field, key.descending, key.nulls_first)).collect()
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn fields_directions_and_nulls() {
        for (text, field, descending, nulls_first) in [
            ("name", "name", false, false),
            ("name asc", "name", false, false),
            ("name DESC", "name", true, true),
            (" name  desc  nulls  last ", "name", true, false),
            ("name nulls first", "name", false, true),
            ("name\tasc\nNulls First", "name", false, true),
            ("last name desc", "last name", true, true),
            ("desc", "desc", false, false),
            ("desc desc", "desc", true, true),
            ("nulls first", "nulls first", false, false),
            ("\"a desc\"", "a desc", false, false),
            ("\"a desc\" desc", "a desc", true, true),
            ("\"say \"\"hi\"\"\" nulls first", "say \"hi\"", false, true),
            ("a\"b desc", "a\"b", true, true),
        ] {
            assert_eq!(by(json!([text])), [(field.to_owned(), descending, nulls_first)], "{text}");
        }
        assert_eq!(by(json!(["b", "a desc"])).len(), 2);
    }

    #[test]
    fn anything_else_is_told() {
        for value in [
            json!([]),
            json!("name"),
            json!(["a", 1]),
            json!({"a": "asc"}),
            json!(null),
            json!([""]),
            json!([" "]),
            json!(["\"\""]),
            json!(["\"a\" up"]),
            json!(["a", "b", "a desc"]),
            json!(["\"a\"b"]),
        ] {
            let error = Order::parse(&value).unwrap_err();
            assert_eq!(error.kind.sqlstate(), "22023", "{value}");
            assert!(error.message.contains("\"order\"") && error.hint.is_some(), "{error:?}");
        }
    }
}
