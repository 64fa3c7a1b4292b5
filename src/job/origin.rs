//! The request that a job's files were made by.

use crate::error::Result;
use crate::model::ExportRequest;
use crate::pg::sql;
use serde::Deserialize;

/// A job as far as comparing its files needs it.
#[derive(Deserialize)]
pub struct Origin {
    pub dataset: String,
    pub tenant: Option<String>,
    pub request: ExportRequest,
    pub time_zone: String,
}

const ORIGIN: &str = "
SELECT jsonb_build_object('dataset', dataset, 'tenant', tenant, 'request', request,
                          'time_zone', context -> 'time_zone')
  FROM acct_export.job WHERE id = $1::uuid";

/// None: the job was removed. As the owner.
pub fn of(job: &str) -> Result<Option<Origin>> {
    sql::document(ORIGIN, &[job.into()])
}
