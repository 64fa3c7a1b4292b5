//! Processes in the background: one export at a time each, as many as there are places; and one that sends messages.
//!
//! A worker takes a place, keeps house (lost jobs, expired files), works until the queue is empty, gives its place back
//! and looks once more: a job that came in between finds either this look or a free place for its own worker.

mod archive;
mod info;
mod making;
mod produce;
mod references;
mod run;
mod sweep;
mod upload;

pub mod launcher;
pub mod sender;
pub mod wake;

pub use run::in_session;
use run::Turn;

use crate::error::Result;
use crate::job::{manage, queue};
use crate::pg::lock::Lock;
use crate::pg::report::{self, Failure};
use crate::pg::{guc, identity, sql, worker, xact};
use crate::settings;

/// The life of a worker process, after it has connected.
pub fn work() {
    if !is_installed() {
        return;
    }
    // Whether or not a place is free.
    let looked = as_owner(xact::Mode::ReadWrite, || {
        wake::sender_if_needed();
        Ok(())
    });
    if let Err(failure) = looked {
        log(&failure, "looking for messages");
    }
    loop {
        let Some(place) = take_place() else { return };
        if let Err(failure) = keep_house() {
            log(&failure, "housekeeping");
        }
        loop {
            match run::next_job() {
                Turn::Ran => {}
                Turn::Empty => break,
                Turn::Broken => return,
            }
            worker::reload_if_asked();
            // The place is lost where a source called pg_advisory_unlock_all.
            if settings::max_workers() == 0 || !place.is_held() {
                break;
            }
        }
        if place.is_held() {
            place.release();
        }
        let waiting = settings::max_workers() > 0
            && is_installed()
            && as_owner(xact::Mode::ReadWrite, queue::has_work).unwrap_or(false);
        if !waiting {
            return;
        }
    }
}

/// A transaction of the worker as the extension's owner. It waits for no row that somebody's open transaction holds (a
/// cancel that is not committed) longer than a moment: the job is then found as a crashed one later.
fn as_owner<T>(mode: xact::Mode, body: impl FnOnce() -> Result<T>) -> std::result::Result<T, Failure> {
    xact::transaction(mode, || {
        identity::as_owner(|| {
            let scope = guc::Scope::open();
            scope.set("lock_timeout", "5s", guc::Rights::Superuser);
            body()
        })
    })
}

/// The extension may not be in this database, or may have been dropped while this process worked.
fn is_installed() -> bool {
    let found = xact::transaction(xact::Mode::ReadWrite, || {
        let scope = guc::Scope::open();
        scope.pin();
        sql::text("SELECT 'x' FROM pg_extension WHERE extname = 'pg_acctexport'", &[])
    });
    matches!(found, Ok(Some(_)))
}

fn take_place() -> Option<Lock> {
    (0..settings::max_workers()).map(Lock::Slot).find(|slot| slot.try_acquire())
}

fn keep_house() -> std::result::Result<(), Failure> {
    as_owner(xact::Mode::ReadWrite, queue::recover)?;
    as_owner(xact::Mode::ReadWrite, manage::purge)?;
    Ok(())
}

fn log(failure: &Failure, what: &str) {
    match failure {
        Failure::Ours(error) => report::log(&format!("{what} failed: {error}")),
        Failure::Server(error) => report::log(&format!("{what} failed with SQLSTATE {}", error.sqlstate)),
    }
}
