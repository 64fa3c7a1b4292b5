//! Filters in other languages.

use crate::filter::scim;
use crate::pg::report::{Report, Reported};
use pgrx::datum::JsonB;
use pgrx::prelude::*;

/// A SCIM filter string (RFC 7644) as the document that `filter` takes; names are looked up where it is used.
///
/// Errors: 22023 with the place of a syntax error, 54000 for a string that is too long, deep or has too many conditions.
#[pg_extern(immutable, strict, parallel_safe)]
fn acct_export_scim(filter: &str) -> Result<JsonB, Report> {
    Ok(JsonB(scim::document(filter).reported()?))
}
