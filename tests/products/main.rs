//! Exports that the documents of existing products describe.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod account_workbook;
mod administrator_workbook;
mod directory_snapshot;
mod purchases_csv;
mod state_events;
mod user_array;
