//! A job from claim to end, in a worker or in the session that asked for it.

use super::archive::archive;
use super::export::{produce, Task};
use super::patience::{patiently, still_wanted};
use super::{as_owner, ending, hold_extension, log, stale_settings, upload};
use crate::error::{Error, Kind, Result};
use crate::job::output::{ExportOutput, File};
use crate::job::queue::{self, Claimed};
use crate::job::{finish, lock_of, manifest, stored_object, wake, Stage};
use crate::model::{Archive, FileSpec};
use crate::pg::lock::Lock;
use crate::pg::report::Failure;
use crate::pg::{identity, progress, signals, wait, worker, xact};
use crate::settings;
use crate::source::moment::Moment;
use crate::spool::{Packing, Spool};
use std::io::Write;
use std::time::{Duration, Instant};

/// The outcome of a look into the queue.
pub enum Turn {
    /// A job was run, well or badly.
    Ran,
    /// There is none to take.
    Empty,
    /// A worker with the settings of now has to look.
    Stale,
    /// The queue could not be looked at: this worker is of no use.
    Broken,
}

/// Claims and runs the next job. `extra`: in the extra slot.
pub fn next_job(extra: bool) -> Turn {
    signals::begin_job();
    let claim = || {
        // One after the other, so that each sees which slots the others have given away, and the settings of this moment.
        Lock::Claim.acquire_for_transaction();
        let is_stale = xact::with_latest_snapshot(stale_settings::have_changed)?;
        Ok(if is_stale { None } else { Some(queue::claim(extra)?) })
    };
    let claimed = match as_owner(xact::Mode::ReadWrite, claim) {
        Ok(Some(Some(claimed))) => claimed,
        Ok(Some(None)) => return Turn::Empty,
        Ok(None) => return Turn::Stale,
        Err(failure) => {
            queue::let_go();
            // A cancel that came too late for the job before this one is no reason to stop.
            if failure.is_cancel() && (signals::was_cancelled() || signals::was_stopped()) {
                return Turn::Ran;
            }
            log(&failure, "claiming a job");
            return Turn::Broken;
        }
    };
    worker::report_activity(Some(&format!("export {}", claimed.id)));
    // Somebody may have come in the moment in which this one took the last slot, or may come later.
    let called = as_owner(xact::Mode::ReadWrite, || {
        wake::others(claimed.all_slots);
        if claimed.run > 1 {
            stored_object::mark_lost_for_deletion()?;
        }
        Ok(())
    });
    let limit = settings::job_timeout();
    let begin = Instant::now();
    wait::arm_timeout(limit);
    let outcome = aside(called, "starting further workers").and_then(|()| run(&claimed));
    let timed_out = !limit.is_zero() && begin.elapsed() >= limit;
    wait::arm_timeout(Duration::ZERO);
    progress::end();
    if let Err(failure) = outcome {
        ending::end(&claimed, &failure, timed_out);
    }
    queue::let_go();
    worker::report_activity(None);
    Turn::Ran
}

/// The outcome of work beside the export: its failure is logged, but a cancel request is for the export.
fn aside(outcome: std::result::Result<(), Failure>, what: &str) -> std::result::Result<(), Failure> {
    match outcome {
        Err(failure) if failure.is_cancel() => Err(failure),
        Err(failure) => {
            log(&failure, what);
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}

/// Releases the advisory locks that code of others took for the session of this worker.
fn give_up_locks() -> std::result::Result<(), Failure> {
    let released = xact::transaction(xact::Mode::ReadWrite, || {
        Lock::release_foreign();
        Ok(())
    });
    aside(released, "releasing advisory locks")
}

/// Reads in one transaction under the requester's rights, stores in another as the owner. What the extension's own tables refuse is told as
/// a failure of the step.
fn run(job: &Claimed) -> std::result::Result<(), Failure> {
    upload::check(job).map_err(|failure| failure.told_as("preparing the export"))?;
    let file = FileSpec::of(&job.request)?;
    let task = Task {
        job: &job.id,
        asked: &job.request,
        file: &file,
        context: &job.context,
        role: job.requested_by,
        titles: &job.titles,
        asker: Some(job.asker()),
        approved: job.approved_by.is_some(),
    };
    let output = xact::transaction(xact::Mode::OneSnapshot, || {
        hold_extension()?;
        // A source that calls pg_advisory_unlock_all takes the session's lock away, not the transaction's; the session
        // has it again before the transaction ends.
        let lock = lock_of(&job.id);
        lock.acquire_for_transaction();
        let output = produce(&task)?;
        lock.try_acquire();
        Ok(output)
    });
    let released = give_up_locks();
    let output = output.map_err(|failure| failure.told_as("preparing the export"))?;
    released?;
    let Some(mut output) = output else {
        return patiently(job, || finish::await_approval(job))
            .map_err(|failure| failure.told_as("recording the export"));
    };
    progress::start(0);
    progress::rows(output.rows());
    progress::rows_total(output.rows() as i64);
    complete_files(&task, &mut output, &mut || {
        // A cancel reaches a process within a transaction only, and nothing is open here.
        still_wanted(job).map_err(Failure::into_error)
    })?;
    progress::stage(Stage::Storing);
    let stored = upload::upload(job, &output)
        .and_then(|placed| patiently(job, || finish::complete(job, &mut output, placed.as_deref())));
    stored.map_err(|failure| failure.told_as("storing the file"))
}

/// Adds the manifest, and puts all files into an archive, where that was asked for. `check` is asked from time to time whether to
/// go on.
fn complete_files(
    task: &Task<'_>,
    output: &mut ExportOutput,
    check: &mut dyn FnMut() -> Result<()>,
) -> Result<()> {
    let options = &task.file.options;
    let title = task.titles.first().map(String::as_str).unwrap_or_default();
    if options.archive.is_none() && !options.manifest {
        return Ok(());
    }
    let as_of = Moment::at(output.as_of).in_full();
    let document = || manifest::of_output(task.job, output, &as_of, options.reproducible);
    // A worker has no transaction open here.
    let document = match task.asker {
        Some(_) => as_owner(xact::Mode::ReadWrite, document).map_err(Failure::into_error)?,
        None => identity::as_owner(document)?,
    };
    let document = format!("{document:#}\n");
    match options.archive {
        Some(Archive::Zip) => {
            progress::stage(Stage::Reading);
            archive(output, title, (document.as_bytes(), options.reproducible), check)
        }
        None => add_manifest(output, document.as_bytes()),
    }
}

/// Adds the manifest as the last file.
fn add_manifest(output: &mut ExportOutput, document: &[u8]) -> Result<()> {
    let mut spool = Spool::create(&settings::spool_directory()?, Packing::None)?;
    spool.write_all(document)?;
    let (stem, ending) = ("export-info".to_owned(), "json".to_owned());
    output.files.push(File {
        name: Moment::at(output.as_of).file_name(&stem, &ending),
        stem,
        ending,
        media_type: "application/json",
        spooled: Some(spool.finish()?),
        failed: None,
        parts: Vec::new(),
    });
    Ok(())
}

/// The whole job in the caller's session and transaction (`acct_export.async = off`); an error is the caller's.
pub fn in_session(job: &str) -> Result<()> {
    let claimed = identity::as_owner(|| queue::take(job))?
        .ok_or_else(|| Error::new(Kind::ObjectInUse, format!("export job {job} was taken by a worker")))?;
    let file = FileSpec::of(&claimed.request)?;
    let task = Task {
        job,
        asked: &claimed.request,
        file: &file,
        context: &claimed.context,
        role: claimed.requested_by,
        titles: &claimed.titles,
        asker: None,
        approved: claimed.approved_by.is_some(),
    };
    // The session is the caller's: what code of others did while it was read is undone.
    let made =
        xact::with_latest_snapshot(|| xact::discard(|| produce(&task))).map_err(Failure::into_error)?;
    match made {
        Some(mut output) => {
            progress::start(0);
            progress::rows(output.rows());
            progress::rows_total(output.rows() as i64);
            complete_files(&task, &mut output, &mut || Ok(()))?;
            progress::stage(Stage::Storing);
            identity::as_owner(|| finish::complete(&claimed, &mut output, None))?;
        }
        None => identity::as_owner(|| finish::await_approval(&claimed))?,
    }
    progress::end();
    Ok(())
}
