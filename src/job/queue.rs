//! The queue: which job is next, and which have lost their worker.

use super::lock_of;
use crate::audit;
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
}

/// Tenants in turn: the one that has fewest running, then the one whose last start is longest ago, then the oldest job.
const CANDIDATES: &str = "
SELECT to_jsonb(j.id)
  FROM acct_export.job j
 WHERE j.status = 'queued'
 ORDER BY (SELECT count(*) FROM acct_export.job r WHERE r.status = 'running' AND r.tenant IS NOT DISTINCT FROM j.tenant),
          (SELECT max(s.started_at) FROM acct_export.job s WHERE s.tenant IS NOT DISTINCT FROM j.tenant) NULLS FIRST,
          j.created_at
 LIMIT 100";

const TAKE: &str = "
WITH next AS (
    SELECT id FROM acct_export.job WHERE id = $1::uuid AND status = 'queued' FOR UPDATE SKIP LOCKED
)
UPDATE acct_export.job j
   SET status = 'running', started_at = clock_timestamp(), attempts = attempts + 1, worker_pid = $2::integer
  FROM next WHERE j.id = next.id
RETURNING jsonb_build_object('id', j.id, 'requested_by', j.requested_by::bigint, 'request', j.request,
                             'context', j.context)";

thread_local! {
    /// Lock of the job that this worker has claimed. A session lock outlives an aborted transaction, so who claims has
    /// to know what to give back.
    static HELD: Cell<Option<Lock>> = const { Cell::new(None) };
}

/// Gives the lock of the claimed job back, if there is one.
pub fn let_go() {
    if let Some(lock) = HELD.take() {
        lock.release();
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

/// Whether a worker has something to do: a queued job, or one that lost its worker. Reads only.
pub fn is_waiting() -> Result<bool> {
    let active: Vec<(String, String)> = sql::documents(
        "SELECT jsonb_build_array(id, status) FROM acct_export.job WHERE status IN ('queued', 'running') LIMIT 1000",
        &[],
    )?;
    Ok(active.iter().any(|(job, status)| status == "queued" || !lock_of(job).is_held_elsewhere()))
}

const CRASHED: &str = "
UPDATE acct_export.job
   SET status = CASE WHEN cancel_requested THEN 'cancelled' WHEN attempts < $2 THEN 'queued' ELSE 'failed' END,
       worker_pid = NULL, started_at = NULL,
       finished_at = CASE WHEN cancel_requested OR attempts >= $2 THEN clock_timestamp() END,
       error = CASE WHEN NOT cancel_requested AND attempts >= $2 THEN 'the worker or the server went down while the export ran' END,
       error_code = CASE WHEN NOT cancel_requested AND attempts >= $2 THEN '57P02' END
 WHERE id = $1::uuid AND status = 'running'
RETURNING jsonb_build_array(status, attempts)";

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
            match status.as_str() {
                "failed" => audit::record(
                    audit::FAILED,
                    &job,
                    serde_json::json!({ "code": "57P02", "attempts": attempts }),
                )?,
                "cancelled" => audit::record(audit::CANCELLED, &job, serde_json::json!({}))?,
                _ => {}
            }
            super::status::notify(&job, &status)?;
        }
    }
    Ok(())
}
