//! Background workers: how they are registered, what they set up before the first transaction.

use super::{lock, signals};
use pgrx::pg_sys;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The argument of a worker's entry function, which its definition names.
pub type Argument = pg_sys::Datum;

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

/// Starts a worker for a database (by oid); false: no worker slot is free in `max_worker_processes`, the jobs stay queued.
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

/// Starts an audit worker of this database, which takes a note (pg/dsm_message.rs); false: no worker slot is free. This process's latch is set
/// when it begins and when it ends. As `start_worker`, for commit and abort hooks too.
pub fn start_audit_worker(note: u32) -> bool {
    start_with_note("pg_acctexport audit worker", "acct_export_audit_worker_main", note)
}

/// Starts a process that runs what schedules have due and answers the note with the number, as `start_audit_worker`.
pub fn start_scheduler(note: u32) -> bool {
    start_with_note("pg_acctexport scheduler", "acct_export_scheduler_main", note)
}

fn start_with_note(kind: &str, entry: &str, note: u32) -> bool {
    let argument = u64::from(note) << 32 | u64::from(database());
    let mut worker = definition(kind, entry, pg_sys::BGW_NEVER_RESTART, argument);
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

/// True if this is the postmaster loading its preloaded libraries.
pub fn preloading() -> bool {
    // SAFETY: reads a backend variable.
    unsafe { pg_sys::process_shared_preload_libraries_in_progress }
}

/// True if the library is in `shared_preload_libraries`, so that the launcher is there.
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

/// The system identifier and the database that this is: rows that a copy of the database has of its original say another one.
pub fn here() -> String {
    // SAFETY: reads a value of shared memory.
    let system = unsafe { pg_sys::GetSystemIdentifier() };
    format!("{}/{}", system as i64, database())
}

/// This process's id.
pub fn pid() -> i32 {
    // SAFETY: reads a backend variable.
    unsafe { pg_sys::MyProcPid }
}

/// Connects this process; false: the database is gone, and there is nothing to do. Signals are handled from here on.
pub fn begin(database: u32) -> bool {
    signals::install();
    // SAFETY: at the start of a background worker, whose handlers are installed.
    unsafe { pg_sys::BackgroundWorkerUnblockSignals() };
    if database == 0 {
        // SAFETY: as above.
        unsafe { pg_sys::BackgroundWorkerInitializeConnection(std::ptr::null(), std::ptr::null(), 0) };
        return true;
    }
    let Some(is_kept) = keep(database) else { return false };
    // SAFETY: as above.
    unsafe {
        pg_sys::BackgroundWorkerInitializeConnectionByOid(pg_sys::Oid::from(database), pg_sys::InvalidOid, 0);
    }
    if is_kept {
        lock::let_database_go(database);
    }
    true
}

/// Keeps a database from being dropped until this process has connected. None: it is gone, or this process is to end. False: somebody
/// holds it for long, as CREATE DATABASE does with its template; the server waits for that as with any session.
fn keep(database: u32) -> Option<bool> {
    for _ in 0..TRIES {
        let is_kept = lock::try_keep_database(database);
        // SAFETY: reads a flag that a signal handler sets.
        if !has_directory(database) || unsafe { pg_sys::ProcDiePending } != 0 {
            if is_kept {
                lock::let_database_go(database);
            }
            return None;
        }
        if is_kept {
            return Some(true);
        }
        std::thread::sleep(PAUSE);
    }
    Some(false)
}

/// Tries and pauses before the server waits for the database.
const TRIES: usize = 200;
const PAUSE: Duration = Duration::from_millis(50);

/// True if a database has its directory, which DROP DATABASE removes before it commits (dbcommands.c). To connect to a database that
/// is gone ends a process with FATAL. Paths are relative to the data directory, in which every process of the server runs
/// (GetDatabasePath, relpath.c).
fn has_directory(database: u32) -> bool {
    let name = database.to_string();
    if Path::new("base").join(&name).exists() {
        return true;
    }
    let folders = |path: PathBuf| {
        let entries = std::fs::read_dir(path).into_iter().flatten();
        entries.filter_map(|entry| Some(entry.ok()?.path())).collect::<Vec<_>>()
    };
    let tablespaces = folders(PathBuf::from("pg_tblspc"));
    tablespaces.into_iter().flat_map(folders).any(|version| version.join(&name).exists())
}

/// Reads the configuration again if it was asked for; whether it was.
pub fn reload_if_asked() -> bool {
    let asked = signals::take_reload();
    if asked {
        // SAFETY: outside of any transaction or between statements, as in the server's own loops.
        unsafe {
            pg_sys::ConfigReloadPending = 0;
            pg_sys::ProcessConfigFile(pg_sys::GucContext::PGC_SIGHUP);
        }
    }
    asked
}

/// True if the configuration has changed and this process has not read it yet.
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
