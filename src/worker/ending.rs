//! The end of a run that did not complete: why, and what becomes of the job.
//!
//! | reason | the job is then |
//! | --- | --- |
//! | `acct_export_cancel` | cancelled |
//! | `pg_cancel_backend` of the worker | cancelled |
//! | `acct_export.job_timeout` | failed, 57014 |
//! | `acct_export_cancel` of the job before this one, which came late | queued; the run does not count |
//! | any other error, an error 57014 of the source among them | failed |
//! | `pg_terminate_backend`, a shutdown | queued; the run does not count |
//! | a crash | queued, after `acct_export.max_attempts` runs failed (`queue::recover`) |

use super::{as_owner, log};
use crate::job::finish::{self, Ending};
use crate::job::queue::{self, Claimed};
use crate::job::wake;
use crate::pg::report::{self, Failure};
use crate::pg::{catalog, guc, lock, signals, wait, xact};

/// The number of tries to record the end of a job. Each waits five seconds for a lock.
const TRIES: usize = 12;

/// Records the end of a run. Should that fail as well, the job stays `running` without a lock, which is a crash and is found
/// as one.
pub fn end(job: &Claimed, failure: &Failure, is_over_time: bool) {
    let (mut message, sqlstate) = failure.described();
    let ending = of(failure, is_over_time);
    if failure.is_cancel() && ending == Ending::Failed && is_over_time {
        message = "the export took longer than acct_export.job_timeout".to_owned();
        report::log(&format!("export {} did not complete: {message} ({sqlstate})", job.id));
    } else {
        report::log(&format!("export {} did not complete: {}", job.id, failure.in_full()));
    }
    for _ in 0..TRIES {
        let recorded = as_owner(xact::Mode::ReadWrite, || {
            // A process that is to end leaves the job to `give_back`.
            wait::check_interrupts();
            finish::fail(job, &message, &sqlstate, ending)
        });
        match recorded {
            Ok(true) => return,
            // The row changed under our hands.
            Ok(false) => {}
            // A second cancel that came meanwhile, or one whose transaction takes long to end.
            Err(failure) if failure.is_cancel() || failure.is_passing() => {}
            Err(failure) => return log(&failure, "recording a failed export"),
        }
    }
    report::log(&format!(
        "could not record the end of export {}; it will be handled as interrupted by a crash",
        job.id
    ));
}

fn of(failure: &Failure, is_over_time: bool) -> Ending {
    match failure.is_cancel() {
        true if signals::was_cancelled() => Ending::Cancelled,
        true if is_over_time => Ending::Failed,
        true if signals::was_stopped() => Ending::GivenBack,
        _ => Ending::Failed,
    }
}

/// Called when an administrator or a shutdown ends this process, in the midst of whatever it does. Waits for nothing.
pub fn give_back() {
    // The commit of this transaction waits for no standby.
    guc::set_for_process("synchronous_commit", "off");
    let given = as_owner(xact::Mode::ReadWrite, || {
        if !catalog::is_installed() {
            return Ok(());
        }
        let is_given = queue::give_back()?;
        // Before the commit: whoever is called then finds job and slot free. Before the look: other jobs may have come while the
        // slot was taken, and nobody else was called for them.
        lock::release_all();
        let is_wanted = is_given || !lock::table_is_free("acct_export", "job") || queue::has_work(false)?;
        if is_wanted && !lock::database_is_held() {
            wake::at_commit(None);
        }
        Ok(())
    });
    if let Err(failure) = given {
        log(&failure, "requeueing an export");
    }
}
