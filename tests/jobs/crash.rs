//! A worker or the whole server goes down while an export is read or stored: each job ends exactly once, with one whole
//! file or with none, and nothing of an attempt that failed stays.
//!
//! With the library preloaded the launcher puts things right by itself; without it whoever looks at a job does.

use support::common;
use support::jobs;

use std::fs;

use postgres::Client;
use support::common::{wait_until, Cluster, TwoTenants};
use support::jobs::blow::{crashing, Blow};
use support::jobs::{
    assert_nothing, assert_tidy, assert_whole, events, exported, hold_through_crashes, record,
    release_through_crashes, start, wait_for_status, wait_until_held, wait_until_idle, workers, Phase, LIMIT,
};

const ROWS: u32 = 50;

/// Makes an export, strikes while it stands still, and lets it go on; returns its job, which has not ended yet.
fn struck(cluster: &'static Cluster, app: &TwoTenants, blow: Blow, phase: Phase) -> String {
    hold_through_crashes(phase, app);
    let job = start(&mut app.session(&app.login, 0), "csv", "");
    let mut superuser = app.superuser();
    let worker = wait_until_held(&mut superuser, &job, phase);
    drop(superuser);
    blow.strike(cluster, app, worker);
    release_through_crashes(app);
    job
}

/// After the first run ended, the second completes. A crash is an attempt; a shutdown and an administrator's end of the worker are none.
fn assert_done_by_second(cluster: &Cluster, app: &TwoTenants, job: &str, blow: Blow) {
    let mut superuser = app.superuser();
    wait_until_idle(&mut superuser);
    assert_whole(&mut superuser, job, exported(ROWS));
    let attempts = if matches!(blow, Blow::Kill | Blow::Stop) { "2" } else { "1" };
    assert_eq!(record(&mut superuser, job, "attempts").as_deref(), Some(attempts));
    assert_eq!(record(&mut superuser, job, "runs").as_deref(), Some("2"));
    assert_eq!(events(&mut superuser, job, "user.bulk_export.failed"), 0);
    assert_tidy(&mut superuser, cluster);
}

fn recovers_by_itself(blow: Blow) {
    for phase in Phase::BOTH {
        let cluster = crashing(true);
        let app = jobs::app(&cluster, ROWS);
        let job = struck(&cluster, &app, blow, phase);
        wait_for_status(&mut app.superuser(), &job, "completed");
        assert_done_by_second(&cluster, &app, &job, blow);
    }
}

/// Statements by which one looks at a job. `%` stands for it.
const LOOKS: [&str; 5] = [
    "SELECT FROM acct_export_status('%')",
    "SELECT acct_export_job('%')",
    "SELECT FROM acct_export_wait('%', '100 ms')",
    "SELECT FROM acct_export_wait('%', '0 seconds')",
    "SELECT FROM acct_export_jobs WHERE job_id = '%'",
];

fn recovers_when_looked_at(blow: Blow, looks: [&str; 2]) {
    for (phase, look) in Phase::BOTH.into_iter().zip(looks) {
        let cluster = crashing(false);
        let app = jobs::app(&cluster, ROWS);
        let job = struck(&cluster, &app, blow, phase);
        let mut superuser = app.superuser();
        let left = if blow == Blow::Restart { "queued" } else { "running" };
        assert_eq!(record(&mut superuser, &job, "status").as_deref(), Some(left), "nobody has looked yet");
        assert!(workers(&mut superuser).is_empty());
        app.session(&app.login, 0).batch_execute(&look.replace('%', &job)).unwrap();
        eprintln!("looked with {look}");
        wait_for_status(&mut superuser, &job, "completed");
        drop(superuser);
        assert_done_by_second(&cluster, &app, &job, blow);
    }
}

#[test]
fn killed_with_a_launcher() {
    recovers_by_itself(Blow::Kill);
}

#[test]
fn killed_without_a_launcher() {
    recovers_when_looked_at(Blow::Kill, [LOOKS[0], LOOKS[1]]);
}

#[test]
fn server_stopped_with_a_launcher() {
    recovers_by_itself(Blow::Stop);
}

#[test]
fn server_stopped_without_a_launcher() {
    recovers_when_looked_at(Blow::Stop, [LOOKS[2], LOOKS[0]]);
}

#[test]
fn server_restarted_with_a_launcher() {
    recovers_by_itself(Blow::Restart);
}

#[test]
fn server_restarted_without_a_launcher() {
    recovers_when_looked_at(Blow::Restart, [LOOKS[1], LOOKS[2]]);
}

#[test]
fn a_wait_of_no_time_counts_as_a_look() {
    recovers_when_looked_at(Blow::Stop, [LOOKS[3], LOOKS[3]]);
}

#[test]
fn the_view_of_jobs_counts_as_a_look() {
    recovers_when_looked_at(Blow::Kill, [LOOKS[4], LOOKS[4]]);
}

/// A worker that is ended puts its job back and has another one started.
#[test]
fn terminated_without_a_launcher() {
    for phase in Phase::BOTH {
        let cluster = crashing(false);
        let app = jobs::app(&cluster, ROWS);
        let job = struck(&cluster, &app, Blow::Terminate, phase);
        wait_for_status(&mut app.superuser(), &job, "completed");
        assert_done_by_second(&cluster, &app, &job, Blow::Terminate);
    }
}

/// More often than a job may be begun after crashes.
#[test]
fn shutdowns_are_no_attempts() {
    let cluster = crashing(true);
    let app = jobs::app(&cluster, ROWS);
    hold_through_crashes(Phase::Reading, &app);
    let job = start(&mut app.session(&app.login, 0), "csv", "");
    for blow in [Blow::Restart, Blow::Terminate, Blow::Restart, Blow::Terminate, Blow::Restart] {
        let mut superuser = app.superuser();
        let worker = wait_until_held(&mut superuser, &job, Phase::Reading);
        assert_eq!(record(&mut superuser, &job, "attempts").as_deref(), Some("1"));
        drop(superuser);
        blow.strike(&cluster, &app, worker);
    }
    release_through_crashes(&app);
    let mut superuser = app.superuser();
    wait_for_status(&mut superuser, &job, "completed");
    wait_until_idle(&mut superuser);
    assert_whole(&mut superuser, &job, exported(ROWS));
    assert_eq!(record(&mut superuser, &job, "attempts").as_deref(), Some("1"));
    assert_eq!(record(&mut superuser, &job, "runs").as_deref(), Some("6"));
    assert_tidy(&mut superuser, &cluster);
}

/// Interruptions have a bound: then they count as crashes do.
#[test]
fn interruptions_without_end_are_attempts() {
    let cluster = crashing(false);
    let app = jobs::app(&cluster, ROWS);
    hold_through_crashes(Phase::Reading, &app);
    let job = start(&mut app.session(&app.login, 0), "csv", "");
    let mut superuser = app.superuser();
    let worker = wait_until_held(&mut superuser, &job, Phase::Reading);
    superuser.batch_execute("UPDATE acct_export.job SET runs = 1000").unwrap();
    Blow::Terminate.strike(&cluster, &app, worker);
    assert_eq!(record(&mut superuser, &job, "status").as_deref(), Some("running"), "it was not put back");
    release_through_crashes(&app);
    jobs::status(&mut superuser, &job);
    wait_for_status(&mut superuser, &job, "completed");
    assert_eq!(record(&mut superuser, &job, "attempts").as_deref(), Some("2"));
}

/// Another start puts the lost job right as well, and both complete.
#[test]
fn a_new_job_brings_back_the_lost_one() {
    let cluster = crashing(false);
    let app = jobs::app(&cluster, ROWS);
    let lost = struck(&cluster, &app, Blow::Kill, Phase::Reading);
    let mut superuser = app.superuser();
    let new = start(&mut app.session(&app.login, 1), "csv", "");
    wait_for_status(&mut superuser, &new, "completed");
    wait_for_status(&mut superuser, &lost, "completed");
    assert_whole(&mut superuser, &new, exported(ROWS));
    assert_done_by_second(&cluster, &app, &lost, Blow::Kill);
}

/// `before`: what lets the next attempt begin.
fn gives_up(preload: bool, phase: Phase, mut before: impl FnMut(&mut Client, &str)) {
    let cluster = crashing(preload);
    let app = jobs::app(&cluster, ROWS);
    hold_through_crashes(phase, &app);
    let job = start(&mut app.session(&app.login, 0), "csv", "");
    for attempt in 1..=2 {
        let mut superuser = app.superuser();
        let worker = wait_until_held(&mut superuser, &job, phase);
        assert_eq!(record(&mut superuser, &job, "attempts"), Some(attempt.to_string()));
        drop(superuser);
        Blow::Kill.strike(&cluster, &app, worker);
        before(&mut app.session(&app.login, 0), &job);
    }
    let mut superuser = app.superuser();
    wait_for_status(&mut superuser, &job, "failed");
    release_through_crashes(&app);
    wait_until_idle(&mut superuser);
    let row = jobs::status(&mut superuser, &job);
    assert_eq!(row.get::<_, Option<&str>>("error_code"), Some("57P02"));
    assert!(row.get::<_, Option<&str>>("error").is_some_and(|error| !error.is_empty()));
    assert_eq!(row.get::<_, Option<&str>>("message"), Some("Export failed. Please try again."));
    assert_eq!(row.get::<_, Option<i32>>("attempts"), Some(2));
    assert!(row.get::<_, Option<std::time::SystemTime>>("finished_at").is_some());
    assert_eq!(events(&mut superuser, &job, "user.bulk_export.failed"), 1);
    assert_nothing(&mut superuser, &job);
    assert_tidy(&mut superuser, &cluster);

    let again: String = app
        .session(&app.login, 0)
        .query_one("SELECT acct_export_retry($1::text::uuid)::text", &[&job])
        .unwrap()
        .get(0);
    wait_for_status(&mut superuser, &again, "completed");
    assert_whole(&mut superuser, &again, exported(ROWS));
    assert_eq!(record(&mut superuser, &job, "status").as_deref(), Some("failed"), "ended once, for good");
}

#[test]
fn gives_up_with_a_launcher() {
    gives_up(true, Phase::Reading, |_, _| {});
}

#[test]
fn gives_up_without_a_launcher() {
    gives_up(false, Phase::Storing, |client, job| {
        jobs::status(client, job);
    });
}

/// A job that somebody asked to cancel is not begun again.
#[test]
fn cancelled_after_its_worker_died() {
    let cluster = crashing(false);
    let app = jobs::app(&cluster, ROWS);
    let job = struck(&cluster, &app, Blow::Kill, Phase::Reading);
    let mut requester = app.session(&app.login, 0);
    let cancelled: bool =
        requester.query_one("SELECT acct_export_cancel($1::text::uuid)", &[&job]).unwrap().get(0);
    assert!(cancelled);
    let row = common::wait_for_job(&mut requester, &job);
    assert_eq!(row.get::<_, Option<&str>>("status"), Some("cancelled"));
    let mut superuser = app.superuser();
    wait_until_idle(&mut superuser);
    assert_eq!(events(&mut superuser, &job, "user.bulk_export.cancelled"), 1);
    assert_nothing(&mut superuser, &job);
    assert_tidy(&mut superuser, &cluster);
}

/// Not at a lock this time, but among rows that are being encoded: what was begun goes on or is begun again, it never
/// counts as failed because the server is stopped.
#[test]
fn terminated_among_rows() {
    let cluster = crashing(true);
    let app = TwoTenants::with_users(&cluster, 30_000);
    for format in ["xlsx", "csv"] {
        let job = start(&mut app.session(&app.login, 0), format, "");
        let mut superuser = app.superuser();
        wait_until(LIMIT, "rows are read", || {
            let row = jobs::status(&mut superuser, &job);
            row.get::<_, Option<i64>>("rows_done") > Some(0)
        });
        if let Some(&worker) = workers(&mut superuser).first() {
            superuser.execute("SELECT pg_terminate_backend($1)", &[&worker]).unwrap();
            wait_until(LIMIT, "the worker ends", || !workers(&mut superuser).contains(&worker));
        }
        common::wait_for_job(&mut superuser, &job);
        assert_whole(&mut superuser, &job, exported(30_000));
        wait_until_idle(&mut superuser);
        assert_tidy(&mut superuser, &cluster);
    }
}

/// While it is read, whatever an export has on disk has no name, and is in the spool directory and nowhere else.
#[test]
fn spool_files_have_no_names() {
    let cluster = crashing(true);
    let app = jobs::app(&cluster, 3_000);
    for format in ["xlsx", "csv", "ndjson", "json"] {
        hold_through_crashes(Phase::Reading, &app);
        let job = start(&mut app.session(&app.login, 0), format, "");
        let mut superuser = app.superuser();
        let worker = wait_until_held(&mut superuser, &job, Phase::Reading);
        let spool = cluster.data().join("base/pgsql_tmp").canonicalize().unwrap();
        let unnamed: Vec<_> = fs::read_dir(format!("/proc/{worker}/fd"))
            .unwrap()
            .filter_map(|entry| fs::read_link(entry.unwrap().path()).ok())
            .filter(|target| target.to_string_lossy().ends_with(" (deleted)"))
            .filter(|target| !target.starts_with("/dev"))
            .collect();
        assert!(!unnamed.is_empty(), "{format}: nothing is spooled");
        assert!(unnamed.iter().all(|target| target.starts_with(&spool)), "{format}: {unnamed:?}");
        assert_eq!(jobs::spool_files(&cluster), Vec::<String>::new());
        release_through_crashes(&app);
        wait_for_status(&mut superuser, &job, "completed");
        wait_until_idle(&mut superuser);
        assert_tidy(&mut superuser, &cluster);
    }
}
