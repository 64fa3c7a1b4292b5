//! Schedules of saved exports: `acct_export_schedule`, `acct_export_run_due`.

use crate::job::schedule;
use crate::pg::report::{Report, Reported};
use crate::worker;
use pgrx::prelude::*;

/// Has a saved export started by a cron expression, as its owner; `cron` NULL: no longer. `time_zone` NULL: the session's.
///
/// Errors: P0002 for a name that is not visible in this session, 22023 for an expression or a time zone that cannot be used.
#[pg_extern(volatile, parallel_unsafe)]
fn acct_export_schedule(
    name: Option<&str>,
    cron: Option<&str>,
    time_zone: default!(Option<&str>, "NULL"),
    enabled: default!(Option<bool>, "true"),
) -> Result<(), Report> {
    schedule::set(name, cron, time_zone, enabled.unwrap_or(true)).reported()
}

/// Starts the saved exports whose schedules are due, in a process of its own, and returns how many it started.
///
/// Errors: 25006; 53400 where no background worker can be had.
#[pg_extern(volatile, parallel_unsafe)]
fn acct_export_run_due() -> Result<i32, Report> {
    worker::schedule::run_due().reported()
}
