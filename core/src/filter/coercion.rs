//! Under which type two values are compared: the field's own, or text.
//!
//! The own type wherever its `=` is in pg_catalog and means the same value, so that indexes serve and the input
//! function judges the operand; text for the rest. The numbers are those of pg_type.dat and never change.

use crate::model::{Class, Type};

/// `text`.
pub const TEXT: u32 = 25;

/// `numeric`.
pub const NUMERIC: u32 = 1700;

/// `jsonpath`.
pub const JSONPATH: u32 = 4072;

/// The column's side of an equality or order, and the type of the parameter on the other.
pub struct Side {
    pub sql: String,
    pub oid: u32,
    pub name: String,
}

impl Side {
    /// The SQL `value` of type `ty`, cast where it is compared by its text.
    pub fn of(value: &str, ty: &Type) -> Side {
        if Side::is_text(ty) {
            Side { sql: as_text(value, ty), oid: TEXT, name: "text".into() }
        } else {
            // The type under a domain: the domain's checks could be somebody's functions.
            Side { sql: value.to_owned(), oid: ty.base, name: ty.name.clone() }
        }
    }

    /// Types that are compared by their text: those whose input function would cut the operand silently, and
    /// those whose `=` is not in pg_catalog or is no equality (box and circle compare areas).
    pub fn is_text(ty: &Type) -> bool {
        match ty.class {
            Class::Text => matches!(ty.oid, CHAR | NAME),
            Class::Other => !EQUAL_IN_PG_CATALOG.contains(&ty.oid),
            _ => false,
        }
    }
}

/// A value as text. Of types that are not the server's by their output function: a cast to text could be a function of
/// somebody's, which must not run with the rights of who exports.
pub fn as_text(value: &str, ty: &Type) -> String {
    match &ty.printed {
        Some(printed) => format!("pg_catalog.textin({}({value}::{}))", printed.function, printed.of),
        None => format!("{value}::text"),
    }
}

/// `"char"` keeps one byte of its input.
const CHAR: u32 = 18;

/// `name` keeps 63 bytes.
const NAME: u32 = 19;

/// Built-in types outside the families whose own `=` means the same value (pg_operator.dat): bytea, xid,
/// cidr, inet, macaddr8, macaddr, money, timetz, bit, varbit, xid8, pg_lsn, ranges and
/// multiranges.
const EQUAL_IN_PG_CATALOG: &[u32] = &[
    17, 28, 650, 869, 774, 829, 790, 1266, 1560, 1562, 5069, 3220, 3904, 3906, 3908, 3910, 3912, 3926, 4451,
    4532, 4533, 4534, 4535, 4536,
];

/// The type of the citext extension, in whatever schema; a domain over it is not recognised and compared
/// exactly.
pub fn is_citext(ty: &Type) -> bool {
    ty.class == Class::Text && (ty.name == "citext" || ty.name.ends_with(".citext"))
}
