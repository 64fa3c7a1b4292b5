//! csv as RFC 4180 has it, with NULL and the empty text told apart the way COPY does.
//!
//! The quoting is the csv crate's own (its core, `csv_core`): the writer of that crate quotes by file, not by
//! field, and could not write an empty text as `""` beside an empty NULL.

use std::io::Write;

use super::{text, Cell, Column, CsvOptions, Encoder, Info, Tally};
use crate::error::{Error, Kind, Result};

/// U+FEFF in UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// The encoder of csv.
pub struct Csv {
    options: CsvOptions,
    labels: Vec<String>,
    /// Knows what needs quotes.
    core: csv_core::Writer,
    /// A field on its way into quotes.
    scratch: Vec<u8>,
    tally: Tally,
}

impl Csv {
    pub fn new(options: &CsvOptions, columns: &[Column]) -> Self {
        Csv {
            options: options.clone(),
            labels: columns.iter().map(|column| column.label.clone()).collect(),
            core: csv_core::WriterBuilder::new().delimiter(options.delimiter).build(),
            scratch: Vec::new(),
            tally: Tally::default(),
        }
    }

    /// Appends one field without its delimiter.
    fn field(&mut self, cell: &Cell<'_>, out: &mut Vec<u8>) -> Result<()> {
        if matches!(cell, Cell::Null) {
            out.extend_from_slice(self.options.null_as.as_bytes());
            return Ok(());
        }
        let start = out.len();
        text::plain(cell, &self.options.multi_value_separator, out)?;
        let words = matches!(cell, Cell::Text(_) | Cell::Json(_) | Cell::List(_));
        let guarded = words && self.options.formula_guard && text::is_formula(&out[start..]);
        if guarded {
            self.tally.guarded_cells += 1;
        }
        let field = &out[start..];
        // The guard's quote is none that csv knows, so it has no say in what follows but that the text is not
        // NULL's.
        let like_null = !guarded && field == self.options.null_as.as_bytes();
        let quoted = like_null || self.core.should_quote(field);
        if guarded || quoted {
            self.scratch.clear();
            if guarded {
                self.scratch.push(b'\'');
            }
            self.scratch.extend_from_slice(&out[start..]);
            out.truncate(start);
            if quoted {
                append_quoted(&self.scratch, out);
            } else {
                out.extend_from_slice(&self.scratch);
            }
        }
        Ok(())
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

/// Appends `field` in quotes, those in it doubled.
fn append_quoted(field: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    let start = out.len();
    // Room for a field of nothing but quotes: then one call is enough.
    out.resize(start + 2 * field.len(), 0);
    let (_, _, written) = csv_core::quote(field, &mut out[start..], b'"', b'"', true);
    out.truncate(start + written);
    out.push(b'"');
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
#[path = "csv_tests.rs"]
mod tests;
