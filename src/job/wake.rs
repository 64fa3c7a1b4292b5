//! Starting workers and the sender: once per commit however much it asked for, and whenever somebody looks at a job that waits.

use super::{outbox, queue, stored_object};
use crate::error::Result;
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
    /// The last time a worker was asked to end a pause.
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
    let wanted = || xact::with_latest_snapshot(|| identity::as_owner(is_sender_wanted));
    if wanted().unwrap_or(false) && !Lock::Sender.is_held_elsewhere() {
        worker::start_sender(worker::database());
    }
}

/// True if there is something to do, now or so soon that a sender would wait for it, and background work is not paused. As the owner.
pub fn is_sender_wanted() -> Result<bool> {
    Ok(settings::max_workers() > 0 && soonest()?.is_some_and(|pause| pause <= patience()))
}

/// Time that a sender waits for something to become due. Where no launcher comes by, as long as there is anything.
pub fn patience() -> Duration {
    if worker::is_preloaded() {
        Duration::from_secs(300)
    } else {
        Duration::MAX
    }
}

/// Time until a message or an object is due; None: there is neither. As the owner.
pub fn soonest() -> Result<Option<Duration>> {
    let due = [outbox::next_due()?, stored_object::next_due()?];
    Ok(due.into_iter().flatten().min())
}

/// Starts a worker where jobs wait and a slot is free: after a crash without the launcher, after a pause, when no process
/// could be had before. Never fails its caller.
pub fn if_needed() {
    if xact::in_recovery() {
        return;
    }
    sender_if_needed();
    let slots = settings::max_workers();
    let free = if slots > 0 {
        (0..slots).any(|slot| !Lock::Slot(slot).is_held_elsewhere()) || is_extra_wanted()
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

/// Starts a worker for the extra slot if a job may take it. Never fails its caller.
pub fn if_locked_out() {
    if is_extra_wanted() {
        worker::start_worker(worker::database());
    }
}

fn is_extra_wanted() -> bool {
    let locked_out = || xact::with_latest_snapshot(|| identity::as_owner(queue::is_locked_out));
    settings::max_workers() >= 2 && !Lock::ExtraSlot.is_held_elsewhere() && locked_out().unwrap_or(false)
}

/// True if a second has passed since this was last true.
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
