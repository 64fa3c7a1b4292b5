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
pub mod product;
pub mod queue;
pub mod settle;
pub mod status;

use crate::pg::lock::Lock;

/// What a running job is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    Preparing,
    Reading,
    Storing,
}

impl Stage {
    /// As it stands in the progress counters.
    pub fn number(self) -> i64 {
        match self {
            Stage::Preparing => 0,
            Stage::Reading => 1,
            Stage::Storing => 2,
        }
    }

    pub fn from_number(number: i64) -> Stage {
        match number {
            1 => Stage::Reading,
            2 => Stage::Storing,
            _ => Stage::Preparing,
        }
    }

    /// As `acct_export_status` shows it.
    pub fn name(self) -> &'static str {
        match self {
            Stage::Preparing => "preparing",
            Stage::Reading => "reading",
            Stage::Storing => "storing",
        }
    }
}

/// The lock that a job's worker holds, from the text of its id.
pub fn lock_of(job: &str) -> Lock {
    let digits: String = job.chars().filter(char::is_ascii_hexdigit).take(16).collect();
    Lock::Job(u64::from_str_radix(&digits, 16).unwrap_or(0))
}
