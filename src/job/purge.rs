//! The purge: files past their time, jobs that nobody has approved in time, records and messages past theirs.
//!
//! Rows are locked in one order, here and in all other places: job, file, chunk. A job that somebody else has locked is left for the
//! next time, so the purge waits for nobody. Each step finds its rows by an index and in the index's order: a moment that they are
//! compared with is the result of a sub-select, since a condition with a volatile function is no condition of an index.

use super::digests::is_last_run;
use super::status::notify;
use super::{digests, outbox, record, stored_object};
use crate::audit;
use crate::error::Result;
use crate::model::JobStatus;
use crate::pg::{sql, wait};
use crate::settings;
use serde_json::json;

/// Jobs, and records, of one transaction of a worker: others wait for their end, and a job that was just asked for.
const BATCH: i64 = 20;
const RECORDS: i64 = 500;

/// Jobs that are looked for at once within one transaction.
const AT_ONCE: i64 = 1000;

/// The files behind a moment and an id; $3: how many.
const EXPIRED: &str = "
SELECT jsonb_build_array(id, expires_at) FROM acct_export.job
 WHERE status IN ('completed', 'completed_with_errors') AND expires_at <= (SELECT clock_timestamp())
   AND expires_at >= $1::timestamptz AND (expires_at, id) > ($1::timestamptz, $2::uuid)
 ORDER BY expires_at, id LIMIT $3 FOR NO KEY UPDATE SKIP LOCKED";

/// Before all jobs.
const FIRST: (&str, &str) = ("-infinity", "00000000-0000-0000-0000-000000000000");

/// Locks a job that has files.
const LOCK: &str = "
SELECT to_jsonb(id) FROM acct_export.job
 WHERE id = $1::uuid AND status IN ('completed', 'completed_with_errors') FOR NO KEY UPDATE";

/// The names of its columns are data too, where keys of documents are columns: they go with the file.
const REMOVE: &str = "
WITH gone AS (DELETE FROM acct_export.chunk WHERE job = $1::uuid),
     files AS (UPDATE acct_export.file SET status = $2, parts = '[]' WHERE job = $1::uuid AND status = 'stored' RETURNING file),
     ended AS (UPDATE acct_export.job SET status = 'expired', expires_at = least(expires_at, clock_timestamp())
                WHERE id = $1::uuid AND status IN ('completed', 'completed_with_errors') RETURNING id)
SELECT to_jsonb(count(*)) FROM files, ended";

/// Removes the files of a job; their number. `status`: of the files from now on. As the owner.
pub fn remove(job: &str, status: &str) -> Result<i64> {
    // A statement with several changes locks rows in an order of its own: the job's is locked before.
    if sql::change::<String>(LOCK, &[job.into()])?.is_none() {
        return Ok(0);
    }
    let files: Option<i64> = sql::change(REMOVE, &[job.into(), status.into()])?;
    stored_object::mark_stored_for_deletion(job)?;
    digests::remove(job, status == "deleted")?;
    Ok(files.unwrap_or(0))
}

/// Removes files past their time, of so many jobs behind a place; the number of files, and the place of the last job where there may
/// be more.
fn expired(after: (&str, &str), most: i64) -> Result<(i64, Option<(String, String)>)> {
    let mut jobs: Vec<(String, String)> =
        sql::changes(EXPIRED, &[after.0.into(), after.1.into(), most.into()])?;
    let mut purged = 0;
    for (job, _) in &jobs {
        let files = remove(job, "expired")?;
        record::record(audit::PURGED, job, json!({ "files": files }))?;
        notify(job, JobStatus::Expired)?;
        purged += files;
        wait::check_interrupts();
    }
    let is_full = jobs.len() as i64 == most;
    Ok((purged, jobs.pop().filter(|_| is_full).map(|(id, expires_at)| (expires_at, id))))
}

/// The last run of a saved export that tells changes is what the next one begins with.
const FORGET: &str = concat!(
    "DELETE FROM acct_export.job WHERE id = ANY (ARRAY(
         SELECT id FROM acct_export.job AS j
          WHERE status IN ('expired', 'failed', 'cancelled') AND finished_at < (SELECT clock_timestamp() - $1::interval)
            AND NOT (j.status = 'expired' AND j.saved IS NOT NULL AND j.request #>> '{options,changes_since}' IS NOT NULL
                     AND ",
    is_last_run!(""),
    ")
          ORDER BY finished_at LIMIT $2 FOR UPDATE SKIP LOCKED))"
);

/// `acct_export_purge`: all of it, in the caller's transaction; the number of files. As the owner.
pub fn all() -> Result<i64> {
    let (mut purged, mut after) = expired(FIRST, AT_ONCE)?;
    while let Some((moment, id)) = after {
        let (files, last) = expired((&moment, &id), AT_ONCE)?;
        purged += files;
        after = last;
    }
    end_unapproved()?;
    let history = settings::history();
    while sql::run(FORGET, &[(&history).into(), AT_ONCE.into()])? > 0 {
        wait::check_interrupts();
    }
    while outbox::forget(&history, AT_ONCE)? > 0 {
        wait::check_interrupts();
    }
    Ok(purged)
}

/// A part of it, for a worker that commits each; true if there may be more. As the owner.
pub fn some() -> Result<bool> {
    let (_, more) = expired(FIRST, BATCH)?;
    if more.is_some() {
        return Ok(true);
    }
    end_unapproved()?;
    stored_object::mark_lost_for_deletion()?;
    let history = settings::history();
    let gone = sql::run(FORGET, &[(&history).into(), RECORDS.into()])?;
    let told = outbox::forget(&history, RECORDS)?;
    Ok(gone.max(told) as i64 == RECORDS)
}

/// Jobs that nobody has approved in the time that files are kept, as it is shown already. `expires_at` stays, to tell when that was.
const UNAPPROVED: &str = "
UPDATE acct_export.job j
   SET status = s.status, finished_at = s.finished_at, error = s.error, error_code = s.error_code
  FROM acct_export.job_status s
 WHERE s.job_id = j.id AND s.status = 'failed'
   AND j.id = (SELECT id FROM acct_export.job WHERE status = 'awaiting_approval' AND expires_at <= (SELECT clock_timestamp())
                LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED)
RETURNING jsonb_build_array(j.id, j.error, j.error_code)";

/// True if there are jobs that nobody has approved in time. Mostly there are none, and this costs less than to end them.
pub(super) fn has_unapproved() -> Result<bool> {
    let due = "SELECT 'x' FROM acct_export.job
                WHERE status = 'awaiting_approval' AND expires_at <= (SELECT clock_timestamp()) LIMIT 1";
    Ok(sql::text(due, &[])?.is_some())
}

/// Records the end of jobs that nobody has approved in time. As the owner.
pub(super) fn end_unapproved() -> Result<()> {
    if !has_unapproved()? {
        return Ok(());
    }
    while let Some((job, error, code)) = sql::change::<(String, String, String)>(UNAPPROVED, &[])? {
        record::record(audit::FAILED, &job, json!({ "error": error, "error_code": code }))?;
        notify(&job, JobStatus::Failed)?;
        wait::check_interrupts();
    }
    Ok(())
}
