//! Background workers: how they are registered, what they set up before the first transaction.

use super::note::Taken;
use pgrx::pg_sys;
use pgrx::prelude::*;
use std::sync::atomic::{AtomicBool, Ordering};

/// Set by SIGHUP; the main loops reload the configuration.
static RELOAD: AtomicBool = AtomicBool::new(false);

fn definition(kind: &str, entry: &str, restart_seconds: i32, argument: u64) -> pg_sys::BackgroundWorker {
    let flags = pg_sys::BGWORKER_SHMEM_ACCESS | pg_sys::BGWORKER_BACKEND_DATABASE_CONNECTION;
    let mut worker = pg_sys::BackgroundWorker {
        bgw_flags: flags as i32,
        bgw_start_time: pg_sys::BgWorkerStartTime::BgWorkerStart_RecoveryFinished,
        bgw_restart_time: restart_seconds,
        bgw_main_arg: pg_sys::Datum::from(argument as usize),
        ..Default::default()
    };
    copy(kind, &mut worker.bgw_name);
    copy(kind, &mut worker.bgw_type);
    copy("pg_acctexport", &mut worker.bgw_library_name);
    copy(entry, &mut worker.bgw_function_name);
    worker
}

/// Copies an ASCII name into a zeroed C array, leaving the final NUL.
fn copy(name: &str, field: &mut [core::ffi::c_char]) {
    let room = field.len() - 1;
    for (target, byte) in field[..room].iter_mut().zip(name.bytes()) {
        *target = byte as core::ffi::c_char;
    }
}

/// Starts a worker for a database (by oid); false: no place is free in `max_worker_processes`, the jobs stay queued.
/// Allocates and signals only, so a commit hook may call it.
pub fn start_worker(database: u32) -> bool {
    let mut worker = definition(
        "pg_acctexport worker",
        "acct_export_worker_main",
        pg_sys::BGW_NEVER_RESTART,
        database.into(),
    );
    // SAFETY: the definition is complete and copied by the callee.
    unsafe { pg_sys::RegisterDynamicBackgroundWorker(&mut worker, std::ptr::null_mut()) }
}

/// Starts the sender of a database, as `start_worker`.
pub fn start_sender(database: u32) -> bool {
    let mut worker = definition(
        "pg_acctexport sender",
        "acct_export_sender_main",
        pg_sys::BGW_NEVER_RESTART,
        database.into(),
    );
    // SAFETY: the definition is complete and copied by the callee.
    unsafe { pg_sys::RegisterDynamicBackgroundWorker(&mut worker, std::ptr::null_mut()) }
}

/// Starts a witness of this database, which takes a note (pg/note.rs); false: no place is free. This process's latch is set
/// when it begins and when it ends. As `start_worker`, for commit and abort hooks too.
pub fn start_witness(note: u32) -> bool {
    let argument = u64::from(note) << 32 | u64::from(database());
    let mut worker =
        definition("pg_acctexport witness", "acct_export_witness_main", pg_sys::BGW_NEVER_RESTART, argument);
    worker.bgw_notify_pid = pid();
    // SAFETY: the definition is complete and copied by the callee; without a handle to give back it takes no memory.
    unsafe { pg_sys::RegisterDynamicBackgroundWorker(&mut worker, std::ptr::null_mut()) }
}

/// Registers the launcher; only while `shared_preload_libraries` are loaded.
pub fn register_launcher() {
    let mut worker = definition("pg_acctexport launcher", "acct_export_launcher_main", 5, 0);
    // SAFETY: as above; called from _PG_init.
    unsafe { pg_sys::RegisterBackgroundWorker(&mut worker) };
}

/// Whether this is the postmaster loading its preloaded libraries.
pub fn preloading() -> bool {
    // SAFETY: reads a backend variable.
    unsafe { pg_sys::process_shared_preload_libraries_in_progress }
}

/// Whether the library is in `shared_preload_libraries`, so that the launcher is there.
pub fn is_preloaded() -> bool {
    let libraries = super::guc::get("shared_preload_libraries").unwrap_or_default();
    libraries.split(',').any(|library| {
        let name = library.trim().trim_matches('"');
        name == "pg_acctexport" || name.ends_with("/pg_acctexport")
    })
}

/// Oid of the database of this backend.
pub fn database() -> u32 {
    // SAFETY: reads a backend variable.
    unsafe { pg_sys::MyDatabaseId }.to_u32()
}

/// This process's id.
pub fn pid() -> i32 {
    // SAFETY: reads a backend variable.
    unsafe { pg_sys::MyProcPid }
}

extern "C" {
    // The server's own handlers. pgrx's wrappers of the same names are Rust functions with a guard around, which must
    // not run in a signal handler; pgrx's handlers do not set ProcDiePending, so a query could not be stopped.
    #[link_name = "die"]
    fn server_die(signal: core::ffi::c_int);
    #[link_name = "SignalHandlerForConfigReload"]
    fn server_reload(signal: core::ffi::c_int);
}

extern "C" fn on_reload(signal: core::ffi::c_int) {
    RELOAD.store(true, Ordering::Relaxed);
    // SAFETY: async-signal-safe by design of the server.
    unsafe { server_reload(signal) };
}

/// Handlers, then the connection. SIGINT keeps the server's StatementCancelHandler, which StartBackgroundWorker
/// installs for workers with a database connection.
fn begin(database: u32) {
    // SAFETY: at the start of a background worker, before signals are unblocked.
    unsafe {
        libc::signal(libc::SIGTERM, server_die as *const () as libc::sighandler_t);
        libc::signal(libc::SIGHUP, on_reload as *const () as libc::sighandler_t);
        pg_sys::BackgroundWorkerUnblockSignals();
        if database == 0 {
            pg_sys::BackgroundWorkerInitializeConnection(std::ptr::null(), std::ptr::null(), 0);
        } else {
            pg_sys::BackgroundWorkerInitializeConnectionByOid(
                pg_sys::Oid::from(database),
                pg_sys::InvalidOid,
                0,
            );
        }
    }
}

/// Reads the configuration again if it was asked for; whether it was.
pub fn reload_if_asked() -> bool {
    let asked = RELOAD.swap(false, Ordering::Relaxed);
    if asked {
        // SAFETY: outside of any transaction or between statements, as in the server's own loops.
        unsafe {
            pg_sys::ConfigReloadPending = 0;
            pg_sys::ProcessConfigFile(pg_sys::GucContext::PGC_SIGHUP);
        }
    }
    asked
}

/// Whether the configuration has changed and this process has not read it yet.
pub fn reload_is_pending() -> bool {
    // SAFETY: reads a flag that a signal handler sets.
    unsafe { pg_sys::ConfigReloadPending != 0 }
}

/// Says in pg_stat_activity what this worker does: an id, never a value.
pub fn report_activity(text: Option<&str>) {
    let text = text.and_then(|text| std::ffi::CString::new(text).ok());
    let state =
        if text.is_some() { pg_sys::BackendState::STATE_RUNNING } else { pg_sys::BackendState::STATE_IDLE };
    // SAFETY: the string is copied into shared memory.
    unsafe {
        pg_sys::pgstat_report_activity(state, text.as_ref().map_or(std::ptr::null(), |text| text.as_ptr()));
        // Workers do not flush their statistics by themselves.
        if state == pg_sys::BackendState::STATE_IDLE {
            pg_sys::pgstat_report_stat(false);
        }
    }
}

/// Entry of a worker: `argument` is the oid of its database.
#[no_mangle]
#[pg_guard]
pub extern "C-unwind" fn acct_export_worker_main(argument: pg_sys::Datum) {
    begin(argument.value() as u32);
    crate::worker::work();
}

/// Entry of a sender: `argument` is the oid of its database.
#[no_mangle]
#[pg_guard]
pub extern "C-unwind" fn acct_export_sender_main(argument: pg_sys::Datum) {
    begin(argument.value() as u32);
    crate::worker::sender::work();
}

/// Entry of a witness: `argument` is the handle of its note and the oid of its database. No SQL function: only who can run
/// C code in the server can start one.
#[no_mangle]
#[pg_guard]
pub extern "C-unwind" fn acct_export_witness_main(argument: pg_sys::Datum) {
    let argument = argument.value() as u64;
    let Some((taken, text)) = Taken::from((argument >> 32) as u32) else { return };
    begin(argument as u32);
    taken.end(crate::audit::witness::write(&text));
}

/// Entry of the launcher.
#[no_mangle]
#[pg_guard]
pub extern "C-unwind" fn acct_export_launcher_main(_argument: pg_sys::Datum) {
    begin(0);
    crate::worker::launcher::launch();
}
