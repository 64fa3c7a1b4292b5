//! The effect of a function, from its catalogue row; remembered per process.

use super::known;
use super::{Effect, Level};
use crate::error::Error;
use crate::pg::report;
use pgrx::{pg_guard, pg_sys};
use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::CStr;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU8, Ordering::Relaxed};

/// Objects below are made by initdb (FirstNormalObjectId, access/transam.h).
const BUILT_IN: usize = pg_sys::FirstNormalObjectId as usize;

/// Languages, by their fixed oids (pg_language.dat), and a column of pg_language.
const INTERNAL: pg_sys::Oid = pg_sys::Oid::from_u32(12);
const C: pg_sys::Oid = pg_sys::Oid::from_u32(13);
const SQL: pg_sys::Oid = pg_sys::Oid::from_u32(14);
const LANPLTRUSTED: i16 = 5;

/// Effects of the built-in functions, by oid; 0: not looked up yet. Every call of a function in every session passes here.
static BUILT_INS: [AtomicU8; BUILT_IN] = [const { AtomicU8::new(0) }; BUILT_IN];

thread_local! {
    /// The same of all others.
    static OTHERS: RefCell<HashMap<u32, Effect>> = RefCell::default();
}

/// Set where a row of pg_proc has changed: nothing that is remembered counts.
static STALE: AtomicBool = AtomicBool::new(false);

/// The transaction (local id) in which a function with effects was initialised that a higher level refuses.
static INITIALISED: AtomicU32 = AtomicU32::new(0);

/// Forgets effects when functions change, and takes note that functions may have been initialised before the library was there.
pub(super) fn install() {
    // SAFETY: the callback touches one flag; MyProc is NULL in the postmaster.
    unsafe {
        pg_sys::CacheRegisterSyscacheCallback(
            pg_sys::SysCacheIdentifier::PROCOID as i32,
            Some(forget),
            pg_sys::Datum::from(0usize),
        );
        if !pg_sys::MyProc.is_null() {
            INITIALISED.store(transaction(), Relaxed);
        }
    }
}

extern "C-unwind" fn forget(_argument: pg_sys::Datum, _cache: core::ffi::c_int, _hash: u32) {
    STALE.store(true, Relaxed);
}

/// Local id of the current transaction; 0: there is none.
///
/// # Safety
/// MyProc is not NULL.
unsafe fn transaction() -> u32 {
    #[cfg(any(feature = "pg15", feature = "pg16"))]
    return (*pg_sys::MyProc).lxid;
    #[cfg(not(any(feature = "pg15", feature = "pg16")))]
    return (*pg_sys::MyProc).vxid.lxid;
}

/// True if in this transaction a function was initialised that is refused at a higher level; asking sets it back.
pub(super) fn take_initialised() -> bool {
    let noted = INITIALISED.swap(0, Relaxed);
    // SAFETY: called within a transaction of a session, which has a MyProc.
    noted != 0 && noted == unsafe { transaction() }
}

/// Runs SQL of the extension itself, whose functions need no note: no expression of foreign PL/pgSQL code is initialised by it.
pub(super) fn unnoted<T>(body: impl FnOnce() -> T) -> T {
    let before = INITIALISED.load(Relaxed);
    let result = body();
    INITIALISED.store(before, Relaxed);
    result
}

/// Refuses the call of a function (42501), or takes note of it. PL/pgSQL keeps no expression that calls a set-returning function
/// (exec_simple_check_plan, pl_exec.c), so those need no note; the extension's own refuse by themselves, see [`Effect::Own`], or each
/// start of an export would have all plans of the session made anew.
pub(super) fn enter(function: pg_sys::Oid, level: Level) {
    let effect = effect(function);
    if effect == Effect::None {
        return;
    }
    if !effect.is_allowed(level) {
        // SAFETY: the function is guarded and takes no reference.
        unsafe { refuse(function, effect) };
    }
    if effect == Effect::Own {
        return;
    }
    // SAFETY: a syscache look-up; functions are called within transactions.
    unsafe {
        if !pg_sys::get_func_retset(function) {
            INITIALISED.store(transaction(), Relaxed);
        }
    }
}

/// Refuses a function whose operator the planner may call.
pub(super) fn check(function: pg_sys::Oid, level: Level) {
    let effect = effect(function);
    if !effect.is_allowed(level) {
        // SAFETY: as above.
        unsafe { refuse(function, effect) };
    }
}

fn effect(function: pg_sys::Oid) -> Effect {
    let oid = function.to_u32();
    if STALE.load(Relaxed) && STALE.swap(false, Relaxed) {
        BUILT_INS.iter().for_each(|effect| effect.store(0, Relaxed));
        OTHERS.with_borrow_mut(HashMap::clear);
    }
    if let Some(remembered) = BUILT_INS.get(oid as usize) {
        return match remembered.load(Relaxed) {
            0 => {
                // SAFETY: guarded; takes no reference.
                let effect = unsafe { look_up(function) };
                remembered.store(effect as u8 + 1, Relaxed);
                effect
            }
            1 => Effect::None,
            2 => Effect::UntilRollback,
            3 => Effect::Session,
            4 => Effect::Unknown,
            6 => Effect::Own,
            _ => Effect::Lasting,
        };
    }
    if let Some(remembered) = OTHERS.with_borrow(|others| others.get(&oid).copied()) {
        return remembered;
    }
    // SAFETY: as above.
    let effect = unsafe { look_up(function) };
    OTHERS.with_borrow_mut(|others| others.insert(oid, effect));
    effect
}

/// # Safety
/// Within a transaction.
#[pg_guard]
unsafe extern "C-unwind" fn look_up(function: pg_sys::Oid) -> Effect {
    // SAFETY: the row is released after what is needed of it was copied; its fixed part is a FormData_pg_proc.
    unsafe {
        let cache = pg_sys::SysCacheIdentifier::PROCOID as i32;
        let row = pg_sys::SearchSysCache1(cache, pg_sys::Datum::from(function));
        if row.is_null() {
            return Effect::Lasting; // gone: the server refuses it, too
        }
        let form = &*pg_sys::GETSTRUCT(row).cast::<pg_sys::FormData_pg_proc>();
        let name = CStr::from_ptr(form.proname.data.as_ptr()).to_string_lossy().into_owned();
        let (language, is_volatile) = (form.prolang, form.provolatile as u8 == pg_sys::PROVOLATILE_VOLATILE);
        let mut is_null = true;
        let file = pg_sys::SysCacheGetAttr(cache, row, pg_sys::Anum_pg_proc_probin as i16, &mut is_null);
        let library = if is_null { String::new() } else { library(file) };
        pg_sys::ReleaseSysCache(row);
        let built_in = (function.to_u32() as usize) < BUILT_IN;
        if language == SQL {
            Effect::None
        } else if language == INTERNAL {
            match built_in {
                true => of_built_in(&name, is_volatile),
                // Another name for a built-in function.
                false if is_volatile => Effect::Lasting,
                false => Effect::None,
            }
        } else if language == C {
            match built_in {
                true => of_built_in(&name, is_volatile),
                false => of_library(&library, is_volatile),
            }
        } else if is_trusted(language) {
            Effect::None
        } else {
            Effect::Unknown
        }
    }
}

/// The file's name without directories and ending: `$libdir/dblink` gives `dblink`.
///
/// # Safety
/// The datum is a text.
unsafe fn library(file: pg_sys::Datum) -> String {
    // SAFETY: see above; the copy is made in the current memory context.
    let path = unsafe { CStr::from_ptr(pg_sys::text_to_cstring(file.cast_mut_ptr())) };
    let path = path.to_string_lossy();
    let name = path.rsplit('/').next().unwrap_or_default();
    name.strip_suffix(".so").unwrap_or(name).to_owned()
}

/// Superusers alone make C functions, and so alone label them.
fn of_library(library: &str, is_volatile: bool) -> Effect {
    let is_in = |list: &[&str]| list.contains(&library);
    match is_volatile {
        false => Effect::None,
        true if library == known::OWN_LIBRARY => Effect::Own,
        true if is_in(known::HARMLESS_LIBRARIES) => Effect::None,
        true if is_in(known::LASTING_LIBRARIES) => Effect::Lasting,
        true => Effect::Unknown,
    }
}

fn of_built_in(name: &str, is_volatile: bool) -> Effect {
    let is_in = |list: &[&str]| list.binary_search(&name).is_ok();
    if is_in(known::HARMLESS) {
        Effect::None
    } else if is_in(known::UNTIL_ROLLBACK) {
        Effect::UntilRollback
    } else if is_in(known::SESSION) {
        Effect::Session
    } else if is_volatile || is_in(known::LASTING) || name.starts_with(known::LASTING_PREFIX) {
        Effect::Lasting
    } else {
        Effect::None
    }
}

/// # Safety
/// Within a transaction.
unsafe fn is_trusted(language: pg_sys::Oid) -> bool {
    // SAFETY: as in `look_up`, of pg_language.
    unsafe {
        let cache = pg_sys::SysCacheIdentifier::LANGOID as i32;
        let row = pg_sys::SearchSysCache1(cache, pg_sys::Datum::from(language));
        if row.is_null() {
            return false;
        }
        let mut is_null = true;
        let trusted = pg_sys::SysCacheGetAttr(cache, row, LANPLTRUSTED, &mut is_null).value() != 0;
        pg_sys::ReleaseSysCache(row);
        trusted && !is_null
    }
}

/// Raises the refusal.
///
/// # Safety
/// Within a transaction. No frame with something to drop stands between this and the server.
#[pg_guard]
unsafe extern "C-unwind" fn refuse(function: pg_sys::Oid, effect: Effect) {
    // SAFETY: syscache look-ups; the results are NULL or strings in the current memory context.
    let name = unsafe {
        let name = match (function.to_u32() as usize) < BUILT_IN {
            true => pg_sys::get_func_name(function),
            false => pg_sys::format_procedure_qualified(function),
        };
        if name.is_null() {
            function.to_u32().to_string()
        } else {
            CStr::from_ptr(name).to_string_lossy().into_owned()
        }
    };
    report::refuse(
        Error::denied(format!("function {name} cannot be called while rows of an export are read"))
            .hint(hint(effect)),
    );
}

/// The way to avoid the refusal.
pub(super) fn hint(effect: Effect) -> &'static str {
    if effect.is_allowed(Level::Job) {
        "Start a job with acct_export_start, which reads in its own session and rolls back."
    } else {
        "Do not use it in views, policies and functions that run while rows are read: its effects would outlast the read."
    }
}
