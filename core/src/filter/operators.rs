//! The operators that suit each family of types, and the JSON values that a family reads.

use super::ast::{Operator, Scalar};
use crate::model::{Class, Type};
use Operator::{Any, Co, Eq, Ew, Ge, Gt, In, Le, Lt, Ne, Pr, Sw};

const TEXTUAL: &[Operator] = &[Eq, Ne, Co, Sw, Ew, Gt, Ge, Lt, Le, Pr, In];
/// For whatever a path into JSON finds.
const FOUND: &[Operator] = &[Eq, Ne, Co, Sw, Ew, Gt, Ge, Lt, Le, Pr, In, Any];
/// For a whole document.
const DOCUMENT: &[Operator] = &[Pr, Any];
const ORDERED: &[Operator] = &[Eq, Ne, Gt, Ge, Lt, Le, Pr, In];
const EQUATED: &[Operator] = &[Eq, Ne, Pr, In];
const ELEMENTS: &[Operator] = &[Eq, Ne, Co, Pr, In];
const PRESENCE: &[Operator] = &[Pr];

/// The operators that a value of this type may be tested with; `null` beside eq and ne always may.
///
/// A whole JSON or hstore value is tested for presence only, and JSON for its elements: compared as text it would answer
/// questions about secret keys inside it. The same goes for arrays of JSON.
pub fn operators(ty: &Type, path: &[String]) -> &'static [Operator] {
    match ty.class {
        Class::Text => TEXTUAL,
        Class::Json | Class::Jsonb if path.is_empty() => DOCUMENT,
        Class::Json | Class::Jsonb => FOUND,
        Class::Hstore if path.is_empty() => PRESENCE,
        // Values of hstore are texts.
        Class::Hstore => TEXTUAL,
        Class::Int
        | Class::Float
        | Class::Numeric
        | Class::Date
        | Class::Timestamp
        | Class::Instant
        | Class::Time
        | Class::Interval
        | Class::Uuid => ORDERED,
        // Labels are ordered by their definition, which who filters does not see.
        Class::Bool | Class::Enum | Class::Other => EQUATED,
        Class::Array => match ty.element.as_deref() {
            Some(element) if is_comparable_element(element) => ELEMENTS,
            _ => PRESENCE,
        },
    }
}

fn is_comparable_element(element: &Type) -> bool {
    !matches!(element.class, Class::Json | Class::Jsonb | Class::Hstore | Class::Array)
}

/// True if the JSON value can stand for a value of this type; whether its text does, the type's input
/// function says.
///
/// A string suits every type, for its input function reads strings: an int8 above 2^53 comes as one from
/// JavaScript.
pub fn reads(ty: &Type, value: &Scalar) -> bool {
    match value {
        Scalar::Text(_) => true,
        Scalar::Null | Scalar::Unfit(_) => false,
        Scalar::Bool(_) => match ty.class {
            Class::Bool | Class::Json | Class::Jsonb => true,
            Class::Array => ty.element.as_deref().is_some_and(|element| reads(element, value)),
            _ => false,
        },
        Scalar::Number(_) => match ty.class {
            Class::Text
            | Class::Int
            | Class::Float
            | Class::Numeric
            | Class::Json
            | Class::Jsonb
            | Class::Hstore
            | Class::Other => true,
            Class::Array => ty.element.as_deref().is_some_and(|element| reads(element, value)),
            _ => false,
        },
    }
}
