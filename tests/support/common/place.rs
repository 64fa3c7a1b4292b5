//! The directories of servers: the programs of the server tree (`scripts/server-tree`), and beside it
//! a directory for clusters, one entry and one lock file each.
//!
//! The lock of an entry is held as long as its test program lives. What is found unlocked at the next start, after a
//! crash of the whole machine, say, is stopped and removed.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::fs::{chown, MetadataExt};
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

/// The variables of the environment that libpq and the server read and must not here.
const FOREIGN: [&str; 12] = [
    "PGDATA",
    "PGHOST",
    "PGHOSTADDR",
    "PGPORT",
    "PGUSER",
    "PGDATABASE",
    "PGPASSWORD",
    "PGOPTIONS",
    "PGSERVICE",
    "PGSSLMODE",
    "PGAPPNAME",
    "PGTZ",
];

pub struct Place {
    /// Directory of `postgres`, `initdb`, `psql`, …
    pub bin: PathBuf,
    /// The server tree that they are in.
    pub tree: PathBuf,
    /// Directory of the clusters.
    pub clusters: PathBuf,
    /// True if the tests run as root, which the server refuses: it then runs as `postgres`.
    root: bool,
}

/// One cluster's directory, and the lock that says that its owner lives.
pub struct Entry {
    pub dir: PathBuf,
    pub lock_file: PathBuf,
    _lock: File,
}

/// The place of this test program; found, and swept, once.
pub fn place() -> &'static Place {
    static PLACE: OnceLock<Place> = OnceLock::new();
    PLACE.get_or_init(|| {
        let place = Place::find();
        place.sweep();
        place
    })
}

impl Place {
    fn find() -> Self {
        let bin = std::env::var_os("ACCTEXPORT_SERVER_TREE").map_or_else(build_tree, PathBuf::from);
        let tree = bin.ancestors().find(|dir| dir.join(".state").exists());
        let tree = tree.unwrap_or_else(|| panic!("{} is in no server tree: use `make test`", bin.display()));
        let tree = tree.to_owned();
        let work = tree.parent().unwrap();
        let root = fs::metadata("/proc/self").unwrap().uid() == 0;
        let clusters = work.join("clusters");
        fs::create_dir_all(&clusters).unwrap();
        if root {
            let (uid, gid) = (id("-u"), id("-g"));
            chown(&clusters, Some(uid), Some(gid)).unwrap();
        }
        Self { bin, tree, clusters, root }
    }

    /// A program of the server tree, to be run by the account that runs the servers.
    pub fn as_server(&self, program: &str) -> Command {
        self.program_as_server(self.bin.join(program))
    }

    /// The same of a program of the system.
    pub fn program_as_server(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = if self.root {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        own_environment(&mut command);
        command.current_dir("/"); // which that account can enter, unlike, perhaps, this one
        command
    }

    /// A client program of the server tree, run by whoever runs the tests.
    pub fn client(&self, program: &str) -> Command {
        let mut command = Command::new(self.bin.join(program));
        own_environment(&mut command);
        command
    }

    /// A new directory name with its lock. The directory itself comes from initdb, which then owns it.
    pub fn entry(&self) -> Entry {
        let _turn = self.turn();
        let name = super::unique(&std::process::id().to_string());
        let lock_file = self.clusters.join(format!("{name}.lock"));
        let lock = File::create(&lock_file).unwrap();
        lock.lock().unwrap();
        Entry { dir: self.clusters.join(name), lock_file, _lock: lock }
    }

    /// Removes clusters whose test program is no more and whose watchdog did not get to it.
    fn sweep(&self) {
        let _turn = self.turn();
        for file in fs::read_dir(&self.clusters).unwrap().map(|entry| entry.unwrap().path()) {
            if file.extension().is_none_or(|e| e != "lock") {
                continue;
            }
            if File::open(&file).is_ok_and(|lock| lock.try_lock().is_ok()) {
                let dir = file.with_extension("");
                let data = dir.join("data");
                if data.exists() {
                    let _ = self
                        .as_server("pg_ctl")
                        .arg("-D")
                        .arg(data)
                        .args(["-m", "immediate", "stop"])
                        .output();
                }
                let _ = fs::remove_dir_all(dir);
                let _ = fs::remove_file(file);
            }
        }
    }

    /// Held while locks are made and tested, so that a sweep never meets one that is half made.
    fn turn(&self) -> File {
        let turn = File::create(self.clusters.join("turn")).unwrap();
        turn.lock().unwrap();
        turn
    }
}

fn own_environment(command: &mut Command) {
    for name in FOREIGN {
        command.env_remove(name);
    }
    command.env("LC_ALL", "C.UTF-8");
}

fn id(option: &str) -> u32 {
    let output = Command::new("id").args([option, "postgres"]).output().unwrap();
    String::from_utf8(output.stdout)
        .unwrap()
        .trim()
        .parse()
        .expect("there is no account postgres: use `make test`")
}

/// For a test called by hand, with `cargo test`: the tree of what was built last.
fn build_tree() -> PathBuf {
    let script = crate::project().join("scripts/server-tree");
    let output = Command::new(script).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "no server to test with, use `make test`: {error}");
    PathBuf::from(String::from_utf8(output.stdout).unwrap().trim())
}
