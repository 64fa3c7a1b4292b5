//! Settings of the server, for the time of one scope.

use pgrx::pg_sys;
use std::ffi::CString;

/// With whose rights a setting is made.
#[derive(Clone, Copy)]
pub enum Rights {
    /// The extension's own business (`search_path`, `DateStyle`).
    Superuser,
    /// Settings that the current user may set, no more.
    CurrentUser,
}

/// A nest level of settings, as a function's SET clause opens one. Everything that is set inside, by us or by a
/// function that a view calls (`set_config(…, false)` too), is undone when it is dropped, as ANALYZE does around index
/// expressions; when an error unwinds, the server does that itself.
pub struct Scope {
    level: i32,
}

impl Scope {
    pub fn open() -> Self {
        // SAFETY: called inside a transaction; the level is closed by `drop` or by the transaction's abort.
        Scope { level: unsafe { pg_sys::NewGUCNestLevel() } }
    }

    /// Sets for the rest of the scope; an unfit value or a missing right is a server ERROR.
    pub fn set(&self, name: &str, value: &str, rights: Rights) {
        let (Ok(name), Ok(value)) = (CString::new(name), CString::new(value)) else {
            return; // a NUL cannot come from a setting or a text value of the server
        };
        // SAFETY: both strings are NUL-terminated and copied by the callee; `superuser` reads the current user.
        unsafe {
            let context = match rights {
                Rights::Superuser => pg_sys::GucContext::PGC_SUSET,
                Rights::CurrentUser if pg_sys::superuser() => pg_sys::GucContext::PGC_SUSET,
                Rights::CurrentUser => pg_sys::GucContext::PGC_USERSET,
            };
            pg_sys::set_config_option(
                name.as_ptr(),
                value.as_ptr(),
                context,
                pg_sys::GucSource::PGC_S_SESSION,
                pg_sys::GucAction::GUC_ACTION_SAVE,
                true,
                0,
                false,
            );
        }
    }

    /// Pins the settings that output and the resolution of names depend on to the same values in every session.
    pub fn pin(&self) {
        for (name, value) in [
            ("search_path", "pg_catalog, pg_temp"),
            ("row_security", "on"),
            ("datestyle", "ISO, YMD"),
            ("intervalstyle", "iso_8601"),
            ("extra_float_digits", "1"),
            ("bytea_output", "hex"),
        ] {
            self.set(name, value, Rights::Superuser);
        }
    }
}

impl Drop for Scope {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            // SAFETY: the level was opened by `open` and nothing below it is open any more.
            unsafe { pg_sys::AtEOXact_GUC(false, self.level) };
        }
    }
}

/// Keeps the text of the statement that is about to fail out of the server's log: it may hold a secret. Neither as what was being run nor
/// as the context that a function in PL/pgSQL adds. Undone by the abort that the error brings.
pub fn hide_failing_statement() {
    for (name, value) in [(c"log_min_error_statement", c"panic"), (c"log_error_verbosity", c"terse")] {
        // SAFETY: constants, copied by the callee; GUC_ACTION_LOCAL is undone with the (sub)transaction.
        unsafe {
            pg_sys::set_config_option(
                name.as_ptr(),
                value.as_ptr(),
                pg_sys::GucContext::PGC_SUSET,
                pg_sys::GucSource::PGC_S_SESSION,
                pg_sys::GucAction::GUC_ACTION_LOCAL,
                true,
                0,
                false,
            );
        }
    }
}

/// Sets for the rest of this process, a worker's.
pub fn set_for_process(name: &str, value: &str) {
    set_from(name, value, pg_sys::GucSource::PGC_S_OVERRIDE);
}

/// The same in place of the server's own default: where the setting was set anywhere, now or later, that holds.
pub fn set_default_for_process(name: &str, value: &str) {
    set_from(name, value, pg_sys::GucSource::PGC_S_DYNAMIC_DEFAULT);
}

fn set_from(name: &str, value: &str, source: pg_sys::GucSource::Type) {
    let (Ok(name), Ok(value)) = (CString::new(name), CString::new(value)) else { return };
    // SAFETY: outside of any transaction; both strings are NUL-terminated and copied by the callee.
    unsafe {
        pg_sys::SetConfigOption(name.as_ptr(), value.as_ptr(), pg_sys::GucContext::PGC_SUSET, source);
    }
}

/// Current value of any setting; None: it does not exist or is empty.
pub fn get(name: &str) -> Option<String> {
    let name = CString::new(name).ok()?;
    // SAFETY: the returned string lives until the setting changes; it is copied at once.
    unsafe {
        let value = pg_sys::GetConfigOption(name.as_ptr(), true, false);
        if value.is_null() {
            return None;
        }
        let text = std::ffi::CStr::from_ptr(value).to_string_lossy().into_owned();
        Some(text).filter(|text| !text.is_empty())
    }
}
