//! The audit trail: what is told of, by whom, in a chain that nobody changes unnoticed.

use support::common;
use support::jobs;
mod sessions;

use std::thread;

use postgres::{Client, Row};
use serde_json::Value;
use support::common::{error_of, shared, unique, wait_for_job, Cluster, ClusterOptions, TwoTenants};
use support::jobs::{assert_tidy, events, start, text, wait_until_held, wait_until_idle, Hold, Phase};
use support::told::wait_until_sealed;

const ROWS: u32 = 20;

/// Events of a job, in order.
fn trail(superuser: &mut Client, job: &str) -> Vec<Row> {
    superuser
        .query("SELECT * FROM acct_export_audit WHERE job_id = $1::text::uuid ORDER BY id", &[&job])
        .unwrap()
}

fn names(rows: &[Row]) -> Vec<&str> {
    rows.iter().map(|row| row.get("event")).collect()
}

fn broken(superuser: &mut Client) -> Vec<i64> {
    let rows = superuser.query("SELECT id FROM acct_export_audit_verify()", &[]).unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

/// A completed export of tenant 0 by user 42 of the application.
fn done(app: &TwoTenants, more: &str) -> String {
    let mut requester = app.session(&app.login, 0);
    requester.batch_execute("SET app.user_id = '42'").unwrap();
    let job = start(&mut requester, "csv", more);
    wait_for_job(&mut requester, &job);
    job
}

#[test]
fn an_export_is_told_with_all_that_matters() {
    let app = TwoTenants::with_users(shared(), ROWS);
    let job = done(&app, ", filter => '{\"status\":\"active\"}', fields => '{id,email}', reason => 'year end', anonymise => true");
    let mut superuser = app.superuser();
    let mut other = app.session(&app.login, 0);
    other.batch_execute("SET app.user_id = '43'").unwrap();
    other.query_one("SELECT acct_export_file($1::text::uuid)", &[&job]).unwrap();
    other.query("SELECT * FROM acct_export_chunks($1::text::uuid)", &[&job]).unwrap();
    other.query_one("SELECT acct_export_large_object($1::text::uuid)", &[&job]).unwrap();
    other.query_one("SELECT acct_export_delete($1::text::uuid)", &[&job]).unwrap();
    wait_until_sealed(&mut superuser);
    let rows = trail(&mut superuser, &job);
    let prefix = "user.bulk_export";
    let expected = [".requested", "", ".downloaded", ".downloaded", ".downloaded", ".deleted"];
    assert_eq!(names(&rows), expected.map(|kind| format!("{prefix}{kind}")));
    for (index, row) in rows.iter().enumerate() {
        let event: &str = row.get("event");
        let actor = if index < 2 { "42" } else { "43" };
        assert_eq!(text(row, "actor"), Some(actor), "{event}");
        assert_eq!(text(row, "role"), Some(app.login.as_str()), "{event}");
        assert_eq!(text(row, "tenant"), Some(app.tenants[0].as_str()), "{event}");
        assert_eq!(text(row, "dataset"), Some("users"), "{event}");
        assert!(row.get::<_, Option<Vec<u8>>>("hash").is_some_and(|hash| hash.len() == 32), "{event}");
    }
    let detail: Value = rows[1].get("detail");
    assert_eq!(detail["filter"], serde_json::json!({ "status": "active" }));
    assert_eq!(detail["fields"], serde_json::json!(["id", "email"]));
    assert_eq!((&detail["anonymise"], &detail["reason"]), (&true.into(), &"year end".into()));
    let file: Value = jobs::status(&mut superuser, &job).get("files");
    assert_eq!(detail["row_count"], file[0]["rows"]);
    assert_eq!(detail["sha256"], file[0]["sha256"]);
    let times: Vec<std::time::SystemTime> = rows.iter().map(|row| row.get("at")).collect();
    assert!(times.is_sorted());
}

#[test]
fn other_ends_are_told_too() {
    let app = jobs::app(shared(), ROWS);
    let mut superuser = app.superuser();
    let hold = Hold::at(Phase::Reading, &app);
    let mut requester = app.session(&app.login, 0);
    let job = start(&mut requester, "csv", "");
    wait_until_held(&mut superuser, &job, Phase::Reading);
    // By somebody else: a member of the requesting role.
    let helper = unique("helper");
    superuser.batch_execute(&format!("CREATE ROLE {helper} LOGIN; GRANT {} TO {helper}", app.login)).unwrap();
    let mut other = app.session(&helper, 0);
    other.batch_execute("SET app.user_id = 'helper'").unwrap();
    other.query_one("SELECT acct_export_cancel($1::text::uuid)", &[&job]).unwrap();
    wait_for_job(&mut requester, &job);
    hold.release();
    let rows = trail(&mut superuser, &job);
    assert_eq!(names(&rows), ["user.bulk_export.requested", "user.bulk_export.cancelled"]);
    assert_eq!(
        (text(&rows[1], "role"), text(&rows[1], "actor")),
        (Some(helper.as_str()), Some("helper")),
        "who cancelled it"
    );

    wait_until_idle(&mut superuser);
    superuser.batch_execute(&format!("ALTER DATABASE {} SET acct_export.max_rows = 3", app.db)).unwrap();
    let failed = done(&app, "");
    let rows = trail(&mut superuser, &failed);
    assert_eq!(names(&rows), ["user.bulk_export.requested", "user.bulk_export.failed"]);
    let detail: Value = rows[1].get("detail");
    assert!(detail.to_string().contains("54000"), "{detail}");
}

#[test]
fn streaming_is_told() {
    let app = TwoTenants::with_users(shared(), ROWS);
    let mut requester = app.session(&app.login, 0);
    requester.query("SELECT acct_export_csv('users')", &[]).unwrap();
    let rows = app.superuser().query("SELECT * FROM acct_export_audit ORDER BY id DESC", &[]).unwrap();
    assert_eq!(names(&rows), ["user.bulk_export", "user.bulk_export.registered"]);
    assert_eq!(
        (text(&rows[0], "role"), text(&rows[0], "tenant")),
        (Some(app.login.as_str()), Some(app.tenants[0].as_str()))
    );
}

#[test]
fn it_is_read_by_whom_the_dba_names() {
    let app = TwoTenants::with_users(shared(), ROWS);
    done(&app, "");
    let auditor = unique("auditor");
    let mut superuser = app.superuser();
    superuser.batch_execute(&format!("CREATE ROLE {auditor} LOGIN")).unwrap();
    let mut session = app.session(&auditor, 0);
    for sql in ["SELECT * FROM acct_export_audit", "SELECT * FROM acct_export_audit_verify()"] {
        assert_eq!(error_of(session.query(sql, &[])).sqlstate, "42501", "{sql}");
    }
    superuser.batch_execute(&format!("GRANT SELECT ON acct_export_audit TO {auditor}")).unwrap();
    let told = session.query("SELECT * FROM acct_export_audit ORDER BY id", &[]).unwrap();
    assert_eq!(
        names(&told),
        ["user.bulk_export.registered", "user.bulk_export.requested", "user.bulk_export"]
    );
    assert_eq!(error_of(session.execute("DELETE FROM acct_export_audit", &[])).sqlstate, "42501");
    // A reader of the trail may verify it, and gets the same answer as a superuser.
    assert!(session.query("SELECT * FROM acct_export_audit_verify()", &[]).unwrap().is_empty());
    superuser.batch_execute(FORGE).unwrap();
    let found = broken(&mut superuser);
    assert_eq!(found.len(), 1);
    assert_eq!(broken(&mut session), found);
    let mut outsider = app.session(&app.login, 0);
    for sql in ["SELECT * FROM acct_export_audit_verify()", "SELECT acct_export_audit_verify()"] {
        assert_eq!(error_of(outsider.query(sql, &[])).sqlstate, "42501", "{sql}");
    }
}

/// Makes the first event another, past the trigger, as a superuser could.
const FORGE: &str =
    "SET session_replication_role = replica; UPDATE acct_export.audit SET role = 'nobody' WHERE seq = 1;
    RESET session_replication_role";

#[test]
fn many_writers_make_one_chain() {
    let app = TwoTenants::with_users(shared(), ROWS);
    let threads: Vec<_> = (0..10)
        .map(|session| {
            let mut client = app.session(&app.login, session % 2);
            thread::spawn(move || {
                for n in 0..5 {
                    client.batch_execute("BEGIN").unwrap();
                    let jobs = [0, 1].map(|half| {
                        start(
                            &mut client,
                            "csv",
                            &format!(
                                ", filter => '{{\"id\":{{\"gt\":-{}}}}}'",
                                1 + session * 10 + n * 2 + half
                            ),
                        )
                    });
                    client.batch_execute(if n == 3 { "ROLLBACK" } else { "COMMIT" }).unwrap();
                    if n != 3 {
                        client.query_one("SELECT acct_export_cancel($1::text::uuid)", &[&jobs[0]]).unwrap();
                    }
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    let mut superuser = app.superuser();
    common::wait_until(jobs::LIMIT, "all are done", || {
        let sql = "SELECT FROM acct_export.job WHERE status IN ('queued', 'running')";
        superuser.query(sql, &[]).unwrap().is_empty()
    });
    wait_until_idle(&mut superuser);
    let row = superuser
        .query_one(
            "SELECT count(*), count(DISTINCT seq), max(seq), count(*) FILTER (WHERE event = 'user.bulk_export.requested')
             FROM acct_export.audit",
            &[],
        )
        .unwrap();
    let count: i64 = row.get(0);
    assert_eq!((row.get::<_, i64>(1), row.get::<_, i64>(2), row.get::<_, i64>(3)), (count, count, 80));
    assert_tidy(&mut superuser, shared());
}

#[test]
fn the_chain_outlives_a_crash() {
    let cluster: &'static Cluster = Box::leak(Box::new(Cluster::start(ClusterOptions::default())));
    let app = TwoTenants::with_users(cluster, ROWS);
    let first = done(&app, "");
    let mut open = app.session(&app.login, 0);
    open.batch_execute("BEGIN").unwrap();
    start(&mut open, "csv", "");
    cluster.stop_immediate();
    cluster.restart();
    let second = done(&app, "");
    let mut superuser = app.superuser();
    for job in [&first, &second] {
        assert_eq!(events(&mut superuser, job, "user.bulk_export"), 1);
    }
    wait_until_idle(&mut superuser);
    assert_tidy(&mut superuser, cluster);
}

/// A transaction of any isolation level, begun before others wrote events, can end.
#[test]
fn an_old_snapshot_is_in_nobodys_way() {
    let app = TwoTenants::with_users(shared(), ROWS);
    for isolation in ["REPEATABLE READ", "SERIALIZABLE"] {
        let mut requester = app.session(&app.login, 0);
        requester
            .batch_execute(&format!("BEGIN ISOLATION LEVEL {isolation}; SELECT FROM app.users"))
            .unwrap();
        done(&app, "");
        let job = start(&mut requester, "ndjson", "");
        requester.batch_execute("COMMIT").unwrap_or_else(|e| panic!("{isolation}: {e:?}"));
        assert_eq!(text(&wait_for_job(&mut requester, &job), "status"), Some("completed"));
    }
    assert_eq!(broken(&mut app.superuser()), Vec::<i64>::new());
}

#[test]
fn nobody_changes_it_by_accident() {
    let app = TwoTenants::with_users(shared(), ROWS);
    done(&app, "");
    let mut superuser = app.superuser();
    for sql in [
        "UPDATE acct_export.audit SET role = 'nobody'",
        "UPDATE acct_export.audit SET hash = NULL, seq = NULL",
        "UPDATE acct_export_audit SET actor = NULL",
        "DELETE FROM acct_export.audit",
        "DELETE FROM acct_export_audit",
        "TRUNCATE acct_export.audit",
    ] {
        let error = error_of(superuser.batch_execute(sql));
        assert_eq!(error.sqlstate, "42501", "{sql}: {error:?}");
        assert!(error.hint.is_some(), "{sql}");
    }
    assert_eq!(broken(&mut superuser), Vec::<i64>::new());
}

/// Changes of a superuser who disables the triggers are found.
#[test]
fn tampering_is_found() {
    let mut unnoticed = Vec::new();
    for (deed, what) in [
        ("UPDATE acct_export.audit SET actor = '7' WHERE seq = 3", "somebody else did it"),
        ("UPDATE acct_export.audit SET detail = detail || '{\"row_count\":1}' WHERE event = 'user.bulk_export' AND seq < 5", "fewer rows"),
        ("UPDATE acct_export.audit SET at = at - interval '1 day' WHERE seq = 2", "another day"),
        ("DELETE FROM acct_export.audit WHERE seq = 1", "the first is gone"),
        ("DELETE FROM acct_export.audit WHERE seq = 3", "one is gone"),
        ("DELETE FROM acct_export.audit WHERE seq = (SELECT max(seq) FROM acct_export.audit)", "the last is gone"),
        ("DELETE FROM acct_export.audit", "all are gone"),
        ("INSERT INTO acct_export.audit (event, role) VALUES ('user.bulk_export', 'victim')", "one more without a seal"),
        ("INSERT INTO acct_export.audit (event, role, seq, hash) SELECT 'user.bulk_export', 'victim', max(seq) + 1, sha256('x') FROM acct_export.audit", "one more with a made-up seal"),
        ("UPDATE acct_export.audit SET hash = NULL, seq = NULL WHERE seq = (SELECT max(seq) FROM acct_export.audit)", "the last seal is broken"),
    ] {
        let app = TwoTenants::with_users(shared(), ROWS);
        let mut superuser = app.superuser();
        for _ in 0..3 {
            done(&app, "");
        }
        wait_until_idle(&mut superuser);
        assert_eq!(broken(&mut superuser), Vec::<i64>::new());
        superuser.batch_execute(&format!("SET session_replication_role = replica; {deed}; RESET session_replication_role")).unwrap();
        if superuser.query("SELECT FROM acct_export_audit_verify()", &[]).unwrap().is_empty() {
            unnoticed.push(what);
        }
    }
    assert!(unnoticed.is_empty(), "not found: {unnoticed:#?}");
}
