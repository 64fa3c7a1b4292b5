//! csv as RFC 4180 has it, with NULL and the empty text told apart the way COPY does.
//!
//! The quoting is that of the csv crate, with which the tests compare it byte by byte: the writer of that crate quotes by file,
//! not by field, and could not write an empty text as `""` beside an empty NULL. A field that holds another separator that
//! spreadsheets use is quoted as well, and so is a first field that begins with `ID`: Excel reads a file that begins so as SYLK.

use std::io::Write;

use super::formula::{self, Form};
use super::{Cell, Column, CsvOptions, Encoder, Info, Tally};
use crate::error::{Error, Kind, Result};
use crate::value::{contains, memory, text, Grid};

/// U+FEFF in UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// The encoder of csv.
pub struct Csv {
    options: CsvOptions,
    labels: Vec<String>,
    /// Columns whose texts may be formulas.
    free: Vec<bool>,
    /// The header is being written.
    at_header: bool,
    /// Nothing has been written yet, not even a byte order mark.
    at_start: bool,
    /// A number, a date, a boolean or a plain text may need quotes: the delimiter or what stands for NULL may be in it.
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
            free: columns.iter().map(|column| column.free_text).collect(),
            at_header: false,
            at_start: true,
            odd: !options.null_as.is_empty()
                || !formula::is_separator(options.delimiter)
                || (options.lists.form.decimal_comma && options.delimiter == b','),
            scratch: Vec::new(),
            tally: Tally::default(),
        }
    }

    /// Appends one field without its delimiter. `free`: its texts may be formulas.
    fn field(&mut self, cell: &Cell<'_>, free: bool, out: &mut Vec<u8>) -> Result<()> {
        match cell {
            Cell::Null => {
                memory::reserve(out, self.options.null_as.len())?;
                out.extend_from_slice(self.options.null_as.as_bytes());
            }
            Cell::Text(words) if words.is_plain() && !self.odd => {
                if free && self.options.formula_guard && formula::is_formula(words) {
                    return self.words(words, Some(Form::Plain), out);
                }
                let quotes = words.is_empty() || (self.at_start && words.starts_with("ID"));
                append(words.as_bytes(), quotes, out)?;
            }
            Cell::Text(words) => self.words(words, free.then_some(Form::Plain), out)?,
            Cell::Json(words) => self.words(words, Some(Form::Json), out)?,
            Cell::List(items) | Cell::Grid(Grid { items, .. }) => {
                let mut words = std::mem::take(&mut self.scratch);
                memory::reuse(&mut words);
                self.options.lists.append(cell, &mut words)?;
                let form = if self.options.lists.json { Form::Json } else { Form::Plain };
                let form = (free && has_text(items)).then_some(form);
                match std::str::from_utf8(&words) {
                    Ok(joined) => self.words(joined, form, out)?,
                    Err(_) => return Err(Error::new(Kind::Internal, "a value is not UTF-8")),
                }
                self.scratch = words;
            }
            _ => {
                let start = out.len();
                text::plain_as(cell, self.options.lists.form, out)?;
                let field = &out[start..];
                if self.odd && (self.is_null(field) || field.contains(&self.options.delimiter)) {
                    let field = out.split_off(start);
                    append_quoted(&field, out)?;
                }
            }
        }
        Ok(())
    }

    /// `form`: how it is searched for formulas; None: it is not.
    fn words(&mut self, words: &str, form: Option<Form>, out: &mut Vec<u8>) -> Result<()> {
        let field = words.as_bytes();
        let breaks = self.breaks(field);
        if let (Some(form), true) = (form, self.options.formula_guard) {
            // A text without a separator and a line break begins once; most begin with a letter.
            if formula::is_formula(words) || (breaks && formula::may_hold(field)) {
                memory::probe(words.len().saturating_mul(2))?;
                if let Some(guarded) = formula::guarded(words, form, self.options.delimiter) {
                    self.tally.guarded_cells += 1;
                    return append(guarded.as_bytes(), self.needs_quotes(guarded.as_bytes()), out);
                }
            }
        }
        let quotes = breaks || self.is_null(field) || (self.at_start && field.starts_with(b"ID"));
        append(field, quotes, out)
    }

    /// Also where it would be taken for NULL.
    fn needs_quotes(&self, field: &[u8]) -> bool {
        self.is_null(field) || self.breaks(field)
    }

    fn is_null(&self, field: &[u8]) -> bool {
        field == self.options.null_as.as_bytes()
    }

    /// True if a reader would find more than one field in it, be it one that splits at another separator.
    fn breaks(&self, field: &[u8]) -> bool {
        let delimiter = self.options.delimiter;
        let is_special = |byte: u8| {
            formula::is_separator(byte)
                | (byte == b'"')
                | (byte == b'\n')
                | (byte == b'\r')
                | (byte == delimiter)
        };
        contains(field, is_special)
    }

    fn line(&mut self, cells: &[Cell<'_>], out: &mut Vec<u8>) -> Result<()> {
        let start = out.len();
        for (place, cell) in cells.iter().enumerate() {
            if place > 0 {
                out.push(self.options.delimiter);
            }
            // Every header is a free text.
            let free = self.at_header || self.free.get(place).is_none_or(|free| *free);
            self.field(cell, free, out)?;
            self.at_start = false;
        }
        if out.len() == start && cells.len() == 1 {
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
            self.at_start = false;
        }
        if self.options.header {
            let labels = std::mem::take(&mut self.labels);
            let header: Vec<Cell<'_>> = labels.iter().map(|label| Cell::text(label)).collect();
            self.at_header = true;
            self.line(&header, out)?;
            self.at_header = false;
        }
        Ok(())
    }

    fn row(&mut self, cells: &[Cell<'_>], out: &mut Vec<u8>) -> Result<()> {
        if cells.len() != self.free.len() {
            return Err(Error::new(Kind::Internal, "a row has not as many cells as the file has columns"));
        }
        self.line(cells, out)?;
        self.tally.rows += 1;
        Ok(())
    }

    fn finish(self: Box<Self>, _info: &Info, _out: &mut (dyn Write + Send)) -> Result<Tally> {
        Ok(self.tally)
    }
}

/// True if texts are in a list, at whatever depth.
fn has_text(items: &[Cell<'_>]) -> bool {
    items.iter().any(|item| match item {
        Cell::Text(_) | Cell::Json(_) => true,
        Cell::List(items) | Cell::Grid(Grid { items, .. }) => has_text(items),
        _ => false,
    })
}

fn append(field: &[u8], quotes: bool, out: &mut Vec<u8>) -> Result<()> {
    if quotes {
        return append_quoted(field, out);
    }
    memory::reserve(out, field.len())?;
    out.extend_from_slice(field);
    Ok(())
}

/// Appends a field in quotes, those in it doubled.
fn append_quoted(field: &[u8], out: &mut Vec<u8>) -> Result<()> {
    let quotes = field.iter().filter(|byte| **byte == b'"').count();
    memory::reserve(out, field.len() + quotes)?;
    out.push(b'"');
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
