//! Rows to bytes: csv, ndjson, json, xlsx behind one trait.
//!
//! Pure Rust, no server in it: `cargo test` covers it. An encoder appends to the buffer that it is given
//! and keeps no row; the caller empties the buffer into the spool (or hands it out line by line).
//!
//! Invariants: the same columns, options and cells give the same bytes; no encoder unwinds, whatever the
//! cells hold; no error message quotes a value. What it must not do: read a clock, a locale or a setting;
//! compress text formats (the spool does); decide what may be exported.

#[cfg(test)]
mod arbitrary;
mod csv;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
pub mod fixture;
pub mod formula;
mod json;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod odd_tests;
pub mod xlsx;

use std::io::Write;

use crate::error::{Error, Result};

pub use crate::model::Format;
pub use crate::model::{Archive, Compression, CsvOptions, Options, Order, XlsxOptions};
pub use crate::value::json_string::append as json_string;
pub use crate::value::json_value::embed as json_on_one_line;
pub use crate::value::position;
pub use crate::value::{Cell, Column, Grid, Kind, TextForm};

/// One file in the making: `begin` once, `row` for each row, `finish` once.
///
/// The buffer of `begin` and `row` is appended to and never read, so the caller may empty it after each call.
/// After an error the encoder is of no further use and is to be dropped.
pub trait Encoder {
    /// Appends what stands before the first row: byte order mark and header, `[`, or nothing.
    fn begin(&mut self, out: &mut Vec<u8>) -> Result<()>;

    /// Appends this row, in csv and ndjson exactly and with its line ending; xlsx appends what is compressed
    /// by now of this row and those before it, often nothing.
    ///
    /// `cells` are as many as the columns: fewer or more is an internal error. 54000 where what is in the buffer and this row
    /// have more than 1 GB, 53200 where there is no memory for it.
    fn row(&mut self, cells: &[Cell<'_>], out: &mut Vec<u8>) -> Result<()>;

    /// The same of a row that is no more: cells that are not among [`Setup::of_removed`] are NULL, and absent where the format can leave
    /// them out.
    fn removed_row(&mut self, cells: &[Cell<'_>], out: &mut Vec<u8>) -> Result<()> {
        self.row(cells, out)
    }

    /// Ends the rows so far and begins those of other columns under a title of their own, in the same file: sheets of a workbook.
    /// The numbers so far. A format that holds one kind of rows refuses (XX000).
    fn part(&mut self, _title: &str, _columns: &[Column], _out: &mut Vec<u8>) -> Result<Tally> {
        Err(Error::new(crate::error::Kind::Internal, "this format holds one kind of rows"))
    }

    /// Writes what is left to `out`, and counts.
    ///
    /// An `io::Error` of `out` that wraps an [`Error`] (`io::Error::other(error)`) comes
    /// back as that error, so a cancel request stays 57014.
    fn finish(self: Box<Self>, info: &Info, out: &mut (dyn Write + Send)) -> Result<Tally>;
}

/// Makes the encoder of a format.
///
/// Errors: 22023 where two columns claim the same place in a JSON row, 54000 for more columns than a
/// worksheet has, 53200 where xlsx cannot start its thread.
pub fn encoder(
    format: Format,
    options: &Options,
    columns: &[Column],
    setup: Setup,
) -> Result<Box<dyn Encoder>> {
    Ok(match format {
        Format::Csv => Box::new(csv::Csv::new(&options.csv, columns)),
        Format::Ndjson => Box::new(json::Ndjson::new(options.text_form, columns, &setup.of_removed)?),
        Format::Json => Box::new(json::Json::new(options.text_form, columns, &setup.of_removed)?),
        Format::Xlsx => Box::new(xlsx::Xlsx::new(&options.xlsx, columns, setup)?),
    })
}

/// True if an encoder could be made: the errors of [`encoder`] without its thread.
pub fn check(format: Format, columns: &[Column]) -> Result<()> {
    match format {
        Format::Csv => Ok(()),
        Format::Ndjson | Format::Json => json::Ndjson::new(TextForm::default(), columns, &[]).map(|_| ()),
        Format::Xlsx => xlsx::check(columns),
    }
}

/// The settings that an encoder needs; the title, the zone and the references are those of xlsx.
#[derive(Debug, Clone, Default)]
pub struct Setup {
    /// Name of the data sheet, of any length and content: it is made to fit.
    pub title: String,
    /// The zone in which instants are shown, named in the `Export info` sheet.
    pub time_zone: String,
    /// The values that referencing columns choose from.
    pub references: Vec<Reference>,
    /// Places of the columns that a removed row has.
    pub of_removed: Vec<usize>,
}

/// Values that columns choose from: a sheet of its own, to which these columns are bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// Name of the sheet, of any length and content: it is made to fit.
    pub title: String,
    /// The header over the values.
    pub label: String,
    /// In their order, without twins.
    pub values: Vec<String>,
    pub columns: Vec<Choosing>,
}

/// A column that chooses from a reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choosing {
    /// Its place, from 0.
    pub column: usize,
    /// A cell holds several values, which no choice of a spreadsheet can check.
    pub several: bool,
}

/// The content of the `Export info` sheet and the document properties; given at the end, when it is complete.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Info {
    pub properties: Properties,
    /// Rows of the `Export info` sheet, name and value. The encoder adds what only it knows: time zone,
    /// sheets, truncated cells, replaced characters, guarded cells.
    pub entries: Vec<(String, InfoValue)>,
}

/// A value of the `Export info` sheet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InfoValue {
    Text(String),
    Count(u64),
}

impl From<String> for InfoValue {
    fn from(text: String) -> Self {
        InfoValue::Text(text)
    }
}

/// Document properties of a workbook.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Properties {
    pub title: String,
    /// The job's id.
    pub subject: String,
    /// Moment of the data (`as_of`), microseconds since 2000-01-01 00:00 UTC. Written instead of the clock's
    /// time, so that the same input gives the same bytes.
    pub created: i64,
}

/// Counts of the rows written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Data rows; headers do not count.
    pub rows: u64,
    /// Data sheets of a workbook (0 in text formats).
    pub sheets: u32,
    /// Cells cut to the 32,767 UTF-16 units that a cell of a worksheet takes.
    pub truncated_cells: u64,
    /// Characters that XML 1.0 forbids, put down as U+FFFD.
    pub replaced_characters: u64,
    /// Cells of a csv, header included, that a spreadsheet would have run and that got a `'` in front.
    pub guarded_cells: u64,
}
