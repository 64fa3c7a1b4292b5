//! The witness: a worker that writes events in a transaction of its own. No SQL function starts one, and a session hands over
//! nothing but what this module made, so nobody can have it write what did not happen.

use super::event::Row;
use super::{seal, Event};
use crate::error::Result;
use crate::pg::note::{Handed, Note};
use crate::pg::{catalog, guc, identity, report, wait, xact};
use std::cell::Cell;
use std::time::{Duration, Instant};

/// How long a session waits for its witness.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long it tries where `max_worker_processes` has no place.
const NO_PLACE: Duration = Duration::from_secs(2);
/// How long a witness waits for a lock, in its commit too. The session that waits for it holds none that it needs.
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

/// Tries for a moment: others are refused as well, and their witnesses leave soon.
fn hand_over(row: &Row) -> bool {
    let Ok(line) = serde_json::to_vec(row) else { return false };
    // Where memory is short that is an ERROR of the server, which is no reason for another outcome than the caller's own.
    let Ok(Some(mut note)) = report::catching(|| Ok(Note::with_room(line.len()))) else { return false };
    let begin = Instant::now();
    loop {
        match send(note, std::iter::once(line.as_slice())) {
            Ok(()) => return true,
            Err(unsent) => note = unsent,
        }
        if begin.elapsed() >= NO_PLACE || wait::interrupted().is_err() {
            note.release();
            return false;
        }
        wait::for_latch(Duration::from_millis(20));
    }
}

/// Starts the witness of a note, one event a line; gives the note back where there is no place for it. Does not wait and
/// raises nothing, for the end of a transaction.
pub(super) fn send<'a>(note: Note, lines: impl Iterator<Item = &'a [u8]>) -> std::result::Result<(), Note> {
    let handed = note.hand_over(lines)?;
    let mut under_way = UNDER_WAY.take();
    under_way.push(handed);
    UNDER_WAY.set(under_way);
    Ok(())
}

/// Waits until no witness of this session is at work; false: the session is interrupted and one still is. So a session has
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
            // What was taken is written, or logged, by the witness itself.
            if handed.withdraw() {
                report::log("no witness came to write an event, which is not in the audit trail");
            }
        }
        handed.forget();
    }
    let free = still.is_empty();
    UNDER_WAY.set(still);
    free
}

/// The life of a witness, after it has connected: whether the events are written.
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

/// Whether the extension is (still) there.
fn insert(rows: &[Row]) -> Result<bool> {
    if !catalog::is_installed() {
        return Ok(false);
    }
    identity::as_owner(|| rows.iter().try_for_each(Row::insert))?;
    seal::at_commit();
    Ok(true)
}
