//! Attacks by requesters, owners of sources and other tenants.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod attacks;
mod companions_hostile;
mod foreign_code;
mod hostile_code;
mod hostile_drift;
mod hostile_leaks;
mod hostile_names;
mod hostile_queue;
mod hostile_requester;
mod hostile_shadow;
mod hostile_tenants;
mod hostile_types;
