//! A certificate for loopback, signed by an authority that nobody knows unless told.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::common::done;

/// PEM files. That of the authority can be read by everybody, the key by its owner.
pub struct Certificate {
    pub authority: PathBuf,
    pub chain: PathBuf,
    pub key: PathBuf,
}

impl Certificate {
    /// Made in `dir` by openssl, for 127.0.0.1 and localhost.
    pub fn make(dir: &Path) -> Self {
        let [authority, authority_key, chain, key, request, about] =
            ["ca.pem", "ca.key", "server.pem", "server.key", "server.csr", "server.txt"]
                .map(|name| dir.join(name));
        let new = ["req", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"];
        let mut first = Command::new("openssl");
        first.args(new).args(["-x509", "-days", "30", "-subj", "/CN=authority of the tests"]);
        first.args(["-addext", "keyUsage=critical,keyCertSign"]);
        done(first.arg("-keyout").arg(&authority_key).arg("-out").arg(&authority));
        let mut second = Command::new("openssl");
        second.args(new).args(["-subj", "/CN=localhost"]);
        done(second.arg("-keyout").arg(&key).arg("-out").arg(&request));
        let names = "subjectAltName=IP:127.0.0.1,DNS:localhost";
        fs::write(&about, format!("{names}\nbasicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\n"))
            .unwrap();
        let mut third = Command::new("openssl");
        third.args(["x509", "-req", "-days", "30", "-CAcreateserial", "-in"]).arg(&request);
        third.arg("-CA").arg(&authority).arg("-CAkey").arg(&authority_key).arg("-extfile").arg(&about);
        done(third.arg("-out").arg(&chain));
        Self { authority, chain, key }
    }
}
