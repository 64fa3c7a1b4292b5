//! Names and texts as SQL.

/// An identifier as SQL: always quoted, so that no name is ever a key word or folded.
pub fn quote_ident(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text as a constant of SQL, for statements that a hint proposes.
pub fn quote_literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
