//! Entry functions of the processes, by the names under which `pg::worker` registers them.

use super::{launcher, outbox_worker, schedule, work};
use crate::audit::autonomous;
use crate::pg::dsm_message::Taken;
use crate::pg::worker::{begin, Argument};
use pgrx::prelude::*;

/// Entry of a worker: `argument` is the oid of its database.
#[no_mangle]
#[pg_guard]
pub extern "C-unwind" fn acct_export_worker_main(argument: Argument) {
    if begin(argument.value() as u32) {
        work();
    }
}

/// Entry of a sender: `argument` is the oid of its database.
#[no_mangle]
#[pg_guard]
pub extern "C-unwind" fn acct_export_sender_main(argument: Argument) {
    if begin(argument.value() as u32) {
        outbox_worker::work();
    }
}

/// Entry of a worker that writes audit events in a transaction of its own: `argument` is the handle of its message and the oid of
/// its database. No SQL function: only C code in the server can start one.
#[no_mangle]
#[pg_guard]
pub extern "C-unwind" fn acct_export_audit_worker_main(argument: Argument) {
    let argument = argument.value() as u64;
    let Some((taken, text)) = Taken::from((argument >> 32) as u32) else { return };
    taken.end(begin(argument as u32) && autonomous::write(&text));
}

/// Entry of a process that runs schedules for a session, which waits for the number of exports that were started. `argument` as above.
#[no_mangle]
#[pg_guard]
pub extern "C-unwind" fn acct_export_scheduler_main(argument: Argument) {
    let argument = argument.value() as u64;
    let Some((taken, _)) = Taken::from((argument >> 32) as u32) else { return };
    taken.end_with(if begin(argument as u32) { schedule::work_once() } else { None });
}

/// Entry of the launcher.
#[no_mangle]
#[pg_guard]
pub extern "C-unwind" fn acct_export_launcher_main(_argument: Argument) {
    if begin(0) {
        launcher::launch();
    }
}
