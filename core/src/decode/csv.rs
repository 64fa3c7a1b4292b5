//! csv as our encoder writes it.
//!
//! A reader of our own: the csv crate does not tell a field in quotes from one without, and so no empty text from NULL.

use std::borrow::Cow;
use std::io::BufRead;

use serde::de::IgnoredAny;

use super::{unlike, unreadable, Row, Rows};
use crate::encode::formula::{unguarded, Form};
use crate::error::Result;
use crate::model::CsvOptions;
use crate::model::Shape;
use crate::value::{text, Kind, Lists};

const BYTE_ORDER_MARK: &str = "\u{FEFF}";

pub struct Csv<R> {
    source: R,
    delimiter: u8,
    null_as: String,
    lists: Lists,
    /// Before the first record stands a byte order mark, a header.
    mark: bool,
    header: bool,
    /// Texts that a spreadsheet would run have a `'` in front.
    guarded: bool,
    kinds: Vec<Kind>,
}

/// The position of a byte in a record.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Begin,
    Plain,
    Quoted,
    /// After a quote within quotes: it ends them, or is the first of two that stand for one.
    Quote,
}

impl<R: BufRead> Csv<R> {
    pub fn new(source: R, options: &CsvOptions, shape: &Shape) -> Self {
        Csv {
            source,
            delimiter: options.delimiter,
            null_as: options.null_as.clone(),
            lists: options.lists.clone(),
            mark: options.bom,
            header: options.header,
            guarded: options.formula_guard,
            kinds: shape.columns.iter().map(|column| column.kind).collect(),
        }
    }

    /// The fields of the next record; false: there is none.
    fn record(&mut self, row: &mut Row) -> Result<bool> {
        row.clear();
        let (mut place, mut field, mut quoted) = (Place::Begin, Vec::new(), false);
        let mut any = false;
        loop {
            let block = self.source.fill_buf().map_err(|error| unreadable(&error))?;
            if block.is_empty() {
                return if any { Err(unlike()) } else { Ok(false) };
            }
            any = true;
            let mut used = 0;
            let mut ended = false;
            for &byte in block {
                used += 1;
                match (place, byte) {
                    (Place::Begin, b'"') => (place, quoted) = (Place::Quoted, true),
                    (Place::Quoted, b'"') => place = Place::Quote,
                    (Place::Quote, b'"') => {
                        field.push(b'"');
                        place = Place::Quoted;
                    }
                    (Place::Quoted, _) => field.push(byte),
                    (_, b'\n') => {
                        ended = true;
                        break;
                    }
                    // Of the line's end: in a value it stands in quotes.
                    (_, b'\r') => {}
                    _ if byte == self.delimiter => {
                        row.push(value(std::mem::take(&mut field), quoted, &self.null_as)?);
                        (place, quoted) = (Place::Begin, false);
                    }
                    _ => {
                        field.push(byte);
                        place = Place::Plain;
                    }
                }
            }
            self.source.consume(used);
            if ended {
                row.push(value(field, quoted, &self.null_as)?);
                return Ok(true);
            }
        }
    }

    fn skip_mark(&mut self) -> Result<()> {
        let mut mark = [0; BYTE_ORDER_MARK.len()];
        self.source.read_exact(&mut mark).map_err(|error| unreadable(&error))?;
        if mark == BYTE_ORDER_MARK.as_bytes() {
            Ok(())
        } else {
            Err(unlike())
        }
    }
}

fn value(field: Vec<u8>, quoted: bool, null_as: &str) -> Result<Option<String>> {
    if !quoted && field == null_as.as_bytes() {
        return Ok(None);
    }
    String::from_utf8(field).map(Some).map_err(|_| unlike())
}

impl<R: BufRead> Rows for Csv<R> {
    fn next(&mut self, row: &mut Row) -> Result<bool> {
        if std::mem::take(&mut self.mark) {
            self.skip_mark()?;
        }
        if std::mem::take(&mut self.header) && !self.record(row)? {
            return Err(unlike());
        }
        if !self.record(row)? {
            return Ok(false);
        }
        if row.len() != self.kinds.len() {
            return Err(unlike());
        }
        let other_lists = self.lists != Lists::default();
        for (value, kind) in row.iter_mut().zip(&self.kinds) {
            let Some(text) = value else { continue };
            if self.guarded {
                unguard(text, *kind, &self.lists, self.delimiter);
            }
            if other_lists && *kind == Kind::List {
                *text = self.lists.as_default(text);
            }
            if self.lists.form.decimal_comma && matches!(kind, Kind::Numeric | Kind::Float) {
                if let Some(number) = text::with_point(text) {
                    *text = number;
                }
            }
        }
        Ok(true)
    }
}

/// True if a field is a document, guarded or not.
fn is_document(text: &str, delimiter: u8) -> bool {
    serde_json::from_str::<IgnoredAny>(&unguarded(text, Form::Json, delimiter)).is_ok()
}

/// As the encoder found it.
fn unguard(text: &mut String, kind: Kind, lists: &Lists, delimiter: u8) {
    let form = match kind {
        Kind::List if lists.json => Form::Json,
        Kind::Text | Kind::List => Form::Plain,
        Kind::Json => Form::Json,
        // Of its own kind each; other texts begin with a bracket, too.
        Kind::Mixed if text.starts_with(['{', '[']) && is_document(text, delimiter) => Form::Json,
        Kind::Mixed => Form::Plain,
        _ => return,
    };
    if let Cow::Owned(plain) = unguarded(text, form, delimiter) {
        *text = plain;
    }
}
