//! With `shared_preload_libraries`: one process that starts a worker in every database from time to time, as the
//! autovacuum launcher does. The worker recovers lost jobs, purges, and works off what waits; where the extension is not
//! installed it ends at once.

use crate::pg::{catalog, wait, worker, xact};
use std::time::Duration;

/// Between two rounds; also the longest that a crashed job waits.
const ROUND: Duration = Duration::from_secs(60);

/// Between the workers of two databases: a server with many has processes left for those who ask for exports meanwhile.
const APART: Duration = Duration::from_millis(20);

/// Before databases are tried again for which no process was free, and how often.
const AGAIN: Duration = Duration::from_secs(1);
const TRIES: usize = 60;

/// The life of the launcher. A reload starts a round at once, so that a raised `max_workers` resumes the queue: nobody else may come to
/// jobs that were asked for during a pause, so none of the databases is left out.
pub fn launch() {
    loop {
        let databases = xact::transaction(xact::Mode::OneSnapshot, || Ok(catalog::databases()));
        let mut left = start_workers(databases.unwrap_or_default());
        // One that came in the midst of the round woke a pause between two workers.
        let mut is_reloaded = worker::reload_if_asked();
        for _ in 0..TRIES {
            if is_reloaded || left.is_empty() {
                break;
            }
            wait::pause(AGAIN);
            left = start_workers(left);
            is_reloaded = worker::reload_if_asked();
        }
        if !is_reloaded {
            wait::pause(ROUND);
            worker::reload_if_asked();
        }
    }
}

/// Starts a worker in each database; those for which there was no process (`max_worker_processes`).
fn start_workers(databases: Vec<u32>) -> Vec<u32> {
    let mut left = Vec::new();
    for database in databases {
        if !worker::start_worker(database) {
            left.push(database);
        }
        wait::pause(APART);
    }
    left
}
