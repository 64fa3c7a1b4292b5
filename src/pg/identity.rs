//! Who is acting: the caller, the extension's owner, the requester whose job runs.

use super::guc::{Rights, Scope};
use pgrx::pg_sys;
use std::ffi::{CStr, CString};

/// Current user's id.
pub fn current_user() -> u32 {
    // SAFETY: reads a backend variable.
    unsafe { pg_sys::GetUserId() }.to_u32()
}

/// Who has logged in, whatever role the session has taken on since.
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

/// Whether a role could reach the server's files or programs: superusers, and members of the roles that are made for that.
pub fn may_run_programs(role: u32) -> bool {
    let members = [
        pg_sys::ROLE_PG_EXECUTE_SERVER_PROGRAM,
        pg_sys::ROLE_PG_WRITE_SERVER_FILES,
        pg_sys::ROLE_PG_READ_SERVER_FILES,
    ];
    is_superuser(role) || members.iter().any(|powerful| is_member(role, *powerful))
}

/// Superuser or BYPASSRLS: no policy applies to it.
pub fn bypasses_row_security(role: u32) -> bool {
    // SAFETY: a syscache look-up.
    unsafe { pg_sys::has_bypassrls_privilege(pg_sys::Oid::from(role)) }
}

/// Whether `member` has been granted `role`, directly or through others; superusers are members of all.
pub fn is_member(member: u32, role: u32) -> bool {
    // SAFETY: syscache look-ups.
    unsafe { pg_sys::is_member_of_role(pg_sys::Oid::from(member), pg_sys::Oid::from(role)) }
}

/// Whether `member` has been granted `role`, as `is_member`, but nothing follows from being a superuser.
pub fn was_granted(member: u32, role: u32) -> bool {
    // SAFETY: syscache look-ups.
    unsafe { pg_sys::is_member_of_role_nosuper(pg_sys::Oid::from(member), pg_sys::Oid::from(role)) }
}

/// Puts user id and security context back, also when an error unwinds.
struct Switched {
    user: pg_sys::Oid,
    context: i32,
}

impl Switched {
    /// What is put back is what is now.
    fn from_here() -> Self {
        let mut saved = Switched { user: pg_sys::InvalidOid, context: 0 };
        // SAFETY: fills the pair.
        unsafe { pg_sys::GetUserIdAndSecContext(&mut saved.user, &mut saved.context) };
        saved
    }

    fn to(user: pg_sys::Oid, flags: u32) -> Self {
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
/// Nothing that a requester named may run inside: no view, no function, no cast of theirs.
pub fn as_owner<T>(body: impl FnOnce() -> T) -> T {
    let _switched = Switched::to(super::catalog::owner(), pg_sys::SECURITY_LOCAL_USERID_CHANGE);
    let scope = Scope::open();
    scope.pin();
    body()
}

/// Puts the session user of a worker back: the server does so only where the process has connected under a name
/// (assign_session_authorization, variable.c).
struct Session(pg_sys::Oid);

impl Session {
    fn from_here() -> Self {
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

/// How a read is set up.
pub struct Reader<'a> {
    /// Role whose rights and row security hold.
    pub role: u32,
    /// In a worker the session user becomes the requester as well; in a session of theirs it is left alone.
    pub own_session: bool,
    /// Captured settings (tenant, actor, others) that are put back, with the role's own rights.
    pub settings: &'a [(String, String)],
}

/// Runs `body` as the requester: a security-restricted operation (RESET ROLE, SET SESSION AUTHORIZATION and
/// temporary tables fail inside whatever a view calls), read-only, `row_security` on, settings put back. What a
/// function sets in there is gone afterwards. Found sound on 15.20 with hostile functions.
pub fn as_requester<T>(reader: &Reader<'_>, body: impl FnOnce() -> T) -> T {
    // Dropped last: the session user first, which takes the current user along, then that one.
    let _here = reader.own_session.then(|| (Session::from_here(), Switched::from_here()));
    let scope = Scope::open();
    if reader.own_session {
        if let Some(name) = role_name(reader.role) {
            scope.set("session_authorization", &name, Rights::Superuser);
        }
    }
    let _switched = Switched::to(pg_sys::Oid::from(reader.role), pg_sys::SECURITY_RESTRICTED_OPERATION);
    for (name, value) in reader.settings {
        // One that was not set is emptied where this process has a value of its own for it.
        if !value.is_empty() || super::guc::get(name).is_some() {
            scope.set(name, value, Rights::CurrentUser);
        }
    }
    scope.pin();
    let _read_only = super::xact::ReadOnly::begin();
    body()
}

/// Whether a role may read at least one column of a relation.
#[allow(clippy::useless_conversion)] // AclMode has 64 bits from PostgreSQL 16 on
pub fn may_select_any(role: u32, relation: u32) -> bool {
    let (relation, role) = (pg_sys::Oid::from(relation), pg_sys::Oid::from(role));
    let allowed = pg_sys::AclResult::ACLCHECK_OK;
    // SAFETY: syscache look-ups; a relation that is gone is answered by the second flag.
    unsafe {
        if pg_sys::get_rel_name(relation).is_null() {
            return false;
        }
        pg_sys::pg_class_aclcheck(relation, role, pg_sys::ACL_SELECT.into()) == allowed
            || pg_sys::pg_attribute_aclcheck_all(
                relation,
                role,
                pg_sys::ACL_SELECT.into(),
                pg_sys::AclMaskHow::ACLMASK_ANY,
            ) == allowed
    }
}
