//! Version of the extension in this database, compared with that of this library.
//!
//! A new library meets the catalog of the version before until `ALTER EXTENSION pg_acctexport UPDATE` is run, and a session that
//! has an old library loaded can meet a new one. Tables and functions differ, so nothing of the extension runs in either.

use super::{catalog, report};
use crate::error::{Error, Kind, Result};
use pgrx::pg_sys;
use std::ffi::CStr;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Version of this library.
const LIBRARY: &str = env!("CARGO_PKG_VERSION");

/// True once the versions were found equal in this process, which serves one database. Creating and updating an extension changes
/// rows of pg_proc, which clears it.
static EQUAL: AtomicBool = AtomicBool::new(false);

/// Clears what is remembered when functions change.
pub fn install() {
    // SAFETY: the callback touches one flag. Where the library is preloaded, processes inherit the registration.
    unsafe {
        pg_sys::CacheRegisterSyscacheCallback(
            pg_sys::SysCacheIdentifier::PROCOID as i32,
            Some(forget),
            pg_sys::Datum::from(0usize),
        );
    }
}

extern "C-unwind" fn forget(_argument: pg_sys::Datum, _cache: core::ffi::c_int, _hash: u32) {
    EQUAL.store(false, Relaxed);
}

/// 55000 if the extension in this database has another version than the library. Takes no snapshot.
pub fn check() -> Result<()> {
    if EQUAL.load(Relaxed) {
        return Ok(());
    }
    // Set first: an invalidation that arrives while the catalog is read clears it.
    EQUAL.store(true, Relaxed);
    match installed() {
        Some(version) if version == LIBRARY => Ok(()),
        Some(version) => {
            EQUAL.store(false, Relaxed);
            Err(differs(&version))
        }
        None => {
            EQUAL.store(false, Relaxed);
            Ok(()) // it is being dropped: its tables are not there either
        }
    }
}

/// `check`, raised as an ERROR of the server.
pub fn require() {
    if let Err(error) = check() {
        report::raise(error);
    }
}

/// The error of a function of an earlier version that this library does not have any more.
pub fn removed() -> Error {
    check().err().unwrap_or_else(|| {
        Error::new(Kind::UndefinedFunction, format!("the function was removed before version {LIBRARY}"))
    })
}

fn differs(installed: &str) -> Error {
    let error = Error::new(
        Kind::NotInPrerequisiteState,
        format!("extension \"pg_acctexport\" is at version {installed}, the library at {LIBRARY}"),
    );
    if is_older(installed, LIBRARY) {
        error.hint("ALTER EXTENSION pg_acctexport UPDATE;")
    } else {
        error.hint(
            "Install the library of that version and reconnect; where shared_preload_libraries has pg_acctexport, restart the server.",
        )
    }
}

fn is_older(one: &str, other: &str) -> bool {
    let numbers = |version: &str| -> Vec<u64> {
        version.split(['.', '-', '+']).map(|part| part.parse().unwrap_or(0)).collect()
    };
    numbers(one) < numbers(other)
}

/// `extversion` of the extension; None: it is not in this database. Scans the catalog as `get_extension_oid` does (extension.c):
/// before PostgreSQL 18 pg_extension has no syscache.
fn installed() -> Option<String> {
    if !catalog::is_installed() {
        return None;
    }
    // SAFETY: relation and scan are closed below; the datum is copied while the scan holds its tuple.
    unsafe {
        let table = pg_sys::table_open(pg_sys::ExtensionRelationId, pg_sys::AccessShareLock as i32);
        let scan = pg_sys::systable_beginscan(
            table,
            pg_sys::InvalidOid,
            false,
            std::ptr::null_mut(),
            0,
            std::ptr::null_mut(),
        );
        let mut found = None;
        loop {
            let tuple = pg_sys::systable_getnext(scan);
            if tuple.is_null() {
                break;
            }
            let extension = &*pg_sys::GETSTRUCT(tuple).cast::<pg_sys::FormData_pg_extension>();
            if CStr::from_ptr(extension.extname.data.as_ptr()) == c"pg_acctexport" {
                let mut is_null = false;
                let column = pg_sys::Anum_pg_extension_extversion as i32;
                let version = pg_sys::heap_getattr(tuple, column, (*table).rd_att, &mut is_null);
                found = pgrx::FromDatum::from_datum(version, is_null);
                break;
            }
        }
        pg_sys::systable_endscan(scan);
        pg_sys::table_close(table, pg_sys::AccessShareLock as i32);
        found
    }
}

#[cfg(test)]
mod tests {
    use super::is_older;

    #[test]
    fn versions_are_compared_by_number() {
        for (one, other) in [("0.1.0", "0.2.0"), ("0.9.0", "0.10.0"), ("0.2.0", "1.0"), ("0.2", "0.2.1")] {
            assert!(is_older(one, other) && !is_older(other, one), "{one} {other}");
        }
        assert!(!is_older("0.2.0", "0.2.0"));
    }
}
