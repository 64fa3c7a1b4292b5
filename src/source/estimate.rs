//! About how many rows a request has.
//!
//! The number depends only on rows that the requester may read, and on earlier exports that the requester may see. The planner's estimate is made from statistics of all rows of a table, so that filters would bisect values
//! of other tenants.

use super::plan::Plan;
use crate::error::Result;
use crate::job::row_counts;
use crate::pg::{identity, query};

/// Rows that are counted at most.
const COUNTED: u64 = 100_000;

/// Of a preview. `read` runs as the requester. None: there are more than are counted, and no export has been made that would say.
pub fn of_preview(
    plan: &Plan,
    rows_print: &[u8],
    read: impl FnOnce(&dyn Fn() -> Result<i64>) -> Result<i64>,
) -> Result<Option<i64>> {
    let counted = read(&|| query::count(&plan.unordered_sql, &plan.params, Some(COUNTED + 1)))?;
    if counted.unsigned_abs() <= COUNTED {
        return Ok(Some(counted));
    }
    let last = identity::as_owner(|| row_counts::of_last(rows_print))?;
    Ok(last.map(|rows| rows.max(counted)))
}

/// Of a job that is about to be read, which is not counted beforehand: that would read it twice. None: it is the first of its kind.
pub fn of_job(job: &str) -> Result<Option<i64>> {
    identity::as_owner(|| row_counts::of_last_like(job))
}
