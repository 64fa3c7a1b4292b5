//! A request becomes a job: one row, one audit event, one notification, a worker woken at commit.

use super::context::Context;
use crate::audit;
use crate::catalog::model::Policy;
use crate::error::{Error, Kind, Result};
use crate::pg::count::{self, Key};
use crate::pg::lock::Lock;
use crate::pg::sql::{self, Arg};
use crate::pg::{identity, xact};
use crate::request::Asked;
use crate::settings;

const INSERT: &str = "
INSERT INTO acct_export.job (dataset, format, status, request, context, fingerprint, requested_by, requested_role, actor, tenant,
                             requested_login, titles)
VALUES ($1, $2, 'queued', $3::jsonb, $4::jsonb, $5, $6::oid, $7, $8, $9, $10::oid,
        ARRAY(SELECT jsonb_array_elements_text($11::jsonb)))
    ON CONFLICT (fingerprint) WHERE status IN ('awaiting_approval', 'queued', 'running') DO NOTHING
RETURNING to_jsonb(id)";

const TWIN: &str = "
SELECT id::text FROM acct_export.job
 WHERE fingerprint = $1 AND status IN ('awaiting_approval', 'queued', 'running')";

/// Inserts the job; its id. `titles`: of the dataset and its companions. 55006 with the twin's id in DETAIL where the same request
/// is active, 53400 where there are as many as there may be.
pub fn create(asked: &Asked, context: &Context, policy: &Policy, titles: &[String]) -> Result<String> {
    xact::require_write("start an export")?;
    let role = identity::current_user();
    let role_name = identity::role_name(role).unwrap_or_default();
    let internal = |_| Error::new(Kind::Internal, "the request cannot be written as JSON");
    let request = serde_json::to_string(asked).map_err(internal)?;
    let captured = serde_json::to_string(context).map_err(internal)?;
    let titles = serde_json::json!(titles).to_string();
    let fingerprint = asked.fingerprint(role, context.tenant.as_deref(), context.actor.as_deref());
    // A twin that another session has inserted and not committed would be waited for, however long that takes.
    let (print, _) = fingerprint.split_at(8);
    let lock = Lock::Twin(u64::from_be_bytes(print.try_into().unwrap_or_default()));
    if !lock.try_for_transaction() {
        return Err(Error::new(Kind::ObjectInUse, "the same export is being asked for by another session")
            .hint("Wait until that session commits, and follow its job."));
    }
    let outcome = identity::as_owner(|| {
        // What is past its time is neither a twin nor counted.
        super::manage::end_unapproved()?;
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
                    context.tenant.as_deref().into(),
                    i64::from(identity::session_user()).into(),
                    (&titles).into(),
                ],
            )?;
            if let Some(job) = job {
                within_limit(role)?;
                within_policy(&asked.dataset, context.tenant.as_deref(), policy.max_active)?;
                audit::record(audit::REQUESTED, &job, serde_json::json!({ "request": asked }))?;
                super::status::notify(&job, "queued")?;
                return Ok(job);
            }
            let twin = xact::with_latest_snapshot(|| sql::text(TWIN, &[Arg::Bytes(&fingerprint)]))?;
            if let Some(twin) = twin {
                return Err(Error::new(
                    Kind::ObjectInUse,
                    "the same export is queued, running or awaiting approval already",
                )
                .detail(format!("Job {twin} does it."))
                .hint("Follow that job with acct_export_status, or cancel it with acct_export_cancel."));
            }
        }
        Err(Error::new(Kind::ObjectInUse, "the same export is being asked for by another session"))
    });
    // Nobody is to be refused for the sake of one who was refused himself and has not rolled back yet.
    outcome.inspect_err(|_| lock.release_in_transaction())
}

/// 53400 where the role has more active jobs than it may have, the one just inserted among them, and those that other sessions
/// have not committed: with starters at the same time one may be refused that would just have had a place, and none gets in
/// that has none.
fn within_limit(role: u32) -> Result<()> {
    let Some(limit) = settings::max_active_per_role() else { return Ok(()) };
    if identity::is_superuser(role) || count::jobs(c"job_active_role", &[Key::Oid(role)], limit + 1) <= limit
    {
        return Ok(());
    }
    Err(Error::new(
        Kind::ConfigurationLimitExceeded,
        format!("the role has {limit} exports queued or running, as many as it may have"),
    )
    .hint("Wait until some have ended, or cancel them with acct_export_cancel; acct_export.max_active_per_role is for superusers to raise."))
}

/// The same for the jobs that the dataset's policy lets one tenant have; also asked when one is approved, which did not count
/// while it waited.
pub(super) fn within_policy(dataset: &str, tenant: Option<&str>, max_active: Option<u64>) -> Result<()> {
    let Some(limit) = max_active else { return Ok(()) };
    let keys = [Key::Text(dataset), Key::Text(tenant.unwrap_or_default())];
    if count::jobs(c"job_active_tenant", &keys, limit + 1) <= limit {
        return Ok(());
    }
    Err(Error::new(
        Kind::ConfigurationLimitExceeded,
        format!(
            "dataset \"{dataset}\" has {limit} exports of this tenant queued or running, as many as its policy allows"
        ),
    )
    .hint("Wait until some have ended, or cancel them with acct_export_cancel."))
}
