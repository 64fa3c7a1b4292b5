//! Settings that decide which rows a source gives: those that its policies and views read. Functions are followed as far as their text
//! can be searched.

use super::lineage::{self, reads_settings, Lineage, Relation};
use crate::error::Result;
use crate::pg::{identity, sql};
use serde::Deserialize;
use std::collections::BTreeSet;

#[derive(Deserialize)]
struct Function {
    text: Option<String>,
    tree: Option<String>,
}

const FUNCTION: &str = "
SELECT jsonb_build_object('text', p.prosrc, 'tree', p.prosqlbody::text)
  FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
 WHERE p.oid = $1::oid AND l.lanname NOT IN ('c', 'internal')";

/// Functions of a name that a text calls, in whatever schema, but for those that the server brings.
const NAMED: &str = "
SELECT to_jsonb(p.oid::bigint)
  FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
 WHERE p.proname = ANY (ARRAY(SELECT jsonb_array_elements_text($1::jsonb)))
   AND p.oid >= 16384::oid AND l.lanname NOT IN ('c', 'internal')";

/// Functions that are looked into at most.
const MOST: usize = 500;

/// Policies and views that read settings (`view app.v`), and the names of these in lower case.
pub fn by(lineage: &Lineage) -> Result<Vec<(String, BTreeSet<String>)>> {
    let mut found = Vec::new();
    for table in lineage.base_tables() {
        found.extend(by_policies(table)?);
    }
    found.extend(by_views(lineage)?);
    Ok(found)
}

/// The policies among them, of one table.
pub fn by_policies(table: &Relation) -> Result<Vec<(String, BTreeSet<String>)>> {
    let named = |policy: &str| format!("policy \"{policy}\" on table {}", table.name);
    table.policies.iter().map(|(policy, condition)| Ok((named(policy), read_by(condition)?))).collect()
}

/// The views among them.
pub fn by_views(lineage: &Lineage) -> Result<Vec<(String, BTreeSet<String>)>> {
    let mut found = Vec::new();
    for view in lineage.views() {
        if let Some(query) = lineage::query(view.oid)? {
            found.push((format!("view {}", view.name), read_by(&query)?));
        }
    }
    Ok(found)
}

/// True if the rows of a source depend on who has logged in, beside the current role.
pub fn reads_login(lineage: &Lineage) -> Result<bool> {
    Ok(by(lineage)?.iter().any(|(_, names)| names.contains(reads_settings::LOGIN)))
}

/// Settings that an expression reads, and the functions that it calls, and those that they call.
fn read_by(tree: &str) -> Result<BTreeSet<String>> {
    let first = reads_settings::of_tree(tree);
    let mut settings = first.settings;
    let (mut known, mut next) = (BTreeSet::new(), first.functions);
    while let Some(function) = next.pop_first() {
        if known.len() >= MOST || !known.insert(function) {
            continue;
        }
        let body: Option<Function> =
            identity::as_owner(|| sql::document(FUNCTION, &[i64::from(function).into()]))?;
        let Some(body) = body else { continue };
        let reads = match (&body.tree, &body.text) {
            (Some(tree), _) => reads_settings::of_tree(tree),
            (None, Some(text)) => reads_settings::of_text(text),
            (None, None) => continue,
        };
        settings.extend(reads.settings);
        next.extend(reads.functions);
        if !reads.calls.is_empty() {
            let names = serde_json::json!(reads.calls).to_string();
            let named: Vec<u32> = identity::as_owner(|| sql::documents(NAMED, &[(&names).into()]))?;
            next.extend(named);
        }
    }
    Ok(settings)
}
