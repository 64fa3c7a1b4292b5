//! The fault of a connection, in words of ours: a library's text may quote the request.

use crate::error::{Error, Kind};
use std::error::Error as Cause;
use std::io;

/// HV00N. `server`: what it is, for the message.
pub fn of(error: &(dyn Cause + 'static), server: &str) -> Error {
    let unreachable = |what: String| Error::new(Kind::FdwUnreachable, what);
    match cause(error) {
        Some(Found::Certificate) => unreachable(format!("the certificate of the {server} is not trusted"))
            .hint("Set option sslrootcert of the server to a file of further trusted certificates."),
        Some(Found::Tls) => unreachable(format!("could not establish a TLS connection to the {server}")),
        Some(Found::TimedOut) => unreachable(format!("the {server} did not answer in time")),
        Some(Found::Other(kind)) => unreachable(format!("the connection to the {server} failed: {kind}")),
        None => unreachable(format!("the connection to the {server} failed")),
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Found {
    Certificate,
    Tls,
    TimedOut,
    Other(io::ErrorKind),
}

/// The innermost cause that says something.
fn cause(error: &(dyn Cause + 'static)) -> Option<Found> {
    let deeper = match error.downcast_ref::<io::Error>() {
        // Its source is that of what it wraps.
        Some(wrapper) => wrapper.get_ref().map(|inner| inner as &(dyn Cause + 'static)),
        None => error.source(),
    };
    if let Some(found) = deeper.and_then(cause) {
        return Some(found);
    }
    if let Some(error) = error.downcast_ref::<rustls::Error>() {
        let certificate = matches!(error, rustls::Error::InvalidCertificate(_));
        return Some(if certificate { Found::Certificate } else { Found::Tls });
    }
    error.downcast_ref::<io::Error>().map(|error| match error.kind() {
        // The error that a socket's own time limit gives.
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => Found::TimedOut,
        kind => Found::Other(kind),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_found_where_libraries_hide_them() {
        let bad = || rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
        let wrapped = io::Error::new(io::ErrorKind::InvalidData, bad());
        assert_eq!(cause(&wrapped), Some(Found::Certificate));
        assert_eq!(cause(&io::Error::other(wrapped)), Some(Found::Certificate));
        assert_eq!(cause(&rustls::Error::DecryptError), Some(Found::Tls));
        assert_eq!(cause(&io::Error::from(io::ErrorKind::WouldBlock)), Some(Found::TimedOut));
        let secret = io::Error::new(io::ErrorKind::ConnectionRefused, "to s3cr3t@example.com");
        let told = of(&secret, "mail server");
        assert_eq!(told.message, "the connection to the mail server failed: connection refused");
        assert!(of(&bad(), "mail server").hint.is_some());
    }
}
