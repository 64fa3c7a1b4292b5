//! csv as RFC 4180 has it, with NULL and the empty text told apart the way COPY does.
//!
//! The quoting is that of the csv crate, with which the tests compare it byte by byte: the writer of that crate quotes by file,
//! not by field, and could not write an empty text as `""` beside an empty NULL.

use std::io::Write;

use super::{scan, text, Cell, Column, CsvOptions, Encoder, Info, Tally};
use crate::error::{Error, Kind, Result};
use crate::room;

/// U+FEFF in UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// The encoder of csv.
pub struct Csv {
    options: CsvOptions,
    labels: Vec<String>,
    /// A number, a date or a boolean may need quotes: the delimiter or what stands for NULL may be in it.
    odd: bool,
    /// A list on its way to its field.
    scratch: Vec<u8>,
    tally: Tally,
}

impl Csv {
    pub fn new(options: &CsvOptions, columns: &[Column]) -> Self {
        Csv {
            options: options.clone(),
            labels: columns.iter().map(|column| column.label.clone()).collect(),
            odd: !options.null_as.is_empty() || !b",;|\t".contains(&options.delimiter),
            scratch: Vec::new(),
            tally: Tally::default(),
        }
    }

    /// Appends one field without its delimiter.
    fn field(&mut self, cell: &Cell<'_>, out: &mut Vec<u8>) -> Result<()> {
        match cell {
            Cell::Null => {
                room::more(out, self.options.null_as.len())?;
                out.extend_from_slice(self.options.null_as.as_bytes());
            }
            Cell::Text(words) | Cell::Json(words) => self.words(words.as_bytes(), out)?,
            Cell::List(_) => {
                let mut words = std::mem::take(&mut self.scratch);
                room::reuse(&mut words);
                text::plain(cell, &self.options.multi_value_separator, &mut words)?;
                self.words(&words, out)?;
                self.scratch = words;
            }
            _ => {
                let start = out.len();
                text::plain(cell, "", out)?;
                if self.odd && self.needs_quotes(&out[start..]) {
                    let field = out.split_off(start);
                    append_quoted(&field, b"", out)?;
                }
            }
        }
        Ok(())
    }

    fn words(&mut self, field: &[u8], out: &mut Vec<u8>) -> Result<()> {
        // The guard's quote is none that csv knows, so it has no say but that the text is not NULL's, and where it is the
        // delimiter.
        let (guard, quotes): (&[u8], bool) = if self.options.formula_guard && text::is_formula(field) {
            self.tally.guarded_cells += 1;
            (b"'", self.options.delimiter == b'\'' || self.breaks(field))
        } else {
            (b"", self.needs_quotes(field))
        };
        if quotes {
            append_quoted(field, guard, out)
        } else {
            room::more(out, field.len())?;
            out.extend_from_slice(guard);
            out.extend_from_slice(field);
            Ok(())
        }
    }

    /// Also where it would be taken for NULL.
    fn needs_quotes(&self, field: &[u8]) -> bool {
        field == self.options.null_as.as_bytes() || self.breaks(field)
    }

    /// Whether a reader would see more in it than one field.
    fn breaks(&self, field: &[u8]) -> bool {
        let delimiter = self.options.delimiter;
        scan::position(field, |byte| byte == delimiter || byte == b'"' || byte == b'\n' || byte == b'\r')
            .is_some()
    }

    fn line<'a>(&mut self, cells: impl Iterator<Item = Cell<'a>>, out: &mut Vec<u8>) -> Result<()> {
        let start = out.len();
        let mut count = 0;
        for cell in cells {
            if count > 0 {
                out.push(self.options.delimiter);
            }
            self.field(&cell, out)?;
            count += 1;
        }
        if out.len() == start && count == 1 {
            // A sole NULL would be an empty line, which most readers skip: the row would be lost. In a file
            // of one column NULL and the empty text are therefore alike, unless `null_as` says otherwise.
            out.extend_from_slice(b"\"\"");
        }
        out.extend_from_slice(self.options.line_ending.as_str().as_bytes());
        Ok(())
    }
}

impl Encoder for Csv {
    fn begin(&mut self, out: &mut Vec<u8>) -> Result<()> {
        if self.options.bom {
            out.extend_from_slice(BYTE_ORDER_MARK);
        }
        if self.options.header {
            let labels = std::mem::take(&mut self.labels);
            let line = self.line(labels.iter().map(|label| Cell::Text(label)), out);
            self.labels = labels;
            line?;
        }
        Ok(())
    }

    fn row(&mut self, cells: &[Cell<'_>], out: &mut Vec<u8>) -> Result<()> {
        if cells.len() != self.labels.len() {
            return Err(Error::new(Kind::Internal, "a row has not as many cells as the file has columns"));
        }
        self.line(cells.iter().copied(), out)?;
        self.tally.rows += 1;
        Ok(())
    }

    fn finish(self: Box<Self>, _info: &Info, _out: &mut (dyn Write + Send)) -> Result<Tally> {
        Ok(self.tally)
    }
}

/// Appends guard and field in quotes, those in it doubled.
fn append_quoted(field: &[u8], guard: &[u8], out: &mut Vec<u8>) -> Result<()> {
    let quotes = field.iter().filter(|byte| **byte == b'"').count();
    room::more(out, field.len() + quotes)?;
    out.push(b'"');
    out.extend_from_slice(guard);
    // JSON is full of quotes: a step of one or two, and no branch that has to be guessed.
    let mut block = [0; 512];
    for piece in field.chunks(255) {
        let mut at = 0;
        for &byte in piece {
            block[at & 511] = byte;
            block[(at + 1) & 511] = b'"';
            at += 1 + usize::from(byte == b'"');
        }
        out.extend_from_slice(&block[..at & 511]);
    }
    out.push(b'"');
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
#[path = "csv_tests.rs"]
mod tests;
