//! The datasets whose rows were written to a file, and their parts in the file's row of acct_export.file.

use super::info;
use super::selection::selection;
use crate::changes::COLUMN;
use crate::encode::{Column, Tally};
use crate::error::{Error, Kind, Result};
use crate::job::manifest::Changes;
use crate::job::stored_file::FilePart;
use crate::layout::Layout;
use crate::model::{Shape, ShapeColumn};
use crate::redact::scrub::Removed;
use crate::source::dataset_export::DatasetExport;
use crate::value::Kind as ValueKind;
use std::collections::BTreeMap;

/// The rows of a dataset that were written.
pub struct Written {
    pub rows: u64,
    pub removed: BTreeMap<String, Removed>,
    pub changes: Option<Changes>,
}

/// A dataset whose rows are in the file.
pub struct Read<'a> {
    pub part: &'a DatasetExport,
    pub layout: Layout,
    pub rows: u64,
    pub removed: BTreeMap<String, Removed>,
    pub changes: Option<Changes>,
}

impl Read<'_> {
    pub fn told(&self) -> info::Part<'_> {
        info::Part { changes: self.changes.as_ref(), ..info::Part::of(self.part, self.rows, &self.removed) }
    }
}

/// The parts of the file, after a check that all rows that were read are in it. The tallies count from the file's beginning.
pub fn parts(read: &[Read<'_>], tallies: &[Tally]) -> Result<Vec<FilePart>> {
    let mut before = Tally::default();
    let mut parts = Vec::with_capacity(read.len());
    for (Read { part, layout, rows, removed, changes }, tally) in read.iter().zip(tallies) {
        let written = tally.rows - before.rows;
        if written != *rows {
            return Err(Error::new(Kind::Internal, format!("{rows} rows were read and {written} written")));
        }
        let (plan, dataset) = (&part.plan, &part.loaded.dataset);
        let attnum = |column: &Column| dataset.field(&column.name).map_or(0, |field| field.attnum);
        parts.push(FilePart {
            dataset: dataset.name.clone(),
            source: dataset.source,
            fields: plan.columns.iter().map(|column| column.name.clone()).collect(),
            attnums: plan.columns.iter().map(attnum).collect(),
            masks: plan.masks(),
            rows: written,
            redacted: removed.iter().map(|(field, removed)| (field.clone(), removed.all())).collect(),
            shape: shape(layout, &plan.key, tally.sheets - before.sheets, changes.is_some()),
            selection: selection(part, layout, removed, changes.as_ref()),
            member: None,
        });
        before = *tally;
    }
    Ok(parts)
}

/// The columns of a file. `is_of_changes`: the change stands before the others.
fn shape(layout: &Layout, key: &[usize], sheets: u32, is_of_changes: bool) -> Shape {
    let mut shape = layout.shape(key, sheets);
    if is_of_changes {
        let change = ShapeColumn { field: COLUMN.to_owned(), kind: ValueKind::Text, path: None, of: None };
        shape.columns.insert(0, change);
        shape.key.iter_mut().for_each(|place| *place += 1);
    }
    shape
}
