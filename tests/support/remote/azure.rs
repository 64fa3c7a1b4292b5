//! Azurite, the emulator of Azure Blob Storage, which checks signatures. It comes from npm; where that is not to be had there is none.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::free_port;
use super::served::Served;
use crate::common::{done, python};

const PACKAGE: &str = "azurite@3.35.0";

pub struct Azure {
    pub account: String,
    pub container: String,
    pub key: String,
    endpoint: String,
    _served: Served,
}

impl Azure {
    /// With one container, which is empty. None: this machine has no npm.
    pub fn start() -> Option<Self> {
        let program = program()?;
        let mut served = Served::reserve("azure");
        let port = free_port();
        let command = [
            "node".to_owned(),
            program.display().to_string(),
            "--silent".to_owned(),
            "--disableTelemetry".to_owned(),
            "--skipApiVersionCheck".to_owned(),
            "--location".to_owned(),
            served.dir.display().to_string(),
            "--blobPort".to_owned(),
            port.to_string(),
        ];
        served.start(command.to_vec(), &[port]);
        // Its own account, known to everybody.
        let key = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";
        let azure = Self {
            account: "devstoreaccount1".to_owned(),
            container: "exports".to_owned(),
            key: key.to_owned(),
            endpoint: format!("http://127.0.0.1:{port}/devstoreaccount1"),
            _served: served,
        };
        azure.make_container(&azure.container);
        Some(azure)
    }

    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    fn make_container(&self, name: &str) {
        let mut make = Command::new(python::with_packages());
        make.arg("-B").arg(crate::project().join("tests/support/remote/azure.py"));
        done(make.args([&self.endpoint, &self.account, &self.key, name]));
    }
}

/// Its main module, below target/, where it stays from run to run.
fn program() -> Option<PathBuf> {
    let there = |name| {
        Command::new(name)
            .arg("--version")
            .stdout(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    };
    if !there("npm") || !there("node") {
        return None;
    }
    let home = crate::scratch().join("azurite");
    fs::create_dir_all(&home).unwrap();
    let lock = File::create(home.join("lock")).unwrap();
    lock.lock().unwrap();
    let (program, mark) =
        (home.join("node_modules/azurite/dist/src/blob/main.js"), home.join("installed.txt"));
    if !fs::read_to_string(&mark).is_ok_and(|made| made == PACKAGE) {
        let mut npm = Command::new("npm");
        npm.args(["install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix"]);
        done(npm.arg(&home).arg(PACKAGE).stdin(Stdio::null()));
        fs::write(&mark, PACKAGE).unwrap();
    }
    Some(program)
}
