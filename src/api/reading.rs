//! A request that is read in the caller's own session: what the streams and the preview share.

use super::start::{check, Checked};
use crate::audit::denied::{self, Attempt};
use crate::audit::{self, By, Event};
use crate::catalog::load::Loaded;
use crate::encode::{Format, Options, Order};
use crate::error::Result;
use crate::job::context::Context;
use crate::pg::identity::{self, Reader};
use crate::pg::report;
use crate::pg::stream::Stream;
use crate::request::Asked;
use crate::source::expand::Layout;
use crate::source::part::Part;
use crate::source::plan::Plan;
use crate::source::shield::Shield;
use crate::tenant_key;
use serde_json::{json, Value};

/// A request that was checked, with all that reading takes.
pub(super) struct Reading {
    pub context: Context,
    pub loaded: Loaded,
    pub options: Options,
    pub plan: Plan,
    key: Option<[u8; 32]>,
}

impl Reading {
    /// Checks everything that `acct_export_start` checks, of what is locked and read then.
    pub fn of(asked: &Asked, format: Format) -> Result<Reading> {
        let Checked { main, options, .. } = check(asked, format, Order::None, true)?;
        let Part { context, loaded, plan, .. } = main;
        let key = if plan.pseudonymises() { Some(tenant_key::of(context.tenant.as_deref())?) } else { None };
        Ok(Reading { context, loaded, options, plan, key })
    }

    pub fn open(&self) -> Result<Stream> {
        as_caller(|| Stream::open(&self.plan.sql, &self.plan.params, false))
    }

    /// The columns of a file of this format; see [`Plan::layout`].
    pub fn layout(&self, format: Format, most: Option<u64>) -> Result<Layout> {
        as_caller(|| self.plan.layout(format, self.key, most))
    }

    pub fn shield(&self) -> Shield {
        self.plan.shield(self.key)
    }

    /// Tells of it, which has to be before the first row leaves.
    pub fn tell(&self, name: &'static str, asked: &Asked, more: Value) -> Result<()> {
        let fields: Vec<&str> = self.plan.columns.iter().map(|column| column.name.as_str()).collect();
        let mut detail = json!({
            "filter": asked.filter, "period": asked.period, "start_date": asked.start_date, "end_date": asked.end_date,
            "since": asked.since, "fields": fields, "anonymise": asked.anonymise,
            "include_disabled": asked.include_disabled, "all_tenants": asked.all_tenants,
        });
        if let (Some(detail), Value::Object(more)) = (detail.as_object_mut(), more) {
            detail.extend(more);
        }
        let mut event = Event::new(name, By::caller(), detail);
        event.dataset = Some(asked.dataset.clone());
        event.tenant = self.context.tenant.clone();
        audit::left(event)
    }
}

/// Does the work; where it is refused, the audit trail is told of a denied `action`.
pub(super) fn watched<T>(
    asked: &Asked,
    format: Format,
    action: &'static str,
    work: impl FnOnce() -> Result<T>,
) -> Result<T> {
    let attempt = || Attempt {
        action,
        dataset: &asked.dataset,
        job: None,
        detail: json!({ "format": format.as_str(), "request": asked }),
    };
    denied::watch(attempt, work)
}

/// Reads as the caller, in the caller's session; what the source says in an error is not told.
pub(super) fn as_caller<T>(read: impl FnOnce() -> Result<T>) -> Result<T> {
    let reader = Reader { role: identity::current_user(), own_session: false, settings: &[] };
    report::reading(|| identity::as_requester(&reader, read))
}
