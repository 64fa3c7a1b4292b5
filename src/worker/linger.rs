//! The time between the last job of a worker and its end. It has no slot, and takes one when a job comes.
//!
//! A session that commits a request meanwhile starts no process (`job::wake`): the lock tells it that this worker looks for jobs yet.
//! The worker gives the lock back first and looks for the last time then, so it finds the job of whoever saw the lock taken.

use super::{as_owner, log};
use crate::job::{queue, wake};
use crate::pg::lock::{self, Lock};
use crate::pg::report::Failure;
use crate::pg::{wait, worker, xact};
use crate::settings;
use std::time::{Duration, Instant};

/// Short enough for what waits until a database has no sessions: DROP DATABASE and a copy of it wait for five seconds
/// (CountOtherDBBackends, procarray.c).
const TIME: Duration = Duration::from_millis(250);

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(2);

/// Waits for a job that this worker could take, as the only one that does. False: none has come, and no session counts on this worker.
pub fn until_work() -> bool {
    if !Lock::Lingering.try_acquire() {
        return false;
    }
    let begin = Instant::now();
    let mut found = Ok(false);
    while matches!(found, Ok(false)) && begin.elapsed() < TIME && is_of_use() {
        wait::for_latch(PAUSE);
        worker::reload_if_asked();
        found = look();
    }
    Lock::Lingering.release();
    worker::reload_if_asked();
    let found = found.and_then(|found| if found { Ok(true) } else { look() });
    // After a failure the worker goes to the queue, where it tries for some time.
    found.unwrap_or_else(|failure| {
        log(&failure, "looking for jobs");
        true
    })
}

fn is_of_use() -> bool {
    settings::max_workers() > 0 && !lock::database_is_held()
}

/// True if a job waits and a slot is free.
fn look() -> std::result::Result<bool, Failure> {
    as_owner(xact::Mode::ReadWrite, || Ok(wake::is_slot_free() && queue::is_queued()?))
}
