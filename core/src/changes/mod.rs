//! The changes between two exports: a digest of each row with its key, kept in the order of the key, and the merge that compares them.
//!
//! No value is in a digest: it is an HMAC under a secret of the tenant, so that nobody without it can try values. The key itself is kept as
//! text, to name rows that are gone. Memory does not grow with the number of rows.

mod digest;
mod hashing;
mod merge;
mod record;
mod varint;

pub use digest::{values, Digest, Digester};
pub use hashing::{append_row, Hashing, Row};
pub use merge::{Change, Merge, Source};
pub use record::{Block, Record, Records};

/// The value of option `changes_since` by which all rows are new.
pub const NOTHING: &str = "nothing";

/// The name and the label of the first column of a file of changes.
pub const COLUMN: &str = "change";
