//! `acct_export_set_companion`: a dataset that rides along, and the field by which its rows belong to those of the main one.

use super::args::required;
use super::owner::owner_of_dataset;
use super::register::may_write;
use super::{load, registration, rights};
use crate::audit;
use crate::error::{Error, Result};
use crate::filter;
use crate::pg::{identity, sql};
use crate::value::key_text;
use serde_json::json;

const ADD: &str = "
UPDATE acct_export.dataset SET companions = array_append(companions, $2) WHERE dataset = $1 AND $2 <> ALL (companions)";

const FORGET: &str = "DELETE FROM acct_export.companion WHERE dataset = $1 AND companion = $2";

const MATCH: &str = "INSERT INTO acct_export.companion (dataset, companion, match) VALUES ($1, $2, $3)";

/// Adds a companion, or states anew by which field it matches; NULL: by none.
///
/// Errors: 22023 for an unknown dataset or field and for a field that is of another type than the key; 42501 for a caller who does
/// not own the source of the dataset, or may not know of the companion, and for a field that is barred or masked.
pub fn set(dataset: Option<&str>, companion: Option<&str>, matched: Option<&str>) -> Result<()> {
    let dataset = required(dataset, "dataset")?;
    let companion = required(companion, "companion")?;
    if !owner_of_dataset(dataset)? {
        return Err(load::unknown(dataset)?);
    }
    exists(dataset, companion)?;
    let mut fields = None;
    if let Some(matched) = matched {
        // Before anything is said of its fields.
        if owner_of_dataset(companion).is_err() && !rights::caller_may_know(companion)? {
            return Err(Error::denied(format!("permission denied for dataset \"{companion}\"")).hint(
                "Only roles that may export the companion, and the owner of its source, can set its match.",
            ));
        }
        let other = load::load(companion)?.dataset;
        // A field may be called like an array.
        let named = match other.field(matched) {
            Some(field) => vec![field.name.clone()],
            None => key_text::names(matched),
        };
        can_match(&load::load(dataset)?.dataset, &other, &named)?;
        fields = Some(named);
    }
    may_write()?;
    registration::hold(dataset)?;
    identity::as_owner(|| {
        sql::run(ADD, &[dataset.into(), companion.into()])?;
        sql::run(FORGET, &[dataset.into(), companion.into()])?;
        match &fields {
            None => Ok(0),
            Some(fields) => {
                sql::run(MATCH, &[dataset.into(), companion.into(), (&key_text::of_names(fields)).into()])
            }
        }
    })?;
    let detail = json!({ "companion": companion, "match": matched });
    audit::catalog_change(audit::COMPANION_SET, dataset, detail)
}

/// Checks that a companion is registered and is another dataset (22023).
pub(super) fn exists(dataset: &str, companion: &str) -> Result<()> {
    if dataset == companion {
        return Err(Error::invalid(format!("dataset \"{companion}\" cannot be a companion of itself"))
            .hint("A companion is another dataset, which is exported as a further file."));
    }
    if !rights::check_known(companion).unwrap_or(false) {
        return Err(Error::invalid(format!("companion \"{companion}\" is not a registered dataset"))
            .hint("Register the companions first."));
    }
    Ok(())
}

/// Checks that rows of a companion can be found by the keys of a dataset in some of its fields.
pub fn can_match(
    dataset: &crate::model::Dataset,
    companion: &crate::model::Dataset,
    fields: &[String],
) -> Result<()> {
    const HINT: &str = "Give in match the field of the companion that contains the key of the dataset, or, for a key of several columns, all of the fields in the order of the key.";
    if fields.len() != dataset.key.len() {
        return Err(Error::invalid(format!(
            "match has {} of dataset \"{}\" for the {} of the key of dataset \"{}\"",
            counted(fields.len()),
            companion.name,
            counted(dataset.key.len()),
            dataset.name
        ))
        .hint(HINT));
    }
    for (field, key) in fields.iter().zip(&dataset.key) {
        let field = filter::comparable(companion, field)?;
        // The set of accounts reveals their keys.
        let key = filter::comparable(dataset, key)?;
        if field.ty.base != key.ty.base {
            return Err(Error::invalid(format!(
                "field \"{}\" of dataset \"{}\" is of type {} and cannot match the key of dataset \"{}\", which is of type {}",
                field.name, companion.name, field.ty.name, dataset.name, key.ty.name
            ))
            .hint(HINT));
        }
    }
    Ok(())
}

fn counted(fields: usize) -> String {
    format!("{fields} field{}", if fields == 1 { "" } else { "s" })
}
