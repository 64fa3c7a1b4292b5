//! The columns of a schema that could be exported, before anything is registered.
//!
//! Decided as at registration: lineage of views, declarations and exemptions included. Rows are never read. A caller sees the
//! relations that it owns; a superuser sees all.

use super::declared::Declared;
use super::lineage;
use crate::error::{Error, Result};
use crate::pg::{identity, sql};
use crate::secret::name_value;
use serde::Deserialize;
use std::rc::Rc;

/// A column and what becomes of it.
pub struct Scanned {
    pub relation: u32,
    pub column: String,
    /// `eligible` or `barred`.
    pub verdict: &'static str,
    /// The reason for the bar, or the parts removed from its values; None: nothing is.
    pub reason: Option<String>,
}

#[derive(Deserialize)]
struct Found {
    oid: u32,
    kind: String,
    columns: Vec<String>,
}

/// Tables, foreign tables and views that the role owns, without those of this extension and of the server.
const RELATIONS: &str = "
SELECT json_build_object('oid', c.oid::bigint, 'kind', c.relkind,
           'columns', coalesce((SELECT json_agg(a.attname ORDER BY a.attnum) FROM pg_attribute a
                                 WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped), '[]'))
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm')
   AND CASE WHEN $1 IS NULL THEN n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'acct_export')
            ELSE n.nspname = $1 END
   AND ($3 OR pg_has_role($2::oid, c.relowner, 'USAGE'))
   AND c.oid >= 16384
   AND NOT EXISTS (SELECT FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
                    WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.objsubid = 0
                      AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e' AND e.extname = 'pg_acctexport')
 ORDER BY n.nspname, c.relname";

/// Judges every column of a schema; None: of all schemas of users.
///
/// Errors: 22023 for a schema that does not exist.
pub fn scan(schema: Option<&str>) -> Result<Vec<Scanned>> {
    let caller = identity::current_user();
    let found: Vec<Found> = identity::as_owner(|| {
        if let Some(schema) = schema {
            sql::text("SELECT nspname FROM pg_namespace WHERE nspname = $1", &[schema.into()])?
                .ok_or_else(|| Error::invalid(format!("schema \"{schema}\" does not exist")))?;
        }
        sql::documents(
            RELATIONS,
            &[schema.into(), i64::from(caller).into(), identity::is_superuser(caller).into()],
        )
    })?;
    let declared = Rc::new(Declared::load()?);
    let mut scanned = Vec::new();
    for relation in &found {
        columns(relation, &declared, &mut scanned)?;
    }
    Ok(scanned)
}

fn columns(relation: &Found, declared: &Rc<Declared>, scanned: &mut Vec<Scanned>) -> Result<()> {
    let mut add = |column: &str, barred: bool, reason: Option<String>| {
        let verdict = if barred { "barred" } else { "eligible" };
        scanned.push(Scanned { relation: relation.oid, column: column.to_owned(), verdict, reason });
    };
    if relation.kind == "m" {
        let reason = "a materialized view is not subject to row security";
        relation.columns.iter().for_each(|column| add(column, true, Some(reason.to_owned())));
        return Ok(());
    }
    let lineage = lineage::trace_with(relation.oid, declared.clone())?;
    let plain: Vec<&str> = relation.columns.iter().map(String::as_str).collect();
    let pairs = name_value::pairs(&plain);
    for column in &relation.columns {
        match lineage.bars(column) {
            Some(reason) => add(column, true, Some(reason)),
            None => {
                let name = pairs.iter().find(|(_, value)| value == column).map(|(name, _)| *name);
                let removed = match name {
                    Some(name) => {
                        Some(format!("values are redacted in rows whose \"{name}\" is the name of a secret"))
                    }
                    None if lineage.holds_json(column) => {
                        Some("secret keys are removed from its documents".to_owned())
                    }
                    None => None,
                };
                add(column, false, removed);
            }
        }
    }
    Ok(())
}
