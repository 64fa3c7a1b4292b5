//! Starting workers and the sender: once per commit however much it asked for, and whenever somebody looks at a job that waits.
//!
//! No process is started where no slot is free. No job is left lying for that: the session that asked commits first and looks at the
//! slots afterwards, and a worker gives its slot back first and looks at the queue afterwards (`worker::work`). If the session
//! found the slot taken, the worker gave it back later, and its look is later still: it finds the committed job. The same holds for
//! the extra slot, for the lock of a worker that looks for jobs without a slot (`worker::linger`), and `all_slots` is the same argument
//! for the moment in which that begins to be needed. A look takes no lock, so that none of those who look keeps a slot from a worker.

use super::all_slots::{self, AllSlots, Owner};
use super::{queue, turn};
use crate::error::Result;
use crate::pg::lock::Lock;
use crate::pg::{identity, sql, worker, xact};
use crate::settings;
use std::cell::Cell;
use std::time::{Duration, Instant};

thread_local! {
    /// A hook is registered for the current transaction.
    static PLANNED: Cell<bool> = const { Cell::new(false) };
    /// Whose jobs it has put into the queue. None among them: of others too.
    static OWNERS: Cell<Vec<Option<Owner>>> = const { Cell::new(Vec::new()) };
    /// The same for the sender.
    static SENDER_PLANNED: Cell<bool> = const { Cell::new(false) };
    /// The last time this process called a worker.
    static CALLED: Cell<Option<Instant>> = const { Cell::new(None) };
    /// The last time a worker was asked to end a pause.
    static ASKED: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// Time in which a new worker is on its way to the queue: whoever called it and looks at its job meanwhile starts no other one.
const ON_ITS_WAY: Duration = Duration::from_millis(250);

/// Owners that one transaction keeps apart.
const MOST_OWNERS: usize = 16;

/// Starts a worker when the current transaction commits, if a slot is free then that it could have. `owner`: of the job that the
/// transaction puts into the queue, where that is known.
pub fn at_commit(owner: Option<Owner>) {
    let mut owners = OWNERS.take();
    if owners.len() >= MOST_OWNERS {
        owners = vec![None];
    } else if !owners.contains(&owner) {
        owners.push(owner);
    }
    OWNERS.set(owners);
    if PLANNED.with(|planned| planned.replace(true)) {
        return;
    }
    let database = worker::database();
    xact::on_end(move |committed| {
        PLANNED.with(|planned| planned.set(false));
        let owners = OWNERS.take();
        if committed && has_place(&owners) {
            call(database);
        }
    });
}

/// Starts a worker, as `worker::start_worker`, unless one is there that looks for new jobs and would find a slot.
fn call(database: u32) {
    // One that is there may read the new number of slots later than one that is started now.
    let is_there = !worker::reload_is_pending() && Lock::Lingering.is_taken() && is_slot_free();
    if is_there || worker::start_worker(database) {
        CALLED.set(Some(Instant::now()));
    }
}

/// True if a worker would find a slot. In a commit hook, when the jobs of these owners are there to be seen.
fn has_place(owners: &[Option<Owner>]) -> bool {
    // The number of slots may be another one by now, and nobody else may come when a pause ends.
    if worker::reload_is_pending() {
        return true;
    }
    let locked_out = || owners.iter().any(|owner| all_slots::are_of_another(*owner));
    is_slot_free() || (is_extra_free() && locked_out())
}

/// True if a worker would find one of the slots that are for all.
pub fn is_slot_free() -> bool {
    (0..settings::max_workers()).any(|slot| !Lock::Slot(slot).is_taken())
}

fn is_extra_free() -> bool {
    settings::max_workers() >= 2 && !Lock::ExtraSlot.is_taken()
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

/// The first entry of each index.
const SOONEST: &str = "
SELECT to_jsonb(greatest(0, ceil(extract(epoch FROM due.at - clock_timestamp()) * 1000))::bigint)
  FROM (SELECT least(
           (SELECT next_try_at FROM acct_export.outbox
             WHERE sent_at IS NULL AND failed_at IS NULL AND made_in = $1 ORDER BY next_try_at LIMIT 1),
           (SELECT next_try_at FROM acct_export.object
             WHERE status = 'doomed' AND made_in = $1 ORDER BY next_try_at LIMIT 1)) AS at) AS due
 WHERE due.at IS NOT NULL";

/// Time until a message is to be sent or an object to be removed; None: there is neither. As the owner.
pub fn soonest() -> Result<Option<Duration>> {
    Ok(sql::document(SOONEST, &[(&worker::here()).into()])?.map(Duration::from_millis))
}

/// Starts a worker where jobs wait and a slot is free: after a crash without the launcher, after a pause, when no process
/// could be had before. Never fails its caller.
pub fn if_needed() {
    if xact::in_recovery() {
        return;
    }
    // The queue is looked at by the worker that this process has called, and so are messages.
    let is_on_its_way = CALLED.get().is_some_and(|at| at.elapsed() < ON_ITS_WAY);
    if !is_on_its_way {
        sender_if_needed();
    }
    let free = if settings::max_workers() > 0 {
        is_slot_free() || is_extra_wanted()
    } else {
        // A statement that waits does not see a reload that ends a pause: a new worker would, so one is asked now and then.
        worker::reload_is_pending() && is_time()
    };
    // As things are now: the caller's own snapshot may be older than the job.
    let is_waiting = if is_on_its_way { queue::is_lost } else { queue::is_waiting };
    let waiting = || xact::with_latest_snapshot(|| identity::as_owner(is_waiting));
    if free && waiting().unwrap_or(false) {
        call(worker::database());
    }
}

/// Starts another worker where more jobs wait and a slot is free, of many that one transaction asked for, say, or at the end of a pause.
/// Where this worker's job gives its tenant or its role all slots, others are told so, and the worker is one for the extra slot.
/// Never fails its caller.
pub fn others(all_slots: AllSlots) {
    all_slots::announce(all_slots);
    let waiting = || xact::with_latest_snapshot(|| identity::as_owner(queue::is_queued));
    let wanted =
        if is_slot_free() { waiting().unwrap_or(false) } else { all_slots.is_any() && is_extra_wanted() };
    if wanted {
        call(worker::database());
    }
}

fn is_extra_wanted() -> bool {
    let locked_out = || xact::with_latest_snapshot(|| identity::as_owner(turn::is_locked_out));
    is_extra_free() && locked_out().unwrap_or(false)
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
