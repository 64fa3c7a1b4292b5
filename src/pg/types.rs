//! Types of columns, in the families that filters and encoders know.

use crate::catalog::model::{Class, Type};
use pgrx::pg_sys;
use std::ffi::CStr;

/// Describes a type by its oid.
pub fn describe(oid: u32) -> Type {
    if oid == 0 {
        // A column that is gone.
        return Type { oid, name: "unknown".to_owned(), class: Class::Other, element: None, opaque: None };
    }
    let type_oid = pg_sys::Oid::from(oid);
    // SAFETY: syscache look-ups; format_type gives a palloc'd name, also for an oid that is no type.
    unsafe {
        let base = pg_sys::getBaseType(type_oid);
        let name =
            CStr::from_ptr(pg_sys::format_type_extended(type_oid, -1, 0)).to_string_lossy().into_owned();
        let element = pg_sys::get_base_element_type(base);
        let is_array = element != pg_sys::InvalidOid && pg_sys::get_typlen(base) == -1;
        let class = match class(base) {
            _ if is_array => Class::Array,
            // pg_catalog has no comparison for a domain over an enum (the anyenum operators do not take it).
            Class::Enum if base != type_oid => Class::Other,
            class => class,
        };
        let element = is_array.then(|| Box::new(describe(element.to_u32())));
        Type { oid, name, class, element, opaque: opaque(base, element_oid(is_array, base)) }
    }
}

fn element_oid(is_array: bool, base: pg_sys::Oid) -> pg_sys::Oid {
    // SAFETY: syscache look-ups.
    unsafe {
        if is_array {
            pg_sys::getBaseType(pg_sys::get_base_element_type(base))
        } else {
            base
        }
    }
}

/// Why values of a type cannot be looked into, of the type itself (domains undone) or its elements.
fn opaque(base: pg_sys::Oid, element: pg_sys::Oid) -> Option<String> {
    let one = |oid| {
        if oid == pg_sys::BYTEAOID {
            return Some("type bytea may hold a secret".to_owned());
        }
        // SAFETY: a syscache look-up.
        let kind = unsafe { pg_sys::get_typtype(oid) } as u8;
        (kind == pg_sys::TYPTYPE_COMPOSITE || oid == pg_sys::RECORDOID)
            .then(|| "a composite value may hold a secret".to_owned())
    };
    one(base).or_else(|| one(element))
}

fn class(base: pg_sys::Oid) -> Class {
    match base {
        pg_sys::INT2OID | pg_sys::INT4OID | pg_sys::INT8OID | pg_sys::OIDOID => Class::Int,
        pg_sys::FLOAT4OID | pg_sys::FLOAT8OID => Class::Float,
        pg_sys::NUMERICOID => Class::Numeric,
        pg_sys::BOOLOID => Class::Bool,
        pg_sys::DATEOID => Class::Date,
        pg_sys::TIMESTAMPOID => Class::Timestamp,
        pg_sys::TIMESTAMPTZOID => Class::Instant,
        pg_sys::TIMEOID | pg_sys::TIMETZOID => Class::Time,
        pg_sys::INTERVALOID => Class::Interval,
        pg_sys::UUIDOID => Class::Uuid,
        pg_sys::JSONOID => Class::Json,
        pg_sys::JSONBOID => Class::Jsonb,
        // SAFETY: syscache look-ups.
        _ if unsafe { pg_sys::get_typtype(base) } as u8 == pg_sys::TYPTYPE_ENUM => Class::Enum,
        _ => {
            let (mut category, mut preferred) = (0 as core::ffi::c_char, false);
            // SAFETY: a syscache look-up into two locals.
            unsafe { pg_sys::get_type_category_preferred(base, &mut category, &mut preferred) };
            if category as u8 == pg_sys::TYPCATEGORY_STRING {
                Class::Text
            } else {
                Class::Other
            }
        }
    }
}
