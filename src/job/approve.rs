//! Approval by a second person, where an export has more rows than its dataset's policy lets go without.
//!
//! The worker finds that out by reading, and keeps nothing; an approved job is queued again and read anew, with all rights checked
//! anew. An approval is for one job, whatever the number of its rows then.

use super::session::Session;
use super::status::{given, is_visible, not_found, notify};
use super::{create, record};
use crate::audit::denials::{self, Attempt};
use crate::audit::{self, By};
use crate::error::{Error, Kind, Result};
use crate::model::JobStatus;
use crate::pg::{identity, sql, xact};
use serde::Deserialize;
use serde_json::json;

/// A job as far as approving it needs.
#[derive(Debug, Deserialize)]
struct Job {
    /// Its state now: one past its time awaits nothing any more.
    status: JobStatus,
    dataset: String,
    requested_by: u32,
    requested_login: u32,
    requested_role: String,
    actor: Option<String>,
    tenant_key: Option<String>,
    session: Session,
    /// Of the dataset as it is now; empty where it needs no approval any more, or is none.
    approver_roles: Vec<String>,
    max_active: Option<u64>,
}

const LOOK: &str = "
SELECT jsonb_build_object('status', j.state, 'dataset', j.dataset, 'requested_by', j.requested_by::bigint,
           'requested_login', j.requested_login::bigint, 'requested_role', j.requested_role, 'actor', j.actor, 'tenant_key', j.tenant_key, 'session', j.session,
           'approver_roles', coalesce(d.approver_roles, '{}'), 'max_active', d.max_active)
  FROM acct_export.job_now j LEFT JOIN acct_export.dataset d ON d.dataset = j.dataset
 WHERE j.id = $1::uuid";

const APPROVE: &str = "
UPDATE acct_export.job SET status = 'queued', approved_by = $2::jsonb, expires_at = NULL
 WHERE id = $1::uuid AND status IS NOT DISTINCT FROM 'awaiting_approval' AND expires_at > clock_timestamp()
RETURNING to_jsonb(id)";

/// Characters.
const LONGEST_NOTE: usize = 1000;

fn look(job: &str) -> Result<Option<Job>> {
    xact::with_latest_snapshot(|| identity::as_owner(|| sql::document(LOOK, &[job.into()])))
}

impl Job {
    fn awaits(&self) -> bool {
        self.status == JobStatus::AwaitingApproval
    }

    /// True if the caller is one of those who approve exports of the dataset and tenant.
    fn is_approvers(&self) -> bool {
        let caller = identity::current_user();
        let holds =
            |role: &String| identity::role_oid(role).is_some_and(|role| identity::may_act_as(caller, role));
        // Another person's session differs in the other settings.
        identity::is_superuser(caller)
            || (self.approver_roles.iter().any(holds) && self.session.is_of_tenant())
    }

    /// True if the caller may be who asked: the same role or login, one that is a member of it or of which it is one, the same
    /// actor. Two roles that only a superuser's session has taken on are not told by that session: it could be anybody.
    fn is_requesters(&self, by: &By) -> bool {
        let (role, login) = (identity::current_user(), identity::session_user());
        let same = |asked: u32, now: u32| {
            asked == now || identity::was_granted(now, asked) || identity::was_granted(asked, now)
        };
        same(self.requested_by, role)
            || same(self.requested_by, login)
            || same(self.requested_login, role)
            || (same(self.requested_login, login) && !identity::is_superuser(login))
            || (by.actor.is_some() && by.actor == self.actor)
    }

    fn check(&self, job: &str, by: &By) -> Result<()> {
        if !self.is_approvers() {
            let error = Error::denied(format!("role \"{}\" may not approve export job {job}", by.role));
            return Err(if self.approver_roles.is_empty() {
                error.hint(format!(
                    "Dataset \"{}\" needs no approval any more. Cancel the job with acct_export_cancel, and request the export again.",
                    self.dataset
                ))
            } else {
                error.hint(format!("A member of {} can approve it.", self.approver_roles.join(" or ")))
            });
        }
        if self.is_requesters(by) {
            return Err(Error::denied(format!("export job {job} cannot be approved by its requester"))
                .detail("The approver must differ from the requester in role, login and actor, and neither role may be a member of the other.")
                .hint("A second person must approve it, with a login of their own and without SET ROLE."));
        }
        Ok(())
    }
}

/// 55000.
fn awaits_nothing(job: &str, found: &Job) -> Error {
    let message = format!("export job {job} is {} and does not await approval", found.status);
    Error::new(Kind::NotInPrerequisiteState, message)
        .hint("acct_export_jobs lists the jobs that await your approval.")
}

/// True if the caller may approve a job, and it waits for that.
pub fn may_approve(job: &str) -> Result<bool> {
    let waiting = look(job)?.filter(|job| job.awaits());
    Ok(waiting.is_some_and(|waiting| waiting.check(job, &By::caller()).is_ok()))
}

/// `acct_export_approve`. P0002 for a job that the caller neither sees nor may approve, 42501 for one who is no approver or asked
/// for it, 55000 for a job in another state, 53400 while as many are active as the policy allows, 22023 for a note of more than
/// `LONGEST_NOTE`.
pub fn approve(job: Option<&str>, note: Option<&str>) -> Result<()> {
    let job = given(job)?;
    if note.is_some_and(|note| note.chars().nth(LONGEST_NOTE).is_some()) {
        return Err(
            Error::invalid("the note is too long").hint(format!("Give at most {LONGEST_NOTE} characters."))
        );
    }
    let found = look(job)?.ok_or_else(|| not_found(job))?;
    let attempt = || Attempt {
        action: "approve",
        dataset: &found.dataset,
        job: Some(job),
        detail: json!({ "note": note }),
    };
    if !found.is_approvers() && !is_visible(found.requested_by, &found.session) {
        let error = not_found(job);
        denials::hidden(attempt(), &error);
        return Err(error);
    }
    if !found.awaits() {
        return Err(awaits_nothing(job, &found));
    }
    let by = By::caller();
    denials::watch(attempt, || found.check(job, &by))?;
    xact::require_write("approve an export")?;
    let approved: Option<String> =
        identity::as_owner(|| sql::change(APPROVE, &[job.into(), (&json!(by).to_string()).into()]))?;
    if approved.is_none() {
        // Meanwhile somebody else was faster, or its time is over.
        return Err(awaits_nothing(job, &look(job)?.unwrap_or(found)));
    }
    let detail =
        json!({ "note": note, "requested_by": found.requested_role, "requesting_actor": found.actor });
    identity::as_owner(|| {
        create::within_policy(&found.dataset, found.tenant_key.as_deref(), found.max_active)?;
        record::record_by(audit::APPROVED, job, &by, detail)?;
        notify(job, JobStatus::Queued)
    })
}
