//! Buckets of Google Cloud Storage.

use super::client::Connector;
use super::errors;
use super::open::{lending, Opened};
use crate::error::Result;
use crate::foreign_server::{Secrets, Server};
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::RetryConfig;
use std::sync::Arc;

const GOOGLE: &str = "https://storage.googleapis.com";

pub fn open(
    server: &Server,
    bucket: &str,
    secrets: Option<&Secrets>,
    connector: &Connector,
    retries: &RetryConfig,
) -> Result<Opened> {
    let mut builder = match secrets {
        None => GoogleCloudStorageBuilder::from_env(),
        Some(secrets) => GoogleCloudStorageBuilder::new()
            .with_service_account_key(secrets.get("service_account_key").unwrap_or_default()),
    };
    // Always: a key file may name an address too, and it is not the key's to say where the server connects to.
    builder = builder.with_base_url(server.option("endpoint").unwrap_or(GOOGLE).trim_end_matches('/'));
    let store = builder
        .with_bucket_name(bucket)
        .with_retry(retries.clone())
        .with_http_connector(connector.clone())
        .build()
        .map_err(|error| errors::told(&error))?;
    let store = Arc::new(store);
    let lent = secrets.is_none().then(|| lending(store.credentials()));
    Ok(Opened { store: store.clone(), public: store, lent })
}
