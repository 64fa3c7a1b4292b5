//! The end of a job: the files, the state, the audit event and the notification in one commit.

use super::output::{ExportOutput, File};
use super::queue::{Claimed, MOST_RUNS};
use super::record::{record, record_cancelled};
use super::status::notify;
use super::stored_file::FilePart;
use super::{chunks, digests, stored_object};
use crate::audit;
use crate::error::{Error, Kind, Result};
use crate::model::JobStatus;
use crate::pg::sql::{self, Arg};
use crate::settings;
use serde_json::{json, Value};

const LOCK: &str = "
SELECT jsonb_build_array(status, cancel_requested, runs) FROM acct_export.job WHERE id = $1::uuid FOR NO KEY UPDATE";

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

/// Stores the files and completes the job; 57014 if somebody asked to cancel it meanwhile. After an abort it can be done again.
/// `placed`: the objects of the files, if they are in a bucket. As the owner.
pub fn complete(job: &Claimed, output: &mut ExportOutput, placed: Option<&[Option<Placed>]>) -> Result<()> {
    let (rows, bytes) = (output.rows() as i64, output.bytes());
    let mut stored = chunks::Progress { done: 0, total: bytes };
    let mut told = Vec::new();
    for (number, file) in (1i64..).zip(&mut output.files) {
        told.push(json!({
            "file": number, "name": file.name, "rows": file.rows(), "bytes": file.spooled.as_ref().map(|spooled| spooled.bytes),
            "sha256": file.spooled.as_ref().map(|spooled| &spooled.sha256),
            "error": file.failed.as_ref().map(|reason| &reason.message),
            "error_code": file.failed.as_ref().map(|reason| &reason.sqlstate),
            "parts": file.parts.iter().map(part_of_event).collect::<Vec<_>>(),
        }));
        insert(job, number, file)?;
        match (placed, &mut file.spooled) {
            (None, Some(spooled)) => {
                spooled.rewind()?;
                chunks::store(&job.id, number, spooled, &mut stored)?;
            }
            (Some(placed), Some(_)) => match placed.get(number as usize - 1) {
                Some(Some(placed)) => stored_object::stored(placed.id, &placed.e_tag)?,
                _ => return Err(Error::new(Kind::Internal, "a file was not stored")),
            },
            (_, None) => {}
        }
    }
    if let Some(digests) = &mut output.digests {
        digests::store(&job.id, digests)?;
    }
    // The row is locked last and briefly: a cancel waits for nothing but this commit.
    still_ours(job)?;
    let failed = output.failed.as_ref();
    let status = if failed.is_some() { JobStatus::CompletedWithErrors } else { JobStatus::Completed };
    sql::run(
        COMPLETE,
        &[
            (&job.id).into(),
            status.as_str().into(),
            (&settings::retention()).into(),
            output.as_of.into(),
            (&output.wal_position).into(),
            rows.into(),
            (bytes as i64).into(),
            Arg::Int(failed.map(|failed| failed.place as i64)),
            failed.map(|failed| failed.reason.message.as_str()).into(),
            failed.map(|failed| failed.reason.sqlstate.as_str()).into(),
        ],
    )?;
    record(audit::EXPORTED, &job.id, event(job, output, told))?;
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

/// The audit detail of a finished export: `fields` and `redacted` are those of the dataset itself, `sha256` and `file` those of the file
/// that it is in.
fn event(job: &Claimed, output: &ExportOutput, files: Vec<Value>) -> Value {
    let asked = &job.request;
    let own = output.files.first();
    let part = own.and_then(|file| file.parts.first());
    let selection = part.map(|part| &part.selection);
    json!({
        "format": asked.format, "filter": asked.filter, "period": asked.period, "start_date": asked.start_date,
        "end_date": asked.end_date, "since": asked.since,
        "fields": part.map(|part| &part.fields),
        "masks": part.map(|part| &part.masks), "include": asked.include,
        "anonymise": asked.anonymise, "include_disabled": asked.include_disabled, "all_tenants": asked.all_tenants,
        "options": asked.options, "destination": asked.destination, "reason": asked.reason, "approved_by": job.approved_by,
        "references": part.map(|part| &part.shape.references).filter(|listed| !listed.is_empty()),
        "redacted": part.map(|part| &part.redacted).filter(|redacted| !redacted.is_empty()),
        "time_zone": job.context.time_zone,
        "period_field": selection.and_then(|selection| selection.period_field.as_ref()),
        "from": selection.and_then(|selection| selection.from.as_ref()),
        "before": selection.and_then(|selection| selection.before.as_ref()),
        "disabled_rows": selection.and_then(|selection| selection.disabled_rows.as_ref()),
        "changes": selection.and_then(|selection| selection.changes.as_ref()),
        "dataset_rows": part.map(|part| part.rows),
        "row_count": output.rows(), "bytes": output.bytes(),
        "sha256": own.and_then(|file| file.spooled.as_ref()).map(|spooled| &spooled.sha256),
        "file": own.map(|file| &file.name), "files": files, "error": output.failed.as_ref().map(|failed| &failed.reason.message),
        "error_code": output.failed.as_ref().map(|failed| &failed.reason.sqlstate),
    })
}

fn part_of_event(part: &FilePart) -> Value {
    let mut told =
        json!({ "dataset": part.dataset, "fields": part.fields, "masks": part.masks, "rows": part.rows });
    if !part.redacted.is_empty() {
        told["redacted"] = json!(part.redacted);
    }
    told
}

/// 57014 if somebody asked to cancel the job. As the owner.
pub fn still_wanted(job: &Claimed) -> Result<()> {
    let cancelled = sql::text(
        "SELECT 'x' FROM acct_export.job WHERE id = $1::uuid AND cancel_requested",
        &[(&job.id).into()],
    )?;
    match cancelled {
        None => Ok(()),
        Some(_) => Err(Error::canceled()),
    }
}

/// Locks the job's row; 57014 if somebody asked to cancel it meanwhile. As the owner.
pub fn still_ours(job: &Claimed) -> Result<()> {
    let state: Option<(JobStatus, bool, i64)> = sql::change(LOCK, &[(&job.id).into()])?;
    match state {
        Some((JobStatus::Running, false, run)) if run == job.run => Ok(()),
        Some(_) => Err(Error::canceled()),
        None => Err(Error::new(Kind::NoDataFound, "the export job was deleted while it was running")),
    }
}

const AWAIT_APPROVAL: &str = "
UPDATE acct_export.job
   SET status = 'awaiting_approval', worker_pid = NULL, expires_at = clock_timestamp() + $2::interval
 WHERE id = $1::uuid";

/// Has the job wait for a second person: as long as its file would be kept. 57014 as `complete`. As the owner.
pub fn await_approval(job: &Claimed) -> Result<()> {
    still_ours(job)?;
    sql::run(AWAIT_APPROVAL, &[(&job.id).into(), (&settings::retention()).into()])?;
    notify(&job.id, JobStatus::AwaitingApproval)
}

/// The end of a run without a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    Failed,
    /// An administrator cancelled the worker. (A job that is marked as cancelled ends so in any case.)
    Cancelled,
    /// It was stopped for no reason of its own: it goes back into the queue, and the run does not count.
    GivenBack,
}

const FAIL: &str = "
UPDATE acct_export.job j
   SET status = e.status, finished_at = CASE e.status WHEN 'queued' THEN NULL ELSE clock_timestamp() END,
       started_at = CASE e.status WHEN 'queued' THEN NULL ELSE j.started_at END, worker_pid = NULL,
       attempts = CASE e.status WHEN 'queued' THEN j.attempts - 1 ELSE j.attempts END,
       error = CASE e.status WHEN 'failed' THEN $2 END, error_code = CASE e.status WHEN 'failed' THEN $3 END
  FROM (SELECT id, CASE WHEN cancel_requested THEN 'cancelled' WHEN $4 = 'queued' AND runs >= $6 THEN 'failed' ELSE $4 END AS status
          FROM acct_export.job WHERE id = $1::uuid AND status IS NOT DISTINCT FROM 'running' AND runs = $5 FOR NO KEY UPDATE) e
 WHERE j.id = e.id
RETURNING jsonb_build_array(j.status, j.cancel_requested)";

/// Ends a run: as cancelled if that was asked for, else as `ending` says. False: it still runs, as somebody changed it at the same time.
/// As the owner.
pub fn fail(claimed: &Claimed, message: &str, sqlstate: &str, ending: Ending) -> Result<bool> {
    let job = claimed.id.as_str();
    let wanted = match ending {
        Ending::Failed => JobStatus::Failed,
        Ending::Cancelled => JobStatus::Cancelled,
        Ending::GivenBack => JobStatus::Queued,
    };
    let ended: Option<(JobStatus, bool)> = sql::change(
        FAIL,
        &[
            job.into(),
            message.into(),
            sqlstate.into(),
            wanted.as_str().into(),
            claimed.run.into(),
            MOST_RUNS.into(),
        ],
    )?;
    let Some((status, was_asked)) = ended else { return Ok(!is_running(claimed)?) };
    match status {
        JobStatus::Cancelled if was_asked => record_cancelled(job)?,
        // The server does not say who called it.
        JobStatus::Cancelled => record(audit::CANCELLED, job, json!({ "by": "pg_cancel_backend" }))?,
        JobStatus::Failed => record(audit::FAILED, job, json!({ "error": message, "error_code": sqlstate }))?,
        _ => {}
    }
    stored_object::mark_begun_for_deletion(job)?;
    notify(job, status)?;
    Ok(true)
}

/// True if this run of the job has not ended.
fn is_running(claimed: &Claimed) -> Result<bool> {
    let running = sql::text(
        "SELECT 'x' FROM acct_export.job WHERE id = $1::uuid AND status IS NOT DISTINCT FROM 'running' AND runs = $2",
        &[(&claimed.id).into(), claimed.run.into()],
    )?;
    Ok(running.is_some())
}
