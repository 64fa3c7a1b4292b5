//! The jobs that a caller sees, as conditions of an index: its roles, and the prints of sessions.
//!
//! A job is visible in a session in which all that was captured has the same values (`session`). Which names were captured differs
//! from job to job, by dataset and by time, but there are few such shapes: of each the caller's session is captured anew, and its print
//! is looked up.

use super::session::Session;
use crate::error::Result;
use crate::pg::{catalog, identity, sql, xact};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// True if the caller sees all jobs: a superuser, or the extension itself, which acts as the owner of its tables.
pub fn sees_all() -> bool {
    let caller = identity::current_user();
    identity::is_superuser(caller) || caller == catalog::owner_oid()
}

const GRANTED: &str = "
WITH RECURSIVE granted AS (
    SELECT $1::oid AS role UNION SELECT m.roleid FROM pg_auth_members m JOIN granted g ON m.member = g.role
)
SELECT to_jsonb(role::bigint) FROM granted";

/// The roles that the caller may act as, its own first.
pub fn roles() -> Result<Vec<u32>> {
    let caller = identity::current_user();
    let granted: Vec<u32> = identity::as_owner(|| sql::documents(GRANTED, &[i64::from(caller).into()]))?;
    let others = granted.into_iter().filter(|role| *role != caller && identity::may_act_as(caller, *role));
    Ok(std::iter::once(caller).chain(others).collect())
}

/// A session of each shape. The index is skipped through: a look for each shape, however many jobs there are.
const SHAPES: &str = "
WITH RECURSIVE known AS (
    (SELECT acct_export.session_shape(j.session) AS shape FROM acct_export.job j
      ORDER BY acct_export.session_shape(j.session) LIMIT 1)
    UNION ALL
    SELECT (SELECT acct_export.session_shape(j.session) FROM acct_export.job j
             WHERE acct_export.session_shape(j.session) > k.shape
             ORDER BY acct_export.session_shape(j.session) LIMIT 1)
      FROM known k WHERE k.shape IS NOT NULL
)
SELECT (SELECT j.session FROM acct_export.job j WHERE acct_export.session_shape(j.session) = k.shape LIMIT 1)
  FROM known k WHERE k.shape IS NOT NULL";

/// The prints of the sessions whose jobs are visible in the caller's.
pub fn prints() -> Result<Vec<[u8; 16]>> {
    let known: Vec<Option<Session>> =
        xact::with_latest_snapshot(|| identity::as_owner(|| sql::documents(SHAPES, &[])))?;
    let here = known.into_iter().flatten().filter_map(|session| session.here());
    Ok(here.map(|session| digest(&session.print())).collect())
}

/// Hash of a part of a session as it is stored; of the whole document where it is none.
pub fn hash(session: &Value, part: impl Fn(&Session) -> Value) -> [u8; 16] {
    match serde_json::from_value::<Session>(session.clone()) {
        Ok(session) => digest(&part(&session)),
        Err(_) => digest(session),
    }
}

/// The beginning of SHA-256.
fn digest(document: &Value) -> [u8; 16] {
    let hash = Sha256::digest(document.to_string().as_bytes());
    std::array::from_fn(|place| hash[place])
}
