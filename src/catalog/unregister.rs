//! `acct_export_unregister`: a dataset and its fields are forgotten; jobs and files of it stay until their time.

use super::args::required;
use super::owner::owner_of_dataset;
use super::policy;
use super::register::may_write;
use crate::audit;
use crate::error::Result;
use crate::model::Policy;
use crate::pg::{identity, sql};
use serde_json::json;

/// Errors: 22023 for an unknown dataset, 42501 for a caller who does not own its source.
pub fn unregister(dataset: Option<&str>) -> Result<()> {
    let dataset = required(dataset, "dataset")?;
    if !owner_of_dataset(dataset)? {
        return Err(super::load::unknown(dataset)?);
    }
    may_write()?;
    let policy = policy::present(dataset)?;
    // A later dataset of this name is not a companion of the datasets that this one was a companion of.
    let leave = "UPDATE acct_export.dataset SET companions = array_remove(companions, $1) WHERE $1 = ANY (companions)";
    let unmatch = "DELETE FROM acct_export.companion WHERE companion = $1";
    let forget = "DELETE FROM acct_export.dataset WHERE dataset = $1";
    identity::as_owner(|| {
        sql::run(leave, &[dataset.into()])?;
        sql::run(unmatch, &[dataset.into()])?;
        sql::run(forget, &[dataset.into()])
    })?;
    let policy = (policy != Policy::default()).then_some(policy);
    audit::catalog_change(audit::UNREGISTERED, dataset, json!({ "policy": policy }))
}
