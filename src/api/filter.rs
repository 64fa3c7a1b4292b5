//! Filters in other languages.

use crate::catalog::without_secrets;
use crate::error::{Error, Kind};
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

/// A document as exports show it: without members whose keys are names of secrets; values that are secrets, by themselves or by the
/// name beside them, are redacted. Filters on fields of JSON are made of it.
///
/// Errors: 53200 where there is no memory for it.
#[pg_extern(stable, strict, parallel_unsafe, cost = 100)]
fn acct_export_without_secrets(document: JsonB) -> Result<JsonB, Report> {
    let shown = without_secrets::document(&document.0.to_string()).reported()?;
    let Some(shown) = shown else { return Ok(document) };
    let shown = serde_json::from_str(&shown);
    shown
        .map(JsonB)
        .map_err(|_| Error::new(Kind::Internal, "a document without secrets is no JSON"))
        .reported()
}
