//! Events that wait for their place in the chain.

use support::jobs;

use std::thread;

use postgres::Client;
use support::common::{shared, wait_for_job, wait_until, Cluster, ClusterOptions, TwoTenants};
use support::jobs::{start, text, wait_until_idle};
use support::told::{assert_whole, told, unsealed, wait_until_sealed};

const ROWS: u32 = 3;

/// Events, places, the last place.
fn places(superuser: &mut Client) -> [i64; 3] {
    let sql = "SELECT count(*), count(DISTINCT seq), max(seq) FROM acct_export.audit";
    let row = superuser.query_one(sql, &[]).unwrap();
    [0, 1, 2].map(|column| row.get(column))
}

/// A commit that holds the end of the chain and cannot go on, as long as the returned session is open; and the thread that waits
/// for it.
fn hold_the_chain(app: &TwoTenants) -> (Client, thread::JoinHandle<bool>) {
    let mut holder = app.superuser();
    holder.batch_execute("BEGIN; LOCK TABLE acct_export.audit_seal IN EXCLUSIVE MODE").unwrap();
    let mut stuck = app.session(&app.login, 0);
    let held = thread::spawn(move || stuck.query("SELECT acct_export_csv('users')", &[]).is_ok());
    let mut superuser = app.superuser();
    wait_until(jobs::LIMIT, "a commit waits for the seals", || {
        let sql = "SELECT FROM pg_locks WHERE relation = 'acct_export.audit_seal'::regclass AND NOT granted";
        !superuser.query(sql, &[]).unwrap().is_empty()
    });
    (holder, held)
}

/// Commits do not wait for one that seals, a job runs to its end meanwhile, and all events get places afterwards.
#[test]
fn commits_do_not_wait_for_one_that_seals() {
    let app = TwoTenants::with_users(shared(), ROWS);
    let mut superuser = app.superuser();
    let (holder, held) = hold_the_chain(&app);
    let mut requester = app.session(&app.login, 0);
    requester.batch_execute("SET statement_timeout = '60s'").unwrap();
    let job = start(&mut requester, "csv", "");
    assert_eq!(text(&wait_for_job(&mut requester, &job), "status"), Some("completed"));
    requester.query("SELECT acct_export_ndjson('users')", &[]).unwrap();
    assert!(unsealed(&mut superuser) >= 3, "requested, exported, streamed");
    assert_whole(&mut superuser);
    drop(holder);
    assert!(held.join().unwrap());
    // The next event takes all along that have committed.
    wait_until_idle(&mut superuser);
    requester.query("SELECT acct_export_ndjson('users')", &[]).unwrap();
    wait_until_sealed(&mut superuser);
    let [events, distinct, last] = places(&mut superuser);
    assert_eq!([distinct, last], [events; 2]);
    assert_whole(&mut superuser);
}

/// A transaction that becomes read-only after its event leaves the sealing to others, and one of REPEATABLE READ, in which events of
/// others are older or newer than its snapshot, seals and removes them all.
#[test]
fn transactions_of_any_mode_can_end() {
    let app = TwoTenants::with_users(shared(), ROWS);
    let mut superuser = app.superuser();
    let mut requester = app.session(&app.login, 0);
    requester
        .batch_execute("BEGIN; SELECT acct_export_csv('users'); SET TRANSACTION READ ONLY; COMMIT")
        .unwrap();
    assert_eq!(unsealed(&mut superuser), 1);
    let mut old = app.superuser();
    old.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT FROM app.users").unwrap();
    for _ in 0..3 {
        requester.query("SELECT acct_export_ndjson('users')", &[]).unwrap();
    }
    old.batch_execute("SELECT acct_export_audit_remove(clock_timestamp(), 'all that there is'); COMMIT")
        .unwrap();
    wait_until_sealed(&mut superuser);
    let events: Vec<String> = superuser
        .query("SELECT event FROM acct_export_audit ORDER BY id", &[])
        .unwrap()
        .iter()
        .map(|row| row.get(0))
        .collect();
    assert_eq!(events, ["user.bulk_export.audit_removed"]);
    assert_whole(&mut superuser);
}

/// A crash between the commit of an event and its seal: the event is there, the one whose transaction had not ended is not, and
/// both tables agree.
#[test]
fn a_crash_before_the_seal_loses_no_event() {
    let cluster: &'static Cluster = Box::leak(Box::new(Cluster::start(ClusterOptions::preloaded())));
    let app = TwoTenants::with_users(cluster, ROWS);
    let (holder, held) = hold_the_chain(&app);
    let mut requester = app.session(&app.login, 0);
    requester.query("SELECT acct_export_ndjson('users')", &[]).unwrap();
    let mut superuser = app.superuser();
    assert_eq!(unsealed(&mut superuser), 1);
    cluster.stop_immediate();
    drop(holder);
    assert!(!held.join().unwrap());
    cluster.restart();
    let mut superuser = app.superuser();
    let streams = told(&mut superuser, "");
    assert_eq!(streams.len(), 1, "{streams:?}");
    assert_whole(&mut superuser);
    // The launcher's worker seals it, without another event.
    wait_until_sealed(&mut superuser);
    let [events, distinct, last] = places(&mut superuser);
    assert_eq!([distinct, last], [events; 2]);
    assert_whole(&mut superuser);
}

/// A chain that somebody has broken so that nothing can be sealed stops nobody: the events are there, and the break is told.
#[test]
fn what_cannot_be_sealed_is_committed() {
    let app = TwoTenants::with_users(shared(), ROWS);
    let mut superuser = app.superuser();
    wait_until_idle(&mut superuser);
    superuser
        .batch_execute(
            "SET session_replication_role = replica;
             INSERT INTO acct_export.audit_seal SELECT max(seq) + 1, sha256('x') FROM acct_export.audit_seal;
             RESET session_replication_role",
        )
        .unwrap();
    let mut requester = app.session(&app.login, 0);
    let job = start(&mut requester, "csv", "");
    assert_eq!(text(&wait_for_job(&mut requester, &job), "status"), Some("completed"));
    requester.query("SELECT acct_export_ndjson('users')", &[]).unwrap();
    assert_eq!(told(&mut superuser, "").len(), 2);
    assert_eq!(unsealed(&mut superuser), 3, "requested, exported, streamed");
    assert_eq!(superuser.query("SELECT FROM acct_export_audit_verify()", &[]).unwrap().len(), 1);
}

/// An event that is changed or put in before it has a place never gets one, and is found; those behind it get theirs.
#[test]
fn what_was_changed_before_the_seal_is_never_sealed() {
    for deed in [
        "UPDATE acct_export.audit SET role = 'nobody' WHERE seq IS NULL",
        "UPDATE acct_export.audit SET hash = sha256('x') WHERE seq IS NULL",
        "UPDATE acct_export.audit SET hash = NULL WHERE seq IS NULL",
        "INSERT INTO acct_export.audit (event, role) VALUES ('user.bulk_export', 'victim')",
        "INSERT INTO acct_export.audit (event, role, hash) VALUES ('user.bulk_export', 'victim', sha256('x'))",
    ] {
        let app = TwoTenants::with_users(shared(), ROWS);
        let mut superuser = app.superuser();
        let (holder, held) = hold_the_chain(&app);
        let mut requester = app.session(&app.login, 0);
        requester.query("SELECT acct_export_ndjson('users')", &[]).unwrap();
        let mut forger = app.superuser();
        forger.batch_execute(&format!("SET session_replication_role = replica; {deed}")).unwrap();
        drop(holder);
        assert!(held.join().unwrap(), "{deed}");
        requester.query("SELECT acct_export_ndjson('users')", &[]).unwrap();
        let broken = superuser.query("SELECT id FROM acct_export_audit_verify()", &[]).unwrap();
        assert_eq!(broken.len(), 1, "{deed}");
        let sql = "SELECT FROM acct_export.audit WHERE id = $1 AND seq IS NULL";
        assert_eq!(superuser.query(sql, &[&broken[0].get::<_, i64>(0)]).unwrap().len(), 1, "{deed}");
        wait_until(jobs::LIMIT, &format!("the others are sealed: {deed}"), || unsealed(&mut superuser) == 1);
    }
}
