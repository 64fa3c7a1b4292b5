//! Policies that read a setting for each row, where once per query would do.

use super::Advice;
use crate::catalog::lineage::{calls_per_row, Lineage};
use crate::error::Result;
use crate::pg::{catalog, identity, sql};

/// Policies that apply to the rows a SELECT reads ('*' is ALL), where row security is enabled.
const POLICIES: &str = "
SELECT jsonb_build_array(p.polname, p.polqual::text)
  FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
 WHERE p.polrelid = $1::oid AND c.relrowsecurity AND p.polcmd IN ('r', '*') AND p.polqual IS NOT NULL
 ORDER BY p.polname";

/// Policies of the tables below the source, permissive and restrictive ones, for whichever roles.
pub fn slow(lineage: &Lineage) -> Result<Vec<Advice>> {
    let mut found = Vec::new();
    for table in lineage.base_tables() {
        let policies: Vec<(String, String)> =
            identity::as_owner(|| sql::documents(POLICIES, &[i64::from(table.oid).into()]))?;
        let slow = policies.into_iter().filter(|(_, condition)| calls_per_row(condition, &reads_setting));
        found.extend(slow.map(|(policy, _)| advice(&policy, &table.name)));
    }
    Ok(found)
}

fn reads_setting(function: u32) -> bool {
    function < catalog::FIRST_USER_OID
        && catalog::function_name(function).as_deref() == Some("current_setting")
}

fn advice(policy: &str, table: &str) -> Advice {
    Advice {
        advice: format!("policy \"{policy}\" on table {table} calls current_setting once per row"),
        hint: format!(
            "ALTER POLICY {} ON {table} so that a sub-select makes the call, which is run once per query: USING (tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::uuid)), for example.",
            catalog::quoted(policy)
        ),
    }
}
