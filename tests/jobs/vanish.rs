//! Objects that an export depends on go away while it runs or waits: the extension, the database, the role that asked for it.

use support::jobs;

use std::thread;

use postgres::Client;
use support::common::{error_of, shared, unique, wait_for_job, wait_until, TwoTenants};
use support::jobs::{
    assert_nothing, assert_whole, events, exported, fill, start, status, text, wait_until_held,
    wait_until_idle, Hold, Phase, LIMIT,
};

const ROWS: u32 = 50;

/// A session that a crash of the server would end.
fn witness() -> Client {
    shared().connect("postgres", "postgres")
}

#[test]
fn the_extension_is_dropped() {
    let mut witness = witness();
    for phase in Phase::BOTH {
        let app = jobs::app(shared(), ROWS);
        let hold = Hold::at(phase, &app);
        let job = start(&mut app.session(&app.login, 0), "csv", "");
        let mut superuser = app.superuser();
        wait_until_held(&mut superuser, &job, phase);

        let mut dropping = app.superuser();
        let pid: i32 = dropping.query_one("SELECT pg_backend_pid()", &[]).unwrap().get(0);
        let drop = thread::spawn(move || dropping.batch_execute("DROP EXTENSION pg_acctexport"));
        wait_until(LIMIT, "DROP EXTENSION waits or is done", || {
            let sql = "SELECT FROM pg_stat_activity WHERE pid = $1 AND (wait_event_type = 'Lock' OR state = 'idle')";
            !witness.query(sql, &[&pid]).unwrap().is_empty()
        });
        hold.release();
        drop.join().unwrap().expect("DROP EXTENSION and the worker wait for each other");
        wait_until_idle(&mut superuser);
        // It comes back, and works.
        superuser.batch_execute("CREATE EXTENSION pg_acctexport").unwrap();
        app.register(&mut superuser);
        let job = start(&mut app.session(&app.login, 0), "csv", "");
        wait_for_job(&mut superuser, &job);
        assert_whole(&mut superuser, &job, exported(ROWS));
    }
    witness.simple_query("SELECT").expect("the server has crashed");
}

#[test]
fn the_database_is_dropped() {
    let mut witness = witness();
    for phase in Phase::BOTH {
        let app = jobs::app(shared(), ROWS);
        let _hold = Hold::at(phase, &app);
        let job = start(&mut app.session(&app.login, 0), "csv", "");
        wait_until_held(&mut app.superuser(), &job, phase);
        witness.batch_execute(&format!("DROP DATABASE {} WITH (FORCE)", app.db)).unwrap();
    }
    witness.simple_query("SELECT").expect("the server has crashed");
    assert_no_ghost();
}

/// No process has tried to connect to a database that is gone.
fn assert_no_ghost() {
    let log = shared().log();
    let ghosts: Vec<_> = log
        .lines()
        .filter(|line| line.contains("FATAL:  database") && line.contains("does not exist"))
        .collect();
    assert!(ghosts.is_empty(), "{ghosts:?}");
}

/// Databases go right after jobs were asked for in them, and while the launcher makes its rounds.
#[test]
fn databases_come_and_go() {
    let mut witness = witness();
    for turn in 0..6 {
        let app = jobs::app(shared(), 5);
        let job = start(&mut app.session(&app.login, 0), "csv", "");
        if turn % 2 == 0 {
            wait_for_job(&mut app.superuser(), &job);
        }
        witness.execute("SELECT pg_reload_conf()", &[]).unwrap();
        witness.batch_execute(&format!("DROP DATABASE {} WITH (FORCE)", app.db)).unwrap();
    }
    // A round after the last one.
    let app = jobs::app(shared(), 5);
    let job = start(&mut app.session(&app.login, 0), "csv", "");
    wait_for_job(&mut app.superuser(), &job);
    assert_no_ghost();
}

/// A job of this role that waits in the queue while `change` is made to it, and then runs; with a superuser.
fn queued_while(role: &str, app: &TwoTenants, change: &str) -> (Client, String) {
    let mut superuser = app.superuser();
    superuser
        .batch_execute(&format!(
            "CREATE ROLE {role} LOGIN; GRANT USAGE ON SCHEMA app TO {role}; GRANT SELECT ON app.users TO {role}"
        ))
        .unwrap();
    let hold = Hold::at(Phase::Reading, app);
    let running = fill(app);
    let job = start(&mut app.session(role, 0), "csv", "");
    assert_eq!(text(&status(&mut superuser, &job), "status"), Some("queued"));
    superuser.batch_execute(change).unwrap();
    hold.release();
    for other in &running {
        wait_for_job(&mut superuser, other);
        assert_whole(&mut superuser, other, exported(app.rows));
    }
    wait_for_job(&mut superuser, &job);
    wait_until_idle(&mut superuser);
    (superuser, job)
}

fn assert_refused(superuser: &mut Client, job: &str) {
    let row = status(superuser, job);
    assert_eq!((text(&row, "status"), text(&row, "error_code")), (Some("failed"), Some("42501")));
    assert!(text(&row, "error").is_some());
    assert_eq!(events(superuser, job, "user.bulk_export.failed"), 1);
    assert_nothing(superuser, job);
}

#[test]
fn the_role_is_dropped() {
    let app = jobs::app(shared(), ROWS);
    let role = unique("leaver");
    let (mut superuser, job) = queued_while(&role, &app, &format!("DROP OWNED BY {role}; DROP ROLE {role}"));
    assert_refused(&mut superuser, &job);
    // A role that later gets the name is another one.
    superuser.batch_execute(&format!("CREATE ROLE {role} LOGIN")).unwrap();
    let mut heir = app.session(&role, 0);
    assert_eq!(error_of(heir.query("SELECT acct_export_status($1::text::uuid)", &[&job])).sqlstate, "P0002");
    assert!(heir.query("SELECT FROM acct_export_jobs", &[]).unwrap().is_empty());
}

#[test]
fn the_role_is_renamed() {
    let app = jobs::app(shared(), ROWS);
    let (role, married) = (unique("miss"), unique("mrs"));
    let (mut superuser, job) = queued_while(&role, &app, &format!("ALTER ROLE {role} RENAME TO {married}"));
    assert_whole(&mut superuser, &job, exported(ROWS));
    // It is the same role, and its job.
    let mut requester = app.session(&married, 0);
    assert_eq!(text(&status(&mut requester, &job), "status"), Some("completed"));
    requester.query_one("SELECT acct_export_file($1::text::uuid)", &[&job]).unwrap();
}

#[test]
fn the_right_is_revoked() {
    let app = jobs::app(shared(), ROWS);
    let role = unique("demoted");
    let (mut superuser, job) = queued_while(&role, &app, &format!("REVOKE SELECT ON app.users FROM {role}"));
    assert_refused(&mut superuser, &job);
}

#[test]
fn row_security_does_not_hold_the_role_any_more() {
    let app = jobs::app(shared(), ROWS);
    let role = unique("promoted");
    let (mut superuser, job) = queued_while(&role, &app, &format!("ALTER ROLE {role} BYPASSRLS"));
    assert_refused(&mut superuser, &job);
}

#[test]
fn the_dataset_is_unregistered() {
    let app = jobs::app(shared(), ROWS);
    let role = unique("late");
    let (mut superuser, job) = queued_while(&role, &app, "SELECT acct_export_unregister('users')");
    let row = status(&mut superuser, &job);
    assert_eq!((text(&row, "status"), text(&row, "error_code")), (Some("failed"), Some("22023")));
    assert_nothing(&mut superuser, &job);
}
