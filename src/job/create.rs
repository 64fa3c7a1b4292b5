//! A request becomes a job: one row, one audit event, one notification, a worker woken at commit.

use super::captured_session::CapturedSession;
use super::record;
use super::session::Session;
use crate::audit;
use crate::error::{Error, Kind, Result};
use crate::model::{ExportRequest, IfActive, JobStatus, Policy};
use crate::pg::count::{self, Key};
use crate::pg::lock::Lock;
use crate::pg::sql::{self, Arg};
use crate::pg::{identity, worker, xact};
use crate::settings;
use serde_json::{json, Value};

const INSERT: &str = "
INSERT INTO acct_export.job (dataset, format, status, request, context, fingerprint, requested_by, requested_role, actor, tenant,
                             requested_login, titles, tenant_key, session, rows_print, login, client_addr, application_name,
                             made_in)
VALUES ($1, $2, 'queued', $3::jsonb, $4::jsonb, $5, $6::oid, $7, $8, $9, $10::oid,
        ARRAY(SELECT jsonb_array_elements_text($11::jsonb)), $12, $13::jsonb, $14, $15, $16::inet, $17, $18)
    ON CONFLICT (fingerprint) WHERE status IN ('awaiting_approval', 'queued', 'running') DO NOTHING
RETURNING to_jsonb(id)";

const TWIN: &str = "
SELECT jsonb_build_array(id, status) FROM acct_export.job
 WHERE fingerprint = $1 AND status IN ('awaiting_approval', 'queued', 'running')";

const REPLACE: &str = "
UPDATE acct_export.job
   SET status = 'cancelled', cancelled_by = $2::jsonb, finished_at = clock_timestamp(), expires_at = NULL
 WHERE id = $1::uuid AND status IS NOT DISTINCT FROM 'awaiting_approval'
RETURNING to_jsonb(id)";

/// Ends a twin that awaits an approval which the policy does not ask for any more. As the owner.
fn replace(twin: &str, by: &audit::By) -> Result<()> {
    let replaced: Option<String> = sql::change(REPLACE, &[twin.into(), (&json!(by).to_string()).into()])?;
    if replaced.is_some() {
        let reason = "requested again, because the policy needs no approval any more";
        record::record_by(audit::CANCELLED, twin, by, json!({ "reason": reason }))?;
        super::status::notify(twin, JobStatus::Cancelled)?;
    }
    Ok(())
}

/// Inserts the job; its id. `titles`: of the dataset and its companions. 55006 with the twin's id in DETAIL where the same request
/// is active, 53400 where there are as many as there may be.
pub fn create(
    asked: &ExportRequest,
    context: &CapturedSession,
    policy: &Policy,
    titles: &[String],
    if_active: IfActive,
) -> Result<Created> {
    xact::require_write("start an export")?;
    let role = identity::current_user();
    let role_name = identity::role_name(role).unwrap_or_default();
    let internal = |_| Error::new(Kind::Internal, "the request cannot be written as JSON");
    let request = serde_json::to_string(asked).map_err(internal)?;
    let captured = serde_json::to_string(context).map_err(internal)?;
    let titles = json!(titles).to_string();
    let session = context.session.clone().unwrap_or_default();
    let here = worker::here();
    let asker = asker(role, context, &session);
    let fingerprint = asked.fingerprint(&asker);
    let rows_print = asked.rows_print(&session.reader(role));
    let session = json!(session).to_string();
    let by = audit::By::caller();
    // A twin that another session has inserted and not committed would be waited for, however long that takes.
    let (print, _) = fingerprint.split_at(8);
    let lock = Lock::Twin(u64::from_be_bytes(print.try_into().unwrap_or_default()));
    if !lock.try_for_transaction() {
        return Err(Error::new(
            Kind::ObjectInUse,
            "an identical export is being requested by another session",
        )
        .hint("Wait until that session commits, and follow its job."));
    }
    let outcome = identity::as_owner(|| {
        // A job past its time is neither a twin nor counted.
        super::purge::end_unapproved()?;
        // A twin may end between the two statements; then the second try finds its place free.
        for _ in 0..10 {
            let job: Option<String> = sql::change(
                INSERT,
                &[
                    (&asked.dataset).into(),
                    (&asked.format).into(),
                    (&request).into(),
                    (&captured).into(),
                    Arg::Bytes(&fingerprint),
                    i64::from(role).into(),
                    (&role_name).into(),
                    context.actor.as_deref().into(),
                    context.tenant.text().into(),
                    i64::from(identity::session_user()).into(),
                    (&titles).into(),
                    context.tenant.key().into(),
                    (&session).into(),
                    Arg::Bytes(&rows_print),
                    by.login.as_deref().into(),
                    by.client_addr.as_deref().into(),
                    by.application_name.as_deref().into(),
                    (&here).into(),
                ],
            )?;
            if let Some(job) = job {
                within_limit(role, context.tenant.key())?;
                within_policy(&asked.dataset, context.tenant.key(), policy.max_active)?;
                record::record(audit::REQUESTED, &job, json!({ "request": asked }))?;
                super::status::notify(&job, JobStatus::Queued)?;
                return Ok(Ok(job));
            }
            let twin: Option<(String, JobStatus)> =
                xact::with_latest_snapshot(|| sql::document(TWIN, &[Arg::Bytes(&fingerprint)]))?;
            match twin {
                Some((twin, JobStatus::AwaitingApproval)) if policy.approve_above.is_none() => {
                    replace(&twin, &by)?;
                }
                Some((twin, _)) => return Ok(Err(twin)),
                None => {}
            }
        }
        Err(Error::new(Kind::ObjectInUse, "an identical export is being requested by another session"))
    });
    // As the caller again, who sees the twin: it has the same role and the same session.
    let outcome = outcome.and_then(|created| match created {
        Ok(job) => Ok(Created::New(job)),
        Err(twin) => active(twin, if_active),
    });
    // Nobody is to be refused for the sake of one who was refused himself and has not rolled back yet.
    outcome.inspect_err(|_| lock.release_in_transaction())
}

/// The part of a job's fingerprint that is not its request.
pub(super) fn asker(role: u32, context: &CapturedSession, session: &Session) -> Value {
    json!({ "role": role, "actor": context.actor, "session": session.print(), "made_in": worker::here() })
}

/// The job of a request.
pub enum Created {
    New(String),
    /// An identical one that is active.
    Twin(String),
}

/// 55006, or the twin where that was asked for. It is named to those who may see it.
fn active(twin: String, if_active: IfActive) -> Result<Created> {
    let error = Error::new(Kind::ObjectInUse, "an identical export is already active");
    let seen = xact::with_latest_snapshot(|| super::commands::look(&twin))?;
    Err(match seen {
        Some(seen) if seen.is_visible() && if_active == IfActive::Return => return Ok(Created::Twin(twin)),
        Some(seen) if seen.is_visible() => error
            .detail(format!("Job {twin}, status {}.", seen.status))
            .hint("Follow that job with acct_export_status, or cancel it with acct_export_cancel."),
        _ => error.hint("Wait until it has ended."),
    })
}

/// 53400 where the role has more active jobs of one tenant than it may have, the one just inserted among them, and those that other
/// sessions have not committed: with starters at the same time one may be refused that would just have had a place, and none
/// gets in that has none. Applications ask for all of their tenants as one role: none of these uses up the others' jobs.
fn within_limit(role: u32, tenant_key: Option<&str>) -> Result<()> {
    let Some(limit) = settings::max_active_per_role() else { return Ok(()) };
    let here = worker::here();
    let keys = [Key::Oid(role), Key::Text(tenant_key.unwrap_or_default()), Key::Text(&here)];
    if identity::is_superuser(role) || count::jobs(c"job_active_role", &keys, limit + 1) <= limit {
        return Ok(());
    }
    let whose = if tenant_key.is_some() { "this role for this tenant" } else { "this role" };
    Err(Error::new(
        Kind::ConfigurationLimitExceeded,
        format!("too many active exports of {whose}: the limit is {limit}"),
    )
    .hint("Wait until some have ended, or cancel them with acct_export_cancel; a superuser can raise acct_export.max_active_per_role."))
}

/// The same for the jobs that the dataset's policy lets one tenant have; also asked when one is approved, which did not count
/// while it waited.
pub(super) fn within_policy(dataset: &str, tenant_key: Option<&str>, max_active: Option<u64>) -> Result<()> {
    let Some(limit) = max_active else { return Ok(()) };
    let here = worker::here();
    let keys = [Key::Text(dataset), Key::Text(tenant_key.unwrap_or_default()), Key::Text(&here)];
    if count::jobs(c"job_active_tenant", &keys, limit + 1) <= limit {
        return Ok(());
    }
    Err(Error::new(
        Kind::ConfigurationLimitExceeded,
        format!("too many active exports of \"{dataset}\" for this tenant: the limit is {limit}"),
    )
    .hint("Wait until some have ended, or cancel them with acct_export_cancel."))
}
