//! Declarations that no longer hold for the object that they were made for: secrets that are held by name alone, and exemptions,
//! clean functions and shared tables that lapsed. Registration, refresh, check and advice name them.

use super::load::Loaded;
use crate::error::Result;
use crate::pg::{catalog, identity, sql};
use crate::value::quote_literal;
use serde::Deserialize;
use serde_json::json;

/// A declaration to look at, as a message and the statement that settles it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lapsed {
    pub message: String,
    pub hint: String,
}

#[derive(Debug, Deserialize)]
struct Row {
    kind: String,
    /// Of the declaration: quoted, with its schema.
    table: Option<String>,
    column: Option<String>,
    function: Option<String>,
    /// The relation of the declaration still exists.
    exists: bool,
    /// And so does the column.
    is_there: bool,
    /// Relations whose column of that name is secret because of the name.
    held: Vec<String>,
    is_held: bool,
}

/// `$1` are the relations, with OID (0: gone) and name. A declaration concerns them if it is bound to one of them or has the name of one, or if a
/// view among them calls its function.
const LAPSED: &str = "
WITH given AS (
    SELECT g.oid::oid AS oid, g.name FROM jsonb_to_recordset($1::jsonb) AS g(oid bigint, name text)
), held AS (
    SELECT h.id, jsonb_agg(g.name ORDER BY g.name) AS names
      FROM acct_export.declared_column h JOIN given g ON g.oid = h.relation WHERE h.by_name GROUP BY h.id
), called AS (
    SELECT p.oid, p.oid::regprocedure::text AS name
      FROM given g JOIN pg_rewrite r ON r.ev_class = g.oid
      JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid AND d.refclassid = 'pg_proc'::regclass
      JOIN pg_proc p ON p.oid = d.refobjid
)
SELECT jsonb_build_object('kind', d.kind, 'table', d.relation_name, 'column', d.column_name,
           'function', d.function_name, 'exists', c.oid IS NOT NULL,
           'is_there', EXISTS (SELECT FROM acct_export.declared_column b WHERE b.id = d.id AND NOT b.by_name), 'held', coalesce(h.names, '[]'),
           'is_held', s.state = 'held by name')
  FROM acct_export.declaration d
  JOIN acct_export.declaration_state s ON s.id = d.id
  LEFT JOIN pg_class c ON c.oid = d.relation::oid
  LEFT JOIN held h ON h.id = d.id
 WHERE h.id IS NOT NULL
    OR s.state <> 'active'
       AND CASE WHEN d.kind = 'clean_function' THEN EXISTS (SELECT FROM called f WHERE f.oid = d.function OR f.name = d.function_name)
                ELSE EXISTS (SELECT FROM given g WHERE g.oid = c.oid OR g.name = d.relation_name) END
 ORDER BY d.kind, d.relation_name, d.column_name, d.function_name";

/// The declarations that concern what a dataset reads and no longer hold as they were made.
pub fn in_dataset(loaded: &Loaded) -> Result<Vec<Lapsed>> {
    let mut found = of(loaded.lineage.names_of_relations())?;
    found.extend(of_fields(loaded));
    Ok(found)
}

/// The declarations that concern the source of a dataset, which was dropped.
pub fn of_gone_source(dataset: &str) -> Result<Vec<Lapsed>> {
    let name = identity::as_owner(|| {
        sql::text("SELECT source_name FROM acct_export.dataset WHERE dataset = $1", &[dataset.into()])
    })?;
    of(name.iter().map(|name| (0, name.as_str())))
}

/// The declarations that concern these relations and no longer hold as they were made. A relation that is gone is given by 0 and its
/// name.
fn of<'a>(relations: impl IntoIterator<Item = (u32, &'a str)>) -> Result<Vec<Lapsed>> {
    let relations: Vec<_> =
        relations.into_iter().map(|(oid, name)| json!({ "oid": oid, "name": name })).collect();
    let relations = json!(relations).to_string();
    let rows: Vec<Row> = identity::as_owner(|| sql::documents(LAPSED, &[(&relations).into()]))?;
    Ok(rows.iter().map(told).collect())
}

/// Exemptions of columns of the source that set aside another reason than the one that bars the field now.
fn of_fields(loaded: &Loaded) -> Vec<Lapsed> {
    let dataset = &loaded.dataset;
    let relation = catalog::relation_name(dataset.source).unwrap_or_default();
    let mut found = Vec::new();
    for field in &dataset.fields {
        let exemption = loaded.lineage.declared.exemption(dataset.source, i64::from(field.attnum));
        let (Some(reason), Some(exemption)) = (&field.barred, exemption) else { continue };
        if exemption.reason != *reason {
            found.push(Lapsed {
                message: format!(
                    "the exemption of column {relation}.{} does not cover the reason why it is barred now: {reason}",
                    catalog::quoted(&field.column)
                ),
                hint: format!(
                    "SELECT acct_export_exempt_column({}, {}, 'reason'); With NULL as the reason it is withdrawn.",
                    quote_literal(&relation),
                    quote_literal(&field.column)
                ),
            });
        }
    }
    found
}

fn told(row: &Row) -> Lapsed {
    let table = row.table.as_deref().unwrap_or_default();
    let column = row.column.as_deref().unwrap_or_default();
    let object = format!("{table}.{}", catalog::quoted(column));
    let gone = match (row.exists, row.is_there) {
        (true, true) => "its expression in the view, or a function that the view calls, was changed",
        (true, false) => "the column was dropped",
        (false, _) => "the relation was dropped",
    };
    let declare = |function: &str, relation: &str| {
        format!("SELECT {function}({}, {}, 'reason');", quote_literal(relation), quote_literal(column))
    };
    match row.kind.as_str() {
        "secret_column" => {
            let there = row.held.iter().map(|name| format!("{name}.{}", catalog::quoted(column)));
            let there: Vec<String> = there.collect();
            let message = match (row.is_held, there.is_empty()) {
                (true, true) => format!(
                    "{object} was declared secret, and {gone}; a new column of this name will be secret"
                ),
                (true, false) => format!(
                    "{object} was declared secret, and {gone}; {} is secret because it has the same name",
                    there.join(", ")
                ),
                (false, _) => format!(
                    "{} is secret because it has the name of {object}, which was declared secret",
                    there.join(", ")
                ),
            };
            let relation = row.held.first().map_or(table, String::as_str);
            Lapsed {
                message,
                hint: format!(
                    "To bind the declaration to the column: {} With NULL as the reason it is withdrawn.",
                    declare("acct_export_secret_column", relation)
                ),
            }
        }
        "exempt_column" => Lapsed {
            message: format!("the exemption of column {object} has lapsed: {gone}"),
            hint: format!(
                "{} With NULL as the reason it is withdrawn.",
                declare("acct_export_exempt_column", table)
            ),
        },
        "shared_table" => Lapsed {
            message: format!("the declaration of {table} as a shared table has lapsed: {gone}"),
            hint: format!(
                "SELECT acct_export_shared_table({}, 'reason'); With NULL as the reason it is withdrawn.",
                quote_literal(table)
            ),
        },
        _ => {
            let function = row.function.as_deref().unwrap_or_default();
            Lapsed {
                message: format!(
                    "the declaration of function {function} as clean has lapsed: the function was dropped or replaced"
                ),
                hint: format!("SELECT acct_export_clean_function({}, 'reason'); With NULL as the reason it is withdrawn.", quote_literal(function)),
            }
        }
    }
}
