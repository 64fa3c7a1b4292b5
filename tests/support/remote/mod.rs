//! Servers on loopback that files, mails and events are sent to, and a proxy that makes the way to them a bad one:
//!
//! - [`S3`]: s3s and s3s-fs, in a small program (`server/`). It checks signatures of requests and of presigned URLs, and
//!   their age. Others do not do: moto 5.2 with authentication answers presigned URLs with 500, Garage 2.5 overwrites
//!   whatever `If-None-Match` says, and s3s-fs by itself neither lists uploads in progress nor misses a bucket.
//! - [`Azure`]: Azurite from npm.
//! - [`Smtp`]: Debian's exim, unpacked and not installed, with STARTTLS, TLS and passwords.
//! - [`Hook`]: takes whatever is POSTed.
//! - [`Proxy`]: refuses, resets, delays, holds or answers in the server's stead.
//!
//! `scripts/remote-servers` puts the programs in place. Each server has ports and a directory of its own and is gone
//! when it is dropped, or when the test program is.

mod admin;
mod azure;
mod certificate;
mod curl;
mod exchange;
mod hook;
mod proxy;
mod s3;
mod served;
mod smtp;

pub use azure::Azure;
pub use curl::{curl, curl_fails};
pub use hook::{Hook, Posted};
pub use proxy::{Behaviour, Proxy};
pub use s3::{Head, S3};
pub use smtp::Smtp;

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::OnceLock;
use std::time::Duration;

pub const LIMIT: Duration = Duration::from_secs(30);

/// The directory of the programs and of the servers: a place that the account of the database server can enter.
fn place() -> &'static Path {
    static PLACE: OnceLock<PathBuf> = OnceLock::new();
    PLACE.get_or_init(|| {
        let script = crate::project().join("scripts/remote-servers");
        let output = Command::new(script).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "the servers of these tests are not to be had: {said}");
        PathBuf::from(String::from_utf8(output.stdout).unwrap().trim())
    })
}

/// A port that nobody listens at. Not one of those that the kernel gives to who asks for any, since it may be needed
/// again after a while.
fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        let next = std::process::id().wrapping_mul(61).wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = 10_000 + (next % 20_000) as u16;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
