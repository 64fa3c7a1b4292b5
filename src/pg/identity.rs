//! The acting role: the caller, the extension's owner, the requester whose job runs.

use super::guard::{self, Level};
use super::guc::{Rights, Scope};
use super::report::{self, Failure};
use super::{version, xact};
use crate::error::{Error, Result};
use crate::value::quote_ident;
use pgrx::pg_sys;
use std::ffi::{CStr, CString};

/// Current user's id.
pub fn current_user() -> u32 {
    // SAFETY: reads a backend variable.
    unsafe { pg_sys::GetUserId() }.to_u32()
}

/// The role that the session has taken on with SET ROLE; None: it has not.
pub fn role_taken_on() -> Option<u32> {
    // SAFETY: reads backend variables.
    let role = unsafe { pg_sys::GetCurrentRoleId() };
    (role != pg_sys::InvalidOid).then(|| role.to_u32())
}

/// The role that logged in, whatever role the session has taken on since.
pub fn session_user() -> u32 {
    // SAFETY: reads a backend variable.
    unsafe { pg_sys::GetSessionUserId() }.to_u32()
}

/// Name of a role; None: there is no such role (any more).
pub fn role_name(role: u32) -> Option<String> {
    // SAFETY: with noerr the result is NULL or a palloc'd string.
    unsafe {
        let name = pg_sys::GetUserNameFromId(pg_sys::Oid::from(role), true);
        (!name.is_null()).then(|| CStr::from_ptr(name).to_string_lossy().into_owned())
    }
}

/// True if a role may connect.
pub fn may_log_in(role: u32) -> bool {
    // SAFETY: a syscache look-up; the tuple is released before the answer is used.
    unsafe {
        let tuple = pg_sys::SearchSysCache1(
            pg_sys::SysCacheIdentifier::AUTHOID as i32,
            pg_sys::Datum::from(pg_sys::Oid::from(role)),
        );
        if tuple.is_null() {
            return false;
        }
        let may = (*pg_sys::GETSTRUCT(tuple).cast::<pg_sys::FormData_pg_authid>()).rolcanlogin;
        pg_sys::ReleaseSysCache(tuple);
        may
    }
}

/// Oid of a role by its name.
pub fn role_oid(name: &str) -> Option<u32> {
    let name = CString::new(name).ok()?;
    // SAFETY: with missing_ok the result is InvalidOid where there is none.
    let oid = unsafe { pg_sys::get_role_oid(name.as_ptr(), true) };
    (oid != pg_sys::InvalidOid).then(|| oid.to_u32())
}

pub fn is_superuser(role: u32) -> bool {
    // SAFETY: a syscache look-up; false for a role that is gone.
    unsafe { pg_sys::superuser_arg(pg_sys::Oid::from(role)) }
}

/// True if a role could reach the server's files or programs: superusers, and members of the roles that are made for that.
pub fn may_run_programs(role: u32) -> bool {
    let members = [
        pg_sys::ROLE_PG_EXECUTE_SERVER_PROGRAM,
        pg_sys::ROLE_PG_WRITE_SERVER_FILES,
        pg_sys::ROLE_PG_READ_SERVER_FILES,
    ];
    is_superuser(role) || members.iter().any(|powerful| was_granted(role, *powerful))
}

/// Superuser or BYPASSRLS: no policy applies to it.
pub fn bypasses_row_security(role: u32) -> bool {
    // SAFETY: a syscache look-up.
    unsafe { pg_sys::has_bypassrls_privilege(pg_sys::Oid::from(role)) }
}

/// True if `member` may act as `role`: it inherits the privileges of the role, or may SET ROLE to it; superusers may act as all roles.
/// From PostgreSQL 16 on a grant can give neither (WITH INHERIT FALSE, SET FALSE), such as the one that CREATEROLE gets of a role that
/// it makes. This is the membership that gives a right.
pub fn may_act_as(member: u32, role: u32) -> bool {
    let (oid, of) = (pg_sys::Oid::from(member), pg_sys::Oid::from(role));
    // SAFETY: a syscache look-up.
    may_take_on(member, role) || unsafe { pg_sys::has_privs_of_role(oid, of) }
}

/// True if `member` was granted `role` in any way, directly or through others; nothing follows from being a superuser. This is the
/// membership that takes a right away.
pub fn was_granted(member: u32, role: u32) -> bool {
    // SAFETY: syscache look-ups.
    unsafe { pg_sys::is_member_of_role_nosuper(pg_sys::Oid::from(member), pg_sys::Oid::from(role)) }
}

/// True if a session of `login` may SET ROLE to `role`; superusers may.
fn may_take_on(login: u32, role: u32) -> bool {
    let (login, role) = (pg_sys::Oid::from(login), pg_sys::Oid::from(role));
    // SAFETY: syscache look-ups, those of check_role (variable.c).
    unsafe {
        #[cfg(feature = "pg15")]
        return pg_sys::is_member_of_role(login, role);
        #[cfg(not(feature = "pg15"))]
        return pg_sys::member_can_set_role(login, role);
    }
}

/// Puts user id and security context back, also when an error unwinds.
pub(super) struct Switched {
    user: pg_sys::Oid,
    context: i32,
}

impl Switched {
    /// The present state is the one to restore.
    pub(super) fn from_here() -> Self {
        let mut saved = Switched { user: pg_sys::InvalidOid, context: 0 };
        // SAFETY: fills the pair.
        unsafe { pg_sys::GetUserIdAndSecContext(&mut saved.user, &mut saved.context) };
        saved
    }

    pub(super) fn to(user: pg_sys::Oid, flags: u32) -> Self {
        let saved = Switched::from_here();
        // SAFETY: the pair is set as the server's own SECURITY DEFINER code does (fmgr.c).
        unsafe { pg_sys::SetUserIdAndSecContext(user, saved.context | flags as i32) };
        saved
    }
}

impl Drop for Switched {
    fn drop(&mut self) {
        // SAFETY: the values were read by `to`; the call only assigns two variables.
        unsafe { pg_sys::SetUserIdAndSecContext(self.user, self.context) };
    }
}

/// Runs `body` as the owner of the extension's tables, with nothing but `pg_catalog` in the search path.
/// Nothing that a requester named may run inside: no view, no function, no cast of theirs. Every access to the tables passes here,
/// so here it is refused where they are those of another version (55000).
pub fn as_owner<T>(body: impl FnOnce() -> T) -> T {
    version::require();
    let _switched = Switched::to(super::catalog::owner(), pg_sys::SECURITY_LOCAL_USERID_CHANGE);
    let scope = Scope::open();
    scope.pin();
    guard::own(body)
}

/// Puts the session user of a worker back: the server does so only where the process has connected under a name
/// (assign_session_authorization, variable.c).
pub(super) struct Session(pg_sys::Oid);

impl Session {
    pub(super) fn from_here() -> Self {
        // SAFETY: reads a backend variable.
        Session(unsafe { pg_sys::GetSessionUserId() })
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // SAFETY: assigns backend variables; the look-up for a superuser is one of the syscache.
        unsafe { pg_sys::SetSessionAuthorization(self.0, pg_sys::superuser_arg(self.0)) };
    }
}

/// The session that asked for a job, as a worker takes it on.
#[derive(Debug, Clone, Copy)]
pub struct Requester {
    /// Session user.
    pub login: u32,
    /// The role that it had taken on with SET ROLE.
    pub role: Option<u32>,
}

impl Requester {
    /// 42501 where such a session could not be opened any more: the login is gone, or may not take on the role. A role that a
    /// SECURITY DEFINER function gave was not taken on. `login`: its name when the job was asked for.
    pub fn check(&self, login: &str) -> Result<()> {
        let Some(name) = role_name(self.login) else {
            return Err(Error::denied(format!(
                "login \"{login}\", which requested the export, does not exist any more"
            ))
            .hint("Request the export again as a role that exists."));
        };
        let Some(role) = self.role else { return Ok(()) };
        let Some(taken_on) = role_name(role) else {
            return Err(Error::denied(format!(
                "the role with which login \"{name}\" requested the export does not exist any more"
            ))
            .hint("Request the export again with a role that exists."));
        };
        if may_take_on(self.login, role) {
            return Ok(());
        }
        Err(Error::denied(format!("login \"{name}\" may not set role \"{taken_on}\" any more"))
            .hint(format!("GRANT {} TO {};", quote_ident(&taken_on), quote_ident(&name))))
    }

    /// The session user and `SHOW role` of that session, until the scope is dropped.
    pub(super) fn take_on(&self, scope: &Scope) {
        let named = |role| role_name(role).unwrap_or_else(|| report::raise(gone()));
        scope.set("session_authorization", &named(self.login), Rights::Superuser);
        if let Some(role) = self.role {
            scope.set("role", &named(role), Rights::Superuser);
        }
    }
}

/// The role was dropped after `check`.
fn gone() -> Error {
    Error::denied("a role of the session that requested the export does not exist any more")
}

/// The settings of a read.
pub struct Reader<'a> {
    /// Role whose rights and row security hold.
    pub role: u32,
    /// In a worker: the session that asked. In a session of the requester's own the session user is left alone.
    pub asker: Option<Requester>,
    /// Captured settings (tenant, actor, others) that are put back, with the role's own rights.
    pub settings: &'a [(String, String)],
    /// Effects of foreign code that are refused.
    pub level: Level,
}

impl<'a> Reader<'a> {
    /// A check or a read in the current session, in a subtransaction that is rolled back: see `undone`.
    pub fn checking(role: u32) -> Reader<'static> {
        Reader { role, asker: None, settings: &[], level: Level::Check }
    }

    /// A stream in the current session, whose effects stay until the caller's transaction ends.
    pub fn streaming(role: u32) -> Reader<'static> {
        Reader { role, asker: None, settings: &[], level: Level::Stream }
    }

    /// A worker's read, in a transaction that is rolled back.
    pub fn working(role: u32, asker: Requester, settings: &'a [(String, String)]) -> Reader<'a> {
        Reader { role, asker: Some(asker), settings, level: Level::Job }
    }

    /// Runs `body`, which may run foreign code, in a subtransaction that is rolled back however it ends; only plain data may come
    /// out of it. Within a worker's read the whole transaction is rolled back, and the subtransaction of a body that
    /// succeeds is kept until then.
    pub fn undone<T>(&self, body: impl FnOnce() -> Result<T>) -> std::result::Result<T, Failure> {
        match self.level {
            Level::Job => xact::attempt(body),
            _ => xact::discard(body),
        }
    }
}

/// Runs `body` as the requester: a security-restricted operation (RESET ROLE, SET SESSION AUTHORIZATION and
/// temporary tables fail inside whatever a view calls), read-only, `row_security` on, settings put back. What a
/// function sets in there is gone afterwards, and what would outlast the read is refused (guard). Found sound on 15.20 with
/// hostile functions.
pub fn as_requester<T>(reader: &Reader<'_>, body: impl FnOnce() -> T) -> T {
    // Dropped last: the session user first, which takes the current user along, then that one.
    let _here = reader.asker.is_some().then(|| (Session::from_here(), Switched::from_here()));
    let scope = Scope::open();
    if let Some(asker) = &reader.asker {
        asker.take_on(&scope);
    }
    raise(reader.level, &scope);
    let _switched = Switched::to(pg_sys::Oid::from(reader.role), pg_sys::SECURITY_RESTRICTED_OPERATION);
    for (name, value) in reader.settings {
        // One that was not set is emptied where this process has a value of its own for it.
        if !value.is_empty() || super::guc::get(name).is_some() {
            scope.set(name, value, Rights::CurrentUser);
        }
    }
    scope.pin();
    let _read_only = super::xact::ReadOnly::begin();
    let _foreign = report::ForeignCode;
    body()
}

/// Runs `body` as the current user, for whom row security that is forced upon the owner of a table is not forced: as the server's own
/// checks of foreign keys read (ri_triggers.c). Tables of other roles are not affected.
pub fn past_forced_row_security<T>(body: impl FnOnce() -> T) -> T {
    let _switched = Switched::to(pg_sys::Oid::from(current_user()), pg_sys::SECURITY_NOFORCE_RLS);
    body()
}

/// Raises the guard for the rest of the scope. It cannot be changed within a security-restricted operation or a SECURITY DEFINER
/// function, in which the caller may be already: a materialised view can call an export.
fn raise(level: Level, scope: &Scope) {
    let here = Switched::from_here();
    // SAFETY: assigns two variables, which are put back when this returns or an error unwinds.
    unsafe { pg_sys::SetUserIdAndSecContext(here.user, 0) };
    guard::raise(level, scope);
}

/// True if a role may read the whole of a relation, whatever it may do with single columns.
#[allow(clippy::useless_conversion)] // AclMode has 64 bits from PostgreSQL 16 on
pub fn may_select(role: u32, relation: u32) -> bool {
    let (relation, role) = (pg_sys::Oid::from(relation), pg_sys::Oid::from(role));
    // SAFETY: syscache look-ups; a relation that is gone is asked for no rights.
    unsafe {
        !pg_sys::get_rel_name(relation).is_null()
            && pg_sys::pg_class_aclcheck(relation, role, pg_sys::ACL_SELECT.into())
                == pg_sys::AclResult::ACLCHECK_OK
    }
}

/// True if a role may read at least one column of a relation.
#[allow(clippy::useless_conversion)] // AclMode has 64 bits from PostgreSQL 16 on
pub fn may_select_any(role: u32, relation: u32) -> bool {
    if may_select(role, relation) {
        return true;
    }
    let (relation, role) = (pg_sys::Oid::from(relation), pg_sys::Oid::from(role));
    // SAFETY: syscache look-ups.
    unsafe {
        !pg_sys::get_rel_name(relation).is_null()
            && pg_sys::pg_attribute_aclcheck_all(
                relation,
                role,
                pg_sys::ACL_SELECT.into(),
                pg_sys::AclMaskHow::ACLMASK_ANY,
            ) == pg_sys::AclResult::ACLCHECK_OK
    }
}
