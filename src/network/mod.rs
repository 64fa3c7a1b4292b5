//! Talking to other servers, from a process of the server.
//!
//! Invariants: all of it happens on threads that know nothing of the server and see no signal; the process's own thread waits and can be
//! cancelled at any time. TLS is that of rustls, by which certificates are checked against the system's or a file of the DBA's.

mod blocking;
#[cfg(any(feature = "smtp", feature = "webhook"))]
pub mod errors;
pub mod tls;

#[cfg(any(feature = "smtp", feature = "webhook"))]
pub use blocking::off_thread;
#[cfg(feature = "s3")]
pub use blocking::{awaited, start};
