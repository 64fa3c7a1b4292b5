//! A job that a schedule could not start: a record of the failure, which is reported as the failure of any job.

use super::schedule::Due;
use super::{create, record, status};
use crate::audit;
use crate::error::{Error, Kind, Result};
use crate::model::JobStatus;
use crate::pg::sql::{self, Arg};
use crate::pg::worker;
use serde_json::json;

/// It takes what it can from the saved export: the dataset may be gone.
const INSERT: &str = "
INSERT INTO acct_export.job (dataset, format, status, request, context, fingerprint, requested_by, requested_role, actor, tenant,
                             requested_login, titles, tenant_key, session, rows_print, login, finished_at, error, error_code,
                             made_in, saved)
SELECT s.dataset, s.format, 'failed', s.request, s.captured -> 'context', $2, s.owner, $3, s.captured #>> '{context,actor}', s.tenant,
       (s.captured ->> 'login')::oid, ARRAY[coalesce((SELECT d.title FROM acct_export.dataset AS d WHERE d.dataset = s.dataset), s.dataset)],
       $4, s.session, $5, s.captured #>> '{context,login}', clock_timestamp(), $6, $7,
       $8, s.generation
  FROM acct_export.saved AS s WHERE s.id = $1::bigint
RETURNING to_jsonb(id)";

/// A schedule that fails often tells the same about once in an hour; each start of an hourly one is told.
const TOLD: &str = "
SELECT 'x' FROM acct_export.saved AS s JOIN acct_export.job AS j ON j.id = s.last_job
 WHERE s.id = $1::bigint AND j.status = 'failed' AND j.runs = 0 AND j.error = $2 AND j.error_code = $3
   AND j.finished_at > clock_timestamp() - interval '55 minutes'";

/// True if the last start failed in the same way not long ago. As the owner.
pub fn was_told(due: &Due, message: &str, sqlstate: &str) -> Result<bool> {
    Ok(sql::text(TOLD, &[due.id.into(), message.into(), sqlstate.into()])?.is_some())
}

/// Records that a due saved export was refused; the id of the failed job. Mails and webhooks go out as for any failure. As the owner.
pub fn record(due: &Due, message: &str, sqlstate: &str) -> Result<String> {
    let context = &due.captured.context;
    let asker = create::asker(due.owner, context, &due.session);
    let fingerprint = due.request.fingerprint(&asker);
    let rows_print = due.request.rows_print(&due.session.reader(due.owner));
    let job: Option<String> = sql::change(
        INSERT,
        &[
            due.id.into(),
            Arg::Bytes(&fingerprint),
            (&due.role()).into(),
            context.tenant.key().into(),
            Arg::Bytes(&rows_print),
            message.into(),
            sqlstate.into(),
            (&worker::here()).into(),
        ],
    )?;
    let job =
        job.ok_or_else(|| Error::new(Kind::Internal, "a saved export vanished while it was started"))?;
    record::record(
        audit::FAILED,
        &job,
        json!({ "error": message, "error_code": sqlstate, "schedule": due.name }),
    )?;
    status::notify(&job, JobStatus::Failed)?;
    Ok(job)
}
