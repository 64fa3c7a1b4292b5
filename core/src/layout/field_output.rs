//! The way each field is written, by the request and the registration: as it is, or as keys of its objects.

use crate::error::{Error, Result};
use crate::model::json_path;
use crate::model::{Expansion, Field};
use crate::request::selection::Selected;
use crate::value::{Column, Kind};

/// The output of a column that is read.
pub struct FieldOutput {
    /// Its place among those that are read.
    pub column: usize,
    pub written: Written,
}

pub enum Written {
    Whole,
    /// A path that the requester named, in all formats.
    Named(JsonPath),
    /// In csv and xlsx the paths that the DBA declared.
    Declared(Vec<JsonPath>),
    /// In csv and xlsx the keys that the rows have.
    Found,
}

pub struct JsonPath {
    pub path: Vec<String>,
    pub label: Option<String>,
}

impl FieldOutput {
    /// A declared key that has become the name of a secret goes into `left_out`.
    ///
    /// Errors: 42501 for a path of a secret, and where nothing else was declared.
    pub fn of(
        (column, read): (usize, &Column),
        field: &Field,
        selected: &Selected,
        is_secret: &dyn Fn(&str) -> bool,
        left_out: &mut Vec<(String, String)>,
    ) -> Result<FieldOutput> {
        let declared = match &field.expansion {
            Some(Expansion::Declared(keys)) => keys.as_slice(),
            _ => &[],
        };
        let written = match (selected.part.as_deref(), &field.expansion) {
            (Some(named), _) => {
                let path = json_path::keys(named)?;
                json_path::no_secret(&format!("{}.{named}", field.name), &path, is_secret)?;
                let known = declared.iter().find(|key| key.path == named);
                let label = selected.label.clone().or_else(|| known?.label.clone());
                Written::Named(JsonPath { path, label })
            }
            // A field that is redacted as a whole is one column.
            (None, Some(expansion)) if read.kind == Kind::Json => match expansion {
                Expansion::Found => Written::Found,
                Expansion::Declared(_) => {
                    let mut parts = Vec::new();
                    for key in declared {
                        let path = json_path::keys(&key.path)?;
                        match json_path::no_secret(&key.path, &path, is_secret) {
                            Ok(()) => parts.push(JsonPath { path, label: key.label.clone() }),
                            Err(error) => {
                                left_out.push((format!("{}.{}", field.name, key.path), error.message));
                            }
                        }
                    }
                    if parts.is_empty() {
                        return Err(Error::denied(format!(
                            "all declared keys of field \"{}\" are names of secrets",
                            field.name
                        ))
                        .hint("Declare other keys with acct_export_expand, or leave the field out."));
                    }
                    Written::Declared(parts)
                }
            },
            (None, _) => Written::Whole,
        };
        Ok(FieldOutput { column, written })
    }
}
