//! The rights to export: checked when a job is requested, again when it runs, and again when its file is read.

use super::authorize;
use super::lineage;
use super::load::{self, Loaded};
use crate::error::{Error, Result};
use crate::model::Dataset;
use crate::model::ExportRequest;
use crate::pg::{catalog, identity, report, sql};
use crate::tenant::SessionTenant;
use serde::Deserialize;
use serde_json::{json, Value};

/// The inputs of a rights check beside the dataset.
pub struct Claim<'a> {
    pub role: u32,
    pub tenant: &'a SessionTenant,
    pub all_tenants: bool,
}

/// Columns that a file was made of.
pub struct Columns<'a> {
    /// OID of the relation that was read; None: the source of the dataset.
    pub source: Option<u32>,
    pub fields: &'a [String],
    /// Attribute numbers of these fields in that relation.
    pub attnums: &'a [i16],
}

/// The tenant guard, the roles and SELECT on the columns that the query names (42501).
pub fn check(loaded: &Loaded, claim: &Claim<'_>, columns: &[&str]) -> Result<()> {
    let dataset = &loaded.dataset;
    holds(claim.role, &dataset.name, &dataset.required_roles)?;
    select_on(&dataset.name, dataset.source, claim.role, &json!(columns))?;
    no_borrowed_code(dataset, claim.role)?;
    tenant(loaded, claim)
}

/// Foreign code that reading would run does not run with a superuser's rights.
pub fn no_borrowed_code(dataset: &Dataset, role: u32) -> Result<()> {
    if !identity::may_run_programs(role) {
        return Ok(());
    }
    let Some(borrowed) = lineage::borrowed(dataset.source, role)? else { return Ok(()) };
    Err(Error::denied(format!(
        "dataset \"{}\" depends on {borrowed}, which is owned by a non-superuser, and cannot be exported by superusers",
        dataset.name
    ))
    .hint("Export as a role without superuser rights (with BYPASSRLS for all tenants)."))
}

/// True if the requester may ask for a dataset at all, before anything is said of its fields (42501).
pub fn may_ask(dataset: &Dataset, role: u32) -> Result<()> {
    holds(role, &dataset.name, &dataset.required_roles)?;
    if identity::may_select_any(role, dataset.source) {
        return Ok(());
    }
    let key: Vec<&str> = dataset.key.iter().map(|field| dataset.column(field)).collect();
    select_on(&dataset.name, dataset.source, role, &json!(key))?;
    Err(Error::denied(format!("permission denied for the source of dataset \"{}\"", dataset.name)))
}

/// True if a role is a member of all the roles that a dataset requires (42501, naming those that are missing).
pub fn holds(role: u32, dataset: &str, required_roles: &[String]) -> Result<()> {
    let name = identity::role_name(role)
        .ok_or_else(|| Error::denied("the role that requested the export does not exist any more"))?;
    let missing: Vec<&str> = required_roles
        .iter()
        .map(String::as_str)
        .filter(|required| !identity::role_oid(required).is_some_and(|oid| identity::may_act_as(role, oid)))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Error::denied(format!("role \"{name}\" may not export dataset \"{dataset}\""))
        .hint(format!("The role must be a member of: {}.", missing.join(", "))))
}

/// SELECT on columns of a relation, given by name or by attribute number (42501).
fn select_on(dataset: &str, source: u32, role: u32, columns: &Value) -> Result<()> {
    let Some(denied) = unreadable(source, role, columns)? else { return Ok(()) };
    let relation = catalog::relation_name(source).unwrap_or_default();
    let role = identity::role_name(role).unwrap_or_default();
    Err(Error::denied(format!("permission denied for {relation}, which dataset \"{dataset}\" reads"))
        .hint(format!("Role \"{role}\" needs SELECT on: {denied}.")))
}

/// Names of the columns, given by name or by attribute number, that a role may not read; None: it may read all of them.
pub fn unreadable(source: u32, role: u32, columns: &Value) -> Result<Option<String>> {
    if identity::may_select(role, source) {
        return Ok(None);
    }
    // A column that is gone cannot be read either, and is found later.
    identity::as_owner(|| {
        sql::text(
            "SELECT string_agg(DISTINCT a.attname::text, ', ')
               FROM jsonb_array_elements($3::jsonb) AS c(given)
               JOIN pg_attribute a ON a.attrelid = $2::oid AND a.attnum > 0 AND NOT a.attisdropped
                AND CASE jsonb_typeof(c.given) WHEN 'number' THEN a.attnum::text ELSE a.attname::text END = c.given #>> '{}'
              WHERE NOT has_column_privilege($1::oid, $2::oid, a.attnum, 'SELECT')",
            &[i64::from(role).into(), i64::from(source).into(), (&columns.to_string()).into()],
        )
    })
}

/// The schema of a relation, quoted, where a role may not use it.
pub fn schema_without_usage(source: u32, role: u32) -> Result<Option<String>> {
    identity::as_owner(|| {
        sql::text(
            "SELECT quote_ident(n.nspname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
              WHERE c.oid = $2::oid AND NOT has_schema_privilege($1::oid, n.oid, 'USAGE')",
            &[i64::from(role).into(), i64::from(source).into()],
        )
    })
}

fn tenant(loaded: &Loaded, claim: &Claim<'_>) -> Result<()> {
    let dataset = &loaded.dataset;
    if claim.all_tenants {
        if identity::bypasses_row_security(claim.role) {
            return Ok(());
        }
        return Err(Error::denied("all_tenants needs a role that bypasses row security")
            .hint("Export the tenant that is set, or use a role with BYPASSRLS."));
    }
    if dataset.tenant_column.is_none() {
        return Ok(());
    }
    if claim.tenant.set.is_none() {
        let setting = &claim.tenant.setting;
        return Err(Error::denied(format!(
            "no tenant is set, and dataset \"{}\" is exported by tenant",
            dataset.name
        ))
        .hint(format!("SET {setting} = '...' before you request the export.")));
    }
    let unguarded =
        loaded.lineage.tenant_tables().find(|table| !catalog::row_security_active(table.oid, claim.role));
    let Some(table) = unguarded else { return Ok(()) };
    let role = identity::role_name(claim.role).unwrap_or_default();
    let error =
        Error::denied(format!("row security is not active for role \"{role}\" on table {}", table.name));
    Err(if identity::bypasses_row_security(claim.role) {
        error.hint("Export as a role without superuser rights and without BYPASSRLS, or all tenants with all_tenants => true.")
    } else {
        error.hint(format!(
            "ALTER TABLE {0} ENABLE ROW LEVEL SECURITY; ALTER TABLE {0} FORCE ROW LEVEL SECURITY; or, if it contains no data of tenants: SELECT acct_export_shared_table({1}, 'reason');",
            table.name,
            crate::value::quote_literal(&table.name)
        ))
    })
}

/// Asks the dataset's own function, as the requester and read-only; anything but true is a refusal.
pub fn authorize(dataset: &Dataset, asked: &ExportRequest, reader: &identity::Reader<'_>) -> Result<()> {
    ask(&dataset.name, dataset.authorize.as_deref(), Some(dataset.source), asked, reader)
}

fn ask(
    dataset: &str,
    function: Option<&str>,
    source: Option<u32>,
    asked: &ExportRequest,
    reader: &identity::Reader<'_>,
) -> Result<()> {
    let Some(function) = function else { return Ok(()) };
    let refused = || Error::denied(format!("the export of dataset \"{dataset}\" was not authorized"));
    let found = authorize::find(function, source)?.ok_or_else(|| {
        refused().hint("The authorize function does not exist any more, or its owner is not the owner of the source. Set another one with acct_export_alter.")
    })?;
    // A superuser passes, as through all privilege checks, rather than running somebody else's code as superuser.
    if identity::is_superuser(reader.role) && !identity::is_superuser(found.owner) {
        return Ok(());
    }
    let request = serde_json::to_string(asked).map_err(|_| refused())?;
    let verdict = reader.undone(|| {
        report::deciding(|| {
            identity::as_requester(reader, || {
                sql::text_of_source(&format!("SELECT {}($1::jsonb)", found.name), &[(&request).into()])
            })
        })
    });
    match verdict {
        Ok(Some(answer)) if answer == "t" || answer == "true" => Ok(()),
        Ok(_) => Err(refused()),
        Err(report::Failure::Ours(error)) => Err(error),
        Err(failure) if failure.is_cancel() => Err(failure.into_error()),
        // Not its answer: a lock, or a resource of the server.
        Err(failure) if failure.is_of_server() => Err(failure
            .into_error()
            .detail(format!("The error was raised by the authorize function of dataset \"{dataset}\"."))),
        Err(report::Failure::Server(error)) => {
            Err(refused().detail(format!("The authorize function failed with SQLSTATE {}.", error.sqlstate)))
        }
    }
}

#[derive(Deserialize)]
struct Registered {
    /// None: the source is gone.
    source: Option<u32>,
    required_roles: Vec<String>,
    approver_roles: Vec<String>,
    authorize: Option<String>,
}

const REGISTERED: &str = "
SELECT jsonb_build_object('source', (SELECT c.oid::bigint FROM pg_class c WHERE c.oid = d.source),
                          'required_roles', d.required_roles, 'approver_roles', d.approver_roles, 'authorize', d.authorize)
  FROM acct_export.dataset d WHERE d.dataset = $1";

/// True if the caller may read a finished file now: the roles, SELECT on its fields, the dataset's function (42501). Of a
/// dataset that was unregistered since, SELECT on the relation that it was, where that is known.
pub fn at_download(dataset: &str, columns: &Columns<'_>, asked: &ExportRequest) -> Result<()> {
    if asked.all_tenants && !identity::bypasses_row_security(identity::current_user()) {
        return Err(Error::denied("a file of all tenants needs a role that bypasses row security")
            .hint("Export the tenant that is set, or use a role with BYPASSRLS."));
    }
    let registered: Option<Registered> = identity::as_owner(|| sql::document(REGISTERED, &[dataset.into()]))?;
    let caller = identity::current_user();
    let Some(registered) = registered else {
        return columns
            .source
            .map_or(Ok(()), |source| select_on(dataset, source, caller, &json!(columns.attnums)));
    };
    holds(caller, dataset, &registered.required_roles)?;
    if let Some(source) = registered.source {
        let columns = match columns.source {
            Some(read) if read == source => json!(columns.attnums),
            _ => json!(load::columns_of(dataset, columns.fields)?),
        };
        select_on(dataset, source, caller, &columns)?;
    }
    let reader = identity::Reader::checking(caller);
    ask(dataset, registered.authorize.as_deref(), registered.source, asked, &reader)
}

/// True if a role may know that a dataset exists, even if it lacks a right to export it: it has SELECT on a column of the source,
/// owns the source, is a member of all required roles or of an approver role, or has asked for an export of the dataset before. To
/// all other roles a dataset is answered as one that does not exist.
fn is_known_to(role: u32, dataset: &str, registered: &Registered) -> Result<bool> {
    let is_held = |required: &String| {
        identity::role_oid(required).is_some_and(|required| identity::may_act_as(role, required))
    };
    let required = &registered.required_roles;
    let is_open = |source: u32| {
        identity::may_select_any(role, source)
            || catalog::relation_owner(source).is_some_and(|owner| identity::may_act_as(role, owner))
    };
    if identity::is_superuser(role)
        || (!required.is_empty() && required.iter().all(is_held))
        || registered.approver_roles.iter().any(is_held)
        || registered.source.is_some_and(is_open)
    {
        return Ok(true);
    }
    let asked = "SELECT 'x' FROM acct_export.job WHERE requested_by = $2::oid AND dataset = $1 LIMIT 1";
    let found = identity::as_owner(|| sql::text(asked, &[dataset.into(), i64::from(role).into()]))?;
    Ok(found.is_some())
}

/// True if a dataset exists. 22023, the error for a dataset that does not exist, if the caller may not know of it; the audit trail
/// gets the true reason.
pub fn check_known(dataset: &str) -> Result<bool> {
    let registered: Option<Registered> = identity::as_owner(|| sql::document(REGISTERED, &[dataset.into()]))?;
    let Some(found) = registered else { return Ok(false) };
    let role = identity::current_user();
    if is_known_to(role, dataset, &found)? {
        return Ok(true);
    }
    let no_select = || Error::denied(format!("permission denied for the source of dataset \"{dataset}\""));
    let truth = holds(role, dataset, &found.required_roles).err().unwrap_or_else(no_select);
    Err(load::unknown(dataset)?.concealing(truth))
}

/// True if a role may know of a dataset: it holds the roles and may read something of the source.
pub fn may_know(role: u32, source: u32, required_roles: &[String]) -> bool {
    let holds = required_roles
        .iter()
        .all(|required| identity::role_oid(required).is_some_and(|oid| identity::may_act_as(role, oid)));
    holds && identity::may_select_any(role, source)
}

/// True if a role may know of a dataset whose source was dropped, and with it the rights on it: it holds the roles; without any,
/// it is a superuser.
pub fn may_know_without_source(role: u32, required_roles: &[String]) -> bool {
    identity::is_superuser(role)
        || (!required_roles.is_empty()
            && required_roles.iter().all(|required| {
                identity::role_oid(required).is_some_and(|oid| identity::may_act_as(role, oid))
            }))
}

/// True if the caller may know of a dataset by its name.
pub fn caller_may_know(dataset: &str) -> Result<bool> {
    let caller = identity::current_user();
    let registered: Option<Registered> = identity::as_owner(|| sql::document(REGISTERED, &[dataset.into()]))?;
    Ok(registered.is_some_and(|found| {
        found.source.is_some_and(|source| may_know(caller, source, &found.required_roles))
    }))
}
