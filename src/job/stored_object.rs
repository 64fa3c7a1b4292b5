//! Objects of jobs in buckets: recorded before they are begun, marked for deletion when nobody wants them, gone when the bucket has them no more.

use super::captured_session::CapturedSession;
use super::queue::Claimed;
use super::wake;
use crate::error::{Error, Kind, Result};
use crate::foreign_server::Server;
use crate::pg::{sql, worker};
use serde::Deserialize;

const BEGIN: &str = "
INSERT INTO acct_export.object (job, file, attempt, server, server_name, requested_by, bucket, key, uri, mapping, made_in)
VALUES ($1::uuid, $2, $3, $4::oid, $5, $6::oid, $7, $8, $9, $10::oid, $11)
RETURNING to_jsonb(id)";

/// The key of a file of this run of a job: under the prefix of the server, in a folder of its own.
pub fn key(server: &Server, job: &Claimed, name: &str) -> String {
    let prefix = server.option("prefix").map(|prefix| prefix.trim_end_matches('/'));
    let (before, slash) = prefix.map_or(("", ""), |prefix| (prefix, "/"));
    let again = if job.run > 1 { format!(".{}", job.run) } else { String::new() };
    format!("{before}{slash}{}{again}/{name}", job.id)
}

/// The mark on an object that identifies it as this file of this attempt.
pub fn mark(job: &str, attempt: i64, file: i64) -> String {
    format!("{job}/{attempt}/{file}")
}

/// Records an object that is about to be stored, with the credentials of a user mapping (0: the environment's); the row's id. As the owner.
pub fn begin(job: &Claimed, file: i64, server: &Server, key: &str, mapping: u32) -> Result<i64> {
    let id: Option<i64> = sql::change(
        BEGIN,
        &[
            (&job.id).into(),
            file.into(),
            job.run.into(),
            i64::from(server.oid).into(),
            (&server.name).into(),
            i64::from(job.requested_by).into(),
            server.bucket().into(),
            key.into(),
            (&server.uri(key)).into(),
            i64::from(mapping).into(),
            (&worker::here()).into(),
        ],
    )?;
    Ok(id.unwrap_or_default())
}

/// It is whole, and part of a job that completes in this transaction. As the owner.
pub fn stored(id: i64, e_tag: &str) -> Result<()> {
    let stored =
        "UPDATE acct_export.object SET status = 'stored', e_tag = $2 WHERE id = $1 AND status = 'uploading'";
    match sql::run(stored, &[id.into(), e_tag.into()])? {
        1 => Ok(()),
        // Somebody has taken this attempt for lost: its object goes.
        _ => Err(Error::new(Kind::Internal, "the object of a file is to be removed already")),
    }
}

const DOOM: &str = "
UPDATE acct_export.object SET status = 'doomed', doomed_at = clock_timestamp(), next_try_at = clock_timestamp()
 WHERE job = $1::uuid AND status = $2";

/// Marks for deletion the objects that a job has begun and will not end. As the owner.
pub fn mark_begun_for_deletion(job: &str) -> Result<()> {
    mark_for_deletion(job, "uploading")
}

/// The files of a job are to be removed. As the owner.
pub fn mark_stored_for_deletion(job: &str) -> Result<()> {
    mark_for_deletion(job, "stored")
}

fn mark_for_deletion(job: &str, status: &str) -> Result<()> {
    if sql::run(DOOM, &[job.into(), status.into()])? > 0 {
        wake::sender_at_commit();
    }
    Ok(())
}

/// An object that is to be removed.
#[derive(Debug, Deserialize)]
pub struct MarkedObject {
    pub id: i64,
    pub job: String,
    attempt: i64,
    file: i64,
    pub server: u32,
    pub requested_by: u32,
    pub bucket: String,
    pub key: String,
    pub uri: String,
    pub mapping: Option<u32>,
    /// True if it has never been whole.
    pub is_begun: bool,
}

impl MarkedObject {
    pub fn mark(&self) -> String {
        mark(&self.job, self.attempt, self.file)
    }
}

/// The next one that is due, which nobody else takes for some time. As the owner.
const NEXT: &str = "
UPDATE acct_export.object o
   SET tries = tries + 1, next_try_at = clock_timestamp() + least(interval '1 minute' * 2 ^ least(tries, 12), interval '1 day')
 WHERE id = (SELECT id FROM acct_export.object WHERE status = 'doomed' AND next_try_at <= clock_timestamp() AND made_in = $1
              ORDER BY next_try_at LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING jsonb_build_object('id', id, 'job', job, 'attempt', attempt, 'file', file, 'server', server::bigint,
              'requested_by', requested_by::bigint, 'bucket', bucket, 'key', key, 'uri', uri, 'mapping', mapping::bigint,
              'is_begun', e_tag IS NULL)";

pub fn next_marked() -> Result<Option<MarkedObject>> {
    sql::change(NEXT, &[(&worker::here()).into()])
}

/// A store may finish what it was sent long after whoever sent it has gone: what was never whole is looked for once more.
const FORGET: &str = "
WITH gone AS (DELETE FROM acct_export.object
               WHERE id = $1 AND status = 'doomed' AND (e_tag IS NOT NULL OR doomed_at < clock_timestamp() - interval '15 minutes')
              RETURNING id)
UPDATE acct_export.object SET next_try_at = doomed_at + interval '15 minutes', error = NULL, error_code = NULL
 WHERE id = $1 AND NOT EXISTS (SELECT FROM gone)";

/// Nothing of it is left. As the owner.
pub fn forget(marked: &MarkedObject) -> Result<()> {
    sql::run(FORGET, &[marked.id.into()])?;
    Ok(())
}

/// Records the reason why it could not be removed this time. `is_away`: nothing on its server can be, for some time. As the owner.
pub fn not_removed(marked: &MarkedObject, error: &str, sqlstate: &str, is_away: bool) -> Result<()> {
    let kept = "UPDATE acct_export.object SET error = $2, error_code = $3 WHERE id = $1";
    sql::run(kept, &[marked.id.into(), error.into(), sqlstate.into()])?;
    if is_away {
        let postponed = "
UPDATE acct_export.object o SET next_try_at = d.next_try_at FROM acct_export.object d
 WHERE d.id = $1 AND o.server = d.server AND o.status = 'doomed' AND o.next_try_at < d.next_try_at";
        sql::run(postponed, &[marked.id.into()])?;
    }
    Ok(())
}

/// Marks for deletion the objects of an attempt that is no more. As the owner.
pub fn mark_lost_for_deletion() -> Result<()> {
    let lost = "
UPDATE acct_export.object o SET status = 'doomed', doomed_at = clock_timestamp(), next_try_at = clock_timestamp()
 WHERE o.status = 'uploading' AND o.made_in = $1
   AND NOT EXISTS (SELECT FROM acct_export.job j WHERE j.id = o.job AND j.status = 'running' AND j.runs = o.attempt)";
    if sql::run(lost, &[(&worker::here()).into()])? > 0 {
        wake::sender_at_commit();
    }
    Ok(())
}

const OF_JOB: &str = "
SELECT jsonb_build_array(j.context, j.requested_login::bigint, array_agg(o.file ORDER BY o.file))
  FROM acct_export.job j JOIN acct_export.object o ON o.job = j.id AND o.status = 'stored'
 WHERE j.id = $1::uuid GROUP BY j.context, j.requested_login";

/// The session and the login that a job was asked for by, and its files that are in buckets; None: there are none. As the owner.
pub fn of_job(job: &str) -> Result<Option<(CapturedSession, u32, Vec<i64>)>> {
    sql::document(OF_JOB, &[job.into()])
}
