//! Validators of the foreign-data wrappers.

use crate::destination::{validate, Place, Wrapper};
use crate::error::Error;
use crate::pg::guc;
use crate::pg::oid::{self, Oid};
use crate::pg::report::Report;
use pgrx::prelude::*;

type Checked = std::result::Result<(), Report>;

#[pg_extern(schema = "acct_export", immutable, strict, parallel_safe)]
fn s3_validator(options: Vec<Option<String>>, catalog: Oid) -> Checked {
    check(Wrapper::S3, &options, catalog)
}

#[pg_extern(schema = "acct_export", immutable, strict, parallel_safe)]
fn gcs_validator(options: Vec<Option<String>>, catalog: Oid) -> Checked {
    check(Wrapper::Gcs, &options, catalog)
}

#[pg_extern(schema = "acct_export", immutable, strict, parallel_safe)]
fn azure_validator(options: Vec<Option<String>>, catalog: Oid) -> Checked {
    check(Wrapper::Azure, &options, catalog)
}

#[pg_extern(schema = "acct_export", immutable, strict, parallel_safe)]
fn smtp_validator(options: Vec<Option<String>>, catalog: Oid) -> Checked {
    check(Wrapper::Smtp, &options, catalog)
}

#[pg_extern(schema = "acct_export", immutable, strict, parallel_safe)]
fn webhook_validator(options: Vec<Option<String>>, catalog: Oid) -> Checked {
    check(Wrapper::Webhook, &options, catalog)
}

/// The server gives `name=value` texts, and the oid of the catalogue in which they will stand.
fn check(wrapper: Wrapper, options: &[Option<String>], catalog: Oid) -> Checked {
    let pairs: Vec<(&str, &str)> =
        options.iter().flatten().map(|option| option.split_once('=').unwrap_or((option, ""))).collect();
    let place = match catalog {
        oid::SERVERS => Place::Server,
        oid::USER_MAPPINGS => Place::Mapping,
        oid::WRAPPERS => Place::Wrapper,
        _ => Place::Table,
    };
    let checked = validate(wrapper, place, &pairs);
    if checked.is_err() {
        // The log would quote the statement, which may hold a secret in whatever place.
        guc::hide_failing_statement();
    }
    checked.map_err(|error: Error| error.into())
}
