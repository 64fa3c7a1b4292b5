//! The transport of a store's requests: by reqwest, with two things more than object_store's own way has. The bodies on their way are
//! counted, and uploads in parts come to their end only where no object of this key is there already.

use super::errors;
use crate::error::{Error, Kind, Result};
use crate::foreign_server::{Server, Wrapper};
use crate::network::tls;
use async_trait::async_trait;
use bytes::Bytes;
use http::header::IF_NONE_MATCH;
use http::{HeaderValue, Method};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Limited};
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpRequestBody, HttpResponse,
    HttpResponseBody, HttpService,
};
use object_store::ClientOptions;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

/// More than any answer that is wanted: 8 MiB of a file are asked for at a time, and lists are shorter.
const LARGEST_ANSWER: usize = 16 * 1024 * 1024;

/// Bytes of bodies that are on their way at this moment.
pub type Meter = Arc<AtomicU64>;

/// A client with the time limits of a server's options, which trusts `roots` (PEM, or nothing) beside the system's certificates.
pub fn client(server: &Server, roots: &[u8]) -> Result<reqwest::Client> {
    let certificates = reqwest::Certificate::from_pem_bundle(roots).map_err(|_| tls::no_roots())?;
    if certificates.is_empty() && !roots.is_empty() {
        return Err(tls::no_roots());
    }
    let seconds = |name, default| Duration::from_secs(server.number(name, default).into());
    let builder = reqwest::Client::builder()
        .connect_timeout(seconds("connect_timeout", 10))
        .timeout(seconds("request_timeout", 300))
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("pg_acctexport/", env!("CARGO_PKG_VERSION")));
    let builder = if certificates.is_empty() { builder } else { builder.tls_certs_merge(certificates) };
    builder.build().map_err(|_| {
        Error::new(Kind::FdwError, "could not set up TLS: the system has no trusted certificates")
            .hint("Install them (package ca-certificates), or set option sslrootcert of the server to a file of certificates.")
    })
}

/// Gives object_store the client.
#[derive(Debug, Clone)]
pub struct Connector {
    pub client: reqwest::Client,
    pub meter: Meter,
    pub wrapper: Wrapper,
    /// The number of multipart uploads started. Only the last upload ID reached the caller.
    pub begun: Arc<AtomicU64>,
}

impl HttpConnector for Connector {
    fn connect(&self, _options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(Service(self.clone())))
    }
}

#[derive(Debug)]
struct Service(Connector);

#[async_trait]
impl HttpService for Service {
    async fn call(&self, request: HttpRequest) -> std::result::Result<HttpResponse, HttpError> {
        let completes = self.0.wrapper == Wrapper::S3 && is_completion(&request);
        if is_beginning(&request) {
            self.0.begun.fetch_add(1, Ordering::Relaxed);
        }
        let (parts, body) = request.into_parts();
        let url = parts
            .uri
            .to_string()
            .parse()
            .map_err(|error| HttpError::new(HttpErrorKind::Unknown, BadUrl(error)))?;
        let mut request = reqwest::Request::new(parts.method, url);
        *request.headers_mut() = parts.headers;
        if completes {
            // It needs no signature (https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html). Google's uploads
            // in parts know no conditions (https://cloud.google.com/storage/docs/multipart-uploads), and Azure signs all of them.
            request.headers_mut().insert(IF_NONE_MATCH, HeaderValue::from_static("*"));
        }
        if body.content_length() > 0 {
            *request.body_mut() =
                Some(reqwest::Body::wrap(Counted { body, counted: 0, meter: self.0.meter.clone() }));
        }
        let answer: http::Response<reqwest::Body> =
            self.0.client.execute(request).await.map_err(failed)?.into();
        let (parts, body) = answer.into_parts();
        Ok(HttpResponse::from_parts(parts, HttpResponseBody::new(bounded(body))))
    }
}

/// A body that ends with an error where it is larger than any answer has to be.
fn bounded(body: reqwest::Body) -> impl Body<Data = Bytes, Error = HttpError> {
    Limited::new(body, LARGEST_ANSWER).map_err(|error| match error.downcast::<reqwest::Error>() {
        Ok(error) => failed(*error),
        Err(error) => HttpError::new_boxed(HttpErrorKind::Decode, error),
    })
}

/// The text of an answer.
pub async fn text(answer: reqwest::Response) -> std::result::Result<String, HttpError> {
    let answer: http::Response<reqwest::Body> = answer.into();
    let bytes = bounded(answer.into_body()).collect().await?.to_bytes();
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[derive(Debug)]
struct BadUrl(url::ParseError);

impl std::fmt::Display for BadUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "no URL: {}", self.0)
    }
}

impl std::error::Error for BadUrl {}

/// Every request may be sent again: what was stored already is recognised (store/upload.rs).
pub fn failed(error: reqwest::Error) -> HttpError {
    let kind = match &error {
        // A certificate is as bad the next time.
        error if errors::is_about_tls(error) => HttpErrorKind::Unknown,
        error if error.is_connect() => HttpErrorKind::Connect,
        _ => HttpErrorKind::Request,
    };
    HttpError::new(kind, error.without_url())
}

fn is_beginning(request: &HttpRequest) -> bool {
    let query = request.uri().query().unwrap_or_default();
    request.method() == Method::POST && query.split('&').any(|pair| matches!(pair, "uploads" | "uploads="))
}

fn is_completion(request: &HttpRequest) -> bool {
    let query = request.uri().query().unwrap_or_default();
    request.method() == Method::POST && query.split('&').any(|pair| pair.starts_with("uploadId="))
}

/// A body that counts on the meter for as long as it is on its way.
struct Counted {
    body: HttpRequestBody,
    counted: u64,
    meter: Meter,
}

impl Body for Counted {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<std::result::Result<Frame<Bytes>, HttpError>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        if let Poll::Ready(Some(Ok(frame))) = &polled {
            let bytes = frame.data_ref().map_or(0, |data| data.len() as u64);
            self.counted += bytes;
            self.meter.fetch_add(bytes, Ordering::Relaxed);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.meter.fetch_sub(self.counted, Ordering::Relaxed);
    }
}
