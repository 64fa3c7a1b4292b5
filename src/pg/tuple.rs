//! Datums to cells: a value of the server becomes plain data that lives for one row.
//!
//! Text types are read where they lie; numbers, dates, booleans and UUIDs are taken from the datum; all else goes through
//! the type's output function, looked up once, for an enum once per label.

use super::array::Element;
use super::by_value::ByValue;
use super::varlena::varlena;
use super::{hstore, jsonb, numeric, types, zone};
use crate::encode::{Cell, Kind};
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::value::{memory, uuid, Look, Text};
use pgrx::pg_sys;
use std::collections::hash_map::{Entry, HashMap};
use std::ffi::CStr;

/// The conversion of a column's datum to a cell.
pub(super) enum Reader {
    ByValue(ByValue),
    Stored(Stored),
}

/// The same of values that lie in the tuple or elsewhere, where the datum points to.
pub(super) enum Stored {
    /// text, varchar, char(n), json, and types that are printed as text is (citext): the bytes after the varlena header.
    Text,
    JsonText,
    /// With the text of the value at hand.
    Jsonb(Vec<u8>),
    Numeric(Vec<u8>, pg_sys::FmgrInfo),
    /// With the text of the value at hand.
    Uuid(Box<[u8; uuid::LENGTH]>),
    /// With the labels so far, by their numbers.
    Enum(pg_sys::FmgrInfo, HashMap<u32, Box<str>>),
    Output(pg_sys::FmgrInfo),
    /// Ranges and multiranges of moments.
    Moments(pg_sys::FmgrInfo),
    /// Of the extension hstore: as JSON.
    Hstore(pg_sys::FmgrInfo),
    Array(Box<Element>),
}

/// The kind of cell that the values of a type become.
pub fn kind_of(type_oid: u32) -> Kind {
    let base = base_type(pg_sys::Oid::from(type_oid));
    match base {
        pg_sys::BOOLOID => Kind::Bool,
        pg_sys::INT2OID | pg_sys::INT4OID | pg_sys::INT8OID | pg_sys::OIDOID => Kind::Int,
        pg_sys::FLOAT4OID | pg_sys::FLOAT8OID => Kind::Float,
        pg_sys::NUMERICOID => Kind::Numeric,
        pg_sys::DATEOID => Kind::Date,
        pg_sys::TIMESTAMPOID => Kind::Timestamp,
        pg_sys::TIMESTAMPTZOID => Kind::Instant,
        pg_sys::JSONOID | pg_sys::JSONBOID => Kind::Json,
        _ if types::is_hstore(base) => Kind::Json,
        _ if element_type(base).is_some() => Kind::List,
        _ => Kind::Text,
    }
}

fn base_type(oid: pg_sys::Oid) -> pg_sys::Oid {
    // SAFETY: a syscache look-up.
    unsafe { pg_sys::getBaseType(oid) }
}

/// Element type of a true array type (not of the fixed-length ones such as `name` and `point`).
fn element_type(oid: pg_sys::Oid) -> Option<pg_sys::Oid> {
    // SAFETY: a syscache look-up; InvalidOid where it is no true array.
    let element = unsafe { pg_sys::get_base_element_type(oid) };
    // SAFETY: as above.
    let true_array = unsafe { pg_sys::get_typlen(oid) } == -1;
    (element != pg_sys::InvalidOid && true_array).then_some(element)
}

impl Reader {
    /// `local`: instants also as wall clock.
    pub(super) fn of(type_oid: pg_sys::Oid, local: bool) -> Reader {
        let base = base_type(type_oid);
        match ByValue::of(base, local) {
            Some(kind) => Reader::ByValue(kind),
            None => Reader::Stored(Stored::of(base, local)),
        }
    }

    /// Adds the cell to a row.
    ///
    /// # Safety
    /// `datum` is a non-null value of the type this reader was made for; the current memory context outlives 'r.
    #[inline(always)]
    pub(super) unsafe fn add<'r>(&mut self, datum: pg_sys::Datum, row: &mut Vec<Cell<'r>>) -> Result<()> {
        match self {
            Reader::ByValue(kind) => kind.read(datum, |cell| row.push(cell)),
            Reader::Stored(Stored::Text) => row.push(Cell::Text(seen(varlena(datum))?)),
            Reader::Stored(reader) => row.push(reader.read(datum)?),
        }
        Ok(())
    }

    /// The cell by itself.
    ///
    /// # Safety
    /// As for [`Reader::add`].
    pub(super) unsafe fn read<'r>(&mut self, datum: pg_sys::Datum) -> Result<Cell<'r>> {
        match self {
            Reader::ByValue(kind) => Ok(kind.read(datum, |cell| cell)),
            Reader::Stored(reader) => reader.read(datum),
        }
    }
}

impl Stored {
    fn of(base: pg_sys::Oid, local: bool) -> Stored {
        match base {
            pg_sys::TEXTOID | pg_sys::VARCHAROID | pg_sys::BPCHAROID => Stored::Text,
            pg_sys::UUIDOID => Stored::Uuid(Box::new([0; uuid::LENGTH])),
            pg_sys::JSONOID => Stored::JsonText,
            pg_sys::JSONBOID => Stored::Jsonb(Vec::new()),
            pg_sys::NUMERICOID => Stored::Numeric(Vec::new(), output_function(base)),
            _ if types::is_hstore(base) => Stored::Hstore(output_function(base)),
            _ => match element_type(base) {
                Some(element) => Stored::Array(Box::new(Element::of(element, local))),
                None if is_range_of_moments(base) => Stored::Moments(output_function(base)),
                None => Stored::printed(base, output_function(base)),
            },
        }
    }

    /// Of a type that has no reader of its own. `output`: its output function.
    fn printed(base: pg_sys::Oid, output: pg_sys::FmgrInfo) -> Stored {
        // SAFETY: look-ups in the catalog's cache.
        let (is_enum, length) = unsafe { (pg_sys::type_is_enum(base), pg_sys::get_typlen(base)) };
        if is_enum {
            return Stored::Enum(output, HashMap::new());
        }
        // The same function, or one of the same code, which is as good.
        let is_text = match (output.fn_addr, output_function(pg_sys::TEXTOID).fn_addr) {
            (Some(of_type), Some(of_text)) => std::ptr::fn_addr_eq(of_type, of_text),
            _ => false,
        };
        if length == -1 && is_text {
            return Stored::Text;
        }
        Stored::Output(output)
    }

    /// # Safety
    /// As for [`Reader::add`].
    unsafe fn read<'r>(&mut self, datum: pg_sys::Datum) -> Result<Cell<'r>> {
        Ok(match self {
            Stored::Text => Cell::Text(seen(varlena(datum))?),
            Stored::JsonText => Cell::Json(utf8(varlena(datum))?),
            Stored::Jsonb(text) => {
                memory::reuse(text);
                if jsonb::append(varlena(datum), text).is_some() {
                    return Ok(Cell::Json(utf8(own(text))?));
                }
                let value = pg_sys::pg_detoast_datum(datum.cast_mut_ptr());
                let container = std::ptr::addr_of_mut!((*value.cast::<pg_sys::Jsonb>()).root);
                let size = pgrx::varsize(value) as i32;
                Cell::Json(c_text(pg_sys::JsonbToCString(std::ptr::null_mut(), container, size))?)
            }
            Stored::Numeric(text, output) => {
                memory::reuse(text);
                if numeric::append(varlena(datum), text).is_some() {
                    return Ok(Cell::Numeric(utf8(own(text))?));
                }
                Cell::Numeric(c_text(pg_sys::OutputFunctionCall(output, datum))?)
            }
            Stored::Uuid(text) => {
                // A UUID is 16 bytes without a header (pg_uuid_t, utils/uuid.h).
                uuid::write(&*datum.cast_mut_ptr::<[u8; 16]>(), text);
                Cell::Text(seen(own(text.as_slice()))?)
            }
            Stored::Enum(output, labels) => {
                let label = match labels.entry(datum.value() as u32) {
                    Entry::Occupied(known) => known.into_mut(),
                    Entry::Vacant(new) => {
                        new.insert(c_text(pg_sys::OutputFunctionCall(output, datum))?.into())
                    }
                };
                Cell::Text(seen(own(label.as_bytes()))?)
            }
            Stored::Output(output) => {
                let _utc = zone::Printing::in_utc();
                Cell::Text(seen(c_bytes(pg_sys::OutputFunctionCall(output, datum)))?)
            }
            // Each bound as ISO 8601; the server writes the zone as an offset.
            Stored::Moments(output) => {
                let _iso = zone::Printing::as_iso_8601();
                let text = c_text(pg_sys::OutputFunctionCall(output, datum))?;
                Cell::text(if text.contains(UTC) { keep(&text.replace(UTC, "Z")) } else { text })
            }
            Stored::Hstore(output) => {
                let text = c_text(pg_sys::OutputFunctionCall(output, datum))?;
                Cell::Json(hstore::to_json(text)?.map_or(NO_HSTORE, |json| keep(&json)))
            }
            Stored::Array(element) => element.read(datum)?,
        })
    }
}

/// The zone of a moment in UTC as the server prints it.
const UTC: &str = "+00:00";

/// True for ranges and multiranges of timestamps with and without zone.
fn is_range_of_moments(oid: pg_sys::Oid) -> bool {
    // SAFETY: look-ups in the catalog's cache; InvalidOid for what is no such type.
    let subtype = unsafe {
        let range = pg_sys::get_multirange_range(oid);
        pg_sys::get_range_subtype(if range == pg_sys::InvalidOid { oid } else { range })
    };
    subtype != pg_sys::InvalidOid
        && matches!(base_type(subtype), pg_sys::TIMESTAMPOID | pg_sys::TIMESTAMPTZOID)
}

/// In the place of an hstore that cannot be read.
const NO_HSTORE: &str = "\"[redacted]\"";

fn output_function(type_oid: pg_sys::Oid) -> pg_sys::FmgrInfo {
    // SAFETY: the look-up fills both; the function info lives in the current (query-long) memory context.
    unsafe {
        let (mut function, mut is_varlena) = (pg_sys::InvalidOid, false);
        pg_sys::getTypeOutputInfo(type_oid, &mut function, &mut is_varlena);
        let mut info = pg_sys::FmgrInfo::default();
        pg_sys::fmgr_info(function, &mut info);
        info
    }
}

/// Bytes of a buffer that a reader wrote, or of an array at hand.
///
/// # Safety
/// 'r ends before the reader's next value.
pub(super) unsafe fn own<'r>(bytes: &[u8]) -> &'r [u8] {
    std::slice::from_raw_parts(bytes.as_ptr(), bytes.len())
}

/// # Safety
/// `text` is a NUL-terminated string in the current memory context.
unsafe fn c_text<'r>(text: *mut core::ffi::c_char) -> Result<&'r str> {
    utf8(c_bytes(text))
}

/// # Safety
/// As for [`c_text`].
unsafe fn c_bytes<'r>(text: *mut core::ffi::c_char) -> &'r [u8] {
    CStr::from_ptr(text).to_bytes()
}

/// A copy in the current memory context, byte for byte, and so UTF-8 as well.
///
/// # Safety
/// That context outlives 'r.
pub(super) unsafe fn keep<'r>(text: &str) -> &'r str {
    let copy = pg_sys::MemoryContextAllocHuge(pg_sys::CurrentMemoryContext, text.len().max(1)).cast::<u8>();
    std::ptr::copy_nonoverlapping(text.as_ptr(), copy, text.len());
    std::str::from_utf8_unchecked(std::slice::from_raw_parts(copy, text.len()))
}

/// A text with what the look that finds out if it is ASCII has told besides.
#[inline(always)]
pub(super) fn seen(bytes: &[u8]) -> Result<Text<'_>> {
    let look = Look::at(bytes);
    if look.ascii {
        // SAFETY: ASCII is UTF-8. Most values are short and ASCII, and known to be in a quarter of the time.
        return Ok(Text::seen(unsafe { std::str::from_utf8_unchecked(bytes) }, look));
    }
    checked(bytes).map(|text| Text::seen(text, look))
}

#[inline]
fn utf8(bytes: &[u8]) -> Result<&str> {
    if bytes.is_ascii() {
        // SAFETY: as above.
        return Ok(unsafe { std::str::from_utf8_unchecked(bytes) });
    }
    checked(bytes)
}

fn checked(bytes: &[u8]) -> Result<&str> {
    std::str::from_utf8(bytes)
        .map_err(|_| Error::new(ErrorKind::InvalidText, "a value of the source is not valid UTF-8"))
}
