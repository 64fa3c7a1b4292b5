//! Files in object stores, behind a real S3 server and a proxy with faults.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod bucket_files;
mod copies;
mod destination;
mod remote_harness;
mod remote_harness_ways;
mod store_azure;
mod store_environment;
mod store_faults;
mod store_kept;
mod store_refused;
mod store_snapshot;
mod store_stopped;
mod store_url;
