//! Digests of an export's rows, kept with its job in the order of the key, for exports that ask what has changed since.
//!
//! Those that were asked for stay as long as the job's record, and go when its files are deleted by hand. Those that a saved export makes by
//! itself go with the files once a later run of it has its own, so that a daily export keeps one set and a monthly one finds last month's.
//! The record of the last run of a saved export that tells changes stays until there is a later one, however long that takes.

use super::chunks;
use crate::error::{Error, Kind, Result};
use crate::pg::sql::{self, Arg};
use crate::pg::xact;
use crate::spool::Spooled;
use serde_json::Value;

/// Digests that were made, ready to be stored.
pub struct Digests {
    pub spooled: Spooled,
    pub rows: u64,
    /// The choice of rows and fields that they are of.
    pub selection: Value,
}

const INSERT: &str = "INSERT INTO acct_export.digest (job, rows, selection) VALUES ($1::uuid, $2, $3::jsonb)";

const CHUNK: &str =
    "INSERT INTO acct_export.digest_chunk (job, chunk, unpacked, data) VALUES ($1::uuid, $2, $3, $4)";

/// Those of earlier runs of the same saved export, which nobody asked for and whose files are gone.
const REPLACED: &str = "
DELETE FROM acct_export.digest d USING acct_export.job j, acct_export.job n
 WHERE n.id = $1::uuid AND EXISTS (SELECT FROM acct_export.digest o WHERE o.job = n.id)
   AND j.saved = n.saved AND j.id <> n.id AND j.requested_by = n.requested_by AND j.status = 'expired'
   AND j.request #>> '{options,digests}' = 'auto' AND d.job = j.id";

/// Stores the digests of a job that completes in this transaction. As the owner.
pub fn store(job: &str, digests: &mut Digests) -> Result<()> {
    let selection = digests.selection.to_string();
    sql::run(INSERT, &[job.into(), (digests.rows as i64).into(), (&selection).into()])?;
    digests.spooled.rewind()?;
    chunks::each(&mut digests.spooled, &mut |chunk| {
        let arguments = [job.into(), chunk.number.into(), Arg::Int(chunk.unpacked), Arg::Bytes(chunk.data)];
        sql::run(CHUNK, &arguments).map(drop)
    })?;
    replace_earlier(job)
}

/// Removes what a run of a saved export has replaced by its own. As the owner.
pub(super) fn replace_earlier(job: &str) -> Result<()> {
    sql::run(REPLACED, &[job.into()]).map(drop)
}

/// The choice of rows and fields that a job's digests are of; None: it has none. As the owner.
pub fn selection_of(job: &str) -> Result<Option<Value>> {
    xact::with_latest_snapshot(|| {
        sql::document("SELECT selection FROM acct_export.digest WHERE job = $1::uuid", &[job.into()])
    })
}

/// The number of rows that a job's digests are of. 55000 where they are gone by now. As the owner.
pub fn rows_of(job: &str) -> Result<u64> {
    let rows =
        sql::document("SELECT to_jsonb(rows) FROM acct_export.digest WHERE job = $1::uuid", &[job.into()])?;
    rows.ok_or_else(|| {
        Error::new(Kind::NotInPrerequisiteState, format!("the digests of export job {job} were deleted"))
            .hint("Request a full export again with \"digests\": true.")
    })
}

/// A chunk after the size of its content, in four bytes, if it is packed; after zeros if it is not.
const STORED: &str = "
SELECT int4send(coalesce(unpacked, 0)) || data FROM acct_export.digest_chunk WHERE job = $1::uuid AND chunk = $2";

/// The content of one chunk, from 1; None: there are no more. As the owner.
pub fn read(job: &str, number: i64) -> Result<Option<Vec<u8>>> {
    let Some(stored) = sql::bytes(STORED, &[job.into(), number.into()])? else { return Ok(None) };
    let broken = || Error::new(Kind::DataCorrupted, "the digests of an export are damaged");
    chunks::content(&stored).ok_or_else(broken).map(Some)
}

const LAST: &str = "
SELECT jsonb_build_array(j.id, EXISTS (SELECT FROM acct_export.digest d WHERE d.job = j.id)) FROM acct_export.job j
 WHERE j.saved = $1 AND j.requested_by = $2::oid AND j.status IN ('completed', 'completed_with_errors', 'expired')
 ORDER BY j.finished_at DESC LIMIT 1";

/// The last run of a saved export by a role, and true if it has digests. As the owner.
pub fn last_of(saved: i64, role: u32) -> Result<Option<(String, bool)>> {
    sql::document(LAST, &[saved.into(), i64::from(role).into()])
}

/// SQL: true of a job `j` that is a run of a saved export, if there is no later one by its role. `$with`: which of them count.
macro_rules! is_last_run {
    ($with:literal) => {
        concat!(
            "(EXISTS (SELECT FROM acct_export.saved s WHERE s.generation = j.saved)
              AND NOT EXISTS (SELECT FROM acct_export.job l
                               WHERE l.saved = j.saved AND l.requested_by = j.requested_by AND l.finished_at > j.finished_at
                                 AND l.status IN ('completed', 'completed_with_errors', 'expired')",
            $with,
            "))"
        )
    };
}
pub(super) use is_last_run;

const REMOVE: &str = concat!(
    "DELETE FROM acct_export.digest d USING acct_export.job j
      WHERE d.job = $1::uuid AND j.id = d.job
        AND ($2 OR j.request #>> '{options,digests}' = 'auto' AND NOT ",
    is_last_run!(" AND EXISTS (SELECT FROM acct_export.digest n WHERE n.job = l.id)"),
    ")"
);

/// Removes the digests of a job whose files are removed; true if there were any. `all`: also those that outlast the files. As the owner.
pub fn remove(job: &str, all: bool) -> Result<bool> {
    Ok(sql::run(REMOVE, &[job.into(), all.into()])? > 0)
}
