//! The keys of a field's documents that become columns of a file.

use crate::error::Result;
use crate::model::json_path::{LONGEST, MOST};
use crate::value::escape::unescape;
use crate::value::{members, Cell};
use std::collections::BTreeSet;

/// The keys of one field that become columns: the first of its keys, sorted, so that the order of the rows is no matter. Whoever
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
