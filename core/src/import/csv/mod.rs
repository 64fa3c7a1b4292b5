//! CSV files of others, as spreadsheets save them: separator, line ends and byte order mark are found in the file.
//!
//! ```text
//! bytea -> encoding -> separator (by the columns that are known) -> records (csv crate) -> rows, some at a time -> cells
//! ```
//!
//! The file is read twice, record by record: once to check it and to find the forms of its numbers and days, once for its
//! values. Memory is bounded by the largest record and by the rows of one batch, whatever the size of the file.

mod batches;
pub mod cell;
mod detect;
pub mod dialect;
pub mod lists;
pub mod moment;
pub mod nulls;
mod records;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests;

use super::headers::Header;
use super::Interrupted;
use crate::encode::formula::{unguarded, Form};
use crate::error::{Error, Kind, Result};
use crate::model::Field;
pub use batches::{Batches, Scan};
pub use detect::is_workbook;
use records::Records;

/// Columns of a file.
const MAX_COLUMNS: usize = 2_000;

/// A CSV file whose separator and header are known.
pub struct CsvFile<'a> {
    /// Without a byte order mark and a line `sep=`.
    bytes: &'a [u8],
    delimiter: u8,
    header: Header,
    /// Fields of the header, those without a label included.
    width: usize,
    /// Columns that are fields of the dataset.
    known: usize,
    interrupted: Interrupted,
}

impl<'a> CsvFile<'a> {
    /// `fields`: of the dataset, by which the separator is found.
    ///
    /// Errors: 22023 for what is no text in UTF-8, 54000 for a header that is too large.
    pub fn open(file: &'a [u8], fields: &[Field], interrupted: Interrupted) -> Result<CsvFile<'a>> {
        let (bytes, declared) = detect::text(file)?;
        let (delimiter, known) = detect::delimiter(bytes, declared, fields, interrupted)?;
        if known == 0 {
            detect::no_other_kind(bytes)?;
        }
        let mut records = Records::new(bytes, delimiter, interrupted);
        if records.read()?.is_none() {
            return Err(empty());
        }
        let (header, width) = header(&records);
        if width > MAX_COLUMNS {
            return Err(too_large("more than 2000 columns"));
        }
        Ok(CsvFile { bytes, delimiter, header, width, known, interrupted })
    }

    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Fields of the header.
    pub fn width(&self) -> usize {
        self.width
    }

    pub fn delimiter(&self) -> u8 {
        self.delimiter
    }

    /// True if the header names a field of the dataset.
    pub fn has_known_columns(&self) -> bool {
        self.known > 0
    }

    /// Columns that are fields of the dataset.
    pub fn known_columns(&self) -> usize {
        self.known
    }

    /// The records behind the header.
    fn records(&self) -> Result<Records<'a>> {
        let mut records = Records::new(self.bytes, self.delimiter, self.interrupted);
        records.read()?;
        Ok(records)
    }
}

/// The labels of the current record, as many as are taken, and the number of its fields.
fn header(records: &Records<'_>) -> (Header, usize) {
    let record = records.record();
    // Every header is a free text to the encoder.
    let plain = |label| unguarded(label, Form::Plain, records.delimiter()).into_owned();
    let labels = (0..).zip(record.iter().take(MAX_COLUMNS)).filter(|(_, label)| !label.trim().is_empty());
    (labels.map(|(column, label)| (column, plain(label))).collect(), record.len())
}

fn empty() -> Error {
    Error::invalid("the CSV file is empty").hint("Its first row has the labels of the columns.")
}

/// 54000.
fn too_large(what: &str) -> Error {
    Error::new(Kind::ProgramLimitExceeded, format!("the CSV file has {what}"))
        .hint("Check it in parts: fewer rows in each file.")
}
