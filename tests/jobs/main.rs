//! The life of a job: queue, progress, cancel, crash, housekeeping.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod cancel;
mod copies;
mod crash;
mod disk;
mod faults;
mod housekeeping;
mod in_session;
mod job_document;
mod leaks;
mod linger;
mod listing;
mod parallel;
mod preview;
mod progress;
mod purge;
mod queue;
mod settings;
mod stale;
mod transitions;
mod vanish;
mod wake;
