//! Facts of the server's catalogues that need no SQL.

use pgrx::pg_sys;
use std::ffi::{CStr, CString};

/// `FirstNormalObjectId` (access/transam.h): what has a lower one came with the server.
pub const FIRST_USER_OID: u32 = 16384;

/// Owner of the extension's tables, by its number.
pub fn owner_oid() -> u32 {
    owner().to_u32()
}

/// Owner of the extension's tables.
pub(super) fn owner() -> pg_sys::Oid {
    // SAFETY: syscache look-ups; the tuple is released before its owner is used.
    unsafe {
        let namespace = pg_sys::get_namespace_oid(c"acct_export".as_ptr(), false);
        let table = pg_sys::get_relname_relid(c"job".as_ptr(), namespace);
        let tuple =
            pg_sys::SearchSysCache1(pg_sys::SysCacheIdentifier::RELOID as i32, pg_sys::Datum::from(table));
        if tuple.is_null() {
            return pg_sys::GetUserId(); // half-dropped: as the caller, who has no rights on the tables
        }
        let owner = (*pg_sys::GETSTRUCT(tuple).cast::<pg_sys::FormData_pg_class>()).relowner;
        pg_sys::ReleaseSysCache(tuple);
        owner
    }
}

/// True if the extension is in this database.
pub fn is_installed() -> bool {
    // SAFETY: a look-up in pg_extension; with missing_ok the result is InvalidOid where there is none.
    unsafe { pg_sys::get_extension_oid(c"pg_acctexport".as_ptr(), true) != pg_sys::InvalidOid }
}

/// Keeps the extension from being dropped until the transaction ends. DROP EXTENSION takes this lock before all others (RemoveObjects,
/// dropcmds.c): whoever has it can take locks on the tables in any order. False: the extension is gone.
pub fn hold_extension() -> bool {
    // SAFETY: a look-up in pg_extension, and a lock until the transaction ends; an ERROR (a time limit, a cancel) leaves none.
    unsafe {
        let extension = pg_sys::get_extension_oid(c"pg_acctexport".as_ptr(), true);
        if extension == pg_sys::InvalidOid {
            return false;
        }
        pg_sys::LockDatabaseObject(pg_sys::ExtensionRelationId, extension, 0, pg_sys::AccessShareLock as i32);
        pg_sys::get_extension_oid(c"pg_acctexport".as_ptr(), true) == extension
    }
}

/// Oid of a relation by its names.
pub fn relation_oid(schema: &str, name: &str) -> Option<u32> {
    let (schema, name) = (CString::new(schema).ok()?, CString::new(name).ok()?);
    // SAFETY: syscache look-ups that give InvalidOid where there is none.
    let oid = unsafe {
        let schema = pg_sys::get_namespace_oid(schema.as_ptr(), true);
        pg_sys::get_relname_relid(name.as_ptr(), schema)
    };
    (oid != pg_sys::InvalidOid).then(|| oid.to_u32())
}

/// `schema.name`, quoted; None: there is no such relation.
pub fn relation_name(relation: u32) -> Option<String> {
    let oid = pg_sys::Oid::from(relation);
    // SAFETY: syscache look-ups that give NULL or palloc'd names.
    unsafe {
        let name = pg_sys::get_rel_name(oid);
        if name.is_null() {
            return None;
        }
        let schema = pg_sys::get_namespace_name(pg_sys::get_rel_namespace(oid));
        if schema.is_null() {
            return None;
        }
        let text = |name| CStr::from_ptr(name).to_string_lossy().into_owned();
        Some(pgrx::spi::quote_qualified_identifier(text(schema), text(name)))
    }
}

/// True if policies of this table apply to the role at this moment (superusers, BYPASSRLS and owners without FORCE:
/// no).
pub fn row_security_active(table: u32, role: u32) -> bool {
    // SAFETY: syscache look-ups; with noError there is no ERROR for `row_security = off`.
    let state = unsafe { pg_sys::check_enable_rls(pg_sys::Oid::from(table), pg_sys::Oid::from(role), true) };
    state == pg_sys::CheckEnableRlsResult::RLS_ENABLED as i32
}

/// Files are UTF-8; so must be the database.
pub fn database_is_utf8() -> bool {
    // SAFETY: reads a backend variable.
    unsafe { pg_sys::GetDatabaseEncoding() == pg_sys::pg_enc::PG_UTF8 as i32 }
}

/// The number that initdb gave this cluster; standbys and physical copies have the same.
pub fn system_identifier() -> u64 {
    // SAFETY: reads shared memory (xlog.c).
    unsafe { pg_sys::GetSystemIdentifier() }
}

/// Name of the database of this process.
pub fn database_name() -> String {
    // SAFETY: within a transaction; NULL or a palloc'd name.
    unsafe {
        let name = pg_sys::get_database_name(pg_sys::MyDatabaseId);
        if name.is_null() {
            return String::new();
        }
        CStr::from_ptr(name).to_string_lossy().into_owned()
    }
}

/// The data directory, from which the default place of spool files follows.
pub fn data_directory() -> String {
    // SAFETY: set once at start, NUL-terminated.
    unsafe { CStr::from_ptr(pg_sys::DataDir).to_string_lossy().into_owned() }
}

/// `temp_file_limit` in bytes; None: no limit.
pub fn temp_file_limit() -> Option<u64> {
    // SAFETY: reads a setting, in kB, -1 for none.
    let limit = unsafe { pg_sys::temp_file_limit };
    u64::try_from(limit).ok().map(|kilobytes| kilobytes * 1024)
}

/// Databases that a worker may connect to, by oid. Scans the shared catalogue itself, as the autovacuum launcher does
/// (get_database_list, autovacuum.c): a process without a database cannot run SQL.
pub fn databases() -> Vec<u32> {
    let mut found = Vec::new();
    // SAFETY: within a transaction; relation and scan are closed below, tuples are read while the scan holds them.
    unsafe {
        let table = pg_sys::table_open(pg_sys::DatabaseRelationId, pg_sys::AccessShareLock as i32);
        let scan = pg_sys::systable_beginscan(
            table,
            pg_sys::InvalidOid,
            false,
            std::ptr::null_mut(),
            0,
            std::ptr::null_mut(),
        );
        loop {
            let tuple = pg_sys::systable_getnext(scan);
            if tuple.is_null() {
                break;
            }
            let database = &*pg_sys::GETSTRUCT(tuple).cast::<pg_sys::FormData_pg_database>();
            if database.datallowconn && !database.datistemplate {
                found.push(database.oid.to_u32());
            }
        }
        pg_sys::systable_endscan(scan);
        pg_sys::table_close(table, pg_sys::AccessShareLock as i32);
    }
    found
}

/// True if a relation lives in a session's temporary schema.
pub fn is_temporary(relation: u32) -> bool {
    // SAFETY: a syscache look-up.
    unsafe { pg_sys::get_rel_persistence(pg_sys::Oid::from(relation)) as u8 == pg_sys::RELPERSISTENCE_TEMP }
}

/// Locks a relation against changes of its definition until the transaction ends, as reading it does.
pub fn lock_relation(relation: u32) {
    // SAFETY: waits like any query; an ERROR (cancel, deadlock) leaves nothing behind.
    unsafe { pg_sys::LockRelationOid(pg_sys::Oid::from(relation), pg_sys::AccessShareLock as i32) };
}

/// Name of a function without its schema; None: there is none.
pub fn function_name(function: u32) -> Option<String> {
    // SAFETY: a syscache look-up that gives NULL or a palloc'd name.
    unsafe {
        let name = pg_sys::get_func_name(pg_sys::Oid::from(function));
        (!name.is_null()).then(|| CStr::from_ptr(name).to_string_lossy().into_owned())
    }
}

/// The role that owns a relation.
pub fn relation_owner(relation: u32) -> Option<u32> {
    // SAFETY: a syscache look-up; the tuple is released after its owner was copied.
    unsafe {
        let tuple = pg_sys::SearchSysCache1(
            pg_sys::SysCacheIdentifier::RELOID as i32,
            pg_sys::Datum::from(pg_sys::Oid::from(relation)),
        );
        if tuple.is_null() {
            return None;
        }
        let owner = (*pg_sys::GETSTRUCT(tuple).cast::<pg_sys::FormData_pg_class>()).relowner;
        pg_sys::ReleaseSysCache(tuple);
        Some(owner.to_u32())
    }
}

/// A name as SQL writes it: quoted where it has to be.
pub fn quoted(name: &str) -> String {
    pgrx::spi::quote_identifier(name)
}
