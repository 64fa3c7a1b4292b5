//! Registering datasets, and what the catalogue views show.

use crate::advice::{self, Advice};
use crate::catalog::expand::{self, Wish};
use crate::catalog::field::{self, FieldChange};
use crate::catalog::register::{self, Registration};
use crate::catalog::{load, reference, rights};
use crate::error::Error;
use crate::pg::identity;
use crate::pg::oid::Oid;
use crate::pg::report::Report;
use pgrx::datum::JsonB;
use pgrx::prelude::*;

/// Behind `acct_export_register`, whose arguments come as one document.
#[pg_extern(schema = "acct_export", volatile, parallel_unsafe)]
fn register_dataset(registration: JsonB) -> std::result::Result<(), Report> {
    let given: Registration = serde_json::from_value(registration.0)
        .map_err(|error| Error::invalid(format!("the registration cannot be read: {error}")))?;
    register::register(&given)?;
    Ok(advice::warn_of(given.dataset.as_deref().unwrap_or_default())?)
}

/// Changes how a field is labelled, ordered, grouped, masked; NULL leaves a thing as it is.
///
/// Errors: 22023 for an unknown dataset or field or value, 42501 for a caller who does not own the source.
#[pg_extern(volatile, parallel_unsafe)]
#[allow(clippy::too_many_arguments)] // the contract's arguments
fn acct_export_set_field(
    dataset: Option<&str>,
    field: Option<&str>,
    label: default!(Option<&str>, "NULL"),
    position: default!(Option<i32>, "NULL"),
    is_default: default!(Option<bool>, "NULL"),
    in_group: default!(Option<&str>, "NULL"),
    on_anonymise: default!(Option<&str>, "NULL"),
    mask: default!(Option<&str>, "NULL"),
    json_path: default!(Option<&str>, "NULL"),
) -> std::result::Result<(), Report> {
    let change = FieldChange { label, position, is_default, in_group, on_anonymise, mask, json_path };
    Ok(field::set_field(dataset, field, &change)?)
}

/// Says whether csv and xlsx have a column for each key of a field of JSON objects. `keys`: for these keys, or paths like
/// `cost_center.code`, in this order, with these `labels`; NULL: for those that the rows of an export have, sorted.
///
/// Errors: 22023 for an unknown dataset or field, one of another type, a path that is none; 42501 for a caller who does not own
/// the source and for keys of secrets.
#[pg_extern(volatile, parallel_unsafe)]
fn acct_export_expand(
    dataset: Option<&str>,
    field: Option<&str>,
    keys: default!(Option<Vec<Option<String>>>, "NULL"),
    labels: default!(Option<Vec<Option<String>>>, "NULL"),
    expand: default!(Option<bool>, "true"),
) -> std::result::Result<(), Report> {
    Ok(expand::set(dataset, field, &Wish { keys, labels, expand })?)
}

/// Says that the values of a field are those of a field of another dataset, its key by default; NULL withdraws it.
///
/// Errors: 22023 for an unknown dataset or field and for types that hold no names, 42501 for a caller who does not own both
/// sources and for a field that never leaves or is masked.
#[pg_extern(volatile, parallel_unsafe)]
fn acct_export_set_reference(
    dataset: Option<&str>,
    field: Option<&str>,
    ref_dataset: Option<&str>,
    ref_field: default!(Option<&str>, "NULL"),
) -> std::result::Result<(), Report> {
    Ok(reference::set(dataset, field, ref_dataset, ref_field)?)
}

/// Forgets a dataset; its jobs and files stay until their time.
#[pg_extern(volatile, parallel_unsafe)]
fn acct_export_unregister(dataset: Option<&str>) -> std::result::Result<(), Report> {
    Ok(register::unregister(dataset)?)
}

/// What makes exports of a dataset slow, and what to do about it. To a superuser nothing is said of sorts where code of other
/// roles would have to be planned.
///
/// Errors: 22023 for an unknown dataset, 42501 for a caller who neither owns the source nor may export it.
#[pg_extern(volatile, parallel_unsafe)]
#[allow(clippy::type_complexity)] // a row's columns
fn acct_export_advice(
    dataset: Option<&str>,
) -> std::result::Result<TableIterator<'static, (name!(advice, String), name!(hint, String))>, Report> {
    let found = advice::asked_for(dataset)?;
    Ok(TableIterator::new(found.into_iter().map(|Advice { advice, hint }| (advice, hint))))
}

/// Whether the caller may know of a dataset.
#[pg_extern(schema = "acct_export", stable, parallel_unsafe)]
fn may_know(source: Oid, required_roles: Vec<Option<String>>) -> bool {
    let roles: Vec<String> = required_roles.into_iter().flatten().collect();
    rights::may_know(identity::current_user(), source.to_u32(), &roles)
}

/// Type and bar of each field of a dataset; every field is barred while the source could leak.
#[pg_extern(schema = "acct_export", stable, parallel_unsafe)]
#[allow(clippy::type_complexity)] // a row's columns
fn field_state(
    dataset: &str,
) -> TableIterator<
    'static,
    (name!(field, String), name!(field_type, Option<String>), name!(barred, Option<String>)),
> {
    // The view acct_export_fields asks the same; this function could be called by itself.
    if !rights::caller_may_know(dataset).unwrap_or(false) {
        return TableIterator::new(Vec::new());
    }
    let rows = match load::load(dataset) {
        Ok(loaded) => loaded
            .dataset
            .fields
            .into_iter()
            .map(|field| (field.name, Some(field.ty.name).filter(|_| field.ty.oid != 0), field.barred))
            .collect(),
        Err(error) => load::field_names(dataset)
            .unwrap_or_default()
            .into_iter()
            .map(|field| (field, None, Some(error.message.clone())))
            .collect::<Vec<_>>(),
    };
    TableIterator::new(rows)
}
