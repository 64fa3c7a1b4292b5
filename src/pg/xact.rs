//! Transactions of a worker, snapshots, and what is done when a transaction commits.

use super::report::{catching, catching_own, Failure};
use crate::error::{Error, Kind, Result};
use pgrx::{pg_sys, PgSubXactCallbackEvent, PgXactCallbackEvent};
use std::cell::Cell;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::rc::Rc;

/// The modes of a worker's transaction.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    ReadWrite,
    /// REPEATABLE READ, READ ONLY: one snapshot for all that is read.
    OneSnapshot,
}

/// Runs `body` in a transaction of its own and commits it; whatever goes wrong aborts it. For background workers,
/// which are outside of any transaction otherwise. (pgrx's own helper takes its snapshot before an isolation level
/// could be set, and does not abort.)
///
/// A server error of the extension's own statements comes with its text (`catching_own`).
pub fn transaction<T>(mode: Mode, body: impl FnOnce() -> Result<T>) -> std::result::Result<T, Failure> {
    let outcome = catching_own(|| {
        // SAFETY: no transaction is open in this process; the isolation level is set before the first snapshot.
        unsafe {
            pg_sys::SetCurrentStatementStartTimestamp();
            pg_sys::StartTransactionCommand();
            // Whatever default_transaction_* say.
            let one_snapshot = mode == Mode::OneSnapshot;
            let level = if one_snapshot { pg_sys::XACT_REPEATABLE_READ } else { pg_sys::XACT_READ_COMMITTED };
            pg_sys::XactIsoLevel = level as i32;
            pg_sys::XactReadOnly = one_snapshot;
            pg_sys::PushActiveSnapshot(pg_sys::GetTransactionSnapshot());
        }
        let value = body()?;
        // SAFETY: pops what was pushed above; commit may raise, which is caught like the rest.
        unsafe {
            pg_sys::PopActiveSnapshot();
            if mode != Mode::OneSnapshot {
                pg_sys::CommitTransactionCommand();
            }
        }
        Ok(value)
    });
    // A transaction that reads has nothing to keep. Read-only does not stop a source's functions from NOTIFY, nor, before
    // PostgreSQL 16, from writing large objects: rolled back, they are never heard or seen.
    if outcome.is_err() || mode == Mode::OneSnapshot {
        // SAFETY: leaves whatever transaction state there is; a no-op where none is left.
        unsafe { pg_sys::AbortOutOfAnyTransaction() };
    }
    outcome
}

/// Runs `body` in a subtransaction, so that after an error of the server's the transaction can go on: locks of the server,
/// snapshots, settings and the user are as they were.
pub fn attempt<T>(body: impl FnOnce() -> Result<T>) -> std::result::Result<T, Failure> {
    subtransaction(true, body)
}

/// The same, but rolled back however it ends: what the server's code and code of others did in there is undone, locks, notifications
/// and large objects among it. `body` gives plain data out, nothing that the subtransaction owns. It ends the command
/// that progress is shown of.
pub fn discard<T>(body: impl FnOnce() -> Result<T>) -> std::result::Result<T, Failure> {
    subtransaction(false, body)
}

/// `kept`: where the body succeeds.
fn subtransaction<T>(kept: bool, body: impl FnOnce() -> Result<T>) -> std::result::Result<T, Failure> {
    // SAFETY: the pattern of the server's own procedural languages (pl_exec.c, exec_stmt_block): context and resource owner
    // are the outer ones again afterwards, whichever way it ends.
    unsafe {
        let (context, owner) = (pg_sys::CurrentMemoryContext, pg_sys::CurrentResourceOwner);
        pg_sys::BeginInternalSubTransaction(std::ptr::null());
        pg_sys::MemoryContextSwitchTo(context);
        let outcome = catching(body);
        if kept && outcome.is_ok() {
            pg_sys::ReleaseCurrentSubTransaction();
        } else {
            pg_sys::MemoryContextSwitchTo(context);
            pg_sys::RollbackAndReleaseCurrentSubTransaction();
        }
        pg_sys::MemoryContextSwitchTo(context);
        pg_sys::CurrentResourceOwner = owner;
        outcome
    }
}

/// Forbids writes for the time of its life, in whatever transaction this is.
pub struct ReadOnly {
    before: bool,
}

impl ReadOnly {
    pub fn begin() -> Self {
        // SAFETY: a backend variable that the server sets the same way; `SET transaction_read_only = off` is refused
        // once a snapshot was taken, so nothing that runs inside can lift it.
        unsafe {
            let before = pg_sys::XactReadOnly;
            pg_sys::XactReadOnly = true;
            ReadOnly { before }
        }
    }
}

impl Drop for ReadOnly {
    fn drop(&mut self) {
        // SAFETY: puts the value back; an abort resets it anyway.
        unsafe { pg_sys::XactReadOnly = self.before };
    }
}

/// Runs `body` with a snapshot of this moment, also inside a REPEATABLE READ transaction.
pub fn with_latest_snapshot<T>(body: impl FnOnce() -> T) -> T {
    // SAFETY: pushed and popped in pairs; on an error the abort pops it.
    unsafe { pg_sys::PushActiveSnapshot(pg_sys::GetLatestSnapshot()) };
    let value = body();
    // SAFETY: see above.
    unsafe { pg_sys::PopActiveSnapshot() };
    value
}

/// Calls `hook` once if and when the current transaction commits, unless it was asked for in a subtransaction (a savepoint)
/// that was rolled back. It must not panic and not touch the database.
pub fn on_commit(hook: impl FnOnce() + UnwindSafe + RefUnwindSafe + 'static) {
    let level = level();
    let undone = Flag::default();
    let seen = undone.clone();
    on_rollback_to(move |aborted| {
        if aborted <= level {
            undone.raise();
        }
    });
    pgrx::register_xact_callback(PgXactCallbackEvent::Commit, move || {
        if !seen.is_raised() {
            hook();
        }
    });
}

/// Shared by two callbacks of one transaction; a plain bool holds no broken state when something unwinds.
#[derive(Clone, Default)]
struct Flag(Rc<Cell<bool>>);

impl UnwindSafe for Flag {}
impl RefUnwindSafe for Flag {}

impl Flag {
    fn raise(&self) {
        self.0.set(true);
    }

    fn is_raised(&self) -> bool {
        self.0.get()
    }
}

/// True if this transaction may write: not read-only, not on a standby.
pub fn may_write() -> bool {
    // SAFETY: reads backend and shared variables.
    unsafe { !pg_sys::XactReadOnly && !pg_sys::RecoveryInProgress() }
}

/// The present end of the write-ahead log, as `pg_lsn` shows it; on a standby the end of its replay. Everything in a snapshot that
/// was taken before was committed before this place.
pub fn wal_position() -> String {
    // SAFETY: read shared variables; the time line is not wanted.
    let place = unsafe {
        if pg_sys::RecoveryInProgress() {
            pg_sys::GetXLogReplayRecPtr(std::ptr::null_mut())
        } else {
            pg_sys::GetXLogInsertRecPtr()
        }
    };
    format!("{:X}/{:X}", place >> 32, place & 0xFFFF_FFFF)
}

/// Start of the current statement (in a worker: of its transaction), microseconds since 2000-01-01 UTC.
pub fn statement_time() -> i64 {
    // SAFETY: reads a backend variable.
    unsafe { pg_sys::GetCurrentStatementStartTimestamp() }
}

/// 25006 where the transaction may not write.
pub fn require_write(what: &str) -> Result<()> {
    if may_write() {
        return Ok(());
    }
    let error = Error::new(Kind::ReadOnlyTransaction, format!("cannot {what} in a read-only transaction"));
    // SAFETY: reads a shared variable.
    Err(if unsafe { pg_sys::RecoveryInProgress() } {
        error.hint("This server is a standby. Use the primary, or the streams acct_export_ndjson and acct_export_csv.")
    } else {
        error.hint("Use a read-write transaction.")
    })
}

/// Calls `hook` within the current transaction, after the last of the user's code has run and just before the commit. An
/// error there aborts the transaction.
pub fn before_commit(hook: impl FnOnce() + UnwindSafe + RefUnwindSafe + 'static) {
    pgrx::register_xact_callback(PgXactCallbackEvent::PreCommit, hook);
}

/// Calls `hook` before the current transaction is prepared for two-phase commit; an error there aborts it.
pub fn before_prepare(hook: impl FnOnce() + UnwindSafe + RefUnwindSafe + 'static) {
    pgrx::register_xact_callback(PgXactCallbackEvent::PrePrepare, hook);
}

/// Calls `hook` when the current transaction ends, with whether it committed. It must not panic and not touch the
/// database.
pub fn on_end(hook: impl Fn(bool) + UnwindSafe + RefUnwindSafe + Copy + 'static) {
    pgrx::register_xact_callback(PgXactCallbackEvent::Commit, move || hook(true));
    pgrx::register_xact_callback(PgXactCallbackEvent::Abort, move || hook(false));
}

/// The subtransaction (savepoint, block with an EXCEPTION handler) that this is. Ids grow, so the rollback of one takes all
/// those with it that are not smaller.
pub fn level() -> u32 {
    // SAFETY: reads a backend variable.
    unsafe { pg_sys::GetCurrentSubTransactionId() }
}

/// Calls `hook` with the level of each subtransaction of this transaction that is rolled back from now on. It must not
/// panic and not touch the database.
pub fn on_rollback_to(hook: impl Fn(u32) + UnwindSafe + RefUnwindSafe + 'static) {
    pgrx::register_subxact_callback(PgSubXactCallbackEvent::AbortSub, move |aborted, _parent| hook(aborted));
}

/// True if this process is ending, and its transaction with it.
pub fn is_exiting() -> bool {
    // SAFETY: reads a backend variable.
    unsafe { pg_sys::proc_exit_inprogress }
}

/// This moment, microseconds since 2000-01-01 UTC.
pub fn now() -> i64 {
    // SAFETY: reads the clock.
    unsafe { pg_sys::GetCurrentTimestamp() }
}

pub fn in_recovery() -> bool {
    // SAFETY: reads a shared variable.
    unsafe { pg_sys::RecoveryInProgress() }
}
