//! Values of the status column that leave a row out of exports: each has to be one that the column can have.
//!
//! A misspelt value would export the rows that it is meant to leave out. Labels of an enum and of a list in a CHECK constraint are
//! known, and so is what the type reads; of other columns only the rows tell.

use super::key;
use super::labels;
use super::lineage::Lineage;
use crate::error::{Error, Result};
use crate::filter::{self, Param, Value};
use crate::model::{Class, Type};
use crate::pg::identity::{self, Reader};
use crate::pg::{catalog, guc, params, report, sql, types, xact};
use crate::value::shown;

/// The status column of a source.
pub struct Status<'a> {
    pub source: u32,
    pub column: &'a str,
    pub type_oid: u32,
    pub lineage: &'a Lineage,
}

const LABELS: &str =
    "SELECT to_jsonb(enumlabel) FROM pg_enum WHERE enumtypid = $1::oid ORDER BY enumsortorder";

/// CHECK constraints on a column of a table that hold for each of its rows.
const OF_TABLE: &str = "
SELECT to_jsonb(pg_get_constraintdef(k.oid))
  FROM pg_attribute a JOIN pg_constraint k ON k.conrelid = a.attrelid AND a.attnum = ANY (k.conkey)
 WHERE a.attrelid = $1::oid AND a.attname = $2::name AND k.contype = 'c'::\"char\" AND k.convalidated AND NOT k.connoinherit
 ORDER BY k.oid";

/// Those of a domain, and of the domains below it.
const OF_DOMAIN: &str = "
WITH RECURSIVE domain(oid) AS (
    SELECT $1::oid
    UNION
    SELECT t.typbasetype FROM domain JOIN pg_type t ON t.oid = domain.oid WHERE t.typtype = 'd'::\"char\"
)
SELECT to_jsonb(pg_get_constraintdef(k.oid)) FROM domain JOIN pg_constraint k ON k.contypid = domain.oid
 WHERE k.contype = 'c'::\"char\" AND k.convalidated
 ORDER BY k.oid";

/// 22023 for a value that the column cannot have; a NOTICE for one that no row has.
pub fn check(status: &Status<'_>, values: &[String]) -> Result<()> {
    let ty = types::describe(status.type_oid);
    if ty.is_json() || ty.opaque.is_some() || ty.class == Class::Array {
        return Err(Error::invalid(format!(
            "status_column \"{}\" is of type {}, whose values cannot be compared with disabled_values",
            status.column, ty.name
        ))
        .hint("Use a column of a text, number, boolean or enum type. A view can provide one."));
    }
    let known = known(status, &ty)?;
    if let Some(known) = &known {
        return values.iter().try_for_each(|value| among(status, &ty, value, known));
    }
    values.iter().try_for_each(|value| reads(status, &ty, value))?;
    if ty.class == Class::Bool {
        return Ok(());
    }
    tell_unused(status, &ty, values)
}

/// 22023 for a value that is none of the labels of the column, where they are known.
pub fn have_labels(status: &Status<'_>, values: &[String]) -> Result<()> {
    let ty = types::describe(status.type_oid);
    match known(status, &ty)? {
        None => Ok(()),
        Some(known) => values.iter().try_for_each(|value| among(status, &ty, value, &known)),
    }
}

/// The labels of the column; None: they are not known.
fn known(status: &Status<'_>, ty: &Type) -> Result<Option<Vec<String>>> {
    let labels: Vec<String> = identity::as_owner(|| sql::documents(LABELS, &[i64::from(ty.base).into()]))?;
    if !labels.is_empty() {
        return Ok(Some(labels));
    }
    // Other types have equalities of their own.
    if !matches!(ty.class, Class::Text | Class::Int) || filter::is_citext(ty) {
        return Ok(None);
    }
    let definitions = identity::as_owner(|| -> Result<Vec<(Option<String>, String)>> {
        let scope = guc::Scope::open();
        scope.set("standard_conforming_strings", "on", guc::Rights::Superuser);
        let of_domain: Vec<String> = sql::documents(OF_DOMAIN, &[i64::from(status.type_oid).into()])?;
        let mut found: Vec<(Option<String>, String)> =
            of_domain.into_iter().map(|definition| (None, definition)).collect();
        if let Some(origin) = status.lineage.origin(status.column) {
            let of_table: Vec<String> =
                sql::documents(OF_TABLE, &[i64::from(origin.table).into(), (&origin.column).into()])?;
            found.extend(of_table.into_iter().map(|definition| (Some(origin.column.clone()), definition)));
        }
        Ok(found)
    })?;
    let lists =
        definitions.iter().filter_map(|(column, definition)| labels::listed(definition, column.as_deref()));
    // A value has to be in each list.
    Ok(lists.reduce(|mut all, list| {
        all.retain(|label| list.contains(label));
        all
    }))
}

fn among(status: &Status<'_>, ty: &Type, value: &str, known: &[String]) -> Result<()> {
    let number = |text: &str| text.trim().parse::<i64>().ok();
    let is = |label: &String| match ty.class {
        Class::Int => number(label).is_some() && number(label) == number(value),
        _ => label == value,
    };
    if known.iter().any(is) {
        return Ok(());
    }
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    Err(Error::invalid(format!(
        "unknown value {} in disabled_values: column \"{}\" cannot have it",
        shown(value),
        status.column
    ))
    .hint(format!("Known values: {}.", known.join(", "))))
}

/// True if a type of the server reads the value.
fn reads(status: &Status<'_>, ty: &Type, value: &str) -> Result<()> {
    if !is_typed(ty) {
        return Ok(());
    }
    let param = Param {
        type_oid: ty.base,
        type_name: ty.name.clone(),
        value: Value::One(value.to_owned()),
        field: status.column.to_owned(),
        operator: "in",
    };
    // Dates are written as exports read them.
    identity::as_owner(|| params::bind(&[param]).map(drop)).map_err(|_| {
        Error::invalid(format!(
            "value {} in disabled_values is not valid for column \"{}\", which is of type {}",
            shown(value),
            status.column,
            ty.name
        ))
        .hint(format!("Give values that type {} reads.", ty.name))
    })
}

/// Types whose values are compared as such, not as texts: `f` and `false`, `1.0` and `1.00` are the same.
pub fn is_typed(ty: &Type) -> bool {
    matches!(
        ty.class,
        Class::Bool
            | Class::Int
            | Class::Float
            | Class::Numeric
            | Class::Date
            | Class::Timestamp
            | Class::Instant
            | Class::Time
            | Class::Interval
            | Class::Uuid
    )
}

/// Tells of values that no row has.
fn tell_unused(status: &Status<'_>, ty: &Type, values: &[String]) -> Result<()> {
    let Some(relation) = catalog::relation_name(status.source) else { return Ok(()) };
    let column = format!("s.{}", crate::value::quote_ident(status.column));
    let (left, right) = match is_typed(ty) {
        true => (column, format!("CAST($1 AS {})", types::describe(ty.base).name)),
        false => (filter::as_text(&column, ty), "$1".to_owned()),
    };
    let query = format!("SELECT 'x' FROM {relation} AS s WHERE {left} = {right} LIMIT 1");
    // With the rights of the one who looks for rows with the same key.
    let (Some(role), _) = key::looker(status.source)? else { return Ok(()) };
    let reader = Reader::checking(role);
    for value in values {
        let look = || identity::as_requester(&reader, || sql::text_of_source(&query, &[value.into()]));
        match reader.undone(|| xact::with_latest_snapshot(look)) {
            Ok(Some(_)) => {}
            Ok(None) => report::notice(
                format!(
                    "no row of {relation} has value {} of disabled_values in column \"{}\"",
                    shown(value),
                    status.column
                ),
                "Exports leave out rows whose column has exactly this value. Row security may hide such rows from the role that registers the dataset.",
            ),
            Err(failure) if failure.is_of_server() => return Err(failure.into_error()),
            // The caller may not read it.
            Err(_) => {}
        }
    }
    Ok(())
}
