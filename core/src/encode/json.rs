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
    removed: Removed,
    tally: Tally,
}

impl Ndjson {
    pub fn new(form: TextForm, columns: &[Column], of_removed: &[usize]) -> Result<Self> {
        let (template, removed) = (Template::new(form, columns)?, Removed::new(form, columns, of_removed)?);
        Ok(Ndjson { template, removed, tally: Tally::default() })
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

    fn removed_row(&mut self, cells: &[Cell<'_>], out: &mut Vec<u8>) -> Result<()> {
        self.removed.row(cells, out)?;
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
    removed: Removed,
    tally: Tally,
}

impl Json {
    pub fn new(form: TextForm, columns: &[Column], of_removed: &[usize]) -> Result<Self> {
        let (template, removed) = (Template::new(form, columns)?, Removed::new(form, columns, of_removed)?);
        Ok(Json { template, removed, tally: Tally::default() })
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

    fn removed_row(&mut self, cells: &[Cell<'_>], out: &mut Vec<u8>) -> Result<()> {
        out.extend_from_slice(if self.tally.rows == 0 { b"\n" } else { b",\n" });
        self.removed.row(cells, out)?;
        self.tally.rows += 1;
        Ok(())
    }

    fn finish(self: Box<Self>, _info: &Info, out: &mut (dyn Write + Send)) -> Result<Tally> {
        out.write_all(if self.tally.rows == 0 { b"]\n" } else { b"\n]\n" })?;
        Ok(self.tally)
    }
}

/// Rows that are no more: some of the columns.
struct Removed {
    places: Vec<usize>,
    template: Template,
}

impl Removed {
    fn new(form: TextForm, columns: &[Column], places: &[usize]) -> Result<Self> {
        let columns: Vec<Column> = places.iter().filter_map(|place| columns.get(*place).cloned()).collect();
        Ok(Removed { places: places.to_vec(), template: Template::new(form, &columns)? })
    }

    fn row(&self, cells: &[Cell<'_>], out: &mut Vec<u8>) -> Result<()> {
        let cells: Vec<Cell<'_>> =
            self.places.iter().filter_map(|place| cells.get(*place).copied()).collect();
        self.template.row(&cells, out)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
#[path = "json_tests.rs"]
mod tests;
