//! Workbooks: the rows are streamed by writers of our own, all else is rust_xlsxwriter's.
//!
//! ```text
//! cells -> shown -> markup (XML) -> buffer -> deflate (helper thread) -> zip -> the caller's buffer
//!                                   head and tail of each sheet, other parts <- template <- rust_xlsxwriter
//! ```
//!
//! The rows of a sheet gather in a buffer. When it is full for the first time the column widths are known
//! from these rows: the sheet's head is written, and from then on the rows go through the buffer to the
//! thread that compresses, and what comes back goes to the caller. No file is written and no row is kept, so
//! memory stays level however many rows there are. The data sheets stand first in the package, the parts that
//! depend on their number last; the order means nothing to readers.
//!
//! What holds: a cell is a value, never a formula and never a link; a full sheet is followed by another one
//! with the same header; the same input gives the same bytes. What it must not do: let the library's panics
//! pass, or date the file by the clock.

mod caught;
mod deflate;
mod escape;
mod fill;
mod info;
pub mod markup;
mod package;
mod sheet;
pub mod shown;
mod style;
mod template;
pub mod text;
mod width;
mod zip;

use std::io::Write;

use super::{Cell, Column, Encoder, Info, Properties, Setup, Tally, XlsxOptions};
use crate::error::{Error, Kind, Result};
use fill::{fill, unlike, Value};
use markup::Markup;
use package::Package;
use style::Styles;
use template::{Frame, Outline, Template};
use text::Counts;
use width::Gauge;

/// Excel's limits ("Excel specifications and limits"): columns of a sheet, and rows under a header.
const MAX_COLUMNS: usize = 16_384;
const MAX_DATA_ROWS: u32 = 1_048_575;

/// How much XML is handed to the compressing thread at once.
const BLOCK: usize = 256 * 1024;

/// Deflate's levels. Measured on a million rows of 14 columns, seconds of the compressing thread and MB:
/// with references level 2 takes 1.8 (111), 3 takes 2.6 (105), 4 takes 3.5 (92), 6 takes 5.5 (87); without
/// them 1 takes 0.9 (92), 2 takes 1.2 (70), 3 takes 1.9 (68), 4 takes 2.2 (64), 6 takes 3.5 (55).
const LEVEL: u32 = 4;
const COMPACT_LEVEL: u32 = 2;

/// Bytes that a cell takes at most: markup and number, or a text of three bytes for each unit of UTF-16, all
/// of it escaped.
const MAX_CELL: u64 = 200 + (text::MAX_UNITS * escape::MOST) as u64;

/// Bytes of a sheet's XML: a part must stay below 4 GiB (see `zip.rs`) also if packing should make it larger.
const MAX_SHEET: u64 = u32::MAX as u64 - (64 << 20);

/// The encoder of xlsx.
pub struct Xlsx {
    options: XlsxOptions,
    setup: Setup,
    columns: Vec<Column>,
    /// The header's texts, and what had to be done to them.
    labels: Vec<Value>,
    label_counts: Counts,
    styles: Styles,
    gauge: Gauge,
    markup: Markup,
    /// XML that is not handed over yet.
    buffer: Vec<u8>,
    package: Package,
    /// Data rows of each data sheet, the current one last.
    sheets: Vec<u32>,
    /// The head of the current sheet is written.
    headed: bool,
    /// Bytes of the current sheet that were handed over.
    handed: u64,
    max_rows: u32,
    max_bytes: u64,
    counts: Counts,
    rows: u64,
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
    /// Errors: 54000 for too many columns; 53200 where no thread can be started.
    pub fn new(options: &XlsxOptions, columns: &[Column], setup: Setup) -> Result<Self> {
        check(columns)?;
        let mut label_counts = Counts::default();
        let labels = columns.iter().map(|column| template::label(column, &mut label_counts)).collect();
        let mut styles = Styles::new();
        Ok(Xlsx {
            options: *options,
            setup,
            columns: columns.to_vec(),
            labels,
            label_counts,
            gauge: Gauge::new(columns),
            markup: Markup::new(columns, &mut styles, options.compact),
            styles,
            buffer: Vec::with_capacity(BLOCK + BLOCK / 4),
            package: Package::new(if options.compact { COMPACT_LEVEL } else { LEVEL })?,
            sheets: Vec::new(),
            headed: false,
            handed: 0,
            max_rows: MAX_DATA_ROWS,
            // Room for one more row, whatever it holds.
            max_bytes: MAX_SHEET - columns.len() as u64 * MAX_CELL,
            counts: Counts::default(),
            rows: 0,
            scratch: Vec::new(),
        })
    }

    /// Starts the next data sheet.
    fn start_sheet(&mut self) {
        self.sheets.push(0);
        self.headed = false;
        self.handed = 0;
        self.counts.add(self.label_counts);
    }

    fn write_row(&mut self, cells: &[Cell<'_>], out: &mut Vec<u8>) -> Result<()> {
        let mut filled = *self.sheets.last().ok_or_else(not_begun)?;
        if filled == self.max_rows || self.handed + self.buffer.len() as u64 > self.max_bytes {
            let template = self.template(None, &Properties::default())?;
            self.end_sheet(&template, out)?;
            self.start_sheet();
            filled = 0;
        }
        // The first row is the header.
        self.markup.begin(filled + 2, &mut self.buffer)?;
        for (index, cell) in cells.iter().enumerate() {
            let identifier = self.columns.get(index).is_some_and(|column| column.identifier);
            let shown = shown::shown(cell, identifier, &mut self.scratch)?;
            self.gauge.see(index, &shown);
            self.markup.cell(index, &shown, &mut self.styles, &mut self.counts, &mut self.buffer)?;
            if self.buffer.len() >= BLOCK {
                // Within a row as well: a row may be larger than memory should be.
                self.hand_over(out)?;
            }
        }
        self.markup.end(&mut self.buffer);
        self.gauge.next_row();
        if let Some(rows) = self.sheets.last_mut() {
            *rows = filled + 1;
        }
        self.rows += 1;
        Ok(())
    }

    /// Gives the buffer to the thread that compresses; before the first one of a sheet goes its head.
    fn hand_over(&mut self, out: &mut Vec<u8>) -> Result<()> {
        if !self.headed {
            self.gauge.close();
            let template = self.template(None, &Properties::default())?;
            self.write_head(&template, None, out)?;
        }
        self.handed += self.buffer.len() as u64;
        self.package.write(&mut self.buffer, out)
    }

    fn template(&self, info: Option<&[info::Line]>, properties: &Properties) -> Result<Template> {
        let outline = Outline {
            title: &self.setup.title,
            columns: &self.columns,
            styles: &self.styles,
            gauge: &self.gauge,
            rows: &self.sheets,
            info,
            properties,
        };
        outline.draw()
    }

    /// Writes what stands before the rows of the current sheet.
    fn write_head(&mut self, template: &Template, rows: Option<u32>, out: &mut Vec<u8>) -> Result<()> {
        let frame = template.frames.last().ok_or_else(unlike)?;
        self.package.open(&frame.name, out);
        let range = match (rows, self.columns.len().checked_sub(1)) {
            (Some(rows), Some(last)) => Some(format!("A1:{}{}", markup::letters(last), rows + 1)),
            _ => None,
        };
        let mut head = frame.head_with(range.as_deref())?.into_bytes();
        fill(&frame.rows, &self.labels, &mut head)?;
        self.handed += head.len() as u64;
        self.headed = true;
        self.package.write(&mut head, out)
    }

    /// Completes the current sheet.
    fn end_sheet(&mut self, template: &Template, out: &mut Vec<u8>) -> Result<()> {
        if !self.headed {
            self.write_head(template, self.sheets.last().copied(), out)?;
        }
        let frame = template.frames.last().ok_or_else(unlike)?;
        self.buffer.extend_from_slice(frame.tail.as_bytes());
        self.package.close(&mut self.buffer, out)
    }

    /// Writes the info sheet, which has few rows.
    fn write_info(&mut self, frame: &Frame, lines: &[info::Line], out: &mut Vec<u8>) -> Result<()> {
        let mut xml = frame.head.clone().into_bytes();
        fill(&frame.rows, lines.iter().flatten(), &mut xml)?;
        xml.extend_from_slice(frame.tail.as_bytes());
        self.package.open(&frame.name, out);
        self.package.close(&mut xml, out)
    }
}

impl Encoder for Xlsx {
    fn begin(&mut self, _out: &mut Vec<u8>) -> Result<()> {
        self.start_sheet();
        Ok(())
    }

    fn row(&mut self, cells: &[Cell<'_>], out: &mut Vec<u8>) -> Result<()> {
        if cells.len() != self.columns.len() {
            return Err(Error::new(Kind::Internal, "a row has not as many cells as the file has columns"));
        }
        self.write_row(cells, out)
    }

    fn finish(mut self: Box<Self>, info: &Info, out: &mut (dyn Write + Send)) -> Result<Tally> {
        if self.sheets.is_empty() {
            return Err(not_begun());
        }
        let tally = Tally {
            rows: self.rows,
            sheets: self.sheets.len() as u32,
            truncated_cells: self.counts.truncated_cells,
            replaced_characters: self.counts.replaced_characters,
            guarded_cells: 0,
        };
        let lines = self.options.info_sheet.then(|| info::lines(info, &self.setup, &tally));
        let template = self.template(lines.as_deref(), &info.properties)?;
        let mut last = Vec::new();
        self.end_sheet(&template, &mut last)?;
        if let (Some(frame), Some(lines)) = (&template.info, &lines) {
            self.write_info(frame, lines, &mut last)?;
        }
        for part in &template.parts {
            self.package.copy(part, &mut last)?;
        }
        self.package.end(&mut last)?;
        out.write_all(&last)?;
        Ok(tally)
    }
}

fn not_begun() -> Error {
    Error::new(Kind::Internal, "a row was given before the file was begun")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests;
