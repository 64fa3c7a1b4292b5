//! What the request and the registration say of each field: whether it is written as it is, or keys of its objects are.

use crate::catalog::model::{Expansion, Field};
use crate::encode::{Column, Kind};
use crate::error::{Error, Result};
use crate::request::part;
use crate::request::selection::Selected;

/// What is written of a column that is read.
pub struct Take {
    /// Its place among those that are read.
    pub column: usize,
    pub written: Written,
}

pub enum Written {
    Whole,
    /// A path that the requester named, in all formats.
    Named(Part),
    /// In csv and xlsx the paths that the DBA declared.
    Declared(Vec<Part>),
    /// In csv and xlsx the keys that the rows have.
    Found,
}

pub struct Part {
    pub path: Vec<String>,
    pub label: Option<String>,
}

impl Take {
    /// What was declared and is the name of a secret by now goes into `left_out`.
    ///
    /// Errors: 42501 for a path of a secret, and where nothing else was declared.
    pub fn of(
        (column, read): (usize, &Column),
        field: &Field,
        selected: &Selected,
        is_secret: &dyn Fn(&str) -> bool,
        left_out: &mut Vec<(String, String)>,
    ) -> Result<Take> {
        let declared = match &field.expansion {
            Some(Expansion::Declared(keys)) => keys.as_slice(),
            _ => &[],
        };
        let written = match (selected.part.as_deref(), &field.expansion) {
            (Some(named), _) => {
                let path = part::keys(named)?;
                part::no_secret(&format!("{}.{named}", field.name), &path, is_secret)?;
                let known = declared.iter().find(|key| key.path == named);
                Written::Named(Part { path, label: known.and_then(|key| key.label.clone()) })
            }
            // What is redacted as a whole is one column.
            (None, Some(expansion)) if read.kind == Kind::Json => match expansion {
                Expansion::Found => Written::Found,
                Expansion::Declared(_) => {
                    let mut parts = Vec::new();
                    for key in declared {
                        let path = part::keys(&key.path)?;
                        match part::no_secret(&key.path, &path, is_secret) {
                            Ok(()) => parts.push(Part { path, label: key.label.clone() }),
                            Err(error) => {
                                left_out.push((format!("{}.{}", field.name, key.path), error.message));
                            }
                        }
                    }
                    if parts.is_empty() {
                        return Err(Error::denied(format!(
                            "every key of field \"{}\" that was declared is the name of a secret",
                            field.name
                        ))
                        .hint("Declare others with acct_export_expand, or leave the field out."));
                    }
                    Written::Declared(parts)
                }
            },
            (None, _) => Written::Whole,
        };
        Ok(Take { column, written })
    }
}
