//! The audit worker: a worker that writes events in a transaction of its own. No SQL function starts one, and a session hands over
//! nothing but what this module made, so nobody can have it write what did not happen.

use super::event::Row;
use super::{hash_chain, Event};
use crate::error::Result;
use crate::pg::dsm_message::{DsmMessage, Handed};
use crate::pg::{catalog, guc, identity, report, wait, worker, xact};
use std::cell::Cell;
use std::time::{Duration, Instant};

/// The longest wait of a session for its background worker.
const PATIENCE: Duration = Duration::from_secs(5);
/// The longest time of retries where `max_worker_processes` leaves no slot.
const NO_PLACE: Duration = Duration::from_secs(2);
/// The longest wait of the background worker for a lock, in its commit too. The session that waits for it holds none that it needs.
const LOCK_TIMEOUT: &str = "2s";

thread_local! {
    /// Notes that this session has handed over and not seen the end of: mapped until it looks again. A Cell: nothing is borrowed while a wait ends the
    /// process, whose transaction then hands over once more.
    static UNDER_WAY: Cell<Vec<Handed>> = const { Cell::new(Vec::new()) };
}

/// Has an event written, and waits for it, so that it is there when the caller goes on. Raises nothing; what fails ends in a
/// line of the log.
pub(super) fn tell(event: &Event) {
    let row = event.row();
    if xact::in_recovery() || !settle() || !hand_over(&row) {
        lost(&row.in_short());
        return;
    }
    settle();
}

/// The line of the log for an event that could not be written.
pub(super) fn lost(in_short: &str) {
    report::log(&format!("{in_short} is not in the audit trail"));
}

/// Tries for a moment: others are refused as well, and their audit workers leave soon.
fn hand_over(row: &Row) -> bool {
    let Ok(line) = serde_json::to_vec(row) else { return false };
    // A shortage of memory is an ERROR of the server here, and does not change the caller's own outcome.
    let Ok(Some(mut message)) = report::catching(|| Ok(DsmMessage::with_room(line.len()))) else {
        return false;
    };
    let begin = Instant::now();
    loop {
        match send(message, std::iter::once(line.as_slice())) {
            Ok(()) => return true,
            Err(unsent) => message = unsent,
        }
        if begin.elapsed() >= NO_PLACE || wait::interrupted().is_err() {
            message.release();
            return false;
        }
        wait::for_latch(Duration::from_millis(20));
    }
}

/// Starts the audit worker of a note, one event a line; gives the note back where there is no place for it. Does not wait and
/// raises nothing, for the end of a transaction.
pub(super) fn send<'a>(
    message: DsmMessage,
    lines: impl Iterator<Item = &'a [u8]>,
) -> std::result::Result<(), DsmMessage> {
    let handed = message.hand_over(worker::start_audit_worker, lines)?;
    let mut under_way = UNDER_WAY.take();
    under_way.push(handed);
    UNDER_WAY.set(under_way);
    Ok(())
}

/// Waits until no audit worker of this session is at work; false: the session is interrupted and one still is. So a session has
/// one of them at a time, however fast it is refused, cancels the wait, or rolls back.
pub(super) fn settle() -> bool {
    let mut still = Vec::new();
    for handed in UNDER_WAY.take() {
        handed.wait(PATIENCE);
        if !handed.has_ended() {
            if wait::interrupted().is_err() {
                still.push(handed);
                continue;
            }
            // An event that was taken is written, or logged, by the background worker itself.
            if handed.withdraw() {
                report::log(
                    "no background worker started to write an event, which is not in the audit trail",
                );
            }
        }
        handed.forget();
    }
    let free = still.is_empty();
    UNDER_WAY.set(still);
    free
}

/// Runs an audit worker after it has connected: true if the events are written.
pub fn write(text: &[u8]) -> bool {
    guc::set_for_process("lock_timeout", LOCK_TIMEOUT);
    let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let (rows, unread): (Vec<_>, Vec<_>) =
        lines.map(serde_json::from_slice::<Row>).partition(std::result::Result::is_ok);
    let rows: Vec<Row> = rows.into_iter().flatten().collect();
    if !unread.is_empty() {
        lost("an event that cannot be read");
    }
    let written = xact::transaction(xact::Mode::ReadWrite, || insert(&rows));
    if let Err(failure) = &written {
        for row in &rows {
            lost(&format!("{} (SQLSTATE {})", row.in_short(), failure.sqlstate()));
        }
    }
    matches!(written, Ok(true))
}

/// True if the extension is (still) there.
fn insert(rows: &[Row]) -> Result<bool> {
    if !catalog::is_installed() {
        return Ok(false);
    }
    identity::as_owner(|| rows.iter().try_for_each(Row::insert))?;
    hash_chain::at_commit();
    Ok(true)
}
