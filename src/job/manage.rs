//! What a caller does with a job: cancel, retry, delete its file; and what time does: purge.

use super::status::{given, not_found, notify};
use super::{approve, object};
use crate::audit::denied::{self, Attempt};
use crate::audit::{self, By};
use crate::error::{Error, Kind, Result};
use crate::pg::{identity, sql, wait, xact};
use crate::request::Asked;
use crate::settings;
use serde::Deserialize;
use serde_json::{json, Value};

/// A job as far as managing it needs.
#[derive(Debug, Deserialize)]
pub struct Seen {
    /// Its state now.
    pub status: String,
    pub dataset: String,
    pub requested_by: u32,
    pub tenant: Option<String>,
    actor: Option<String>,
    pub request: Asked,
}

const SEEN: &str = "
SELECT jsonb_build_object('status', state, 'dataset', dataset, 'requested_by', requested_by::bigint, 'tenant', tenant,
                          'actor', actor, 'request', request)
  FROM acct_export.job_now WHERE id = $1::uuid";

impl Seen {
    fn is_visible(&self) -> bool {
        super::status::is_visible(self.requested_by, self.tenant.as_deref())
    }
}

/// A job, whoever asks.
pub fn look(job: &str) -> Result<Option<Seen>> {
    identity::as_owner(|| sql::document(SEEN, &[job.into()]))
}

/// Finds a job that the caller may see, or approve. P0002 otherwise.
pub fn find(job: &str) -> Result<Seen> {
    let found = look(job)?;
    match found {
        Some(seen) if seen.is_visible() || approve::may_approve(job)? => Ok(seen),
        _ => Err(not_found(job)),
    }
}

/// The same for somebody who will do something with it: an attempt at a job that is there and not visible is told.
pub fn find_for(job: &str, action: &'static str, detail: Value) -> Result<Seen> {
    let seen = look(job)?.ok_or_else(|| not_found(job))?;
    if !seen.is_visible() {
        let error = not_found(job);
        denied::hidden(Attempt { action, dataset: &seen.dataset, job: Some(job), detail }, &error);
        return Err(error);
    }
    Ok(seen)
}

const CANCEL: &str = "
UPDATE acct_export.job
   SET cancel_requested = true, cancelled_by = $2::jsonb, status = CASE status WHEN 'running' THEN 'running' ELSE 'cancelled' END,
       finished_at = CASE status WHEN 'running' THEN NULL ELSE clock_timestamp() END, expires_at = NULL
 WHERE id = $1::uuid AND status IN ('queued', 'running', 'awaiting_approval') AND coalesce(expires_at > clock_timestamp(), true)
RETURNING jsonb_build_array(status, worker_pid)";

/// `acct_export_cancel`: whether there was something to cancel. A running job is signalled when this transaction commits,
/// so that its worker finds the mark.
pub fn cancel(job: Option<&str>) -> Result<bool> {
    let job = given(job)?;
    find_for(job, "cancel", json!({}))?;
    xact::require_write("cancel an export")?;
    let by = By::caller();
    let cancelled: Option<(String, Option<i32>)> =
        identity::as_owner(|| sql::change(CANCEL, &[job.into(), (&json!(by).to_string()).into()]))?;
    match cancelled {
        None => Ok(false),
        Some((status, pid)) if status == "running" => {
            if let Some(pid) = pid {
                // That process may do another job by then: it is this job's worker while it holds the job's lock.
                let lock = super::lock_of(job);
                xact::on_commit(move || {
                    if lock.is_held_by(pid) {
                        wait::cancel_backend(pid);
                    }
                });
            }
            Ok(true)
        }
        Some((status, _)) => {
            identity::as_owner(|| {
                audit::record_by(audit::CANCELLED, job, &by, json!({}))?;
                notify(job, &status)
            })?;
            Ok(true)
        }
    }
}

/// The request of a job that failed, in whole or in part, or was cancelled, to be asked again by the caller; without a mail, unless it
/// was the caller's own. 55000 for a job in another state.
pub fn request_of_ended(job: Option<&str>) -> Result<Asked> {
    let job = given(job)?;
    let seen = find_for(job, "start", json!({}))?;
    if !matches!(seen.status.as_str(), "failed" | "cancelled" | "completed_with_errors") {
        return Err(Error::new(
            Kind::NotInPrerequisiteState,
            format!(
                "export job {job} is {}, neither failed nor cancelled nor completed with errors",
                seen.status
            ),
        )
        .hint("Ask for a new export with acct_export_start."));
    }
    // The mail is for who has asked. Whoever asks again may see more, and the first one may hear of it, not read it.
    let own = seen.requested_by == identity::current_user() && seen.actor == By::caller().actor;
    let notify_email = seen.request.notify_email.filter(|_| own);
    Ok(Asked { notify_email, ..seen.request })
}

/// The names of its columns are data too, where keys of documents are columns: they go with the file.
const REMOVE: &str = "
WITH gone AS (DELETE FROM acct_export.chunk WHERE job = $1::uuid),
     files AS (UPDATE acct_export.file SET status = $2, parts = '[]' WHERE job = $1::uuid AND status = 'stored' RETURNING file),
     ended AS (UPDATE acct_export.job SET status = 'expired', expires_at = least(expires_at, clock_timestamp())
                WHERE id = $1::uuid AND status IN ('completed', 'completed_with_errors') RETURNING id)
SELECT to_jsonb(count(*)) FROM files, ended";

/// `acct_export_delete`: the files before their time; false if there is none (any more).
pub fn delete(job: Option<&str>) -> Result<bool> {
    let job = given(job)?;
    find_for(job, "delete", json!({}))?;
    xact::require_write("delete an export's file")?;
    let by = By::caller();
    identity::as_owner(|| {
        let files: Option<i64> = sql::change(REMOVE, &[job.into(), "deleted".into()])?;
        if files.unwrap_or(0) == 0 {
            return Ok(false);
        }
        object::doom_stored(job)?;
        audit::record_by(audit::DELETED, job, &by, json!({ "files": files }))?;
        notify(job, "expired")?;
        Ok(true)
    })
}

const EXPIRED: &str = "
SELECT to_jsonb(id) FROM acct_export.job
 WHERE status IN ('completed', 'completed_with_errors') AND expires_at <= clock_timestamp()
 ORDER BY expires_at LIMIT 1000 FOR UPDATE SKIP LOCKED";

const FORGET: &str = "
DELETE FROM acct_export.job
 WHERE status IN ('expired', 'failed', 'cancelled') AND finished_at < clock_timestamp() - $1::interval";

/// What nobody has approved in the time that files are kept, as it is shown already. `expires_at` stays, to tell when that was.
const UNAPPROVED: &str = "
UPDATE acct_export.job j
   SET status = s.status, finished_at = s.finished_at, error = s.error, error_code = s.error_code
  FROM acct_export.job_status s
 WHERE s.job_id = j.id AND s.status = 'failed'
   AND j.id = (SELECT id FROM acct_export.job WHERE status = 'awaiting_approval' AND expires_at <= clock_timestamp()
                LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING jsonb_build_array(j.id, j.error_code)";

/// `acct_export_purge` and housekeeping: files past their time, jobs that nobody approved, records past theirs. The number of
/// files. As the owner.
pub fn purge() -> Result<i64> {
    let intervals = settings::intervals()?;
    let mut purged = 0;
    // One row a time: `change` gives the first, and each is gone from the next look.
    while let Some(job) = sql::change::<String>(EXPIRED, &[])? {
        let files: Option<i64> = sql::change(REMOVE, &[(&job).into(), "expired".into()])?;
        object::doom_stored(&job)?;
        audit::record(audit::PURGED, &job, json!({ "files": files }))?;
        notify(&job, "expired")?;
        purged += files.unwrap_or(0);
        wait::check_interrupts();
    }
    end_unapproved()?;
    sql::run(FORGET, &[(&intervals.history).into()])?;
    super::outbox::forget(&intervals.history)?;
    Ok(purged)
}

/// Whether there are jobs that nobody has approved in time. Mostly there are none, and this costs less than to end them.
pub(super) fn has_unapproved() -> Result<bool> {
    let due = "SELECT 'x' FROM acct_export.job WHERE status = 'awaiting_approval' AND expires_at <= clock_timestamp() LIMIT 1";
    Ok(sql::text(due, &[])?.is_some())
}

/// Records the end of jobs that nobody has approved in time. As the owner.
pub(super) fn end_unapproved() -> Result<()> {
    if !has_unapproved()? {
        return Ok(());
    }
    while let Some((job, code)) = sql::change::<(String, String)>(UNAPPROVED, &[])? {
        audit::record(audit::FAILED, &job, json!({ "code": code }))?;
        notify(&job, "failed")?;
        wait::check_interrupts();
    }
    Ok(())
}
