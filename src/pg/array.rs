//! Arrays: a cell for each element.

use super::text_array::{Elements, OtherForm};
use super::tuple::{keep, own, seen, Reader, Stored};
use super::varlena::{bytes_of, whole};
use crate::encode::{Cell, Grid};
use crate::error::Result;
use pgrx::pg_sys;

/// How the elements of a column's arrays are read.
pub(super) struct Element {
    reader: Reader,
    type_oid: pg_sys::Oid,
    length: i16,
    by_value: bool,
    align: core::ffi::c_char,
    /// The elements are as text is, and a list of them is not one of several that are read for a value.
    in_place: bool,
    /// Of the array at hand, where it was read in place.
    texts: Vec<Cell<'static>>,
}

/// An array of more elements is taken apart in memory that is given back after the row.
const MOST_IN_PLACE: usize = 16 * 1024;

impl Element {
    pub(super) fn of(type_oid: pg_sys::Oid, local: bool) -> Element {
        let (mut length, mut by_value, mut align) = (0i16, false, 0 as core::ffi::c_char);
        // SAFETY: a syscache look-up into three locals.
        unsafe { pg_sys::get_typlenbyvalalign(type_oid, &mut length, &mut by_value, &mut align) };
        let mut reader = Reader::of(type_oid, local);
        if let Reader::Stored(Stored::Array(inner)) = &mut reader {
            inner.in_place = false;
        }
        let is_text = matches!(reader, Reader::Stored(Stored::Text));
        let in_place = is_text && length == -1 && align as u8 == pg_sys::TYPALIGN_INT;
        Element { reader, type_oid, length, by_value, align, in_place, texts: Vec::new() }
    }

    /// Puts the elements of an array of texts into `texts`; false: the server has to take it apart.
    ///
    /// # Safety
    /// `array` is valid until `texts` is read for the last time.
    unsafe fn read_texts(&mut self, array: &[u8]) -> Result<bool> {
        self.texts.clear();
        let elements = Elements::of(array).filter(|elements| elements.left() <= MOST_IN_PLACE);
        let Some(elements) = elements else { return Ok(false) };
        for element in elements {
            self.texts.push(match element {
                Ok(Some(text)) => Cell::Text(seen(own(text))?),
                Ok(None) => Cell::Null,
                Err(OtherForm) => return Ok(false),
            });
        }
        Ok(true)
    }

    /// All elements in their storage order.
    ///
    /// # Safety
    /// As for [`Reader::add`].
    pub(super) unsafe fn read<'r>(&mut self, datum: pg_sys::Datum) -> Result<Cell<'r>> {
        let value = whole(datum);
        if self.in_place && self.read_texts(bytes_of(value))? {
            return Ok(Cell::List(std::slice::from_raw_parts(self.texts.as_ptr().cast(), self.texts.len())));
        }
        let array = pg_sys::pg_detoast_datum(value).cast::<pg_sys::ArrayType>();
        let (mut values, mut nulls, mut count) = (std::ptr::null_mut(), std::ptr::null_mut(), 0i32);
        pg_sys::deconstruct_array(
            array,
            self.type_oid,
            i32::from(self.length),
            self.by_value,
            self.align,
            &mut values,
            &mut nulls,
            &mut count,
        );
        let count = count as usize;
        if count == 0 {
            return Ok(Cell::List(&[]));
        }
        let cells =
            pg_sys::MemoryContextAllocHuge(pg_sys::CurrentMemoryContext, count * size_of::<Cell<'r>>())
                .cast::<Cell<'r>>();
        let is_uuid = matches!(self.reader, Reader::Stored(Stored::Uuid(_)));
        for index in 0..count {
            let cell = if *nulls.add(index) { Cell::Null } else { self.reader.read(*values.add(index))? };
            // Those lie in the reader, which goes on to the next element.
            let cell = match cell {
                Cell::Json(text) => Cell::Json(keep(text)),
                Cell::Numeric(text) => Cell::Numeric(keep(text)),
                Cell::Text(text) if is_uuid => Cell::text(keep(text.as_str())),
                other => other,
            };
            cells.add(index).write(cell);
        }
        let items = std::slice::from_raw_parts(cells, count);
        // The sizes stand behind the header (ARR_DIMS, utils/array.h).
        let sizes =
            std::slice::from_raw_parts(array.add(1).cast::<core::ffi::c_int>(), (*array).ndim as usize);
        if sizes.len() == 1 {
            return Ok(Cell::List(items));
        }
        let grid = pg_sys::MemoryContextAlloc(pg_sys::CurrentMemoryContext, size_of::<Grid<'r>>());
        let grid = grid.cast::<Grid<'r>>();
        grid.write(Grid { items, sizes: keep_sizes(sizes) });
        Ok(Cell::Grid(&*grid))
    }
}

/// A copy in the current memory context.
///
/// # Safety
/// That context outlives 'r.
unsafe fn keep_sizes<'r>(sizes: &[core::ffi::c_int]) -> &'r [usize] {
    let copy =
        pg_sys::MemoryContextAlloc(pg_sys::CurrentMemoryContext, size_of_val(sizes) * 2).cast::<usize>();
    for (place, size) in sizes.iter().enumerate() {
        copy.add(place).write(*size as usize);
    }
    std::slice::from_raw_parts(copy, sizes.len())
}
