//! The content of the `Export info` sheet: a description of the file, for whoever finds it later.

use crate::encode::{Info, InfoValue, Properties};
use crate::import::info::LABEL_OF;
use crate::job::captured_session::CapturedSession;
use crate::job::manifest::{Changes, FOREIGN_SNAPSHOT};
use crate::model::ExportRequest;
use crate::pg::identity;
use crate::redact::scrub::Removed;
use crate::source::dataset_export::DatasetExport;
use crate::source::moment::Moment;
use crate::source::plan::Plan;
use crate::value::key_text;
use std::collections::BTreeMap;

/// The request that a file answers.
pub struct Occasion<'a> {
    /// None: a stream, or a file that is to be reproducible.
    pub job: Option<&'a str>,
    pub role: u32,
    pub asked: &'a ExportRequest,
    pub context: &'a CapturedSession,
    pub moment: &'a Moment,
    /// Nothing is told that names the run or follows from its moment.
    pub reproducible: bool,
}

/// A dataset in the file.
pub struct Part<'a> {
    pub title: &'a str,
    pub asked: &'a ExportRequest,
    pub context: &'a CapturedSession,
    pub plan: &'a Plan,
    /// Of a companion that has no rows but those of what is exported: the dataset and its own field.
    pub matched: Option<&'a (String, String)>,
    pub rows: u64,
    /// By the fields that something was taken out of.
    pub removed: &'a BTreeMap<String, Removed>,
    /// Of a file of changes.
    pub changes: Option<&'a Changes>,
    /// The source reads foreign tables.
    pub foreign: bool,
}

impl<'a> Part<'a> {
    pub fn of(export: &'a DatasetExport, rows: u64, removed: &'a BTreeMap<String, Removed>) -> Part<'a> {
        Part {
            title: &export.loaded.dataset.title,
            asked: &export.asked,
            context: &export.context,
            plan: &export.plan,
            matched: export.matched.as_ref(),
            rows,
            removed,
            changes: None,
            foreign: export.loaded.lineage.reads_other_servers(),
        }
    }
}

/// `failed`: what was to be in the file and is not, with the reason.
pub fn of(occasion: &Occasion<'_>, parts: &[Part<'_>], failed: &[(String, String)]) -> Info {
    let Occasion { asked, context, moment, reproducible, .. } = *occasion;
    let mut told = Told { entries: Vec::new(), reproducible };
    let run = !reproducible;
    let job = occasion.job.filter(|_| run);
    told.add("Requested by", identity::role_name(occasion.role));
    told.add("Actor", context.actor.clone());
    told.add("Tenant", context.tenant.text().map(str::to_owned));
    told.add("Job", job.map(str::to_owned));
    told.add("Requested at", run.then(|| context.asked_at.clone()));
    told.add("As of", run.then(|| moment.in_full()));
    told.add("WAL position", run.then(|| moment.wal_position.clone()));
    told.add("Reason", asked.reason.clone());
    told.add("Anonymised", yes(asked.anonymise));
    told.add("All tenants", yes(asked.all_tenants));
    for part in parts {
        told.part(part);
        for (field, removed) in part.removed {
            told.add("Secrets removed", Some(format!("{field}: {}", in_words(removed))));
        }
    }
    for (title, reason) in failed {
        told.add("Failed", Some(format!("{title}: {reason}")));
    }
    let properties = Properties {
        title: parts.first().map(|part| part.title.to_owned()).unwrap_or_default(),
        subject: job.unwrap_or_default().to_owned(),
        created: if run { moment.as_of } else { 0 },
    };
    Info { properties, entries: told.entries }
}

struct Told {
    entries: Vec<(String, InfoValue)>,
    reproducible: bool,
}

impl Told {
    fn add(&mut self, name: &str, value: Option<String>) {
        if let Some(value) = value {
            self.entries.push((name.to_owned(), value.into()));
        }
    }

    fn part(&mut self, part: &Part<'_>) {
        let (asked, bounds) = (&part.asked, &part.context.bounds);
        self.add("Dataset", Some(asked.dataset.clone()));
        self.entries.push(("Rows".to_owned(), InfoValue::Count(part.rows)));
        if let Some(Changes { since, added, changed, removed }) = part.changes {
            self.add("Changes since", Some(since.clone()));
            self.add("Changes", Some(format!("{added} added, {changed} changed, {removed} removed")));
        }
        self.add(
            "Rows of",
            part.matched.map(|(dataset, fields)| {
                format!("the exported {dataset}, by {}", key_text::names(fields).join(", "))
            }),
        );
        let fields: Vec<&str> = part.plan.columns.iter().map(|column| column.name.as_str()).collect();
        self.add("Fields", Some(fields.join(", ")));
        for (field, label) in &part.plan.labels {
            self.add(&format!("{LABEL_OF}{field}"), Some(label.clone()));
        }
        self.add("Period", asked.period.clone());
        self.add("Period field", part.plan.period_field.clone());
        // The ends of a rolling period are moments of asking.
        let fixed = !self.reproducible || asked.period.is_none();
        self.add("From", bounds.from.as_ref().filter(|_| fixed).map(|from| from.instant.clone()));
        self.add("Before", bounds.until.as_ref().filter(|_| fixed).map(|until| until.instant.clone()));
        self.add("Since", bounds.since.as_ref().map(|since| since.instant.clone()));
        self.add("Filter", asked.filter.as_ref().map(ToString::to_string));
        let is_dated = part.plan.period_field.is_some();
        self.add("Rows without a date", is_dated.then(|| "left out".to_owned()));
        self.add("Disabled rows", part.plan.disabled.in_words().map(str::to_owned));
        self.add("Snapshot", part.foreign.then(|| FOREIGN_SNAPSHOT.to_owned()));
        for (field, reason) in &part.plan.left_out {
            self.add("Left out", Some(format!("{field}: {reason}")));
        }
    }
}

/// `3 values, 1 key`.
fn in_words(removed: &Removed) -> String {
    let counted = |count: u64, what: &str| match count {
        0 => None,
        1 => Some(format!("1 {what}")),
        count => Some(format!("{count} {what}s")),
    };
    let words = [counted(removed.values, "value"), counted(removed.keys, "key")];
    words.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn yes(value: bool) -> Option<String> {
    value.then(|| "yes".to_owned())
}
