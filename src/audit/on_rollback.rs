//! Events of bytes that have left the server, in a transaction that may still be rolled back: then an audit worker writes them.
//!
//! At the end of a transaction nothing may fail and no memory be taken, so what the audit worker will be given is made beforehand:
//! the lines here, and one note for all of them, which is replaced by a larger one when they outgrow it. A commit releases it
//! unused.

use super::{autonomous, Event};
use crate::pg::dsm_message::DsmMessage;
use crate::pg::{report, xact};
use serde_json::Value;
use std::cell::Cell;

/// Bytes of the first note, and of all lines of a transaction: about 3,000 downloads. What goes beyond is in the log at once.
const FIRST: usize = 4000;
const MOST: usize = 1024 * 1024;

struct Line {
    /// Subtransaction in which the event was written.
    level: u32,
    undone: bool,
    text: Vec<u8>,
    in_short: String,
}

#[derive(Default)]
struct Kept {
    message: Option<DsmMessage>,
    lines: Vec<Line>,
    bytes: usize,
}

thread_local! {
    /// Of the current transaction.
    static KEPT: Cell<Option<Kept>> = const { Cell::new(None) };
}

/// Keeps an event in case that it is rolled back.
pub(super) fn keep(event: Event) {
    // A session that rolls back again and again does so at the pace of its audit workers.
    autonomous::settle();
    let mut event = event.bounded();
    if let Value::Object(detail) = &mut event.detail {
        detail.insert("rolled_back".into(), true.into());
    }
    let row = event.row();
    let in_short = row.in_short();
    let Ok(mut text) = serde_json::to_vec(&row) else { return autonomous::lost(&in_short) };
    text.push(b'\n');
    if !make_room(text.len()) {
        return autonomous::lost(&in_short);
    }
    let mut kept = KEPT.take().unwrap_or_default();
    kept.bytes += text.len();
    kept.lines.push(Line { level: xact::level(), undone: false, text, in_short });
    KEPT.set(Some(kept));
}

/// Sees to it that the note has room for so many bytes more; false: it cannot be had. An ERROR where memory is short: then
/// nothing leaves the server.
fn make_room(bytes: usize) -> bool {
    let kept = KEPT.take();
    let is_new = kept.is_none();
    let (room, needed) = match &kept {
        Some(Kept { message: Some(message), bytes: used, .. }) => (message.room(), used + bytes),
        _ => (0, bytes),
    };
    KEPT.set(Some(kept.unwrap_or_default()));
    if is_new {
        xact::on_end(end);
        xact::on_rollback_to(undo);
    }
    if needed <= room {
        return true;
    }
    if needed > MOST {
        return false;
    }
    let Some(larger) = DsmMessage::with_room((needed * 2).max(FIRST)) else { return false };
    let mut kept = KEPT.take().unwrap_or_default();
    if let Some(smaller) = kept.message.replace(larger) {
        smaller.release();
    }
    KEPT.set(Some(kept));
    true
}

/// A subtransaction, and all within it, is rolled back.
fn undo(level: u32) {
    if let Some(mut kept) = KEPT.take() {
        for line in kept.lines.iter_mut().filter(|line| line.level >= level) {
            line.undone = true;
        }
        KEPT.set(Some(kept));
    }
}

/// The transaction has ended.
fn end(committed: bool) {
    let Some(Kept { message: Some(message), lines, .. }) = KEPT.take() else { return };
    let lost: Vec<&Line> = lines.iter().filter(|line| !committed || line.undone).collect();
    if lost.is_empty() {
        return message.release();
    }
    let sent = autonomous::send(message, lost.iter().map(|line| line.text.as_slice()))
        .map_err(DsmMessage::release)
        .is_ok();
    for line in lost {
        if !sent {
            autonomous::lost(&line.in_short);
        } else if xact::is_exiting() {
            // No background worker starts while the server stops, and a session that ends cannot find out.
            report::log(&format!(
                "{} was rolled back with its session and is left to an audit worker",
                line.in_short
            ));
        }
    }
}
