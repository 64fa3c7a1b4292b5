//! Signals of a worker. The server's own handlers do the work; ours remember that a signal came, and from where.
//!
//! | signal | sent by | effect |
//! | --- | --- | --- |
//! | SIGINT | `pg_cancel_backend`; the server's timers, from this process to itself | the statement ends with 57014 or 55P03 |
//! | SIGUSR2 | `acct_export_cancel` (`wait::stop_export`) | as SIGINT |
//! | SIGTERM | `pg_terminate_backend`, a shutdown, `DROP DATABASE … WITH (FORCE)` | the process ends with 57P01 |
//! | SIGHUP | a reload | the main loops read the configuration |

use pgrx::pg_sys;
use std::sync::atomic::{AtomicBool, Ordering};

static RELOAD: AtomicBool = AtomicBool::new(false);
static CANCEL: AtomicBool = AtomicBool::new(false);
static STOP: AtomicBool = AtomicBool::new(false);
static TERMINATE: AtomicBool = AtomicBool::new(false);

extern "C" {
    // The server's own handlers. pgrx's wrappers of the same names are Rust functions with a guard around, which must
    // not run in a signal handler; pgrx's handlers do not set ProcDiePending, so a query could not be stopped.
    #[link_name = "die"]
    fn server_die(signal: core::ffi::c_int);
    #[link_name = "SignalHandlerForConfigReload"]
    fn server_reload(signal: core::ffi::c_int);
    #[link_name = "StatementCancelHandler"]
    fn server_cancel(signal: core::ffi::c_int);
}

type Handler = unsafe extern "C" fn(core::ffi::c_int, *mut libc::siginfo_t, *mut core::ffi::c_void);

/// True if another process has sent the signal.
///
/// # Safety
/// Called by a handler, with what it was given.
unsafe fn is_from_elsewhere(info: *mut libc::siginfo_t) -> bool {
    // SAFETY: the kernel fills the structure for each signal; `kill` sets the sender's pid.
    unsafe { info.is_null() || (*info).si_pid() != pg_sys::MyProcPid }
}

unsafe extern "C" fn on_cancel(
    signal: core::ffi::c_int,
    info: *mut libc::siginfo_t,
    _context: *mut core::ffi::c_void,
) {
    // SAFETY: async-signal-safe by design of the server.
    unsafe {
        if is_from_elsewhere(info) {
            CANCEL.store(true, Ordering::Relaxed);
        }
        server_cancel(signal);
    }
}

unsafe extern "C" fn on_stop(
    signal: core::ffi::c_int,
    _info: *mut libc::siginfo_t,
    _context: *mut core::ffi::c_void,
) {
    STOP.store(true, Ordering::Relaxed);
    // SAFETY: as above.
    unsafe { server_cancel(signal) };
}

unsafe extern "C" fn on_terminate(
    signal: core::ffi::c_int,
    info: *mut libc::siginfo_t,
    _context: *mut core::ffi::c_void,
) {
    // SAFETY: as above.
    unsafe {
        // A worker that a source ends has crashed.
        if is_from_elsewhere(info) {
            TERMINATE.store(true, Ordering::Relaxed);
        }
        server_die(signal);
    }
}

unsafe extern "C" fn on_reload(
    signal: core::ffi::c_int,
    _info: *mut libc::siginfo_t,
    _context: *mut core::ffi::c_void,
) {
    RELOAD.store(true, Ordering::Relaxed);
    // SAFETY: as above.
    unsafe { server_reload(signal) };
}

/// Installs the handlers, before signals are unblocked.
pub(super) fn install() {
    let handlers: [(core::ffi::c_int, Handler); 4] = [
        (libc::SIGINT, on_cancel),
        (libc::SIGUSR2, on_stop),
        (libc::SIGTERM, on_terminate),
        (libc::SIGHUP, on_reload),
    ];
    for (signal, handler) in handlers {
        // SAFETY: a zeroed structure is complete but for the handler, which takes three arguments as the flag says.
        // Interrupted system calls go on, as with the server's pqsignal (pqsignal.c).
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = handler as *const () as libc::sighandler_t;
            action.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART;
            libc::sigaction(signal, &action, std::ptr::null_mut());
        }
    }
}

/// True once after each reload.
pub(super) fn take_reload() -> bool {
    RELOAD.swap(false, Ordering::Relaxed)
}

/// Forgets cancel requests: they were for the job before.
pub fn begin_job() {
    CANCEL.store(false, Ordering::Relaxed);
    STOP.store(false, Ordering::Relaxed);
    // SAFETY: a backend variable, between two statements.
    unsafe { pg_sys::QueryCancelPending = 0 };
}

/// True if `pg_cancel_backend` was called for this process since `begin_job`.
pub fn was_cancelled() -> bool {
    CANCEL.load(Ordering::Relaxed)
}

/// True if `acct_export_cancel` stopped this process since `begin_job`. The job that was meant may have ended just before.
pub fn was_stopped() -> bool {
    STOP.load(Ordering::Relaxed)
}

/// True if another process ends this one: an administrator or a shutdown.
pub(super) fn was_terminated() -> bool {
    TERMINATE.load(Ordering::Relaxed)
}
