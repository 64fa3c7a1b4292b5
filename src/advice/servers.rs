//! Foreign servers that an export would wait for without an end.

use super::Advice;
use crate::catalog::load::Loaded;
use crate::error::Result;
use crate::pg::{catalog, identity, sql};

/// Servers of postgres_fdw that these relations, their partitions and children are on, and that may take for ever to answer: until
/// PostgreSQL 15 not even a cancel request ends the wait for a connection.
const PATIENT: &str = "
WITH RECURSIVE below(oid) AS (
    SELECT unnest($1::oid[])
    UNION
    SELECT i.inhrelid FROM below JOIN pg_inherits i ON i.inhparent = below.oid)
SELECT DISTINCT to_jsonb(s.srvname)
  FROM below
  JOIN pg_foreign_table f ON f.ftrelid = below.oid
  JOIN pg_foreign_server s ON s.oid = f.ftserver
  JOIN pg_foreign_data_wrapper w ON w.oid = s.srvfdw
 WHERE w.fdwname = 'postgres_fdw'
   AND NOT EXISTS (SELECT FROM pg_options_to_table(s.srvoptions) o WHERE o.option_name = 'connect_timeout')
 ORDER BY 1";

pub fn patient(loaded: &Loaded) -> Result<Vec<Advice>> {
    if !loaded.lineage.reads_other_servers() {
        return Ok(Vec::new());
    }
    let tables: Vec<String> = loaded.lineage.base_tables().map(|table| table.oid.to_string()).collect();
    let tables = format!("{{{}}}", tables.join(","));
    let servers: Vec<String> = identity::as_owner(|| sql::documents(PATIENT, &[(&tables).into()]))?;
    let advice = |server: String| {
        Advice {
        advice: format!(
            "an export of dataset \"{}\" waits for server \"{server}\" without a time limit if it does not answer",
            loaded.dataset.name
        ),
        hint: format!("ALTER SERVER {} OPTIONS (ADD connect_timeout '10');", catalog::quoted(&server)),
    }
    };
    Ok(servers.into_iter().map(advice).collect())
}
