//! Functions that update scripts create for themselves and drop again. Their symbols stay as long as the scripts.

use crate::job::upgrade;
use crate::pg::oid::Oid;
use crate::pg::report::{Report, Reported};
use pgrx::datum::JsonB;
use pgrx::prelude::*;

/// For pg_acctexport--0.1.0--0.2.0.sql: what a job's row has in the later version.
#[pg_extern(sql = false)]
fn upgraded_job(
    dataset: &str,
    requested_by: Oid,
    requested_login: Oid,
    context: JsonB,
    request: JsonB,
) -> std::result::Result<JsonB, Report> {
    let job = upgrade::Job {
        dataset,
        role: requested_by.to_u32(),
        login: requested_login.to_u32(),
        context: context.0,
        request: request.0,
    };
    job.upgraded().map(JsonB).reported()
}
