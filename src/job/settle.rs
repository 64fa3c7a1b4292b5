//! The end of a job: the files, the state, the audit event and the notification in one commit.

use super::object;
use super::product::{File, Product};
use super::queue::Claimed;
use super::status::notify;
use crate::audit;
use crate::error::{Error, Kind, Result};
use crate::pg::sql::{self, Arg};
use crate::settings::Intervals;
use crate::sink::table;
use serde_json::{json, Value};

const LOCK: &str = "
SELECT jsonb_build_array(status, cancel_requested, attempts) FROM acct_export.job WHERE id = $1::uuid FOR UPDATE";

const FILE: &str = "
INSERT INTO acct_export.file (job, file, name, media_type, rows, bytes, sha256, status, parts, error, error_code)
VALUES ($1::uuid, $2, $3, $4, $5, $6, $7, $8, $9::jsonb, $10, $11)";

const COMPLETE: &str = "
UPDATE acct_export.job
   SET status = $2, finished_at = clock_timestamp(), expires_at = clock_timestamp() + $3::interval,
       as_of = timestamptz '2000-01-01 00:00:00+00' + $4 * interval '1 microsecond', wal_position = $5::pg_lsn,
       rows_done = $6, bytes_done = $7, failed_part = $8::integer, error = $9, error_code = $10, worker_pid = NULL
 WHERE id = $1::uuid";

/// A file that is in a bucket.
pub struct Placed {
    /// Of its row in acct_export.object.
    pub id: i64,
    pub e_tag: String,
}

/// Stores the files and completes the job; 57014 if somebody asked to cancel it meanwhile. `placed`: what became of the
/// files if they are in a bucket. As the owner.
pub fn complete(
    job: &Claimed,
    product: &mut Product,
    placed: Option<&[Option<Placed>]>,
    intervals: &Intervals,
) -> Result<()> {
    let (rows, bytes) = (product.rows() as i64, product.bytes());
    let mut stored = table::Progress { done: 0, total: bytes };
    let mut told = Vec::new();
    for (number, file) in (1i64..).zip(&mut product.files) {
        told.push(json!({
            "file": number, "name": file.name, "rows": file.rows(), "bytes": file.spooled.as_ref().map(|spooled| spooled.bytes),
            "sha256": file.spooled.as_ref().map(|spooled| &spooled.sha256),
            "error": file.failed.as_ref().map(|reason| &reason.message),
            "error_code": file.failed.as_ref().map(|reason| &reason.sqlstate),
            "parts": file.parts.iter().map(|part| json!({ "dataset": part.dataset, "fields": part.fields, "rows": part.rows }))
                .collect::<Vec<_>>(),
        }));
        insert(job, number, file)?;
        match (placed, &mut file.spooled) {
            (None, Some(spooled)) => table::store(&job.id, number, spooled, &mut stored)?,
            (Some(placed), Some(_)) => match placed.get(number as usize - 1) {
                Some(Some(placed)) => object::stored(placed.id, &placed.e_tag)?,
                _ => return Err(Error::new(Kind::Internal, "a file was not stored")),
            },
            (_, None) => {}
        }
    }
    // The row is locked last and briefly: a cancel waits for nothing but this commit.
    still_ours(job)?;
    let failed = product.failed.as_ref();
    let status = if failed.is_some() { "completed_with_errors" } else { "completed" };
    sql::run(
        COMPLETE,
        &[
            (&job.id).into(),
            status.into(),
            (&intervals.retention).into(),
            product.as_of.into(),
            (&product.wal_position).into(),
            rows.into(),
            (bytes as i64).into(),
            Arg::Int(failed.map(|failed| failed.place as i64)),
            failed.map(|failed| failed.reason.message.as_str()).into(),
            failed.map(|failed| failed.reason.sqlstate.as_str()).into(),
        ],
    )?;
    audit::record(audit::EXPORTED, &job.id, event(job, product, told))?;
    notify(&job.id, status)
}

fn insert(job: &Claimed, number: i64, file: &File) -> Result<()> {
    let spooled = file.spooled.as_ref();
    sql::run(
        FILE,
        &[
            (&job.id).into(),
            number.into(),
            (&file.name).into(),
            file.media_type.into(),
            (file.rows() as i64).into(),
            spooled.map_or(0, |spooled| spooled.bytes as i64).into(),
            spooled.map(|spooled| spooled.sha256.as_str()).into(),
            if spooled.is_some() { "stored" } else { "failed" }.into(),
            (&json!(file.parts).to_string()).into(),
            file.failed.as_ref().map(|reason| reason.message.as_str()).into(),
            file.failed.as_ref().map(|reason| reason.sqlstate.as_str()).into(),
        ],
    )?;
    Ok(())
}

/// What the audit trail keeps of a finished export: `fields` are those of the dataset itself, `sha256` and `file` those of the file
/// that it is in.
fn event(job: &Claimed, product: &Product, files: Vec<Value>) -> Value {
    let asked = &job.request;
    let own = product.files.first();
    json!({
        "format": asked.format, "filter": asked.filter, "period": asked.period, "start_date": asked.start_date,
        "end_date": asked.end_date, "since": asked.since,
        "fields": own.and_then(|file| file.parts.first()).map(|part| &part.fields), "include": asked.include,
        "anonymise": asked.anonymise, "include_disabled": asked.include_disabled, "all_tenants": asked.all_tenants,
        "options": asked.options, "destination": asked.destination, "reason": asked.reason, "approved_by": job.approved_by,
        "references": own.and_then(|file| file.parts.first()).map(|part| &part.shape.references).filter(|listed| !listed.is_empty()),
        "row_count": product.rows(), "bytes": product.bytes(),
        "sha256": own.and_then(|file| file.spooled.as_ref()).map(|spooled| &spooled.sha256),
        "file": own.map(|file| &file.name), "files": files, "error_code": product.failed.as_ref().map(|failed| &failed.reason.sqlstate),
    })
}

/// 57014 if somebody asked to cancel the job. As the owner.
pub fn still_wanted(job: &Claimed) -> Result<()> {
    let cancelled = sql::text(
        "SELECT 'x' FROM acct_export.job WHERE id = $1::uuid AND cancel_requested",
        &[(&job.id).into()],
    )?;
    match cancelled {
        None => Ok(()),
        Some(_) => Err(Error::new(Kind::QueryCanceled, "canceling statement due to user request")),
    }
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
    object::doom_begun(job)?;
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
