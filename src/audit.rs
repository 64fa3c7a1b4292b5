//! The audit trail: events are written here and nowhere else, always within the transaction of what they tell of.
//!
//! An event gets its place in the chain just before the commit, when no code of a user's runs any more: the lock that
//! orders the chain is held for the time of a commit only. (A deferred trigger would do the same, but
//! `SET CONSTRAINTS ALL IMMEDIATE` and other deferred triggers could stretch that time.)

use crate::error::{Error, Kind, Result};
use crate::pg::lock::Lock;
use crate::pg::{identity, report, sql, xact};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::cell::Cell;

pub const EXPORTED: &str = "user.bulk_export";
pub const REQUESTED: &str = "user.bulk_export.requested";
pub const FAILED: &str = "user.bulk_export.failed";
pub const CANCELLED: &str = "user.bulk_export.cancelled";
pub const DOWNLOADED: &str = "user.bulk_export.downloaded";
pub const DELETED: &str = "user.bulk_export.deleted";
pub const PURGED: &str = "user.bulk_export.purged";

/// A detail without what was not asked; nulls inside (`{"phone": null}` is a filter) stay.
fn told(mut detail: Value) -> String {
    if let Value::Object(members) = &mut detail {
        members.retain(|_, value| !value.is_null());
    }
    detail.to_string()
}

/// Event of a job, on behalf of its requester. As the owner.
pub fn record(event: &str, job: &str, detail: Value) -> Result<()> {
    sql::run(
        "INSERT INTO acct_export.audit (event, job_id, actor, role, tenant, dataset, detail)
         SELECT $1, id, actor, requested_role, tenant, dataset, $3::jsonb
           FROM acct_export.job WHERE id = $2::uuid",
        &[event.into(), job.into(), (&told(detail)).into()],
    )?;
    seal_at_commit();
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
    seal_at_commit();
    Ok(())
}

/// The end of a running job that somebody cancelled. As the owner.
pub fn record_cancelled(job: &str) -> Result<()> {
    let by: Option<Option<By>> =
        sql::document("SELECT cancelled_by FROM acct_export.job WHERE id = $1::uuid", &[job.into()])?;
    match by.flatten() {
        Some(by) => record_by(CANCELLED, job, &by, serde_json::json!({})),
        None => record(CANCELLED, job, serde_json::json!({})),
    }
}

/// Event of a streaming function, which has no job. As the owner.
pub fn record_stream(dataset: &str, by: &By, tenant: Option<&str>, detail: Value) -> Result<()> {
    sql::run(
        "INSERT INTO acct_export.audit (event, actor, role, tenant, dataset, detail)
         VALUES ($1, $2, $3, $4, $5, $6::jsonb)",
        &[
            EXPORTED.into(),
            by.actor.as_deref().into(),
            (&by.role).into(),
            tenant.into(),
            dataset.into(),
            (&told(detail)).into(),
        ],
    )?;
    seal_at_commit();
    Ok(())
}

thread_local! {
    /// The hook is registered for the current transaction.
    static PLANNED: Cell<bool> = const { Cell::new(false) };
}

fn seal_at_commit() {
    if PLANNED.with(|planned| planned.replace(true)) {
        return;
    }
    xact::on_end(|_| PLANNED.with(|planned| planned.set(false)));
    xact::before_prepare(|| {
        report::raise(
            Error::new(
                Kind::FeatureNotSupported,
                "cannot PREPARE a transaction that asked for, read or streamed an export",
            )
            .hint("Commit it."),
        )
    });
    xact::before_commit(|| {
        Lock::Chain.acquire_for_transaction();
        // What committed while we waited for the lock is seen, also in a REPEATABLE READ transaction. And as a snapshot is
        // active, SPI leaves none behind for the portal of a procedure that commits (EnsurePortalSnapshotExists).
        xact::with_latest_snapshot(|| identity::as_owner(seal)).unwrap_or_else(|error| report::raise(error));
    });
}

/// Puts the events of this transaction behind the last one. As the owner, under the lock of the chain.
fn seal() -> Result<()> {
    let last: Option<(i64, String)> = sql::document(
        "SELECT jsonb_build_array(seq, encode(hash, 'hex')) FROM acct_export.audit
          WHERE seq IS NOT NULL ORDER BY seq DESC LIMIT 1",
        &[],
    )?;
    let new: Vec<i64> =
        sql::documents("SELECT to_jsonb(id) FROM acct_export.audit WHERE hash IS NULL ORDER BY id", &[])?;
    let (mut seq, mut hash) = last.unwrap_or_default();
    for id in new {
        let sealed: Option<String> = sql::change(
            "WITH sealed AS (
                 UPDATE acct_export.audit a
                    SET seq = $2, hash = acct_export.audit_hash(decode($3, 'hex'), $2, a)
                  WHERE a.id = $1
              RETURNING a.seq, a.hash
             )
             INSERT INTO acct_export.audit_seal (seq, hash) SELECT seq, hash FROM sealed
          RETURNING to_jsonb(encode(hash, 'hex'))",
            &[id.into(), (seq + 1).into(), (&hash).into()],
        )?;
        if let Some(sealed) = sealed {
            (seq, hash) = (seq + 1, sealed);
        }
    }
    Ok(())
}

/// Who does it now.
#[derive(Serialize, Deserialize)]
pub struct By {
    pub role: String,
    pub actor: Option<String>,
}

impl By {
    /// The caller; to be taken before the extension's owner acts.
    pub fn caller() -> By {
        use crate::pg::{guc, identity};
        By {
            role: identity::role_name(identity::current_user()).unwrap_or_default(),
            actor: guc::get(&crate::settings::actor_setting()),
        }
    }
}
