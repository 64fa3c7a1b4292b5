//! The chain: an event gets its place behind the last one after it was written, in a batch.
//!
//! A transaction that has written events puts all that wait, and its own, behind the last one just before it commits, when no code
//! of a user's runs any more; the lock that orders the chain is held for the time of this commit only. (A deferred trigger would do
//! the same, but `SET CONSTRAINTS ALL IMMEDIATE` and other deferred triggers could stretch that time.) Where another commit holds
//! the lock, it is not waited for: the events are committed with their own hashes alone, and wait for the next commit with an event,
//! or for a worker. So commits do not queue behind one another's write to the disk.
//!
//! No event is lost or changed unseen on the way:
//! - An event is a row of the transaction that it tells of, and so there after a crash if that transaction is. To give it a place is
//!   another change of the row, in one transaction with the seal: after a crash both are there or neither.
//! - Until then it has the hash of its own columns, which is compared before it gets a place: one that was changed, or put in by
//!   others, gets none, and `acct_export_audit_verify` finds it. (It cannot find one that a superuser has removed in this time.)
//! - Places are given under the lock, with a snapshot that is taken after the lock was: the last place is never given twice, and the
//!   order of places is the order in which transactions were seen to have committed. Within one it is that of writing.

use crate::error::{Error, Kind, Result};
use crate::pg::lock::Lock;
use crate::pg::{catalog, identity, report, sql, xact};
use std::cell::Cell;

thread_local! {
    /// The hook is registered for the current transaction.
    static PLANNED: Cell<bool> = const { Cell::new(false) };
}

/// Seals the events of this transaction when it commits.
pub fn at_commit() {
    if PLANNED.with(|planned| planned.replace(true)) {
        return;
    }
    xact::on_end(|_| PLANNED.with(|planned| planned.set(false)));
    xact::before_prepare(|| {
        report::raise(
            Error::new(
                Kind::FeatureNotSupported,
                "cannot PREPARE a transaction that asked for, read or streamed an export",
            )
            .hint("Commit it."),
        )
    });
    xact::before_commit(|| {
        // DROP EXTENSION in the same transaction takes the trail along.
        if !catalog::is_installed() || !Lock::Chain.try_for_transaction() {
            return;
        }
        // Events that committed before the lock was free are seen, also in a REPEATABLE READ transaction. And as a snapshot is
        // active, SPI leaves none behind for the portal of a procedure that commits (EnsurePortalSnapshotExists).
        xact::with_latest_snapshot(|| identity::as_owner(seal)).unwrap_or_else(|error| report::raise(error));
    });
}

/// Seals what waits, a batch; true: there may be more. As the owner, in a transaction that writes nothing else.
pub fn seal_waiting() -> Result<bool> {
    if sql::text(WAITS, &[])?.is_none() {
        return Ok(false);
    }
    Lock::Chain.acquire_for_transaction();
    Ok(xact::with_latest_snapshot(seal)? == BATCH)
}

/// Events that one transaction seals at most.
const BATCH: usize = 1000;

const WAITS: &str = "
SELECT 'x' FROM acct_export.audit a WHERE a.seq IS NULL AND a.hash = acct_export.audit_hash('\\x', 0, a) LIMIT 1";

/// The last link: an event, or the anchor where the DBA has removed all events.
const LAST: &str = "
SELECT jsonb_build_array(seq, encode(hash, 'hex'))
  FROM ((SELECT seq, hash FROM acct_export.audit WHERE seq IS NOT NULL ORDER BY seq DESC LIMIT 1)
        UNION ALL SELECT seq, hash FROM acct_export.audit_anchor) l
 ORDER BY seq DESC LIMIT 1";

/// Those that nobody has changed since they were written.
const WAITING: &str = "
SELECT to_jsonb(a.id) FROM acct_export.audit a
 WHERE a.seq IS NULL AND a.hash = acct_export.audit_hash('\\x', 0, a)
 ORDER BY a.id LIMIT $1";

const SEAL: &str = "
WITH sealed AS (
    UPDATE acct_export.audit a
       SET seq = $2, hash = acct_export.audit_hash(decode($3, 'hex'), $2, a)
     WHERE a.id = $1 AND a.seq IS NULL
 RETURNING a.seq, a.hash
)
INSERT INTO acct_export.audit_seal (seq, hash) SELECT seq, hash FROM sealed
RETURNING to_jsonb(encode(hash, 'hex'))";

/// Puts events behind the last one; their number. As the owner, under the lock of the chain.
fn seal() -> Result<usize> {
    let last: Option<(i64, String)> = sql::document(LAST, &[])?;
    let waiting: Vec<i64> = sql::documents(WAITING, &[(BATCH as i64).into()])?;
    let (mut seq, mut hash) = last.unwrap_or_default();
    for id in &waiting {
        let sealed: Option<String> = sql::change(SEAL, &[(*id).into(), (seq + 1).into(), (&hash).into()])?;
        if let Some(sealed) = sealed {
            (seq, hash) = (seq + 1, sealed);
        }
    }
    Ok(waiting.len())
}
