//! Lists the columns of a schema that could be exported.

use crate::catalog::scan::{self, Scanned};
use crate::pg::oid::Oid;
use crate::pg::report::{Report, Reported};
use pgrx::prelude::*;

/// Behind `acct_export_scan`, whose types only SQL spells out.
#[pg_extern(schema = "acct_export", stable, parallel_unsafe)]
#[allow(clippy::type_complexity)] // a row's columns
fn scan_columns(
    schema_name: Option<&str>,
) -> std::result::Result<
    TableIterator<
        'static,
        (
            name!(relation, Oid),
            name!(column_name, String),
            name!(verdict, &'static str),
            name!(reason, Option<String>),
        ),
    >,
    Report,
> {
    let rows = scan::scan(schema_name).reported()?.into_iter().map(|scanned: Scanned| {
        (Oid::from(scanned.relation), scanned.column, scanned.verdict, scanned.reason)
    });
    Ok(TableIterator::new(rows.collect::<Vec<_>>()))
}
