//! The boundary of the library's failures: its panics and its errors.
//!
//! It works in memory here, so there is nothing that it should complain of; what it says may quote names and
//! is not passed on.

use std::panic::{catch_unwind, AssertUnwindSafe};

use rust_xlsxwriter::XlsxError;

use crate::error::{Error, Kind, Result};
use crate::value::thread::without_signals;

/// Runs `work`, which uses the library; a panic in it becomes an error. The library makes each sheet in a
/// thread of its own when it saves; no signal is to reach these.
pub fn caught<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(|| without_signals(work)))
        .unwrap_or_else(|_| Err(Error::new(Kind::Internal, "the workbook library failed")))
}

/// An error of the library as one of ours.
pub fn library_error(_: XlsxError) -> Error {
    Error::new(Kind::Internal, "the workbook library refused a value or a name")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error_that_quotes_nothing() {
        let error = caught::<()>(|| panic!("user@example.com")).unwrap_err();
        assert_eq!((error.kind, error.message.as_str()), (Kind::Internal, "the workbook library failed"));
        let error = library_error(XlsxError::SheetnameReused("user@example.com".into()));
        assert!(!error.message.contains('@'));
    }
}
