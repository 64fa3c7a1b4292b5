//! Parts that the integration tests share: real servers, sessions, roles, and small applications.
//!
//! A theme of tests is one program (`tests/<theme>/main.rs`); a file below it is a suite with a server of its own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub mod admins;
pub mod approval;
pub mod asking;
pub mod bucket;
pub mod common;
pub mod companion;
pub mod demo;
pub mod jobs;
pub mod kinds;
pub mod lineage;
pub mod office;
pub mod oracle;
pub mod people;
pub mod random;
pub mod remote;
pub mod scene;
pub mod schemas;
pub mod told;

mod paths;
mod suite;

pub use paths::{project, scratch};
pub use suite::PerSuite;
