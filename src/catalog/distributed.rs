//! Tables of Citus: their rows are on other servers, to which Citus connects as the current user.
//!
//! A background export puts the settings of the session that asked back in its own process, and Citus does not send them from there: a
//! policy that reads one would see no tenant, and the file would be complete and empty. Such an export is refused. A stream reads in the
//! caller's own transaction, which can send them.

use super::lineage::{reads_settings, Lineage, Relation};
use super::settings_read;
use crate::error::{Error, Kind, Result};
use crate::pg::{catalog, identity, sql};
use std::collections::BTreeSet;

const AMONG: &str = "
SELECT to_jsonb(d.logicalrelid::oid::bigint) FROM pg_catalog.pg_dist_partition d
 WHERE d.logicalrelid = ANY (ARRAY(SELECT jsonb_array_elements_text($1::jsonb)::oid))";

/// Those of the relations that Citus distributes.
pub(super) fn among(relations: &[Relation]) -> Result<Vec<u32>> {
    // Without Citus there is no such table.
    if catalog::relation_oid("pg_catalog", "pg_dist_partition").is_none() {
        return Ok(Vec::new());
    }
    let oids: Vec<u32> = relations.iter().map(|relation| relation.oid).collect();
    let oids = serde_json::json!(oids).to_string();
    identity::as_owner(|| sql::documents(AMONG, &[(&oids).into()]))
}

/// 42501 where the role cannot connect to the other servers; 0A000 where rows depend there on what a background export cannot send.
pub fn check(lineage: &Lineage, dataset: &str, role: u32, in_background: bool) -> Result<()> {
    let Some(table) = lineage.distributed_tables().next() else { return Ok(()) };
    if !identity::may_log_in(role) {
        let name = identity::role_name(role).unwrap_or_default();
        return Err(Error::denied(format!(
            "role \"{name}\" cannot log in, and table {} of dataset \"{dataset}\" is on other servers",
            table.name
        ))
        .hint(format!(
            "Citus connects to them as this role: ALTER ROLE {} LOGIN; or request the export as a role that can log in.",
            catalog::quoted(&name)
        )));
    }
    if !in_background {
        return Ok(());
    }
    let mut readers: Vec<(String, BTreeSet<String>)> = settings_read::by_views(lineage)?;
    for table in lineage.distributed_tables() {
        readers.extend(settings_read::by_policies(table)?);
    }
    match readers.iter().find_map(|(reader, settings)| Some((reader, settings.first()?))) {
        None => Ok(()),
        Some((reader, setting)) => Err(unsent(dataset, reader, setting)),
    }
}

fn unsent(dataset: &str, reader: &str, setting: &str) -> Error {
    let read = match setting {
        reads_settings::LOGIN => "the session user".to_owned(),
        setting => format!("setting \"{setting}\""),
    };
    Error::new(
        Kind::FeatureNotSupported,
        format!("dataset \"{dataset}\" cannot be exported in the background, because {reader} reads {read}"),
    )
    .detail("Its tables are distributed by Citus, which does not send the settings of a background export to its other servers.")
    .hint("Use acct_export_stream in a transaction that sets it with SET LOCAL while citus.propagate_set_commands is 'local'.")
}
