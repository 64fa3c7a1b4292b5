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
//! Several kinds of rows, each a table with a title of its own, follow one another in sheets of their own.
//!
//! Invariants: a cell is a value, never a formula and never a link; a full sheet is followed by another one
//! with the same header; the same input gives the same bytes. What it must not do: let the library's panics
//! pass, or date the file by the clock.

mod around;
mod caught;
mod deflate;
mod escape;
mod fill;
mod info;
pub mod markup;
mod package;
mod reference;
mod sheet;
pub mod shown;
mod style;
mod table;
mod template;
pub mod text;
mod width;
mod zip;

use std::io::Write;

use super::{Cell, Column, Encoder, Info, Properties, Setup, Tally, XlsxOptions};
use crate::error::{Error, Kind, Result};
use package::Package;
use style::Styles;
use table::{Sheet, Table};
use text::Counts;

pub use info::NAME as INFO_SHEET;
pub use sheet::{folded as folded_sheet_name, name as sheet_name};

/// Excel's limits ("Excel specifications and limits"): columns of a sheet, and rows under a header.
const MAX_COLUMNS: usize = 16_384;
const MAX_DATA_ROWS: u32 = 1_048_575;

/// The size of a block of XML for the compressing thread.
const BLOCK: usize = 256 * 1024;

/// Deflate's level: the highest at which the compressing thread keeps pace with the rows. Measured on a million rows of 14 columns,
/// seconds of that thread and MB: with references level 2 takes 1.8 (111), 3 takes 2.6 (105), 4 takes 3.5 (92), 6 takes 5.5 (87);
/// without them 1 takes 0.9 (92), 2 takes 1.2 (70), 3 takes 1.9 (68), 4 takes 2.2 (64), 6 takes 3.5 (55). A second thread gains
/// nothing on two processors, and its pieces are larger by 3 parts in a hundred.
const LEVEL: u32 = 2;

/// Bytes that a cell takes at most: markup and number, or a text of three bytes for each unit of UTF-16, all
/// of it escaped.
const MAX_CELL: u64 = 200 + (text::MAX_UNITS * escape::MOST) as u64;

/// Bytes of a sheet's XML: a part must stay below 4 GiB (see `zip.rs`) also if packing should make it larger.
const MAX_SHEET: u64 = u32::MAX as u64 - (64 << 20);

/// The encoder of xlsx.
pub struct Xlsx {
    options: XlsxOptions,
    setup: Setup,
    /// Names of the sheets of references, which are of the first table.
    reference_names: Vec<String>,
    styles: Styles,
    /// The tables whose sheets are complete.
    done: Vec<Table>,
    table: Table,
    /// XML that is not handed over yet.
    buffer: Vec<u8>,
    package: Package,
    /// The data sheets, the current one last.
    sheets: Vec<Sheet>,
    /// The head of the current sheet is written.
    headed: bool,
    /// Bytes of the current sheet that were handed over.
    handed: u64,
    max_rows: u32,
    counts: Counts,
    rows: u64,
    /// The text of a cell on its way.
    scratch: Vec<u8>,
}

/// 54000 for more columns than a worksheet has.
pub fn check(columns: &[Column]) -> Result<()> {
    if columns.len() > MAX_COLUMNS {
        let message =
            format!("the export has {} columns, more than the {MAX_COLUMNS} of a worksheet", columns.len());
        return Err(Error::new(Kind::ProgramLimitExceeded, message)
            .hint("Name fewer columns in fields, or use csv, ndjson or json."));
    }
    Ok(())
}

impl Xlsx {
    /// Errors: 54000 for too many columns; 53200 where no thread can be started.
    pub fn new(options: &XlsxOptions, columns: &[Column], setup: Setup) -> Result<Self> {
        check(columns)?;
        let mut styles = Styles::new();
        Ok(Xlsx {
            options: options.clone(),
            table: Table::new(&setup.title, columns, &mut styles, options.compact),
            reference_names: reference::names(&[&setup.title], &setup.references),
            setup,
            styles,
            done: Vec::new(),
            buffer: Vec::with_capacity(BLOCK + BLOCK / 4),
            package: Package::new(LEVEL)?,
            sheets: Vec::new(),
            headed: false,
            handed: 0,
            max_rows: MAX_DATA_ROWS,
            counts: Counts::default(),
            rows: 0,
            scratch: Vec::new(),
        })
    }

    /// Starts the next data sheet.
    fn start_sheet(&mut self) {
        let table = self.done.len();
        let before = self.sheets.iter().filter(|sheet| sheet.table == table).count();
        let taken = |name: &String| {
            let mut others = self.sheets.iter().map(|sheet| &sheet.name).chain(&self.reference_names);
            others.any(|other| sheet::folded(other) == sheet::folded(name))
        };
        // At most as many names are taken as there are sheets.
        let mut names = (before + 1..).map(|number| sheet::name(&self.table.title, number));
        let name = names.find(|name| !taken(name)).unwrap_or_default();
        self.sheets.push(Sheet { name, table, rows: 0 });
        self.headed = false;
        self.handed = 0;
        self.counts.add(self.table.label_counts);
    }

    fn write_row(&mut self, cells: &[Cell<'_>], out: &mut Vec<u8>) -> Result<()> {
        let mut filled = self.sheets.last().ok_or_else(not_begun)?.rows;
        if filled == self.max_rows || self.handed + self.buffer.len() as u64 > self.table.max_bytes {
            let template = self.template(false, None, &Properties::default())?;
            self.end_sheet(&template, out)?;
            self.start_sheet();
            filled = 0;
        }
        // The first row is the header.
        self.table.markup.begin(filled + 2, &mut self.buffer)?;
        for (index, cell) in cells.iter().enumerate() {
            let identifier = self.table.columns.get(index).is_some_and(|column| column.identifier);
            let shown = shown::shown(cell, identifier, &self.options.lists, &mut self.scratch)?;
            self.table.gauge.see(index, &shown);
            let markup = &mut self.table.markup;
            markup.cell(index, &shown, &mut self.styles, &mut self.counts, &mut self.buffer)?;
            if self.buffer.len() >= BLOCK {
                // Within a row as well: a row may be larger than memory should be.
                self.hand_over(out)?;
            }
        }
        self.table.markup.end(&mut self.buffer);
        self.table.gauge.next_row();
        if let Some(sheet) = self.sheets.last_mut() {
            sheet.rows = filled + 1;
        }
        self.rows += 1;
        Ok(())
    }

    /// Gives the buffer to the thread that compresses; before the first one of a sheet goes its head.
    fn hand_over(&mut self, out: &mut Vec<u8>) -> Result<()> {
        if !self.headed {
            self.table.gauge.close();
            let template = self.template(false, None, &Properties::default())?;
            self.write_head(&template, None, out)?;
        }
        self.handed += self.buffer.len() as u64;
        self.package.write(&mut self.buffer, out)
    }

    fn tally(&self) -> Tally {
        Tally {
            rows: self.rows,
            sheets: self.sheets.len() as u32,
            truncated_cells: self.counts.truncated_cells,
            replaced_characters: self.counts.replaced_characters,
            guarded_cells: 0,
        }
    }
}

impl Encoder for Xlsx {
    fn begin(&mut self, _out: &mut Vec<u8>) -> Result<()> {
        self.start_sheet();
        Ok(())
    }

    fn row(&mut self, cells: &[Cell<'_>], out: &mut Vec<u8>) -> Result<()> {
        if cells.len() != self.table.columns.len() {
            return Err(Error::new(Kind::Internal, "a row has not as many cells as the file has columns"));
        }
        self.write_row(cells, out)
    }

    fn part(&mut self, title: &str, columns: &[Column], out: &mut Vec<u8>) -> Result<Tally> {
        check(columns)?;
        let tally = self.tally();
        let template = self.template(false, None, &Properties::default())?;
        self.end_sheet(&template, out)?;
        let table = Table::new(title, columns, &mut self.styles, self.options.compact);
        self.done.push(std::mem::replace(&mut self.table, table));
        self.start_sheet();
        Ok(tally)
    }

    fn finish(mut self: Box<Self>, info: &Info, out: &mut (dyn Write + Send)) -> Result<Tally> {
        if self.sheets.is_empty() {
            return Err(not_begun());
        }
        let tally = self.tally();
        let lines =
            self.options.info_sheet.then(|| info::lines(info, &self.setup, &self.options.lists, &tally));
        let template = self.template(true, lines.as_deref(), &info.properties)?;
        let mut last = Vec::new();
        self.end_sheet(&template, &mut last)?;
        for (frame, index) in template.references.iter().zip(0..) {
            let lines = self.setup.references.get(index).map(reference::lines).unwrap_or_default();
            self.write_small(frame, &lines, &mut last)?;
        }
        if let (Some(frame), Some(lines)) = (&template.info, &lines) {
            self.write_small(frame, lines.iter().flatten(), &mut last)?;
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
