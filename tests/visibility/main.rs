//! Jobs and rows that a requester may see.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod citus;
mod far;
mod memberships;
mod visibility_rights;
mod visibility_sources;
mod visible_jobs;
mod whose;
