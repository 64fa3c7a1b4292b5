//! The states of a job, and the one table of what may become of each.
//!
//! ```text
//!                  ┌────────────── crashed, attempts left ──────────────┐
//!                  ▼                                                    │
//!  start ──►  queued ──► running ──► completed | completed_with_errors ─┼──► expired
//!                │           │                                          │
//!                ├───────────┴──► cancelled                             │
//!                └───────────────► failed  ◄────────────────────────────┘
//!
//!  running ──► awaiting_approval ──► queued      more rows than may leave without approval
//!                    └──► cancelled | failed     cancelled, or not approved in time
//! ```

use serde::{Deserialize, Serialize};
use std::fmt;
use JobStatus::*;

/// The state of a job, by the names that `acct_export.job.status` has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobStatus {
    Queued,
    Running,
    AwaitingApproval,
    Completed,
    /// A companion could not be exported, the dataset's own file could.
    CompletedWithErrors,
    Failed,
    Cancelled,
    /// It was completed, and its files are gone.
    Expired,
}

/// The legal changes: from, to. A job that runs in its own session is `running` from the start on.
const TRANSITIONS: &[(JobStatus, JobStatus)] = &[
    (Queued, Running),
    (Queued, Cancelled),
    (Running, Completed),
    (Running, CompletedWithErrors),
    (Running, Failed),
    (Running, Cancelled),
    (Running, AwaitingApproval),
    // Its worker was lost, or stopped although nobody cancelled the job.
    (Running, Queued),
    (AwaitingApproval, Queued),
    (AwaitingApproval, Cancelled),
    (AwaitingApproval, Failed),
    (Completed, Expired),
    (CompletedWithErrors, Expired),
];

impl JobStatus {
    pub const ALL: [JobStatus; 8] =
        [Queued, Running, AwaitingApproval, Completed, CompletedWithErrors, Failed, Cancelled, Expired];

    pub fn as_str(self) -> &'static str {
        match self {
            Queued => "queued",
            Running => "running",
            AwaitingApproval => "awaiting_approval",
            Completed => "completed",
            CompletedWithErrors => "completed_with_errors",
            Failed => "failed",
            Cancelled => "cancelled",
            Expired => "expired",
        }
    }

    /// None: no state has this name.
    pub fn parse(name: &str) -> Option<JobStatus> {
        JobStatus::ALL.into_iter().find(|status| status.as_str() == name)
    }

    /// True if a job of this state may come into the other one.
    pub fn may_become(self, next: JobStatus) -> bool {
        TRANSITIONS.contains(&(self, next))
    }

    /// True if nothing is done for the job any more, but the removal of its files.
    pub fn has_ended(self) -> bool {
        !matches!(self, Queued | Running | AwaitingApproval)
    }

    /// True if the job has files that can be read.
    pub fn has_files(self) -> bool {
        matches!(self, Completed | CompletedWithErrors)
    }
}

impl fmt::Display for JobStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_table() {
        for status in JobStatus::ALL {
            assert_eq!(JobStatus::parse(status.as_str()), Some(status));
            assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
            assert_eq!(serde_json::from_value::<JobStatus>(status.as_str().into()).unwrap(), status);
        }
        assert_eq!(JobStatus::parse("done"), None);
    }

    #[test]
    fn no_way_leads_back_from_an_end() {
        for (from, to) in TRANSITIONS {
            assert_ne!(from, to);
            let is_removal = from.has_files() && *to == Expired;
            assert!(!from.has_ended() || is_removal, "{from} -> {to}");
            assert!(from.may_become(*to));
        }
        for end in [Failed, Cancelled, Expired] {
            assert!(JobStatus::ALL.into_iter().all(|next| !end.may_become(next)), "{end}");
        }
    }

    #[test]
    fn every_state_is_reached_from_the_queue() {
        let mut reached = vec![Queued];
        while let Some((_, next)) =
            TRANSITIONS.iter().find(|(from, to)| reached.contains(from) && !reached.contains(to))
        {
            reached.push(*next);
        }
        assert_eq!(reached.len(), JobStatus::ALL.len());
    }

    /// The check of the job table and this enum name the same states.
    #[test]
    fn the_table_allows_these_states() {
        let sql = include_str!("../../../sql/schema.sql");
        let check = sql.split("status           text NOT NULL CHECK (status IN (").nth(1).unwrap();
        let mut names: Vec<&str> = check.split("))").next().unwrap().split('\'').skip(1).step_by(2).collect();
        names.sort_unstable();
        let mut own = JobStatus::ALL.map(JobStatus::as_str);
        own.sort_unstable();
        assert_eq!(names, own);
    }
}
