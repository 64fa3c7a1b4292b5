//! Errors of a store, in words of ours. What the other side says may quote keys, signatures and addresses: of it only its code is told.

use crate::error::{Error, Kind};
use object_store::client::{HttpError, HttpErrorKind};
use object_store::path::Path;

/// The error that the caller sees, and the job keeps.
pub fn told(error: &object_store::Error) -> Error {
    if let Some(ours) = sources(error).find_map(|source| source.downcast_ref::<Error>()) {
        return ours.clone();
    }
    let code = code(&error.to_string());
    let because = code.as_deref().map(|code| format!(" ({code})")).unwrap_or_default();
    if let Some(known) = code.as_deref().and_then(by_code) {
        return known;
    }
    if let Some(kind) = http_kind(error) {
        return unreachable(kind, error);
    }
    use object_store::Error as E;
    match error {
        E::NotFound { .. } => {
            Error::new(Kind::UndefinedFile, format!("object does not exist in the object store{because}"))
                .hint("The object or its bucket was removed.")
        }
        E::AlreadyExists { .. } | E::Precondition { .. } => Error::new(
            Kind::DuplicateFile,
            format!("another object with the same key exists in the object store{because}"),
        )
        .hint("The existing object was not changed. Request the export again with acct_export_start."),
        E::PermissionDenied { .. } | E::Unauthenticated { .. } => Error::new(
            Kind::InvalidAuthorization,
            format!("the object store refused the credentials{because}"),
        )
        .hint("See the user mapping of the server, and the rights that its key has on the bucket."),
        _ => Error::new(Kind::FdwError, format!("the object store failed{because}"))
            .hint("See options region and endpoint of the server, or request the export again when the object store is available."),
    }
}

fn unreachable(kind: HttpErrorKind, error: &object_store::Error) -> Error {
    match kind {
        _ if is_about_tls(error) => {
            Error::new(Kind::FdwUnreachable, "the certificate of the object store is not trusted")
                .hint("Set option sslrootcert of the server to a file of further trusted certificates.")
        }
        _ if has_timed_out(error) => {
            Error::new(Kind::FdwUnreachable, "the object store did not answer in time")
                .hint("See options connect_timeout, request_timeout and retry_timeout of the server.")
        }
        HttpErrorKind::Connect => Error::new(Kind::FdwUnreachable, "could not connect to the object store")
            .hint("See option endpoint of the server, and whether the database server can reach it."),
        _ => Error::new(Kind::FdwUnreachable, "the connection to the object store was lost"),
    }
}

/// Errors of S3 by their codes (https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html).
fn by_code(code: &str) -> Option<Error> {
    let denied = |message: &str, hint: &str| Some(Error::new(Kind::InvalidAuthorization, message).hint(hint));
    match code {
        "NoSuchBucket" => Some(
            Error::new(Kind::UndefinedFile, "the bucket does not exist (NoSuchBucket)")
                .hint("See options bucket, region and endpoint of the server."),
        ),
        "RequestTimeTooSkewed" => denied(
            "the clocks of this server and of the object store differ too much (RequestTimeTooSkewed)",
            "Set the clock of the database server.",
        ),
        "InvalidAccessKeyId" | "SignatureDoesNotMatch" | "InvalidToken" | "ExpiredToken" => denied(
            &format!("the object store refused the credentials ({code})"),
            "See the user mapping of the server.",
        ),
        "InvalidRange" => Some(
            Error::new(
                Kind::DataCorrupted,
                "the object in the object store does not have the size of the file (InvalidRange)",
            )
            .hint("Request the export again with acct_export_start."),
        ),
        "NotImplemented" => Some(
            Error::new(Kind::FdwError, "the object store does not support a request (NotImplemented)").hint(
                "It must support conditional writes: PUT and CompleteMultipartUpload with If-None-Match.",
            ),
        ),
        _ => None,
    }
}

/// The code of an error document of S3. Only what looks like one.
fn code(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("<Code>")?;
    let (code, _) = rest.split_once("</Code>")?;
    let plain = (1..=64).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
    plain.then(|| code.to_owned())
}

/// The error where another object has replaced the stored one.
pub fn another(path: &Path) -> object_store::Error {
    object_store::Error::Precondition { path: path.to_string(), source: "another ETag".into() }
}

/// An ETag without what only HTTP puts around it.
pub fn plain(e_tag: &str) -> &str {
    e_tag.trim_start_matches("W/").trim_matches('"')
}

fn http_kind(error: &object_store::Error) -> Option<HttpErrorKind> {
    sources(error).find_map(|source| source.downcast_ref::<HttpError>()).map(HttpError::kind)
}

/// True if an error comes of a certificate, or else of TLS.
pub fn is_about_tls(error: &dyn std::error::Error) -> bool {
    sources(error).any(is_tls)
}

/// Errors of I/O wrap others without naming them as their source.
fn is_tls(error: &(dyn std::error::Error + 'static)) -> bool {
    let wrapped = || error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    error.is::<rustls::Error>() || wrapped().is_some_and(|inner| is_tls(inner))
}

fn has_timed_out(error: &object_store::Error) -> bool {
    sources(error)
        .any(|source| source.downcast_ref::<reqwest::Error>().is_some_and(reqwest::Error::is_timeout))
}

fn sources(error: &dyn std::error::Error) -> impl Iterator<Item = &(dyn std::error::Error + 'static)> {
    let mut next = error.source();
    std::iter::from_fn(move || {
        let source = next?;
        next = source.source();
        Some(source)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generic(text: &str) -> object_store::Error {
        object_store::Error::Generic { store: "S3", source: text.to_owned().into() }
    }

    #[test]
    fn codes_are_told_and_nothing_else() {
        let error = told(&generic(
            "403: <Error><Code>SignatureDoesNotMatch</Code><AWSAccessKeyId>AKIASECRET</AWSAccessKeyId></Error>",
        ));
        assert_eq!(error.sqlstate(), "28000");
        assert!(
            error.message.contains("SignatureDoesNotMatch") && !format!("{error:?}").contains("AKIASECRET")
        );
        let error = told(&generic("500: <Code>In valid <b>x</b></Code> s3cr3t"));
        assert_eq!((error.sqlstate(), error.message.as_str()), ("HV000", "the object store failed"));
    }
}
