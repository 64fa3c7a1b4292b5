//! Workbooks and CSV files of others back to cells, and what is wrong with them beside the database: what
//! `acct_export_check_import` is made of.
//!
//! ```text
//! bytea -> package (inflated within limits) -> workbook (calamine) -> headers -> rows -> compare <- rows of the database
//!       -> csv (csv crate) ----------------------------------------> headers -> rows -> compare <- rows of the database
//! ```
//!
//! Pure Rust, no server in it. A file comes from anybody: nothing of it is trusted, not the sizes that it declares and not
//! the library that reads it.
//!
//! Invariants: what is kept in memory is bounded, whatever is packed; a panic of the library is an error; no error message
//! quotes the file. Problems may, for they go to who has brought it.

pub mod compare;
pub mod csv;
pub mod headers;
pub mod info;
mod moments;
mod package;
pub mod problem;
pub mod rows;
pub mod several;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod value_tests;
pub mod workbook;

use crate::error::{Error, Kind, Result};

/// Asks whether the caller has cancelled: 57014.
pub type Interrupted = fn() -> Result<()>;

/// 22023: no workbook that could be read.
fn unreadable() -> Error {
    Error::invalid("the workbook is not an xlsx file, or is damaged")
        .hint("Save it as an Excel workbook (.xlsx), without a password.")
}

/// 54000.
fn too_large(what: &str) -> Error {
    Error::new(Kind::ProgramLimitExceeded, format!("the workbook has {what}"))
        .hint("Check it in parts: fewer rows in each workbook.")
}
