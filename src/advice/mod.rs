//! Advice to the DBA: what makes exports of a dataset slow, and what to do about it.
//!
//! It is found by looking at the catalogues and at the planner's plan, never by reading rows. It is for those who can follow it: the
//! owner of the source and superusers. Registration warns; `acct_export_advice` looks again.

pub mod check;
mod indexes;
mod policies;
mod refused;
mod servers;
mod size;
mod sort;
mod tenants;
mod uncaptured;

use crate::catalog::load::Loaded;
use crate::catalog::{lapsed, load, owner};
use crate::error::{Error, Kind, Result};
use crate::pg::report::{self, Failure};
use crate::pg::xact;

/// A finding in the form of a message, and a hint that says what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advice {
    pub advice: String,
    pub hint: String,
}

/// All advice on a dataset; sorts are judged by the plan that the current user would get.
fn on(loaded: &Loaded) -> Result<Vec<Advice>> {
    xact::with_latest_snapshot(|| {
        let mut found = policies::slow(&loaded.lineage)?;
        found.extend(uncaptured::found(loaded)?);
        found.extend(tenants::unscoped(loaded)?);
        found.extend(servers::patient(loaded)?);
        found.extend(indexes::missing(loaded)?);
        found.extend(quietly(|| sort::spill(loaded))?.flatten());
        Ok(found)
    })
}

/// Declarations that no longer hold as they were made.
fn lapsed(loaded: &Loaded) -> Result<Vec<Advice>> {
    let found = lapsed::in_dataset(loaded)?;
    Ok(found.into_iter().map(|lapsed| Advice { advice: lapsed.message, hint: lapsed.hint }).collect())
}

/// `acct_export_advice`: for the owner of the source and superusers (42501).
pub fn asked_for(dataset: Option<&str>) -> Result<Vec<Advice>> {
    let dataset = dataset.filter(|name| !name.is_empty()).ok_or_else(|| {
        Error::invalid("dataset must not be null or empty").hint("acct_export_datasets lists the datasets.")
    })?;
    // Before anything is said of tables and fields. One that is not there is an error of `load`.
    owner::owner_of_dataset(dataset).map_err(|error| match error.kind {
        Kind::InsufficientPrivilege => Error::denied(format!("permission denied for dataset \"{dataset}\""))
            .hint("Only the owner of its source and superusers can get advice on it."),
        _ => error,
    })?;
    let loaded = load::load(dataset)?;
    let mut found = xact::with_latest_snapshot(|| -> Result<Vec<Advice>> {
        let mut found = refused::always(&loaded)?;
        found.extend(lapsed(&loaded)?);
        Ok(found)
    })?;
    found.extend(on(&loaded)?);
    Ok(found)
}

/// Tells of a dataset that was just registered which fields never leave, and warns of what is found.
pub fn warn_of(dataset: &str) -> Result<()> {
    let Some(loaded) = quietly(|| xact::with_latest_snapshot(|| load::load(dataset)))? else { return Ok(()) };
    let barred = loaded.dataset.fields.iter().filter(|field| field.barred.is_some());
    let barred: Vec<&str> = barred.map(|field| field.name.as_str()).collect();
    if !barred.is_empty() {
        let message =
            format!("fields of dataset \"{dataset}\" that are never exported: {}", barred.join(", "));
        report::notice(message, "See acct_export_fields.barred for the reasons.");
    }
    for find in [refused::always, lapsed] {
        let found = quietly(|| xact::with_latest_snapshot(|| find(&loaded)))?;
        for Advice { advice, hint } in found.into_iter().flatten() {
            report::warn(advice, hint);
        }
    }
    warn(&loaded)
}

/// Warns of what is found; that nothing can be found is no reason to refuse anything.
fn warn(loaded: &Loaded) -> Result<()> {
    let found = quietly(|| on(loaded))?;
    for Advice { advice, hint } in found.into_iter().flatten() {
        report::warn(advice, hint);
    }
    Ok(())
}

/// Looks for advice in a subtransaction that is rolled back: planning runs code of others. None: it could not be found, for a reason that is none of the caller's, such as
/// a right that the current user lacks. A cancel request and a time limit are errors.
fn quietly<T>(look: impl FnOnce() -> Result<T>) -> Result<Option<T>> {
    match xact::discard(look) {
        Ok(found) => Ok(Some(found)),
        Err(failure) if failure.is_cancel() => Err(Failure::into_error(failure)),
        Err(_) => Ok(None),
    }
}
