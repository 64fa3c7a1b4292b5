//! Taking the file: as one bytea, in chunks, as a large object, compared with another. Rights are checked again, every reading is audited.

mod chunks;
mod content;
pub mod diff;
mod file;
mod large_object;
mod location;
mod url;

pub use chunks::Chunks;
pub use file::{open, whole};
pub use large_object::large_object;
pub use url::{tickets, url, Ticket};
