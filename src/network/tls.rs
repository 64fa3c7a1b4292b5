//! What all TLS connections share.

use crate::error::{Error, Kind, Result};

/// Has rustls use ring. To be called before the first connection.
pub fn ready() {
    // Another call was first.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// The file of option `sslrootcert`: certificates in PEM, which are trusted beside the system's.
pub fn roots(path: &str) -> Result<Vec<u8>> {
    let pem = std::fs::read(path).map_err(|error| {
        Error::new(
            Kind::UndefinedFile,
            format!("the file of option \"sslrootcert\" cannot be read: {}", error.kind()),
        )
        .hint("The account that runs PostgreSQL reads it.")
    })?;
    Ok(pem)
}

/// Where that file holds no certificates.
pub fn no_roots() -> Error {
    Error::new(Kind::InvalidParameter, "the file of option \"sslrootcert\" holds no certificates in PEM")
}
