//! The four formats by name.

use crate::error::{Error, Result};

/// A format of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    Xlsx,
    Csv,
    Ndjson,
    Json,
}

impl Format {
    /// All of them, in the order of the documentation.
    pub const ALL: [Format; 4] = [Format::Xlsx, Format::Csv, Format::Ndjson, Format::Json];

    /// Reads a format's name as it is documented: lower case, nothing around it; otherwise 22023.
    pub fn parse(name: &str) -> Result<Format> {
        Format::ALL.into_iter().find(|format| format.as_str() == name).ok_or_else(|| {
            let known = Format::ALL.map(Format::as_str).join(", ");
            Error::invalid(format!("unknown export format \"{name}\""))
                .hint(format!("Known formats: {known}."))
        })
    }

    /// The documented name.
    pub fn as_str(self) -> &'static str {
        match self {
            Format::Xlsx => "xlsx",
            Format::Csv => "csv",
            Format::Ndjson => "ndjson",
            Format::Json => "json",
        }
    }

    /// For `Content-Type`. csv is the registered one of RFC 7111; ndjson has none registered and goes by the
    /// name that its specification gives.
    pub fn media_type(self) -> &'static str {
        match self {
            Format::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            Format::Csv => "text/csv; charset=utf-8",
            Format::Ndjson => "application/x-ndjson",
            Format::Json => "application/json",
        }
    }

    /// File name extension without the dot.
    pub fn extension(self) -> &'static str {
        self.as_str()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for format in Format::ALL {
            assert_eq!(Format::parse(format.as_str()), Ok(format));
        }
    }

    #[test]
    fn an_unknown_name_lists_the_known_ones() {
        for name in ["parquet", "", "CSV", " csv"] {
            let error = Format::parse(name).unwrap_err();
            assert_eq!(error.kind.sqlstate(), "22023");
            assert!(error.message.contains(name));
            assert_eq!(error.hint.as_deref(), Some("Known formats: xlsx, csv, ndjson, json."));
        }
    }
}
