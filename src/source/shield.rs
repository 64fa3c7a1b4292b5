//! What is done to values between reading and encoding, in one place for all formats: masks, anonymisation, and the
//! removal of secret keys from JSON values.

use super::scrub::Scrubber;
use crate::catalog::model::Treatment;
use crate::encode::{Cell, Column, Kind};
use crate::error::{Error, Kind as ErrorKind, Result};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::borrow::Cow;

/// What stands in the place of a redacted value (seed 003).
pub(super) const REDACTED: &str = "[redacted]";

/// One column's rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    Pass,
    Redact,
    Last4,
    Pseudonymise,
    /// JSON, or a list that may hold JSON: secret keys are dropped.
    Scrub,
}

/// The rules of all columns.
pub struct Shield {
    rules: Vec<Rule>,
    key: Option<[u8; 32]>,
    /// Texts made for the current row.
    made: Vec<Option<String>>,
    idle: bool,
    scrubber: Scrubber,
}

impl Shield {
    /// `key`: the tenant's secret for pseudonyms.
    pub fn new(treatments: &[Treatment], columns: &[Column], key: Option<[u8; 32]>) -> Shield {
        let rules: Vec<Rule> = treatments
            .iter()
            .zip(columns)
            .map(|(treatment, column)| match treatment {
                Treatment::Keep if matches!(column.kind, Kind::Json | Kind::List) => Rule::Scrub,
                Treatment::Keep => Rule::Pass,
                Treatment::Last4 => Rule::Last4,
                Treatment::Pseudonymise => Rule::Pseudonymise,
                // A dropped field is not in the plan; if it were, nothing of it would show.
                Treatment::Redact | Treatment::Drop => Rule::Redact,
            })
            .collect();
        let idle = rules.iter().all(|rule| *rule == Rule::Pass);
        Shield { made: vec![None; rules.len()], rules, key, idle, scrubber: Scrubber::default() }
    }

    /// Hands the row on as it may leave.
    pub fn apply(
        &mut self,
        cells: &[Cell<'_>],
        next: &mut dyn FnMut(&[Cell<'_>]) -> Result<()>,
    ) -> Result<()> {
        if self.idle {
            return next(cells);
        }
        for ((cell, rule), made) in cells.iter().zip(&self.rules).zip(&mut self.made) {
            *made = match rule {
                Rule::Pass | Rule::Redact => None,
                _ if *cell == Cell::Null => None,
                Rule::Last4 => Some(last4(&text(cell)?)),
                Rule::Pseudonymise => Some(pseudonym(self.key.as_ref(), &text(cell)?)?),
                Rule::Scrub => scrubbed(cell, &mut self.scrubber)?,
            };
        }
        let mut shielded = Vec::with_capacity(cells.len());
        for ((cell, rule), made) in cells.iter().zip(&self.rules).zip(&self.made) {
            shielded.push(match (rule, made) {
                (_, _) if *cell == Cell::Null => Cell::Null,
                (Rule::Pass, _) => *cell,
                (Rule::Redact, _) => Cell::Text(REDACTED),
                (Rule::Scrub, None) => *cell,
                (Rule::Scrub, Some(text)) => Cell::Json(text),
                (Rule::Last4 | Rule::Pseudonymise, Some(text)) => Cell::Text(text),
                (Rule::Last4 | Rule::Pseudonymise, None) => Cell::Text(REDACTED),
            });
        }
        next(&shielded)
    }
}

/// The last four characters, as far as they are not the whole; the rest as `*`.
fn last4(text: &str) -> String {
    let count = text.chars().count();
    let shown = if count > 4 { 4 } else { 0 };
    text.chars().enumerate().map(|(place, letter)| if place + shown < count { '*' } else { letter }).collect()
}

/// HMAC-SHA-256 with the tenant's key, the first 128 bits in hex: the same value gives the same pseudonym within a
/// tenant, and none elsewhere.
fn pseudonym(key: Option<&[u8; 32]>, text: &str) -> Result<String> {
    let internal = || Error::new(ErrorKind::Internal, "no key for pseudonyms");
    let mut mac = Hmac::<Sha256>::new_from_slice(key.ok_or_else(internal)?).map_err(|_| internal())?;
    mac.update(text.as_bytes());
    Ok(mac.finalize().into_bytes().iter().take(16).map(|byte| format!("{byte:02x}")).collect())
}

/// A cell as the text that is masked.
fn text<'c>(cell: &Cell<'c>) -> Result<Cow<'c, str>> {
    Ok(match cell {
        Cell::Text(text) | Cell::Numeric(text) | Cell::Json(text) => Cow::Borrowed(text),
        other => Cow::Owned(crate::encode::plain_text(other)?),
    })
}

/// JSON without its secret keys; None: there is none, the cell stays. A list of JSON values becomes one JSON array.
fn scrubbed(cell: &Cell<'_>, scrubber: &mut Scrubber) -> Result<Option<String>> {
    match cell {
        Cell::Json(json) => Ok(scrubber.scrub(json)),
        Cell::List(cells) if cells.iter().any(|cell| matches!(cell, Cell::Json(_))) => {
            let mut any = false;
            let mut array = String::from("[");
            for (index, cell) in cells.iter().enumerate() {
                if index > 0 {
                    array.push(',');
                }
                match cell {
                    Cell::Json(json) => match scrubber.scrub(json) {
                        Some(clean) => {
                            any = true;
                            array.push_str(&clean);
                        }
                        None => array.push_str(json),
                    },
                    _ => array.push_str("null"),
                }
            }
            array.push(']');
            Ok(any.then_some(array))
        }
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(kind: Kind) -> Column {
        Column { name: "c".into(), label: "c".into(), kind, identifier: false, json_path: None }
    }

    fn one(treatment: Treatment, kind: Kind, cell: Cell<'_>) -> String {
        let mut shield = Shield::new(&[treatment], &[column(kind)], Some([7; 32]));
        let mut seen = String::new();
        shield
            .apply(&[cell], &mut |cells| {
                seen = format!("{:?}", cells[0]);
                Ok(())
            })
            .unwrap();
        seen
    }

    #[test]
    fn masks() {
        assert_eq!(
            one(Treatment::Redact, Kind::Text, Cell::Text("anna@example.com")),
            r#"Text("[redacted]")"#
        );
        assert_eq!(one(Treatment::Redact, Kind::Text, Cell::Null), "Null");
        assert_eq!(one(Treatment::Last4, Kind::Text, Cell::Text("+33612345678")), r#"Text("********5678")"#);
        assert_eq!(one(Treatment::Last4, Kind::Text, Cell::Text("1234")), r#"Text("****")"#);
        assert_eq!(one(Treatment::Keep, Kind::Text, Cell::Text("x")), r#"Text("x")"#);
    }

    #[test]
    fn a_pseudonym_is_stable_and_tells_nothing() {
        let first = one(Treatment::Pseudonymise, Kind::Text, Cell::Text("anna"));
        assert_eq!(first, one(Treatment::Pseudonymise, Kind::Text, Cell::Text("anna")));
        assert_ne!(first, one(Treatment::Pseudonymise, Kind::Text, Cell::Text("berta")));
        assert!(!first.contains("anna"));
    }

    #[test]
    fn without_a_key_there_is_no_pseudonym() {
        let mut shield = Shield::new(&[Treatment::Pseudonymise], &[column(Kind::Text)], None);
        assert!(shield.apply(&[Cell::Text("anna")], &mut |_| Ok(())).is_err());
    }

    #[test]
    fn secret_keys_of_json_are_dropped_at_every_depth() {
        let json = r#"{"a":1.50,"password":"x","b":[{"apiToken":"y","c":{"refresh_token":"z","d":2}}]}"#;
        assert_eq!(
            one(Treatment::Keep, Kind::Json, Cell::Json(json)),
            r#"Json("{\"a\":1.50,\"b\":[{\"c\":{\"d\":2}}]}")"#
        );
        let escaped = "{\"pass\\u0077ord\":\"x\"}";
        assert_eq!(one(Treatment::Keep, Kind::Json, Cell::Json(escaped)), r#"Json("{}")"#);
        let list = [Cell::Json(r#"{"token":1,"e":2}"#), Cell::Null];
        assert_eq!(one(Treatment::Keep, Kind::List, Cell::List(&list)), r#"Json("[{\"e\":2},null]")"#);
    }

    #[test]
    fn json_that_cannot_be_searched_does_not_leave() {
        let deep = format!("{}{}{}", "[".repeat(200), r#"{"token":1}"#, "]".repeat(200));
        assert_eq!(one(Treatment::Keep, Kind::Json, Cell::Json(&deep)), r#"Json("\"[redacted]\"")"#);
    }
}
