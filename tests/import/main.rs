//! Edited workbooks compared with the database, and exports compared with each other.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod diff;
mod diff_refused;
mod import_check;
mod import_owners;
mod import_reference;
mod import_refused;
