//! Object stores as destination of files: buckets of S3, of servers that speak its protocol, of Google Cloud Storage, containers of Azure.
//!
//! ```text
//! Store::open (a server, its credentials) ──► upload: parts from the spool, complete, look again ──► Receipt
//!                                         ├─► read: a range, of the very object that was stored
//!                                         ├─► remove: what is ours of a key, whole or begun
//!                                         └─► url: presigned
//! ```
//!
//! What holds: an object is written only where there is none and removed only where it bears our mark; requests run on a thread of their
//! own, with the time limits and retries of the server's options; an error says nothing that the other side has sent but its code.

mod azure;
mod client;
mod gcs;
mod open;
mod parts;
mod remove;
mod s3;
mod subject;
mod thread;
mod told;
mod upload;

pub use open::Store;
pub use subject::{Leftover, Removed, Subject};

use object_store::signer::Signer;
use object_store::ObjectStore;
use std::sync::Arc;

/// What is asked of an object store.
trait Backend: ObjectStore + Signer {}
impl<T: ObjectStore + Signer> Backend for T {}

type Shared = Arc<dyn Backend>;
