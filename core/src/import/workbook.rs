//! Sheets and cells of a workbook, as calamine reads them: cell by cell, so that nothing is as large as a sheet says it is.

use std::io::Cursor;
use std::panic::{catch_unwind, AssertUnwindSafe};

use calamine::{DataRef, Reader, SheetType, Xlsx, XlsxFormulaMetadata};

use super::package::{repack, Package};
use super::{too_large, unreadable, Interrupted};
use crate::encode::xlsx::text::MAX_UNITS;
use crate::error::Result;

/// The largest place in a worksheet, from 0.
const LAST_ROW: u32 = 1_048_575;
const LAST_COLUMN: u32 = 16_383;
/// Sheets of a workbook.
const MAX_SHEETS: usize = 200;
/// Bytes of all texts that are handed out: one of a shared table can stand in any number of cells.
const MAX_TEXT: usize = 256 << 20;
/// Bytes of a cell's text: as many characters as Excel takes, of four bytes at most.
const MAX_CELL: usize = 4 * MAX_UNITS;
/// Between the first days of the two ways of counting.
const DAYS_TO_1904: f64 = 1_462.0;

/// The content of a cell.
#[derive(Debug, Clone, PartialEq)]
pub enum Given {
    Number(f64),
    Bool(bool),
    Text(String),
    /// `#N/A` and its like.
    Error,
    /// A formula that nobody has computed.
    Formula,
}

/// A cell and its place, from 0.
pub struct CellAt {
    pub row: u32,
    pub column: u32,
    pub given: Given,
}

pub struct Workbook {
    library: Xlsx<Cursor<Vec<u8>>>,
    since_1904: bool,
    /// Bytes of text that may still be handed out.
    text_left: usize,
    interrupted: Interrupted,
}

impl Workbook {
    /// Errors: those of `package::repack`, and 22023 for parts that are not what they should be.
    pub fn open(file: &[u8], interrupted: Interrupted) -> Result<Workbook> {
        let Package { bytes, since_1904 } = repack(file, interrupted)?;
        let library = caught(|| Xlsx::new(Cursor::new(bytes)).map_err(|_| unreadable()))?;
        if library.sheets_metadata().len() > MAX_SHEETS {
            return Err(too_large("more than 200 sheets"));
        }
        Ok(Workbook { library, since_1904, text_left: MAX_TEXT, interrupted })
    }

    /// Names of the worksheets, in their order.
    pub fn sheets(&self) -> Vec<String> {
        let sheets = self.library.sheets_metadata().iter();
        sheets.filter(|sheet| sheet.typ == SheetType::WorkSheet).map(|sheet| sheet.name.clone()).collect()
    }

    /// The number of days of a moment, counted from 1900, whichever way this workbook counts.
    pub fn serial(&self, number: f64) -> f64 {
        if self.since_1904 {
            number + DAYS_TO_1904
        } else {
            number
        }
    }

    /// Hands out the cells of a sheet that are not empty, in the order of the file, until `each` says false.
    pub fn cells(&mut self, sheet: &str, each: &mut dyn FnMut(CellAt) -> Result<bool>) -> Result<()> {
        let Workbook { library, text_left, interrupted, .. } = self;
        caught(|| {
            let mut reader = library.worksheet_cells_reader(sheet).map_err(|_| unreadable())?;
            let mut count = 0_u32;
            // This one keeps nothing of shared formulas.
            while let Some(cell) = reader.next_cell_with_formula_metadata().map_err(|_| unreadable())? {
                count = count.wrapping_add(1);
                if count.is_multiple_of(1024) {
                    interrupted()?;
                }
                let given = match cell.value {
                    DataRef::Empty => match cell.formula {
                        Some(formula) => of_formula(&formula),
                        None => continue,
                    },
                    DataRef::Int(number) => Given::Number(number as f64),
                    DataRef::Float(number) => Given::Number(number),
                    DataRef::DateTime(moment) => Given::Number(moment.as_f64()),
                    DataRef::Bool(value) => Given::Bool(value),
                    DataRef::Error(_) => Given::Error,
                    DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => {
                        Given::Text(text)
                    }
                    DataRef::SharedString(text) => {
                        // Before it is copied.
                        spend(text_left, text.len())?;
                        Given::Text(text.to_owned())
                    }
                };
                if let Given::Text(text) = &given {
                    if text.is_empty() {
                        continue;
                    }
                    if text.len() > MAX_CELL {
                        return Err(too_large("a cell of more than 32767 characters"));
                    }
                }
                let (row, column) = cell.pos;
                if row > LAST_ROW || column > LAST_COLUMN {
                    return Err(unreadable());
                }
                if !each(CellAt { row, column, given })? {
                    break;
                }
            }
            Ok(())
        })
    }
}

/// A formula without a value. LibreOffice saves TRUE as one, and what others make of its file may have lost the value.
fn of_formula(formula: &XlsxFormulaMetadata) -> Given {
    match formula {
        XlsxFormulaMetadata::Normal { formula } if formula == "TRUE()" => Given::Bool(true),
        XlsxFormulaMetadata::Normal { formula } if formula == "FALSE()" => Given::Bool(false),
        _ => Given::Formula,
    }
}

fn spend(left: &mut usize, bytes: usize) -> Result<()> {
    *left = left.checked_sub(bytes).ok_or_else(|| too_large("more than 256 MiB of text in its cells"))?;
    Ok(())
}

/// A panic of the library is a workbook that it cannot read.
fn caught<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(unreadable()))
}
