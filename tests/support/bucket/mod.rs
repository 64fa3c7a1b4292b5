//! Shared parts of the tests of files in buckets: the application of two tenants, a destination `exports` that its requesters may use, and behind
//! it an S3 server that is reached through a proxy.

mod foreign;
mod noise;
mod object;
mod outcome;

pub use foreign::{destination, mapping, Keys, FAST};
pub use noise::{noise, MIB};
pub use object::{assert_removed, assert_stored, is_gone, key_of, objects, Object};
pub use outcome::{assert_completed, assert_ended, assert_fails, assert_whole, failed};

use std::path::Path;
use std::process::Command;

use postgres::Client;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::asking::{start, status};
use crate::common::{Cluster, TwoTenants};
use crate::remote::{Proxy, S3};

pub struct Bucket {
    pub cluster: &'static Cluster,
    pub app: TwoTenants,
    pub s3: S3,
    /// The proxy at the destination's endpoint.
    pub proxy: Proxy,
}

impl Bucket {
    pub fn new(cluster: &'static Cluster, users: u32) -> Self {
        Self::with(cluster, users, "")
    }

    /// `options`: further ones of the server, `", prefix 'acct'"`.
    pub fn with(cluster: &'static Cluster, users: u32, options: &str) -> Self {
        let app = TwoTenants::with_users(cluster, users);
        let s3 = S3::start();
        let proxy = Proxy::http(&s3.address());
        let endpoint = proxy.endpoint();
        destination(&app, &s3.bucket, &endpoint, options);
        mapping(&app, &Keys { id: &s3.access_key, secret: &s3.secret_key });
        Self { cluster, app, s3, proxy }
    }

    pub fn requester(&self) -> Client {
        self.app.session(&self.app.login, 0)
    }
}

/// Starts an export to the destination; returns its job.
#[track_caller]
pub fn send(client: &mut Client, arguments: &str) -> String {
    start(client, &format!("{arguments}, destination => 'exports'"))
}

/// The same, and waits until it is completed.
#[track_caller]
pub fn sent(client: &mut Client, arguments: &str) -> String {
    let job = send(client, arguments);
    assert_completed(client, &job);
    job
}

/// The status entries of each file.
#[track_caller]
pub fn files(client: &mut Client, job: &str) -> Vec<Value> {
    let files: Value = status(client, job).get("files");
    files.as_array().unwrap().clone()
}

pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A presigned URL of the first file.
#[track_caller]
pub fn url(client: &mut Client, job: &str, more: &str) -> String {
    let sql = format!("SELECT acct_export_url('{job}'{more})");
    client.query_one(&sql, &[]).unwrap_or_else(|e| panic!("{sql}: {e:?}")).get(0)
}

/// The response to curl: the status, 0 where there is no answer, and the body.
pub fn curl(url: &str, more: &[&str], dir: &Path) -> (u16, Vec<u8>) {
    let body = dir.join("curl.body");
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--noproxy", "*", "--max-time", "30", "--write-out", "%{http_code}", "--output"]);
    let output = curl.arg(&body).args(more).arg(url).output().unwrap();
    let status = String::from_utf8(output.stdout).unwrap();
    (status.parse().unwrap(), std::fs::read(body).unwrap_or_default())
}
