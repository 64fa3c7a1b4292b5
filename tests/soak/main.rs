//! Campaigns: minutes of crashes, full disks, many jobs and random input, with what has to hold afterwards. `make soak` runs them.
//!
//! Each prints its seed and its figures. Data and choices follow from the seed (`ACCTEXPORT_SEED`); moments in time do not.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod at_rest;
mod campaign;
mod contents;
mod documented;
mod server_log;
mod workload;

mod disks;
mod fuzz;
mod kills;
mod many_jobs;
mod random_calls;
mod stops;
