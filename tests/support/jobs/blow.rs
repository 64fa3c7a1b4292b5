//! Servers that are made to crash, and what brings them down.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{workers, LIMIT};
use crate::common::{wait_until, Cluster, ClusterOptions, TwoTenants};
use crate::PerSuite;

pub type Own = MutexGuard<'static, &'static Cluster>;

/// Two servers that crash, one test at a time each; both give up after two attempts.
pub fn crashing(preload: bool) -> Own {
    static CLUSTERS: [PerSuite<Mutex<&'static Cluster>>; 2] = [PerSuite::new(), PerSuite::new()];
    let cluster = CLUSTERS[usize::from(preload)].get_or_init(|| {
        let options = ClusterOptions { preload, settings: Vec::new() };
        let options = options.set("max_prepared_transactions", "4").set("acct_export.max_attempts", "2");
        Mutex::new(Box::leak(Box::new(Cluster::start(options))))
    });
    cluster.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The ways to bring something down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blow {
    /// SIGKILL for the worker: the postmaster ends all sessions and recovers.
    Kill,
    /// The server stops in immediate mode and is started again.
    Stop,
    /// The server stops in fast mode, in good order, and is started again.
    Restart,
    /// pg_terminate_backend: only the worker goes.
    Terminate,
}

impl Blow {
    /// Strikes, waits until the worker is gone and the server answers again.
    pub fn strike(self, cluster: &'static Cluster, app: &TwoTenants, worker: i32) {
        let mut witness = app.superuser();
        match self {
            Blow::Kill => {
                cluster.kill_backend(worker, "KILL");
                wait_until(LIMIT, "all sessions end", || witness.simple_query("SELECT").is_err());
            }
            Blow::Stop => {
                cluster.stop_immediate();
                cluster.restart();
            }
            Blow::Restart => cluster.restart(),
            Blow::Terminate => {
                witness.execute("SELECT pg_terminate_backend($1)", &[&worker]).unwrap();
                wait_until(LIMIT, "the worker ends", || !workers(&mut witness).contains(&worker));
            }
        }
        wait_until(LIMIT, "the server takes sessions", || cluster.try_connect(&app.db, "postgres").is_ok());
    }
}
