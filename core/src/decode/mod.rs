//! Our own files back to rows of plain texts, whatever their format: what two exports are compared by.
//!
//! Pure Rust, no server in it. A decoder reads what the encoder of its format writes under the same options, and nothing
//! else: a file of other origin is an error. Rows come one at a time, so memory stays level whatever the size.
//!
//! Invariants: a value comes as the text that a csv shows of it, and two files of the same rows give the same texts once
//! [`Normal`] has looked at them. No error message quotes a value.

mod csv;
mod json;
mod normal;
mod xlsx;

use std::io::{BufReader, Read, Seek};

use flate2::read::GzDecoder;

use crate::error::{Error, Kind, Result};
use crate::model::{Format, Options};

pub use crate::model::Shape;
pub use normal::{Look, Normal};

/// The values of one row in the order of the columns; None: NULL.
pub type Row = Vec<Option<String>>;

/// The rows of one file, header and other sheets left out.
pub trait Rows {
    /// Puts the next row into `row`, which has as many values as the file has columns; false: there are no more.
    fn next(&mut self, row: &mut Row) -> Result<bool>;
}

/// Reads a file that `format` and `options` have made.
///
/// Errors: XX000 for a file that is not what it says it is, and those of `source`, as they are.
pub fn rows<R: Read + Seek + 'static>(
    format: Format,
    options: &Options,
    shape: &Shape,
    source: R,
) -> Result<Box<dyn Rows>> {
    if format == Format::Xlsx {
        return Ok(Box::new(xlsx::Workbook::open(source, &options.xlsx.lists, shape)?));
    }
    match options.compression {
        Some(_) => text(format, options, shape, GzDecoder::new(source)),
        None => text(format, options, shape, source),
    }
}

fn text<R: Read + 'static>(
    format: Format,
    options: &Options,
    shape: &Shape,
    source: R,
) -> Result<Box<dyn Rows>> {
    let source = BufReader::with_capacity(64 * 1024, source);
    Ok(match format {
        Format::Csv => Box::new(csv::Csv::new(source, &options.csv, shape)),
        _ => Box::new(json::Lines::new(source, shape)),
    })
}

/// The file is not as its encoder writes it.
fn unlike() -> Error {
    Error::new(Kind::Internal, "an export's file is not of the form that it was written in")
}

/// An error that the source gave comes back as it is; else the file cannot be unpacked.
fn unreadable(error: &std::io::Error) -> Error {
    let ours = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    ours.cloned().unwrap_or_else(unlike)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests;
