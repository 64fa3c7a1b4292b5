//! Lines of a stream on their way to the caller: a batch lies in one buffer, each line as a value of the server, which the caller reads
//! there.

use super::varlena::{header_of, HEADER};
use crate::error;
use crate::value::memory;
use pgrx::callconv::{BoxRet, FcInfo};
use pgrx::datum::Datum;
use pgrx::{impl_sql_translatable, pg_sys};
use std::ops::Range;

/// One line, as SQL's text. Its bytes are UTF-8: they were put together from texts that were, and from ASCII.
///
/// It stays where it is until the next line is asked for: by then the executor has copied it, or is done with it, as with a value in a page
/// that a scan has pinned.
pub struct Line(pg_sys::Datum);

impl_sql_translatable!(Line, "text");

// SAFETY: the value is of the SQL type that is declared above.
unsafe impl BoxRet for Line {
    unsafe fn box_into<'fcx>(self, fcinfo: &mut FcInfo<'fcx>) -> Datum<'fcx> {
        // SAFETY: a text of the batch that the function keeps until it is called again, or of the caller's memory for one row.
        unsafe { fcinfo.return_raw_datum(self.0) }
    }
}

/// Lines that wait for the caller.
#[derive(Default)]
pub struct Batch {
    block: Vec<u8>,
    lines: std::vec::IntoIter<Range<usize>>,
    /// Lines of the last time.
    count: usize,
}

/// Lines in the making.
pub struct Lines {
    block: Vec<u8>,
    lines: Vec<Range<usize>>,
}

impl Lines {
    /// Adds a line, which `write` appends with its line break.
    pub fn add(&mut self, write: impl FnOnce(&mut Vec<u8>) -> error::Result<()>) -> error::Result<()> {
        let start = (self.block.len() + HEADER).next_multiple_of(HEADER);
        self.block.resize(start, 0);
        write(&mut self.block)?;
        let line = self.block.get(start..).unwrap_or_default();
        let line = line.strip_suffix(b"\n").map_or(line, |line| line.strip_suffix(b"\r").unwrap_or(line));
        let end = start + line.len();
        // An encoder makes no line that no text could hold.
        if let Some(header) = self.block.get_mut(start - HEADER..start) {
            header.copy_from_slice(&header_of(end - start + HEADER).to_ne_bytes());
        }
        self.lines.push(start..end);
        Ok(())
    }

    /// Bytes so far.
    pub fn bytes(&self) -> usize {
        self.block.len()
    }
}

impl Batch {
    /// For further lines, in the buffer of the last ones.
    pub fn begin(&mut self) -> Lines {
        let mut block = std::mem::take(&mut self.block);
        memory::reuse(&mut block);
        Lines { block, lines: Vec::with_capacity(self.count) }
    }

    pub fn fill(&mut self, Lines { block, lines }: Lines) {
        self.block = block;
        self.count = lines.len();
        self.lines = lines.into_iter();
    }

    pub fn is_empty(&self) -> bool {
        self.lines.len() == 0
    }

    /// The next line.
    #[inline]
    pub fn take(&mut self) -> Option<Line> {
        let part = self.lines.next()?;
        let value = self.block.get(part.start - HEADER..part.end)?.as_ptr();
        if value.align_offset(HEADER) == 0 {
            return Some(Line(pg_sys::Datum::from(value)));
        }
        let line = self.block.get(part)?;
        // SAFETY: copies these bytes, at most `memory::LARGEST`, into the current memory context: the caller's for one row.
        let text = unsafe { pg_sys::cstring_to_text_with_len(line.as_ptr().cast(), line.len() as i32) };
        Some(Line(pg_sys::Datum::from(text)))
    }
}
