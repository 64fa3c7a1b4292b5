//! The setting of a field of JSON objects: csv and xlsx have a column for each key, or for the listed keys.

use super::args::{required, shown_text};
use super::field::is_free;
use super::owner::owner_of_dataset;
use super::register::may_write;
use super::{field, load};
use crate::audit;
use crate::error::{Error, Result};
use crate::model::label::Labels;
use crate::model::{json_path, Dataset};
use crate::pg::{identity, sql};
use serde_json::json;
use std::collections::HashSet;

const SAVE: &str = "
UPDATE acct_export.field f SET expand = e.expand, keys = e.keys, labels = e.labels
  FROM jsonb_to_record($3::jsonb) AS e(expand boolean, keys text[], labels text[])
 WHERE f.dataset = $1 AND f.field = $2";

/// Arguments of `acct_export_expand` beside the field.
pub struct Wish {
    pub keys: Option<Vec<Option<String>>>,
    pub labels: Option<Vec<Option<String>>>,
    pub expand: Option<bool>,
}

/// States the whole of it. 22023 for an unknown dataset or field, one that holds no objects, a path that is none; 42501 for a
/// caller who does not own the source, a field that never leaves, a key of a secret.
pub fn set(dataset: Option<&str>, name: Option<&str>, wish: &Wish) -> Result<()> {
    let dataset = required(dataset, "dataset")?;
    let name = required(name, "field")?;
    let loaded = load::load(dataset)?;
    owner_of_dataset(dataset)?;
    let known = field::find(&loaded.dataset, name)?;
    let expand = wish.expand.unwrap_or(true);
    if !expand && (wish.keys.is_some() || wish.labels.is_some()) {
        return Err(Error::invalid("keys and labels cannot be used with expand => false")
            .hint("Leave them out, or leave expand out."));
    }
    if let (true, Some(reason)) = (expand, &known.barred) {
        return Err(Error::denied(format!("field \"{name}\" can never be exported: {reason}")));
    }
    if expand && !known.ty.is_document() {
        return Err(Error::invalid(format!(
            "field \"{name}\" is of type {}, not json, jsonb or hstore",
            known.ty.name
        ))
        .hint("Only fields that contain objects can be expanded."));
    }
    let keys = wish.keys.as_deref().map(|keys| checked(keys, &|key| loaded.names.is_secret(key)));
    let keys = keys.transpose()?;
    labels(wish.labels.as_deref(), keys.as_ref().map(Vec::len))?;
    distinct(&loaded.dataset, name, wish.labels.as_deref())?;
    may_write()?;
    let document = json!({ "expand": expand, "keys": keys, "labels": wish.labels });
    identity::as_owner(|| sql::run(SAVE, &[dataset.into(), name.into(), (&document.to_string()).into()]))?;
    audit::catalog_change(audit::EXPANSION_SET, dataset, json!({ "field": name, "change": document }))
}

fn checked(keys: &[Option<String>], is_secret: &dyn Fn(&str) -> bool) -> Result<Vec<String>> {
    if keys.is_empty() || keys.len() > json_path::MOST {
        return Err(Error::invalid(format!("keys must have 1 to {} elements", json_path::MOST))
            .hint("Leave keys out to use the keys that the rows of an export have."));
    }
    let (mut paths, mut seen) = (Vec::with_capacity(keys.len()), HashSet::new());
    for path in keys {
        let path = path.as_deref().ok_or_else(|| Error::invalid("keys must not contain NULL"))?;
        json_path::no_secret(path, &json_path::keys(path)?, is_secret)?;
        if !seen.insert(path) {
            return Err(Error::invalid(format!("path \"{path}\" is named twice in keys"))
                .hint("Name each path once."));
        }
        paths.push(path.to_owned());
    }
    Ok(paths)
}

fn labels(labels: Option<&[Option<String>]>, keys: Option<usize>) -> Result<()> {
    let Some(labels) = labels else { return Ok(()) };
    if keys != Some(labels.len()) {
        return Err(Error::invalid("labels and keys must have the same number of elements")
            .hint("A null element of labels means that the key is the label."));
    }
    labels.iter().flatten().try_for_each(|label| shown_text(Some(label), "label"))
}

/// 22023 for a label that is given twice or that another field has.
fn distinct(dataset: &Dataset, name: &str, labels: Option<&[Option<String>]>) -> Result<()> {
    let mut seen = Labels::default();
    for label in labels.into_iter().flatten().flatten() {
        if seen.has(label) {
            return Err(Error::invalid(format!("label \"{label}\" is given twice in labels"))
                .hint("Labels are compared without regard to case. Give each key a label of its own."));
        }
        seen.take(label);
        is_free(dataset, name, label)?;
    }
    Ok(())
}
