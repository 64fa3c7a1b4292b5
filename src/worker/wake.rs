//! Starting workers: once per commit however many jobs it asked for, and whenever somebody looks at a job that waits.

use crate::job::queue;
use crate::pg::lock::Lock;
use crate::pg::{identity, worker, xact};
use crate::settings;
use std::cell::Cell;

thread_local! {
    /// A hook is registered for the current transaction.
    static PLANNED: Cell<bool> = const { Cell::new(false) };
}

/// Starts a worker when the current transaction commits.
pub fn at_commit() {
    if PLANNED.with(|planned| planned.replace(true)) {
        return;
    }
    let database = worker::database();
    xact::on_end(move |committed| {
        PLANNED.with(|planned| planned.set(false));
        if committed {
            worker::start_worker(database);
        }
    });
}

/// Starts a worker where jobs wait and a place is free: after a crash without the launcher, after a pause, when no process
/// could be had before. Never fails its caller.
pub fn if_needed() {
    if settings::max_workers() == 0 || xact::in_recovery() {
        return;
    }
    let free = (0..settings::max_workers()).any(|slot| !Lock::Slot(slot).is_held_elsewhere());
    // As things are now: the caller's own snapshot may be older than a job whose worker just found our hands on the slots.
    let waiting = || xact::with_latest_snapshot(|| identity::as_owner(queue::is_waiting));
    if free && waiting().unwrap_or(false) {
        worker::start_worker(worker::database());
    }
}
