//! Whether a column can be the key: it orders the rows and says which row is which, so it has to be unique and not null.

use super::lineage::{self, Lineage};
use super::model::Type;
use crate::error::{Error, Result};
use crate::pg::identity::{self, Reader};
use crate::pg::{catalog, sql, types, xact};
use crate::request::filter::quote_ident;

/// A unique index of just this column, or of it and the tenant's, on a column without nulls. (The index may be one of a
/// partitioned table.)
const PROOF: &str = "
SELECT 'x' FROM pg_index i JOIN pg_attribute k ON k.attrelid = i.indrelid AND k.attname = $2
 WHERE i.indrelid = $1::oid AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL AND k.attnotnull
   AND NOT EXISTS (
       SELECT FROM generate_series(0, i.indnkeyatts - 1) AS n
         JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[n]
        WHERE a.attname <> $2 AND a.attname IS DISTINCT FROM $3)";

/// Whether an index of the table below proves that the key is unique.
pub fn is_proven(lineage: &Lineage, key: &str, tenant_column: Option<&str>) -> Result<bool> {
    let Some(origin) = lineage.origin(key) else { return Ok(false) };
    let tenant = tenant_column.and_then(|name| lineage.origin(name)).map(|origin| origin.column.as_str());
    let column = [i64::from(origin.table).into(), (&origin.column).into(), tenant.into()];
    Ok(identity::as_owner(|| sql::text(PROOF, &column))?.is_some())
}

/// Looks for two rows of one key; somebody else's code does not run with a superuser's rights, here neither: it runs with
/// those of the source's owner, or, where that is a superuser too, nobody looks.
pub fn look_for_twins(source: u32, key: &str, tenant_column: Option<&str>) -> Result<()> {
    let caller = identity::current_user();
    let role = match identity::may_run_programs(caller) && lineage::borrowed(source, caller)?.is_some() {
        true => catalog::relation_owner(source).filter(|owner| !identity::may_run_programs(*owner)),
        false => Some(caller),
    };
    let Some(role) = role else { return Ok(()) };
    let reader = Reader { role, own_session: false, settings: &[] };
    check(source, key, tenant_column, &reader)
}

/// Refuses a key that is not unique (22023), by a look at the rows with the rights of `reader`, who may see but a part of
/// them.
fn check(source: u32, key: &str, tenant_column: Option<&str>, reader: &Reader<'_>) -> Result<()> {
    let relation = catalog::relation_name(source).unwrap_or_default();
    let column = |name: &str| format!("s.{}", quote_ident(name));
    let by = [Some(key), tenant_column].into_iter().flatten().map(column).collect::<Vec<_>>().join(", ");
    let query = format!(
        "SELECT 'x' FROM {relation} AS s GROUP BY {by} HAVING count(*) > 1 OR {} IS NULL LIMIT 1",
        column(key)
    );
    let found = xact::attempt(|| {
        xact::with_latest_snapshot(|| identity::as_requester(reader, || sql::text(&query, &[])))
    });
    let refused = || {
        Error::invalid(format!("key \"{key}\" is not unique in {relation}"))
            .hint("Name a column whose values are unique and not null; a unique index on it proves that without a look at the rows.")
    };
    match found {
        Ok(None) => Ok(()),
        Ok(Some(_)) => Err(refused()),
        Err(failure) => match failure.sqlstate() {
            // No equality for the type.
            "42883" => Err(refused()),
            "57014" => Err(failure.into_error()),
            // Who registers may not read it, or nobody can at the moment: that shows when it is exported.
            _ => Ok(()),
        },
    }
}

/// Refuses a tenant column that a setting, which is text, cannot be compared with (22023).
pub fn check_tenant_type(name: &str, ty: &Type) -> Result<()> {
    if types::can_be_tenant(ty) {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "tenant_column \"{name}\" is of type {}, which a setting cannot be compared with",
        ty.name
    ))
    .hint("Use a column of type text, uuid, integer, bigint or an enum."))
}
