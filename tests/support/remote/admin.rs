//! The tests' own way to the S3 server: boto3, in one process of Python for each server, a line of JSON each way.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Mutex;

use serde_json::{json, Value};

use crate::common::python;

pub struct Admin {
    process: Child,
    pipes: Mutex<(ChildStdin, BufReader<ChildStdout>)>,
}

impl Admin {
    pub fn start(endpoint: &str, access_key: &str, secret_key: &str, ca_file: Option<&Path>) -> Self {
        let mut command = Command::new(python::with_packages());
        command.arg("-B").arg(crate::project().join("tests/support/remote/admin.py"));
        // The machine's own settings say nothing about this server.
        for (name, _) in std::env::vars_os() {
            if name
                .to_str()
                .is_some_and(|name| name.starts_with("AWS_") || name.to_lowercase().ends_with("_proxy"))
            {
                command.env_remove(name);
            }
        }
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let pipes = (process.stdin.take().unwrap(), BufReader::new(process.stdout.take().unwrap()));
        let admin = Self { process, pipes: Mutex::new(pipes) };
        admin.ask(json!({ "endpoint": endpoint, "id": access_key, "secret": secret_key, "ca": ca_file }));
        admin
    }

    /// Panics where the server refuses.
    #[track_caller]
    pub fn ask(&self, question: Value) -> Value {
        let mut pipes = self.pipes.lock().unwrap();
        writeln!(pipes.0, "{question}").unwrap();
        let mut line = String::new();
        pipes.1.read_line(&mut line).unwrap();
        let answer: Value = serde_json::from_str(&line).expect("boto3 gave no answer: see its error above");
        assert!(answer.get("failed").is_none(), "{question}: {}", answer["failed"]);
        answer["said"].clone()
    }
}

impl Drop for Admin {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
