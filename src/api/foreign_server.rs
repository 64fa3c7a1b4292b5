//! Validators of the foreign-data wrappers.

use crate::error::{Error, Result};
use crate::foreign_server::{validate, Place, Wrapper};
use crate::pg::guc;
use crate::pg::identity;
use crate::pg::oid::{self, Oid};
use crate::pg::report::{Report, Reported};
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

/// A file of the server is named by who may read all of them.
fn may_name_files(options: &[(&str, &str)]) -> Result<()> {
    let role = identity::current_user();
    if options.iter().all(|(name, _)| *name != "sslrootcert") || identity::may_run_programs(role) {
        return Ok(());
    }
    Err(Error::denied("permission denied to set option \"sslrootcert\"")
        .hint("Superusers and members of pg_read_server_files may name a file of the server."))
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
    let checked = validate(wrapper, place, &pairs).and_then(|()| may_name_files(&pairs));
    if checked.is_err() {
        // The log would quote the statement, which may hold a secret in whatever place.
        guc::hide_failing_statement();
    }
    checked.reported()
}
