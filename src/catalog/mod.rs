//! Datasets, their fields, the bars on them, and the rights to export.

mod args;
pub mod authorize;
pub mod bound;
pub mod broken;
pub mod companion;
pub mod declare;
pub mod declared;
pub mod definition;
pub mod disabled;
pub mod expand;
pub mod field;
pub mod fields;
pub mod key;
mod labels;
pub mod lapsed;
pub mod lineage;
pub mod load;
pub mod owner;
pub mod policy;
pub mod reference;
pub mod register;
pub mod registration;
pub mod rights;
pub mod scan;
pub mod settings_read;
mod unique_index;
pub mod unregister;
