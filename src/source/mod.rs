//! From a checked request to rows: the query and what is done to each value before it is encoded.

pub mod plan;
mod scrub;
pub mod shield;
