//! The fields that rows are sorted by.

use crate::error::{Error, Result};
use crate::filter::longest_prefix;
use crate::model::{Class, Dataset, Field, SortKey, Treatment, Type};
use crate::value::{listed, shown};

/// The fields of an order.
///
/// Errors: 22023 for an unknown field, a key of a document and a type without an order; 42501 for a field that never leaves or not as it
/// is, whose values its place among the rows would tell of.
pub fn fields<'d, 'k>(
    dataset: &'d Dataset,
    keys: &'k [SortKey],
    anonymise: bool,
) -> Result<Vec<(&'d Field, &'k SortKey)>> {
    keys.iter().map(|key| Ok((field(dataset, &key.field, anonymise)?, key))).collect()
}

fn field<'d>(dataset: &'d Dataset, name: &str, anonymise: bool) -> Result<&'d Field> {
    let may = || {
        let fields = dataset.in_position().into_iter();
        let fields = fields.filter(|field| refusal(field, anonymise).is_none() && is_sortable(&field.ty));
        format!("Rows can be sorted by: {}.", listed(fields.map(|field| field.name.as_str())))
    };
    let Some(field) = dataset.field(name) else {
        let is_path = longest_prefix(name, dataset).is_some_and(|(field, _)| field.ty.is_document());
        return Err(Error::invalid(match is_path {
            true => format!("rows cannot be sorted by {}, a key of a document", shown(name)),
            false => format!("unknown field {} in option \"order\"", shown(name)),
        })
        .hint(may()));
    };
    if let Some(reason) = refusal(field, anonymise) {
        return Err(
            Error::denied(format!("rows cannot be sorted by field {}: {reason}", shown(name))).hint(may())
        );
    }
    if !is_sortable(&field.ty) {
        return Err(Error::invalid(format!(
            "rows cannot be sorted by field {} of type {}",
            shown(name),
            field.ty.name
        ))
        .hint(may()));
    }
    Ok(field)
}

/// The reason why the order of a field's values must not be told.
fn refusal(field: &Field, anonymise: bool) -> Option<&str> {
    match field {
        Field { barred: Some(reason), .. } => Some(reason),
        field if super::selection::treatment(field, anonymise) != Treatment::Keep => {
            Some("its values are masked")
        }
        Field { json_text: true, .. } => Some("it is text converted from JSON, which may contain a secret"),
        Field { named_by: Some(_), .. } => Some("the names beside its values may say that they are secrets"),
        _ => None,
    }
}

/// True if the server has an order for values of the type, and it is the server's own: the operators of others could be anybody's code.
fn is_sortable(ty: &Type) -> bool {
    match ty.class {
        Class::Text
        | Class::Enum
        | Class::Int
        | Class::Float
        | Class::Numeric
        | Class::Bool
        | Class::Date
        | Class::Timestamp
        | Class::Instant
        | Class::Time
        | Class::Interval
        | Class::Uuid => true,
        Class::Json | Class::Jsonb | Class::Hstore => false,
        Class::Array => ty.element.as_deref().is_some_and(is_sortable),
        Class::Other => ORDERED.contains(&ty.base),
    }
}

/// Oids of the server's further types with an operator class of B-trees (pg_opclass.dat): oid, name, "char", tid, cidr, inet, macaddr8,
/// macaddr, money, bit, varbit, pg_lsn, tsvector, ranges and multiranges.
const ORDERED: [u32; 25] = [
    26, 19, 18, 27, 650, 869, 774, 829, 790, 1560, 1562, 3220, 3614, 3904, 3906, 3908, 3910, 3912, 3926,
    4451, 4532, 4533, 4534, 4535, 4536,
];

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::filter::fixture;

    fn refused(field: Field, name: &str, anonymise: bool) -> Option<(String, String)> {
        let dataset = Dataset { fields: vec![field], ..fixture::dataset() };
        let key = SortKey { field: name.to_owned(), descending: false, nulls_first: false };
        let outcome = fields(&dataset, &[key], anonymise).map(|found| found.len());
        outcome.err().map(|error| (error.kind.sqlstate().to_owned(), error.message))
    }

    #[test]
    fn open_fields_sort() {
        for ty in ["text", "integer", "numeric", "timestamp with time zone", "uuid", "boolean"] {
            assert_eq!(refused(fixture::field("a", ty), "a", true), None, "{ty}");
        }
    }

    #[test]
    fn what_would_tell_of_a_value_is_refused() {
        let plain = || fixture::field("a", "text");
        for (field, anonymise) in [
            (Field { barred: Some("it holds a credential".into()), ..plain() }, false),
            (Field { mask: Treatment::Last4, ..plain() }, false),
            (Field { on_anonymise: Treatment::Pseudonymise, ..plain() }, true),
            (Field { json_text: true, ..plain() }, false),
        ] {
            let (sqlstate, message) = refused(field, "a", anonymise).unwrap();
            assert_eq!(sqlstate, "42501", "{message}");
        }
        assert_eq!(refused(Field { on_anonymise: Treatment::Redact, ..plain() }, "a", false), None);
    }

    #[test]
    fn what_has_no_order_is_told() {
        for (ty, name) in [("jsonb", "a"), ("jsonb", "a.b"), ("text", "b")] {
            let (sqlstate, message) = refused(fixture::field("a", ty), name, false).unwrap();
            assert_eq!(sqlstate, "22023", "{message}");
            assert!(message.contains(&format!("\"{name}\"")), "{message}");
        }
    }
}
