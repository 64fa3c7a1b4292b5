//! The end of a job: the file, the state, the audit event and the notification in one commit.

use super::queue::Claimed;
use super::status::notify;
use crate::audit;
use crate::decode::Shape;
use crate::error::{Error, Kind, Result};
use crate::pg::sql;
use crate::settings::Intervals;
use crate::sink::{table, Spooled};
use serde_json::json;

/// What a finished read hands over.
pub struct Product {
    pub spooled: Spooled,
    pub name: String,
    pub media_type: &'static str,
    pub rows: u64,
    /// Moment of the snapshot, microseconds since 2000-01-01 UTC.
    pub as_of: i64,
    pub fields: Vec<String>,
    pub shape: Shape,
}

const LOCK: &str = "
SELECT jsonb_build_array(status, cancel_requested, attempts) FROM acct_export.job WHERE id = $1::uuid FOR UPDATE";

const COMPLETE: &str = "
UPDATE acct_export.job
   SET status = 'completed', finished_at = clock_timestamp(), expires_at = clock_timestamp() + $2::interval,
       as_of = timestamptz '2000-01-01 00:00:00+00' + $3 * interval '1 microsecond', rows_done = $4, bytes_done = $5,
       fields = ARRAY(SELECT jsonb_array_elements_text($6::jsonb)), shape = $7::jsonb, worker_pid = NULL
 WHERE id = $1::uuid";

/// Stores the file and completes the job; 57014 if somebody asked to cancel it meanwhile. As the owner.
pub fn complete(job: &Claimed, product: &mut Product, intervals: &Intervals) -> Result<()> {
    let file = "INSERT INTO acct_export.file (job, file, name, media_type, rows, bytes, sha256, status)
                VALUES ($1::uuid, 1, $2, $3, $4, $5, $6, 'stored')";
    let (rows, bytes) = (product.rows as i64, product.spooled.bytes as i64);
    let sha256 = product.spooled.sha256.clone();
    sql::run(
        file,
        &[
            (&job.id).into(),
            (&product.name).into(),
            product.media_type.into(),
            rows.into(),
            bytes.into(),
            (&sha256).into(),
        ],
    )?;
    table::store(&job.id, 1, &mut product.spooled)?;
    // The row is locked last and briefly: a cancel waits for nothing but this commit.
    still_ours(job)?;
    sql::run(
        COMPLETE,
        &[
            (&job.id).into(),
            (&intervals.retention).into(),
            product.as_of.into(),
            rows.into(),
            bytes.into(),
            (&json!(product.fields).to_string()).into(),
            (&json!(product.shape).to_string()).into(),
        ],
    )?;
    let asked = &job.request;
    audit::record(
        audit::EXPORTED,
        &job.id,
        json!({
            "format": asked.format, "filter": asked.filter, "period": asked.period, "start_date": asked.start_date,
            "end_date": asked.end_date, "since": asked.since, "fields": product.fields, "anonymise": asked.anonymise,
            "include_disabled": asked.include_disabled, "all_tenants": asked.all_tenants, "reason": asked.reason,
            "approved_by": job.approved_by,
            "row_count": product.rows, "bytes": bytes, "sha256": sha256, "file": product.name,
        }),
    )?;
    notify(&job.id, "completed")
}

/// Locks the job's row; 57014 if somebody asked to cancel it meanwhile.
fn still_ours(job: &Claimed) -> Result<()> {
    let state: Option<(String, bool, i64)> = sql::change(LOCK, &[(&job.id).into()])?;
    match state {
        Some((status, false, attempts)) if status == "running" && attempts == job.attempts => Ok(()),
        Some(_) => Err(Error::new(Kind::QueryCanceled, "canceling statement due to user request")),
        None => Err(Error::new(Kind::NoDataFound, "the job was removed while it ran")),
    }
}

const AWAIT_APPROVAL: &str = "
UPDATE acct_export.job
   SET status = 'awaiting_approval', worker_pid = NULL, expires_at = clock_timestamp() + $2::interval
 WHERE id = $1::uuid";

/// Has the job wait for a second person: as long as its file would be kept. 57014 as `complete`. As the owner.
pub fn await_approval(job: &Claimed, intervals: &Intervals) -> Result<()> {
    still_ours(job)?;
    sql::run(AWAIT_APPROVAL, &[(&job.id).into(), (&intervals.retention).into()])?;
    notify(&job.id, "awaiting_approval")
}

const FAIL: &str = "
UPDATE acct_export.job j
   SET status = e.status, finished_at = CASE e.status WHEN 'queued' THEN NULL ELSE clock_timestamp() END,
       started_at = CASE e.status WHEN 'queued' THEN NULL ELSE j.started_at END, worker_pid = NULL,
       error = CASE e.status WHEN 'failed' THEN $2 END, error_code = CASE e.status WHEN 'failed' THEN $3 END
  FROM (SELECT id, CASE WHEN cancel_requested THEN 'cancelled' WHEN $4 AND attempts < $5 THEN 'queued' ELSE 'failed' END AS status
          FROM acct_export.job WHERE id = $1::uuid AND status = 'running' AND attempts = $6 FOR UPDATE) e
 WHERE j.id = e.id
RETURNING to_jsonb(j.status)";

/// Ends a job without a file: cancelled if that was asked for, else failed with its reason; one that was stopped although
/// nobody asked for it is queued again. False: it still runs, as somebody changed it at the same time. As the owner.
pub fn fail(claimed: &Claimed, message: &str, sqlstate: &str, stopped: bool) -> Result<bool> {
    let job = claimed.id.as_str();
    let limit = crate::settings::max_attempts();
    let status: Option<String> = sql::change(
        FAIL,
        &[job.into(), message.into(), sqlstate.into(), stopped.into(), limit.into(), claimed.attempts.into()],
    )?;
    match status.as_deref() {
        Some("cancelled") => audit::record_cancelled(job)?,
        Some("failed") => audit::record(audit::FAILED, job, json!({ "code": sqlstate }))?,
        Some(_) => {}
        None => return Ok(!is_running(claimed)?),
    }
    notify(job, status.as_deref().unwrap_or_default())?;
    Ok(true)
}

/// Whether this attempt of the job has not ended.
fn is_running(claimed: &Claimed) -> Result<bool> {
    let running = sql::text(
        "SELECT 'x' FROM acct_export.job WHERE id = $1::uuid AND status = 'running' AND attempts = $2",
        &[(&claimed.id).into(), claimed.attempts.into()],
    )?;
    Ok(running.is_some())
}
