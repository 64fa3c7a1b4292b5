//! Taking the file.

use crate::download::{self, Chunks};
use crate::pg::report::{Report, Reported};
use pgrx::datum::{Interval, Uuid};
use pgrx::prelude::*;

use crate::pg::oid::Oid;

/// The default of `file`, which NULL stands for.
const FIRST: Option<i32> = Some(1);

/// The default of `valid_for`, in microseconds.
const TEN_MINUTES: i128 = 10 * 60 * 1_000_000;

fn text(job: Option<Uuid>) -> Option<String> {
    job.map(|job| job.to_string())
}

/// The file as one bytea.
///
/// Errors: P0002, 55000 for a job without a file (yet or any more), 54000 over 512 MB, 25006 where the audit event cannot
/// be written.
#[pg_extern(volatile, parallel_unsafe)]
fn acct_export_file(job: Option<Uuid>, file: default!(Option<i32>, "1")) -> Result<Vec<u8>, Report> {
    download::whole(text(job).as_deref(), file.or(FIRST)).reported()
}

/// The file in chunks of 1 MiB, in order.
///
/// Errors: as `acct_export_file`, but for the size.
#[pg_extern(volatile, parallel_unsafe)]
fn acct_export_chunks(
    job: Option<Uuid>,
    file: default!(Option<i32>, "1"),
) -> Result<TableIterator<'static, (name!(chunk, i32), name!(data, Vec<u8>))>, Report> {
    Ok(TableIterator::new(Chunks::new(
        download::open(text(job).as_deref(), file.or(FIRST), "chunks").reported()?,
    )))
}

/// The file as a large object of the caller's, for `\lo_export`; unlink it afterwards.
///
/// Errors: as `acct_export_chunks`.
#[pg_extern(volatile, parallel_unsafe)]
fn acct_export_large_object(job: Option<Uuid>, file: default!(Option<i32>, "1")) -> Result<Oid, Report> {
    download::large_object(text(job).as_deref(), file.or(FIRST)).map(Oid::from).reported()
}

/// A presigned URL of a file that was exported to a destination.
///
/// Errors: as `acct_export_chunks`; 22023 for a time under a second or over 7 days; 55000 for a file in the job table.
#[pg_extern(volatile, parallel_unsafe)]
fn acct_export_url(
    job: Option<Uuid>,
    file: default!(Option<i32>, "1"),
    valid_for: default!(Option<Interval>, "'10 minutes'"),
) -> Result<String, Report> {
    download::url(
        text(job).as_deref(),
        file.or(FIRST),
        valid_for.map_or(TEN_MINUTES, |time| time.as_micros()),
    )
    .reported()
}
