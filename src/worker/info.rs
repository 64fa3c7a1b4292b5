//! The content of the `Export info` sheet: a description of the file, for whoever finds it later.

use super::export::Task;
use super::file_builder::Moment;
use crate::encode::{Info, InfoValue, Properties};
use crate::pg::identity;
use crate::redact::scrub::Removed;
use crate::source::dataset_export::DatasetExport;
use std::collections::BTreeMap;

/// Of a file of these parts, each with the rows that were read and what was taken out of its fields. Nothing that names the run or follows from its moment is told
/// where the export is to be reproducible. `failed`: what was to be in the file and is not, with the reason.
pub fn of(
    task: &Task<'_>,
    parts: &[(&DatasetExport, u64, &BTreeMap<String, Removed>)],
    failed: &[(String, String)],
    moment: &Moment,
    reproducible: bool,
) -> Info {
    let mut told = Told { entries: Vec::new(), reproducible };
    let run = !reproducible;
    told.add("Requested by", identity::role_name(task.role));
    told.add("Actor", task.context.actor.clone());
    told.add("Tenant", task.context.tenant.text().map(str::to_owned));
    told.add("Job", run.then(|| task.job.to_owned()));
    told.add("Requested at", run.then(|| task.context.asked_at.clone()));
    told.add("As of", run.then(|| moment.in_full()));
    told.add("WAL position", run.then(|| moment.wal_position.clone()));
    told.add("Reason", task.asked.reason.clone());
    told.add("Anonymised", yes(task.asked.anonymise));
    told.add("All tenants", yes(task.asked.all_tenants));
    for (part, rows, removed) in parts {
        told.part(part, *rows);
        for (field, removed) in removed.iter() {
            told.add("Secrets removed", Some(format!("{field}: {}", in_words(removed))));
        }
    }
    for (title, reason) in failed {
        told.add("Failed", Some(format!("{title}: {reason}")));
    }
    let properties = Properties {
        title: parts.first().map(|(part, ..)| part.loaded.dataset.title.clone()).unwrap_or_default(),
        subject: if run { task.job.to_owned() } else { String::new() },
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

    fn part(&mut self, part: &DatasetExport, rows: u64) {
        let (asked, bounds) = (&part.asked, &part.context.bounds);
        self.add("Dataset", Some(asked.dataset.clone()));
        self.entries.push(("Rows".to_owned(), InfoValue::Count(rows)));
        let key_match = part.matched.as_ref();
        self.add("Rows of", key_match.map(|(dataset, field)| format!("the exported {dataset}, by {field}")));
        let fields: Vec<&str> = part.plan.columns.iter().map(|column| column.name.as_str()).collect();
        self.add("Fields", Some(fields.join(", ")));
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
