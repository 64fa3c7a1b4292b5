//! A job from claim to end, in a worker or in the session that asked for it.

use super::archive::archive;
use super::produce::{produce, Task};
use super::upload;
use super::{as_owner, log};
use crate::encode::{Archive, Format};
use crate::error::{Error, Kind, Result};
use crate::job::product::Product;
use crate::job::queue::{self, Claimed};
use crate::job::settle;
use crate::job::{lock_of, Stage};
use crate::pg::report::{self, Failure};
use crate::pg::{identity, progress, wait, worker, xact};
use crate::settings;
use crate::source::plan;
use std::time::{Duration, Instant};

/// What became of a look into the queue.
pub enum Turn {
    /// A job was run, well or badly.
    Ran,
    /// There is none to take.
    Empty,
    /// The queue could not be looked at: this worker is of no use.
    Broken,
}

/// Claims and runs the next job.
pub fn next_job() -> Turn {
    let claimed = match as_owner(xact::Mode::ReadWrite, queue::claim) {
        Ok(Some(claimed)) => claimed,
        Ok(None) => return Turn::Empty,
        Err(failure) => {
            queue::let_go();
            // A cancel that came too late for the job before this one is no reason to stop.
            if matches!(&failure, Failure::Server(error) if error.sqlstate == "57014") {
                return Turn::Ran;
            }
            log(&failure, "claiming a job");
            return Turn::Broken;
        }
    };
    worker::report_activity(Some(&format!("export {}", claimed.id)));
    let (limit, begin) = (settings::job_timeout(), Instant::now());
    wait::arm_timeout(limit);
    let outcome = run(&claimed);
    wait::arm_timeout(Duration::ZERO);
    progress::end();
    if let Err(failure) = outcome {
        let timed_out = !limit.is_zero() && begin.elapsed() >= limit;
        end_badly(&claimed, &failure, timed_out);
    }
    queue::let_go();
    worker::report_activity(None);
    Turn::Ran
}

/// Reads in one transaction under the requester's rights, stores in another as the owner.
fn run(job: &Claimed) -> std::result::Result<(), Failure> {
    let task = Task {
        job: &job.id,
        asked: &job.request,
        context: &job.context,
        role: job.requested_by,
        titles: &job.titles,
        own_session: true,
        approved: job.approved_by.is_some(),
    };
    upload::check(job)?;
    let product = xact::transaction(xact::Mode::OneSnapshot, || {
        // A source that calls pg_advisory_unlock_all takes the session's lock away, not the transaction's; the session
        // has it again before the transaction ends.
        let lock = lock_of(&job.id);
        lock.acquire_for_transaction();
        let product = produce(&task)?;
        lock.try_acquire();
        Ok(product)
    })?;
    let Some(mut product) = product else {
        return as_owner(xact::Mode::ReadWrite, || settle::await_approval(job, &settings::intervals()?));
    };
    progress::start(0);
    progress::rows(product.rows());
    progress::rows_total(product.rows() as i64);
    archive_if_asked(&task, &mut product, &mut || {
        // A cancel reaches a process within a transaction only, and nothing is open here.
        as_owner(xact::Mode::ReadWrite, || settle::still_wanted(job)).map_err(Failure::into_error)
    })?;
    progress::stage(Stage::Storing);
    let placed = upload::upload(job, &product)?;
    as_owner(xact::Mode::ReadWrite, || {
        settle::complete(job, &mut product, placed.as_deref(), &settings::intervals()?)
    })
}

/// `check` is asked from time to time whether to go on.
fn archive_if_asked(
    task: &Task<'_>,
    product: &mut Product,
    check: &mut dyn FnMut() -> Result<()>,
) -> Result<()> {
    let options = plan::options(task.asked, Format::parse(&task.asked.format)?)?;
    let title = task.titles.first().map(String::as_str).unwrap_or_default();
    match options.archive {
        Some(Archive::Zip) => {
            progress::stage(Stage::Reading);
            archive(product, title, options.reproducible, check)
        }
        None => Ok(()),
    }
}

/// Records the failure. Should that fail as well, the job stays `running` without a lock, which is a crash and is found
/// as one.
fn end_badly(job: &Claimed, failure: &Failure, timed_out: bool) {
    let (mut message, sqlstate) = failure.described();
    let stopped = sqlstate == "57014" && !timed_out;
    if timed_out {
        message = "the export took longer than acct_export.job_timeout allows".to_owned();
    }
    report::log(&format!("export {} did not complete: {message} ({sqlstate})", job.id));
    for _ in 0..TRIES {
        match as_owner(xact::Mode::ReadWrite, || settle::fail(job, &message, &sqlstate, stopped)) {
            Ok(true) => return,
            // The row changed under our hands.
            Ok(false) => {}
            // A second cancel that came meanwhile, or one whose transaction takes long to end.
            Err(Failure::Server(error)) if matches!(error.sqlstate.as_str(), "57014" | "55P03") => {}
            Err(failure) => return log(&failure, "recording a failed export"),
        }
    }
    report::log(&format!("the end of export {} could not be recorded; it is found as a crashed one", job.id));
}

/// How often the end of a job is tried to be recorded.
const TRIES: usize = 5;

/// The whole job in the caller's session and transaction (`acct_export.async = off`); an error is the caller's.
pub fn in_session(job: &str) -> Result<()> {
    let claimed = identity::as_owner(|| queue::take(job))?
        .ok_or_else(|| Error::new(Kind::ObjectInUse, format!("export job {job} was taken by a worker")))?;
    let task = Task {
        job,
        asked: &claimed.request,
        context: &claimed.context,
        role: claimed.requested_by,
        titles: &claimed.titles,
        own_session: false,
        approved: claimed.approved_by.is_some(),
    };
    match xact::with_latest_snapshot(|| report::reading(|| produce(&task)))? {
        Some(mut product) => {
            archive_if_asked(&task, &mut product, &mut || Ok(()))?;
            progress::stage(Stage::Storing);
            identity::as_owner(|| settle::complete(&claimed, &mut product, None, &settings::intervals()?))?;
        }
        None => identity::as_owner(|| settle::await_approval(&claimed, &settings::intervals()?))?,
    }
    progress::end();
    Ok(())
}
