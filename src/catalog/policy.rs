//! What a DBA asks of the exports of a dataset beside rights: approval, filters, limits. Kept in the dataset's row, so that it
//! stays when the dataset is registered anew and goes with it.

use super::given::{elements, required};
use super::load;
use super::model::{Dataset, Policy, Treatment};
use super::owner::owner_of_dataset;
use crate::audit::{self, By, Event};
use crate::error::{Error, Result};
use crate::pg::{identity, sql, xact};
use serde::Deserialize;
use serde_json::json;

/// Arguments of `acct_export_set_policy`.
#[derive(Debug, Deserialize)]
pub struct Given {
    approve_above: Option<i64>,
    approver_roles: Option<Vec<Option<String>>>,
    require_filter: Option<Vec<Option<String>>>,
    max_rows: Option<i64>,
    max_active: Option<i64>,
}

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

/// States the whole policy of a dataset. 22023 for an unknown dataset, role or field or a number out of range, 42501 for
/// a caller who does not own the source and for a field that cannot be filtered on.
pub fn set(dataset: Option<&str>, given: &Given) -> Result<()> {
    let name = required(dataset, "dataset")?;
    let loaded = load::load(name)?;
    owner_of_dataset(name)?;
    let policy = Policy {
        approve_above: at_least(given.approve_above, 0, "approve_above")?,
        approver_roles: elements(&given.approver_roles, "approver_roles")?,
        require_filter: elements(&given.require_filter, "require_filter")?,
        max_rows: at_least(given.max_rows, 1, "max_rows")?,
        max_active: at_least(given.max_active, 1, "max_active")?,
    };
    approvers(&policy)?;
    policy.require_filter.iter().try_for_each(|field| can_be_filtered_on(&loaded.dataset, field))?;
    xact::require_write("set a policy")?;
    let detail = json!(policy);
    identity::as_owner(|| sql::run(SAVE, &[name.into(), (&detail.to_string()).into()]))?;
    tell(name, detail)
}

fn at_least(value: Option<i64>, least: u64, what: &str) -> Result<Option<u64>> {
    let Some(value) = value else { return Ok(None) };
    u64::try_from(value).ok().filter(|value| *value >= least).map(Some).ok_or_else(|| {
        Error::invalid(format!("{what} must be at least {least}")).hint("Leave it out for no such rule.")
    })
}

/// Who approves is named where something is to be approved, and only there.
fn approvers(policy: &Policy) -> Result<()> {
    match (policy.approve_above, policy.approver_roles.is_empty()) {
        (Some(_), true) => {
            return Err(Error::invalid("approve_above needs approver_roles")
                .hint("Name the roles whose members may approve: approver_roles => '{data_protection}'."))
        }
        (None, false) => {
            return Err(Error::invalid("approver_roles are given without approve_above")
                .hint("Say how many rows leave without approval; 0: none."))
        }
        _ => {}
    }
    match policy.approver_roles.iter().find(|role| identity::role_oid(role).is_none()) {
        None => Ok(()),
        Some(missing) => Err(Error::invalid(format!("role \"{missing}\" in approver_roles does not exist"))
            .hint("CREATE ROLE it first, and GRANT it to those who may approve.")),
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
        None if field.json_text => "it is a text made out of JSON, which may hold a secret",
        None => return Ok(()),
    };
    Err(Error::denied(format!("field \"{name}\" in require_filter cannot be filtered on: {why}"))
        .hint("Require a field that requesters can compare."))
}

/// Before a dataset is forgotten: that what was asked of its exports is asked no more.
pub fn tell_of_end(dataset: &str) -> Result<()> {
    let present: Option<Policy> = identity::as_owner(|| sql::document(PRESENT, &[dataset.into()]))?;
    if present.is_some_and(|policy| policy != Policy::default()) {
        tell(dataset, json!({ "unregistered": true }))?;
    }
    Ok(())
}

fn tell(dataset: &str, detail: serde_json::Value) -> Result<()> {
    let mut event = Event::new(audit::POLICY_SET, By::caller(), detail);
    event.dataset = Some(dataset.to_owned());
    identity::as_owner(|| audit::record_plain(event))
}
