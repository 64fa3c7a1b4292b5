//! The server's hooks. While no guard is up they cost a look at a few variables.
//!
//! The functions that the server calls have nothing to drop and are not guarded, so that errors of the next hook, or of the server, pass
//! through them as through a C function; what raises an error of ours is guarded by itself.

use super::{function, level, planned, statement, Level};
use pgrx::pg_sys;

static mut NEXT_ACCESS: pg_sys::object_access_hook_type = None;
static mut NEXT_UTILITY: pg_sys::ProcessUtility_hook_type = None;
#[cfg(not(any(feature = "pg15", feature = "pg16")))]
static mut NEXT_STATISTICS: pg_sys::get_relation_stats_hook_type = None;
static mut NEXT_RELATION: pg_sys::get_relation_info_hook_type = None;

extern "C-unwind" {
    // pgrx's binding catches errors and raises them anew.
    #[link_name = "standard_ProcessUtility"]
    fn server_utility(
        statement: *mut pg_sys::PlannedStmt,
        text: *const core::ffi::c_char,
        read_only_tree: bool,
        context: pg_sys::ProcessUtilityContext::Type,
        params: pg_sys::ParamListInfo,
        environment: *mut pg_sys::QueryEnvironment,
        receiver: *mut pg_sys::DestReceiver,
        completion: *mut pg_sys::QueryCompletion,
    );
}

/// Puts our hooks before those that are there.
pub(super) fn install() {
    // SAFETY: called once per process, by the thread that runs the server's code.
    unsafe {
        NEXT_ACCESS = pg_sys::object_access_hook;
        pg_sys::object_access_hook = Some(on_access);
        NEXT_UTILITY = pg_sys::ProcessUtility_hook;
        pg_sys::ProcessUtility_hook = Some(on_utility);
        NEXT_RELATION = pg_sys::get_relation_info_hook;
        pg_sys::get_relation_info_hook = Some(on_relation);
        #[cfg(not(any(feature = "pg15", feature = "pg16")))]
        {
            NEXT_STATISTICS = pg_sys::get_relation_stats_hook;
            pg_sys::get_relation_stats_hook = Some(on_statistics);
        }
    }
    function::install();
}

/// Before the executor calls a function, among much else.
///
/// # Safety
/// Called by the server alone.
unsafe extern "C-unwind" fn on_access(
    access: pg_sys::ObjectAccessType::Type,
    class: pg_sys::Oid,
    object: pg_sys::Oid,
    part: core::ffi::c_int,
    argument: *mut core::ffi::c_void,
) {
    if access == pg_sys::ObjectAccessType::OAT_FUNCTION_EXECUTE {
        function::enter(object, level());
    }
    // SAFETY: the arguments are the server's.
    unsafe {
        if let Some(next) = NEXT_ACCESS {
            next(access, class, object, part, argument);
        }
    }
}

/// Instead of a utility statement.
///
/// # Safety
/// Called by the server alone.
#[allow(clippy::too_many_arguments)] // the hook's
unsafe extern "C-unwind" fn on_utility(
    planned: *mut pg_sys::PlannedStmt,
    text: *const core::ffi::c_char,
    read_only_tree: bool,
    context: pg_sys::ProcessUtilityContext::Type,
    params: pg_sys::ParamListInfo,
    environment: *mut pg_sys::QueryEnvironment,
    receiver: *mut pg_sys::DestReceiver,
    completion: *mut pg_sys::QueryCompletion,
) {
    // SAFETY: the arguments are the server's; a utility statement is wrapped into a planned one.
    unsafe {
        if level() != Level::Off {
            statement::check((*planned).utilityStmt);
        }
        match NEXT_UTILITY {
            Some(next) => {
                next(planned, text, read_only_tree, context, params, environment, receiver, completion)
            }
            None => server_utility(
                planned,
                text,
                read_only_tree,
                context,
                params,
                environment,
                receiver,
                completion,
            ),
        }
    }
}

/// While a query is planned, for each table: after expressions were simplified and SQL functions inlined, before anything is estimated.
///
/// # Safety
/// Called by the server alone.
unsafe extern "C-unwind" fn on_relation(
    root: *mut pg_sys::PlannerInfo,
    relation: pg_sys::Oid,
    is_parent: bool,
    info: *mut pg_sys::RelOptInfo,
) {
    // SAFETY: the arguments are the server's.
    unsafe {
        if level() != Level::Off {
            planned::check(root);
        }
        if let Some(next) = NEXT_RELATION {
            next(root, relation, is_parent, info);
        }
    }
}

/// While a query is planned, for each column whose statistics are used. From PostgreSQL 17 on these may be of a column within a CTE, which is
/// planned before the query around it was simplified.
///
/// # Safety
/// Called by the server alone.
#[cfg(not(any(feature = "pg15", feature = "pg16")))]
unsafe extern "C-unwind" fn on_statistics(
    root: *mut pg_sys::PlannerInfo,
    table: *mut pg_sys::RangeTblEntry,
    column: pg_sys::AttrNumber,
    data: *mut pg_sys::VariableStatData,
) -> bool {
    // SAFETY: the arguments are the server's.
    unsafe {
        if level() != Level::Off {
            planned::check(root);
        }
        NEXT_STATISTICS.is_some_and(|next| next(root, table, column, data))
    }
}
