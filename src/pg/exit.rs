//! The end of a worker that an administrator or a shutdown ends.
//!
//! A FATAL error does not unwind: the server calls functions that were registered before (`proc_exit`, ipc.c). Ours is called before
//! the server ends the process's transaction and releases its locks, as RemoveTempRelationsCallback (namespace.c) is, which runs a
//! transaction there as well. Interrupts are held from then on, so nothing in there may wait for a lock that somebody holds for long.

use super::signals;
use pgrx::{pg_guard, pg_sys};
use std::cell::Cell;

thread_local! {
    static HOOK: Cell<Option<fn()>> = const { Cell::new(None) };
}

/// Calls `hook` once if another process ends this one with SIGTERM. No transaction is open then; it may run one.
pub fn on_termination(hook: fn()) {
    if HOOK.replace(Some(hook)).is_none() {
        // SAFETY: registered once per process, after the connection: it runs before the server's own.
        unsafe { pg_sys::before_shmem_exit(Some(at_exit), pg_sys::Datum::from(0usize)) };
    }
}

/// # Safety
/// Called by the server alone, when the process ends.
#[pg_guard]
unsafe extern "C-unwind" fn at_exit(_code: core::ffi::c_int, _argument: pg_sys::Datum) {
    let Some(hook) = HOOK.take().filter(|_| signals::was_terminated()) else { return };
    // SAFETY: leaves whatever transaction the process was in.
    unsafe { pg_sys::AbortOutOfAnyTransaction() };
    hook();
}
