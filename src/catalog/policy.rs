//! The rules of a dataset for its exports beside rights: approval, filters, limits. Kept in the dataset's row, so that it
//! stays when the dataset is registered anew and goes with it.

use super::args::{elements, required};
use super::owner::owner_of_dataset;
use super::registration::{given_and_reset, unknown_reset};
use super::{load, registration};
use crate::audit;
use crate::error::{Error, Result};
use crate::model::{Dataset, Policy, Treatment};
use crate::pg::{identity, sql, xact};
use serde::Deserialize;
use serde_json::json;

/// Arguments of `acct_export_set_policy`; None is NULL.
#[derive(Debug, Deserialize)]
pub struct Given {
    approve_above: Option<i64>,
    approver_roles: Option<Vec<Option<String>>>,
    require_filter: Option<Vec<Option<String>>>,
    max_rows: Option<i64>,
    max_active: Option<i64>,
    reset: Option<Vec<Option<String>>>,
}

/// The names that `reset` accepts.
const RESETTABLE: [&str; 5] = ["approve_above", "approver_roles", "require_filter", "max_rows", "max_active"];

const SAVE: &str = "
UPDATE acct_export.dataset d
   SET approve_above = p.approve_above, approver_roles = p.approver_roles, require_filter = p.require_filter,
       max_rows = p.max_rows, max_active = p.max_active
  FROM jsonb_to_record($2::jsonb) AS p(approve_above bigint, approver_roles text[], require_filter text[],
       max_rows bigint, max_active integer)
 WHERE d.dataset = $1";

const PRESENT: &str = "
SELECT jsonb_build_object('approve_above', approve_above, 'approver_roles', approver_roles,
                          'require_filter', require_filter, 'max_rows', max_rows, 'max_active', max_active)
  FROM acct_export.dataset WHERE dataset = $1";

/// The policy of a dataset as it is kept.
pub fn present(dataset: &str) -> Result<Policy> {
    let present =
        xact::with_latest_snapshot(|| identity::as_owner(|| sql::document(PRESENT, &[dataset.into()])))?;
    Ok(present.unwrap_or_default())
}

/// Changes the named parts of a dataset's policy and sets back those in `reset`; the others stay. The two of an approval
/// go together: setting back one sets back both.
///
/// 22023 for an unknown dataset, role or field or a number out of range, 42501 for a caller who does not own the source and for
/// a field that cannot be filtered on.
pub fn set(dataset: Option<&str>, given: &Given) -> Result<()> {
    let name = required(dataset, "dataset")?;
    if !owner_of_dataset(name)? {
        return Err(load::unknown(name)?);
    }
    xact::require_write("set a policy")?;
    registration::hold(name)?;
    let kept = present(name)?;
    let reset = elements(&given.reset, "reset")?;
    let mut policy = without(kept, &reset, given)?;
    let number = |given: Option<i64>, kept: Option<u64>, least: u64, what: &str| match given {
        None => Ok(kept),
        given => at_least(given, least, what),
    };
    policy.approve_above = number(given.approve_above, policy.approve_above, 0, "approve_above")?;
    policy.max_rows = number(given.max_rows, policy.max_rows, 1, "max_rows")?;
    policy.max_active = number(given.max_active, policy.max_active, 1, "max_active")?;
    if given.approver_roles.is_some() {
        policy.approver_roles = elements(&given.approver_roles, "approver_roles")?;
    }
    if given.require_filter.is_some() {
        policy.require_filter = elements(&given.require_filter, "require_filter")?;
        let loaded = load::load(name)?;
        policy.require_filter.iter().try_for_each(|field| can_be_filtered_on(&loaded.dataset, field))?;
    }
    approvers(&policy, given.approver_roles.is_some())?;
    let mut detail = json!(policy);
    identity::as_owner(|| sql::run(SAVE, &[name.into(), (&detail.to_string()).into()]))?;
    if let (Some(detail), false) = (detail.as_object_mut(), reset.is_empty()) {
        detail.insert("reset".to_owned(), json!(reset));
    }
    audit::catalog_change(audit::POLICY_SET, name, detail)
}

/// The policy without the parts that are set back.
fn without(mut policy: Policy, reset: &[String], given: &Given) -> Result<Policy> {
    for name in reset {
        let is_given = match name.as_str() {
            "approve_above" | "approver_roles" => {
                policy.approve_above = None;
                policy.approver_roles = Vec::new();
                given.approve_above.is_some() || given.approver_roles.is_some()
            }
            "require_filter" => {
                policy.require_filter = Vec::new();
                given.require_filter.is_some()
            }
            "max_rows" => {
                policy.max_rows = None;
                given.max_rows.is_some()
            }
            "max_active" => {
                policy.max_active = None;
                given.max_active.is_some()
            }
            _ => return Err(unknown_reset(name, &RESETTABLE)),
        };
        if is_given {
            return Err(given_and_reset(name));
        }
    }
    Ok(policy)
}

fn at_least(value: Option<i64>, least: u64, what: &str) -> Result<Option<u64>> {
    let Some(value) = value else { return Ok(None) };
    u64::try_from(value).ok().filter(|value| *value >= least).map(Some).ok_or_else(|| {
        Error::invalid(format!("{what} must be at least {least}"))
            .hint(format!("Leave it out to keep the rule; reset => '{{{what}}}' removes it."))
    })
}

/// Approver roles are given exactly where a number for approval is.
fn approvers(policy: &Policy, are_new: bool) -> Result<()> {
    match (policy.approve_above, policy.approver_roles.is_empty()) {
        (Some(_), true) => {
            return Err(Error::invalid("approve_above needs approver_roles")
                .hint("Name the roles whose members may approve: approver_roles => '{data_protection}'; or reset => '{approve_above}'."))
        }
        (None, false) => {
            return Err(Error::invalid("approver_roles needs approve_above")
                .hint("Set approve_above to the number of rows that may be exported without approval; 0 requires approval for every row."))
        }
        _ => {}
    }
    let is_missing = |role: &&String| are_new && identity::role_oid(role).is_none();
    match policy.approver_roles.iter().find(is_missing) {
        None => Ok(()),
        Some(missing) => Err(Error::invalid(format!("role \"{missing}\" in approver_roles does not exist"))
            .hint("Create it with CREATE ROLE, and grant it to the roles that may approve.")),
    }
}

fn can_be_filtered_on(dataset: &Dataset, name: &str) -> Result<()> {
    let field = dataset.field(name).ok_or_else(|| {
        let names: Vec<&str> = dataset
            .fields
            .iter()
            .filter(|field| field.barred.is_none())
            .map(|field| field.name.as_str())
            .collect();
        Error::invalid(format!("unknown field \"{name}\" in require_filter"))
            .hint(format!("Known fields: {}.", names.join(", ")))
    })?;
    let why = match &field.barred {
        Some(reason) => reason.as_str(),
        None if field.mask != Treatment::Keep => "its values are masked",
        None if field.json_text => "it is text converted from JSON, which may contain a secret",
        None => return Ok(()),
    };
    Err(Error::denied(format!("field \"{name}\" in require_filter cannot be filtered on: {why}"))
        .hint("Require a field that requesters can compare."))
}
