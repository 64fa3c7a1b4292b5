//! Saved exports: `acct_export_save`, `acct_export_start_saved`, `acct_export_drop_saved`.

use super::start::{start, uuid, Selection};
use crate::audit::denials::{self, Attempt};
use crate::error::Result;
use crate::job::saved::{self, Captured};
use crate::job::session::Session;
use crate::model::ExportRequest;
use crate::pg::argument::Jsonb;
use crate::pg::report::{Report, Reported};
use crate::pg::{identity, xact};
use crate::settings;
use crate::start::ready;
use pgrx::datum::{Date, TimestampWithTimeZone, Uuid};
use pgrx::prelude::*;
use serde_json::json;

/// Checks a request as if it were started now, and saves it under a name, for the current role in this session.
///
/// Errors: those of `acct_export_start`; 22023 for a name that cannot be used, 42710 for one that is taken, 53400 for too many.
#[pg_extern(volatile, parallel_unsafe)]
#[allow(clippy::too_many_arguments)] // one for each argument in SQL
fn acct_export_save(
    name: Option<&str>,
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
    replace: default!(Option<bool>, "false"),
) -> std::result::Result<(), Report> {
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
    watched(&asked, "save", || save(name, &asked, replace.unwrap_or(false))).reported()
}

fn save(name: Option<&str>, asked: &ExportRequest, replace: bool) -> Result<()> {
    let checked = ready(&saved::request_to_check(asked), settings::runs_in_background())?;
    let context = checked.main.context;
    let tenant = context.tenant.text().map(str::to_owned);
    let session = Session::capture(checked.tenants, checked.reads_login);
    saved::save(name, asked, tenant.as_deref(), &Captured::here(context, session), replace)
}

fn watched<T>(asked: &ExportRequest, action: &'static str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let attempt =
        || Attempt { action, dataset: &asked.dataset, job: None, detail: json!({ "request": asked }) };
    denials::watch(attempt, work)
}

/// Starts a saved export as the current role, with the rights, fields and policies of now, and returns its job's id. `reason`: in place
/// of the one that was saved.
///
/// Errors: P0002 for a name that is not visible in this session, and those of `acct_export_start`.
#[pg_extern(volatile, parallel_unsafe)]
fn acct_export_start_saved(
    name: Option<&str>,
    reason: default!(Option<String>, "NULL"),
) -> std::result::Result<Uuid, Report> {
    start_saved(name, reason).reported()
}

fn start_saved(name: Option<&str>, reason: Option<String>) -> Result<Uuid> {
    let found = saved::find(name)?;
    xact::require_write("start an export")?;
    let mut request = found.request.clone();
    request.reason = reason.or(request.reason);
    // The mail is for who has saved it: somebody else may see more, and the first one may hear of it, not read it.
    if found.owner != identity::current_user() {
        request.notify_email = None;
    }
    if let Some(active) = saved::active_run(found.id, found.generation, &request)? {
        let asked = saved::request_to_check(&request);
        // Rights are asked for all the same.
        watched(&asked, "start", || found.in_its_zone(|| ready(&asked, true).map(drop)))?;
        return match asked.options.get("if_active") {
            Some(value) if value == "return" => uuid(&active),
            _ => Err(saved::already_active(&active)),
        };
    }
    let asked = saved::request_of_run(found.generation, &request)?;
    let job = found.in_its_zone(|| start(&asked, None))?;
    saved::started(&found, &job.to_string())?;
    Ok(job)
}

/// Removes a saved export and its schedule; its jobs stay.
///
/// Errors: P0002 for a name that is not visible in this session.
#[pg_extern(volatile, parallel_unsafe)]
fn acct_export_drop_saved(name: Option<&str>) -> std::result::Result<(), Report> {
    saved::remove(name).reported()
}
