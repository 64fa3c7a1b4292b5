//! The targets of files and messages outside of the database: foreign servers of the extension's own wrappers, with the server's own
//! means. CREATE SERVER says where, USER MAPPING holds the credentials, GRANT USAGE says who.
//!
//! Invariants: a secret is read from a user mapping when it is used and is kept nowhere else; no error text holds a value of an option.

mod files;
mod options;
mod server;
mod values;

pub use files::{for_files, no_usage};
pub use options::{validate, Place, Wrapper};
#[cfg(feature = "webhook")]
pub use server::credentials_of_all;
#[cfg(test)]
pub use server::Options;
pub use server::{by_oid, credentials, credentials_of, named, usable, Secrets, Server};
pub use values::mailbox;
