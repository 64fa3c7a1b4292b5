//! Following and managing jobs. Those that return a row are SQL functions over these (sql/views.sql).

use crate::job::session::Session;
use crate::job::wake;
use crate::job::{adopt, commands, manifest, purge, status};
use crate::pg::oid::Oid;
use crate::pg::report::{Report, Reported};
use crate::pg::{identity, progress, worker};
use pgrx::datum::{Interval, JsonB, Uuid};
use pgrx::prelude::*;
use std::time::Duration;

pub(super) fn text(job: Option<Uuid>) -> Option<String> {
    job.map(|job| job.to_string())
}

/// The job as one JSON document with the request echoed. P0002 for a job that is not visible.
#[pg_extern(volatile, parallel_unsafe)]
fn acct_export_job(job: Option<Uuid>) -> Result<JsonB, Report> {
    let document = status::document(text(job).as_deref()).reported()?;
    wake::if_needed();
    Ok(JsonB(document))
}

/// The manifest of a job's files: the request as it was resolved, who asked, and for each file its rows, bytes, SHA-256, fields, and
/// what was left out and why. P0002 for a job that is not visible, 55000 for one that is not completed.
#[pg_extern(volatile, parallel_unsafe)]
fn acct_export_manifest(job: Option<Uuid>) -> Result<JsonB, Report> {
    manifest::of(text(job).as_deref()).reported().map(JsonB)
}

/// Waits until the job ended or the time is up. P0002; 55000 for a job of the same transaction.
#[pg_extern(schema = "acct_export", volatile, parallel_unsafe)]
fn wait_for_end(job: Option<Uuid>, timeout: Option<Interval>) -> Result<JsonB, Report> {
    let limit = match timeout {
        None => Duration::from_secs(60 * 60),
        Some(timeout) => {
            Duration::from_micros(timeout.as_micros().clamp(0, i128::from(u32::MAX) * 1_000_000) as u64)
        }
    };
    Ok(JsonB(status::wait_for_end(text(job).as_deref(), limit).reported()?))
}

/// Cancels a queued or running job; false if it has ended already. P0002 for a job that is not visible.
#[pg_extern(volatile, parallel_unsafe)]
fn acct_export_cancel(job: Option<Uuid>) -> Result<bool, Report> {
    commands::cancel(text(job).as_deref()).reported()
}

/// Deletes the job's files before their time; false if there is none. P0002 for a job that is not visible.
#[pg_extern(volatile, parallel_unsafe)]
fn acct_export_delete(job: Option<Uuid>) -> Result<bool, Report> {
    commands::delete(text(job).as_deref()).reported()
}

/// Deletes files and job records whose time is over; the number of files.
#[pg_extern(volatile, parallel_unsafe)]
fn acct_export_purge() -> Result<i64, Report> {
    crate::pg::xact::require_write("purge exports").reported()?;
    identity::as_owner(purge::all).reported()
}

/// Makes the jobs, messages and objects that this database has as a copy of another one its own; the number of jobs.
///
/// Errors: 42501 for others than superusers.
#[pg_extern(volatile, parallel_unsafe)]
fn acct_export_adopt() -> Result<i64, Report> {
    adopt::adopt().reported()
}

/// True if the caller may see a job of this role and session.
#[pg_extern(name = "visible", schema = "acct_export", stable, parallel_unsafe)]
fn visible_in_session(requested_by: Oid, session: JsonB) -> bool {
    let session: Option<Session> = serde_json::from_value(session.0).ok();
    session.is_some_and(|session| status::is_visible(requested_by.to_u32(), &session))
}

/// The system identifier and the database: what is made here says so.
#[pg_extern(schema = "acct_export", stable, parallel_safe)]
fn here() -> String {
    worker::here()
}

/// Looking at the jobs starts a worker where one is missing; always true.
#[pg_extern(schema = "acct_export", volatile, parallel_unsafe)]
fn wake() -> bool {
    wake::if_needed();
    true
}

/// Counters of the worker that runs a job: stage (`Stage::number`), which of its datasets, rows, estimated rows, bytes, bytes in all.
/// NULL: it has none.
#[pg_extern(schema = "acct_export", stable, parallel_unsafe)]
fn job_progress(worker_pid: i32) -> Result<Option<Vec<i64>>, Report> {
    let counters = identity::as_owner(|| progress::of(worker_pid)).reported()?;
    Ok(counters.map(|counters| {
        vec![
            counters.stage.number(),
            counters.part,
            counters.rows,
            counters.rows_total,
            counters.bytes,
            counters.bytes_total,
        ]
    }))
}
