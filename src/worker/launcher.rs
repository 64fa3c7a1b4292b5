//! With `shared_preload_libraries`: one process that starts a worker in every database from time to time, as the
//! autovacuum launcher does. The worker starts what schedules have due, recovers lost jobs, purges, and works off what waits; where the extension is not
//! installed it ends at once.

use crate::pg::{catalog, wait, worker, xact};
use std::time::Duration;

/// Between two rounds; also the longest that a crashed job waits. Rounds begin with the minutes of the clock, as schedules do.
const ROUND: Duration = Duration::from_secs(60);

/// After the beginning of a minute, so that no clock says that it has not come yet.
const AFTER: Duration = Duration::from_millis(50);

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
            wait::pause(until_next_round(xact::now()));
            worker::reload_if_asked();
        }
    }
}

/// The time from a moment, in microseconds of any minute's beginning, to the next round.
fn until_next_round(now: i64) -> Duration {
    let passed = now.rem_euclid(ROUND.as_micros() as i64).unsigned_abs();
    ROUND - Duration::from_micros(passed) + AFTER
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_begin_with_minutes() {
        assert_eq!(until_next_round(0), ROUND + AFTER);
        assert_eq!(until_next_round(59_000_000), Duration::from_secs(1) + AFTER);
        assert_eq!(until_next_round(-1_000_000), Duration::from_secs(1) + AFTER);
    }
}
