//! `acct_export_start` and its request, which the streaming twins share.

use crate::audit::denials::{self, Attempt};
use crate::error::{Error, Kind, Result};
use crate::filter;
use crate::job::commands;
use crate::job::create::Created;
use crate::model::ExportRequest;
use crate::pg::argument::Jsonb;
use crate::pg::report::{Report, Reported};
use crate::settings;
use crate::start::{queue, ready};
use crate::worker;
use pgrx::datum::{Date, TimestampWithTimeZone, Uuid};
use pgrx::prelude::*;
use serde_json::{json, Map, Value};

/// Selection arguments as SQL gives them.
pub(super) struct Selection {
    pub dataset: Option<String>,
    pub period: Option<String>,
    pub start_date: Option<Date>,
    pub end_date: Option<Date>,
    pub period_field: Option<String>,
    pub since: Option<TimestampWithTimeZone>,
    pub filter: Option<Jsonb>,
    pub fields: Option<Vec<Option<String>>>,
    pub include: Option<Vec<Option<String>>>,
    pub include_disabled: Option<bool>,
    pub anonymise: Option<bool>,
    pub all_tenants: Option<bool>,
    pub options: Option<Jsonb>,
}

impl Selection {
    /// The request; NULL for any argument but the dataset is its default.
    pub(super) fn into_asked(self) -> Result<ExportRequest> {
        let dataset = self.dataset.filter(|name| !name.is_empty()).ok_or_else(|| {
            Error::invalid("dataset must not be null or empty")
                .hint("acct_export_datasets lists the datasets.")
        })?;
        let options = match read("the options document", self.options)? {
            None | Some(Value::Null) => Map::new(),
            Some(Value::Object(options)) => options,
            Some(_) => {
                return Err(Error::invalid("options must be a JSON object")
                    .hint("Write it like '{\"order\": \"key\"}'."))
            }
        };
        Ok(ExportRequest {
            dataset,
            format: String::new(),
            period: self.period,
            start_date: self.start_date.map(|date| date.to_iso_string()),
            end_date: self.end_date.map(|date| date.to_iso_string()),
            period_field: self.period_field,
            since: self.since.map(|since| since.to_iso_string()),
            filter: read("the filter", self.filter)?,
            // An empty list is what a form sends that nobody filled in.
            fields: self.fields.filter(|fields| !fields.is_empty()),
            include: self.include.filter(|include| !include.is_empty()),
            include_disabled: self.include_disabled,
            anonymise: self.anonymise.unwrap_or(false),
            all_tenants: self.all_tenants.unwrap_or(false),
            destination: None,
            notify_email: None,
            reason: None,
            options,
        })
    }
}

/// A JSON argument as a tree.
fn read(name: &str, argument: Option<Jsonb>) -> Result<Option<Value>> {
    match argument {
        None => Ok(None),
        Some(Jsonb(None)) => Err(filter::too_large(name)),
        Some(Jsonb(Some(text))) => filter::read(name, &text).map(Some),
    }
}

/// Starts an export and returns its job's id. The file is made in the background, after the commit.
///
/// Errors: 22023 for an unknown dataset, field, format, period, option, operator or a value that does not fit; 42501 where
/// the caller may not; 55006 where the same request is active, 53400 where too many are; 25006 where nothing can be written.
#[pg_extern(volatile, parallel_unsafe)]
#[allow(clippy::too_many_arguments)] // one for each argument in SQL
fn acct_export_start(
    dataset: Option<String>,
    format: default!(Option<String>, "'xlsx'"),
    period: default!(Option<String>, "NULL"),
    start_date: default!(Option<Date>, "NULL"),
    end_date: default!(Option<Date>, "NULL"),
    period_field: default!(Option<String>, "NULL"),
    since: default!(Option<TimestampWithTimeZone>, "NULL"),
    filter: default!(Option<Jsonb>, "NULL"),
    fields: default!(Option<Vec<Option<String>>>, "NULL"),
    include: default!(Option<Vec<Option<String>>>, "NULL"),
    include_disabled: default!(Option<bool>, "NULL"),
    anonymise: default!(Option<bool>, "false"),
    all_tenants: default!(Option<bool>, "false"),
    destination: default!(Option<String>, "NULL"),
    notify_email: default!(Option<String>, "NULL"),
    reason: default!(Option<String>, "NULL"),
    options: default!(Option<Jsonb>, "'{}'"),
) -> std::result::Result<Uuid, Report> {
    let selection = Selection {
        dataset,
        period,
        start_date,
        end_date,
        period_field,
        since,
        filter,
        fields,
        include,
        include_disabled,
        anonymise,
        all_tenants,
        options,
    };
    let mut asked = selection.into_asked().reported()?;
    asked.format = format.unwrap_or_else(|| "xlsx".to_owned());
    asked.destination = destination;
    asked.notify_email = notify_email;
    asked.reason = reason;
    start(&asked, None).reported()
}

/// Asks for the request of a job that failed, in whole or in part, or was cancelled again; the new job's id. Periods are counted from now.
///
/// Errors: P0002 for a job that is not visible, 55000 for one in another state, and those of `acct_export_start`.
#[pg_extern(volatile, parallel_unsafe)]
fn acct_export_retry(job: Option<Uuid>) -> std::result::Result<Uuid, Report> {
    let job = job.map(|job| job.to_string());
    start(&commands::request_of_ended(job.as_deref()).reported()?, job.as_deref()).reported()
}

/// `retried`: the job whose request this is.
pub(super) fn start(asked: &ExportRequest, retried: Option<&str>) -> Result<Uuid> {
    let attempt = || Attempt {
        action: "start",
        dataset: &asked.dataset,
        job: retried,
        detail: json!({ "request": asked }),
    };
    denials::watch(attempt, || {
        let in_background = settings::runs_in_background();
        let checked = ready(asked, in_background)?;
        match queue(asked, checked, in_background)? {
            Created::New(job) => {
                if !in_background {
                    worker::in_session(&job)?;
                }
                uuid(&job)
            }
            Created::Twin(job) => uuid(&job),
        }
    })
}

pub(super) fn uuid(text: &str) -> Result<Uuid> {
    let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
    let mut bytes = [0u8; 16];
    for (place, byte) in bytes.iter_mut().enumerate() {
        *byte = digits
            .get(place * 2..place * 2 + 2)
            .and_then(|pair| u8::from_str_radix(pair, 16).ok())
            .ok_or_else(|| Error::new(Kind::Internal, "a job's id is no UUID"))?;
    }
    Ok(Uuid::from_bytes(bytes))
}
