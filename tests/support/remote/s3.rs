//! An S3 server that checks what it is asked for: signatures of requests and of presigned URLs, their age by its own
//! clock, conditions. It keeps its objects in a directory that is gone with it.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{json, Value};

use super::admin::Admin;
use super::certificate::Certificate;
use super::served::Served;
use super::{free_port, place};

pub struct S3 {
    pub bucket: String,
    pub region: String,
    pub access_key: String,
    pub secret_key: String,
    endpoint: String,
    ca_file: Option<PathBuf>,
    admin: Admin,
    // Dropped last: the administrator talks to it.
    served: Served,
}

/// The answer of HEAD about an object.
#[derive(Debug, Clone, PartialEq)]
pub struct Head {
    pub size: u64,
    /// With its quotes.
    pub e_tag: String,
    /// Every header of the answer, by its name in lower case.
    headers: Value,
}

impl Head {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers[name].as_str()
    }
}

impl S3 {
    /// Speaks HTTP, and has one bucket, which is empty.
    pub fn start() -> Self {
        Self::with(false)
    }

    /// Speaks HTTPS, with a certificate by [`S3::ca_file`].
    pub fn start_tls() -> Self {
        Self::with(true)
    }

    fn with(tls: bool) -> Self {
        let mut served = Served::reserve("s3");
        let port = free_port();
        let (objects, clock) = (served.dir.join("objects"), served.dir.join("clock"));
        fs::create_dir(&objects).unwrap();
        fs::write(&clock, "+0").unwrap();
        // As long as those of AWS. Nothing else that may be found in a log looks like them.
        let (access_key, secret_key) = ("AKIAHARNESS000000001", "harness+secret/0123456789abcdefghijklmno");
        let faketime = super::smtp::library("faketime/libfaketime.so.1");
        let mut command = vec![
            "env".to_owned(),
            format!("S3_SECRET_KEY={secret_key}"),
            format!("LD_PRELOAD={}", faketime.display()),
            format!("FAKETIME_TIMESTAMP_FILE={}", clock.display()),
            "FAKETIME_NO_CACHE=1".to_owned(),
            "FAKETIME_DONT_FAKE_MONOTONIC=1".to_owned(),
            place().join("bin/s3-server").display().to_string(),
            format!("127.0.0.1:{port}"),
            objects.display().to_string(),
            access_key.to_owned(),
        ];
        let certificate = tls.then(|| Certificate::make(&served.dir));
        if let Some(made) = &certificate {
            command.extend([&made.chain, &made.key].map(|file| file.display().to_string()));
        }
        served.start(command, &[port]);
        let endpoint = format!("{}://127.0.0.1:{port}", if tls { "https" } else { "http" });
        let ca_file = certificate.map(|made| made.authority);
        let admin = Admin::start(&endpoint, access_key, secret_key, ca_file.as_deref());
        let s3 = Self {
            bucket: "exports".to_owned(),
            region: "eu-central-1".to_owned(),
            access_key: access_key.to_owned(),
            secret_key: secret_key.to_owned(),
            endpoint,
            ca_file,
            admin,
            served,
        };
        s3.make_bucket(&s3.bucket);
        s3
    }

    /// Scheme, address and port.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// `127.0.0.1:port`, for a proxy.
    pub fn address(&self) -> String {
        self.endpoint.rsplit('/').next().unwrap().to_owned()
    }

    /// The authority to trust, of a server that speaks TLS.
    pub fn ca_file(&self) -> &Path {
        self.ca_file.as_deref().expect("this server does not speak TLS")
    }

    /// Puts the server's clock this many seconds ahead, or behind, of everybody else's.
    pub fn shift_clock(&self, seconds: i64) {
        let file = self.served.dir.join("clock");
        fs::write(file.with_extension("new"), format!("{seconds:+}")).unwrap();
        fs::rename(file.with_extension("new"), file).unwrap();
    }

    pub fn stop(&self) {
        self.served.stop();
    }

    pub fn start_again(&self) {
        self.served.start_again();
    }

    pub fn make_bucket(&self, name: &str) {
        self.admin.ask(json!({ "do": "make_bucket", "bucket": name }));
    }

    /// With all that is in it.
    pub fn drop_bucket(&self, name: &str) {
        self.admin.ask(json!({ "do": "drop_bucket", "bucket": name }));
    }

    /// The keys of the bucket's objects, in order.
    pub fn keys(&self) -> Vec<String> {
        let keys = self.admin.ask(json!({ "do": "keys", "bucket": self.bucket }));
        serde_json::from_value(keys).unwrap()
    }

    /// Key and id of each multipart upload that is in progress.
    pub fn uploads(&self) -> Vec<(String, String)> {
        let uploads = self.admin.ask(json!({ "do": "uploads", "bucket": self.bucket }));
        serde_json::from_value(uploads).unwrap()
    }

    pub fn put(&self, key: &str, bytes: &[u8]) {
        let file = self.served.dir.join("put");
        fs::write(&file, bytes).unwrap();
        self.admin.ask(json!({ "do": "put", "bucket": self.bucket, "key": key, "file": file }));
    }

    pub fn get(&self, key: &str) -> Vec<u8> {
        let file = self.served.dir.join("got");
        self.admin.ask(json!({ "do": "get", "bucket": self.bucket, "key": key, "file": file }));
        fs::read(file).unwrap()
    }

    pub fn delete(&self, key: &str) {
        self.admin.ask(json!({ "do": "delete", "bucket": self.bucket, "key": key }));
    }

    /// Nothing where there is no such object.
    pub fn head(&self, key: &str) -> Option<Head> {
        let said = self.admin.ask(json!({ "do": "head", "bucket": self.bucket, "key": key }));
        let headers = said.get("headers")?.clone();
        let of = |name: &str| headers[name].as_str().unwrap().to_owned();
        Some(Head { size: of("content-length").parse().unwrap(), e_tag: of("etag"), headers })
    }

    /// Begins a multipart upload that nobody completes, with one part of `bytes`; returns its id.
    pub fn begin_upload(&self, key: &str, bytes: &[u8]) -> String {
        let file = self.served.dir.join("put");
        fs::write(&file, bytes).unwrap();
        let asked = json!({ "do": "begin", "bucket": self.bucket, "key": key, "file": file });
        self.admin.ask(asked).as_str().unwrap().to_owned()
    }

    /// A call of boto3's client by its name, for what has no function here: its answer, or `Err` of status and code.
    pub fn call(&self, name: &str, arguments: Value) -> Result<Value, (u16, String)> {
        self.call_as(&self.access_key, &self.secret_key, name, arguments)
    }

    /// The same with other credentials. `Body` is taken as text.
    pub fn call_as(
        &self,
        id: &str,
        secret: &str,
        name: &str,
        arguments: Value,
    ) -> Result<Value, (u16, String)> {
        let said = self
            .admin
            .ask(json!({ "do": "call", "id": id, "secret": secret, "name": name, "arguments": arguments }));
        match said.get("error") {
            Some(error) => {
                let status = error["status"].as_u64().unwrap() as u16;
                Err((status, error["code"].as_str().unwrap().to_owned()))
            }
            None => Ok(said["answer"].clone()),
        }
    }

    /// A presigned URL by boto3, that is, by none of the code under test.
    pub fn presign(&self, secret: &str, name: &str, arguments: Value, seconds: u32) -> String {
        let asked = json!({ "do": "presign", "secret": secret, "name": name, "arguments": arguments, "seconds": seconds });
        self.admin.ask(asked).as_str().unwrap().to_owned()
    }
}
