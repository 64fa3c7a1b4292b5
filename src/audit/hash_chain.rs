//! The chain: an event gets its place behind the last one after it was written, in a batch.
//!
//! A transaction that has written events puts all that wait, and its own, behind the last one just before it commits, when no code
//! of a user's runs any more; the lock that orders the chain is held for the time of this commit only. (A deferred trigger would do
//! the same, but `SET CONSTRAINTS ALL IMMEDIATE` and other deferred triggers could stretch that time.) Where another commit holds
//! the lock, it is not waited for: the events are committed with their own hashes alone, and wait for the next commit with an event,
//! or for a worker. So commits do not queue behind one another's write to the disk.
//!
//! No event is lost or changed unseen on the way:
//! - An event is a row of the transaction that it tells of: a crash keeps both or neither. Its place is a later change of the row, in
//!   one transaction with the seal: a crash keeps both of these or neither.
//! - Until then it has the hash of its own columns, which is compared before it gets a place: one that was changed, or put in by
//!   others, gets none, and `acct_export_audit_verify` finds it. (It cannot find one that a superuser has removed in this time, or
//!   changed together with its hash: nothing stands behind it yet.)
//! - Places are given under the lock, with a snapshot that is taken after the lock was: no place is given twice.
//!   Events of one batch have their places in the order in which they were written, and a later batch is behind an earlier one.

use crate::error::{Error, Kind, Result};
use crate::pg::lock::Lock;
use crate::pg::{catalog, identity, report, sql, xact};
use std::cell::Cell;

thread_local! {
    /// Events of the current transaction; with the first one the hook is registered.
    static EVENTS: Cell<i64> = const { Cell::new(0) };
}

/// Seals the event that was just written, and others of this transaction, when it commits.
pub fn at_commit() {
    let before = EVENTS.get();
    EVENTS.set(before + 1);
    if before > 0 {
        return;
    }
    xact::on_end(|_| EVENTS.set(0));
    xact::before_prepare(|| {
        report::raise(
            Error::new(
                Kind::FeatureNotSupported,
                "cannot PREPARE a transaction that has requested, read or streamed an export",
            )
            .hint("Use COMMIT."),
        )
    });
    xact::before_commit(|| {
        // DROP EXTENSION in the same transaction takes the trail along.
        if !xact::may_write() || !catalog::is_installed() || !Lock::Chain.try_for_transaction() {
            return;
        }
        // Events that committed before the lock was free are seen, also in a REPEATABLE READ transaction. And as a snapshot is
        // active, SPI leaves none behind for the portal of a procedure that commits (EnsurePortalSnapshotExists).
        let seal = || identity::as_owner(|| seal(EVENTS.get() + OF_OTHERS));
        match xact::with_latest_snapshot(|| xact::attempt(seal)) {
            Ok(_) => {}
            Err(failure) if failure.is_cancel() => report::raise(failure.into_error()),
            // The events are there, and wait: what is wrong with the chain is for acct_export_audit_verify to tell.
            Err(failure) => {
                let code = failure.sqlstate();
                report::log(&format!("could not add events to the hash chain of the audit trail (SQLSTATE {code}); they are added later"));
            }
        }
    });
}

/// Seals what waits, a batch; true: there may be more. As the owner, in a transaction that does nothing else.
pub fn seal_waiting() -> Result<bool> {
    if sql::planned_without(&BY_INDEX, || sql::text(WAITS, &[]))?.is_none() {
        return Ok(false);
    }
    Lock::Chain.acquire_for_transaction();
    xact::with_latest_snapshot(|| seal(BATCH)).map(|sealed| sealed == BATCH)
}

/// Events that a worker seals at once.
const BATCH: i64 = 200;

/// Events of others that a commit seals at most: they do not seal meanwhile, so that all of theirs would be this one's to seal.
const OF_OTHERS: i64 = 20;

const WAITS: &str = "
SELECT 'x' FROM acct_export.audit a WHERE a.seq IS NULL AND a.hash = acct_export.audit_hash('\\x', 0, a) LIMIT 1";

/// Plans that the last entries of indexes serve, however long the trail is.
const BY_INDEX: [&str; 3] = ["enable_seqscan", "enable_hashjoin", "enable_mergejoin"];

/// The last link is an event, or the anchor where the DBA has removed all events. Behind it come the first events that wait and
/// that nobody has changed since they were written.
const SEAL: &str = "
WITH RECURSIVE last AS (
    SELECT seq, hash
      FROM ((SELECT seq, hash FROM acct_export.audit WHERE seq IS NOT NULL ORDER BY seq DESC LIMIT 1)
            UNION ALL SELECT seq, hash FROM acct_export.audit_anchor) l
     ORDER BY seq DESC LIMIT 1
), waiting AS MATERIALIZED (
    SELECT a AS event, row_number() OVER (ORDER BY a.id) AS place
      FROM acct_export.audit a
     WHERE a.seq IS NULL AND a.hash = acct_export.audit_hash('\\x', 0, a)
     ORDER BY a.id LIMIT $1
), chain(place, id, seq, hash) AS (
    SELECT 0::bigint, NULL::bigint, coalesce((SELECT seq FROM last), 0), coalesce((SELECT hash FROM last), '\\x')
    UNION ALL
    SELECT w.place, (w.event).id, c.seq + 1, acct_export.audit_hash(c.hash, c.seq + 1, w.event)
      FROM chain c JOIN waiting w ON w.place = c.place + 1
), sealed AS (
    UPDATE acct_export.audit a SET seq = c.seq, hash = c.hash FROM chain c WHERE a.id = c.id RETURNING a.seq, a.hash
), kept AS (
    INSERT INTO acct_export.audit_seal (seq, hash) SELECT seq, hash FROM sealed RETURNING seq
)
SELECT to_jsonb(count(*)) FROM kept";

/// Puts events behind the last one; their number. As the owner, under the lock of the chain.
fn seal(most: i64) -> Result<i64> {
    let sealed = sql::planned_without(&BY_INDEX, || sql::change_latest(SEAL, &[most.into()]))?;
    Ok(sealed.unwrap_or(0))
}
