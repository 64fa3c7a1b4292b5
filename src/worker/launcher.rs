//! With `shared_preload_libraries`: one process that starts a worker in every database from time to time, as the
//! autovacuum launcher does. The worker recovers lost jobs, purges, and works off what waits; where the extension is not
//! installed it ends at once.

use crate::error::Result;
use crate::pg::{guc, sql, wait, worker, xact};
use std::time::Duration;

/// Between two rounds; also the longest that a crashed job waits.
const ROUND: Duration = Duration::from_secs(60);

/// The life of the launcher. A reload starts a round at once, so that a raised `max_workers` resumes the queue.
pub fn launch() {
    loop {
        for database in xact::transaction(xact::Mode::OneSnapshot, databases).unwrap_or_default() {
            worker::start_worker(database);
        }
        wait::pause(ROUND);
        worker::reload_if_asked();
    }
}

fn databases() -> Result<Vec<u32>> {
    let scope = guc::Scope::open();
    scope.pin();
    sql::documents(
        "SELECT to_jsonb(oid::bigint) FROM pg_database WHERE datallowconn AND NOT datistemplate ORDER BY oid",
        &[],
    )
}
