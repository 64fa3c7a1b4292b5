//! Where the bytes go: a spool file while rows are read, then the job table.

mod spool;
pub mod table;

pub use spool::{Spool, Spooled};
