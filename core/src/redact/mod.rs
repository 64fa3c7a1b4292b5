//! Secrets and personal values out of cells: masks, anonymisation, and the search of JSON and texts.

mod embedded;
mod fragments;
mod json_scanner;
mod mask;
mod open_json;
pub mod redactor;
pub mod scrub;

/// The text that replaces a redacted value.
pub const REDACTED: &str = "[redacted]";
