//! A dataset that is not exported by tenant, though row security keeps rows of its tables apart.

use super::Advice;
use crate::catalog::load::Loaded;
use crate::error::Result;
use crate::pg::{identity, sql};
use crate::value::quote_literal;

/// Roles that bypass row security export all of them, and are not asked whether they mean it.
pub fn unscoped(loaded: &Loaded) -> Result<Option<Advice>> {
    let dataset = &loaded.dataset;
    if dataset.tenant_column.is_some() {
        return Ok(None);
    }
    for table in loaded.lineage.base_tables() {
        let guarded = identity::as_owner(|| {
            sql::text(
                "SELECT 'x' FROM pg_class WHERE oid = $1::oid AND relrowsecurity",
                &[i64::from(table.oid).into()],
            )
        })?;
        if guarded.is_some() {
            return Ok(Some(Advice {
                advice: format!(
                    "dataset \"{}\" has no tenant column, though table {} has row security: roles that bypass it export all rows",
                    dataset.name, table.name
                ),
                hint: format!(
                    "To export it by tenant: SELECT acct_export_alter({}, tenant_column => '…');",
                    quote_literal(&dataset.name)
                ),
            }));
        }
    }
    Ok(None)
}
