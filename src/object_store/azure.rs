//! Containers of Azure Blob Storage.

use super::client::Connector;
use super::errors;
use super::open::{lending, Opened};
use crate::error::Result;
use crate::foreign_server::{Secrets, Server};
use object_store::azure::MicrosoftAzureBuilder;
use object_store::RetryConfig;
use std::sync::Arc;

pub fn open(
    server: &Server,
    container: &str,
    secrets: Option<&Secrets>,
    connector: &Connector,
    retries: &RetryConfig,
) -> Result<Opened> {
    let mut builder = match secrets {
        None => MicrosoftAzureBuilder::from_env(),
        Some(secrets) => match secrets.get("account_key") {
            Some(key) => MicrosoftAzureBuilder::new().with_access_key(key),
            None => {
                let given = |name| secrets.get(name).unwrap_or_default();
                MicrosoftAzureBuilder::new().with_client_secret_authorization(
                    given("client_id"),
                    given("client_secret"),
                    given("tenant_id"),
                )
            }
        },
    };
    if let Some(endpoint) = server.option("endpoint") {
        builder = builder
            .with_endpoint(endpoint.trim_end_matches('/').to_owned())
            .with_allow_http(endpoint.starts_with("http://"));
    }
    let store = builder
        .with_account(server.option("account").unwrap_or_default())
        .with_container_name(container)
        .with_retry(retries.clone())
        .with_http_connector(connector.clone())
        .build()
        .map_err(|error| errors::told(&error))?;
    let store = Arc::new(store);
    let lent = secrets.is_none().then(|| lending(store.credentials()));
    Ok(Opened { store: store.clone(), public: store, lent })
}
