//! `acct_export_start` and its request, which the streaming twins share.

use crate::audit::denials::{self, Attempt};
use crate::catalog::{load, reference, rights, settings_read};
use crate::encode::{Format, Options, Order};
use crate::error::{Error, Kind, Result};
use crate::filter;
use crate::foreign_server;
use crate::job::all_slots::Owner;
use crate::job::captured_session::CapturedSession;
use crate::job::create::Created;
use crate::job::session::Session;
use crate::job::{commands, create, wake};
use crate::model::{ExportRequest, FileSpec};
use crate::notify;
use crate::pg::argument::Jsonb;
use crate::pg::catalog;
use crate::pg::identity::{self, Reader};
use crate::pg::report::{Report, Reported};
use crate::settings;
use crate::source::changes;
use crate::source::dataset_export::{DatasetExport, Planner};
use crate::tenant::SessionTenant;
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
    denials::watch(attempt, || queue(asked))
}

/// Everything that can be wrong with a request that becomes a job.
pub(super) fn ready(asked: &ExportRequest) -> Result<Checked> {
    let format = Format::parse(&asked.format)?;
    if let Some(destination) = &asked.destination {
        foreign_server::for_files(destination, identity::current_user())?;
        if !settings::runs_in_background() {
            return Err(Error::new(
                Kind::FeatureNotSupported,
                "exports to a destination run in the background only, and acct_export.async is off",
            )
            .hint("Leave destination out, or have acct_export.async turned on."));
        }
    }
    notify::check(asked)?;
    check(asked, format, Order::Key, false)
}

fn queue(asked: &ExportRequest) -> Result<Uuid> {
    let Checked { main, titles, tenants, reads_login, options } = ready(asked)?;
    let DatasetExport { loaded, context, plan, .. } = main;
    let session = Some(Session::capture(tenants, reads_login));
    let context = CapturedSession { included: plan.companions, session, ..context };
    let created = create::create(asked, &context, &loaded.dataset.policy, &titles, options.if_active)?;
    let job = match created {
        Created::New(job) => job,
        Created::Twin(job) => return uuid(&job),
    };
    if settings::runs_in_background() {
        wake::at_commit(Some(Owner::new(context.tenant.key(), identity::current_user())));
    } else {
        worker::in_session(&job)?;
    }
    uuid(&job)
}

/// A request that may become a job, or be read.
pub(super) struct Checked {
    pub main: DatasetExport,
    pub options: Options,
    /// Of the dataset and of those that ride along.
    pub titles: Vec<String>,
    /// Of these, and of the datasets that it refers to.
    pub tenants: Vec<SessionTenant>,
    /// Of a request that becomes a job: the rows of one of them depend on who has logged in.
    pub reads_login: bool,
}

/// Everything that can be wrong with a request is found here, before there is a job. `held`: it is read now, so what the rows come
/// from is locked.
pub(super) fn check(asked: &ExportRequest, format: Format, order: Order, held: bool) -> Result<Checked> {
    if !catalog::database_is_utf8() {
        return Err(Error::new(Kind::FeatureNotSupported, "exports need a database with encoding UTF8"));
    }
    load::check_exists(&asked.dataset)?;
    let FileSpec { options, .. } = FileSpec::in_format(asked, format)?;
    let context = CapturedSession::capture(asked, options.time_zone.as_deref())?;
    let settings = context.of_request(&options);
    let reader = Reader { settings: &settings, ..Reader::checking(identity::current_user()) };
    if held {
        // Nothing is locked for one who may not ask for it.
        rights::may_ask(&load::load_named(&asked.dataset)?.dataset, reader.role)?;
    }
    let planner = Planner { context: &context, format, options: &options, order, reader: &reader, held };
    let main = planner.main(asked)?;
    changes::check(&main, &options)?;
    let mut titles = vec![main.loaded.dataset.title.clone()];
    let mut tenants = vec![main.context.tenant.clone()];
    let mut reads_login = !held && settings_read::reads_login(&main.loaded.lineage)?;
    for name in &main.plan.companions {
        let companion = planner.companion(&main, name)?;
        reads_login = reads_login || (!held && settings_read::reads_login(&companion.loaded.lineage)?);
        titles.push(companion.loaded.dataset.title);
        tenants.push(companion.context.tenant);
    }
    for reference in reference::of(&asked.dataset)? {
        let target = &reference.target.dataset;
        tenants.push(main.context.tenant_of(target)?);
        if !held && !reads_login {
            // A target that cannot be loaded fails when it is read; until then the job is shown to fewer sessions.
            let target =
                load::load_named(target).and_then(|target| settings_read::reads_login(&target.lineage));
            reads_login = target.unwrap_or(true);
        }
    }
    Ok(Checked { main, options, titles, tenants, reads_login })
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
