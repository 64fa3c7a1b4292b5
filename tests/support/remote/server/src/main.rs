//! An S3 server for the tests: s3s reads the requests and checks their signatures, s3s-fs keeps the objects as files;
//! [`store`] adds what s3s-fs does not have.
//!
//! s3-server ADDRESS DIRECTORY ACCESS-KEY [CERTIFICATE KEY], the secret key comes by S3_SECRET_KEY. With a certificate
//! and its key, both PEM, it speaks TLS. It runs until it is killed.

mod disk;
mod part;
mod store;

use std::error::Error;
use std::sync::Arc;

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::auth::{S3Auth, SecretKey};
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{S3Result, s3_error};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, root, access_key, tls @ ..] = arguments.as_slice() else {
        return Err("usage: s3-server ADDRESS DIRECTORY ACCESS-KEY [CERTIFICATE KEY]".into());
    };
    let acceptor = match tls {
        [certificate, key] => Some(acceptor(certificate, key)?),
        _ => None,
    };
    let mut service = S3ServiceBuilder::new(store::Store::new(root)?);
    service.set_auth(Owner {
        access_key: access_key.clone(),
        secret_key: std::env::var("S3_SECRET_KEY")?.into(),
    });
    let service = service.build();

    let listener = TcpListener::bind(address.as_str()).await?;
    loop {
        let Ok((socket, _)) = listener.accept().await else { continue };
        let _ = socket.set_nodelay(true);
        let (service, acceptor) = (service.clone(), acceptor.clone());
        tokio::spawn(async move {
            match acceptor {
                None => serve(socket, service).await,
                Some(acceptor) => {
                    if let Ok(socket) = acceptor.accept(socket).await {
                        serve(socket, service).await;
                    }
                }
            }
        });
    }
}

/// The one account that there is.
struct Owner {
    access_key: String,
    secret_key: SecretKey,
}

#[async_trait::async_trait]
impl S3Auth for Owner {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        if access_key == self.access_key {
            Ok(self.secret_key.clone())
        } else {
            Err(s3_error!(InvalidAccessKeyId))
        }
    }
}

async fn serve(socket: impl AsyncRead + AsyncWrite + Unpin + 'static, service: S3Service) {
    let server = Builder::new(TokioExecutor::new()).http1_only();
    let _ = server.serve_connection(TokioIo::new(socket), service).await;
}

fn acceptor(certificate: &str, key: &str) -> Result<TlsAcceptor> {
    let chain = CertificateDer::pem_file_iter(certificate)?.collect::<std::result::Result<Vec<_>, _>>()?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, PrivateKeyDer::from_pem_file(key)?)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}
