//! The selection of a dataset's rows and fields, described for its manifest.

use crate::changes::COLUMN;
use crate::job::manifest::{Changes, Selection};
use crate::layout::Layout;
use crate::redact::scrub::Removed;
use crate::source::dataset_export::DatasetExport;
use crate::source::resolved_period::ResolvedPeriod;
use std::collections::BTreeMap;

/// Of a dataset whose rows were written. `removed`: the secrets that were taken out of its fields.
pub fn selection(
    part: &DatasetExport,
    layout: &Layout,
    removed: &BTreeMap<String, Removed>,
    changes: Option<&Changes>,
) -> Selection {
    let (plan, dataset) = (&part.plan, &part.loaded.dataset);
    let period = ResolvedPeriod::of(plan, &part.context, dataset);
    let owned = |text: Option<&str>| text.map(str::to_owned);
    let counts = |count: fn(&Removed) -> u64| {
        let counted = removed.iter().map(|(field, removed)| (field.clone(), count(removed)));
        counted.filter(|(_, count)| *count > 0).collect()
    };
    Selection {
        labels: changes
            .map(|_| COLUMN.to_owned())
            .into_iter()
            .chain(layout.columns().iter().map(|column| column.label.clone()))
            .collect(),
        changes: changes.cloned(),
        foreign: part.loaded.lineage.reads_other_servers(),
        left_out: left_out(part),
        period: part.asked.period.clone(),
        period_field: owned(period.as_ref().map(|period| period.field)),
        from: owned(period.as_ref().and_then(|period| period.from)),
        before: owned(period.as_ref().and_then(|period| period.before)),
        disabled_rows: owned(plan.disabled.in_words()),
        rows_of: part.matched.clone(),
        removed_keys: counts(|removed| removed.keys),
        removed_values: counts(|removed| removed.values),
    }
}

/// Fields that are not in the file, each with the reason.
fn left_out(part: &DatasetExport) -> Vec<(String, String)> {
    let mut left_out = part.plan.left_out.clone();
    for field in part.loaded.dataset.in_position() {
        let is_known = part.plan.columns.iter().any(|column| column.name == field.name)
            || left_out.iter().any(|(name, _)| *name == field.name);
        if is_known {
            continue;
        }
        let reason = match (&field.barred, &field.in_group) {
            (Some(reason), _) => reason.clone(),
            _ if part.asked.fields.is_some() => "it was not requested".to_owned(),
            (None, Some(group)) => format!("it belongs to group \"{group}\", which was not included"),
            (None, None) => "it is not one of the default fields".to_owned(),
        };
        left_out.push((field.name.clone(), reason));
    }
    left_out
}
