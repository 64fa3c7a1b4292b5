//! Workbooks, by rust_xlsxwriter in its constant memory mode.
//!
//! Each row goes straight to a temporary file (uncompressed XML with inline strings; no string table is
//! kept), and `finish` packs the sheets into `out` as it reads them back, so memory stays level however many
//! rows there are.
//!
//! What holds: a cell is a value, never a formula and never a link; a full sheet is followed by another one
//! with the same header; all sheets are in constant memory mode, because the library would start threads for
//! any other. What it must not do: let the library's panics pass (it panics where a write fails), or date the
//! file by the clock.

mod caught;
mod info;
mod sheet;
mod shown;
mod style;
mod text;
mod width;

use std::io::Write;

use rust_xlsxwriter::{DocProperties, ExcelDateTime, Workbook, Worksheet};

use super::{Cell, Column, Encoder, Info, Properties, Setup, Tally, XlsxOptions};
use crate::error::{Error, Kind, Result};
use caught::{caught, library_error, Sink};
use shown::Shown;
use style::Styles;
use text::Counts;
use width::Gauge;

/// Excel's limits ("Excel specifications and limits"): columns of a sheet, and rows under a header.
const MAX_COLUMNS: usize = 16_384;
const MAX_DATA_ROWS: u32 = 1_048_575;

/// Deflate's level: 3 takes less than half of the time of the usual 6 for a file that is an eighth larger
/// (measured on a million rows; packing is most of the work of a workbook).
const COMPRESSION: u8 = 3;

/// Bytes that the markup of a cell takes at most: reference, style, type, tags, and a number's digits.
const CELL_MARKUP: u64 = 100;
/// Bytes that one byte of text becomes at most: a carriage return is written as `_x000D_`.
const MAX_ESCAPE: u64 = 7;

/// The encoder of xlsx.
pub struct Xlsx {
    options: XlsxOptions,
    setup: Setup,
    columns: Vec<Column>,
    workbook: Workbook,
    /// All data sheets so far, the current one last. They are joined to the workbook at the end.
    sheets: Vec<Worksheet>,
    /// Data rows of the current sheet.
    filled: u32,
    rows_per_sheet: u32,
    styles: Styles,
    gauge: Gauge,
    counts: Counts,
    rows: u64,
    /// A bound of the size of the largest sheet: over 4 GiB a zip needs its 64-bit form.
    sheet_bytes: u64,
    largest_sheet: u64,
    /// The text of a cell on its way.
    scratch: Vec<u8>,
}

/// 54000 for more columns than a worksheet has.
pub fn check(columns: &[Column]) -> Result<()> {
    if columns.len() > MAX_COLUMNS {
        let message = format!("{} columns are more than the {MAX_COLUMNS} of a worksheet", columns.len());
        return Err(Error::new(Kind::ProgramLimitExceeded, message)
            .hint("Name fewer columns in fields, or use csv, ndjson or json."));
    }
    Ok(())
}

impl Xlsx {
    /// Errors: 54000 for too many columns; 58030 or 53100 where no temporary file can be made.
    pub fn new(options: &XlsxOptions, columns: &[Column], setup: Setup) -> Result<Self> {
        check(columns)?;
        let mut workbook = Workbook::new();
        workbook.set_tempdir(&setup.tempdir).map_err(library_error)?;
        workbook.set_zip_compression_level(COMPRESSION);
        Ok(Xlsx {
            options: *options,
            setup,
            columns: columns.to_vec(),
            workbook,
            sheets: Vec::new(),
            filled: 0,
            rows_per_sheet: MAX_DATA_ROWS,
            styles: Styles::new(),
            gauge: Gauge::new(columns),
            counts: Counts::default(),
            rows: 0,
            sheet_bytes: 0,
            largest_sheet: 0,
            scratch: Vec::new(),
        })
    }

    /// Starts the next data sheet.
    fn open_sheet(&mut self) -> Result<()> {
        let name = sheet::name(&self.setup.title, self.sheets.len() + 1);
        let sheet = self.workbook.new_worksheet_with_constant_memory().map_err(library_error)?;
        let sheet = sheet::start(sheet, &name, &self.columns, &self.styles, &mut self.counts)?;
        self.sheets.push(sheet);
        self.filled = 0;
        self.sheet_bytes = 0;
        Ok(())
    }

    fn write_row(&mut self, cells: &[Cell<'_>]) -> Result<()> {
        if self.filled == self.rows_per_sheet {
            self.open_sheet()?;
        }
        let Some(sheet) = self.sheets.last_mut() else {
            return Err(Error::new(Kind::Internal, "a row was given before the file was begun"));
        };
        let row = self.filled + 1;
        let mut text_bytes = 0;
        for (index, (cell, column)) in cells.iter().zip(&self.columns).enumerate() {
            let shown = shown::shown(cell, column.identifier, &mut self.scratch)?;
            if let Shown::Text(text) = shown {
                text_bytes += text.len() as u64;
            }
            self.gauge.see(index, &shown);
            // At most 16,384 columns.
            sheet::put(sheet, row, index as u16, &shown, column.kind, &self.styles, &mut self.counts)?;
        }
        self.gauge.next_row();
        self.filled = row;
        self.rows += 1;
        self.sheet_bytes += cells.len() as u64 * CELL_MARKUP + text_bytes * MAX_ESCAPE;
        self.largest_sheet = self.largest_sheet.max(self.sheet_bytes);
        Ok(())
    }
}

impl Encoder for Xlsx {
    fn begin(&mut self, _out: &mut Vec<u8>) -> Result<()> {
        caught(|| self.open_sheet())
    }

    fn row(&mut self, cells: &[Cell<'_>], _out: &mut Vec<u8>) -> Result<()> {
        if cells.len() != self.columns.len() {
            return Err(Error::new(Kind::Internal, "a row has not as many cells as the file has columns"));
        }
        caught(|| self.write_row(cells))
    }

    fn finish(mut self: Box<Self>, info: &Info, out: &mut (dyn Write + Send)) -> Result<Tally> {
        let mut sink = Sink::new(out);
        let packed = caught(|| self.pack(info, &mut sink));
        // What `out` said is nearer to the cause than what the library made of it.
        if let Some(error) = sink.into_error() {
            return Err(error);
        }
        packed
    }
}

impl Xlsx {
    /// Joins the sheets and writes the package.
    fn pack(&mut self, info: &Info, sink: &mut Sink<'_>) -> Result<Tally> {
        let tally = Tally {
            rows: self.rows,
            sheets: self.sheets.len() as u32,
            truncated_cells: self.counts.truncated_cells,
            replaced_characters: self.counts.replaced_characters,
            guarded_cells: 0,
        };
        let count = self.sheets.len();
        for (index, mut sheet) in std::mem::take(&mut self.sheets).into_iter().enumerate() {
            let rows = if index + 1 == count { self.filled } else { self.rows_per_sheet };
            sheet::complete(&mut sheet, rows, &self.columns, &self.gauge)?;
            self.workbook.push_worksheet(sheet);
        }
        if self.options.info_sheet {
            let sheet = self.workbook.new_worksheet_with_constant_memory().map_err(library_error)?;
            self.workbook.push_worksheet(info::sheet(sheet, info, &self.setup, &tally, &self.styles)?);
        }
        self.workbook.set_properties(&properties(&info.properties)?);
        // Its 64-bit form costs a few bytes and readers that do not know it: only where the other could not
        // hold.
        self.workbook.use_zip_large_file(self.largest_sheet > u64::from(u32::MAX));
        self.workbook.save_to_writer(sink).map_err(library_error)?;
        Ok(tally)
    }
}

/// The document properties; a moment that the library has no date for is brought to the nearest that it has.
fn properties(given: &Properties) -> Result<DocProperties> {
    // Seconds between 1970-01-01 and 2000-01-01, and the library's range: 1900 to 9999.
    let seconds = given.created.div_euclid(1_000_000).saturating_add(946_684_800);
    let seconds = seconds.clamp(-2_208_988_800, 253_402_300_799);
    let created = ExcelDateTime::from_timestamp(seconds).map_err(library_error)?;
    let mut dropped = Counts::default();
    Ok(DocProperties::new()
        .set_author("pg_acctexport")
        .set_title(text::clean(&given.title, &mut dropped))
        .set_subject(text::clean(&given.subject, &mut dropped))
        .set_creation_datetime(&created))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests;
