//! The records of a CSV file, as the csv crate reads them: one at a time, each of bounded size.

use std::io::{self, Read};

use ::csv::{ErrorKind, Reader, ReaderBuilder, StringRecord};

use crate::error::{Error, Kind, Result};
use crate::import::Interrupted;

/// Bytes of a record. The crate keeps one record, and doubles its memory as it grows.
const MAX_RECORD: usize = 16 << 20;
/// Rows, as a spreadsheet would number them.
const MAX_ROWS: u32 = 20_000_000;

pub struct Records<'a> {
    bytes: &'a [u8],
    delimiter: u8,
    reader: Reader<Limited<'a>>,
    record: StringRecord,
    /// The row of the next record, from 0.
    row: u32,
    interrupted: Interrupted,
}

/// The bytes of a file, of which one record gets no more than `left`.
struct Limited<'a> {
    rest: &'a [u8],
    left: usize,
}

impl Read for Limited<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 && !self.rest.is_empty() {
            return Err(io::Error::other("a record is too large"));
        }
        let count = self.rest.len().min(buffer.len()).min(self.left);
        let (now, rest) = self.rest.split_at(count);
        buffer[..count].copy_from_slice(now);
        self.rest = rest;
        self.left -= count;
        Ok(count)
    }
}

impl<'a> Records<'a> {
    pub fn new(bytes: &'a [u8], delimiter: u8, interrupted: Interrupted) -> Records<'a> {
        let reader = ReaderBuilder::new()
            .delimiter(delimiter)
            .has_headers(false)
            .flexible(true)
            .buffer_capacity(64 * 1024)
            .from_reader(Limited { rest: bytes, left: MAX_RECORD });
        Records { bytes, delimiter, reader, record: StringRecord::new(), row: 0, interrupted }
    }

    /// Reads the next record that is no empty line; its row, from 0, as a spreadsheet shows it: empty lines count, and a record
    /// whose values have line breaks is one row. None: there are no more.
    ///
    /// Errors: 22023 for bytes that are not UTF-8, for NUL and for quotes that are not closed; 54000 for a record or a file that
    /// is too large.
    pub fn read(&mut self) -> Result<Option<u32>> {
        let start = self.position();
        let row = self.row.saturating_add(self.empty_lines(start));
        if row.is_multiple_of(1024) {
            (self.interrupted)()?;
        }
        if row > MAX_ROWS {
            return Err(super::too_large("more than 20,000,000 rows"));
        }
        self.reader.get_mut().left = MAX_RECORD;
        let found = self.reader.read_record(&mut self.record).map_err(|error| match error.kind() {
            ErrorKind::Utf8 { .. } => {
                not_utf8().detail(format!("Row {} has bytes that are not UTF-8.", row + 1))
            }
            _ => large_record(row),
        })?;
        if !found {
            return Ok(None);
        }
        if self.record.as_slice().contains('\0') {
            return Err(not_text());
        }
        let end = self.position();
        let is_last = end >= self.bytes.len();
        if is_last && self.bytes.get(start..end).is_some_and(|raw| ends_in_quotes(raw, self.delimiter)) {
            return Err(in_quotes(row));
        }
        self.row = row + 1;
        Ok(Some(row))
    }

    pub fn record(&self) -> &StringRecord {
        &self.record
    }

    pub fn delimiter(&self) -> u8 {
        self.delimiter
    }

    fn position(&self) -> usize {
        usize::try_from(self.reader.position().byte()).unwrap_or(usize::MAX)
    }

    /// Empty lines from a place on, which the crate passes over. The crate ends a record at CR, and takes the LF of CR LF with
    /// the next one.
    fn empty_lines(&self, start: usize) -> u32 {
        let mut rest = self.bytes.get(start..).unwrap_or_default();
        let before = start.checked_sub(1).and_then(|before| self.bytes.get(before));
        if before == Some(&b'\r') {
            rest = rest.strip_prefix(b"\n").unwrap_or(rest);
        }
        let mut lines = 0_u32;
        loop {
            rest = match rest {
                [b'\r', b'\n', rest @ ..] | [b'\r' | b'\n', rest @ ..] => rest,
                _ => return lines,
            };
            lines = lines.saturating_add(1);
        }
    }
}

/// True if a record ends before the quote that would close its last value.
fn ends_in_quotes(raw: &[u8], delimiter: u8) -> bool {
    #[derive(Clone, Copy, PartialEq)]
    enum Place {
        Begin,
        Plain,
        Quoted,
        /// After a quote within quotes.
        Quote,
    }
    let mut place = Place::Begin;
    for &byte in raw {
        place = match (place, byte) {
            (Place::Begin | Place::Quote, b'"') => Place::Quoted,
            (Place::Quoted, b'"') => Place::Quote,
            (Place::Quoted, _) => Place::Quoted,
            (_, b'\r' | b'\n') => Place::Begin,
            (_, byte) if byte == delimiter => Place::Begin,
            _ => Place::Plain,
        };
    }
    place == Place::Quoted
}

/// 22023 for another encoding.
pub fn not_utf8() -> Error {
    Error::invalid("the CSV file is not in UTF-8").hint(
        "Save it as \"CSV UTF-8\" in Excel, or with the character set \"Unicode (UTF-8)\" in LibreOffice.",
    )
}

/// 22023 for what is no text.
pub fn not_text() -> Error {
    Error::invalid("the file is neither an xlsx workbook nor a CSV file")
        .hint("Save it as an Excel workbook (.xlsx), or as CSV in UTF-8.")
}

fn in_quotes(row: u32) -> Error {
    Error::invalid("the CSV file ends within quotes")
        .detail(format!("The quoted value begins in row {}.", row.saturating_add(1)))
        .hint("The file may be cut off, or a quote within a value may not be doubled.")
}

fn large_record(row: u32) -> Error {
    Error::new(Kind::ProgramLimitExceeded, "the CSV file has a row of more than 16 MiB")
        .detail(format!("It is row {}.", row.saturating_add(1)))
        .hint("If a quote is not closed, everything after it is one value.")
}
