//! The settings of a single field: its label, place, group and masks.

use super::args::{required, shown_text};
use super::load;
use super::owner::owner_of_dataset;
use super::register::may_write;
use crate::audit;
use crate::error::{Error, Result};
use crate::model::label::folded;
use crate::model::{Dataset, Expansion, Field};
use crate::pg::{identity, sql};
use serde::Serialize;
use serde_json::json;

/// Changes to a field; None leaves a thing as it is.
#[derive(Debug, Default, Serialize)]
pub struct FieldChange<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_default: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_group: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_anonymise: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mask: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub json_path: Option<&'a str>,
}

/// Position 3 is the third place: the other fields keep their order around it and are counted anew.
const MOVE: &str = "
WITH others AS (
    SELECT field, row_number() OVER (ORDER BY position, field) AS place
      FROM acct_export.field WHERE dataset = $1 AND field <> $2
)
UPDATE acct_export.field f SET position = o.place + CASE WHEN o.place >= $3 THEN 1 ELSE 0 END
  FROM others o WHERE f.dataset = $1 AND f.field = o.field";

const SET_FIELD: &str = "
UPDATE acct_export.field
   SET label = coalesce($3, label), position = coalesce($4::integer, position), is_default = coalesce($5::boolean, is_default),
       in_group = CASE WHEN $6 IS NULL THEN in_group ELSE nullif($6, '') END,
       on_anonymise = coalesce($7, on_anonymise), mask = coalesce($8, mask),
       json_path = CASE WHEN $9 IS NULL THEN json_path ELSE nullif($9, '') END
 WHERE dataset = $1 AND field = $2";

/// `acct_export_set_field`. 22023 for an unknown dataset or field or a value that is none of its kind.
pub fn set_field(dataset: Option<&str>, field: Option<&str>, change: &FieldChange<'_>) -> Result<()> {
    let dataset = required(dataset, "dataset")?;
    let field = required(field, "field")?;
    let loaded = load::load(dataset)?;
    owner_of_dataset(dataset)?;
    let known = find(&loaded.dataset, field)?;
    if let (Some(true), Some(reason)) = (change.is_default, &known.barred) {
        return Err(Error::denied(format!("field \"{field}\" can never be exported: {reason}")));
    }
    one_of(change.on_anonymise, "on_anonymise", &["keep", "redact", "pseudonymise", "last4", "drop"])?;
    one_of(change.mask, "mask", &["none", "last4", "redact"])?;
    shown_text(change.label, "label")?;
    if let Some(label) = change.label {
        is_free(&loaded.dataset, field, label)?;
    }
    // An empty one takes the field out of its group.
    shown_text(change.in_group.filter(|group| !group.is_empty()), "in_group")?;
    if change.position.is_some_and(|position| position < 1) {
        return Err(Error::invalid("position must be at least 1"));
    }
    if let Some(path) = change.json_path {
        if !path.is_empty() && path.split('.').any(str::is_empty) {
            return Err(Error::invalid(format!("json_path \"{path}\" has an empty key"))
                .hint("Write it like 'user.identifiers.email_address'; an empty string removes it."));
        }
    }
    may_write()?;
    // There is no place behind the last one.
    let last = i64::try_from(loaded.dataset.fields.len()).unwrap_or(i64::MAX);
    let position = change.position.map(|position| i64::from(position).min(last));
    identity::as_owner(|| {
        if let Some(position) = position {
            sql::run(MOVE, &[dataset.into(), field.into(), position.into()])?;
        }
        let is_default = change.is_default.map(|value| if value { "true" } else { "false" });
        sql::run(
            SET_FIELD,
            &[
                dataset.into(),
                field.into(),
                change.label.into(),
                sql::Arg::Int(position),
                is_default.into(),
                change.in_group.into(),
                change.on_anonymise.into(),
                change.mask.into(),
                change.json_path.into(),
            ],
        )
    })?;
    audit::catalog_change(audit::FIELD_SET, dataset, json!({ "field": field, "change": change }))
}

/// 22023 for an unknown field.
pub(super) fn find<'d>(dataset: &'d Dataset, field: &str) -> Result<&'d Field> {
    dataset.field(field).ok_or_else(|| {
        let names: Vec<&str> = dataset.fields.iter().map(|field| field.name.as_str()).collect();
        Error::invalid(format!("unknown field \"{field}\" of dataset \"{}\"", dataset.name))
            .hint(format!("Known fields: {}.", names.join(", ")))
    })
}

/// 22023 for a label that another field or a declared key has: a reader of the file would lose one of them.
pub(super) fn is_free(dataset: &Dataset, field: &str, label: &str) -> Result<()> {
    let wanted = folded(label);
    let taken = |other: &&Field| {
        let declared = match &other.expansion {
            Some(Expansion::Declared(keys)) => keys.as_slice(),
            _ => &[],
        };
        let mut labels = declared.iter().filter_map(|key| key.label.as_deref()).chain([other.label.as_str()]);
        other.name != field && labels.any(|label| folded(label) == wanted)
    };
    match dataset.fields.iter().find(taken) {
        None => Ok(()),
        Some(other) => Err(Error::invalid(format!(
            "label \"{label}\" is used by field \"{}\" of dataset \"{}\"",
            other.name, dataset.name
        ))
        .hint("Labels are compared without regard to case. Choose another one, or first give that field another label.")),
    }
}

fn one_of(value: Option<&str>, what: &str, known: &[&str]) -> Result<()> {
    match value {
        Some(value) if !known.contains(&value) => Err(Error::invalid(format!("unknown {what} \"{value}\""))
            .hint(format!("Known values: {}.", known.join(", ")))),
        _ => Ok(()),
    }
}
