//! A queue that is held while something changes between asking and running.

use std::time::Duration;

use postgres::Client;

use super::{start, text};
use crate::common::{wait_until, Cluster, ClusterOptions};

/// A server of the test's own, whose queue it can hold.
pub fn pausable() -> &'static Cluster {
    Box::leak(Box::new(Cluster::start(ClusterOptions::preloaded())))
}

/// Asks while the queue is held, and lets it go after the change.
#[track_caller]
pub fn asked_before(cluster: &Cluster, client: &mut Client, change: impl FnOnce()) -> String {
    let set = |client: &mut Client, workers: &str| {
        cluster.set("acct_export.max_workers", workers);
        wait_until(Duration::from_secs(20), "the reload has come", || {
            text(client, "SHOW acct_export.max_workers").as_deref() == Some(workers)
        });
    };
    set(client, "0");
    let job = start(client, "'users', 'csv'");
    change();
    set(client, "2");
    job
}
