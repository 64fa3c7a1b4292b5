//! From a checked request to rows: the query and what is done to each value before it is encoded.

pub mod ceiling;
mod disguise;
mod escape;
pub mod expand;
mod found;
mod fragments;
pub mod members;
mod narrow;
pub mod part;
pub mod plan;
pub mod references;
mod scrub;
pub mod shield;
mod take;
mod walk;

pub use escape::storable;

/// What stands in the place of a redacted value (seed 003).
pub const REDACTED: &str = "[redacted]";
