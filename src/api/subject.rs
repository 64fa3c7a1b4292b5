//! `acct_export_subject`: all that there is about one person, in one archive.

use super::session_read::{watched, Manner, Reading};
use super::start::start;
use crate::catalog::{load, rights};
use crate::encode::Format;
use crate::error::{Error, Result};
use crate::model::{Class, ExportRequest};
use crate::pg::report::{Report, Reported};
use crate::pg::{identity, query};
use crate::request::subject::{self, Further};
use crate::value::key_text;
use pgrx::datum::Uuid;
use pgrx::prelude::*;

fn ask(dataset: &str, key: &str, format: Format, reason: Option<&str>) -> Result<Uuid> {
    let named = ExportRequest { dataset: dataset.to_owned(), ..ExportRequest::default() };
    let asked = watched(&named, format, "start", || {
        load::check_exists(dataset)?;
        let loaded = load::load_named(dataset)?;
        rights::may_ask(&loaded.dataset, identity::current_user())?;
        let mut fields = loaded.dataset.key.iter().filter_map(|name| loaded.dataset.field(name));
        if fields.any(|field| field.ty.class == Class::Array) {
            return Err(Error::invalid(format!(
                "the key of dataset \"{dataset}\" is an array and does not identify one row"
            ))
            .hint("Request the rows with acct_export_start and a filter."));
        }
        let columns = loaded.dataset.key.len();
        let values = key_text::values(key, columns).ok_or_else(|| {
            Error::invalid(format!("key must be an array of {columns} values")).hint(format!(
                "The key consists of fields {}. Write their values as an array, like '{{one,two}}'.",
                loaded.dataset.key_names()
            ))
        })?;
        let mut further = Further::new();
        for companion in subject::matched(&loaded.dataset) {
            subject::add_further(dataset, &load::load_named(companion)?.dataset, &mut further);
        }
        let asked = subject::request(&loaded.dataset, &values, &further, format, reason);
        let reading = Reading::of(&asked, format, Manner::AtOnce)?;
        let found = reading.read(|| query::count(&reading.plan.sql, &reading.plan.params, Some(1)))?;
        if found == 0 {
            // The same answer whether there is no such person or one of another tenant.
            return Err(Error::invalid(format!("no row of dataset \"{dataset}\" has this key"))
                .hint(format!("The key is field \"{}\" of the dataset.", loaded.dataset.key_names())));
        }
        Ok(asked)
    })?;
    start(&asked, None)
}

/// Asks for the export of one person: the row of this key, disabled or not, and the rows of every companion with a match, all fields that
/// may leave, and those of their companions with a match, as one ZIP archive with its manifest. The job's id.
///
/// Errors: 22023 where there is no such row that the caller may read, and those of `acct_export_start`.
#[pg_extern(volatile, parallel_unsafe)]
fn acct_export_subject(
    dataset: Option<&str>,
    key: Option<&str>,
    format: default!(Option<&str>, "'json'"),
    reason: default!(Option<&str>, "NULL"),
) -> std::result::Result<Uuid, Report> {
    let required = |value: Option<&str>, name: &str| -> Result<String> {
        let value = value.filter(|value| !value.is_empty());
        value.map(str::to_owned).ok_or_else(|| {
            Error::invalid(format!("{name} must not be null or empty")).hint(
                "Call acct_export_subject(dataset, key) with the key of the person in the dataset, as text.",
            )
        })
    };
    let dataset = required(dataset, "dataset").reported()?;
    let key = required(key, "key").reported()?;
    let format = Format::parse(format.unwrap_or("json")).reported()?;
    ask(&dataset, &key, format, reason).reported()
}
