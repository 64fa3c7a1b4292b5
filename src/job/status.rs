//! Reading a job: who sees it, its document, waiting for its end, telling others.

use super::session::Session;
use crate::error::{Error, Kind, Result};
use crate::model::JobStatus;
use crate::pg::{identity, notify as pg_notify, sql, wait, xact};
use serde_json::{json, Value};
use std::time::{Duration, Instant};

/// True if the caller may see a job of this role and session. Superusers see all jobs, roles that may act as the role those of their
/// session.
pub fn is_visible(requested_by: u32, session: &Session) -> bool {
    let caller = identity::current_user();
    identity::is_superuser(caller) || (identity::may_act_as(caller, requested_by) && session.is_here())
}

/// Columns of acct_export_jobs, and the request with its bounds as they were resolved.
const DOCUMENT: &str = "
SELECT to_jsonb(s) || jsonb_build_object('request', j.request, 'wal_position', j.wal_position,
           'time_zone', j.context -> 'time_zone',
           'bounds', jsonb_build_object('from', j.context #> '{bounds,from,instant}', 'before', j.context #> '{bounds,until,instant}',
                                        'since', j.context #> '{bounds,since,instant}'))
  FROM acct_export.job_status s JOIN acct_export.job j ON j.id = s.job_id
 WHERE s.job_id = $1::uuid";

/// The job as one document (`acct_export_job`), seen at this moment also in a REPEATABLE READ transaction. P0002 where it
/// is not there or not visible.
pub fn document(job: Option<&str>) -> Result<Value> {
    let job = given(job)?;
    xact::with_latest_snapshot(|| {
        super::commands::find(job)?;
        identity::as_owner(|| sql::document(DOCUMENT, &[job.into()]))
    })?
    .ok_or_else(|| not_found(job))
}

pub fn given(job: Option<&str>) -> Result<&str> {
    job.ok_or_else(|| {
        Error::invalid("job must not be null").hint("acct_export_jobs lists the jobs that you may see.")
    })
}

pub fn not_found(job: &str) -> Error {
    Error::new(Kind::NoDataFound, format!("export job {job} does not exist"))
        .hint("acct_export_jobs lists the jobs that you may see. Check that the right tenant is set.")
}

/// True if this very transaction asked for the job, so that no worker can see it yet.
fn is_own_unfinished(job: &str) -> Result<bool> {
    let own = identity::as_owner(|| {
        // By its id: see `queue::TAKE`.
        sql::text(
            "SELECT 'x' FROM acct_export.job
              WHERE id = $1::uuid AND created_xid = pg_current_xact_id_if_assigned()
                AND array_position('{queued,awaiting_approval}', status) IS NOT NULL",
            &[job.into()],
        )
    })?;
    Ok(own.is_some())
}

/// Waits until the job ended or the time is up, then gives its document; one that awaits approval has not ended. 55000 for a job that this transaction itself has
/// asked for: it cannot begin before the commit.
pub fn wait_for_end(job: Option<&str>, limit: Duration) -> Result<Value> {
    let job = given(job)?;
    // The job may be one of this very statement.
    let is_own = xact::with_latest_snapshot(|| {
        super::commands::find(job)?;
        is_own_unfinished(job)
    })?;
    if is_own {
        return Err(Error::new(
            Kind::NotInPrerequisiteState,
            "cannot wait for an export that the same transaction has requested",
        )
        .hint("Commit first, then wait; or CALL acct_export_run(...), which does both."));
    }
    super::wake::if_needed();
    let begin = Instant::now();
    loop {
        let document = document(Some(job))?;
        let ended = document["status"].as_str().and_then(JobStatus::parse).is_none_or(JobStatus::has_ended);
        let left = limit.saturating_sub(begin.elapsed());
        if ended || left.is_zero() {
            return Ok(document);
        }
        super::wake::if_needed();
        let seen = document["status"].as_str().unwrap_or_default();
        pause_until_changed(job, seen, begin, begin.elapsed() + left.min(LOOK_AGAIN))?;
    }
}

/// Time after which the whole job is looked at again: rights, times that have passed, a worker that is missing.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Pauses until the job has another status, or until this time since `begin`. Between two looks at it a twentieth of what has passed,
/// so that a wait ends that much late at most.
fn pause_until_changed(job: &str, seen: &str, begin: Instant, until: Duration) -> Result<()> {
    loop {
        let left = until.saturating_sub(begin.elapsed());
        let pause = (begin.elapsed() / 20).clamp(Duration::from_millis(1), Duration::from_millis(250));
        wait::pause(pause.min(left).max(Duration::from_millis(1)));
        let now = xact::with_latest_snapshot(|| {
            identity::as_owner(|| {
                sql::text("SELECT status FROM acct_export.job WHERE id = $1::uuid", &[job.into()])
            })
        })?;
        if now.as_deref() != Some(seen) || begin.elapsed() >= until {
            return Ok(());
        }
    }
}

/// Tells of a change, at its commit: listeners of channel `acct_export` get the job's id and status, and nothing else; mails and
/// webhooks go out afterwards. As the owner.
pub fn notify(job: &str, status: JobStatus) -> Result<()> {
    if super::outbox::fill(job, status)? {
        super::wake::sender_at_commit();
    }
    let payload = json!({ "job": job, "status": status }).to_string();
    pg_notify::notify("acct_export", &payload);
    Ok(())
}

const SECONDS_LEFT: &str = "
SELECT to_jsonb(ceil(extract(epoch FROM expires_at - clock_timestamp()))::bigint) FROM acct_export.job WHERE id = $1::uuid";

/// Seconds until a job's files are removed. As the owner.
pub fn seconds_left(job: &str) -> Result<Option<i64>> {
    sql::document(SECONDS_LEFT, &[job.into()])
}
