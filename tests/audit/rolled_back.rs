//! Data that have left the server stay recorded: downloads and streams are audited although their transaction, or a savepoint around
//! them, is rolled back.

use support::common;
use support::jobs;
use support::told;

use postgres::Client;
use support::common::{shared, Cluster, ClusterOptions, TwoTenants};
use support::told::{
    assert_whole, completed, detail, segments, text, told, wait_for, wait_for_audit_workers,
};

const ROWS: u32 = 5;

fn rolled_back(row: &postgres::Row) -> bool {
    detail(row).get("rolled_back").is_some_and(|told| told == true)
}

fn download(client: &mut Client, job: &str) {
    client.query_one("SELECT acct_export_file($1::text::uuid)", &[&job]).unwrap();
}

#[test]
fn a_download_outlasts_its_transaction() {
    let app = TwoTenants::with_users(shared(), ROWS);
    let (job, mut superuser) = (completed(&app), app.superuser());
    let mut client = app.session(&app.login, 0);
    client.batch_execute("SET app.user_id = '7'; BEGIN").unwrap();
    download(&mut client, &job);
    client.query("SELECT * FROM acct_export_chunks($1::text::uuid)", &[&job]).unwrap();
    client.batch_execute("ROLLBACK").unwrap();
    let rows = wait_for(&mut superuser, "downloaded", 2);
    for row in &rows {
        assert!(rolled_back(row));
        assert_eq!((text(row, "job"), text(row, "dataset")), (Some(job.as_str()), Some("users")));
        assert_eq!((text(row, "role"), text(row, "actor")), (Some(app.login.as_str()), Some("7")));
        assert_eq!(text(row, "tenant"), Some(app.tenants[0].as_str()));
    }
    assert_eq!((&detail(&rows[0])["way"], &detail(&rows[1])["way"]), (&"bytea".into(), &"chunks".into()));
    // A committed download is recorded once and is no rollback.
    download(&mut client, &job);
    wait_for_audit_workers(&mut superuser);
    let rows = told(&mut superuser, "downloaded");
    assert_eq!(rows.iter().map(rolled_back).collect::<Vec<_>>(), [true, true, false]);
    assert_whole(&mut superuser);
}

/// Savepoints that are rolled back, released, nested; blocks with a handler.
#[test]
fn a_download_outlasts_its_savepoint() {
    let app = TwoTenants::with_users(shared(), ROWS);
    let (job, mut superuser) = (completed(&app), app.superuser());
    let mut client = app.session(&app.login, 0);
    let take = format!("acct_export_file('{job}')");
    for (steps, kept, lost) in [
        ("TAKE; SAVEPOINT a; TAKE; ROLLBACK TO a; TAKE; COMMIT", 2, 1),
        ("SAVEPOINT a; TAKE; RELEASE a; SAVEPOINT b; ROLLBACK TO b; COMMIT", 1, 0),
        ("SAVEPOINT a; SAVEPOINT b; TAKE; RELEASE b; ROLLBACK TO a; COMMIT", 0, 1),
        ("SAVEPOINT a; TAKE; RELEASE a; ROLLBACK", 0, 1),
        ("SAVEPOINT a; TAKE; ROLLBACK TO a; ROLLBACK", 0, 1),
        ("DO $$ BEGIN PERFORM; RAISE 'no'; EXCEPTION WHEN OTHERS THEN NULL; END $$; TAKE; COMMIT", 1, 1),
        ("DO $$ BEGIN BEGIN PERFORM; EXCEPTION WHEN OTHERS THEN NULL; END; PERFORM; END $$; COMMIT", 2, 0),
    ] {
        let before = told(&mut superuser, "downloaded").len();
        client.batch_execute("BEGIN").unwrap();
        let statements =
            steps.replace("PERFORM", &format!("PERFORM {take}")).replace("TAKE", &format!("SELECT {take}"));
        client.batch_execute(&statements).unwrap_or_else(|e| panic!("{steps}: {e:?}"));
        let rows = wait_for(&mut superuser, "downloaded", before + kept + lost);
        wait_for_audit_workers(&mut superuser);
        let told = rows[before..].iter().filter(|row| rolled_back(row)).count();
        assert_eq!((rows.len() - before - told, told), (kept, lost), "{steps}");
        assert_eq!(told::told(&mut superuser, "downloaded").len(), rows.len(), "{steps}");
    }
    assert_whole(&mut superuser);
}

#[test]
fn a_stream_outlasts_its_transaction() {
    let app = TwoTenants::with_users(shared(), ROWS);
    let mut superuser = app.superuser();
    let mut client = app.session(&app.login, 0);
    client
        .batch_execute(
            "BEGIN; SELECT acct_export_csv('users', filter => '{\"status\":\"active\"}'); ROLLBACK",
        )
        .unwrap();
    let rows = wait_for(&mut superuser, "", 1);
    assert!(rolled_back(&rows[0]));
    assert_eq!(detail(&rows[0])["filter"], serde_json::json!({ "status": "active" }));
    // One that breaks in the middle: the rows before it are out.
    client.batch_execute("SELECT acct_export_csv('users'), 1 / (random() * 0)::integer").unwrap_err();
    assert!(rolled_back(&wait_for(&mut superuser, "", 2)[1]));
    // In a transaction that may not write it is told at once.
    client.batch_execute("BEGIN READ ONLY; SELECT acct_export_ndjson('users')").unwrap();
    let rows = told(&mut superuser, "");
    assert_eq!((rows.len(), rolled_back(&rows[2])), (3, false));
    client.batch_execute("ROLLBACK").unwrap();
    wait_for_audit_workers(&mut superuser);
    assert_eq!(told(&mut superuser, "").len(), 3);
    assert_whole(&mut superuser);
}

/// A client that is gone, or a process that is stopped, has taken what it took.
#[test]
fn a_download_outlasts_its_session() {
    let app = TwoTenants::with_users(shared(), ROWS);
    let (job, mut superuser) = (completed(&app), app.superuser());
    for (count, stop) in [(1, false), (2, true)] {
        let mut client = app.session(&app.login, 0);
        client.batch_execute("BEGIN").unwrap();
        download(&mut client, &job);
        if stop {
            let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1 AND state LIKE 'idle in%'";
            superuser.query(sql, &[&app.login]).unwrap();
        }
        drop(client);
        assert!(wait_for(&mut superuser, "downloaded", count).iter().all(rolled_back));
    }
}

/// However many there are in one transaction: one segment, and all are told.
#[test]
fn many_downloads_share_a_segment() {
    let options = ClusterOptions::default().set("dynamic_shared_memory_type", "mmap");
    let cluster: &'static Cluster = Box::leak(Box::new(Cluster::start(options)));
    let app = TwoTenants::with_users(cluster, ROWS);
    let (job, mut superuser) = (completed(&app), app.superuser());
    jobs::wait_until_idle(&mut superuser);
    let before = segments(cluster);
    let mut client = app.session(&app.login, 0);
    let many = format!("SELECT count(acct_export_file('{job}')) FROM generate_series(1, 500)");
    for (end, count) in [("ROLLBACK", 500), ("COMMIT", 1000), ("ROLLBACK", 1500)] {
        client.batch_execute(&format!("BEGIN; {many}")).unwrap();
        assert!(segments(cluster) <= before + 1);
        client.batch_execute(end).unwrap();
        wait_for(&mut superuser, "downloaded", count);
        wait_for_audit_workers(&mut superuser);
    }
    drop(client);
    common::wait_until(jobs::LIMIT, "no segment is left", || segments(cluster) <= before);
    assert!(!cluster.log().contains("leak"));
    assert_whole(&mut superuser);
}

/// Without a free worker slot the log has the event of a transaction that is rolled back.
#[test]
fn no_slot_for_an_audit_worker() {
    let options = ClusterOptions::default()
        .set("max_worker_processes", "0")
        .set("acct_export.async", "off")
        .set("dynamic_shared_memory_type", "mmap");
    let cluster: &'static Cluster = Box::leak(Box::new(Cluster::start(options)));
    let app = TwoTenants::with_users(cluster, ROWS);
    let job = completed(&app);
    let mut client = app.session(&app.login, 0);
    let before = segments(cluster);
    client.batch_execute(&format!("BEGIN; SELECT acct_export_file('{job}'); ROLLBACK")).unwrap();
    client.batch_execute("BEGIN READ ONLY; SELECT acct_export_csv('users'); COMMIT").unwrap();
    assert_eq!(segments(cluster), before);
    let log = cluster.log();
    for what in [format!("downloaded of export {job}"), "bulk_export of dataset \"users\"".to_owned()] {
        assert_eq!(log.matches(&format!("{what} by role \"{}\"", app.login)).count(), 1, "{what}");
    }
}
