//! `acct_export.async = off`: the whole job in the caller's session, before `acct_export_start` returns; with the same
//! guards, and nothing left behind when it fails.

use support::common;
use support::jobs;

use postgres::Client;
use support::common::{error_of, shared, unique, wait_until, TwoTenants};
use support::jobs::{
    assert_nothing, assert_tidy, assert_whole, exported, life_locks, start, status, text, Hold, Phase, LIMIT,
};

const ROWS: u32 = 50;

/// An application whose sessions export by themselves.
fn app() -> TwoTenants {
    let app = jobs::app(shared(), ROWS);
    app.superuser().batch_execute(&format!("ALTER DATABASE {} SET acct_export.async = off", app.db)).unwrap();
    app
}

/// The whole of an export, for a role and tenant.
fn file(client: &mut Client, job: &str) -> String {
    let bytes: Vec<u8> = client.query_one("SELECT acct_export_file($1::text::uuid)", &[&job]).unwrap().get(0);
    String::from_utf8(bytes).unwrap()
}

#[test]
fn it_is_done_when_start_returns() {
    let app = app();
    for role in [&app.login, &app.nologin] {
        let mut requester = app.session(role, 0);
        requester.batch_execute("BEGIN").unwrap();
        let job = start(&mut requester, "csv", "");
        let row = status(&mut requester, &job);
        assert_eq!(
            (text(&row, "status"), row.get("percent"), row.get("attempts")),
            (Some("completed"), Some(100), Some(1))
        );
        let content = file(&mut requester, &job);
        assert!(content.contains("@a.example") && !content.contains("@b.example"));
        assert!(!content.contains(common::SECRET));
        // Waiting for it is no mistake here: it has ended.
        requester.execute("SELECT acct_export_wait($1::text::uuid)", &[&job]).unwrap();
        requester.batch_execute("COMMIT").unwrap();
        let mut superuser = app.superuser();
        assert_whole(&mut superuser, &job, exported(ROWS));
        // The session is the caller's own again, and may write.
        let who: String = requester
            .query_one(
                "SELECT concat_ws(' ', session_user, current_user, current_setting('transaction_read_only'))",
                &[],
            )
            .unwrap()
            .get(0);
        let session = if *role == app.login { role.as_str() } else { "postgres" };
        assert_eq!(who, format!("{session} {role} off"));
    }
    assert_tidy(&mut app.superuser(), shared());
}

#[test]
fn a_transaction_makes_two_and_can_take_them_back() {
    let app = app();
    let mut requester = app.session(&app.login, 0);
    let mut superuser = app.superuser();
    for (end, kept) in [("ROLLBACK", 0), ("COMMIT", 2)] {
        requester.batch_execute("BEGIN").unwrap();
        let jobs = [start(&mut requester, "csv", ""), start(&mut requester, "xlsx", "")];
        requester.batch_execute(end).unwrap();
        let count: i64 = superuser.query_one("SELECT count(*) FROM acct_export.chunk", &[]).unwrap().get(0);
        assert_eq!(count, kept, "{end}");
        if kept > 0 {
            jobs.iter().for_each(|job| assert_whole(&mut superuser, job, exported(ROWS)));
        } else {
            assert!(superuser.query("SELECT FROM acct_export.job", &[]).unwrap().is_empty());
        }
    }
    assert_tidy(&mut superuser, shared());
}

#[test]
fn what_fails_leaves_nothing_in_the_session() {
    let app = app();
    let mut superuser = app.superuser();
    superuser.batch_execute(&format!("ALTER DATABASE {} SET acct_export.max_rows = 3", app.db)).unwrap();
    let mut requester = app.session(&app.login, 0);
    for round in 0..40 {
        let format = ["csv", "xlsx"][round % 2];
        let error = error_of(requester.query(&format!("SELECT acct_export_start('users', '{format}')"), &[]));
        assert_eq!(error.sqlstate, "54000");
        assert!(error.hint.is_some());
    }
    assert_no_locks(&mut superuser);
    assert!(superuser.query("SELECT FROM acct_export.job", &[]).unwrap().is_empty());
    let pid: i32 = requester.query_one("SELECT pg_backend_pid()", &[]).unwrap().get(0);
    assert_eq!(unnamed_files(pid), 0);
    assert_one_thread(pid);
    assert!(superuser.query("SELECT FROM pg_stat_progress_copy WHERE pid = $1", &[&pid]).unwrap().is_empty());
    // A caller who catches the error goes on, as himself and able to write.
    requester
        .batch_execute(
            "DO $$ BEGIN
                PERFORM acct_export_start('users', 'csv');
                RAISE 'it should have failed';
             EXCEPTION WHEN program_limit_exceeded THEN
                CREATE TEMP TABLE caught AS SELECT current_user AS who;
             END $$",
        )
        .unwrap();
    let who: String = requester.query_one("SELECT who::text FROM caught", &[]).unwrap().get(0);
    assert_eq!(who, app.login);
    assert_eq!(unnamed_files(pid), 0);
}

/// A worker of the launcher's round may be there for a moment; what a session keeps stays as long as it does.
fn assert_no_locks(superuser: &mut Client) {
    wait_until(LIMIT, "no locks of jobs or workers", || life_locks(superuser) == 0);
}

/// A thread that was joined may be listed for a moment.
fn assert_one_thread(pid: i32) {
    let threads = || std::fs::read_dir(format!("/proc/{pid}/task")).unwrap().count();
    wait_until(LIMIT, "no thread but the server's own", || threads() == 1);
}

/// Unlinked files that a process still has open.
fn unnamed_files(pid: i32) -> usize {
    std::fs::read_dir(format!("/proc/{pid}/fd"))
        .unwrap()
        .filter_map(|entry| std::fs::read_link(entry.unwrap().path()).ok())
        .filter(|target| {
            target.to_string_lossy().ends_with(" (deleted)")
                && target.starts_with(shared().data().canonicalize().unwrap())
        })
        .count()
}

#[test]
fn it_can_be_cancelled() {
    let app = app();
    let _hold = Hold::at(Phase::Reading, &app);
    let mut requester = app.session(&app.login, 0);
    requester.batch_execute("SET statement_timeout = '200ms'").unwrap();
    let pid: i32 = requester.query_one("SELECT pg_backend_pid()", &[]).unwrap().get(0);
    for format in ["csv", "xlsx"] {
        let error = error_of(requester.query(&format!("SELECT acct_export_start('users', '{format}')"), &[]));
        assert_eq!(error.sqlstate, "57014");
        assert_eq!(unnamed_files(pid), 0, "{format}");
        assert_one_thread(pid);
    }
    let mut superuser = app.superuser();
    assert_no_locks(&mut superuser);
    assert!(superuser.query("SELECT FROM acct_export.job", &[]).unwrap().is_empty());
}

#[test]
fn its_guards_hold() {
    let app = app();
    let mut superuser = app.superuser();
    // Functions that the source calls cannot write, become another role, or change the session.
    superuser
        .batch_execute(&format!("CREATE TABLE app.loot (x text); GRANT ALL ON app.loot TO {}", app.login))
        .unwrap();
    for (deed, sqlstate) in [
        ("INSERT INTO app.loot VALUES (current_user)", "25006"),
        ("CREATE TABLE app.more_loot (x text)", "25006"),
        ("CREATE TEMP TABLE loot (x text)", "25006"),
        ("RESET ROLE", "42501"),
        ("SET SESSION AUTHORIZATION DEFAULT", "42501"),
        ("SET transaction_read_only = off", "25001"),
    ] {
        superuser
            .batch_execute(&format!(
                "CREATE OR REPLACE FUNCTION app.pass(id bigint) RETURNS boolean LANGUAGE plpgsql AS
                 $$ BEGIN {deed}; RETURN true; END $$"
            ))
            .unwrap();
        let error =
            error_of(app.session(&app.login, 0).query("SELECT acct_export_start('users', 'csv')", &[]));
        // An error of the source's own code is told by its SQLSTATE, in the message at least.
        assert!(error.sqlstate == sqlstate || error.message.contains(sqlstate), "{deed}: {error:?}");
    }
    assert!(superuser.query("SELECT FROM app.loot", &[]).unwrap().is_empty());
    superuser
        .batch_execute(
            "CREATE OR REPLACE FUNCTION app.pass(id bigint) RETURNS boolean LANGUAGE sql RETURN true",
        )
        .unwrap();
    // No tenant; no row security; no right.
    let mut nobody = shared().connect(&app.db, &app.login);
    assert_eq!(error_of(nobody.query("SELECT acct_export_start('users')", &[])).sqlstate, "42501");
    let mut bypassing = app.session(&unique_role(&mut superuser, "BYPASSRLS", &app), 0);
    assert_eq!(error_of(bypassing.query("SELECT acct_export_start('users')", &[])).sqlstate, "42501");
    superuser.batch_execute(&format!("REVOKE SELECT ON app.users FROM {}", app.login)).unwrap();
    // Without any right it is a stranger.
    let mut requester = app.session(&app.login, 0);
    assert_eq!(error_of(requester.query("SELECT acct_export_start('users')", &[])).sqlstate, "22023");
    assert!(superuser.query("SELECT FROM acct_export.job", &[]).unwrap().is_empty());
}

fn unique_role(superuser: &mut Client, attribute: &str, app: &TwoTenants) -> String {
    let role = unique("special");
    let sql = format!("CREATE ROLE {role} LOGIN {attribute}; GRANT {} TO {role}", app.login);
    superuser.batch_execute(&sql).unwrap();
    role
}

#[test]
fn others_do_not_see_it_before_it_is_committed() {
    let app = app();
    let mut requester = app.session(&app.login, 0);
    requester.batch_execute("BEGIN").unwrap();
    let job = start(&mut requester, "csv", "");
    let mut other = app.session(&app.login, 0);
    let seen = other.query("SELECT acct_export_status($1::text::uuid)", &[&job]);
    assert_eq!(error_of(seen).sqlstate, "P0002");
    requester.batch_execute("ROLLBACK").unwrap();
    assert_nothing(&mut app.superuser(), &job);
}
