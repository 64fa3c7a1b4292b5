//! What may be exported: datasets, fields, what never leaves, who may export.

mod context;
pub mod declare;
pub mod declared;
pub mod expand;
pub mod field;
mod given;
mod key;
pub mod lineage;
pub mod load;
pub mod model;
pub mod owner;
pub mod personal;
pub mod policy;
pub mod reference;
pub mod register;
pub mod rights;
pub mod secrets;
pub mod words;
