//! The fields of a dataset against the columns of its source: which field is bound to which column, and what changed since the
//! dataset was registered or refreshed.
//!
//! A field follows its column by number, so a renamed column keeps mask, label and group. Only where the column is gone, or the
//! source is another relation, a column of the same name takes the settings over.

use crate::error::{Error, Result};
use crate::model::Treatment;
use crate::pg::{identity, sql, xact};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::{HashMap, HashSet};

/// A column of the source as a field that nothing is said of yet.
#[derive(Debug, Clone, Serialize)]
pub struct NewField {
    pub field: String,
    pub attnum: i64,
    /// As `format_type` writes it.
    pub column_type: String,
    pub label: String,
    pub position: i32,
    pub is_default: bool,
    /// It may leave.
    pub eligible: bool,
    pub on_anonymise: Treatment,
}

/// The change of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Added,
    Renamed,
    Retyped,
    Gone,
    Barred,
}

impl Kind {
    /// The word that `acct_export_refresh` returns.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Added => "added",
            Kind::Renamed => "renamed",
            Kind::Retyped => "retyped",
            Kind::Gone => "gone",
            Kind::Barred => "barred",
        }
    }
}

/// A difference between a dataset and its source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The field's name from now on.
    pub field: String,
    pub kind: Kind,
    /// The field's name until now.
    pub before: String,
}

/// A field as it is stored.
#[derive(Debug, Clone, Deserialize)]
struct Stored {
    field: String,
    label: String,
    eligible: bool,
    /// Attribute number in the source; None: it was dropped, or the source is another relation.
    attnum: Option<i64>,
    column_name: String,
    column_type: String,
    /// It was bound in the relation that is the source now.
    same_relation: bool,
}

/// A stored field and the column that it is bound to from now on.
#[derive(Debug, PartialEq, Serialize)]
struct Pair<'a> {
    before: &'a str,
    field: &'a str,
    /// A name between the old one and the new one; None: it keeps its name.
    between: Option<String>,
    /// None: the label stays.
    label: Option<&'a str>,
    attnum: i64,
    column_type: &'a str,
    eligible: bool,
}

#[derive(Debug, Default, Serialize)]
struct Matched<'a> {
    pairs: Vec<Pair<'a>>,
    added: Vec<&'a NewField>,
    gone: Vec<&'a str>,
    #[serde(skip)]
    changes: Vec<Change>,
}

const STORED: &str = "
SELECT jsonb_build_object('field', f.field, 'label', f.label, 'eligible', f.eligible, 'attnum', a.attnum,
           'column_name', f.column_name, 'column_type', f.column_type, 'same_relation', f.relation_oid = d.source::oid)
  FROM acct_export.dataset d
  JOIN acct_export.field f ON f.dataset = d.dataset
  LEFT JOIN pg_attribute a ON a.attrelid = d.source AND a.attnum = f.attnum AND a.attnum > 0 AND NOT a.attisdropped
        AND f.relation_oid = d.source::oid
 WHERE d.dataset = $1 ORDER BY f.position, f.field";

/// Two fields may exchange their names, so a field that is renamed has a third name in between.
const SAVE: [&str; 4] = [
    "DELETE FROM acct_export.field
      WHERE dataset = $1 AND field IN (SELECT jsonb_array_elements_text($2::jsonb -> 'gone'))",
    "UPDATE acct_export.field f SET field = p.between
       FROM jsonb_to_recordset($2::jsonb -> 'pairs') AS p(before text, \"between\" text)
      WHERE f.dataset = $1 AND f.field = p.before AND p.between IS NOT NULL",
    "UPDATE acct_export.field f
        SET field = p.field, label = coalesce(p.label, f.label), column_name = p.field, attnum = p.attnum,
            relation_oid = d.source::oid, column_type = p.column_type,
            is_default = f.is_default OR (p.eligible AND NOT f.eligible), eligible = p.eligible
       FROM acct_export.dataset d,
            jsonb_to_recordset($2::jsonb -> 'pairs') AS p(before text, field text, \"between\" text, label text,
                attnum smallint, column_type text, eligible boolean)
      WHERE d.dataset = $1 AND f.dataset = $1 AND f.field = coalesce(p.between, p.before)",
    "INSERT INTO acct_export.field (dataset, field, label, position, is_default, eligible, on_anonymise)
     SELECT $1, n.field, n.label, n.position, n.is_default, n.eligible, n.on_anonymise
       FROM jsonb_to_recordset($2::jsonb -> 'added')
         AS n(field text, label text, position integer, is_default boolean, eligible boolean, on_anonymise text)",
];

/// Binds the fields of a dataset to the columns of its source as they are now. Fields of columns that are gone are dropped, those
/// of new columns added, the others keep their settings; a field that may leave from now on becomes a default one, as a new one
/// would. Runs as the owner, after the dataset's row was saved.
pub fn rebind(dataset: &str, columns: &[NewField]) -> Result<Vec<Change>> {
    let stored = stored(dataset)?;
    let matched = matched(&stored, columns);
    let document = serde_json::to_string(&matched)
        .map_err(|_| Error::invalid("could not store the name of a column"))?;
    for statement in SAVE {
        sql::run(statement, &[dataset.into(), (&document).into()])?;
    }
    let renamed: HashMap<&str, &str> = matched
        .pairs
        .iter()
        .filter(|pair| pair.before != pair.field)
        .map(|pair| (pair.before, pair.field))
        .collect();
    if !renamed.is_empty() {
        let renamed = json!(renamed).to_string();
        sql::run(FOLLOW_POLICY, &[dataset.into(), (&renamed).into()])?;
    }
    Ok(matched.changes)
}

/// The differences that [`rebind`] would settle.
pub fn changes(dataset: &str, columns: &[NewField]) -> Result<Vec<Change>> {
    let stored = identity::as_owner(|| stored(dataset))?;
    Ok(matched(&stored, columns).changes)
}

/// The dataset's row may be a change of this very command.
fn stored(dataset: &str) -> Result<Vec<Stored>> {
    xact::with_latest_snapshot(|| sql::documents(STORED, &[dataset.into()]))
}

const FOLLOW_POLICY: &str = "
UPDATE acct_export.dataset d
   SET require_filter = (SELECT array_agg(coalesce($2::jsonb ->> u.field, u.field) ORDER BY u.place)
                           FROM unnest(d.require_filter) WITH ORDINALITY AS u(field, place))
 WHERE d.dataset = $1 AND d.require_filter <> '{}'";

fn matched<'a>(stored: &'a [Stored], columns: &'a [NewField]) -> Matched<'a> {
    let by_number: HashMap<i64, &NewField> = columns.iter().map(|column| (column.attnum, column)).collect();
    let by_name: HashMap<&str, &NewField> =
        columns.iter().map(|column| (column.field.as_str(), column)).collect();
    let bound = |field: &Stored| field.attnum.and_then(|attnum| by_number.get(&attnum).copied());
    let mut taken: HashSet<i64> = stored.iter().filter_map(bound).map(|column| column.attnum).collect();
    let mut matched = Matched::default();
    for field in stored {
        let by_number = bound(field);
        let column = by_number.or_else(|| {
            let named = by_name.get(field.column_name.as_str()).copied();
            named.filter(|column| taken.insert(column.attnum))
        });
        match column {
            Some(column) => matched.pair(field, column, by_number.is_some()),
            None => {
                matched.gone.push(&field.field);
                matched.change(&field.field, &field.field, Kind::Gone);
            }
        }
    }
    for column in columns.iter().filter(|column| !taken.contains(&column.attnum)) {
        matched.added.push(column);
        let kind = if column.eligible { Kind::Added } else { Kind::Barred };
        matched.change(&column.field, &column.field, kind);
    }
    matched
}

impl<'a> Matched<'a> {
    fn pair(&mut self, field: &'a Stored, column: &'a NewField, is_same: bool) {
        let is_renamed = field.field != column.field;
        // A label that is just the column's name follows it.
        let label = (is_renamed && field.label == field.field).then_some(column.label.as_str());
        if is_renamed {
            self.change(&column.field, &field.field, Kind::Renamed);
        }
        // In another relation, or in a restored copy, nothing is known to be new.
        if !is_same && field.same_relation {
            self.change(&column.field, &field.field, Kind::Added);
        } else if field.column_type != column.column_type && !field.column_type.is_empty() {
            self.change(&column.field, &field.field, Kind::Retyped);
        }
        if field.eligible && !column.eligible {
            self.change(&column.field, &field.field, Kind::Barred);
        }
        self.pairs.push(Pair {
            before: &field.field,
            field: &column.field,
            // Longer than a name of a column can be.
            between: is_renamed.then(|| format!("{:~<64}{}", "", self.pairs.len())),
            label,
            attnum: column.attnum,
            column_type: &column.column_type,
            eligible: column.eligible,
        });
    }

    fn change(&mut self, field: &str, before: &str, kind: Kind) {
        self.changes.push(Change { field: field.to_owned(), before: before.to_owned(), kind });
    }
}

#[cfg(test)]
#[path = "bound_tests.rs"]
mod tests;
