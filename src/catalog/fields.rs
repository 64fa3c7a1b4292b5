//! The columns of a source, and the fields that a registration makes of them.

use super::args::shown_text;
use super::bound::{self, Change, NewField};
use super::lineage::Lineage;
use super::registration::{Kept, Registered, Stated};
use crate::error::{Error, Result};
use crate::model::label::Labels;
use crate::model::personal;
use crate::pg::{identity, sql, types};
use crate::value::key_text;
use serde::Deserialize;

/// A column of a source.
#[derive(Debug, Deserialize)]
pub struct Column {
    pub name: String,
    pub type_oid: u32,
    attnum: i64,
    /// With its modifier: `character varying(20)`.
    column_type: String,
    position: i32,
    comment: Option<String>,
}

/// The columns that become fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// All of them: fields follow the columns.
    All,
    /// Those that the registration names; the fields that there are stay as they are.
    Named,
}

const COLUMNS: &str = "
SELECT jsonb_build_object('name', a.attname, 'type_oid', a.atttypid::bigint, 'attnum', a.attnum,
           'column_type', format_type(a.atttypid, a.atttypmod), 'position', row_number() OVER (ORDER BY a.attnum),
           'comment', col_description(a.attrelid, a.attnum))
  FROM pg_attribute a
 WHERE a.attrelid = $1::oid AND a.attnum > 0::smallint AND NOT a.attisdropped
 ORDER BY a.attnum";

/// The columns of a relation, in their order.
pub fn columns(source: u32) -> Result<Vec<Column>> {
    identity::as_owner(|| sql::documents(COLUMNS, &[i64::from(source).into()]))
}

/// 22023 for a name that is no column.
pub fn find<'a>(columns: &'a [Column], name: &str, what: &str, relation: &str) -> Result<&'a Column> {
    columns.iter().find(|column| column.name == name).ok_or_else(|| {
        let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
        Error::invalid(format!("{what} \"{name}\" is not a column of {relation}"))
            .hint(format!("Its columns: {}.", names.join(", ")))
    })
}

/// The columns as fields that nothing is said of yet, for [`save`].
pub fn of(stated: &Stated, columns: &[Column], lineage: &Lineage) -> Vec<NewField> {
    columns.iter().map(|column| new_field(column, &stated.key, lineage)).collect()
}

fn new_field(column: &Column, key: &[String], lineage: &Lineage) -> NewField {
    let eligible = lineage.bars(&column.name).is_none();
    let label = column
        .comment
        .as_deref()
        .filter(|text| text.chars().count() <= 63 && shown_text(Some(text), "label").is_ok());
    NewField {
        field: column.name.clone(),
        attnum: column.attnum,
        column_type: column.column_type.clone(),
        label: label.unwrap_or(&column.name).to_owned(),
        // After the fields that there are; COUNT makes it the next place.
        position: LAST + column.position,
        is_default: eligible,
        eligible,
        on_anonymise: personal::on_anonymise(&column.name, types::describe(column.type_oid).class, key),
    }
}

/// More than a relation has columns.
const LAST: i32 = 100_000;

/// Keeps the fields, as the owner, once the dataset's row is saved. The changes.
pub fn save(
    stated: &Stated,
    fields: &[NewField],
    kept: Option<&Registered>,
    extent: Extent,
) -> Result<Vec<Change>> {
    let dataset = stated.dataset.as_str();
    let changes = match extent {
        Extent::All => {
            let changes = bound::rebind(dataset, fields)?;
            let renamed: Vec<[&str; 2]> = changes
                .iter()
                .filter(|change| change.kind == bound::Kind::Renamed)
                .map(|change| [change.before.as_str(), change.field.as_str()])
                .collect();
            follow_matches(dataset, &renamed)?;
            changes
        }
        Extent::Named => {
            let kept = kept.map_or(&[][..], |kept| &kept.fields);
            let is_kept =
                |field: &&NewField| kept.iter().any(|kept| kept.name_in(true) == Some(&field.field));
            let named: Vec<&NewField> =
                fields.iter().filter(|field| stated.names(&field.field) && !is_kept(field)).collect();
            sql::run(ADD, &[dataset.into(), (&document(&named)?).into()])?;
            let added = named.into_iter().map(|field| Change {
                field: field.field.clone(),
                before: field.field.clone(),
                kind: if field.eligible { bound::Kind::Added } else { bound::Kind::Barred },
            });
            added.collect()
        }
    };
    number_labels(dataset, kept, &changes)?;
    if changes.is_empty() {
        return Ok(changes);
    }
    sql::run(COUNT, &[dataset.into()])?;
    Ok(changes)
}

/// Gives new fields labels that no other field has.
fn number_labels(dataset: &str, kept: Option<&Registered>, changes: &[Change]) -> Result<()> {
    // Of the fields as they are now, those just written included.
    let fields: Option<Vec<(String, String)>> = sql::change(LABELS, &[dataset.into()])?;
    let fields = fields.unwrap_or_default();
    let is_new = |field: &str| {
        let is_renamed = |change: &Change| change.field == field && change.kind == bound::Kind::Renamed;
        let kept = kept.map_or(&[][..], |kept| &kept.fields);
        !kept.iter().any(|kept| kept.field == field) && !changes.iter().any(is_renamed)
    };
    let mut labels = Labels::default();
    for (_, label) in fields.iter().filter(|(field, _)| !is_new(field)) {
        labels.take(label);
    }
    let new = fields.into_iter().filter(|(field, _)| is_new(field));
    let numbered: Vec<[String; 2]> = new
        .filter_map(|(field, label)| {
            let free = labels.take(&label);
            (free != label).then_some([field, free])
        })
        .collect();
    if numbered.is_empty() {
        return Ok(());
    }
    sql::run(LABEL, &[dataset.into(), (&document(&numbered)?).into()]).map(drop)
}

fn document(rows: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string(rows).map_err(|_| Error::invalid("could not store the name of a column"))
}

/// Names anew the fields that hold the keys of other datasets, which this one is a companion of.
fn follow_matches(companion: &str, renamed: &[[&str; 2]]) -> Result<()> {
    if renamed.is_empty() {
        return Ok(());
    }
    let matched: Vec<(String, String)> = sql::changes(MATCHED, &[companion.into()])?;
    let now = |field: String| {
        let found = renamed.iter().find(|[before, _]| *before == field);
        found.map_or(field, |[_, now]| (*now).to_owned())
    };
    let matched = matched.into_iter().map(|(dataset, before)| {
        let fields: Vec<String> = key_text::names(&before).into_iter().map(now).collect();
        serde_json::json!({ "dataset": dataset, "before": before, "match": key_text::of_names(&fields) })
    });
    let matched = document(&matched.collect::<Vec<_>>())?;
    sql::run(FOLLOW_MATCHES, &[companion.into(), (&matched).into()]).map(drop)
}

const MATCHED: &str = "
SELECT jsonb_build_array(dataset, match) FROM acct_export.companion WHERE companion = $1 FOR UPDATE";

const FOLLOW_MATCHES: &str = "
UPDATE acct_export.companion c SET match = n.match
  FROM jsonb_to_recordset($2::jsonb) AS n(dataset text, before text, match text)
 WHERE c.companion = $1 AND c.dataset = n.dataset AND c.match = n.before";

const ADD: &str = "
INSERT INTO acct_export.field (dataset, field, label, position, is_default, eligible, on_anonymise)
SELECT $1, n.field, n.label, n.\"position\", n.is_default, n.eligible, n.on_anonymise
  FROM jsonb_to_recordset($2::jsonb)
       AS n(field text, label text, \"position\" integer, is_default boolean, eligible boolean, on_anonymise text)";

/// Positions count from 1.
const COUNT: &str = "
UPDATE acct_export.field f SET position = o.place
  FROM (SELECT field, row_number() OVER (ORDER BY \"position\", field) AS place FROM acct_export.field WHERE dataset = $1) o
 WHERE f.dataset = $1 AND f.field = o.field AND f.\"position\" <> o.place";

const LABELS: &str = "
SELECT coalesce(jsonb_agg(jsonb_build_array(field, label) ORDER BY \"position\", field), '[]')
  FROM acct_export.field WHERE dataset = $1";

const LABEL: &str = "
UPDATE acct_export.field f SET label = n.label ->> 1
  FROM jsonb_array_elements($2::jsonb) AS n(label)
 WHERE f.dataset = $1 AND f.field = n.label ->> 0";

impl Kept {
    /// The column of this field: in the relation that it is bound to by its number, in another one by its name.
    pub fn name_in(&self, same_relation: bool) -> Option<&str> {
        match same_relation {
            true => self.column.as_deref(),
            false => self.column.as_deref().or(Some(&self.column_name)),
        }
    }
}
