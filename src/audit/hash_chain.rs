//! The chain: an event gets its place just before the commit, when no code of a user's runs any more, so the lock that orders
//! the chain is held for the time of a commit only. (A deferred trigger would do the same, but
//! `SET CONSTRAINTS ALL IMMEDIATE` and other deferred triggers could stretch that time.)

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
        if !catalog::is_installed() {
            return;
        }
        Lock::Chain.acquire_for_transaction();
        // Events that committed during the wait for the lock are seen, also in a REPEATABLE READ transaction. And as a snapshot is
        // active, SPI leaves none behind for the portal of a procedure that commits (EnsurePortalSnapshotExists).
        xact::with_latest_snapshot(|| identity::as_owner(seal)).unwrap_or_else(|error| report::raise(error));
    });
}

/// The last link: an event, or the anchor where the DBA has removed all events.
const LAST: &str = "
SELECT jsonb_build_array(seq, encode(hash, 'hex'))
  FROM ((SELECT seq, hash FROM acct_export.audit WHERE seq IS NOT NULL ORDER BY seq DESC LIMIT 1)
        UNION ALL SELECT seq, hash FROM acct_export.audit_anchor) l
 ORDER BY seq DESC LIMIT 1";

const SEAL: &str = "
WITH sealed AS (
    UPDATE acct_export.audit a
       SET seq = $2, hash = acct_export.audit_hash(decode($3, 'hex'), $2, a)
     WHERE a.id = $1
 RETURNING a.seq, a.hash
)
INSERT INTO acct_export.audit_seal (seq, hash) SELECT seq, hash FROM sealed
RETURNING to_jsonb(encode(hash, 'hex'))";

/// Puts the events of this transaction behind the last one. As the owner, under the lock of the chain.
fn seal() -> Result<()> {
    let last: Option<(i64, String)> = sql::document(LAST, &[])?;
    let new: Vec<i64> =
        sql::documents("SELECT to_jsonb(id) FROM acct_export.audit WHERE hash IS NULL ORDER BY id", &[])?;
    let (mut seq, mut hash) = last.unwrap_or_default();
    for id in new {
        let sealed: Option<String> = sql::change(SEAL, &[id.into(), (seq + 1).into(), (&hash).into()])?;
        if let Some(sealed) = sealed {
            (seq, hash) = (seq + 1, sealed);
        }
    }
    Ok(())
}
