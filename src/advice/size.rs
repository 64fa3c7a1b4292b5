//! Sizes of tables, without reading them.

use crate::error::Result;
use crate::pg::{identity, sql};

/// Rows below which neither an index nor a sort makes a difference.
const FEW: f64 = 10_000.0;

/// Rows of a table as the planner reckons them (estimate_rel_size, util/plancat.c): the density that the last ANALYZE or VACUUM saw, times
/// the size of now. One that neither has seen counts 50 rows a block. Partitions and children count as well.
const ROWS: &str = "
WITH RECURSIVE family(oid) AS (
    SELECT $1::oid
    UNION
    SELECT i.inhrelid FROM family JOIN pg_inherits i ON i.inhparent = family.oid
), sized AS (
    SELECT c.reltuples, c.relpages, pg_relation_size(c.oid) / current_setting('block_size')::integer AS pages
      FROM family JOIN pg_class c ON c.oid = family.oid WHERE c.relkind = 'r'
)
SELECT to_jsonb(coalesce(sum(pages * CASE WHEN reltuples >= 0 AND relpages > 0 THEN reltuples / relpages ELSE 50 END), 0))
  FROM sized";

/// True if tables have few rows together.
pub fn are_few(tables: impl IntoIterator<Item = u32>) -> Result<bool> {
    let mut rows = 0.0;
    for table in tables {
        rows += identity::as_owner(|| sql::document::<f64>(ROWS, &[i64::from(table).into()]))?.unwrap_or(0.0);
    }
    Ok(rows < FEW)
}
