//! Exports that are always refused, whoever of their requesters asks: told at registration with the statement that mends it.

use super::Advice;
use crate::catalog::broken;
use crate::catalog::load::Loaded;
use crate::error::Result;
use crate::pg::{catalog, identity, sql};
use crate::value::quote_literal;

/// Tables whose rows row security does not keep apart, and relations that nobody but the owner may read.
pub fn always(loaded: &Loaded) -> Result<Vec<Advice>> {
    let dataset = &loaded.dataset;
    let mut found = Vec::new();
    if dataset.tenant_column.is_some() {
        for table in loaded.lineage.tenant_tables() {
            found.extend(unguarded(table.oid, &table.name, &dataset.name)?);
        }
    }
    // A dataset for others than the owner of its source.
    if dataset.tenant_column.is_some() || !dataset.required_roles.is_empty() {
        for (oid, name) in loaded.lineage.names_of_relations() {
            if !is_granted(oid)? {
                found.push(unread(name, &dataset.name, &dataset.required_roles));
            }
        }
    }
    Ok(found)
}

/// As `check_enable_rls` (utils/misc/rls.c): a table without row security is unguarded, one where it is not forced is for its owner.
fn unguarded(table: u32, name: &str, dataset: &str) -> Result<Option<Advice>> {
    if !broken::has_row_security(table)? {
        return Ok(Some(Advice {
            advice: format!(
                "row security is not enabled on table {name}, so exports of dataset \"{dataset}\" by tenant are refused"
            ),
            hint: enable(name),
        }));
    }
    let forced = "SELECT 'x' FROM pg_class WHERE oid = $1::oid AND relforcerowsecurity";
    if identity::as_owner(|| sql::text(forced, &[i64::from(table).into()]))?.is_some() {
        return Ok(None);
    }
    let owner = catalog::relation_owner(table).and_then(identity::role_name).unwrap_or_default();
    Ok(Some(Advice {
        advice: format!(
            "row security of table {name} is not forced, so exports of dataset \"{dataset}\" by its owner, role \"{owner}\", are refused"
        ),
        hint: format!("ALTER TABLE {name} FORCE ROW LEVEL SECURITY;"),
    }))
}

/// The statements that let row security keep tenants apart.
pub fn enable(table: &str) -> String {
    format!(
        "ALTER TABLE {table} ENABLE ROW LEVEL SECURITY; ALTER TABLE {table} FORCE ROW LEVEL SECURITY; and CREATE POLICY; or, if the table contains no data of tenants: SELECT acct_export_shared_table({}, 'reason');",
        quote_literal(table)
    )
}

/// True if anybody but the owner was granted SELECT on a relation or on a column of it.
fn is_granted(relation: u32) -> Result<bool> {
    let granted = "
SELECT 'x' FROM pg_class c
 WHERE c.oid = $1::oid
   AND (EXISTS (SELECT FROM aclexplode(c.relacl) AS a WHERE a.privilege_type = 'SELECT' AND a.grantee <> c.relowner)
        OR EXISTS (SELECT FROM pg_attribute t CROSS JOIN LATERAL aclexplode(t.attacl) AS a
                    WHERE t.attrelid = c.oid AND NOT t.attisdropped AND a.privilege_type = 'SELECT' AND a.grantee <> c.relowner))";
    Ok(identity::as_owner(|| sql::text(granted, &[i64::from(relation).into()]))?.is_some())
}

fn unread(relation: &str, dataset: &str, required_roles: &[String]) -> Advice {
    let role = required_roles.first().map_or_else(|| "…".to_owned(), |role| catalog::quoted(role));
    Advice {
        advice: format!(
            "only the owner has SELECT on {relation}, so exports of dataset \"{dataset}\" by other roles are refused"
        ),
        hint: format!("GRANT SELECT ON {relation} TO {role};"),
    }
}
