//! The reason why nothing of a dataset can be exported, whoever asks. Nothing is read but catalogs.

use super::load::{self, Loaded};
use super::{authorize, key};
use crate::error::Result;
use crate::pg::report::Failure;
use crate::pg::{identity, sql, types, xact};

/// None: all is well. It never fails for what is wrong with the dataset; errors of the server's state (a cancel, a lock) are errors.
pub fn reason(dataset: &str) -> Result<Option<String>> {
    match xact::attempt(|| xact::with_latest_snapshot(|| find(dataset))) {
        Ok(reason) => Ok(reason),
        Err(failure) if failure.is_of_server() => Err(failure.into_error()),
        Err(Failure::Ours(error)) => Ok(Some(error.message)),
        Err(failure) => {
            Ok(Some(format!("the dataset could not be checked, SQLSTATE {}", failure.sqlstate())))
        }
    }
}

fn find(dataset: &str) -> Result<Option<String>> {
    let loaded = load::load(dataset)?;
    for reason in [columns, roles, authorize, tenants] {
        if let Some(reason) = reason(&loaded)? {
            return Ok(Some(reason));
        }
    }
    Ok(None)
}

/// The columns that every export names.
pub fn columns(loaded: &Loaded) -> Result<Option<String>> {
    let dataset = &loaded.dataset;
    let has_disabled = !dataset.disabled_values.is_empty();
    let status = dataset.status_column.as_ref().filter(|_| has_disabled);
    let key = dataset.key.iter().map(|name| (name, "key"));
    let tenant = dataset.tenant_column.iter().map(|name| (name, "tenant_column"));
    for (name, what) in key.chain(tenant).chain(status.map(|name| (name, "status_column"))) {
        let field = dataset.field(name).filter(|field| field.ty.oid != 0);
        let Some(field) = field else {
            return Ok(Some(format!("the source has no column \"{name}\" any more, which is the {what}")));
        };
        // The tenant is compared and never shown.
        if let (Some(reason), true) = (&field.barred, what != "tenant_column") {
            return Ok(Some(format!("the {what} \"{name}\" is never exported: {reason}")));
        }
        if what == "tenant_column" {
            if let Err(error) = key::check_tenant_type(name, &field.ty) {
                return Ok(Some(error.message));
            }
        }
        if what == "status_column" {
            let unknown =
                dataset.disabled_values.iter().find(|value| !types::may_have_label(field.ty.base, value));
            if let Some(value) = unknown {
                return Ok(Some(format!(
                    "disabled value \"{value}\" is not a label of type {} any more",
                    field.ty.name
                )));
            }
        }
    }
    if dataset.fields.iter().all(|field| field.barred.is_some()) {
        return Ok(Some("no field can be exported".to_owned()));
    }
    Ok(None)
}

fn roles(loaded: &Loaded) -> Result<Option<String>> {
    let missing = loaded.dataset.required_roles.iter().find(|role| identity::role_oid(role).is_none());
    Ok(missing.map(|role| format!("required role \"{role}\" does not exist any more")))
}

fn authorize(loaded: &Loaded) -> Result<Option<String>> {
    let Some(function) = &loaded.dataset.authorize else { return Ok(None) };
    match authorize::find(function, Some(loaded.dataset.source))? {
        Some(_) => Ok(None),
        None => {
            Ok(Some(format!("function {function} does not exist any more, or cannot authorize a request")))
        }
    }
}

/// Tables of tenants without row security: every export by tenant is refused.
fn tenants(loaded: &Loaded) -> Result<Option<String>> {
    if loaded.dataset.tenant_column.is_none() {
        return Ok(None);
    }
    for table in loaded.lineage.tenant_tables() {
        if !has_row_security(table.oid)? {
            return Ok(Some(format!(
                "row security is not enabled on table {}, so exports by tenant are refused",
                table.name
            )));
        }
    }
    Ok(None)
}

/// True if row security is enabled on a table.
pub fn has_row_security(table: u32) -> Result<bool> {
    let enabled = "SELECT 'x' FROM pg_class WHERE oid = $1::oid AND relrowsecurity";
    Ok(identity::as_owner(|| sql::text(enabled, &[i64::from(table).into()]))?.is_some())
}
