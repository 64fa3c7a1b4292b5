//! Fields whose values are those of another dataset: what a DBA says of them, kept beside the fields.

use super::args::required;
use super::load;
use super::owner::owner_of_dataset;
use super::register::may_write;
use crate::audit;
use crate::error::{Error, Result};
use crate::model::Target;
use crate::model::{Class, Field, Treatment, Type};
use crate::pg::{identity, sql};
use serde::Deserialize;
use serde_json::json;

/// A field and where its values come from.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Reference {
    pub field: String,
    pub target: Target,
    /// Of the other dataset.
    pub title: String,
}

const OF_DATASET: &str = "
SELECT jsonb_build_object('field', r.field, 'target', jsonb_build_object('dataset', r.ref_dataset, 'field', r.ref_field),
                          'title', d.title)
  FROM acct_export.reference r JOIN acct_export.dataset d ON d.dataset = r.ref_dataset
 WHERE r.dataset = $1 ORDER BY r.field";

const SAVE: &str = "
INSERT INTO acct_export.reference (dataset, field, ref_dataset, ref_field) VALUES ($1, $2, $3, $4)
    ON CONFLICT (dataset, field) DO UPDATE SET ref_dataset = excluded.ref_dataset, ref_field = excluded.ref_field";

/// The references of a dataset's fields.
pub fn of(dataset: &str) -> Result<Vec<Reference>> {
    identity::as_owner(|| sql::documents(OF_DATASET, &[dataset.into()]))
}

/// `acct_export_set_reference`. 22023 for an unknown dataset or field and for types that hold no names, 42501 for a caller who
/// does not own both sources and for a field that never leaves or is masked.
pub fn set(
    dataset: Option<&str>,
    field: Option<&str>,
    ref_dataset: Option<&str>,
    ref_field: Option<&str>,
) -> Result<()> {
    let dataset = required(dataset, "dataset")?;
    let field = required(field, "field")?;
    let loaded = load::load(dataset)?;
    owner_of_dataset(dataset)?;
    let from = find(&loaded.dataset.fields, dataset, field)?;
    let Some(ref_dataset) = ref_dataset else {
        if ref_field.is_some() {
            return Err(Error::invalid("ref_field needs ref_dataset")
                .hint("Leave out both to withdraw the reference."));
        }
        may_write()?;
        let withdraw = "DELETE FROM acct_export.reference WHERE dataset = $1 AND field = $2";
        identity::as_owner(|| sql::run(withdraw, &[dataset.into(), field.into()]))?;
        let detail = json!({ "field": field, "withdrawn": true });
        return audit::catalog_change(audit::REFERENCE_SET, dataset, detail);
    };
    let ref_dataset = required(Some(ref_dataset), "ref_dataset")?;
    // Before anything is said of its fields.
    owner_of_dataset(ref_dataset)?;
    let other = load::load(ref_dataset)?.dataset;
    let key = match other.key.as_slice() {
        [key] => Some(key.as_str()),
        _ => None,
    };
    let to = ref_field.or(key).ok_or_else(|| {
        Error::invalid(format!("dataset \"{ref_dataset}\" has a key of several columns"))
            .hint("Name the referenced field: ref_field => '…'.")
    })?;
    let to = find(&other.fields, ref_dataset, to)?;
    let element = from.ty.element.as_deref().unwrap_or(&from.ty);
    for (field, ty) in [(from, element), (to, &to.ty)] {
        holds_names(field, ty)?;
    }
    if let Some(reason) = barred(to) {
        return Err(Error::denied(format!("field \"{}\" cannot be referenced: {reason}", to.name)));
    }
    may_write()?;
    let arguments = [dataset.into(), field.into(), ref_dataset.into(), (&to.name).into()];
    identity::as_owner(|| sql::run(SAVE, &arguments))?;
    let detail = json!({ "field": field, "ref_dataset": ref_dataset, "ref_field": to.name });
    audit::catalog_change(audit::REFERENCE_SET, dataset, detail)
}

/// The reason why values of a field are not to be listed; None: they may be.
pub fn barred(field: &Field) -> Option<&str> {
    match &field.barred {
        Some(reason) => Some(reason),
        None if field.mask != Treatment::Keep => Some("its values are masked"),
        None if field.json_text => Some("it is text converted from JSON, which may contain a secret"),
        None if field.ty.oid == 0 => Some("its column is gone"),
        None => None,
    }
}

fn find<'a>(fields: &'a [Field], dataset: &str, name: &str) -> Result<&'a Field> {
    fields.iter().find(|field| field.name == name).ok_or_else(|| {
        let known = fields.iter().filter(|field| field.barred.is_none());
        let names: Vec<&str> = known.map(|field| field.name.as_str()).collect();
        Error::invalid(format!("unknown field \"{name}\" of dataset \"{dataset}\""))
            .hint(format!("Known fields: {}.", names.join(", ")))
    })
}

fn holds_names(field: &Field, ty: &Type) -> Result<()> {
    if matches!(ty.class, Class::Text | Class::Enum | Class::Uuid) {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "field \"{}\" is of type {}, whose values are not names",
        field.name, field.ty.name
    ))
    .hint("A reference is from a field of type text, uuid or enum, or an array of these, to a field of type text, uuid or enum."))
}
