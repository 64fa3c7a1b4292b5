//! Changes while a job waits: the policy, the rights, the rows, the worker.

use postgres::Client;
use std::time::Duration;
use support::approval::{approve, failure, Approval};
use support::asking::{column, refused, start, status, wait_for_status, Gate};
use support::common::{shared, wait_for_job, wait_until, TwoTenants};

/// Asks in a transaction that is open while the policy changes: the change lies between asking and running.
#[track_caller]
fn asked_before(scene: &Approval, client: &mut Client, policy: &str) -> String {
    client.batch_execute("BEGIN").unwrap();
    let job = start(client, "'users', 'csv'");
    scene.set(policy);
    client.batch_execute("COMMIT").unwrap();
    job
}

#[test]
fn a_policy_that_came_while_the_job_was_queued() {
    let scene = Approval::above(shared(), 1000);
    let mut requester = scene.requester();
    let tight = format!("approve_above => 4, approver_roles => '{{{}}}'", scene.officers);
    let job = asked_before(&scene, &mut requester, &tight);
    wait_for_status(&mut requester, &job, "awaiting_approval");
    scene.approver().batch_execute(&approve(&job)).unwrap();
    assert_eq!(wait_for_job(&mut requester, &job).get::<_, String>("status"), "completed");

    scene.set("NULL");
    let job = asked_before(&scene, &mut requester, "max_rows => 4");
    let (error, code) = failure(&wait_for_job(&mut requester, &job));
    assert!(code == "54000" && error.contains("max_rows (4)"), "{error}");
    scene.set("NULL");
    let job = asked_before(&scene, &mut requester, "require_filter => '{status}'");
    let (error, code) = failure(&wait_for_job(&mut requester, &job));
    assert!(code == "22023" && error.contains("\"status\""), "{error}");
}

#[test]
fn a_policy_that_came_while_the_job_waited() {
    let scene = Approval::above(shared(), 0);
    let (mut requester, mut approver) = (scene.requester(), scene.approver());
    // Others approve now.
    let job = scene.waiting();
    scene.set(&format!("approve_above => 0, approver_roles => '{{{}}}'", scene.app.nologin));
    refused(&mut approver, &approve(&job), "P0002", &job, "");
    scene.app.session(&scene.app.nologin, 0).batch_execute(&approve(&job)).unwrap();
    assert_eq!(wait_for_job(&mut requester, &job).get::<_, String>("status"), "completed");
    // Approved for as many rows as there are; no other rule is lifted.
    let job = scene.waiting();
    let roles = format!("approver_roles => '{{{}}}'", scene.officers);
    scene.set(&format!("approve_above => 0, {roles}, max_rows => 4"));
    approver.batch_execute(&approve(&job)).unwrap();
    assert_eq!(failure(&wait_for_job(&mut requester, &job)).1, "54000");
    // Nobody approves what needs no approval; a superuser can, who asked for nothing.
    scene.set(&format!("approve_above => 0, {roles}"));
    let job = scene.waiting();
    scene.set("NULL");
    refused(&mut approver, &approve(&job), "P0002", &job, "");
    refused(&mut requester, &approve(&job), "42501", &job, "acct_export_cancel");
    scene.app.superuser().batch_execute(&approve(&job)).unwrap();
    assert_eq!(wait_for_job(&mut requester, &job).get::<_, String>("status"), "completed");
    // A dataset that was registered anew keeps its policy.
    scene.set(&format!("approve_above => 0, {roles}"));
    let again = "SELECT acct_export_register('users', 'app.users', 'id', tenant_column => 'tenant_id', replace => true)";
    scene.app.superuser().batch_execute(again).unwrap();
    let job = scene.waiting();
    scene.app.superuser().batch_execute("SELECT acct_export_unregister('users')").unwrap();
    refused(&mut approver, &approve(&job), "P0002", &job, "");
}

#[test]
fn rights_are_checked_again_after_the_approval() {
    let scene = Approval::above(shared(), 0);
    let (mut requester, mut superuser) = (scene.requester(), scene.app.superuser());
    let job = scene.waiting();
    superuser.batch_execute(&format!("REVOKE SELECT ON app.users FROM {}", scene.app.login)).unwrap();
    scene.approver().batch_execute(&approve(&job)).unwrap();
    assert_eq!(failure(&wait_for_job(&mut requester, &job)).1, "42501");
}

/// The approval holds for a run and what an interruption makes of it, not for more.
#[test]
fn an_interruption_does_not_ask_again() {
    let scene = Approval::above(shared(), 0);
    let (mut requester, mut superuser) = (scene.requester(), scene.app.superuser());
    let job = scene.waiting();
    let gate = Gate::close(&scene.app);
    scene.approver().batch_execute(&approve(&job)).unwrap();
    let reading = format!(
        "SELECT pg_terminate_backend(j.worker_pid)::text FROM acct_export.job j JOIN pg_stat_activity a ON a.pid = j.worker_pid
          WHERE j.id = '{job}' AND a.wait_event_type = 'Lock'"
    );
    wait_until(Duration::from_secs(20), "the worker is at the gate, and ended", || {
        column(&mut superuser, &reading).contains(&"true".to_owned())
    });
    gate.open();
    let row = wait_for_job(&mut requester, &job);
    assert_eq!(row.get::<_, String>("status"), "completed");
    // The run that found the number of rows, and the approved one; the one between them was interrupted.
    assert_eq!(row.get::<_, i32>("attempts"), 2);
}

/// A source that shows other rows beyond the first three each time it is read.
fn growing(app: &TwoTenants) {
    app.superuser()
        .batch_execute("CREATE POLICY grows ON app.users AS RESTRICTIVE USING (id < 8 OR random() < 0.2)")
        .unwrap();
}

/// Tried: fewer rows for the count than for the stream.
#[test]
fn what_was_counted_is_what_leaves() {
    let scene = Approval::above(shared(), 3);
    growing(&scene.app);
    let mut requester = scene.requester();
    for format in ["csv", "ndjson"].repeat(15) {
        match requester.query(&format!("SELECT acct_export_{format}('users')"), &[]) {
            Ok(lines) => {
                assert!(lines.len() <= 3 + usize::from(format == "csv"), "{format}: {} lines", lines.len())
            }
            Err(error) => {
                let error = error.as_db_error().unwrap();
                assert_eq!(error.code().code(), "42501", "{error:?}");
                assert!(error.message().contains("3 rows"), "{error:?}");
            }
        }
    }
    let job = start(&mut requester, "'users', 'csv'");
    wait_until(Duration::from_secs(20), "three rows leave, or the job waits", || {
        let row = status(&mut requester, &job);
        match row.get::<_, String>("status").as_str() {
            "completed" => row.get::<_, i64>("rows_done") == 3,
            other => other == "awaiting_approval",
        }
    });
}
