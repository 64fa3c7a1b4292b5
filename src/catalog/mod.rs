//! What may be exported: datasets, fields, what never leaves, who may export.

pub mod field;
pub mod lineage;
pub mod load;
pub mod model;
pub mod register;
pub mod rights;
pub mod secrets;
