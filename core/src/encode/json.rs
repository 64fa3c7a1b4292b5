//! ndjson and json: one object per row, keys encoded once for the whole file.
//!
//! A row's objects have the same shape throughout, so all that stands between two values is known at the
//! start and is copied as it is. Values are written straight from the cells; nothing is parsed and no tree is
//! built (a `serde_json::Value` per row would cost five times as much).

mod template;

use std::io::Write;

use super::{Cell, Column, Encoder, Info, Tally};
use crate::error::Result;
use crate::value::TextForm;
use template::Template;

/// The encoder of ndjson: an object and a line feed per row, nothing before and nothing after.
pub struct Ndjson {
    template: Template,
    tally: Tally,
}

impl Ndjson {
    pub fn new(form: TextForm, columns: &[Column]) -> Result<Self> {
        Ok(Ndjson { template: Template::new(form, columns)?, tally: Tally::default() })
    }
}

impl Encoder for Ndjson {
    fn begin(&mut self, _out: &mut Vec<u8>) -> Result<()> {
        Ok(())
    }

    fn row(&mut self, cells: &[Cell<'_>], out: &mut Vec<u8>) -> Result<()> {
        self.template.row(cells, out)?;
        out.push(b'\n');
        self.tally.rows += 1;
        Ok(())
    }

    fn finish(self: Box<Self>, _info: &Info, _out: &mut (dyn Write + Send)) -> Result<Tally> {
        Ok(self.tally)
    }
}

/// The encoder of json: one array, an object per line; `[]` where there is no row.
pub struct Json {
    template: Template,
    tally: Tally,
}

impl Json {
    pub fn new(form: TextForm, columns: &[Column]) -> Result<Self> {
        Ok(Json { template: Template::new(form, columns)?, tally: Tally::default() })
    }
}

impl Encoder for Json {
    fn begin(&mut self, out: &mut Vec<u8>) -> Result<()> {
        out.push(b'[');
        Ok(())
    }

    /// The line ending comes before the row here: whether a comma follows it is known only with the next one.
    fn row(&mut self, cells: &[Cell<'_>], out: &mut Vec<u8>) -> Result<()> {
        out.extend_from_slice(if self.tally.rows == 0 { b"\n" } else { b",\n" });
        self.template.row(cells, out)?;
        self.tally.rows += 1;
        Ok(())
    }

    fn finish(self: Box<Self>, _info: &Info, out: &mut (dyn Write + Send)) -> Result<Tally> {
        out.write_all(if self.tally.rows == 0 { b"]\n" } else { b"\n]\n" })?;
        Ok(self.tally)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
#[path = "json_tests.rs"]
mod tests;
