//! A throwaway server: made by initdb, reachable only through a socket in its own directory, gone when it is dropped.
//!
//! Each has a watchdog, a shell at the other end of a pipe: when this program closes the pipe, or dies in whatever way,
//! the watchdog stops the server and removes the directory. So a shared cluster, which is never dropped, goes as well.

use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use postgres::{Client, Config, NoTls};

use super::place::{place, Entry};
use super::template;
use crate::PerSuite;

#[derive(Debug, Clone, Default)]
pub struct ClusterOptions {
    /// `shared_preload_libraries = 'pg_acctexport'`.
    pub preload: bool,
    /// Lines of postgresql.conf, unquoted: `("work_mem", "1MB")`.
    pub settings: Vec<(String, String)>,
}

impl ClusterOptions {
    pub fn preloaded() -> Self {
        Self { preload: true, settings: Vec::new() }
    }

    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }
}

pub struct Cluster {
    entry: Entry,
    port: u16,
    /// It has the database that [`template`] describes.
    has_template: bool,
    watchdog: Child,
}

/// The server that the tests of one suite share: library preloaded, otherwise as PostgreSQL comes.
pub fn shared() -> &'static Cluster {
    static SHARED: PerSuite<Cluster> = PerSuite::new();
    SHARED.get_or_init(|| Cluster::start_copy(ClusterOptions::preloaded()))
}

impl Cluster {
    pub fn start(options: ClusterOptions) -> Self {
        let cluster = Self::reserve();
        let mut initdb = place().as_server("initdb");
        initdb.args(["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "-D"]);
        done(initdb.arg(cluster.data()));
        cluster.configure(&options);
        cluster.boot();
        cluster
    }

    /// The same as a copy of the data directory that all such servers have: it has the system identifier of the others.
    fn start_copy(options: ClusterOptions) -> Self {
        let mut cluster = Self::reserve();
        template::copy_to(&cluster.data());
        cluster.has_template = true;
        cluster.configure(&options);
        cluster.boot();
        cluster
    }

    /// A standby of this server, by pg_basebackup and streaming.
    pub fn standby(&self) -> Self {
        let standby = Self::reserve();
        let mut backup = place().as_server("pg_basebackup");
        backup.args(["-U", "postgres", "--write-recovery-conf", "--checkpoint=fast", "--no-sync", "-h"]);
        done(backup.arg(&self.entry.dir).arg("-p").arg(self.port.to_string()).arg("-D").arg(standby.data()));
        standby.configure(&ClusterOptions::default());
        standby.boot();
        standby
    }

    fn reserve() -> Self {
        let entry = place().entry();
        // Only the socket's name has the port in it, unless a test sets listen_addresses: then it must be a free one.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let watchdog = watchdog(&entry);
        Self { entry, port, has_template: false, watchdog }
    }

    /// Appended lines win over those of initdb and of a base backup.
    fn configure(&self, options: &ClusterOptions) {
        let own = [
            ("listen_addresses", String::new()),
            ("port", self.port.to_string()),
            ("unix_socket_directories", self.entry.dir.display().to_string()),
            ("fsync", "off".to_owned()),
            ("jit", "off".to_owned()),
            ("timezone", "UTC".to_owned()),
            ("log_timezone", "UTC".to_owned()),
            ("max_worker_processes", "16".to_owned()),
            ("log_line_prefix", "%m [%p] %b %q%u@%d ".to_owned()),
        ];
        let preload = options.preload.then(|| ("shared_preload_libraries", "pg_acctexport".to_owned()));
        let given = options.settings.iter().map(|(name, value)| (name.as_str(), value.clone()));
        for (name, value) in own.into_iter().chain(preload).chain(given) {
            self.append(name, &value);
        }
    }

    fn append(&self, name: &str, value: &str) {
        let mut conf = fs::OpenOptions::new().append(true).open(self.data().join("postgresql.conf")).unwrap();
        writeln!(conf, "{name} = '{}'", value.replace('\'', "''")).unwrap();
    }

    /// Adds a line to postgresql.conf and reloads, and waits until the server has read it and told its processes. Sessions
    /// see it at their next command.
    pub fn set(&self, name: &str, value: &str) {
        self.append(name, value);
        let loaded = || -> std::time::SystemTime {
            // A new session knows what the server knew when it was accepted.
            self.connect("postgres", "postgres").query_one("SELECT pg_conf_load_time()", &[]).unwrap().get(0)
        };
        let before = loaded();
        self.connect("postgres", "postgres").execute("SELECT pg_reload_conf()", &[]).unwrap();
        super::wait_until(Duration::from_secs(20), "the server reads its configuration", || {
            loaded() > before
        });
    }

    /// A session in `db` as `user`, who need not have a password. Panics where [`Cluster::try_connect`] fails.
    #[track_caller]
    pub fn connect(&self, db: &str, user: &str) -> Client {
        self.try_connect(db, user).unwrap_or_else(|e| panic!("cannot connect to {db} as {user}: {e:?}"))
    }

    pub fn try_connect(&self, db: &str, user: &str) -> Result<Client, postgres::Error> {
        Config::new()
            .host_path(&self.entry.dir)
            .port(self.port)
            .dbname(db)
            .user(user)
            .application_name("test")
            .connect_timeout(Duration::from_secs(20))
            .connect(NoTls)
    }

    /// A new database, its name made from `base`, as the superuser left it; returns the name.
    pub fn create_database(&self, base: &str) -> String {
        let name = super::unique(base);
        self.connect("postgres", "postgres").batch_execute(&format!("CREATE DATABASE \"{name}\"")).unwrap();
        name
    }

    /// The same with the extension in it, in schema public.
    pub fn create_database_with_extension(&self, base: &str) -> String {
        if self.has_template {
            let name = super::unique(base);
            let sql = format!("CREATE DATABASE \"{name}\" TEMPLATE {}", template::DATABASE);
            self.connect("postgres", "postgres").batch_execute(&sql).unwrap();
            return name;
        }
        let name = self.create_database(base);
        self.connect(&name, "postgres").batch_execute("CREATE EXTENSION pg_acctexport").unwrap();
        name
    }

    /// Stops as a crash would, without a checkpoint: the next start recovers.
    pub fn stop_immediate(&self) {
        self.pg_ctl(&["stop", "-m", "immediate"]);
    }

    /// Ends the server, sessions and all, in good order and starts it again; also starts a stopped one.
    pub fn restart(&self) {
        if self.data().join("postmaster.pid").exists() {
            self.pg_ctl(&["stop", "-m", "fast"]);
        }
        self.boot();
    }

    /// Sends a signal, `KILL` or `TERM` say, to one process of the server.
    pub fn kill_backend(&self, pid: i32, signal: &str) {
        done(Command::new("kill").arg("-s").arg(signal).arg(pid.to_string()));
    }

    /// The server's log from its first start on.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.log_file()).unwrap_or_default()).into_owned()
    }

    /// `psql -X` as the superuser, stopping at the first error; `-d`, `-U` or `-c` in `args` as one wants.
    pub fn psql(&self, args: &[&str], stdin: &str) -> Output {
        let mut command = self.client("psql");
        command.args(["-X", "-v", "ON_ERROR_STOP=1"]).args(args);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut pipe = child.stdin.take().unwrap();
        let stdin = stdin.to_owned();
        let writer = std::thread::spawn(move || pipe.write_all(stdin.as_bytes())); // psql may stop reading: not ours to mind
        let output = child.wait_with_output().unwrap();
        let _ = writer.join();
        output
    }

    /// A client program of the server (`pg_dump`, `pg_restore`, …) that will find this cluster and the superuser.
    pub fn client(&self, program: &str) -> Command {
        let mut command = place().client(program);
        command.env("PGHOST", &self.entry.dir).env("PGPORT", self.port.to_string()).env("PGUSER", "postgres");
        command
    }

    /// For clients that are told where the server is: directory of the socket, and port.
    pub fn address(&self) -> (String, u16) {
        (self.entry.dir.display().to_string(), self.port)
    }

    pub fn data(&self) -> PathBuf {
        self.entry.dir.join("data")
    }

    fn log_file(&self) -> PathBuf {
        self.entry.dir.join("log")
    }

    fn boot(&self) {
        let mut start = place().as_server("pg_ctl");
        start.arg("-D").arg(self.data()).arg("-l").arg(self.log_file()).args(["-w", "-t", "60", "start"]);
        let output = start.output().unwrap();
        assert!(output.status.success(), "the server does not start; its log:\n{}", self.log());
    }

    pub(super) fn pg_ctl(&self, args: &[&str]) {
        done(place().as_server("pg_ctl").arg("-D").arg(self.data()).args(["-w", "-t", "60"]).args(args));
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<_> = log.lines().rev().take(40).collect();
            eprintln!("the server's log ends with:");
            lines.iter().rev().for_each(|line| eprintln!("{line}"));
        }
        drop(self.watchdog.stdin.take());
        let _ = self.watchdog.wait();
    }
}

/// Waits for the pipe to close; a signal to the whole process group, such as Ctrl-C, passes it by.
fn watchdog(entry: &Entry) -> Child {
    const SCRIPT: &str = r#"
        read -r _
        pg_ctl=$1 dir=$2 lock=$3; shift 3
        "$@" "$pg_ctl" -D "$dir/data" -m immediate -w stop
        rm -rf "$dir" "$lock"
    "#;
    let pg_ctl = place().as_server("pg_ctl");
    // `runuser … --` before the program's own path, where tests run as root.
    let words: Vec<_> = std::iter::once(pg_ctl.get_program()).chain(pg_ctl.get_args()).collect();
    let (program, prefix) = words.split_last().unwrap();
    Command::new("sh")
        .args(["-c", SCRIPT, "watchdog"])
        .arg(program)
        .args([&entry.dir, &entry.lock_file])
        .args(prefix)
        .current_dir("/")
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Runs to the end; panics with what it printed where it failed.
#[track_caller]
pub fn done(command: &mut Command) -> Output {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{:?}: {errors}", command.get_program());
    output
}
