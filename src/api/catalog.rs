//! Registering datasets, and what the catalogue views show.

use crate::advice::check::{self, Check};
use crate::advice::{self, Advice};
use crate::catalog::expand::{self, Wish};
use crate::catalog::field::{self, FieldChange};
use crate::catalog::registration::Given;
use crate::catalog::{broken, companion, definition, load, reference, register, rights, unregister};
use crate::error::Error;
use crate::pg::identity;
use crate::pg::oid::Oid;
use crate::pg::report::{Report, Reported};
use pgrx::datum::JsonB;
use pgrx::prelude::*;

/// Behind `acct_export_register`, whose arguments come as one document.
#[pg_extern(name = "register_dataset", schema = "acct_export", volatile, parallel_unsafe)]
fn register_given(
    dataset: Option<&str>,
    given: JsonB,
    replace: Option<bool>,
) -> std::result::Result<(), Report> {
    register::register(dataset, &read(given).reported()?, replace.unwrap_or(false)).reported()?;
    advice::warn_of(dataset.unwrap_or_default()).reported()
}

/// Behind `acct_export_alter`, whose arguments come as one document.
#[pg_extern(schema = "acct_export", volatile, parallel_unsafe)]
fn alter_dataset(
    dataset: Option<&str>,
    given: JsonB,
    reset: Option<Vec<Option<String>>>,
) -> std::result::Result<(), Report> {
    register::alter(dataset, &read(given).reported()?, reset.as_deref()).reported()?;
    advice::warn_of(dataset.unwrap_or_default()).reported()
}

fn read(given: JsonB) -> std::result::Result<Given, Error> {
    serde_json::from_value(given.0)
        .map_err(|error| Error::invalid(format!("could not read the registration: {error}")))
}

/// Makes the fields of a dataset follow the columns of its source, and tells of each change: `added`, `renamed`, `retyped`, `gone`
/// or `barred`. What was said of the other fields stays.
///
/// Errors: 22023 for an unknown dataset and for a key that is gone, 42501 for a caller who does not own the source and for a source
/// that could leak.
#[pg_extern(volatile, parallel_unsafe)]
#[allow(clippy::type_complexity)] // a row's columns
fn acct_export_refresh(
    dataset: Option<&str>,
) -> std::result::Result<TableIterator<'static, (name!(field, String), name!(change, String))>, Report> {
    let changes = register::refresh(dataset).reported()?;
    advice::warn_of(dataset.unwrap_or_default()).reported()?;
    Ok(TableIterator::new(changes.into_iter().map(|change| (change.field, change.kind.as_str().to_owned()))))
}

/// A dataset as SQL that registers it with its fields, policy, references, companions and expansions. It can be run again.
///
/// Errors: 22023 for an unknown dataset, 42501 for a caller who does not own its source.
#[pg_extern(volatile, parallel_unsafe)]
fn acct_export_definition(dataset: Option<&str>) -> std::result::Result<String, Report> {
    definition::of(dataset).reported()
}

/// Behind `acct_export_set_companion`.
#[pg_extern(schema = "acct_export", volatile, parallel_unsafe)]
fn set_companion(
    dataset: Option<&str>,
    companion: Option<&str>,
    matched: Option<&str>,
) -> std::result::Result<(), Report> {
    companion::set(dataset, companion, matched).reported()
}

/// Changes how a field is labelled, ordered, grouped, masked; NULL leaves a thing as it is.
///
/// Errors: 22023 for an unknown dataset or field or value, 42501 for a caller who does not own the source.
#[pg_extern(volatile, parallel_unsafe)]
#[allow(clippy::too_many_arguments)] // one for each argument in SQL
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
    field::set_field(dataset, field, &change).reported()
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
    expand::set(dataset, field, &Wish { keys, labels, expand }).reported()
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
    reference::set(dataset, field, ref_dataset, ref_field).reported()
}

/// Forgets a dataset; its jobs and files stay until their time.
#[pg_extern(volatile, parallel_unsafe)]
fn acct_export_unregister(dataset: Option<&str>) -> std::result::Result<(), Report> {
    unregister::unregister(dataset).reported()
}

/// Lists the causes of slow exports of a dataset, each with a remedy. To a superuser nothing is said of sorts where code of other
/// roles would have to be planned.
///
/// Errors: 22023 for an unknown dataset, 42501 for a caller who neither owns the source nor may export it.
#[pg_extern(volatile, parallel_unsafe)]
#[allow(clippy::type_complexity)] // a row's columns
fn acct_export_advice(
    dataset: Option<&str>,
) -> std::result::Result<TableIterator<'static, (name!(advice, String), name!(hint, String))>, Report> {
    let found = advice::asked_for(dataset).reported()?;
    Ok(TableIterator::new(found.into_iter().map(|Advice { advice, hint }| (advice, hint))))
}

/// Behind `acct_export_check`.
#[pg_extern(schema = "acct_export", volatile, parallel_unsafe)]
#[allow(clippy::type_complexity)] // a row's columns
fn check_dataset(
    dataset: Option<&str>,
    role: Option<&str>,
) -> std::result::Result<
    TableIterator<
        'static,
        (name!(check_name, String), name!(ok, bool), name!(detail, String), name!(hint, Option<String>)),
    >,
    Report,
> {
    let found = check::of(dataset, role).reported()?;
    let row = |check: Check| (check.name.to_owned(), check.ok, check.detail, check.hint);
    Ok(TableIterator::new(found.into_iter().map(row)))
}

/// True if the caller may know of a dataset.
#[pg_extern(schema = "acct_export", stable, parallel_unsafe)]
fn may_know(source: Oid, required_roles: Vec<Option<String>>) -> bool {
    let roles: Vec<String> = required_roles.into_iter().flatten().collect();
    rights::may_know(identity::current_user(), source.to_u32(), &roles)
}

/// True if the caller may know of a dataset whose source was dropped.
#[pg_extern(schema = "acct_export", stable, parallel_unsafe)]
fn may_know_without_source(required_roles: Vec<Option<String>>) -> bool {
    let roles: Vec<String> = required_roles.into_iter().flatten().collect();
    rights::may_know_without_source(identity::current_user(), &roles)
}

/// The reason why nothing of a dataset can be exported.
#[pg_extern(schema = "acct_export", stable, parallel_unsafe)]
fn broken(dataset: &str) -> std::result::Result<Option<String>, Report> {
    broken::reason(dataset).reported()
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
