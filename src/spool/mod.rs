//! The spool: a temporary file that takes the bytes of an export while rows are read.

mod file;
mod line;
mod packed;

pub use file::{Reader, Spool, Spooled};
pub use packed::{unpacked, Packing, CHUNK};
