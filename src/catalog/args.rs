//! Arguments of registration: what has to be there, and what people read.

use crate::error::{Error, Result};

pub(super) fn elements(list: &Option<Vec<Option<String>>>, what: &str) -> Result<Vec<String>> {
    let certain = |element: &Option<String>| {
        element.clone().ok_or_else(|| Error::invalid(format!("{what} must not contain NULL")))
    };
    list.iter().flatten().map(certain).collect()
}

/// 22023 for a text to be shown that is blank, or that a terminal or a log would take for more than text.
pub(super) fn shown_text(text: Option<&str>, what: &str) -> Result<()> {
    match text {
        Some(text) if text.trim().is_empty() => Err(Error::invalid(format!("{what} must not be empty"))),
        Some(text) if text.contains(char::is_control) => {
            Err(Error::invalid(format!("{what} must not contain control characters")))
        }
        _ => Ok(()),
    }
}

pub(super) fn required<'a>(value: Option<&'a str>, name: &str) -> Result<&'a str> {
    value.filter(|value| !value.is_empty()).ok_or_else(|| null(name))
}

pub(super) fn null(name: &str) -> Error {
    Error::invalid(format!("{name} must not be null or empty"))
}
