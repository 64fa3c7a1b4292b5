//! Disks that are full at random moments: of the spool, of the tables, and of the write-ahead log.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::{chown, MetadataExt};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use support::common::{done, wait_until, Cluster};
use support::jobs::disk::Disk;
use support::jobs::LIMIT;

use crate::at_rest::wait_until_ended;
use crate::campaign::{at_a_random_moment, Campaign};
use crate::server_log::{self, assert_clean, Caused};
use crate::workload::Workload;

const ROWS: u32 = 20_000;
const KB: u64 = 1024;
const MB: u64 = 1024 * KB;

/// A disk with a file that takes its space.
struct FullDisk {
    disk: Disk,
    ballast: PathBuf,
}

impl FullDisk {
    fn mount(megabytes: u32) -> Self {
        let disk = Disk::mount(megabytes).expect("file systems cannot be mounted here: run it as root");
        let ballast = disk.path().join("ballast");
        Self { disk, ballast }
    }

    /// A directory on the disk that belongs to the account of the server.
    fn directory(&self, cluster: &Cluster, name: &str) -> PathBuf {
        let directory = self.disk.path().join(name);
        fs::create_dir(&directory).unwrap();
        let owner = fs::metadata(cluster.data()).unwrap();
        chown(&directory, Some(owner.uid()), Some(owner.gid())).unwrap();
        directory
    }

    /// Takes all space but so many bytes.
    fn fill(&self, leave: u64) {
        let output = done(Command::new("stat").args(["-f", "-c", "%a %S"]).arg(self.disk.path()));
        let text = String::from_utf8(output.stdout).unwrap();
        let (blocks, size) = text.trim().split_once(' ').unwrap();
        let free = blocks.parse::<u64>().unwrap() * size.parse::<u64>().unwrap();
        let mut ballast = File::options().create(true).append(true).open(&self.ballast).unwrap();
        let zeros = vec![0; 64 * KB as usize];
        let mut left = free.saturating_sub(leave);
        while left > 0 {
            let part = left.min(zeros.len() as u64) as usize;
            // The server takes space meanwhile: the disk is full then.
            if ballast.write_all(&zeros[..part]).is_err() {
                return;
            }
            left -= part as u64;
        }
    }

    fn free(&self) {
        let _ = fs::remove_file(&self.ballast);
    }
}

/// Exports spool where there is too little space for some of them.
#[test]
fn spool() {
    let mut campaign = Campaign::begin("disks, spool");
    let mut random = campaign.random.branch();
    let full = FullDisk::mount(64);
    let cluster = campaign.start(server_log::options(true));
    let mut work = Workload::new(cluster, ROWS);
    let directory = full.directory(cluster, "spool");
    let sql =
        format!("ALTER DATABASE {} SET acct_export.spool_directory = '{}'", work.app.db, directory.display());
    work.superuser().batch_execute(&sql).unwrap();
    let rounds = campaign.size(100);
    for _ in 0..rounds {
        full.fill(random.below(2 * MB as usize) as u64);
        work.fill_up(&mut random, 3);
        wait_until_ended(&mut work.superuser(), LIMIT * 4);
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 0, "files in the spool directory");
        full.free();
    }
    let mut superuser = work.superuser();
    let hints = "SELECT count(*) FROM acct_export.job WHERE status = 'failed' AND error NOT LIKE '%acct_export.spool_directory%'";
    assert_eq!(superuser.query_one(hints, &[]).unwrap().get::<_, i64>(0), 0, "errors without a hint");
    campaign.figure("rounds with a full disk", rounds);
    work.assert_done(&mut campaign, &["53100"]);
    fs::remove_dir(&directory).unwrap();
    full.disk.is_empty();
    assert_clean(cluster, Caused::default());
}

/// The database, with the tables of the extension, is on a disk that is full for some time.
#[test]
fn data() {
    let mut campaign = Campaign::begin("disks, data");
    let mut random = campaign.random.branch();
    let full = FullDisk::mount(512);
    let cluster = campaign.start(server_log::options(true));
    let mut work = Workload::new(cluster, ROWS);
    let directory = full.directory(cluster, "data");
    let db = work.app.db.clone();
    let mut admin = cluster.connect("postgres", "postgres");
    admin.batch_execute(&format!("CREATE TABLESPACE small LOCATION '{}'", directory.display())).unwrap();
    wait_until(LIMIT, "the database is moved", || {
        // A worker of the launcher may be connected.
        admin.batch_execute(&format!("ALTER DATABASE {db} SET TABLESPACE small")).is_ok()
    });
    let (rounds, mut refused) = (campaign.size(30), 0);
    for _ in 0..rounds {
        work.fill_up(&mut random, 4);
        full.fill(random.below(MB as usize) as u64);
        // Requests while it is full: accepted or refused by the server.
        refused += work.ask_on_full_disk(&mut random, 2);
        at_a_random_moment(&mut random, Duration::from_millis(2000));
        full.free();
        // A failure that could not be recorded is found by the next worker.
        work.superuser().query("SELECT FROM acct_export_jobs LIMIT 1", &[]).unwrap();
        wait_until_ended(&mut work.superuser(), LIMIT * 4);
    }
    campaign.figure("rounds with a full disk", rounds);
    campaign.figure("requests refused with 53100", refused);
    work.assert_done(&mut campaign, &["53100", "57P02"]);
    assert_clean(cluster, Caused::default());
    // The disk goes when the test ends.
    cluster.stop_immediate();
}

/// The write-ahead log is full: the server panics, cannot recover, and is started again when there is space.
#[test]
fn write_ahead_log() {
    let mut campaign = Campaign::begin("disks, write-ahead log");
    let mut random = campaign.random.branch();
    let full = FullDisk::mount(160);
    let options = server_log::options(true).set("min_wal_size", "32MB").set("max_wal_size", "48MB");
    let cluster = campaign.start(options);
    let mut work = Workload::new(cluster, ROWS);
    move_wal(cluster, &full);
    let (rounds, mut down) = (campaign.size(20), 0);
    for _ in 0..rounds {
        work.fill_up(&mut random, 40);
        at_a_random_moment(&mut random, Duration::from_millis(200));
        // Old segments stay, as where a standby is away, and are no space for new ones.
        let keep = "SELECT pg_create_physical_replication_slot('away', true)";
        cluster.connect("postgres", "postgres").batch_execute(keep).unwrap();
        full.fill(random.below(20 * MB as usize) as u64);
        let restarts = || cluster.log().matches("all server processes terminated; reinitializing").count();
        let before = restarts();
        write_wal(&work);
        // The postmaster starts anew, or gives up where recovery finds no space either.
        let is_down = || !cluster.data().join("postmaster.pid").exists();
        wait_until(LIMIT * 2, "the server is down, or up again", || {
            is_down() || restarts() > before && cluster.try_connect("postgres", "postgres").is_ok()
        });
        full.free();
        wait_until(LIMIT * 2, "the server takes sessions", || {
            if is_down() {
                down += 1;
                cluster.restart();
            }
            cluster.try_connect("postgres", "postgres").is_ok()
        });
        let mut admin = cluster.connect("postgres", "postgres");
        admin.batch_execute("SELECT pg_drop_replication_slot('away')").unwrap();
        admin.batch_execute("CHECKPOINT").unwrap();
        wait_until_ended(&mut work.superuser(), LIMIT * 4);
    }
    campaign.figure("rounds with a full disk", rounds);
    campaign.figure("servers that stayed down until there was space", down);
    work.assert_done(&mut campaign, &["53100", "57P02"]);
    let panics = assert_clean(cluster, Caused { full_wal: true, ..Caused::default() });
    assert!(panics > 0, "the write-ahead log was never full");
    campaign.figure("PANICs", panics);
    // The disk goes when the test ends.
    cluster.stop_immediate();
}

/// Puts `pg_wal` on the disk.
fn move_wal(cluster: &Cluster, full: &FullDisk) {
    cluster.stop_immediate();
    let place = full.directory(cluster, "wal");
    let wal = cluster.data().join("pg_wal");
    done(Command::new("cp").arg("-a").arg(wal.join(".")).arg(&place));
    fs::remove_dir_all(&wal).unwrap();
    std::os::unix::fs::symlink(&place, &wal).unwrap();
    cluster.restart();
}

/// Writes to the log until the server has panicked.
fn write_wal(work: &Workload) {
    let mut session = work.superuser();
    wait_until(LIMIT * 4, "the write-ahead log is full", || {
        let _ = session.batch_execute("SELECT pg_logical_emit_message(false, 'soak', repeat('x', 2000000))");
        session.is_closed()
    });
}
