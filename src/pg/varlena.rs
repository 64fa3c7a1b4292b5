//! Values of variable length: a header, then the bytes (postgres.h: varattrib_4b, varattrib_1b).

use pgrx::pg_sys;

/// Bytes of the header of a value that is neither short, compressed nor elsewhere. It is read as a number and stands at a multiple of them.
pub(super) const HEADER: usize = 4;

/// The header of a value of so many bytes, the header counted (SET_VARSIZE_4B).
pub(super) fn header_of(bytes: usize) -> u32 {
    if cfg!(target_endian = "little") {
        (bytes as u32) << 2
    } else {
        bytes as u32
    }
}

/// The bytes of a value by its header, which is counted; None: it is short, compressed or elsewhere.
pub(super) fn size_of_header(header: u32) -> Option<usize> {
    if cfg!(target_endian = "little") {
        (header & 3 == 0).then_some(header as usize >> 2)
    } else {
        (header >> 30 == 0).then_some(header as usize)
    }
}

/// The bytes after the header.
///
/// # Safety
/// `datum` is a varlena; the result lives as long as the tuple or the current memory context.
#[inline]
pub(super) unsafe fn varlena<'r>(datum: pg_sys::Datum) -> &'r [u8] {
    bytes_of(whole(datum))
}

/// The value where it lies, or a copy if it is compressed or elsewhere.
///
/// # Safety
/// As for [`varlena`].
#[inline]
pub(super) unsafe fn whole(datum: pg_sys::Datum) -> *mut pg_sys::varlena {
    let value = datum.cast_mut_ptr::<pg_sys::varlena>();
    // Most values lie in the tuple as they are; a call into the server costs more than all else that is done with them.
    if pgrx::varatt_is_1b_e(value) || pgrx::varatt_is_4b_c(value) {
        return pg_sys::pg_detoast_datum_packed(value);
    }
    value
}

/// # Safety
/// `value` is neither compressed nor elsewhere.
#[inline]
pub(super) unsafe fn bytes_of<'r>(value: *mut pg_sys::varlena) -> &'r [u8] {
    std::slice::from_raw_parts(pgrx::vardata_any(value).cast::<u8>(), pgrx::varsize_any_exhdr(value))
}
