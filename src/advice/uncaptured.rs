//! Policies and views that read a setting which is not captured with a request.
//!
//! The rows of such a source depend on a value that a job does not have when it runs, and its visibility does not depend on that value:
//! persons who share a role would see each other's jobs. The tenant's setting, the actor's and those of `acct_export.session_settings` are
//! captured.

use super::Advice;
use crate::catalog::load::Loaded;
use crate::catalog::settings_read;
use crate::error::Result;
use crate::pg::catalog;
use crate::settings;
use crate::value::quote_literal;
use std::collections::BTreeSet;

/// Settings of the server that are the same in the worker, or captured always.
const SAME: [&str; 13] = [
    "timezone",
    "work_mem",
    "max_parallel_workers_per_gather",
    "role",
    "session_authorization",
    "is_superuser",
    "row_security",
    "search_path",
    "server_version",
    "server_version_num",
    "server_encoding",
    "block_size",
    "data_directory",
];

pub fn found(loaded: &Loaded) -> Result<Vec<Advice>> {
    let captured = captured(loaded);
    let mut missing = settings_read::by(&loaded.lineage)?;
    missing.iter_mut().for_each(|(_, names)| names.retain(|name| !captured.contains(name)));
    missing.retain(|(_, names)| !names.is_empty());
    // Each hint is whole: the last one that is followed mends all.
    let all: BTreeSet<&String> = missing.iter().flat_map(|(_, names)| names).collect();
    let hint = hint(&all);
    Ok(missing
        .iter()
        .map(|(what, names)| {
            let names: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
            let noun = if names.len() == 1 { "setting" } else { "settings" };
            let advice = format!(
                "{what} reads {noun} {}, which exports of dataset \"{}\" do not capture",
                names.join(", "),
                loaded.dataset.name
            );
            Advice { advice, hint: hint.clone() }
        })
        .collect())
}

fn captured(loaded: &Loaded) -> BTreeSet<String> {
    let of_dataset = loaded.dataset.tenant_setting.iter().cloned();
    let all = settings::captured_settings().into_iter().chain(of_dataset);
    all.map(|name| name.to_lowercase()).chain(SAME.map(str::to_owned)).collect()
}

/// For the database: it is in force in each new session, and needs no reload.
fn hint(missing: &BTreeSet<&String>) -> String {
    let mut names = settings::session_settings();
    names.extend(missing.iter().map(|name| (*name).clone()));
    format!(
        "ALTER DATABASE {} SET acct_export.session_settings = {};",
        catalog::quoted(&catalog::database_name()),
        quote_literal(&names.join(", "))
    )
}
