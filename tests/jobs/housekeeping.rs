//! Effects of time on jobs and files, the levels that may set the settings, and the remains of two hundred exports.

use support::jobs;

use std::collections::BTreeMap;
use std::fs;

use postgres::Client;
use serde_json::Value;
use support::common::{error_of, shared, wait_for_job, wait_until, Cluster, ClusterOptions, TwoTenants};
use support::jobs::{
    assert_tidy, assert_whole, events, exported, record, start, status, text, wait_for_status,
    wait_until_held, wait_until_idle, Hold, Phase, LIMIT,
};

const ROWS: u32 = 50;

/// A completed export of tenant 0.
fn done(app: &TwoTenants) -> String {
    let mut requester = app.session(&app.login, 0);
    let job = start(&mut requester, "csv", "");
    assert_eq!(text(&wait_for_job(&mut requester, &job), "status"), Some("completed"));
    job
}

/// Makes a job so much older, as if the time had passed.
fn age(superuser: &mut Client, job: &str, by: &str) {
    superuser
        .batch_execute(&format!(
            "UPDATE acct_export.job SET created_at = created_at - interval '{by}', started_at = started_at - interval '{by}',
                finished_at = finished_at - interval '{by}', expires_at = expires_at - interval '{by}' WHERE id = '{job}'"
        ))
        .unwrap();
}

fn assert_expired(superuser: &mut Client, job: &str) {
    let row = status(superuser, job);
    assert_eq!(text(&row, "status"), Some("expired"));
    let files: Value = row.get("files");
    assert_eq!(files[0]["status"], "expired", "{files}");
    let chunks: i64 = superuser
        .query_one("SELECT count(*) FROM acct_export.chunk WHERE job = $1::text::uuid", &[&job])
        .unwrap()
        .get(0);
    assert_eq!(chunks, 0);
    for sql in [
        "SELECT acct_export_file($1::text::uuid)",
        "SELECT * FROM acct_export_chunks($1::text::uuid)",
        "SELECT acct_export_large_object($1::text::uuid)",
    ] {
        let error = error_of(superuser.query(sql, &[&job]));
        assert_eq!(error.sqlstate, "55000", "{sql}");
        assert!(error.hint.is_some(), "{sql}");
    }
    assert_eq!(events(superuser, job, "user.bulk_export.purged"), 1);
}

#[test]
fn files_are_kept_for_the_retention() {
    let app = TwoTenants::with_users(shared(), ROWS);
    let mut superuser = app.superuser();
    let default = done(&app);
    superuser
        .batch_execute(&format!("ALTER DATABASE {} SET acct_export.retention = '36 hours'", app.db))
        .unwrap();
    wait_until_idle(&mut superuser);
    let shorter = done(&app);
    for (job, expected) in [(&default, "7 days"), (&shorter, "36 hours")] {
        let near = record(
            &mut superuser,
            job,
            &format!("abs(extract(epoch FROM expires_at - finished_at - interval '{expected}')) < 1"),
        );
        assert_eq!(near.as_deref(), Some("true"), "{expected}");
    }
    // An hour before its time a file is there, at its time it goes.
    age(&mut superuser, &shorter, "35 hours");
    assert_eq!(superuser.query_one("SELECT acct_export_purge()", &[]).unwrap().get::<_, i64>(0), 0);
    assert_whole(&mut superuser, &shorter, exported(ROWS));
    age(&mut superuser, &shorter, "1 hour");
    assert_eq!(superuser.query_one("SELECT acct_export_purge()", &[]).unwrap().get::<_, i64>(0), 1);
    assert_expired(&mut superuser, &shorter);
    assert_eq!(superuser.query_one("SELECT acct_export_purge()", &[]).unwrap().get::<_, i64>(0), 0);
    assert_whole(&mut superuser, &default, exported(ROWS));
    assert_tidy(&mut superuser, shared());
}

/// A file past its time is not handed out, even while nobody has purged it yet.
#[test]
fn an_expired_file_is_not_to_be_had() {
    let app = TwoTenants::with_users(shared(), ROWS);
    let mut superuser = app.superuser();
    let job = done(&app);
    wait_until_idle(&mut superuser);
    age(&mut superuser, &job, "8 days");
    let error = error_of(superuser.query("SELECT acct_export_file($1::text::uuid)", &[&job]));
    assert_eq!(error.sqlstate, "55000");
}

#[test]
fn records_are_kept_for_the_history() {
    let app = TwoTenants::with_users(shared(), ROWS);
    let mut superuser = app.superuser();
    let (old, recent) = (done(&app), done(&app));
    wait_until_idle(&mut superuser);
    age(&mut superuser, &old, "91 days");
    age(&mut superuser, &recent, "89 days");
    superuser.execute("SELECT acct_export_purge()", &[]).unwrap();
    let error = error_of(superuser.query("SELECT acct_export_status($1::text::uuid)", &[&old]));
    assert_eq!(error.sqlstate, "P0002");
    assert_expired(&mut superuser, &recent);
    // The trail stays.
    for event in ["user.bulk_export.requested", "user.bulk_export", "user.bulk_export.purged"] {
        assert_eq!(events(&mut superuser, &old, event), 1, "{event}");
    }
    assert_tidy(&mut superuser, shared());
}

#[test]
fn a_worker_purges_on_its_way() {
    let cluster: &'static Cluster = Box::leak(Box::new(Cluster::start(ClusterOptions::default())));
    let app = TwoTenants::with_users(cluster, ROWS);
    let mut superuser = app.superuser();
    let old = done(&app);
    wait_until_idle(&mut superuser);
    age(&mut superuser, &old, "8 days");
    // Exports first: the new job is completed before the worker purges.
    let new = done(&app);
    wait_for_status(&mut superuser, &old, "expired");
    assert_expired(&mut superuser, &old);
    assert_whole(&mut superuser, &new, exported(ROWS));
}

#[test]
fn the_launcher_purges_where_nobody_comes_by() {
    let cluster: &'static Cluster = Box::leak(Box::new(Cluster::start(ClusterOptions::preloaded())));
    let app = TwoTenants::with_users(cluster, ROWS);
    let mut superuser = app.superuser();
    let old = done(&app);
    wait_until_idle(&mut superuser);
    age(&mut superuser, &old, "8 days");
    superuser.execute("SELECT pg_reload_conf()", &[]).unwrap(); // begins a round
    wait_for_status(&mut superuser, &old, "expired");
    assert_expired(&mut superuser, &old);
}

#[test]
fn a_purge_leaves_what_runs_and_what_waits() {
    let app = jobs::app(shared(), ROWS);
    let mut superuser = app.superuser();
    let hold = Hold::at(Phase::Reading, &app);
    let running = jobs::fill(&app);
    let queued = start(&mut app.session(&app.login, 0), "json", "");
    for job in running.iter().chain([&queued]) {
        age(&mut superuser, job, "1 year");
    }
    superuser.execute("SELECT acct_export_purge()", &[]).unwrap();
    hold.release();
    for job in running.iter().chain([&queued]) {
        wait_for_job(&mut superuser, job);
        assert_whole(&mut superuser, job, exported(ROWS));
    }
}

#[test]
fn only_the_dba_changes_what_touches_safety_or_cost() {
    let app = TwoTenants::with_users(shared(), 1);
    let mut superuser = app.superuser();
    let names: Vec<String> = superuser
        .query("SELECT name FROM pg_settings WHERE name LIKE 'acct_export.%' ORDER BY name", &[])
        .unwrap()
        .iter()
        .map(|row| row.get(0))
        .collect();
    let contract = [
        "actor_setting",
        "async",
        "history",
        "job_timeout",
        "max_attempts",
        "max_rows",
        "max_workers",
        "retention",
        "session_settings",
        "spool_directory",
        "tenant_setting",
    ];
    for name in contract {
        assert!(names.contains(&format!("acct_export.{name}")), "{name} is missing: {names:?}");
    }
    let mut requester = app.session(&app.login, 0);
    for name in &names {
        let value: String = superuser.query_one("SELECT current_setting($1)", &[name]).unwrap().get(0);
        for sql in
            [format!("SET {name} = '{value}'"), format!("ALTER ROLE {} SET {name} = '{value}'", app.login)]
        {
            let sqlstate = error_of(requester.batch_execute(&sql)).sqlstate;
            assert!(["42501", "55P02"].contains(&sqlstate.as_str()), "{sql}: {sqlstate}");
        }
        superuser.batch_execute(&format!("ALTER SYSTEM SET {name} = '{value}'")).unwrap();
        superuser.batch_execute(&format!("ALTER SYSTEM RESET {name}")).unwrap();
    }
}

/// Handles, memory and locks of the one worker that does them all.
#[test]
fn two_hundred_exports_leave_nothing_behind() {
    let cluster: &'static Cluster =
        Box::leak(Box::new(Cluster::start(ClusterOptions::default().set("acct_export.max_workers", "1"))));
    let app = jobs::app(cluster, ROWS);
    let mut superuser = app.superuser();
    // Two hundred, all asked for at once while none can begin; the gate stands in all of them.
    let hold = Hold::at(Phase::Reading, &app);
    let mut requester = app.session(&app.login, 0);
    let first = start(&mut requester, "csv", "");
    let worker = wait_until_held(&mut superuser, &first, Phase::Reading);
    requester
        .execute(
            "SELECT acct_export_start('users', (ARRAY['csv', 'xlsx', 'json', 'ndjson'])[1 + n % 4],
                filter => jsonb_build_object('id', jsonb_build_object('gt', -n)))
             FROM generate_series(1, 200) AS n",
            &[],
        )
        .unwrap();
    hold.release();
    let mut seen: BTreeMap<i64, (usize, u64)> = BTreeMap::new();
    wait_until(LIMIT * 2, "all are done", || {
        let done: i64 = superuser
            .query_one("SELECT count(*) FROM acct_export.job WHERE status = 'completed'", &[])
            .unwrap()
            .get(0);
        if let Some(now) = weight(worker) {
            seen.insert(done, now);
        }
        done == 201
    });
    wait_until_idle(&mut superuser);
    let pids: i64 =
        superuser.query_one("SELECT count(*) FROM acct_export.job WHERE attempts <> 1", &[]).unwrap().get(0);
    assert_eq!(pids, 0);
    let early = seen.range(20..100).next().expect("never looked at early on").1;
    let late = seen.range(120..).next_back().expect("never looked at late").1;
    assert!(late.0 <= early.0 + 4, "open files: {early:?} then {late:?}");
    assert!(late.1 <= early.1 + 16 * 1024, "KiB of memory: {early:?} then {late:?}");
    assert_tidy(&mut superuser, cluster);
}

/// Open files of a process, and KiB of memory that is its own.
fn weight(pid: i32) -> Option<(usize, u64)> {
    let files = fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count();
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("RssAnon:"))?;
    Some((files, line.split_whitespace().nth(1)?.parse().ok()?))
}
