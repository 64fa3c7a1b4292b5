//! Requests that are refused, filters, and limits on what a role may ask for.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod change_chains;
mod changes;
mod changes_choice;
mod errors;
mod errors_failure;
mod errors_filters;
mod errors_injection;
mod errors_jobs;
mod errors_names;
mod filters;
mod filters_limits;
mod filters_unfit;
mod indexed;
mod limits;
mod saved;
mod saved_runs;
mod schedule;
mod several_keys;
mod sorted;
mod subject;
