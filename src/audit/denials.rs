//! Refusals: told by an audit worker before the error is raised that rolls everything else back. One event each.

use super::{autonomous, By, Event, DENIED};
use crate::error::{Error, Kind, Result};
use crate::pg::guc;
use crate::settings;
use crate::tenant;
use serde_json::{json, Map, Value};

/// An attempt that was refused.
pub struct Attempt<'a> {
    /// start, stream, preview, approve, download, cancel, delete.
    pub action: &'static str,
    pub dataset: &'a str,
    pub job: Option<&'a str>,
    /// More of it: the request as asked, the file and the way.
    pub detail: Value,
}

/// Runs what checks whether the caller may; a 42501 is told, also where the caller is shown another error.
pub fn watch<'a, T>(attempt: impl FnOnce() -> Attempt<'a>, checks: impl FnOnce() -> Result<T>) -> Result<T> {
    // Before anything can have failed.
    let (by, set) = caller();
    let outcome = checks();
    if let Err(error) = &outcome {
        let error = error.conceals.as_deref().unwrap_or(error);
        if error.kind == Kind::InsufficientPrivilege {
            let attempt = attempt();
            // After an error of the server's nothing more is asked of the catalogue.
            let tenant = if error.server_state.is_some() { set } else { tenant::shown(attempt.dataset) };
            write(by, tenant, attempt, error);
        }
    }
    outcome
}

/// A job that the caller may not know of. The caller sees the error of one that is not there, `error`: the same text. It comes
/// some milliseconds later than that of an id that is nobody's; ids are random, and who has one has learnt it from somewhere.
pub fn hidden(attempt: Attempt<'_>, error: &Error) {
    let tenant = tenant::shown(attempt.dataset);
    write(By::caller(), tenant, attempt, error);
}

fn caller() -> (By, Option<String>) {
    (By::caller(), guc::get(&settings::tenant_setting()))
}

fn write(by: By, tenant: Option<String>, attempt: Attempt<'_>, error: &Error) {
    let mut detail = match attempt.detail {
        Value::Object(members) => members,
        _ => Map::new(),
    };
    detail.insert("action".into(), attempt.action.into());
    detail.insert("error".into(), error.message.as_str().into());
    detail.insert("error_code".into(), error.sqlstate().into());
    let mut event = Event::new(DENIED, by, json!(detail));
    event.dataset = Some(attempt.dataset.to_owned());
    event.job = attempt.job.map(str::to_owned);
    event.tenant = tenant;
    autonomous::tell(&event.bounded());
}
