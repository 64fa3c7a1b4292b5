//! Edited workbooks and CSV files compared with the database, and exports compared with each other.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod csv_check;
mod csv_office;
mod csv_refused;
mod diff;
mod diff_refused;
mod import_check;
mod import_owners;
mod import_reference;
mod import_refused;
mod spelling;
