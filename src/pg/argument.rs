//! A jsonb argument as text. pgrx's own type makes a tree of it before the function is called, of whatever size, and knows
//! but an internal error for one that is too deep.

use pgrx::callconv::{Arg, ArgAbi};
use pgrx::nullable::Nullable;
use pgrx::pgrx_sql_entity_graph::metadata::{
    ArgumentError, ReturnsError, ReturnsRef, SqlMappingRef, SqlTranslatable, TypeOrigin,
};
use pgrx::{pg_sys, FromDatum};
use std::ffi::CStr;

/// Bytes of such a text at most: a document of 1 MB, all of it escaped.
const LARGEST: usize = 8 * 1024 * 1024;

/// The text as the server writes it; None: it is too large.
pub struct Jsonb(pub Option<String>);

impl FromDatum for Jsonb {
    unsafe fn from_polymorphic_datum(
        datum: pg_sys::Datum,
        is_null: bool,
        _type_oid: pg_sys::Oid,
    ) -> Option<Self> {
        if is_null {
            return None;
        }
        // SAFETY: a non-null jsonb by the function's signature; the text is palloc'd and copied.
        unsafe {
            let value = pg_sys::pg_detoast_datum(datum.cast_mut_ptr());
            let container = std::ptr::addr_of_mut!((*value.cast::<pg_sys::Jsonb>()).root);
            let size = pgrx::varsize(value);
            if size > LARGEST {
                return Some(Jsonb(None));
            }
            let text = pg_sys::JsonbToCString(std::ptr::null_mut(), container, size as i32);
            let text = CStr::from_ptr(text);
            if text.count_bytes() > LARGEST {
                return Some(Jsonb(None));
            }
            Some(Jsonb(Some(text.to_string_lossy().into_owned())))
        }
    }
}

// SAFETY: it stands for `jsonb` in the SQL of the functions that take it, and is read as one.
unsafe impl SqlTranslatable for Jsonb {
    const TYPE_IDENT: &'static str = pgrx::pgrx_resolved_type!(Jsonb);
    const TYPE_ORIGIN: TypeOrigin = TypeOrigin::External;
    const ARGUMENT_SQL: Result<SqlMappingRef, ArgumentError> = Ok(SqlMappingRef::literal("jsonb"));
    const RETURN_SQL: Result<ReturnsRef, ReturnsError> = Ok(ReturnsRef::One(SqlMappingRef::literal("jsonb")));
}

// SAFETY: the argument is read by `FromDatum` above, as pgrx does for its own types.
unsafe impl<'fcx> ArgAbi<'fcx> for Jsonb {
    unsafe fn unbox_arg_unchecked(arg: Arg<'_, 'fcx>) -> Self {
        // SAFETY: the caller's promise. The functions take options, so that a NULL never comes here.
        unsafe { arg.unbox_arg_using_from_datum().unwrap_or(Jsonb(None)) }
    }

    unsafe fn unbox_nullable_arg(arg: Arg<'_, 'fcx>) -> Nullable<Self> {
        // SAFETY: the caller's promise.
        unsafe { arg.unbox_arg_using_from_datum().into() }
    }
}
