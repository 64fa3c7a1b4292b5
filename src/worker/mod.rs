//! Processes in the background: one export at a time each, as many as there are slots; and one that sends messages.
//!
//! While jobs of one tenant or one role have all slots and another one waits, there is one slot more, for others.
//! A worker takes a slot, puts lost jobs back, works until the queue is empty, purges, gives its slot back
//! and looks once more: a job that came in between finds either this look or a free slot for its own worker (`job::wake`). For a moment
//! it stays without a slot (`linger`): the next job need not wait for a new process.

mod archive;
mod changes;
mod ending;
mod entry;
mod export;
mod file_builder;
pub mod info;
mod linger;
mod link;
mod object_cleanup;
mod patience;
pub mod references;
mod run;
pub mod schedule;
mod selection;
mod stale_settings;
mod upload;
mod written;

pub mod launcher;
pub mod outbox_worker;

pub use run::in_session;
use run::Turn;

use crate::audit;
use crate::error::{Error, Kind, Result};
use crate::job::{purge, queue, turn, wake};
use crate::pg::lock::Lock;
use crate::pg::report::{self, Failure};
use crate::pg::{catalog, exit, guc, identity, version, wait, worker, xact};
use crate::settings;
use std::time::{Duration, Instant};

/// The life of a worker process, after it has connected.
pub fn work() {
    // First: as near as possible to the moment in which the process got its settings.
    if let Err(failure) = xact::transaction(xact::Mode::ReadWrite, stale_settings::take) {
        log(&failure, "reading the settings of the database");
    }
    if !is_installed() {
        return;
    }
    leave_processors();
    exit::on_termination(ending::give_back);
    loop {
        let ran = work_off();
        if !is_installed() {
            return;
        }
        seal();
        // One that finds nothing to take ends: a job that waits may be one that nobody can take now.
        if !ran || !linger::until_work() {
            return;
        }
        // Meanwhile the extension may have got another version, or may be gone. A session may count on a worker.
        if !is_installed() {
            worker::start_worker(worker::database());
            return;
        }
    }
}

/// Makes rows that parallel workers send one by one dearer where they have to share the processors with the threads of the export: on two
/// processors an export of a whole table took a fifth more time with parallel workers (measured). A query whose workers send few rows is
/// read by them as before, and so is one where a DBA has set the cost.
fn leave_processors() {
    if std::thread::available_parallelism().map_or(1, usize::from) < 4 {
        guc::set_default_for_process("parallel_tuple_cost", "0.5");
    }
}

/// Seals the events that commits have left to others. At the end: a job that ends seals them as well.
fn seal() {
    loop {
        match as_owner(xact::Mode::ReadWrite, audit::seal_waiting) {
            Ok(true) => {}
            Ok(false) => return,
            Err(failure) => return log(&failure, "sealing the audit trail"),
        }
    }
}

/// Messages, schedules and jobs, until none waits. True if a job was run, and the queue could be looked at to the end.
fn work_off() -> bool {
    let mut failures = 0;
    let mut ran_any = false;
    // Somebody may be waiting for it, and there is nothing that could be lost: messages are looked for behind it.
    let mut is_alone = matches!(as_owner(xact::Mode::ReadWrite, turn::alone), Ok(Some(_)));
    if !is_alone {
        start_sender();
    }
    // Before the queue, which their jobs go into.
    schedule::start_due();
    while failures < TRIES {
        let Some(slot) = take_slot() else {
            if is_alone {
                start_sender();
            }
            return ran_any;
        };
        if !is_alone {
            if let Err(failure) = as_owner(xact::Mode::ReadWrite, queue::recover) {
                log(&failure, "looking for lost exports");
            }
        }
        let mut ran = false;
        let mut is_stale = false;
        // The end of the last purge.
        let mut purged: Option<Instant> = None;
        loop {
            let is_due = purged.is_none_or(|end| end.elapsed() >= ROUND);
            let turn = run::next_job(slot == Lock::ExtraSlot);
            if std::mem::take(&mut is_alone) {
                start_sender();
            }
            match turn {
                Turn::Ran => {
                    ran = true;
                    failures = 0;
                }
                Turn::Empty => {
                    failures = 0;
                    if !is_due {
                        break;
                    }
                }
                Turn::Stale => {
                    is_stale = true;
                    break;
                }
                Turn::Broken => {
                    failures += 1;
                    break;
                }
            }
            // Exports first: between two of them a part of the purge, and all of it when none waits.
            if is_due && !purge_some() {
                purged = Some(Instant::now());
            }
            worker::reload_if_asked();
            // The slot is lost where a source called pg_advisory_unlock_all.
            if settings::max_workers() == 0 || !slot.is_held() {
                break;
            }
        }
        if slot.is_held() {
            slot.release();
        }
        // After the slot was given back, whatever happened: a session that committed its job while the slot was taken has started no
        // process. Who waits for the extra slot and cannot be taken on would be found again at once: only who can be is looked for.
        let for_extra = slot == Lock::ExtraSlot && !ran;
        ran_any |= ran;
        if is_stale {
            if worker::start_worker(worker::database()) {
                return false;
            }
            // No process can be had: this one goes on with the settings that it has.
            report::log("the settings of the database have changed, and no process is free to read them");
            if let Err(failure) = as_owner(xact::Mode::ReadWrite, stale_settings::take) {
                log(&failure, "reading the settings of the database");
                failures += 1;
            }
        }
        if settings::max_workers() == 0 || !is_installed() {
            return ran_any;
        }
        match as_owner(xact::Mode::ReadWrite, || queue::has_work(for_extra)) {
            Ok(true) => {}
            Ok(false) => return ran_any,
            Err(failure) => {
                log(&failure, "looking for jobs");
                failures += 1;
            }
        }
        if failures > 0 {
            wait::for_latch(PAUSE);
        }
    }
    false
}

/// Starts a sender where messages wait for one. Also where no slot is free.
fn start_sender() {
    let looked = as_owner(xact::Mode::ReadWrite, || {
        wake::sender_if_needed();
        Ok(())
    });
    if let Err(failure) = looked {
        log(&failure, "looking for messages");
    }
}

/// Failures to look into the queue one after the other, each of which may have waited five seconds for a lock, after which a worker
/// leaves the queue to the launcher, or to whoever looks next.
const TRIES: usize = 12;

/// The pause after such a failure.
const PAUSE: Duration = Duration::from_secs(1);

/// A transaction of the worker as the extension's owner. It waits for no row that somebody's open transaction holds (a
/// cancel that is not committed) longer than a moment: the job is then found as a crashed one later.
fn as_owner<T>(mode: xact::Mode, body: impl FnOnce() -> Result<T>) -> std::result::Result<T, Failure> {
    xact::transaction(mode, || {
        identity::as_owner(|| {
            let scope = guc::Scope::open();
            scope.set("lock_timeout", "5s", guc::Rights::Superuser);
            hold_extension()?;
            body()
        })
    })
}

/// At the beginning of a transaction: DROP EXTENSION waits for its end, and neither waits for a table of the other.
fn hold_extension() -> Result<()> {
    if catalog::hold_extension() {
        return Ok(());
    }
    Err(Error::new(Kind::NotInPrerequisiteState, "extension \"pg_acctexport\" was dropped"))
}

/// The extension may not be in this database, or may have been dropped while this process worked. In another version than the
/// library's it is as good as absent, which is logged: a library may be installed some time before ALTER EXTENSION is run.
fn is_installed() -> bool {
    let found = xact::transaction(xact::Mode::ReadWrite, || {
        let is_there = catalog::is_installed();
        if is_there {
            version::check()?;
        }
        Ok(is_there)
    });
    if let Err(failure) = &found {
        log(failure, "looking for the extension");
    }
    matches!(found, Ok(true))
}

fn take_slot() -> Option<Lock> {
    let free = (0..settings::max_workers()).map(Lock::Slot).find(|slot| slot.try_acquire());
    free.or_else(|| {
        let locked_out = as_owner(xact::Mode::ReadWrite, turn::is_locked_out).unwrap_or(false);
        Some(Lock::ExtraSlot).filter(|extra| locked_out && extra.try_acquire())
    })
}

/// One batch, committed by itself; true if there may be more.
fn purge_some() -> bool {
    match as_owner(xact::Mode::ReadWrite, purge::some) {
        Ok(more) => more,
        Err(failure) => {
            log(&failure, "the purge");
            false
        }
    }
}

/// Time from one purge to the next, in a worker that always has jobs.
const ROUND: Duration = Duration::from_secs(60);

fn log(failure: &Failure, what: &str) {
    match failure {
        Failure::Ours(error) => report::log(&format!("{what} failed: {error}")),
        Failure::Server(error) => {
            let own = error.own.as_deref().map(|own| format!(": {own}")).unwrap_or_default();
            report::log(&format!("{what} failed with SQLSTATE {}{own}", error.sqlstate));
        }
    }
}
