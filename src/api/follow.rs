//! Following and managing jobs. Those that return a row are SQL functions over these (sql/views.sql).

use crate::job::{manage, status};
use crate::pg::oid::Oid;
use crate::pg::report::Report;
use crate::pg::{identity, progress};
use crate::worker::wake;
use pgrx::datum::{Interval, JsonB, Uuid};
use pgrx::prelude::*;
use std::time::Duration;

pub(super) fn text(job: Option<Uuid>) -> Option<String> {
    job.map(|job| job.to_string())
}

/// The job as one JSON document with the request echoed. P0002 for a job that is not visible.
#[pg_extern(volatile, parallel_unsafe)]
fn acct_export_job(job: Option<Uuid>) -> Result<JsonB, Report> {
    let document = status::document(text(job).as_deref())?;
    wake::if_needed();
    Ok(JsonB(document))
}

/// Waits until the job ended or the time is up. P0002; 55000 for a job of the same transaction.
#[pg_extern(schema = "acct_export", volatile, parallel_unsafe)]
fn wait_for_end(job: Option<Uuid>, timeout: Option<Interval>) -> Result<JsonB, Report> {
    let limit = match timeout {
        // NULL: no limit.
        None => Duration::from_secs(u64::from(u32::MAX)),
        Some(timeout) => {
            Duration::from_micros(timeout.as_micros().clamp(0, i128::from(u32::MAX) * 1_000_000) as u64)
        }
    };
    Ok(JsonB(status::wait_for_end(text(job).as_deref(), limit)?))
}

/// Cancels a queued or running job; false if it has ended already. P0002 for a job that is not visible.
#[pg_extern(volatile, parallel_unsafe)]
fn acct_export_cancel(job: Option<Uuid>) -> Result<bool, Report> {
    Ok(manage::cancel(text(job).as_deref())?)
}

/// Deletes the job's files before their time; false if there is none. P0002 for a job that is not visible.
#[pg_extern(volatile, parallel_unsafe)]
fn acct_export_delete(job: Option<Uuid>) -> Result<bool, Report> {
    Ok(manage::delete(text(job).as_deref())?)
}

/// Deletes files and job records whose time is over; the number of files.
#[pg_extern(volatile, parallel_unsafe)]
fn acct_export_purge() -> Result<i64, Report> {
    crate::pg::xact::require_write("purge exports")?;
    Ok(identity::as_owner(manage::purge)?)
}

/// Whether the caller may see a job of this role and tenant.
#[pg_extern(schema = "acct_export", stable, parallel_unsafe)]
fn visible(requested_by: Oid, tenant: Option<String>) -> bool {
    status::is_visible(requested_by.to_u32(), tenant.as_deref())
}

/// Looking at the jobs starts a worker where one is missing; always true.
#[pg_extern(schema = "acct_export", volatile, parallel_unsafe)]
fn wake() -> bool {
    wake::if_needed();
    true
}

/// Counters of the worker that runs a job: stage, which of its datasets, rows, estimated rows, bytes, bytes in all. No row if it has none.
#[pg_extern(schema = "acct_export", volatile, parallel_unsafe)]
#[allow(clippy::type_complexity)] // a row's columns
fn worker_progress(
    worker_pid: Option<i32>,
) -> Result<
    TableIterator<
        'static,
        (
            name!(stage, String),
            name!(part, i32),
            name!(rows_done, i64),
            name!(rows_total, i64),
            name!(bytes_done, i64),
            name!(bytes_total, i64),
        ),
    >,
    Report,
> {
    let counters = match worker_pid {
        Some(pid) => identity::as_owner(|| progress::of(pid))?,
        None => None,
    };
    Ok(TableIterator::new(counters.into_iter().map(|counters| {
        (
            counters.stage.name().to_owned(),
            counters.part as i32,
            counters.rows,
            counters.rows_total,
            counters.bytes,
            counters.bytes_total,
        )
    })))
}
