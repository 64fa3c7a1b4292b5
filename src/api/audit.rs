//! The DBA's side of the audit trail; what reads it is SQL (sql/audit.sql).

use crate::audit::removal;
use crate::pg::report::{Report, Reported};
use pgrx::datum::TimestampWithTimeZone;
use pgrx::prelude::*;

/// Removes the events that are older than a moment, and keeps the hash of the last one as the anchor of the chain; the number
/// of events.
///
/// Errors: 42501 for others than superusers, 22023 without a reason or for a time to come.
#[pg_extern(volatile, parallel_unsafe)]
fn acct_export_audit_remove(
    before: Option<TimestampWithTimeZone>,
    reason: Option<&str>,
) -> Result<i64, Report> {
    let before = before.map(|before| before.to_iso_string());
    removal::remove(before.as_deref(), reason).reported()
}
