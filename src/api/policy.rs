//! Policies of datasets, and the approvals that they ask for.

use super::jobs::text;
use crate::catalog::policy::{self, Given};
use crate::error::Error;
use crate::job::approve;
use crate::job::wake;
use crate::pg::report::{Report, Reported};
use pgrx::datum::{JsonB, Uuid};
use pgrx::prelude::*;

/// Behind `acct_export_set_policy`, whose arguments but the first come as one document.
#[pg_extern(schema = "acct_export", volatile, parallel_unsafe)]
fn set_policy(dataset: Option<&str>, given: JsonB) -> std::result::Result<(), Report> {
    let given: Given = serde_json::from_value(given.0)
        .map_err(|error| Error::invalid(format!("could not read the policy: {error}")))
        .reported()?;
    policy::set(dataset, &given).reported()
}

/// Lets a job go on that awaits approval; `note` is kept in the audit trail.
///
/// Errors: P0002 for a job that is not visible, 42501 for a caller who is no approver of its dataset or has asked for it, 55000
/// for a job that does not await approval.
#[pg_extern(volatile, parallel_unsafe)]
fn acct_export_approve(
    job: Option<Uuid>,
    note: default!(Option<&str>, "NULL"),
) -> std::result::Result<(), Report> {
    approve::approve(text(job).as_deref(), note).reported()?;
    // Also where exports run in the session that asks for them: this one must not be it.
    wake::at_commit(None);
    Ok(())
}

/// True if the caller may approve a job, which awaits it.
#[pg_extern(schema = "acct_export", stable, parallel_unsafe)]
fn may_approve(job: Uuid) -> bool {
    approve::may_approve(&job.to_string()).unwrap_or(false)
}
