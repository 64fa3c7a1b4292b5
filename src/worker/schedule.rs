//! Starting what schedules have due: by each worker before it looks at the queue, and by `acct_export_run_due`.
//!
//! One process at a time does it. Each saved export has a transaction of its own, and its start a subtransaction: whatever becomes of
//! it, its next moment is set, and the next one follows. In a process without a client nothing of a caller's session can reach the
//! start, and nothing of the owner's session can reach a caller.

use super::{as_owner, hold_extension, is_installed, log};
use crate::error::{Error, Kind, Result};
use crate::job::create::Created;
use crate::job::refused;
use crate::job::schedule::{self, Due};
use crate::pg::dsm_message::{DsmMessage, Handed};
use crate::pg::lock::Lock;
use crate::pg::report::{self, Failure};
use crate::pg::{guc, identity, wait, worker, xact};
use crate::settings;
use crate::start::start_scheduled;
use std::cell::Cell;
use std::time::{Duration, Instant};

/// The longest time that one start may take, foreign code that decides on it included.
const STARTING: Duration = Duration::from_secs(20);

/// The time in which those that are due at one moment are started.
const MINUTE: Duration = Duration::from_secs(60);

/// The longest wait for a lock, as `lock_timeout` reads it.
const LOCKED: &str = "5s";

/// Time until a start is tried again that something passing prevented, in microseconds, unless the schedule comes first.
const AGAIN: i64 = 5 * 60 * 1_000_000;

/// Starts what is due, many at one time in the course of the minute; how many were started. Nothing while `max_workers` is 0, or another
/// process is at it.
pub fn start_due() -> u32 {
    // Mostly none is due.
    let due = || as_owner(xact::Mode::ReadWrite, schedule::are_due).unwrap_or(schedule::HowMany::Some);
    if settings::max_workers() == 0 || due() == schedule::HowMany::None || !Lock::Schedules.try_acquire() {
        return 0;
    }
    let begin = Instant::now();
    let spread = due() == schedule::HowMany::Many;
    // Those that stay due because their transaction failed; the others have another time now.
    let mut tried: Vec<i64> = Vec::new();
    let (mut started, mut last) = (0, None);
    // The minute is over: another process starts the rest, and those that became due meanwhile.
    let mut is_late = false;
    loop {
        worker::reload_if_asked();
        is_late = is_late || begin.elapsed() >= MINUTE;
        if is_late || settings::max_workers() == 0 || wait::interrupted().is_err() {
            break;
        }
        let claimed = Cell::new(None);
        let outcome = start_next(&tried, spread, &claimed);
        let id = claimed.get();
        match outcome {
            Ok(true) => started += 1,
            Ok(false) => {}
            Err(ref failure) => log(failure, "starting a scheduled export"),
        }
        match id {
            Some(id) if outcome.is_err() || last == Some(id) => tried.push(id),
            Some(_) => {}
            None if spread && outcome.is_ok() && wait_for_next(&tried) => {}
            None => break,
        }
        last = id;
    }
    // It is lost where foreign code called pg_advisory_unlock_all.
    if Lock::Schedules.is_held() {
        Lock::Schedules.release();
    }
    if is_late {
        worker::start_worker(worker::database());
    }
    started
}

/// Waits until the next one comes to its second; false: none is due.
fn wait_for_next(tried: &[i64]) -> bool {
    match as_owner(xact::Mode::ReadWrite, || schedule::wait(tried)) {
        Ok(Some(milliseconds)) => {
            // Not in a transaction: a slow one would keep old rows alive.
            wait::for_latch(Duration::from_millis(milliseconds.clamp(1, 1000).unsigned_abs()));
            true
        }
        Ok(None) => false,
        Err(failure) => {
            log(&failure, "looking for scheduled exports");
            false
        }
    }
}

/// Starts the next one, without those that were tried; true if it has a job now. `claimed`: its id.
fn start_next(
    tried: &[i64],
    spread: bool,
    claimed: &Cell<Option<i64>>,
) -> std::result::Result<bool, Failure> {
    let outcome = xact::transaction(xact::Mode::ReadWrite, || {
        let due = own(|| {
            hold_extension()?;
            claimed.set(schedule::claim(tried, spread)?);
            claimed.get().map_or(Ok(None), schedule::look)
        })?;
        due.map_or(Ok(false), |due| start(&due))
    });
    wait::arm_timeout(Duration::ZERO);
    outcome
}

/// As the extension's owner, without long waits for locks.
fn own<T>(body: impl FnOnce() -> Result<T>) -> Result<T> {
    identity::as_owner(|| {
        let scope = guc::Scope::open();
        scope.set("lock_timeout", LOCKED, guc::Rights::Superuser);
        body()
    })
}

fn start(due: &Due) -> Result<bool> {
    let next = match due.next() {
        Ok(next) => next,
        Err(error) => return disable(due, &Failure::Ours(error)),
    };
    wait::arm_timeout(STARTING);
    let outcome = xact::attempt(|| start_scheduled(due, LOCKED));
    wait::arm_timeout(Duration::ZERO);
    match outcome {
        Ok(Created::New(job)) => own(|| due.started(&job, next)).map(|()| true),
        // The one before it is still active.
        Ok(Created::Twin(_)) => own(|| due.put_off(next, None)).map(|()| false),
        Err(failure) => match of(failure.sqlstate()) {
            Obstacle::Twin => own(|| due.put_off(next, None)).map(|()| false),
            Obstacle::Lasting => disable(due, &failure),
            Obstacle::Passing if xact::now() + AGAIN < next => {
                not_started(due, &failure);
                own(|| due.put_off(xact::now() + AGAIN, None)).map(|()| false)
            }
            // This time is left out.
            Obstacle::Passing | Obstacle::Other => {
                not_started(due, &failure);
                let (message, sqlstate) = failure.described();
                let was_told = own(|| refused::was_told(due, &message, &sqlstate))?;
                let job = if was_told {
                    own(|| due.record_failed(&message, &sqlstate))?;
                    None
                } else {
                    failed_job(due, &failure)
                };
                own(|| due.put_off(next, job.as_deref())).map(|()| false)
            }
        },
    }
}

/// The reasons why a start fails.
#[derive(Debug, PartialEq, Eq)]
enum Obstacle {
    /// The same export is active.
    Twin,
    /// Rights, a role, the dataset, a field: the next start would fail as well.
    Lasting,
    /// A limit, a lock, a resource, another server.
    Passing,
    Other,
}

fn of(sqlstate: &str) -> Obstacle {
    let is_of = |classes: &[&str]| classes.iter().any(|class| sqlstate.starts_with(class));
    match sqlstate {
        "55006" => Obstacle::Twin,
        "P0002" => Obstacle::Lasting,
        "55P03" | "HV00N" => Obstacle::Passing,
        _ if is_of(&["22", "28", "42"]) => Obstacle::Lasting,
        _ if is_of(&["08", "40", "53", "57", "58"]) => Obstacle::Passing,
        _ => Obstacle::Other,
    }
}

fn not_started(due: &Due, failure: &Failure) {
    let (message, sqlstate) = failure.described();
    report::log(&format!("saved export {} was not started by its schedule: {message} ({sqlstate})", due.id));
}

/// Disables the schedule and makes a failed job that reports it.
fn disable(due: &Due, failure: &Failure) -> Result<bool> {
    let (message, sqlstate) = failure.described();
    own(|| due.disable(&message))?;
    let job = failed_job(due, failure);
    own(|| due.record_disabled(&message, &sqlstate, job.as_deref()))?;
    not_started(due, failure);
    Ok(false)
}

/// A failed job that tells why nothing was started. It may fail in its turn: a role that is gone has no mail server.
fn failed_job(due: &Due, failure: &Failure) -> Option<String> {
    let (message, sqlstate) = failure.described();
    let job = xact::attempt(|| own(|| refused::record(due, &message, &sqlstate)));
    if let Err(failure) = &job {
        log(failure, "recording a scheduled export that was refused");
    }
    job.ok()
}

/// The life of a process that `acct_export_run_due` has started; None: it could not look.
pub fn work_once() -> Option<u32> {
    is_installed().then(start_due)
}

/// The time of retries where `max_worker_processes` leaves no slot, and the pause between two.
const NO_PLACE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(50);

/// The longest time in which nothing is seen of the process.
const SILENCE: Duration = Duration::from_secs(15);

/// `acct_export_run_due`: starts what is due, in a process of its own; how many were started. What it started stays if the caller's
/// transaction is rolled back.
///
/// Errors: 25006; 53400 where no background worker can be had; 55000 where it ended before its time.
pub fn run_due() -> Result<i32> {
    xact::require_write("run schedules")?;
    let handed = hand_over()?;
    let mut seen = Instant::now();
    while !handed.has_ended() {
        handed.wait(Duration::from_secs(1));
        let is_cancelled = wait::interrupted().is_err();
        if Lock::Schedules.is_held_elsewhere() {
            seen = Instant::now();
        }
        if !handed.has_ended() && (is_cancelled || seen.elapsed() >= SILENCE) {
            let never_began = handed.withdraw();
            handed.forget();
            wait::check_interrupts();
            return Err(if never_began { no_place() } else { ended_early() });
        }
    }
    let answer = handed.answer();
    handed.forget();
    answer.map(|started| i32::try_from(started).unwrap_or(i32::MAX)).ok_or_else(ended_early)
}

fn hand_over() -> Result<Handed> {
    let mut message = DsmMessage::with_room(1).ok_or_else(no_place)?;
    let begin = Instant::now();
    loop {
        match message.hand_over(worker::start_scheduler, std::iter::empty()) {
            Ok(handed) => return Ok(handed),
            Err(unsent) => message = unsent,
        }
        if begin.elapsed() >= NO_PLACE || wait::interrupted().is_err() {
            message.release();
            wait::check_interrupts();
            return Err(no_place());
        }
        wait::for_latch(PAUSE);
    }
}

fn no_place() -> Error {
    Error::new(Kind::ConfigurationLimitExceeded, "no background worker could be started to run schedules")
        .hint("Raise max_worker_processes, or call acct_export_run_due() again later.")
}

fn ended_early() -> Error {
    Error::new(Kind::NotInPrerequisiteState, "the background worker that runs schedules ended early")
        .hint("See the server log for the reason, and call acct_export_run_due() again.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn obstacles_are_told_apart_by_sqlstate() {
        for (sqlstate, obstacle) in [
            ("55006", Obstacle::Twin),
            ("42501", Obstacle::Lasting),
            ("42704", Obstacle::Lasting),
            ("22023", Obstacle::Lasting),
            ("P0002", Obstacle::Lasting),
            ("53400", Obstacle::Passing),
            ("57014", Obstacle::Passing),
            ("55P03", Obstacle::Passing),
            ("55000", Obstacle::Other),
            ("XX000", Obstacle::Other),
        ] {
            assert_eq!(of(sqlstate), obstacle, "{sqlstate}");
        }
    }
}
