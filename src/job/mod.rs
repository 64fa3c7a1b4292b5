//! A job: its states, the transitions between them, and the only SQL that touches the job tables.
//! The states and their legal changes are [`JobStatus`](crate::model::JobStatus).
//!
//! A `running` job whose lock is free has lost its worker. What is running is committed before the work begins, so a
//! missing end means a crash and nothing else.

pub mod adopt;
pub mod all_slots;
pub mod approve;
pub mod captured_session;
pub mod chunks;
pub mod commands;
pub mod create;
pub mod digests;
pub mod finish;
pub mod manifest;
pub mod origin;
pub mod outbox;
pub mod output;
pub mod purge;
pub mod queue;
pub mod record;
pub mod refused;
pub mod row_counts;
pub mod saved;
pub mod schedule;
pub mod seen;
pub mod session;
pub mod status;
pub mod stored_file;
pub mod stored_object;
pub mod turn;
pub mod upgrade;
pub mod wake;

pub use crate::pg::progress::Stage;

use crate::pg::lock::Lock;

/// The lock that a job's worker holds, from the text of its id.
pub fn lock_of(job: &str) -> Lock {
    let digits: String = job.chars().filter(char::is_ascii_hexdigit).take(16).collect();
    Lock::Job(u64::from_str_radix(&digits, 16).unwrap_or(0))
}
