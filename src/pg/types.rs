//! Types of columns, in the families that filters and encoders know.

use crate::model::{Class, Printed, Type};
use pgrx::pg_sys;
use std::ffi::CStr;

/// Describes a type by its oid.
pub fn describe(oid: u32) -> Type {
    if oid == 0 {
        // A column that is gone.
        return Type::plain(oid, "unknown", Class::Other);
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
        let element: Option<Box<Type>> = is_array.then(|| Box::new(describe(element.to_u32())));
        let of_element = element.as_ref().and_then(|element| element.opaque.clone());
        let opaque = opaque(base).or(of_element);
        Type { oid, base: base.to_u32(), printed: printed(base), name, class, element, opaque }
    }
}

/// The output function of a type that is not the server's.
fn printed(base: pg_sys::Oid) -> Option<Printed> {
    if base.to_u32() < pg_sys::FirstNormalObjectId {
        return None;
    }
    // SAFETY: syscache look-ups; the names are palloc'd, and NULL for a function that is gone.
    unsafe {
        let (mut function, mut varlena) = (pg_sys::InvalidOid, false);
        pg_sys::getTypeOutputInfo(base, &mut function, &mut varlena);
        let (schema, name) = (
            pg_sys::get_namespace_name(pg_sys::get_func_namespace(function)),
            pg_sys::get_func_name(function),
        );
        if schema.is_null() || name.is_null() {
            return None;
        }
        let text = |name| CStr::from_ptr(name).to_string_lossy().into_owned();
        let qualified = pg_sys::format_type_extended(base, -1, pg_sys::FORMAT_TYPE_FORCE_QUALIFY as u16);
        Some(Printed {
            function: pgrx::spi::quote_qualified_identifier(text(schema), text(name)),
            of: text(qualified),
        })
    }
}

/// True if a value can be one of an enum: false for a label that the enum does not have. Types that are no enums have no labels.
pub fn may_have_label(base: u32, label: &str) -> bool {
    let Ok(text) = std::ffi::CString::new(label) else { return false };
    let base = pg_sys::Oid::from(base);
    // SAFETY: syscache look-ups; the key is a NUL-terminated string, as for a column of type name; the tuple is released.
    unsafe {
        if pg_sys::get_typtype(base) as u8 != pg_sys::TYPTYPE_ENUM {
            return true;
        }
        // A name has at most 63 bytes.
        if text.as_bytes().len() >= pg_sys::NAMEDATALEN as usize {
            return false;
        }
        let tuple = pg_sys::SearchSysCache2(
            pg_sys::SysCacheIdentifier::ENUMTYPOIDNAME as i32,
            pg_sys::Datum::from(base),
            pg_sys::Datum::from(text.as_ptr()),
        );
        if tuple.is_null() {
            return false;
        }
        pg_sys::ReleaseSysCache(tuple);
        true
    }
}

/// True if a type is `hstore` of the extension of that name.
pub(super) fn is_hstore(base: pg_sys::Oid) -> bool {
    // SAFETY: a syscache look-up that gives a palloc'd name, then look-ups in pg_depend and pg_extension.
    unsafe {
        let name = CStr::from_ptr(pg_sys::format_type_extended(base, -1, 0)).to_bytes();
        if name != b"hstore" && !name.ends_with(b".hstore") {
            return false;
        }
        let extension =
            pg_sys::get_extension_name(pg_sys::getExtensionOfObject(pg_sys::TypeRelationId, base));
        !extension.is_null() && CStr::from_ptr(extension).to_bytes() == b"hstore"
    }
}

/// The reason why values of a type (domains undone) cannot be inspected; arrays are judged by their elements.
fn opaque(base: pg_sys::Oid) -> Option<String> {
    // SAFETY: a syscache look-up.
    let kind = unsafe { pg_sys::get_typtype(base) } as u8;
    let why = match base {
        pg_sys::BYTEAOID => "type bytea may hold a secret",
        pg_sys::XMLOID => "an xml value cannot be searched for secrets",
        _ if kind == pg_sys::TYPTYPE_COMPOSITE || base == pg_sys::RECORDOID => {
            "a composite value may hold a secret"
        }
        _ => return None,
    };
    Some(why.to_owned())
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
        _ if is_hstore(base) => Class::Hstore,
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

/// True if the text of a setting can become a value of this type and be compared with it: names, numbers, ids.
pub fn can_be_tenant(ty: &Type) -> bool {
    match ty.class {
        Class::Text | Class::Int | Class::Numeric | Class::Uuid | Class::Enum => true,
        // inet, cidr
        Class::Other => matches!(ty.base, 869 | 650) || is_enum(ty.base),
        _ => false,
    }
}

/// True if a type is an enum.
fn is_enum(base: u32) -> bool {
    // SAFETY: a syscache look-up.
    unsafe { pg_sys::get_typtype(pg_sys::Oid::from(base)) as u8 == pg_sys::TYPTYPE_ENUM }
}

/// True if the server would refuse to go deeper (`max_stack_depth`).
pub fn is_stack_deep() -> bool {
    // SAFETY: compares the stack pointer with two backend variables.
    unsafe { pg_sys::stack_is_too_deep() }
}
