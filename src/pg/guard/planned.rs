//! Functions that the planner calls by itself.
//!
//! To estimate how many rows a condition selects, the planner applies its operator to common values of the column (selfuncs.c,
//! mcv_selectivity). It calls the operator's function directly, without asking `object_access_hook`, and anybody may make an operator
//! of a built-in function. So a query's functions are looked at before its first estimate.

use super::{function, level};
use pgrx::{pg_guard, pg_sys};
use std::ffi::c_void;

/// Refuses the functions of a query that is being planned, and of those around it, whose conditions may be estimated by columns of
/// this one.
///
/// # Safety
/// A planner's root.
#[pg_guard]
pub(super) unsafe extern "C-unwind" fn check(root: *mut pg_sys::PlannerInfo) {
    // SAFETY: roots and queries are valid while they are planned; the walker only reads.
    unsafe {
        let mut root = root;
        while !root.is_null() {
            walk((*root).parse.cast(), std::ptr::null_mut());
            root = (*root).parent_root;
        }
    }
}

/// # Safety
/// A node of an expression or query.
#[pg_guard]
unsafe extern "C-unwind" fn walk(node: *mut pg_sys::Node, context: *mut c_void) -> bool {
    // SAFETY: the server's walkers hand over each child (nodeFuncs.c).
    unsafe {
        if node.is_null() {
            return false;
        }
        if (*node).type_ == pg_sys::NodeTag::T_Query {
            return pg_sys::query_tree_walker(node.cast(), Some(walk), context, 0);
        }
        pg_sys::check_functions_in_node(node, Some(check_function), context);
        pg_sys::expression_tree_walker(node, Some(walk), context)
    }
}

/// # Safety
/// Called by `check_functions_in_node`.
#[pg_guard]
unsafe extern "C-unwind" fn check_function(id: pg_sys::Oid, _context: *mut c_void) -> bool {
    function::check(id, level());
    false
}
