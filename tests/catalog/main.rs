//! Datasets: registering, changing, declaring, policies and advice.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod advice;
mod advice_plan;
mod bound;
mod declared;
mod declared_reach;
mod habits;
mod keys;
mod labels;
mod newer;
mod policy;
mod policy_approval;
mod policy_approver;
mod policy_between;
mod registered;
mod scan;
