//! Buckets of S3, and of servers that speak its protocol.

use super::client::Connector;
use super::errors;
use super::open::{lending, Opened};
use crate::error::Result;
use crate::foreign_server::{Secrets, Server};
use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey};
use object_store::RetryConfig;
use std::sync::Arc;

pub fn open(
    server: &Server,
    bucket: &str,
    secrets: Option<&Secrets>,
    connector: &Connector,
    retries: &RetryConfig,
) -> Result<Opened> {
    let build = |endpoint: Option<&str>| -> Result<AmazonS3> {
        builder(server, bucket, secrets, endpoint)
            .with_retry(retries.clone())
            .with_http_connector(connector.clone())
            .build()
            .map_err(|error| errors::told(&error))
    };
    let store = Arc::new(build(server.option("endpoint"))?);
    let lent = secrets.is_none().then(|| lending(store.credentials()));
    let public = match server.option("public_endpoint") {
        Some(endpoint) => Arc::new(build(Some(endpoint))?),
        None => store.clone(),
    };
    Ok(Opened { store, public, lent })
}

fn builder(
    server: &Server,
    bucket: &str,
    secrets: Option<&Secrets>,
    endpoint: Option<&str>,
) -> AmazonS3Builder {
    let mut builder = match secrets {
        None => AmazonS3Builder::from_env(),
        Some(secrets) => {
            let given = |name| secrets.get(name).unwrap_or_default();
            let builder = AmazonS3Builder::new()
                .with_access_key_id(given("access_key_id"))
                .with_secret_access_key(given("secret_access_key"));
            match secrets.get("session_token") {
                Some(token) => builder.with_token(token),
                None => builder,
            }
        }
    };
    let option = |name| server.option(name);
    if let Some(region) = option("region") {
        builder = builder.with_region(region);
    }
    if let Some(endpoint) = endpoint {
        builder = builder
            .with_endpoint(endpoint.trim_end_matches('/'))
            .with_allow_http(endpoint.starts_with("http://"));
    }
    // AWS has a name for each bucket; other servers most often have not.
    let path_style = server.flag("path_style").unwrap_or(endpoint.is_some());
    builder = builder
        .with_bucket_name(bucket)
        .with_virtual_hosted_style_request(!path_style)
        // Not all servers know it, and objects are removed one by one.
        .with_disable_bulk_delete(true);
    for (name, key) in [("sse", "aws_server_side_encryption"), ("sse_kms_key_id", "aws_sse_kms_key_id")] {
        if let (Some(value), Ok(key)) = (option(name), key.parse::<AmazonS3ConfigKey>()) {
            builder = builder.with_config(key, value);
        }
    }
    builder
}
