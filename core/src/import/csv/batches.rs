//! The rows of a CSV file, some at a time.

use std::collections::{BTreeSet, HashMap};

use super::dialect::{Dialect, Evidence};
use super::records::Records;
use super::CsvFile;
use crate::error::Result;
use crate::import::rows::Row;
use crate::import::workbook::Given;
use crate::value::Kind;

/// Values that the rows of a batch have room for, empty ones included.
const MAX_PLACES: usize = 2_000_000;
/// Bytes of text of a batch, but for its last row.
const MAX_TEXT: usize = 32 << 20;
/// Rows with too many fields that are kept.
const MAX_LONG: usize = 100_000;

/// A column's use.
#[derive(Clone, Copy)]
enum Target {
    Place(usize),
    Ignored,
    Nameless,
}

/// A file's facts that need all of its rows.
pub struct Scan {
    pub rows: u64,
    /// Columns that have values and no header.
    pub nameless: BTreeSet<u32>,
    /// Rows with more fields than the header, and the number of their fields.
    pub long: Vec<(u32, usize)>,
    pub dialect: Dialect,
}

impl<'a> CsvFile<'a> {
    /// Reads the whole file and keeps none of it. `places`: of each column, where its values go; `kinds`: of the places.
    pub fn scan(&self, places: &HashMap<u32, Option<usize>>, kinds: &[Kind]) -> Result<Scan> {
        let targets = self.targets(places);
        let mut records = self.records()?;
        let (mut rows, mut nameless, mut long) = (0_u64, BTreeSet::new(), Vec::new());
        let mut evidence = Evidence::new(kinds.len());
        while let Some(row) = records.read()? {
            if is_blank(&records) {
                continue;
            }
            let (mut has_values, mut is_long) = (false, false);
            for (column, text) in records.record().iter().enumerate().filter(|(_, text)| !text.is_empty()) {
                match targets.get(column) {
                    Some(Target::Place(place)) => {
                        has_values = true;
                        if let Some(kind) = kinds.get(*place) {
                            evidence.see(*place, *kind, text);
                        }
                    }
                    Some(Target::Ignored) => {}
                    Some(Target::Nameless) => _ = nameless.insert(column as u32),
                    None => is_long = true,
                }
            }
            rows += u64::from(has_values);
            if is_long && long.len() < MAX_LONG {
                long.push((row, records.record().len()));
            }
        }
        Ok(Scan { rows, nameless, long, dialect: evidence.dialect(self.delimiter(), self.width()) })
    }

    /// The rows with values in the columns of `places`, each of `width` cells.
    pub fn batches(&self, places: &HashMap<u32, Option<usize>>, width: usize) -> Result<Batches<'a>> {
        Ok(Batches {
            records: self.records()?,
            targets: self.targets(places),
            fields: self.width(),
            width,
            max_text: MAX_TEXT,
        })
    }

    fn targets(&self, places: &HashMap<u32, Option<usize>>) -> Vec<Target> {
        let target = |column: usize| match places.get(&(column as u32)) {
            Some(Some(place)) => Target::Place(*place),
            Some(None) => Target::Ignored,
            None => Target::Nameless,
        };
        (0..self.width()).map(target).collect()
    }
}

pub struct Batches<'a> {
    records: Records<'a>,
    targets: Vec<Target>,
    fields: usize,
    width: usize,
    max_text: usize,
}

impl Batches<'_> {
    #[cfg(test)]
    pub fn of_text(self, max_text: usize) -> Self {
        Batches { max_text, ..self }
    }

    /// The next rows; none: there are no more.
    pub fn read(&mut self) -> Result<Vec<Row>> {
        let (mut rows, mut bytes) = (Vec::new(), 0);
        while bytes < self.max_text && (rows.len() + 1).saturating_mul(self.width) <= MAX_PLACES {
            let Some(row) = self.records.read()? else { break };
            if is_blank(&self.records) {
                continue;
            }
            let mut cells: Vec<Option<Given>> = vec![None; self.width];
            let mut has_values = false;
            let record = self.records.record();
            for (text, target) in record.iter().zip(&self.targets).filter(|(text, _)| !text.is_empty()) {
                let Target::Place(place) = target else { continue };
                if let Some(cell) = cells.get_mut(*place) {
                    *cell = Some(Given::Text(text.to_owned()));
                    (has_values, bytes) = (true, bytes + text.len());
                }
            }
            if has_values {
                let fields = (record.len() < self.fields).then_some(record.len());
                rows.push(Row { sheet: 0, row, cells, fields });
            }
        }
        Ok(rows)
    }
}

/// True for a row without values: spreadsheets save empty rows as separators only.
fn is_blank(records: &Records<'_>) -> bool {
    records.record().as_slice().trim().is_empty()
}
