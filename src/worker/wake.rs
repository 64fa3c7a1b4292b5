//! Starting workers and the sender: once per commit however much it asked for, and whenever somebody looks at a job that waits.

use super::sender;
use crate::job::queue;
use crate::pg::lock::Lock;
use crate::pg::{identity, worker, xact};
use crate::settings;
use std::cell::Cell;
use std::time::{Duration, Instant};

thread_local! {
    /// A hook is registered for the current transaction.
    static PLANNED: Cell<bool> = const { Cell::new(false) };
    /// The same for the sender.
    static SENDER_PLANNED: Cell<bool> = const { Cell::new(false) };
    /// When a worker was last asked whether a pause is over.
    static ASKED: Cell<Option<Instant>> = const { Cell::new(None) };
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

/// Starts the sender when the current transaction commits.
pub fn sender_at_commit() {
    if SENDER_PLANNED.with(|planned| planned.replace(true)) {
        return;
    }
    let database = worker::database();
    xact::on_end(move |committed| {
        SENDER_PLANNED.with(|planned| planned.set(false));
        if committed {
            worker::start_sender(database);
        }
    });
}

/// Starts the sender where something is to be done and none is there: after a crash, after a long wait, when no process could be had
/// before. Never fails its caller.
pub fn sender_if_needed() {
    let wanted = || xact::with_latest_snapshot(|| identity::as_owner(sender::is_wanted));
    if wanted().unwrap_or(false) && !Lock::Sender.is_held_elsewhere() {
        worker::start_sender(worker::database());
    }
}

/// Starts a worker where jobs wait and a place is free: after a crash without the launcher, after a pause, when no process
/// could be had before. Never fails its caller.
pub fn if_needed() {
    if xact::in_recovery() {
        return;
    }
    sender_if_needed();
    let places = settings::max_workers();
    let free = if places > 0 {
        (0..places).any(|slot| !Lock::Slot(slot).is_held_elsewhere())
    } else {
        // A statement that waits does not see a reload that ends a pause: a new worker would, so one is asked now and then.
        worker::reload_is_pending() && is_time()
    };
    // As things are now: the caller's own snapshot may be older than a job whose worker just found our hands on the slots.
    let waiting = || xact::with_latest_snapshot(|| identity::as_owner(queue::is_waiting));
    if free && waiting().unwrap_or(false) {
        worker::start_worker(worker::database());
    }
}

/// Whether a second has passed since this was last true.
fn is_time() -> bool {
    ASKED.with(|asked| {
        let now = Instant::now();
        let due = asked.get().is_none_or(|last| now.duration_since(last) >= Duration::from_secs(1));
        if due {
            asked.set(Some(now));
        }
        due
    })
}
