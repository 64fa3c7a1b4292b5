//! `acct_export_start` and its request, which the streaming twins share.

use crate::audit::denied::{self, Attempt};
use crate::catalog::{load, rights};
use crate::destination;
use crate::encode::{Format, Options, Order};
use crate::error::{Error, Kind, Result};
use crate::job::context::Context;
use crate::job::{create, manage};
use crate::notice;
use crate::pg::argument::Jsonb;
use crate::pg::catalog;
use crate::pg::identity::{self, Reader};
use crate::pg::report::Report;
use crate::request::{filter, Asked};
use crate::settings;
use crate::source::part::{Asker, Part};
use crate::source::plan;
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
    pub(super) fn into_asked(self) -> Result<Asked> {
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
        // A NULL that means "no" here would fail open.
        let certain = |value: Option<bool>, name: &str| {
            value
                .ok_or_else(|| Error::invalid(format!("{name} must not be null")).hint("Give true or false."))
        };
        Ok(Asked {
            dataset,
            format: String::new(),
            period: self.period,
            start_date: self.start_date.map(|date| date.to_iso_string()),
            end_date: self.end_date.map(|date| date.to_iso_string()),
            period_field: self.period_field,
            since: self.since.map(|since| since.to_iso_string()),
            filter: read("the filter", self.filter)?,
            fields: self.fields,
            include: self.include,
            include_disabled: self.include_disabled,
            anonymise: certain(self.anonymise, "anonymise")?,
            all_tenants: certain(self.all_tenants, "all_tenants")?,
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
#[allow(clippy::too_many_arguments)] // the contract's arguments
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
    let mut asked = selection.into_asked()?;
    asked.format = format.ok_or_else(|| {
        Error::invalid("format must not be null").hint("Known formats: xlsx, csv, ndjson, json.")
    })?;
    asked.destination = destination;
    asked.notify_email = notify_email;
    asked.reason = reason;
    Ok(start(&asked, None)?)
}

/// Asks for the request of a job that failed, in whole or in part, or was cancelled again; the new job's id. Periods are counted from now.
///
/// Errors: P0002 for a job that is not visible, 55000 for one in another state, and those of `acct_export_start`.
#[pg_extern(volatile, parallel_unsafe)]
fn acct_export_retry(job: Option<Uuid>) -> std::result::Result<Uuid, Report> {
    let job = job.map(|job| job.to_string());
    Ok(start(&manage::request_of_ended(job.as_deref())?, job.as_deref())?)
}

/// `retried`: the job whose request this is.
fn start(asked: &Asked, retried: Option<&str>) -> Result<Uuid> {
    let attempt = || Attempt {
        action: "start",
        dataset: &asked.dataset,
        job: retried,
        detail: json!({ "request": asked }),
    };
    denied::watch(attempt, || queue(asked))
}

fn queue(asked: &Asked) -> Result<Uuid> {
    let format = Format::parse(&asked.format)?;
    if let Some(destination) = &asked.destination {
        destination::for_files(destination, identity::current_user())?;
        if !settings::runs_in_background() {
            return Err(Error::new(
                Kind::FeatureNotSupported,
                "exports to a destination run in the background only, and acct_export.async is off",
            )
            .hint("Leave destination out, or have acct_export.async turned on."));
        }
    }
    notice::check(asked)?;
    let Checked { main, titles, .. } = check(asked, format, Order::Key, false)?;
    let Part { loaded, context, plan, .. } = main;
    let context = Context { included: plan.companions, ..context };
    identity::as_owner(settings::intervals)?;
    let job = create::create(asked, &context, &loaded.dataset.policy, &titles)?;
    if settings::runs_in_background() {
        worker::wake::at_commit();
    } else {
        worker::in_session(&job)?;
    }
    uuid(&job)
}

/// A request that may become a job, or be read.
pub(super) struct Checked {
    pub main: Part,
    pub options: Options,
    /// Of the dataset and of those that ride along.
    pub titles: Vec<String>,
}

/// Everything that can be wrong with a request is found here, before there is a job. `held`: it is read now, so what the rows come
/// from is locked.
pub(super) fn check(asked: &Asked, format: Format, order: Order, held: bool) -> Result<Checked> {
    if !catalog::database_is_utf8() {
        return Err(Error::new(Kind::FeatureNotSupported, "exports need a database with encoding UTF8"));
    }
    let options = plan::options(asked, format)?;
    let context = Context::capture(asked)?;
    let reader = Reader { role: identity::current_user(), own_session: false, settings: &[] };
    if held {
        // Nothing is locked for one who may not ask for it.
        rights::may_ask(&load::load(&asked.dataset)?.dataset, reader.role)?;
    }
    let asker = Asker { context: &context, format, options: &options, order, reader: &reader, held };
    let main = asker.main(asked)?;
    let mut titles = vec![main.loaded.dataset.title.clone()];
    for name in &main.plan.companions {
        titles.push(asker.companion(&main, name)?.loaded.dataset.title);
    }
    Ok(Checked { main, options, titles })
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
