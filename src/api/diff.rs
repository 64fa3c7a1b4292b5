//! The functions behind `acct_export_diff` (sql/diff.sql).

use super::jobs::text;
use crate::download::diff::{self, Compared};
use crate::pg::report::{Report, Reported};
use pgrx::datum::Uuid;
use pgrx::prelude::*;

/// The rows of two exports' files, those of the first before those of the second.
///
/// Errors: as `acct_export_file` for either, but for the size; 22023 for exports that cannot be compared.
#[pg_extern(schema = "acct_export", volatile, parallel_unsafe)]
#[allow(clippy::type_complexity)] // a row's columns
fn rows_of_both(
    job_a: Option<Uuid>,
    job_b: Option<Uuid>,
) -> Result<
    TableIterator<
        'static,
        (name!(key, Option<String>), name!(later, bool), name!(place, i64), name!(cells, String)),
    >,
    Report,
> {
    let both = diff::compare(text(job_a).as_deref(), text(job_b).as_deref()).reported()?;
    Ok(TableIterator::new(both.map(|Compared { key, later, place, cells }| (key, later, place, cells))))
}

/// True if a key that is so often in either file is there once at the most: true, or 22023.
#[pg_extern(schema = "acct_export", immutable, parallel_safe)]
fn compared_once(first: i64, second: i64) -> Result<bool, Report> {
    diff::once(first, second).reported()
}
