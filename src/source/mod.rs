//! From a checked request to rows: the query and what is done to each value before it is encoded.

pub mod changes;
pub mod dataset_export;
mod discovered_keys;
pub mod estimate;
pub mod moment;
pub mod order_by;
pub mod plan;
pub mod references;
pub mod resolved_period;
pub mod row_limit;
mod where_clause;
