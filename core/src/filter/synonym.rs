//! Operators as admin consoles name them (Zephr's attribute filters), by those of SCIM.
//!
//! A form of a console knows "does not contain" and a checkbox; the document knows `not`, `co` and `eq true`. Both spellings
//! mean the same condition, and stand beside each other in one document.

use super::ast::Operator;
use Operator::{Co, Eq, Ew, Ge, Le, Ne, Pr, Sw};

/// The meaning of a synonym.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    Same(Operator),
    /// The complement: it holds for NULL as well.
    Not(Operator),
    /// The operator with this operand; true or false beside the synonym says whether that, or its complement.
    Flag(Operator, bool),
}

/// All of them, in the order of a hint. `from` and `to` are the ends of a range, both included.
const SYNONYMS: [(&str, Meaning); 12] = [
    ("is", Meaning::Same(Eq)),
    ("is_not", Meaning::Same(Ne)),
    ("contains", Meaning::Same(Co)),
    ("does_not_contain", Meaning::Not(Co)),
    ("starts_with", Meaning::Same(Sw)),
    ("ends_with", Meaning::Same(Ew)),
    ("has_any_value", Meaning::Flag(Pr, true)),
    ("is_unknown", Meaning::Flag(Pr, false)),
    ("checked", Meaning::Flag(Eq, true)),
    ("unchecked", Meaning::Flag(Eq, false)),
    ("from", Meaning::Same(Ge)),
    ("to", Meaning::Same(Le)),
];

/// The word as this program keeps it, and what it means; operators of SCIM mean themselves.
pub fn meaning(word: &str) -> Option<(&'static str, Meaning)> {
    match Operator::parse(word) {
        Some(operator) => Some((operator.name(), Meaning::Same(operator))),
        None => SYNONYMS.into_iter().find(|(name, _)| *name == word),
    }
}

/// The names, for a hint.
pub fn names() -> impl Iterator<Item = &'static str> {
    SYNONYMS.into_iter().map(|(name, _)| name)
}
