//! A job: its states, the transitions between them, and the only SQL that touches the job tables.
//!
//! ```text
//!                  ┌────────────── crashed, attempts left ──────────────┐
//!                  ▼                                                    │
//!  start ──►  queued ──► running ──► completed | completed_with_errors ─┼──► expired
//!                │           │                                          │
//!                ├───────────┴──► cancelled                             │
//!                └───────────────► failed  ◄────────────────────────────┘
//!
//!  running ──► awaiting_approval ──► queued      more rows than leave without approval, and a second person's
//!                    └──► cancelled | failed     or nobody's, in time
//! ```
//!
//! A `running` job whose lock is free has lost its worker. What is running is committed before the work begins, so a
//! missing end means a crash and nothing else.

pub mod approve;
pub mod context;
pub mod create;
pub mod manage;
pub mod object;
pub mod outbox;
pub mod product;
pub mod queue;
pub mod settle;
pub mod status;

pub use crate::pg::progress::Stage;

use crate::pg::lock::Lock;

/// The lock that a job's worker holds, from the text of its id.
pub fn lock_of(job: &str) -> Lock {
    let digits: String = job.chars().filter(char::is_ascii_hexdigit).take(16).collect();
    Lock::Job(u64::from_str_radix(&digits, 16).unwrap_or(0))
}
