//! Events that are written in the transaction of what they tell of.

use super::event::told;
use super::{outlast, seal, witness, By, Event, CANCELLED};
use crate::error::Result;
use crate::pg::{identity, sql, xact};
use serde_json::{json, Value};

/// Event of a job, on behalf of its requester. As the owner.
pub fn record(event: &str, job: &str, detail: Value) -> Result<()> {
    sql::run(
        "INSERT INTO acct_export.audit (event, job_id, actor, role, tenant, dataset, detail)
         SELECT $1, id, actor, requested_role, tenant, dataset, $3::jsonb
           FROM acct_export.job WHERE id = $2::uuid",
        &[event.into(), job.into(), (&told(detail)).into()],
    )?;
    seal::at_commit();
    Ok(())
}

/// Event of a job that somebody else than its requester may have caused. As the owner.
pub fn record_by(event: &str, job: &str, by: &By, detail: Value) -> Result<()> {
    sql::run(
        "INSERT INTO acct_export.audit (event, job_id, actor, role, tenant, dataset, detail)
         SELECT $1, id, $4, $5, tenant, dataset, $3::jsonb
           FROM acct_export.job WHERE id = $2::uuid",
        &[event.into(), job.into(), (&told(detail)).into(), by.actor.as_deref().into(), (&by.role).into()],
    )?;
    seal::at_commit();
    Ok(())
}

/// The end of a running job that somebody cancelled. As the owner.
pub fn record_cancelled(job: &str) -> Result<()> {
    let by: Option<Option<By>> =
        sql::document("SELECT cancelled_by FROM acct_export.job WHERE id = $1::uuid", &[job.into()])?;
    match by.flatten() {
        Some(by) => record_by(CANCELLED, job, &by, json!({})),
        None => record(CANCELLED, job, json!({})),
    }
}

/// An event without a job. As the owner.
pub fn record_plain(event: Event) -> Result<()> {
    event.row().insert()?;
    seal::at_commit();
    Ok(())
}

/// Event of bytes that leave the server before the transaction ends: it is there whatever becomes of the transaction. To be
/// called before the first byte. In a READ ONLY transaction a witness writes it at once; on a standby it goes to the log.
pub fn left(event: Event) -> Result<()> {
    if !xact::may_write() {
        witness::tell(&event.bounded());
        return Ok(());
    }
    identity::as_owner(|| event.row().insert())?;
    seal::at_commit();
    outlast::keep(event);
    Ok(())
}
