//! Text settings whose values are checked when they are set.
//!
//! The server calls the check hook for SET, ALTER SYSTEM, ALTER DATABASE and ALTER ROLE, for postgresql.conf, and for values
//! that were set before the library was loaded. A refused value is an error of the statement that sets it (22023). In a file,
//! or where it was set before, it is logged or a WARNING, and the setting keeps its last value or its default
//! (set_config_option, guc.c).

use pgrx::guc::{GucContext, GucFlags, GucRegistry, GucSetting};
use pgrx::pg_sys;
use std::ffi::{CStr, CString};
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};

/// The reason why a value is refused, as DETAIL and HINT: sentences.
#[derive(Debug, PartialEq, Eq)]
pub struct SettingError {
    pub detail: String,
    pub hint: String,
}

/// The way that a value comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A statement of a session: things that the value names can be looked up.
    Statement,
    /// A file, or a statement of the past: only the form of the value can be checked.
    Stored,
}

/// The rule of a setting. It must not raise an error: the postmaster runs it too.
pub trait Rule {
    fn check(value: &str, origin: Origin) -> Result<(), SettingError>;
}

/// Set when all settings are defined: values that are checked before were set before.
static DEFINED: AtomicBool = AtomicBool::new(false);

/// Defines a setting of superusers.
pub fn define<R: Rule>(
    name: &'static CStr,
    short: &'static CStr,
    long: &'static CStr,
    setting: &'static GucSetting<Option<CString>>,
) {
    // SAFETY: the check hook is guarded against panics.
    unsafe {
        GucRegistry::define_string_guc_with_hooks(
            name,
            short,
            long,
            setting,
            GucContext::Suset,
            GucFlags::default(),
            Some(check::<R>),
            None,
            None,
        );
    }
}

/// Ends the definitions.
pub fn defined() {
    DEFINED.store(true, Ordering::Relaxed);
}

/// # Safety
/// Called by the server alone, with a pointer to the new value.
unsafe extern "C-unwind" fn check<R: Rule>(
    value: *mut *mut core::ffi::c_char,
    _extra: *mut *mut core::ffi::c_void,
    source: pg_sys::GucSource::Type,
) -> bool {
    // SAFETY: the value is NULL or a C string that lives until this returns.
    let value = unsafe { (!(*value).is_null()).then(|| CStr::from_ptr(*value)) };
    let checked = AssertUnwindSafe(|| {
        let Some(value) = value else { return true };
        let outcome = match value.to_str() {
            Ok(value) => R::check(value, origin(source)),
            Err(_) => Err(SettingError {
                detail: "The value is not valid in encoding UTF8.".to_owned(),
                hint: "Use ASCII or UTF8.".to_owned(),
            }),
        };
        outcome.map_err(|error| explain(&error)).is_ok()
    });
    // SAFETY: a panic becomes an ERROR of the server.
    unsafe { pg_sys::panic::pgrx_extern_c_guard(checked) }
}

fn origin(source: pg_sys::GucSource::Type) -> Origin {
    use pg_sys::GucSource::{PGC_S_FILE, PGC_S_INTERACTIVE};
    // ALTER SYSTEM checks its value as that of a file. A parallel worker gets the values of its leader.
    // SAFETY: reads backend variables.
    let is_now = unsafe { pg_sys::IsTransactionState() && !pg_sys::InitializingParallelWorker };
    if is_now && DEFINED.load(Ordering::Relaxed) && (source == PGC_S_FILE || source >= PGC_S_INTERACTIVE) {
        Origin::Statement
    } else {
        Origin::Stored
    }
}

/// Sets DETAIL and HINT of the error that the server raises or logs (GUC_check_errdetail, guc.h).
fn explain(error: &SettingError) {
    let copy = |text: &str| {
        let text = CString::new(text).unwrap_or_default();
        // SAFETY: copies the string into the context that the server empties after it has reported the error.
        unsafe { pg_sys::MemoryContextStrdup(pg_sys::ErrorContext, text.as_ptr()) }
    };
    let (detail, hint) = (copy(&error.detail), copy(&error.hint));
    // SAFETY: assigns variables that the server resets before it calls a check hook.
    unsafe {
        pg_sys::GUC_check_errdetail_string = detail;
        pg_sys::GUC_check_errhint_string = hint;
    }
}

/// Fields that a text of an interval may have at most (MAXDATEFIELDS, utils/datetime.h).
const FIELDS: usize = 25;

/// The parts of an interval, each with its own sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IntervalParts {
    pub years: i64,
    pub months: i64,
    pub days: i64,
    pub microseconds: i64,
}

/// Reads an interval as `interval_in` (timestamp.c) does, without a transaction and without an error. None: it is not an
/// interval, or it is infinite.
pub fn interval(text: &str) -> Option<IntervalParts> {
    let text = CString::new(text).ok()?;
    let mut buffer = [0 as core::ffi::c_char; 256];
    let mut fields = [std::ptr::null_mut(); FIELDS];
    let mut kinds = [0; FIELDS];
    let (mut count, mut kind) = (0, 0);
    let mut parts = pg_sys::pg_itm_in { tm_usec: 0, tm_mday: 0, tm_mon: 0, tm_year: 0 };
    // SAFETY: buffer and arrays are as long as is said; the functions write into them and return a code.
    unsafe {
        let mut code = pg_sys::ParseDateTime(
            text.as_ptr(),
            buffer.as_mut_ptr(),
            buffer.len() as _,
            fields.as_mut_ptr(),
            kinds.as_mut_ptr(),
            FIELDS as core::ffi::c_int,
            &mut count,
        );
        if code == 0 {
            code = pg_sys::DecodeInterval(
                fields.as_mut_ptr(),
                kinds.as_mut_ptr(),
                count,
                pg_sys::INTERVAL_FULL_RANGE as core::ffi::c_int,
                &mut kind,
                &mut parts,
            );
        }
        if code == pg_sys::DTERR_BAD_FORMAT {
            code = pg_sys::DecodeISO8601Interval(text.as_ptr().cast_mut(), &mut kind, &mut parts);
        }
        if code != 0 || kind != pg_sys::DTK_DELTA as core::ffi::c_int {
            return None;
        }
    }
    Some(IntervalParts {
        years: parts.tm_year.into(),
        months: parts.tm_mon.into(),
        days: parts.tm_mday.into(),
        microseconds: parts.tm_usec,
    })
}

/// True if this process may make files in the directory.
pub fn is_writable(directory: &str) -> bool {
    let Ok(path) = CString::new(directory) else { return false };
    // SAFETY: a C string; the call only looks.
    unsafe { libc::access(path.as_ptr(), libc::W_OK | libc::X_OK) == 0 }
}
