//! The audit trail: one chain of events, complete and unchanged.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod append_only;
mod denied;
mod denied_worker;
mod removal;
mod report;
mod rolled_back;
mod sealing;
mod trail;
