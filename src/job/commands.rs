//! Commands on a job: cancel, retry, delete its file.

use super::session::Session;
use super::status::{given, not_found, notify};
use super::{approve, digests, purge, record};
use crate::audit::denials::{self, Attempt};
use crate::audit::{self, By};
use crate::error::{Error, Kind, Result};
use crate::model::{ExportRequest, JobStatus};
use crate::pg::{identity, sql, wait, xact};
use serde::Deserialize;
use serde_json::{json, Value};

/// A job as far as managing it needs.
#[derive(Debug, Deserialize)]
pub struct JobSummary {
    /// Its state now.
    pub status: JobStatus,
    pub dataset: String,
    pub requested_by: u32,
    pub tenant: Option<String>,
    session: Session,
    actor: Option<String>,
    pub request: ExportRequest,
}

const SEEN: &str = "
SELECT jsonb_build_object('status', state, 'dataset', dataset, 'requested_by', requested_by::bigint, 'tenant', tenant,
                          'session', session, 'actor', actor, 'request', request)
  FROM acct_export.job_now WHERE id = $1::uuid";

impl JobSummary {
    pub(super) fn is_visible(&self) -> bool {
        super::status::is_visible(self.requested_by, &self.session)
    }
}

/// A job, whoever asks.
pub fn look(job: &str) -> Result<Option<JobSummary>> {
    identity::as_owner(|| sql::document(SEEN, &[job.into()]))
}

/// Finds a job that the caller may see, or approve. P0002 otherwise.
pub fn find(job: &str) -> Result<JobSummary> {
    let found = look(job)?;
    match found {
        Some(seen) if seen.is_visible() || approve::may_approve(job)? => Ok(seen),
        _ => Err(not_found(job)),
    }
}

/// The same for somebody who will do something with it: an attempt at a job that is there and not visible is told.
pub fn find_for(job: &str, action: &'static str, detail: Value) -> Result<JobSummary> {
    let seen = look(job)?.ok_or_else(|| not_found(job))?;
    if !seen.is_visible() {
        let error = not_found(job);
        denials::hidden(Attempt { action, dataset: &seen.dataset, job: Some(job), detail }, &error);
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
    let cancelled: Option<(JobStatus, Option<i32>)> =
        identity::as_owner(|| sql::change(CANCEL, &[job.into(), (&json!(by).to_string()).into()]))?;
    match cancelled {
        None => Ok(false),
        Some((JobStatus::Running, pid)) => {
            if let Some(pid) = pid {
                // That process may do another job by then: it is this job's worker while it holds the job's lock.
                let lock = super::lock_of(job);
                xact::on_commit(move || {
                    if lock.is_held_by(pid) {
                        wait::stop_export(pid);
                    }
                });
            }
            Ok(true)
        }
        Some((status, _)) => {
            identity::as_owner(|| {
                record::record_by(audit::CANCELLED, job, &by, json!({}))?;
                notify(job, status)
            })?;
            Ok(true)
        }
    }
}

/// The request of a job that failed, in whole or in part, or was cancelled, to be asked again by the caller; without a mail, unless it
/// was the caller's own. 55000 for a job in another state.
pub fn request_of_ended(job: Option<&str>) -> Result<ExportRequest> {
    let job = given(job)?;
    let seen = find_for(job, "start", json!({}))?;
    if !matches!(seen.status, JobStatus::Failed | JobStatus::Cancelled | JobStatus::CompletedWithErrors) {
        return Err(Error::new(
            Kind::NotInPrerequisiteState,
            format!(
                "export job {job} is {} and cannot be retried",
                seen.status
            ),
        )
        .hint("Only jobs that are failed, cancelled or completed_with_errors can be retried. Request a new export with acct_export_start."));
    }
    // The mail is for who has asked. Whoever asks again may see more, and the first one may hear of it, not read it.
    let own = seen.requested_by == identity::current_user() && seen.actor == By::caller().actor;
    let notify_email = seen.request.notify_email.filter(|_| own);
    Ok(ExportRequest { notify_email, ..seen.request })
}

/// `acct_export_delete`: the files before their time, and digests that have outlasted them; false if there is no file (any more).
pub fn delete(job: Option<&str>) -> Result<bool> {
    let job = given(job)?;
    find_for(job, "delete", json!({}))?;
    xact::require_write("delete an export's file")?;
    let by = By::caller();
    identity::as_owner(|| {
        let files = purge::remove(job, "deleted")?;
        let had_digests = files == 0 && digests::remove(job, true)?;
        if files > 0 || had_digests {
            record::record_by(audit::DELETED, job, &by, json!({ "files": files }))?;
        }
        if files > 0 {
            notify(job, JobStatus::Expired)?;
        }
        Ok(files > 0)
    })
}
