//! Fields that depend on secrets are barred; secret values are redacted.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod newer;
mod noninterference;
mod policies;
mod shapes;
mod sources;
mod values;
