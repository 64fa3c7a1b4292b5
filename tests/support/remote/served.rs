//! A process that serves, with a directory of its own. As with the clusters, a shell at the other end of a pipe ends it
//! and removes the directory when this program is done with it, or dies in whatever way.

use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;

use crate::common::{unique, wait_until};

pub struct Served {
    pub dir: PathBuf,
    command: Vec<String>,
    ports: Vec<u16>,
    watchdog: Mutex<Option<Child>>,
}

impl Served {
    /// A directory, and nothing that runs.
    pub fn reserve(name: &str) -> Self {
        let name = unique(&format!("{name}-{}", std::process::id()));
        let dir = super::place().join(name);
        // An existing directory belongs to a program that had the same number and was killed together with its watchdog.
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir(&dir).unwrap();
        Self { dir, command: Vec::new(), ports: Vec::new(), watchdog: Mutex::new(None) }
    }

    /// Runs `command` and waits until it listens at all the ports.
    pub fn start(&mut self, command: Vec<String>, ports: &[u16]) {
        (self.command, self.ports) = (command, ports.to_vec());
        self.start_again();
    }

    pub fn start_again(&self) {
        const SCRIPT: &str = r#"
            dir=$1; shift
            "$@" >>"$dir/log" 2>&1 </dev/null &
            read -r word
            kill "$!" 2>/dev/null
            wait "$!"
            [ "$word" = stop ] || rm -rf "$dir"
        "#;
        let mut watchdog = self.watchdog.lock().unwrap();
        assert!(watchdog.is_none(), "it runs already");
        let mut shell = Command::new("sh");
        shell.args(["-c", SCRIPT, "watchdog"]).arg(&self.dir).args(&self.command).current_dir("/");
        shell.process_group(0).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        *watchdog = Some(shell.spawn().unwrap());
        drop(watchdog);
        wait_until(super::LIMIT, &format!("{} listens", self.command[0]), || {
            self.ports.iter().all(|port| TcpStream::connect(("127.0.0.1", *port)).is_ok())
        });
    }

    /// Ends the process; its directory stays, and [`Served::start_again`] has it listen at the same ports.
    pub fn stop(&self) {
        self.end("stop\n");
        wait_until(super::LIMIT, "nothing listens any more", || {
            self.ports.iter().all(|port| TcpStream::connect(("127.0.0.1", *port)).is_err())
        });
    }

    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.dir.join("log")).unwrap_or_default()).into_owned()
    }

    fn end(&self, word: &str) {
        if let Some(mut watchdog) = self.watchdog.lock().unwrap().take() {
            let _ = watchdog.stdin.take().unwrap().write_all(word.as_bytes());
            let _ = watchdog.wait();
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{} said:\n{}", self.command.first().map_or("nobody", |name| name), self.log());
        }
        self.end("");
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// The account that runs the database server and whatever else refuses to run as root: `postgres` where the tests run
/// as root, otherwise nobody else than who runs them.
pub struct Account {
    pub uid: u32,
    pub gid: u32,
    root: bool,
}

impl Account {
    pub fn of_servers() -> Self {
        let root = id(&["-u"]) == 0;
        let whose = if root { vec!["postgres"] } else { Vec::new() };
        let [uid, gid] = ["-u", "-g"].map(|option| id(&[&[option], whose.as_slice()].concat()));
        Self { uid, gid, root }
    }

    /// The words to put before a command.
    pub fn prefix(&self) -> Vec<String> {
        if !self.root {
            return Vec::new();
        }
        let (uid, gid) = (format!("--reuid={}", self.uid), format!("--regid={}", self.gid));
        vec!["setpriv".to_owned(), uid, gid, "--clear-groups".to_owned()]
    }

    pub fn owns(&self, path: &Path) {
        if self.root {
            chown(path, Some(self.uid), Some(self.gid)).unwrap();
        }
    }
}

fn id(arguments: &[&str]) -> u32 {
    let output = Command::new("id").args(arguments).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().parse().unwrap()
}
