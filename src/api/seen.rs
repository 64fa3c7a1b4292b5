//! Functions behind the view of jobs (sql/views.sql): who calls, and in which session. Within one query the answers stay the same.

use crate::job::seen;
use crate::job::session::Session;
use crate::pg::oid::Oid;
use crate::pg::report::{Report, Reported};
use crate::pg::{identity, xact};
use pgrx::datum::{JsonB, TimestampWithTimeZone, Uuid};
use pgrx::prelude::*;

/// True if the caller sees all jobs: a superuser, or the extension itself.
#[pg_extern(schema = "acct_export", stable, parallel_unsafe)]
fn sees_all() -> bool {
    seen::sees_all()
}

/// The current user.
#[pg_extern(schema = "acct_export", stable, parallel_unsafe)]
fn caller() -> Oid {
    Oid::from(identity::current_user())
}

/// The roles that the caller may act as, its own first. Its cost keeps it out of conditions on each row.
#[pg_extern(schema = "acct_export", stable, parallel_unsafe, cost = 10000)]
fn caller_roles() -> Result<Vec<Oid>, Report> {
    Ok(seen::roles().reported()?.into_iter().map(Oid::from).collect())
}

/// The prints of the sessions whose jobs are visible in the caller's. Its cost as that of `caller_roles`.
#[pg_extern(schema = "acct_export", stable, parallel_unsafe, cost = 10000)]
fn caller_prints() -> Result<Vec<Uuid>, Report> {
    Ok(seen::prints().reported()?.into_iter().map(Uuid::from_bytes).collect())
}

/// Hash of a captured session. An index is made of it: it depends on nothing else, and never changes.
#[pg_extern(schema = "acct_export", immutable, parallel_safe)]
fn session_print(session: JsonB) -> Uuid {
    Uuid::from_bytes(seen::hash(&session.0, Session::print))
}

/// Hash of the names of what a captured session has. As `session_print`.
#[pg_extern(schema = "acct_export", immutable, parallel_safe)]
fn session_shape(session: JsonB) -> Uuid {
    Uuid::from_bytes(seen::hash(&session.0, Session::shape))
}

/// This moment. `clock_timestamp` is volatile, and a view that calls it is planned without indexes.
#[pg_extern(schema = "acct_export", stable, parallel_safe)]
fn moment() -> Option<TimestampWithTimeZone> {
    TimestampWithTimeZone::try_from(xact::now()).ok()
}
