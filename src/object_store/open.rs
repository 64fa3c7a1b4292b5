//! A store from a foreign server and its user mapping.

use super::client::{self, Connector, Meter};
use super::thread::Thread;
use super::upload::bad_key;
use super::{azure, errors, gcs, s3, Shared};
use crate::error::{Error, Kind, Result};
use crate::foreign_server::{self, Secrets, Server, Wrapper};
use crate::network::tls;
use crate::pg::wait;
use futures_util::future::BoxFuture;
use object_store::path::Path;
use object_store::CredentialProvider;
use object_store::{BackoffConfig, GetOptions, GetRange, RetryConfig};
use std::sync::atomic::Ordering;
use std::sync::Arc;
use std::time::Duration;

/// The longest time for the environment to lend credentials.
const LENDING: Duration = Duration::from_secs(15);

/// True if the environment has credentials to lend.
pub type Lent = Box<dyn Fn() -> BoxFuture<'static, bool>>;

pub fn lending<T: 'static>(credentials: &Arc<dyn CredentialProvider<Credential = T>>) -> Lent {
    let credentials = credentials.clone();
    Box::new(move || {
        let credentials = credentials.clone();
        Box::pin(async move { credentials.get_credential().await.is_ok() })
    })
}

/// A store of some provider.
pub struct Opened {
    pub store: Shared,
    /// The same, reached as those reach it who are given a URL.
    pub public: Shared,
    /// The credentials of the environment, where there is no user mapping.
    pub lent: Option<Lent>,
}

/// An open store. Opening connects to nothing.
pub struct Store {
    opened: Opened,
    thread: Thread,
    storage_class: Option<String>,
    /// User mapping that the credentials are of; 0: the environment's.
    mapping: u32,
    connector: Connector,
}

impl Store {
    /// The bucket of a server, or another one in which an object lies from before it was changed; with the credentials of a role;
    /// `stored_with`: those that an object was stored with, if they are still there.
    ///
    /// Errors: 42501 where there is no user mapping for the role and none for PUBLIC, and the server is no superuser's, who may lend it
    /// what the environment has; 58P01 for a file of certificates that cannot be read.
    pub fn open(server: &Server, bucket: Option<&str>, role: u32, stored_with: Option<u32>) -> Result<Store> {
        tls::ready();
        let roots = server.option("sslrootcert").map(tls::roots).transpose()?.unwrap_or_default();
        let connector = Connector {
            client: client::client(server, &roots)?,
            meter: Meter::default(),
            wrapper: server.wrapper,
            begun: Arc::default(),
        };
        let bucket = bucket.unwrap_or(server.bucket());
        let (secrets, retries) = (secrets(server, role, stored_with)?, retries(server));
        let open = match server.wrapper {
            Wrapper::S3 => s3::open,
            Wrapper::Gcs => gcs::open,
            Wrapper::Azure => azure::open,
            Wrapper::Smtp | Wrapper::Webhook => {
                return Err(Error::new(Kind::Internal, "a server that takes no files was opened"))
            }
        };
        Ok(Store {
            opened: open(server, bucket, secrets.as_ref(), &connector, &retries)?,
            mapping: secrets.as_ref().map_or(0, |secrets| secrets.mapping),
            thread: Thread::start()?,
            storage_class: server.option("storage_class").map(str::to_owned),
            connector,
        })
    }

    pub fn mapping(&self) -> u32 {
        self.mapping
    }

    /// Bytes of the object whose ETag this is, from `from`. 58P02 where the object is another one by now.
    pub fn read(&self, key: &str, e_tag: &str, from: u64, length: u64) -> Result<Vec<u8>> {
        self.has_credentials(&mut wait::interrupted)?;
        let path = Path::parse(key).map_err(|_| bad_key())?;
        let (store, wanted) = (self.shared(), e_tag.to_owned());
        let range = (length > 0).then(|| GetRange::Bounded(from..from + length));
        let bytes = self.thread.ask(
            async move {
                let options = GetOptions { range, if_match: Some(wanted.clone()), ..GetOptions::default() };
                let found = store.get_opts(&path, options).await?;
                // Not all servers know the condition when an object is read.
                if found.meta.e_tag.as_deref().map(errors::plain) != Some(errors::plain(&wanted)) {
                    return Err(errors::another(&path));
                }
                found.bytes().await
            },
            &mut wait::interrupted,
        )?;
        Ok(bytes.into())
    }

    /// A URL by which whoever has it may download the object for some time.
    pub fn url(&self, key: &str, valid_for: Duration) -> Result<String> {
        self.has_credentials(&mut wait::interrupted)?;
        let path = Path::parse(key).map_err(|_| bad_key())?;
        let store = self.opened.public.clone();
        let url = self.thread.ask(
            async move { store.signed_url(http::Method::GET, &path, valid_for).await },
            &mut wait::interrupted,
        )?;
        Ok(url.into())
    }

    /// 28000 where the environment was to lend credentials and has none.
    pub(super) fn has_credentials(&self, watch: &mut dyn FnMut() -> Result<()>) -> Result<()> {
        let Some(lent) = self.opened.lent.as_ref().map(|lent| lent()) else { return Ok(()) };
        let found = async move { Ok(tokio::time::timeout(LENDING, lent).await.unwrap_or(false)) };
        if self.thread.ask(found, watch)? {
            return Ok(());
        }
        Err(Error::new(
            Kind::InvalidAuthorization,
            "no credentials for the object store: no user mapping exists, and the environment of the server has none",
        )
        .hint("CREATE USER MAPPING FOR PUBLIC SERVER ... OPTIONS (...)."))
    }

    /// For the one request that object_store does not make.
    pub(super) fn client(&self) -> reqwest::Client {
        self.connector.client.clone()
    }

    /// True if uploads may have been begun twice, since this was last asked.
    pub(super) fn has_lost_uploads(&self) -> bool {
        self.connector.begun.swap(0, Ordering::Relaxed) > 1
    }

    pub(super) fn meter(&self) -> Meter {
        self.connector.meter.clone()
    }

    pub(super) fn shared(&self) -> Shared {
        self.opened.store.clone()
    }

    pub(super) fn thread(&self) -> &Thread {
        &self.thread
    }

    pub(super) fn wrapper(&self) -> Wrapper {
        self.connector.wrapper
    }

    pub(super) fn storage_class(&self) -> Option<&str> {
        self.storage_class.as_deref()
    }
}

/// The role's credentials. None: the environment's, or those of the instance's role, which a superuser's server may use.
fn secrets(server: &Server, role: u32, stored_with: Option<u32>) -> Result<Option<Secrets>> {
    let known = match stored_with {
        Some(0) if server.is_superusers => return Ok(None),
        Some(mapping) => foreign_server::credentials_of(server, mapping)?,
        None => None,
    };
    let secrets = match known {
        Some(known) => Some(known),
        None => foreign_server::credentials(server, role)?,
    };
    if secrets.is_none() && !server.is_superusers {
        return Err(Error::denied(format!("server \"{}\" has no user mapping", server.name)).hint(
            "CREATE USER MAPPING FOR PUBLIC SERVER ...; only a server that a superuser owns may use the credentials of the environment.",
        ));
    }
    Ok(secrets)
}

fn retries(server: &Server) -> RetryConfig {
    let limit = Duration::from_secs(server.number("retry_timeout", 180).into());
    let backoff =
        BackoffConfig { max_backoff: Duration::from_secs(15).min(limit), ..BackoffConfig::default() };
    RetryConfig { backoff, max_retries: 100, retry_timeout: limit }
}
