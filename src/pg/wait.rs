//! Interrupts and waiting.

use crate::error::{Error, Result};
use pgrx::pg_sys;
use std::time::Duration;

/// Acts on a pending cancel or termination (`CHECK_FOR_INTERRUPTS`): a server ERROR or FATAL.
pub fn check_interrupts() {
    pgrx::check_for_interrupts!();
}

/// True if a cancel or termination waits, for code that must not raise (a `Write` deep inside a library).
pub fn interrupted() -> Result<()> {
    // SAFETY: reads flags that signal handlers set.
    let pending = unsafe { pg_sys::QueryCancelPending != 0 || pg_sys::ProcDiePending != 0 };
    if pending {
        return Err(Error::canceled());
    }
    Ok(())
}

/// Sleeps until the time is up or something happens to this process; interrupts are acted on.
pub fn pause(time: Duration) {
    for_latch(time);
    check_interrupts();
}

/// The same, and interrupts stay pending.
pub fn for_latch(time: Duration) {
    // SAFETY: waits on this process's own latch; postmaster death ends the process.
    unsafe {
        pg_sys::WaitLatch(
            pg_sys::MyLatch,
            (pg_sys::WL_LATCH_SET | pg_sys::WL_TIMEOUT | pg_sys::WL_EXIT_ON_PM_DEATH) as i32,
            time.as_millis() as core::ffi::c_long,
            pg_sys::PG_WAIT_EXTENSION,
        );
        pg_sys::ResetLatch(pg_sys::MyLatch);
        // Others wait for every process to have done this (DROP DATABASE); it acts on no cancel.
        if pg_sys::ProcSignalBarrierPending != 0 {
            pg_sys::ProcessProcSignalBarrier();
        }
    }
}

/// Ends the wait of another process for its latch, if it is there.
pub fn wake(pid: i32) {
    // SAFETY: a look-up by pid; the latch lies in shared memory. One that another process has got by then is set once for
    // nothing, which every wait expects.
    unsafe {
        let process = pg_sys::BackendPidGetProc(pid);
        if !process.is_null() {
            pg_sys::SetLatch(&mut (*process).procLatch);
        }
    }
}

/// Stops the export of a worker, whose job is marked as cancelled already; false: there is no such process. The signal is not that of
/// pg_cancel_backend, which cancels whatever job the worker has by then (pg/signals.rs).
pub fn stop_export(pid: i32) -> bool {
    // SAFETY: a look-up by pid; regular backends ignore the signal, so one that has got the pid meanwhile goes on.
    unsafe { !pg_sys::BackendPidGetProc(pid).is_null() && libc::kill(pid, libc::SIGUSR2) == 0 }
}

extern "C" {
    // utils/timeout.h, not in pgrx's bindings; neither raises an ERROR.
    fn enable_timeout_after(id: core::ffi::c_int, delay_ms: core::ffi::c_int);
    fn disable_timeout(id: core::ffi::c_int, keep_indicator: bool);
}

/// `STATEMENT_TIMEOUT` of enum TimeoutId, the same from 9.6 to 18.
const STATEMENT_TIMEOUT: core::ffi::c_int = 3;

/// Time limit for what follows (`statement_timeout`'s own timer, which InitPostgres registers); zero: none.
pub fn arm_timeout(limit: Duration) {
    // SAFETY: the timeout was registered at connection; arming it again moves it.
    unsafe {
        if limit.is_zero() {
            disable_timeout(STATEMENT_TIMEOUT, false);
        } else {
            enable_timeout_after(STATEMENT_TIMEOUT, limit.as_millis().min(i32::MAX as u128) as i32);
        }
    }
}
