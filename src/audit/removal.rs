//! `acct_export_audit_remove`: the oldest events, deliberately, by a superuser. The hash of the last one removed stays as the
//! anchor of the chain, and the removal is an event itself.

use super::{hash_chain, By, Event, REMOVED};
use crate::error::{Error, Result};
use crate::pg::{guc, identity, sql, xact};
use serde_json::json;

/// One removal at a time; reading and sealing go on.
const LOCK: &str = "LOCK TABLE acct_export.audit_anchor IN SHARE ROW EXCLUSIVE MODE";

/// A prefix of the chain: an event that was sealed after one which stays, stays.
const LAST: &str = "
SELECT jsonb_build_array(e.seq, encode(e.hash, 'hex'))
  FROM acct_export.audit e
 WHERE e.seq IS NOT NULL
   AND e.seq < coalesce((SELECT min(k.seq) FROM acct_export.audit k WHERE k.at >= $1::timestamptz), 9223372036854775807)
 ORDER BY e.seq DESC LIMIT 1";

/// An earlier break stays reported.
const BROKEN: &str = "SELECT to_jsonb(coalesce(place, 0)) FROM acct_export.audit_broken() LIMIT 1";

const ANCHOR: &str = "
INSERT INTO acct_export.audit_anchor (seq, hash) VALUES ($1, decode($2, 'hex'))
    ON CONFLICT (only_row) DO UPDATE SET seq = excluded.seq, hash = excluded.hash";

/// The number of events removed. 42501 for others than superusers; 22023 without a reason or for a time to come.
pub fn remove(before: Option<&str>, reason: Option<&str>) -> Result<i64> {
    if !identity::is_superuser(identity::current_user()) {
        return Err(Error::denied("only a superuser may remove events of the audit trail")
            .hint("Ask your database administrator."));
    }
    let before = before.ok_or_else(|| Error::invalid("before must not be null"))?;
    let reason = reason.filter(|reason| !reason.trim().is_empty()).ok_or_else(|| {
        Error::invalid("reason must not be null or empty").hint("The reason is kept in the audit trail.")
    })?;
    let is_past: Option<bool> =
        sql::document("SELECT to_jsonb($1::timestamptz <= clock_timestamp())", &[before.into()])?;
    if is_past != Some(true) {
        return Err(Error::invalid("before is in the future")
            .hint("Give a time in the past; events before it are removed."));
    }
    xact::require_write("remove events of the audit trail")?;
    let by = By::caller();
    identity::as_owner(|| {
        sql::run(LOCK, &[])?;
        xact::with_latest_snapshot(|| remove_before(before, reason, by))
    })
}

/// As the owner, under the lock.
fn remove_before(before: &str, reason: &str, by: By) -> Result<i64> {
    let Some((seq, hash)) = sql::document::<(i64, String)>(LAST, &[before.into()])? else {
        return Ok(0);
    };
    let broken: Option<i64> = sql::document(BROKEN, &[])?;
    let removed = without_triggers(|| {
        sql::run_latest("DELETE FROM acct_export.audit_seal WHERE seq <= $1", &[seq.into()])?;
        sql::run_latest(ANCHOR, &[seq.into(), (&hash).into()])?;
        sql::run_latest("DELETE FROM acct_export.audit WHERE seq <= $1", &[seq.into()])
    })?;
    let detail = json!({
        "count": removed, "before": before, "last_seq": seq, "last_hash": hash, "reason": reason,
        "broken_seq": broken,
    });
    Event::new(REMOVED, by, detail).row().insert()?;
    hash_chain::at_commit();
    Ok(i64::try_from(removed).unwrap_or(i64::MAX))
}

/// The triggers that keep the tables append-only rest, in this session and for these statements alone.
fn without_triggers<T>(body: impl FnOnce() -> Result<T>) -> Result<T> {
    let scope = guc::Scope::open();
    scope.set("session_replication_role", "replica", guc::Rights::Superuser);
    body()
}
