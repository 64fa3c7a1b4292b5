//! Work on the extension's tables that is done again where a lock was in its way: what was read is there still.

use super::as_owner;
use crate::error::Result;
use crate::job::finish;
use crate::job::queue::Claimed;
use crate::pg::report::{self, Failure};
use crate::pg::{wait, xact};
use std::time::{Duration, Instant};

/// The pauses between two tries: each is twice as long as the one before.
const SHORTEST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(2);

/// The interval of lines in the log while a job waits.
const TOLD: Duration = Duration::from_secs(60);

/// Runs a transaction until no lock, and no other transaction, is in its way: as long as the job is wanted and has time. The time limit
/// of the job and a cancel end the wait (57014).
pub fn patiently<T>(job: &Claimed, mut body: impl FnMut() -> Result<T>) -> std::result::Result<T, Failure> {
    let mut pause = SHORTEST;
    let mut told: Option<Instant> = None;
    // A file may be large: before it is written once more, the row of the job must be free.
    let mut is_free = true;
    loop {
        let outcome = if is_free {
            as_owner(xact::Mode::ReadWrite, &mut body).map(Some)
        } else {
            let looked = as_owner(xact::Mode::ReadWrite, || {
                wait::check_interrupts();
                finish::still_ours(job)
            });
            looked.map(|()| None)
        };
        match outcome {
            Ok(Some(value)) => return Ok(value),
            Ok(None) => is_free = true,
            Err(failure) if failure.is_passing() => {
                is_free = false;
                if told.is_none_or(|last| last.elapsed() >= TOLD) {
                    report::log(&format!("export {} waits and tries again: {}", job.id, failure.in_full()));
                    told = Some(Instant::now());
                }
                wait::for_latch(pause);
                pause = (pause * 2).min(LONGEST);
            }
            Err(failure) => return Err(failure),
        }
    }
}

/// 57014 if the job is to be cancelled or this process is interrupted. That a lock is in the way says nothing.
pub fn still_wanted(job: &Claimed) -> std::result::Result<(), Failure> {
    let looked = as_owner(xact::Mode::ReadWrite, || {
        wait::check_interrupts();
        finish::still_wanted(job)
    });
    match looked {
        Err(failure) if failure.is_passing() => Ok(()),
        looked => looked,
    }
}
