//! The `Export info` sheet of a workbook, as its export wrote it. Anybody can write it: it helps to compare, and grants
//! nothing.

use super::workbook::{CellAt, Given, Workbook};
use crate::encode::xlsx::INFO_SHEET;
use crate::error::Result;
use crate::model::label::folded;
use crate::model::{Dataset, Field};
use std::collections::{BTreeMap, BTreeSet};

/// Begins the name of a line that has the label of a field.
pub const LABEL_OF: &str = "Label of ";

/// Lines that are looked at.
const MOST: u32 = 10_000;

#[derive(Default)]
pub struct Info {
    pub dataset: Option<String>,
    pub tenant: Option<String>,
    pub time_zone: Option<String>,
    /// Names of the fields that were exported.
    pub fields: Vec<String>,
    pub is_anonymised: bool,
    /// Between the elements of lists.
    pub separator: Option<String>,
    /// Headers that the request gave fields.
    pub labels: BTreeMap<String, String>,
    /// Moments in lists are on the clock of the time zone.
    pub has_local_texts: bool,
}

/// Reads the sheet where there is one.
pub fn read(workbook: &mut Workbook, sheets: &[String]) -> Result<Info> {
    let mut info = Info::default();
    if !sheets.iter().any(|sheet| sheet == INFO_SHEET) {
        return Ok(info);
    }
    let mut name = (0, String::new());
    workbook.cells(INFO_SHEET, &mut |CellAt { row, column, given }| {
        match (column, given) {
            (0, Given::Text(text)) => name = (row, text),
            (1, Given::Text(value)) if name.0 == row => info.take(&name.1, value),
            _ => {}
        }
        Ok(row < MOST)
    })?;
    Ok(info)
}

impl Info {
    fn take(&mut self, name: &str, value: String) {
        // Of a workbook of several datasets the first is what the others ride along with.
        match name {
            "Dataset" => _ = self.dataset.get_or_insert(value),
            "Tenant" => _ = self.tenant.get_or_insert(value),
            "Time zone" => _ = self.time_zone.get_or_insert(value),
            "Fields" if self.fields.is_empty() => {
                self.fields = value.split(", ").map(str::to_owned).collect();
            }
            "List separator" => self.separator = Some(value),
            "Timestamps" => self.has_local_texts = value == "local",
            "Anonymised" => self.is_anonymised = true,
            _ => {
                if let Some(field) = name.strip_prefix(LABEL_OF) {
                    self.labels.entry(field.to_owned()).or_insert(value);
                }
            }
        }
    }

    /// The dataset with the labels of this file. A field that is not in it does not have the label that another one was given.
    pub fn relabelled(&self, dataset: &Dataset) -> Dataset {
        let mut dataset = dataset.clone();
        let given: BTreeSet<String> = self.labels.values().map(|label| folded(label)).collect();
        let is_taken = |field: &Field| {
            !self.fields.contains(&field.name)
                && (given.contains(&folded(&field.label)) || given.contains(&folded(&field.name)))
        };
        if !self.fields.is_empty() {
            dataset.fields.retain(|field| !is_taken(field));
        }
        for field in &mut dataset.fields {
            if let Some(label) = self.labels.get(&field.name) {
                field.label.clone_from(label);
            }
        }
        dataset
    }
}
