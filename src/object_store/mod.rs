//! Object stores as destination of files: buckets of S3, of servers that speak its protocol, of Google Cloud Storage, containers of Azure.
//!
//! ```text
//! Store::open (a server, its credentials) ──► upload: parts from the spool, complete, look again ──► Receipt
//!                                         ├─► read: a range, of the very object that was stored
//!                                         ├─► remove: what is ours of a key, whole or begun
//!                                         └─► url: presigned
//! ```
//!
//! Invariants: an object is written only where there is none and removed only where it bears our mark; requests run on a thread of their
//! own, with the time limits and retries of the server's options; an error says nothing that the other side has sent but its code.

mod azure;
mod client;
mod errors;
mod gcs;
mod multipart;
mod object;
mod open;
mod remove;
mod s3;
mod thread;
mod upload;

pub use object::{NewObject, ObjectToDelete, Removed};
pub use open::Store;

use object_store::signer::Signer;
use object_store::ObjectStore;
use std::sync::Arc;

/// The operations that an object store offers.
trait Backend: ObjectStore + Signer {}
impl<T: ObjectStore + Signer> Backend for T {}

type Shared = Arc<dyn Backend>;
