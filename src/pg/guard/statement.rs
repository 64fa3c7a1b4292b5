//! Utility statements that foreign code may run while it is in the way of rows.

use super::{function, Effect};
use crate::error::Error;
use crate::pg::report;
use pgrx::pg_sys::NodeTag;
use pgrx::{pg_guard, pg_sys};
use std::ffi::CStr;

/// By what undoes a statement. All that is not listed is refused: COPY, LOAD, CHECKPOINT, CLUSTER, and what belongs to the session, such as
/// LISTEN, PREPARE, FETCH and CLOSE.
fn effect(tag: NodeTag, writes: bool) -> Effect {
    match tag {
        // Settings are put back. Functions that EXPLAIN and CALL run are asked for one by one. The server refuses COMMIT and the like within
        // functions.
        NodeTag::T_VariableSetStmt
        | NodeTag::T_VariableShowStmt
        | NodeTag::T_ExplainStmt
        | NodeTag::T_CallStmt
        | NodeTag::T_TransactionStmt => Effect::None,
        NodeTag::T_NotifyStmt
        | NodeTag::T_LockStmt
        | NodeTag::T_ConstraintsSetStmt
        | NodeTag::T_DeclareCursorStmt => Effect::UntilRollback,
        // The server refuses what writes in a read-only transaction, and names it (25006), but not these two.
        NodeTag::T_AlterSystemStmt | NodeTag::T_ClusterStmt => Effect::Lasting,
        _ if writes => Effect::None,
        // Its language may be one that is not trusted.
        NodeTag::T_DoStmt => Effect::Unknown,
        _ => Effect::Lasting,
    }
}

/// Refuses a statement (42501).
///
/// # Safety
/// The node of a utility statement.
#[pg_guard]
pub(super) unsafe extern "C-unwind" fn check(statement: *mut pg_sys::Node) {
    // SAFETY: the node is valid during the call; tags have static names.
    let (effect, name) = unsafe {
        let level = pg_sys::GetCommandLogLevel(statement);
        let tag = (*statement).type_;
        let writes = level == pg_sys::LogStmtLevel::LOGSTMT_DDL || tag == NodeTag::T_TruncateStmt;
        let effect = effect(tag, writes);
        if effect.is_allowed(super::level()) {
            return;
        }
        (effect, CStr::from_ptr(pg_sys::GetCommandTagName(pg_sys::CreateCommandTag(statement))))
    };
    let name = name.to_string_lossy();
    report::refuse(
        Error::denied(format!("{name} cannot be run while rows of an export are read"))
            .hint(function::hint(effect)),
    );
}
