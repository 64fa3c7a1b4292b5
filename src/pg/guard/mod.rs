//! Refusing what foreign code does beyond the read.
//!
//! Views, policies, operators and `authorize` functions run code of others while rows are read. The transaction is read-only, but the
//! server lets such a transaction write large objects (before PostgreSQL 16), NOTIFY, lock, and send signals. A read that is rolled back
//! undoes a part of that. What remains is refused here: the server asks `object_access_hook` before the executor calls a function, and
//! `ProcessUtility_hook` before it runs a utility statement.
//!
//! The level in force is a setting, so that the server itself puts it back when an error ends the (sub)transaction, and hands it to
//! parallel workers. Foreign code cannot change it: `GUC_NOT_WHILE_SEC_REST` forbids that within a security-restricted operation, in
//! which all foreign code runs, and a check hook refuses every other change.
//!
//! Not reached: foreign servers that a foreign table reads from, and C functions that a superuser labelled STABLE or IMMUTABLE. Code in
//! trusted languages (SQL, PL/pgSQL, PL/Perl, PL/Tcl) is free, because all it does goes through the executor.

mod function;
mod hooks;
mod known;
mod planned;
mod statement;

use super::guc::{Rights, Scope};
use pgrx::guc::{GucContext, GucFlags, GucRegistry, GucSetting};
use pgrx::{pg_guard, pg_sys};
use std::cell::Cell;

/// The extent to which effects of foreign code are undone when its read ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// No foreign code is running on behalf of an export.
    Off,
    /// A worker's read: its transaction is rolled back, and the worker gives up what stays with a session.
    Job,
    /// A check or a read in the caller's session, in a subtransaction that is rolled back.
    Check,
    /// A stream in the caller's session: nothing is rolled back.
    Stream,
}

impl Level {
    fn from_number(number: i32) -> Level {
        match number {
            1 => Level::Job,
            2 => Level::Check,
            // A number that means nothing refuses most.
            3.. => Level::Stream,
            _ => Level::Off,
        }
    }
}

/// Effects of a function or statement, by what undoes them.
#[repr(u8)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    /// There are none, or the scope of the read undoes them (settings).
    None,
    /// The rollback undoes them.
    UntilRollback,
    /// They stay with the session: its advisory locks, the seed of its random numbers, positions of its cursors.
    Session,
    /// Not known: C code of other extensions, languages that are not trusted.
    Unknown,
    /// Nothing undoes them: signals, files, sequences, replication slots, other servers.
    Lasting,
    /// A volatile function of this extension. It is refused as one with lasting effects; [`super::sql`] refuses what it would write as well,
    /// for the server does not ask again for an expression that it has initialised.
    Own,
}

impl Effect {
    fn is_allowed(self, level: Level) -> bool {
        match self {
            Effect::None => true,
            Effect::UntilRollback => level <= Level::Check,
            Effect::Session | Effect::Unknown => level <= Level::Job,
            Effect::Lasting | Effect::Own => level == Level::Off,
        }
    }
}

/// The level in force, as a number.
static LEVEL: GucSetting<i32> = GucSetting::<i32>::new(0);

const NAME: &str = "acct_export.reading";

thread_local! {
    /// Set while `raise` changes the setting.
    static RAISING: Cell<bool> = const { Cell::new(false) };
}

/// Defines the setting and installs the hooks; called once, when the library is loaded.
pub fn install() {
    let flags = GucFlags::NO_SHOW_ALL
        | GucFlags::NO_RESET_ALL
        | GucFlags::DISALLOW_IN_FILE
        | GucFlags::NOT_WHILE_SEC_REST;
    // SAFETY: the check hook is guarded against panics.
    unsafe {
        GucRegistry::define_int_guc_with_hooks(
            c"acct_export.reading",
            c"Set by exports while foreign code runs.",
            c"It cannot be set otherwise.",
            &LEVEL,
            0,
            Level::Stream as i32,
            GucContext::Suset,
            flags,
            Some(check),
            None,
            None,
        );
    }
    hooks::install();
}

/// # Safety
/// Called by the server alone, with a pointer to the new value.
#[pg_guard]
unsafe extern "C-unwind" fn check(
    value: *mut core::ffi::c_int,
    _extra: *mut *mut core::ffi::c_void,
    _source: pg_sys::GucSource::Type,
) -> bool {
    // SAFETY: the server hands over a valid pointer; the other is a backend variable. A parallel worker takes the value of its leader.
    unsafe { *value == 0 || RAISING.get() || pg_sys::InitializingParallelWorker }
}

/// The level in force; reads one variable.
pub fn level() -> Level {
    Level::from_number(LEVEL.get())
}

/// Runs SQL of the extension itself as its owner.
pub fn own<T>(body: impl FnOnce() -> T) -> T {
    function::unnoted(body)
}

/// Puts a level in force until the scope ends; one that is in force already is never lowered. Outside of a security-restricted
/// operation.
pub fn raise(wanted: Level, scope: &Scope) {
    let level = wanted.max(level());
    RAISING.set(true);
    scope.set(NAME, &(level as i32).to_string(), Rights::Superuser);
    RAISING.set(false);
    // PL/pgSQL keeps expressions that it has initialised until the transaction ends (pl_exec.c, exec_eval_simple_expr), and the server
    // does not ask again for those: one that could do more then is planned, and so asked for, anew.
    if function::take_initialised() {
        // SAFETY: marks cached plans as stale; those that run are held by their users (plancache.c).
        unsafe { pg_sys::ResetPlanCache() };
    }
}
