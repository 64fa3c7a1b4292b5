//! Shared parts of the tests of running jobs: exports that stop at a place of the test's choosing, and the remains of a job.
//!
//! The source's policy calls `app.pass`, which takes a shared advisory lock at one row: whoever holds the lock keeps
//! every export in the middle of reading. Whoever holds `acct_export.chunk` keeps it in the middle of storing.

pub mod blow;
pub mod disk;

use std::time::Duration;

use postgres::{Client, Row};
use serde_json::Value;

use crate::common::{wait_until, Cluster, TwoTenants};

pub const LIMIT: Duration = Duration::from_secs(30);

/// The places at which an export is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    Reading,
    Storing,
}

impl Phase {
    pub const BOTH: [Phase; 2] = [Phase::Reading, Phase::Storing];

    /// The statement that holds it, until its transaction ends.
    fn lock(self) -> &'static str {
        match self {
            Phase::Reading => "SELECT pg_advisory_xact_lock(4711)",
            Phase::Storing => "LOCK TABLE acct_export.chunk IN EXCLUSIVE MODE",
        }
    }

    fn stage(self) -> &'static str {
        match self {
            Phase::Reading => "reading",
            Phase::Storing => "storing",
        }
    }
}

/// An application of two tenants with dataset `users`, its exports held at the fifth row from the end of each tenant.
pub fn app(cluster: &'static Cluster, rows: u32) -> TwoTenants {
    let app = TwoTenants::with_users(cluster, rows);
    gate(&app, app.rows.saturating_sub(4).max(1));
    app
}

/// Puts the gate into the policy, at a row's number among those of its tenant.
pub fn gate(app: &TwoTenants, row: u32) {
    let gate = 2 * row;
    app.superuser()
        .batch_execute(&format!(
            "CREATE OR REPLACE FUNCTION app.pass(id bigint) RETURNS boolean LANGUAGE plpgsql AS $$
             BEGIN
                 IF id / 2 * 2 = {gate} THEN PERFORM pg_advisory_xact_lock_shared(4711); END IF;
                 RETURN true;
             END $$;
             ALTER POLICY tenant ON app.users
                 USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid AND app.pass(id))"
        ))
        .unwrap();
}

/// Holds all exports of a database as long as it lives.
pub struct Hold {
    client: Client,
}

impl Hold {
    pub fn at(phase: Phase, app: &TwoTenants) -> Self {
        let mut client = app.superuser();
        client.batch_execute(&format!("BEGIN; {}", phase.lock())).unwrap();
        Self { client }
    }

    pub fn release(mut self) {
        self.client.batch_execute("COMMIT").unwrap();
    }
}

/// Holds all exports of a database beyond any crash: a prepared transaction. The cluster needs
/// `max_prepared_transactions`.
pub fn hold_through_crashes(phase: Phase, app: &TwoTenants) {
    let name = &app.db;
    app.superuser().batch_execute(&format!("BEGIN; {}; PREPARE TRANSACTION '{name}'", phase.lock())).unwrap();
}

pub fn release_through_crashes(app: &TwoTenants) {
    app.superuser().batch_execute(&format!("COMMIT PREPARED '{}'", app.db)).unwrap();
}

/// Starts an export of `users` and returns its job. `more`: further arguments, `", filter => …"`.
#[track_caller]
pub fn start(client: &mut Client, format: &str, more: &str) -> String {
    let sql = format!("SELECT acct_export_start('users', '{format}'{more})::text");
    client.query_one(&sql, &[]).unwrap_or_else(|e| panic!("{sql}: {e:?}")).get(0)
}

/// The job as its requester sees it.
#[track_caller]
pub fn status(client: &mut Client, job: &str) -> Row {
    client.query_one("SELECT * FROM acct_export_status($1::text::uuid)", &[&job]).unwrap()
}

pub fn text<'r>(row: &'r Row, column: &str) -> Option<&'r str> {
    row.get(column)
}

/// A column of the job's record, as text. Not through the extension's functions: those may start a worker.
pub fn record(superuser: &mut Client, job: &str, column: &str) -> Option<String> {
    let sql = format!("SELECT ({column})::text FROM acct_export.job WHERE id = $1::text::uuid");
    superuser.query_one(&sql, &[&job]).unwrap().get(0)
}

/// Waits, without looking through the extension's functions, until the job has this status.
#[track_caller]
pub fn wait_for_status(superuser: &mut Client, job: &str, expected: &str) {
    let mut last = String::new();
    wait_until(LIMIT, &format!("job {job} is {expected}"), || {
        let status = record(superuser, job, "status").unwrap();
        if status != last {
            eprintln!("job {job}: {status}");
            last.clone_from(&status);
        }
        status == expected
    });
}

/// Waits until the job's worker stands still before the lock of this phase, and returns its pid.
#[track_caller]
pub fn wait_until_held(superuser: &mut Client, job: &str, phase: Phase) -> i32 {
    let mut pid = None;
    wait_until(LIMIT, &format!("job {job} is held while {}", phase.stage()), || {
        pid = superuser
            .query_opt(
                "SELECT a.pid FROM acct_export.job AS j JOIN pg_stat_activity AS a ON a.pid = j.worker_pid
                 JOIN acct_export.job_status AS s ON s.job_id = j.id
                 WHERE j.id = $1::text::uuid AND s.stage = $2 AND a.wait_event_type = 'Lock'
                   -- As whoever follows a job: starts the worker that found no free process at the commit.
                   AND (SELECT acct_export.wake())",
                &[&job, &phase.stage()],
            )
            .unwrap()
            .map(|row| row.get(0));
        pid.is_some()
    });
    pid.unwrap()
}

/// Waits until no worker of this database is left.
#[track_caller]
pub fn wait_until_idle(superuser: &mut Client) {
    wait_until(LIMIT, "no worker is left", || workers(superuser).is_empty());
}

/// Pids of the workers of this database.
pub fn workers(superuser: &mut Client) -> Vec<i32> {
    superuser
        .query(
            "SELECT pid FROM pg_stat_activity
             WHERE backend_type = 'pg_acctexport worker' AND datname = current_database()",
            &[],
        )
        .unwrap()
        .iter()
        .map(|row| row.get(0))
        .collect()
}

/// The number of a tenant's users in an export that leaves out the disabled ones.
pub fn exported(users: u32) -> u32 {
    users - users / 10
}

/// Starts as many held exports as there are places (two, if nothing else is set): later ones stay queued. They are of two tenants and
/// two roles, so that there is no extra place for another one.
pub fn fill(app: &TwoTenants) -> [String; 2] {
    let mut superuser = app.superuser();
    [(&app.login, 0), (&app.nologin, 1)].map(|(role, tenant)| {
        let job = start(&mut app.session(role, tenant), "csv", ", reason => 'takes a place'");
        wait_until_held(&mut superuser, &job, Phase::Reading);
        job
    })
}

/// Asserts that a completed job has one whole file with so many rows (of CSV), stored once and told of once.
#[track_caller]
pub fn assert_whole(superuser: &mut Client, job: &str, rows: u32) {
    let row = status(superuser, job);
    assert_eq!(
        text(&row, "status"),
        Some("completed"),
        "{:?} {:?}",
        text(&row, "error"),
        text(&row, "error_code")
    );
    let files: Value = row.get("files");
    assert_eq!(files.as_array().unwrap().len(), 1, "{files}");
    let (file, rows) = (&files[0], u64::from(rows));
    assert_eq!((&file["rows"], &file["status"]), (&rows.into(), &"stored".into()), "{file}");
    let bytes: Vec<u8> =
        superuser.query_one("SELECT acct_export_file($1::text::uuid)", &[&job]).unwrap().get(0);
    assert_eq!(file["bytes"], bytes.len());
    let hash: String = superuser.query_one("SELECT encode(sha256($1), 'hex')", &[&bytes]).unwrap().get(0);
    assert_eq!(file["sha256"], hash.as_str());
    if file["media_type"].as_str().unwrap().starts_with("text/csv") {
        let read = csv::Reader::from_reader(bytes.as_slice()).records().map(Result::unwrap).count();
        assert_eq!(read as u64, rows);
    }
    assert_eq!(events(superuser, job, "user.bulk_export"), 1);
}

/// Asserts that a job which did not complete left no byte of a file.
#[track_caller]
pub fn assert_nothing(superuser: &mut Client, job: &str) {
    let row = superuser
        .query_one(
            "SELECT (SELECT count(*) FROM acct_export.file WHERE job = $1::text::uuid),
                    (SELECT count(*) FROM acct_export.chunk WHERE job = $1::text::uuid)",
            &[&job],
        )
        .unwrap();
    assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1)), (0, 0), "files and chunks of job {job}");
    assert_eq!(events(superuser, job, "user.bulk_export"), 0);
}

/// The number of audit events of this kind that a job has.
pub fn events(superuser: &mut Client, job: &str, event: &str) -> i64 {
    superuser
        .query_one(
            "SELECT count(*) FROM acct_export_audit WHERE job_id = $1::text::uuid AND event = $2",
            &[&job, &event],
        )
        .unwrap()
        .get(0)
}

/// Asserts what holds in a database at rest, whatever happened before: no chunk without its file, no spool file, no
/// lock, and a chain of audit events without a break.
#[track_caller]
pub fn assert_tidy(superuser: &mut Client, cluster: &Cluster) {
    let row = superuser
        .query_one(
            "SELECT (SELECT count(*) FROM acct_export.chunk AS c WHERE NOT EXISTS
                        (SELECT FROM acct_export.file AS f WHERE (f.job, f.file) = (c.job, c.file) AND f.status = 'stored')),
                    (SELECT count(*) FROM acct_export.file AS f WHERE f.status = 'stored' AND f.bytes <>
                        (SELECT sum(coalesce(unpacked, length(data))) FROM acct_export.chunk AS c WHERE (f.job, f.file) = (c.job, c.file))),
                    (SELECT count(*) FROM acct_export_audit_verify())",
            &[],
        )
        .unwrap();
    assert_eq!(row.get::<_, i64>(0), 0, "chunks without a file");
    assert_eq!(row.get::<_, i64>(1), 0, "files without all of their chunks");
    assert_eq!(row.get::<_, i64>(2), 0, "broken links in the audit trail");
    assert_eq!(spool_files(cluster), Vec::<String>::new());
    // A worker that a look has started may come up late, and finds nothing to do: what stays is a leak.
    wait_until(LIMIT, "no locks of jobs or workers", || life_locks(superuser) == 0);
}

/// Files with a name that exports left in the default spool directory.
pub fn spool_files(cluster: &Cluster) -> Vec<String> {
    match std::fs::read_dir(cluster.data().join("base/pgsql_tmp")) {
        Ok(entries) => {
            entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect()
        }
        Err(e) => {
            assert_eq!(e.kind(), std::io::ErrorKind::NotFound);
            Vec::new()
        }
    }
}

/// Locks of workers and jobs in this database: advisory ones that no SQL function could have taken.
pub fn life_locks(superuser: &mut Client) -> i64 {
    superuser
        .query_one(
            "SELECT count(*) FROM pg_locks JOIN pg_database AS d ON d.oid = database
             WHERE locktype = 'advisory' AND objsubid > 2 AND datname = current_database()",
            &[],
        )
        .unwrap()
        .get(0)
}
