//! Where the bytes go: a spool file while rows are read, then the job table.

mod line;
mod packed;
mod spool;
pub mod table;

pub use packed::{unpacked, Packing, CHUNK};
pub use spool::{Reader, Spool, Spooled};
