//! Tuples to rows of cells.
//!
//! All that a row allocates is in a memory context of its own, emptied before the next row.

use super::query::Sink;
use super::tuple::Reader;
use super::unique::{Comparison, KeyCheck};
use crate::encode::Cell;
use crate::error::Result;
use crate::value::memory;
use pgrx::pg_sys;
use std::ops::ControlFlow;

/// All columns of a result.
pub struct RowReader {
    local: bool,
    readers: Vec<Reader>,
    /// Of the columns of the key, where keys are compared.
    comparisons: Vec<Comparison>,
    /// Columns of the result.
    width: usize,
    /// Holds what the type functions keep between rows; ends with this reader.
    kept: pg_sys::MemoryContext,
    /// Its child holds what one row allocates.
    row: pg_sys::MemoryContext,
    cells: Vec<Cell<'static>>,
}

impl RowReader {
    /// `local`: instants also as wall clock. Lives in the current memory context, which has to outlive it; not in the
    /// executor's, which ends before its receiver does.
    pub fn new(local: bool) -> RowReader {
        let context = |parent, name: &std::ffi::CStr| {
            // SAFETY: a child of a live context, deleted by `drop` or, after an error, with its parent.
            unsafe {
                pg_sys::AllocSetContextCreateInternal(
                    parent,
                    name.as_ptr(),
                    pg_sys::ALLOCSET_DEFAULT_MINSIZE as usize,
                    pg_sys::ALLOCSET_DEFAULT_INITSIZE as usize,
                    pg_sys::ALLOCSET_DEFAULT_MAXSIZE as usize,
                )
            }
        };
        // SAFETY: reads a backend variable.
        let kept = context(unsafe { pg_sys::CurrentMemoryContext }, c"acct_export reader");
        let row = context(kept, c"acct_export row");
        RowReader {
            local,
            readers: Vec::new(),
            comparisons: Vec::new(),
            width: 0,
            kept,
            row,
            cells: Vec::new(),
        }
    }

    /// Says which types and collations the columns have. With `keys` the last ones may be of the key only, and are not read.
    pub fn bind(&mut self, columns: &[(pg_sys::Oid, pg_sys::Oid)], keys: Option<&KeyCheck>) {
        // SAFETY: our own context; an error in between is followed by an abort, which resets the current one.
        let outer = unsafe { pg_sys::MemoryContextSwitchTo(self.kept) };
        let visible = keys.map_or(columns.len(), |keys| keys.visible.min(columns.len()));
        self.readers = columns[..visible].iter().map(|(oid, _)| Reader::of(*oid, self.local)).collect();
        self.width = columns.len();
        let of_key = keys.into_iter().flat_map(KeyCheck::places).filter_map(|place| columns.get(place));
        self.comparisons = of_key.map(|(oid, collation)| Comparison::of(*oid, *collation)).collect();
        // SAFETY: back to where we came from.
        unsafe { pg_sys::MemoryContextSwitchTo(outer) };
    }

    /// Hands one row to `sink`.
    ///
    /// # Safety
    /// `slot` holds a tuple of the types that this reader was made for.
    pub unsafe fn read(
        &mut self,
        slot: *mut pg_sys::TupleTableSlot,
        keys: Option<&mut KeyCheck>,
        sink: &mut Sink<'_>,
    ) -> Result<ControlFlow<()>> {
        // The server looks for the same, behind a call that costs more than the reading of a number.
        if !(*self.row).isReset || !(*self.row).firstchild.is_null() {
            pg_sys::MemoryContextReset(self.row);
        }
        let outer = pg_sys::MemoryContextSwitchTo(self.row);
        if i32::from((*slot).tts_nvalid) < self.width as i32 {
            pg_sys::slot_getsomeattrs_int(slot, self.width as i32);
        }
        self.cells.clear();
        if let Some(keys) = keys {
            if let Err(error) = keys.next(&mut self.comparisons, (*slot).tts_values, (*slot).tts_isnull) {
                pg_sys::MemoryContextSwitchTo(outer);
                return Err(error);
            }
        }
        let (mut outcome, mut bytes) = (Ok(()), 0);
        for (index, reader) in self.readers.iter_mut().enumerate() {
            if *(*slot).tts_isnull.add(index) {
                self.cells.push(Cell::Null);
                continue;
            }
            if let Err(error) = reader.add(*(*slot).tts_values.add(index), &mut self.cells) {
                outcome = Err(error);
                break;
            }
            bytes += self.cells.last().map_or(0, Cell::memory);
            // Before the next value takes memory as well.
            if bytes > memory::LARGEST {
                outcome = Err(memory::too_large());
                break;
            }
        }
        // The sink is pure Rust: it allocates nothing from the server, so the row's context may stay current.
        let outcome = outcome.and_then(|()| sink(&self.cells));
        self.cells.clear();
        pg_sys::MemoryContextSwitchTo(outer);
        outcome
    }
}

impl Drop for RowReader {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            // SAFETY: the parent is alive: whoever runs a query drops its receiver before leaving the query's context.
            unsafe { pg_sys::MemoryContextDelete(self.kept) };
        }
    }
}
