//! With `shared_preload_libraries`: one process that starts a worker in every database from time to time, as the
//! autovacuum launcher does. The worker recovers lost jobs, purges, and works off what waits; where the extension is not
//! installed it ends at once.

use crate::pg::{catalog, wait, worker, xact};
use std::time::Duration;

/// Between two rounds; also the longest that a crashed job waits.
const ROUND: Duration = Duration::from_secs(60);

/// Between the workers of two databases: a server with many has processes left for those who ask for exports meanwhile.
const APART: Duration = Duration::from_millis(20);

/// The life of the launcher. A reload starts a round at once, so that a raised `max_workers` resumes the queue.
pub fn launch() {
    loop {
        for database in
            xact::transaction(xact::Mode::OneSnapshot, || Ok(catalog::databases())).unwrap_or_default()
        {
            worker::start_worker(database);
            wait::pause(APART);
        }
        // One that came in the midst of the round woke a pause between two workers.
        if !worker::reload_if_asked() {
            wait::pause(ROUND);
            worker::reload_if_asked();
        }
    }
}
