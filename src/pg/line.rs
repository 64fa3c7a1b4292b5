//! Lines of a stream on their way to the caller: a batch lies in one buffer, and each line is copied once, into the value
//! that the server gets.

use crate::value::memory;
use pgrx::callconv::{BoxRet, FcInfo};
use pgrx::datum::Datum;
use pgrx::{impl_sql_translatable, pg_sys};
use std::collections::VecDeque;
use std::ops::Range;
use std::rc::Rc;

/// One line, as SQL's text. Its bytes are UTF-8: they were put together from texts that were, and from ASCII.
pub struct Line {
    block: Rc<Vec<u8>>,
    part: Range<usize>,
}

impl_sql_translatable!(Line, "text");

// SAFETY: the value is of the SQL type that is declared above.
unsafe impl BoxRet for Line {
    unsafe fn box_into<'fcx>(self, fcinfo: &mut FcInfo<'fcx>) -> Datum<'fcx> {
        let bytes = self.block.get(self.part).unwrap_or_default();
        // SAFETY: copies these bytes, at most `memory::LARGEST`, into the current memory context: the caller's for one row.
        unsafe {
            let text = pg_sys::cstring_to_text_with_len(bytes.as_ptr().cast(), bytes.len() as i32);
            fcinfo.return_raw_datum(pg_sys::Datum::from(text))
        }
    }
}

/// Lines that wait for the caller.
#[derive(Default)]
pub struct Batch {
    block: Rc<Vec<u8>>,
    parts: VecDeque<Range<usize>>,
}

impl Batch {
    /// The buffer for further lines, empty. It is that of lines that are all gone, where they are.
    pub fn buffer(&mut self) -> Vec<u8> {
        let mut block = Rc::try_unwrap(std::mem::take(&mut self.block)).unwrap_or_default();
        memory::reuse(&mut block);
        block
    }

    /// Takes the buffer back, in which a line ends at each of `ends`. An encoder makes none that no text could hold.
    pub fn fill(&mut self, block: Vec<u8>, ends: &[usize]) {
        self.parts.clear();
        let mut start = 0;
        for &end in ends {
            let line = block.get(start..end).unwrap_or_default();
            let line = line.strip_suffix(b"\n").map_or(line, |line| line.strip_suffix(b"\r").unwrap_or(line));
            self.parts.push_back(start..start + line.len());
            start = end;
        }
        self.block = Rc::new(block);
    }

    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// The next line.
    pub fn take(&mut self) -> Option<Line> {
        self.parts.pop_front().map(|part| Line { block: Rc::clone(&self.block), part })
    }
}
