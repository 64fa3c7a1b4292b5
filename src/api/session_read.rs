//! A request that is read in the caller's own session: what the streams and the preview share.

use crate::audit::denials::{self, Attempt};
use crate::audit::{self, By, Event};
use crate::catalog::load::Loaded;
use crate::encode::{Format, Options, Order};
use crate::error::Result;
use crate::job::captured_session::CapturedSession;
use crate::layout::Layout;
use crate::model::ExportRequest;
use crate::pg::identity::{self, Reader};
use crate::pg::report::{self, Failure};
use crate::pg::stream::Stream;
use crate::pseudonym_key;
use crate::redact::redactor::Redactor;
use crate::source::dataset_export::DatasetExport;
use crate::source::plan::Plan;
use crate::source::resolved_period::ResolvedPeriod;
use crate::start::{check, Checked};
use crate::tenant::SessionTenant;
use serde_json::{json, Value};

/// The ways in which the caller's session reads.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    /// Over several calls: what foreign code does cannot be rolled back, and is refused.
    Stream,
    /// Within one call: what foreign code does is rolled back.
    AtOnce,
}

/// A request that was checked, with all that reading takes.
pub(super) struct Reading {
    pub context: CapturedSession,
    pub loaded: Loaded,
    pub options: Options,
    pub plan: Plan,
    key: Option<[u8; 32]>,
    /// Of the datasets that it reads.
    pub tenants: Vec<SessionTenant>,
    /// In place of the session's own.
    pub settings: Vec<(String, String)>,
    manner: Manner,
}

impl Reading {
    /// Checks everything that `acct_export_start` checks, of what is locked and read then.
    pub fn of(asked: &ExportRequest, format: Format, manner: Manner) -> Result<Reading> {
        let Checked { main, options, tenants, .. } = check(asked, format, Order::None, true)?;
        let DatasetExport { context, loaded, plan, .. } = main;
        let key = if plan.pseudonymises() { Some(pseudonym_key::of(context.tenant.key())?) } else { None };
        let settings = context.of_request(&options);
        Ok(Reading { context, loaded, options, plan, key, tenants, settings, manner })
    }

    /// Reads as the caller, in the caller's session; what the source says in an error is not told.
    pub fn read<T>(&self, read: impl FnOnce() -> Result<T>) -> Result<T> {
        match self.manner {
            Manner::Stream => stream(&self.settings, read),
            Manner::AtOnce => {
                let checking = Reader::checking(identity::current_user());
                let reader = Reader { settings: &self.settings, ..checking };
                reader.undone(|| identity::as_requester(&reader, read)).map_err(Failure::into_error)
            }
        }
    }

    /// The export's query; `read` runs around this, and around each fetch.
    pub fn open(&self, format: Format) -> Result<Stream> {
        let local = format == Format::Xlsx || self.options.text_form.local_times;
        Stream::open(&self.plan.sql, &self.plan.params, local, self.plan.key_check())
    }

    /// The columns of a file of this format; see [`Plan::layout`].
    pub fn layout(&self, format: Format, most: Option<u64>) -> Result<Layout> {
        self.read(|| self.plan.layout(format, self.key, most))
    }

    pub fn redactor(&self) -> Redactor {
        self.plan.redactor(self.key)
    }

    /// Tells of it, which has to be before the first row leaves.
    pub fn tell(&self, name: &'static str, asked: &ExportRequest, more: Value) -> Result<()> {
        let fields: Vec<&str> = self.plan.columns.iter().map(|column| column.name.as_str()).collect();
        let mut detail = json!({
            "filter": asked.filter, "period": asked.period, "start_date": asked.start_date, "end_date": asked.end_date,
            "since": asked.since, "fields": fields, "masks": self.plan.masks(), "anonymise": asked.anonymise,
            "include_disabled": asked.include_disabled, "all_tenants": asked.all_tenants,
        });
        if !asked.options.is_empty() {
            detail["options"] = json!(asked.options);
        }
        detail["time_zone"] = json!(self.context.time_zone);
        detail["disabled_rows"] = json!(self.plan.disabled.in_words());
        if let Some(period) = ResolvedPeriod::of(&self.plan, &self.context, &self.loaded.dataset) {
            detail["period_field"] = json!(period.field);
            detail["from"] = json!(period.from);
            detail["before"] = json!(period.before);
        }
        if let (Some(detail), Value::Object(more)) = (detail.as_object_mut(), more) {
            detail.extend(more);
        }
        let mut event = Event::new(name, By::caller(), detail);
        event.dataset = Some(asked.dataset.clone());
        event.tenant = self.context.tenant.text().map(str::to_owned);
        audit::left(event)
    }
}

/// Does the work; where it is refused, the audit trail is told of a denied `action`.
pub(super) fn watched<T>(
    asked: &ExportRequest,
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
    denials::watch(attempt, work)
}

/// The same for one step of a stream, with these settings in place of the session's.
pub(super) fn stream<T>(settings: &[(String, String)], read: impl FnOnce() -> Result<T>) -> Result<T> {
    let reader = Reader { settings, ..Reader::streaming(identity::current_user()) };
    report::reading(|| identity::as_requester(&reader, read))
}
