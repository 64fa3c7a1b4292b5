//! The rows of the data sheets, by the fields that their columns are.

use std::collections::{BTreeSet, HashMap};

use super::headers::Header;
use super::too_large;
use super::workbook::{CellAt, Given, Workbook};
use crate::error::Result;

/// Values that rows have room for, empty ones included.
const MAX_PLACES: usize = 4_000_000;
/// Cells of a header.
const MAX_HEADER: usize = 2_000;

/// A row of a data sheet, or of a CSV file.
pub struct Row {
    /// The sheet's place in the workbook.
    pub sheet: usize,
    /// From 0, the header's.
    pub row: u32,
    /// By the columns of the comparison; None: an empty cell.
    pub cells: Vec<Option<Given>>,
    /// The number of fields, where a CSV file has fewer than its header.
    pub fields: Option<usize>,
}

/// The texts of a sheet's first row.
pub fn header(workbook: &mut Workbook, sheet: &str) -> Result<Header> {
    let mut header = Header::new();
    workbook.cells(sheet, &mut |CellAt { row, column, given }| {
        if row > 0 {
            return Ok(false);
        }
        if header.len() >= MAX_HEADER {
            return Err(too_large("more than 2000 columns"));
        }
        let text = match given {
            Given::Text(text) => text,
            Given::Number(number) => super::compare::number_text(number),
            Given::Bool(value) => value.to_string(),
            Given::Error | Given::Formula => return Ok(true),
        };
        if !text.trim().is_empty() {
            header.push((column, text));
        }
        Ok(true)
    })?;
    Ok(header)
}

/// Reads the rows of a sheet; `places` says where a column's values go. The columns without a header that have values.
pub fn read(
    workbook: &mut Workbook,
    (index, sheet): (usize, &str),
    places: &HashMap<u32, Option<usize>>,
    width: usize,
    rows: &mut Vec<Row>,
) -> Result<BTreeSet<u32>> {
    // Columns of a worksheet: 16,384 at the most.
    let mut nameless: BTreeSet<u32> = BTreeSet::new();
    workbook.cells(sheet, &mut |CellAt { row, column, given }| {
        if row == 0 {
            return Ok(true);
        }
        let place = match places.get(&column) {
            Some(Some(place)) => *place,
            Some(None) => return Ok(true),
            None => {
                nameless.insert(column);
                return Ok(true);
            }
        };
        if rows.last().is_none_or(|last| last.sheet != index || last.row != row) {
            if (rows.len() + 1).saturating_mul(width) > MAX_PLACES {
                return Err(too_large("more than 4,000,000 cells"));
            }
            rows.push(Row { sheet: index, row, cells: vec![None; width], fields: None });
        }
        if let Some(cell) = rows.last_mut().and_then(|last| last.cells.get_mut(place)) {
            *cell = Some(given);
        }
        Ok(true)
    })?;
    Ok(nameless)
}
