//! Who may export: asked when a job is requested, again when it runs, and again when its file is read.

use super::lineage;
use super::load::Loaded;
use super::model::Dataset;
use crate::error::{Error, Result};
use crate::pg::{catalog, identity, report, sql, xact};
use crate::request::{filter, Asked};
use serde::Deserialize;

/// What the rights depend on beside the dataset.
pub struct Claim<'a> {
    pub role: u32,
    pub tenant: Option<&'a str>,
    pub all_tenants: bool,
}

/// The tenant guard, the roles and SELECT on the columns that the query names (42501).
pub fn check(loaded: &Loaded, claim: &Claim<'_>, columns: &[&str]) -> Result<()> {
    let dataset = &loaded.dataset;
    holds(claim.role, &dataset.name, &dataset.required_roles)?;
    select_on(&dataset.name, dataset.source, claim.role, columns)?;
    no_borrowed_code(dataset, claim.role)?;
    tenant(loaded, claim)
}

/// What reading runs of somebody else's does not run with a superuser's rights.
fn no_borrowed_code(dataset: &Dataset, role: u32) -> Result<()> {
    if !identity::may_run_programs(role) {
        return Ok(());
    }
    let Some(borrowed) = lineage::borrowed(dataset.source, role)? else { return Ok(()) };
    Err(Error::denied(format!(
        "dataset \"{}\" depends on {borrowed} of a role without superuser rights, whose code would run with the rights of one who has them",
        dataset.name
    ))
    .hint("Export as a role without superuser rights (with BYPASSRLS for all tenants)."))
}

/// Whether the requester may ask for a dataset at all, before anything is said of its fields (42501).
pub fn may_ask(dataset: &Dataset, role: u32) -> Result<()> {
    holds(role, &dataset.name, &dataset.required_roles)?;
    if identity::may_select_any(role, dataset.source) {
        return Ok(());
    }
    select_on(&dataset.name, dataset.source, role, &[&dataset.key])?;
    Err(Error::denied(format!("permission denied for the source of dataset \"{}\"", dataset.name)))
}

/// Whether a role is a member of all the roles that a dataset requires (42501, naming those that are missing).
pub fn holds(role: u32, dataset: &str, required_roles: &[String]) -> Result<()> {
    let name = identity::role_name(role)
        .ok_or_else(|| Error::denied("the role that asked for the export does not exist any more"))?;
    let missing: Vec<&str> = required_roles
        .iter()
        .map(String::as_str)
        .filter(|required| !identity::role_oid(required).is_some_and(|oid| identity::is_member(role, oid)))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Error::denied(format!("role \"{name}\" may not export dataset \"{dataset}\""))
        .hint(format!("It needs membership in: {}.", missing.join(", "))))
}

fn select_on(dataset: &str, source: u32, role: u32, columns: &[&str]) -> Result<()> {
    let columns = serde_json::json!(columns).to_string();
    // Names come from the catalogue; a column that is gone gives NULL and is found later by name.
    let denied = identity::as_owner(|| {
        sql::text(
            "SELECT string_agg(DISTINCT c.name, ', ')
               FROM jsonb_array_elements_text($3::jsonb) AS c(name)
               JOIN pg_attribute a ON a.attrelid = $2::oid AND a.attname = c.name AND NOT a.attisdropped
              WHERE NOT has_column_privilege($1::oid, $2::oid, a.attnum, 'SELECT')",
            &[i64::from(role).into(), i64::from(source).into(), (&columns).into()],
        )
    })?;
    let Some(denied) = denied else { return Ok(()) };
    let relation = catalog::relation_name(source).unwrap_or_default();
    let role = identity::role_name(role).unwrap_or_default();
    Err(Error::denied(format!("permission denied for {relation}, which dataset \"{dataset}\" reads"))
        .hint(format!("Role \"{role}\" needs SELECT on: {denied}.")))
}

fn tenant(loaded: &Loaded, claim: &Claim<'_>) -> Result<()> {
    let dataset = &loaded.dataset;
    if claim.all_tenants {
        if identity::bypasses_row_security(claim.role) {
            return Ok(());
        }
        return Err(Error::denied("all_tenants is for roles that bypass row security")
            .hint("Export the tenant that is set, or ask as a role with BYPASSRLS."));
    }
    if dataset.tenant_column.is_none() {
        return Ok(());
    }
    if claim.tenant.is_none() {
        let setting = crate::settings::tenant_setting();
        return Err(Error::denied(format!(
            "no tenant is set, and dataset \"{}\" is exported by tenant",
            dataset.name
        ))
        .hint(format!("SET {setting} = '...' before you ask for the export.")));
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
            "ALTER TABLE {0} ENABLE ROW LEVEL SECURITY; ALTER TABLE {0} FORCE ROW LEVEL SECURITY; or, if it holds no tenant's data: SELECT acct_export_shared_table({1}, 'why');",
            table.name,
            filter::quote_literal(&table.name)
        ))
    })
}

/// Asks the dataset's own function, as the requester and read-only; anything but true is a refusal.
pub fn authorize(dataset: &Dataset, asked: &Asked, reader: &identity::Reader<'_>) -> Result<()> {
    ask(&dataset.name, dataset.authorize.as_deref(), asked, reader)
}

fn ask(dataset: &str, function: Option<&str>, asked: &Asked, reader: &identity::Reader<'_>) -> Result<()> {
    let Some(function) = function else { return Ok(()) };
    let refused = || Error::denied(format!("the export of dataset \"{dataset}\" was not authorized"));
    let found: Option<(String, u32)> = identity::as_owner(|| {
        // The stored signature is resolved by the catalogue and quoted by it: only what is a function gets into the text.
        sql::document(
            "SELECT jsonb_build_array(quote_ident(n.nspname) || '.' || quote_ident(p.proname), p.proowner::bigint)
               FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
              WHERE p.oid = to_regprocedure($1) AND p.prorettype = 'boolean'::regtype",
            &[function.into()],
        )
    })?;
    let (name, owner) = found.ok_or_else(|| {
        refused().hint("Its authorize function does not exist any more; register the dataset again.")
    })?;
    // A superuser passes, as through all privilege checks, rather than running somebody else's code as superuser.
    if identity::is_superuser(reader.role) && !identity::is_superuser(owner) {
        return Ok(());
    }
    let request = serde_json::to_string(asked).map_err(|_| refused())?;
    let verdict = xact::attempt(|| {
        identity::as_requester(reader, || {
            sql::text(&format!("SELECT {name}($1::jsonb)"), &[(&request).into()])
        })
    });
    match verdict {
        Ok(Some(answer)) if answer == "t" || answer == "true" => Ok(()),
        Ok(_) => Err(refused()),
        Err(report::Failure::Server(error)) if error.sqlstate == "57014" => {
            Err(report::Failure::Server(error).into_error())
        }
        Err(report::Failure::Server(error)) => {
            Err(refused().detail(format!("Its authorize function failed with SQLSTATE {}.", error.sqlstate)))
        }
        Err(report::Failure::Ours(error)) => Err(error),
    }
}

#[derive(Deserialize)]
struct Registered {
    /// None: the source is gone.
    source: Option<u32>,
    required_roles: Vec<String>,
    authorize: Option<String>,
}

const REGISTERED: &str = "
SELECT jsonb_build_object('source', (SELECT c.oid::bigint FROM pg_class c WHERE c.oid = d.source),
                          'required_roles', d.required_roles, 'authorize', d.authorize)
  FROM acct_export.dataset d WHERE d.dataset = $1";

/// Whether the caller may read a finished file now: the roles, SELECT on its fields, the dataset's function (42501). Of a
/// dataset that was unregistered since, SELECT on the relation that it was, where that is known.
pub fn at_download(dataset: &str, source: Option<u32>, fields: &[String], asked: &Asked) -> Result<()> {
    if asked.all_tenants && !identity::bypasses_row_security(identity::current_user()) {
        return Err(Error::denied("a file of all tenants is for roles that bypass row security")
            .hint("Export your own tenant."));
    }
    let registered: Option<Registered> = identity::as_owner(|| sql::document(REGISTERED, &[dataset.into()]))?;
    let caller = identity::current_user();
    let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
    let Some(registered) = registered else {
        return source.map_or(Ok(()), |source| select_on(dataset, source, caller, &fields));
    };
    holds(caller, dataset, &registered.required_roles)?;
    if let Some(source) = registered.source {
        select_on(dataset, source, caller, &fields)?;
    }
    let reader = identity::Reader { role: caller, own_session: false, settings: &[] };
    ask(dataset, registered.authorize.as_deref(), asked, &reader)
}

/// Whether a role may know of a dataset: it holds the roles and may read something of the source.
pub fn may_know(role: u32, source: u32, required_roles: &[String]) -> bool {
    let holds = required_roles
        .iter()
        .all(|required| identity::role_oid(required).is_some_and(|oid| identity::is_member(role, oid)));
    holds && identity::may_select_any(role, source)
}

/// Whether the caller may know of a dataset by its name.
pub fn caller_may_know(dataset: &str) -> Result<bool> {
    let caller = identity::current_user();
    let registered: Option<Registered> = identity::as_owner(|| sql::document(REGISTERED, &[dataset.into()]))?;
    Ok(registered.is_some_and(|found| {
        found.source.is_some_and(|source| may_know(caller, source, &found.required_roles))
    }))
}
