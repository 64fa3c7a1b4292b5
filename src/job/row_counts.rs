//! Rows of earlier exports of the same rows: the same selection, role and session.

use crate::error::Result;
use crate::pg::sql;

/// Rows of the dataset in the last export of the same rows: the same selection, role and session. Of those that ride along there
/// are more in its files.
const LAST: &str = "
SELECT to_jsonb(CASE WHEN cardinality(j.titles) = 1 THEN j.rows_done
                     ELSE (SELECT (f.parts->0->>'rows')::bigint FROM acct_export.file f WHERE f.job = j.id AND f.file = 1) END)
  FROM acct_export.job j WHERE j.rows_print = $1 AND j.rows_done IS NOT NULL
 ORDER BY j.finished_at DESC LIMIT 1";

/// Rows of the dataset in the last export whose request has this print; None: there is none, or it kept no number. As the owner.
pub fn of_last(rows_print: &[u8]) -> Result<Option<i64>> {
    let last: Option<Option<i64>> = sql::document(LAST, &[sql::Arg::Bytes(rows_print)])?;
    Ok(last.flatten())
}

/// Rows of all files of the last job of the same rows.
const LAST_OF_JOB: &str = "
SELECT to_jsonb(j.rows_done) FROM acct_export.job j
 WHERE j.rows_print = (SELECT own.rows_print FROM acct_export.job own WHERE own.id = $1::uuid)
   AND j.rows_done IS NOT NULL AND j.id <> $1::uuid
 ORDER BY j.finished_at DESC LIMIT 1";

/// Rows of all files of the last job that read the same rows as this one. As the owner.
pub fn of_last_like(job: &str) -> Result<Option<i64>> {
    sql::document(LAST_OF_JOB, &[job.into()])
}
