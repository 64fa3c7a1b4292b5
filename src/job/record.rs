//! Audit events of jobs: they take who asked, and for what, from the job's row.

use crate::audit::event::insert;
use crate::audit::{self, By};
use crate::error::Result;
use crate::pg::sql;
use serde_json::{json, Value};

/// Event of a job, on behalf of its requester and of the session that asked for it. As the owner.
pub fn record(event: &str, job: &str, detail: Value) -> Result<()> {
    sql::run(
        insert!(
            "SELECT clock_timestamp() AS at, $1 AS event, id AS job_id, actor, requested_role AS role, tenant, dataset, $3::jsonb AS detail,
                    login, client_addr, application_name
               FROM acct_export.job WHERE id = $2::uuid"
        ),
        &[event.into(), job.into(), (&audit::event_detail(detail)).into()],
    )?;
    audit::chain_at_commit();
    Ok(())
}

/// Event of a job that somebody else than its requester may have caused. As the owner.
pub fn record_by(event: &str, job: &str, by: &By, detail: Value) -> Result<()> {
    sql::run(
        insert!(
            "SELECT clock_timestamp() AS at, $1 AS event, id AS job_id, $4 AS actor, $5 AS role, tenant, dataset, $3::jsonb AS detail,
                    $6 AS login, $7::inet AS client_addr, $8 AS application_name
               FROM acct_export.job WHERE id = $2::uuid"
        ),
        &[
            event.into(),
            job.into(),
            (&audit::event_detail(detail)).into(),
            by.actor.as_deref().into(),
            (&by.role).into(),
            by.login.as_deref().into(),
            by.client_addr.as_deref().into(),
            by.application_name.as_deref().into(),
        ],
    )?;
    audit::chain_at_commit();
    Ok(())
}

/// The end of a running job that somebody cancelled. As the owner.
pub fn record_cancelled(job: &str) -> Result<()> {
    let by: Option<Option<By>> =
        sql::document("SELECT cancelled_by FROM acct_export.job WHERE id = $1::uuid", &[job.into()])?;
    match by.flatten() {
        Some(by) => record_by(audit::CANCELLED, job, &by, json!({})),
        None => record(audit::CANCELLED, job, json!({})),
    }
}
