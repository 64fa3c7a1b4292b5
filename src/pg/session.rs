//! A worker that acts in a session which somebody had: session user, role and settings.

use super::guc::{self, Rights, Scope};
use super::identity::{Requester, Session, Switched};
use pgrx::pg_sys;

/// Runs `body` as `role` in such a session: what it asks of the current user, the session user and the settings is answered as there.
/// For processes without a client, which have connected as no role. `settings` are made with the rights of `role`; all of it ends with
/// `body`, however that ends. `limit`: of waits for locks, as `lock_timeout` reads it.
pub fn as_session<T>(
    role: u32,
    asker: &Requester,
    settings: &[(String, String)],
    limit: &str,
    body: impl FnOnce() -> T,
) -> T {
    // Dropped last: the session user first, which takes the current user along, then that one.
    let _here = (Session::from_here(), Switched::from_here());
    let scope = Scope::open();
    scope.set("lock_timeout", limit, Rights::Superuser);
    asker.take_on(&scope);
    let _switched = Switched::to(pg_sys::Oid::from(role), pg_sys::SECURITY_LOCAL_USERID_CHANGE);
    for (name, value) in settings {
        // One that was not set is emptied where this process has a value of its own for it.
        if !value.is_empty() || guc::get(name).is_some() {
            scope.set(name, value, Rights::CurrentUser);
        }
    }
    scope.pin();
    body()
}
