//! The queue: which job is next, and which have lost their worker.

use super::lock_of;
use crate::audit::{self, By};
use crate::error::Result;
use crate::pg::lock::Lock;
use crate::pg::{sql, worker};
use crate::settings;
use serde::Deserialize;
use std::cell::Cell;

/// A job that this process has claimed.
#[derive(Debug, Deserialize)]
pub struct Claimed {
    pub id: String,
    pub requested_by: u32,
    pub request: crate::request::Asked,
    pub context: super::context::Context,
    /// Of the dataset and its companions.
    pub titles: Vec<String>,
    /// The second person who has agreed to whatever number of rows.
    pub approved_by: Option<By>,
    /// Which attempt this is: who finishes another one is too late.
    pub attempts: i64,
}

/// Tenants in turn: the one that has fewest running, then the one whose last start is longest ago, then the oldest job.
const CANDIDATES: &str = "
WITH waiting AS (
    SELECT coalesce(tenant, '') AS tenant FROM acct_export.job WHERE status = 'queued' GROUP BY 1
), turn AS (
    SELECT w.tenant,
           (SELECT count(*) FROM acct_export.job r WHERE r.status = 'running' AND coalesce(r.tenant, '') = w.tenant) AS running,
           (SELECT max(s.started_at) FROM acct_export.job s WHERE coalesce(s.tenant, '') = w.tenant) AS last
      FROM waiting w
)
SELECT to_jsonb(j.id)
  FROM turn t
 CROSS JOIN LATERAL (SELECT q.id, q.created_at FROM acct_export.job q
                      WHERE q.status = 'queued' AND coalesce(q.tenant, '') = t.tenant
                      ORDER BY q.created_at LIMIT 20) j
 ORDER BY t.running, t.last NULLS FIRST, j.created_at
 LIMIT 100";

const TAKE: &str = "
WITH next AS (
    SELECT id FROM acct_export.job WHERE id = $1::uuid AND status = 'queued' FOR UPDATE SKIP LOCKED
)
UPDATE acct_export.job j
   SET status = 'running', started_at = clock_timestamp(), attempts = attempts + 1, worker_pid = $2::integer
  FROM next WHERE j.id = next.id
RETURNING jsonb_build_object('id', j.id, 'requested_by', j.requested_by::bigint, 'request', j.request,
                             'context', j.context, 'titles', j.titles, 'approved_by', j.approved_by, 'attempts', j.attempts)";

thread_local! {
    /// Lock of the job that this worker has claimed. A session lock outlives an aborted transaction, so who claims has
    /// to know what to give back.
    static HELD: Cell<Option<Lock>> = const { Cell::new(None) };
}

/// Gives the lock of the claimed job back, if there is one.
pub fn let_go() {
    let Some(lock) = HELD.take() else { return };
    // It was taken again after the read: twice at most.
    for _ in 0..2 {
        if lock.is_held() {
            lock.release();
        }
    }
}

/// Takes the next job for this worker; its lock is held before the change is committed, so there is no moment in which it
/// looks crashed. As the owner; `let_go` ends it, whatever comes.
pub fn claim() -> Result<Option<Claimed>> {
    let candidates: Vec<String> = sql::documents(CANDIDATES, &[])?;
    for job in candidates {
        let lock = lock_of(&job);
        if !lock.try_acquire() {
            continue;
        }
        HELD.set(Some(lock));
        if let Some(claimed) = take(&job)? {
            return Ok(Some(claimed));
        }
        let_go();
    }
    Ok(None)
}

/// Makes one queued job this process's own. Without its lock only where nobody else can see the job: in the transaction
/// that has just asked for it.
pub fn take(job: &str) -> Result<Option<Claimed>> {
    let pid = i64::from(worker::pid());
    let claimed: Option<Claimed> = sql::change(TAKE, &[job.into(), pid.into()])?;
    if claimed.is_some() {
        super::status::notify(job, "running")?;
    }
    Ok(claimed)
}

/// Whether a worker would find a job to take. A queued job that an open transaction is about to cancel is none. As the
/// owner, within a transaction that may write.
pub fn has_work() -> Result<bool> {
    let free =
        "SELECT to_jsonb(id) FROM acct_export.job WHERE status = 'queued' LIMIT 1 FOR UPDATE SKIP LOCKED";
    Ok(sql::change::<String>(free, &[])?.is_some())
}

/// Whether a worker may be missing: a queued job, one that lost its worker, one that is past its time. Reads only.
pub fn is_waiting() -> Result<bool> {
    let active: Vec<(String, String)> = sql::documents(
        "SELECT jsonb_build_array(id, status) FROM acct_export.job WHERE status IN ('queued', 'running') LIMIT 1000",
        &[],
    )?;
    let missing = active.iter().any(|(job, status)| status == "queued" || !lock_of(job).is_held_elsewhere());
    Ok(missing || super::manage::has_unapproved()?)
}

const CRASHED: &str = "
WITH lost AS (SELECT id FROM acct_export.job WHERE id = $1::uuid AND status = 'running' FOR UPDATE SKIP LOCKED)
UPDATE acct_export.job j
   SET status = CASE WHEN cancel_requested THEN 'cancelled' WHEN attempts < $2 THEN 'queued' ELSE 'failed' END,
       worker_pid = NULL, started_at = NULL,
       finished_at = CASE WHEN cancel_requested OR attempts >= $2 THEN clock_timestamp() END,
       error = CASE WHEN NOT cancel_requested AND attempts >= $2 THEN 'the worker or the server went down while the export ran' END,
       error_code = CASE WHEN NOT cancel_requested AND attempts >= $2 THEN '57P02' END
  FROM lost WHERE j.id = lost.id
RETURNING jsonb_build_array(j.status, j.attempts)";

/// Puts running jobs whose worker is gone back into the queue, or ends them after `max_attempts`. As the owner.
pub fn recover() -> Result<()> {
    let running: Vec<String> =
        sql::documents("SELECT to_jsonb(id) FROM acct_export.job WHERE status = 'running'", &[])?;
    for job in running {
        let lock = lock_of(&job);
        if !lock.try_acquire() {
            continue;
        }
        let outcome: Option<(String, i64)> =
            sql::change(CRASHED, &[(&job).into(), settings::max_attempts().into()])?;
        lock.release();
        if let Some((status, attempts)) = outcome {
            super::object::doom_begun(&job)?;
            match status.as_str() {
                "failed" => audit::record(
                    audit::FAILED,
                    &job,
                    serde_json::json!({ "code": "57P02", "attempts": attempts }),
                )?,
                "cancelled" => audit::record_cancelled(&job)?,
                _ => {}
            }
            super::status::notify(&job, &status)?;
        }
    }
    super::object::doom_lost()
}
