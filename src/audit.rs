//! The audit trail: events are written here and nowhere else, always within the transaction of what they tell of.

use crate::error::Result;
use crate::pg::sql;
use serde_json::Value;

pub const EXPORTED: &str = "user.bulk_export";
pub const REQUESTED: &str = "user.bulk_export.requested";
pub const FAILED: &str = "user.bulk_export.failed";
pub const CANCELLED: &str = "user.bulk_export.cancelled";
pub const DOWNLOADED: &str = "user.bulk_export.downloaded";
pub const DELETED: &str = "user.bulk_export.deleted";
pub const PURGED: &str = "user.bulk_export.purged";

/// Event of a job, on behalf of its requester. As the owner.
pub fn record(event: &str, job: &str, detail: Value) -> Result<()> {
    sql::run(
        "INSERT INTO acct_export.audit (event, job_id, actor, role, tenant, dataset, detail)
         SELECT $1, id, actor, requested_role, tenant, dataset, jsonb_strip_nulls($3::jsonb)
           FROM acct_export.job WHERE id = $2::uuid",
        &[event.into(), job.into(), (&detail.to_string()).into()],
    )?;
    Ok(())
}

/// Event of a job that somebody else than its requester may have caused. As the owner.
pub fn record_by(event: &str, job: &str, by: &By, detail: Value) -> Result<()> {
    sql::run(
        "INSERT INTO acct_export.audit (event, job_id, actor, role, tenant, dataset, detail)
         SELECT $1, id, $4, $5, tenant, dataset, jsonb_strip_nulls($3::jsonb)
           FROM acct_export.job WHERE id = $2::uuid",
        &[
            event.into(),
            job.into(),
            (&detail.to_string()).into(),
            by.actor.as_deref().into(),
            (&by.role).into(),
        ],
    )?;
    Ok(())
}

/// Event of a streaming function, which has no job. As the owner.
pub fn record_stream(dataset: &str, by: &By, tenant: Option<&str>, detail: Value) -> Result<()> {
    sql::run(
        "INSERT INTO acct_export.audit (event, actor, role, tenant, dataset, detail)
         VALUES ($1, $2, $3, $4, $5, jsonb_strip_nulls($6::jsonb))",
        &[
            EXPORTED.into(),
            by.actor.as_deref().into(),
            (&by.role).into(),
            tenant.into(),
            dataset.into(),
            (&detail.to_string()).into(),
        ],
    )?;
    Ok(())
}

/// Who does it now.
pub struct By {
    pub role: String,
    pub actor: Option<String>,
}

impl By {
    /// The caller; to be taken before the extension's owner acts.
    pub fn caller() -> By {
        use crate::pg::{guc, identity};
        By {
            role: identity::role_name(identity::current_user()).unwrap_or_default(),
            actor: guc::get(&crate::settings::actor_setting()),
        }
    }
}
