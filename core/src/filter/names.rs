//! The meaning of a name in a filter: a field, a path into a JSON field, or one of the four stand-ins.

use super::ast::Operator;
use super::limits::within_path;
use crate::error::{Error, Result};
use crate::model::{Class, Dataset, Field};
use crate::value::shown;

/// A name that was found.
pub struct Named<'d> {
    pub field: &'d Field,
    /// Keys below a field of JSON or hstore.
    pub path: Vec<String>,
    /// For a stand-in the operator that its name means.
    pub implied: Option<Operator>,
}

/// Finds the field that a name stands for and refuses what must not be asked about.
///
/// Errors: 22023 for an unknown name, a path below a field that is no document, a stand-in without its column;
/// 42501 for a barred field or a secret key in a path.
pub fn resolve<'d>(
    name: &str,
    dataset: &'d Dataset,
    is_secret_key: &dyn Fn(&str) -> bool,
) -> Result<Named<'d>> {
    if let Some(field) = dataset.field(name) {
        return open(field).map(whole);
    }
    if let Some((column, what, implied)) = stand_in(name, dataset) {
        let field = column.as_deref().and_then(|column| dataset.field(column)).ok_or_else(|| {
            Error::invalid(format!(
                "{} in the filter stands for the {what} column, which dataset {} does not have",
                shown(name),
                shown(&dataset.name)
            ))
            .hint(format!(
                "Register the dataset with {what}_column, or filter on a field: {}.",
                dataset.open_fields()
            ))
        })?;
        return Ok(Named { field: open(field)?, path: Vec::new(), implied: Some(implied) });
    }
    let Some((field, rest)) = longest_prefix(name, dataset) else { return known(dataset, name).map(whole) };
    let field = open(field)?;
    if !matches!(field.ty.class, Class::Json | Class::Jsonb | Class::Hstore) {
        return Err(Error::invalid(format!(
            "field {} of type {} has no path {} in the filter",
            shown(&field.name),
            field.ty.name,
            shown(rest)
        ))
        .hint("Only fields of type json, jsonb and hstore have paths."));
    }
    Ok(Named { field, path: keys(rest, name, is_secret_key)?, implied: None })
}

fn whole(field: &Field) -> Named<'_> {
    Named { field, path: Vec::new(), implied: None }
}

/// The field of exactly this name: 22023 where there is none, 42501 for a barred one.
pub fn known<'d>(dataset: &'d Dataset, name: &str) -> Result<&'d Field> {
    let field = dataset.field(name).ok_or_else(|| {
        Error::invalid(format!("unknown field {} in the filter", shown(name)))
            .hint(format!("Fields that can be filtered on: {}.", dataset.open_fields()))
    })?;
    open(field)
}

/// The keys of a path, `name` being how it was typed as a whole.
///
/// Errors: 22023 for an empty key, 42501 for a secret one, 54000 for too many.
pub fn keys(path: &str, name: &str, is_secret_key: &dyn Fn(&str) -> bool) -> Result<Vec<String>> {
    // Counted before they are copied: a path of a megabyte of dots has a million.
    within_path(path.split('.').count())?;
    let keys: Vec<String> = path.split('.').map(str::to_owned).collect();
    for key in &keys {
        if key.is_empty() || key.contains('\0') {
            return Err(Error::invalid(format!(
                "path {} in the filter has an empty or invalid key",
                shown(name)
            ))
            .hint("Write a path as field.key.key, without empty keys."));
        }
        if is_secret_key(key) {
            return Err(Error::denied(format!(
                "key {} of path {} is never exported",
                shown(key),
                shown(name)
            ))
            .hint("Secret keys of JSON values cannot be filtered on; remove the condition."));
        }
    }
    Ok(keys)
}

fn open(field: &Field) -> Result<&Field> {
    match &field.barred {
        None => Ok(field),
        Some(reason) => {
            Err(Error::denied(format!("field {} cannot be filtered on: {reason}", shown(&field.name)))
                .hint("Fields that are never exported cannot be filtered on; remove the condition."))
        }
    }
}

/// The dataset's own columns under the names of the seeds.
fn stand_in<'d>(name: &str, dataset: &'d Dataset) -> Option<(&'d Option<String>, &'static str, Operator)> {
    match name {
        "created_after" => Some((&dataset.created_column, "created", Operator::Ge)),
        "created_before" => Some((&dataset.created_column, "created", Operator::Lt)),
        "updated_after" => Some((&dataset.updated_column, "updated", Operator::Ge)),
        "updated_before" => Some((&dataset.updated_column, "updated", Operator::Lt)),
        _ => None,
    }
}

/// Splits at the last dot before which a field is named: a column name may hold dots itself. Fields are not
/// looked up once per dot: a name of a megabyte of dots would take as many copies of the list.
pub fn longest_prefix<'d, 'n>(name: &'n str, dataset: &'d Dataset) -> Option<(&'d Field, &'n str)> {
    dataset
        .fields
        .iter()
        .filter_map(|field| {
            let rest = name.strip_prefix(field.name.as_str())?.strip_prefix('.')?;
            Some((field, rest))
        })
        .max_by_key(|(field, _)| field.name.len())
}
