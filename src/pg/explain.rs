//! The planner's plan of a query, as EXPLAIN tells it.

use super::params;
use super::query::statement;
use crate::error::{Error, Kind, Result};
use crate::filter::Param;
use pgrx::pg_sys;
use std::ffi::CStr;

/// The plan as a JSON document. The query is not run, but planning folds calls of functions that say they are immutable, and
/// looks at what stable ones give: with the rights of the current user.
pub fn json(sql: &str, bound: &[Param]) -> Result<Option<String>> {
    let statement = statement(&format!("EXPLAIN (FORMAT JSON) {sql}"))?;
    // SAFETY: SPI is connected around the execution; parameters and statement outlive it, the text is copied before it ends.
    unsafe {
        pg_sys::SPI_connect();
        // To SPI a utility statement is never read-only; the server lets EXPLAIN into read-only transactions.
        let options = pg_sys::SPIExecuteOptions { params: params::bind(bound)?, ..Default::default() };
        let code = pg_sys::SPI_execute_extended(statement.as_ptr(), &options);
        if code < 0 {
            pg_sys::SPI_finish();
            return Err(Error::new(Kind::Internal, format!("EXPLAIN failed with SPI code {code}")));
        }
        let table = pg_sys::SPI_tuptable;
        let mut plan = None;
        if !table.is_null() && pg_sys::SPI_processed > 0 {
            let text = pg_sys::SPI_getvalue(*(*table).vals, (*table).tupdesc, 1);
            plan = (!text.is_null()).then(|| CStr::from_ptr(text).to_string_lossy().into_owned());
        }
        pg_sys::SPI_finish();
        Ok(plan)
    }
}
