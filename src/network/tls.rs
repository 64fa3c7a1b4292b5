//! Settings shared by all TLS connections.

use crate::error::{Error, Kind, Result};
use std::fs::File;
use std::io::Read;

/// Of a file of certificates; all that a system trusts are a quarter of it.
const LARGEST: u64 = 1024 * 1024;

/// Has rustls use ring. To be called before the first connection.
pub fn ready() {
    // Another call was first.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// The file of option `sslrootcert`: certificates in PEM, which are trusted beside the system's.
pub fn roots(path: &str) -> Result<Vec<u8>> {
    let pem = read(path).map_err(|error| {
        Error::new(
            Kind::UndefinedFile,
            format!("could not read the file of option \"sslrootcert\": {}", error.kind()),
        )
        .hint("The operating system user of the server must be able to read it.")
    })?;
    Ok(pem)
}

/// A plain file, and no more of it than certificates take.
fn read(path: &str) -> std::io::Result<Vec<u8>> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(std::io::ErrorKind::InvalidInput.into());
    }
    let mut pem = Vec::new();
    File::open(path)?.take(LARGEST).read_to_end(&mut pem)?;
    Ok(pem)
}

/// The error where that file holds no certificates.
pub fn no_roots() -> Error {
    Error::new(
        Kind::InvalidParameter,
        "the file of option \"sslrootcert\" contains no certificates in PEM format",
    )
}
