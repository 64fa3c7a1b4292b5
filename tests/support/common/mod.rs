//! Shared parts of the integration tests: real servers ([`Cluster`]), an application with two tenants ([`TwoTenants`]), and
//! small helpers for errors and for waiting.
//!
//! A test takes the server of its test program ([`shared`]) and a database of its own in it, because an extension's
//! objects belong to a database; roles belong to the whole server, so their names come from [`unique`]. A test that
//! stops, restarts or crashes a server starts its own with [`Cluster::start`]. Tests never sleep: they wait for what
//! they want to see, by [`wait_until`] or with `acct_export_wait`.

mod cluster;
mod errors;
mod place;
pub mod python;
mod template;
mod tenants;
mod wait;

pub use cluster::{done, shared, Cluster, ClusterOptions};
pub use errors::{error_of, ServerError};
pub use tenants::{wait_for_job, TwoTenants, SECRET};
pub use wait::wait_until;

use std::sync::atomic::{AtomicU32, Ordering};

/// `base` with a number that no other call in this test program gets: names of databases and roles.
pub fn unique(base: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    format!("{base}_{}", NEXT.fetch_add(1, Ordering::Relaxed))
}
