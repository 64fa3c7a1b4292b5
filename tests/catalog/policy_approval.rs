//! Exports that a second person has to approve: when, by whom, what is left of it.

use support::asking;

use postgres::fallible_iterator::FallibleIterator;
use postgres::Client;
use serde_json::Value;
use std::time::Duration;
use support::approval::{approve, failure, state, Approval};
use support::asking::{
    column, completed, file, refusal, refused, start, status, text, wait_for_status, Gate,
};
use support::common::{shared, unique, wait_for_job, wait_until};

#[test]
fn more_rows_than_may_leave_wait_for_a_second_person() {
    let scene = Approval::above(shared(), 4);
    let (mut requester, mut approver) = (scene.requester(), scene.approver());
    requester.batch_execute("SET app.user_id = 'anna'; LISTEN acct_export").unwrap();
    approver.batch_execute("SET app.user_id = 'otto'").unwrap();
    let job = start(&mut requester, "'users', 'xlsx', reason => 'yearly review'");
    wait_for_status(&mut requester, &job, "awaiting_approval");
    let row = status(&mut requester, &job);
    assert_eq!(row.get::<_, String>("message"), "Waiting for approval");
    assert_eq!(row.get::<_, Value>("files"), serde_json::json!([]));
    let held = format!(
        "SELECT format('%s %s %s %s', (SELECT count(*) FROM acct_export.file), (SELECT count(*) FROM acct_export.chunk),
            worker_pid IS NULL AND finished_at IS NULL, expires_at > now() + '6 days') FROM acct_export.job WHERE id = '{job}'"
    );
    let mut superuser = scene.app.superuser();
    assert_eq!(text(&mut superuser, &held).as_deref(), Some("0 0 t t"));
    refused(&mut requester, &format!("SELECT acct_export_file('{job}')"), "55000", "awaiting_approval", "");
    // The same request waits already.
    let twin = "SELECT acct_export_start('users', 'xlsx', reason => 'yearly review')::text";
    let error = refused(&mut requester, twin, "55006", "", "acct_export_status");
    assert!(error.detail.unwrap().contains(&job));

    // An approver sees the request.
    assert_eq!(
        column(&mut approver, "SELECT job_id::text FROM acct_export_jobs"),
        std::slice::from_ref(&job)
    );
    let asked = text(&mut approver, &format!("SELECT acct_export_job('{job}')->'request'->>'reason'"));
    assert_eq!(asked.as_deref(), Some("yearly review"));
    approver.batch_execute(&format!("SELECT acct_export_approve('{job}', 'ticket 17')")).unwrap();
    assert_eq!(wait_for_job(&mut requester, &job).get::<_, String>("status"), "completed");
    assert!(!file(&mut requester, &job).is_empty());
    let rows = status(&mut requester, &job).get::<_, i64>("rows_done");
    assert_eq!(rows, 5);
    assert_eq!(column(&mut approver, "SELECT job_id::text FROM acct_export_jobs"), Vec::<String>::new());
    refused(&mut approver, &format!("SELECT acct_export_file('{job}')"), "P0002", &job, "");

    let told = format!(
        "SELECT format('%s %s %s %s', event, role, actor, coalesce(detail->>'note', detail->'approved_by'->>'actor'))
           FROM acct_export_audit WHERE job_id = '{job}' AND event !~ 'denied|downloaded' ORDER BY id"
    );
    let (login, officer) = (&scene.app.login, &scene.officer);
    assert_eq!(
        column(&mut superuser, &told),
        [
            format!("user.bulk_export.requested {login} anna "),
            format!("user.bulk_export.approved {officer} otto ticket 17"),
            format!("user.bulk_export {login} anna otto"),
        ]
    );
    assert_eq!(column(&mut superuser, "SELECT event FROM acct_export_audit_verify()"), Vec::<String>::new());
    let mut heard = Vec::new();
    let mut notifications = requester.notifications();
    let mut coming = notifications.timeout_iter(Duration::from_secs(20));
    while heard.last().is_none_or(|last| last != "completed") {
        let note: Value = serde_json::from_str(coming.next().unwrap().unwrap().payload()).unwrap();
        heard.push(note["status"].as_str().unwrap().to_owned());
    }
    assert_eq!(heard, ["queued", "running", "awaiting_approval", "queued", "running", "completed"]);
}

#[test]
fn the_number_is_exact() {
    let scene = Approval::above(shared(), 5);
    let mut requester = scene.requester();
    for format in ["xlsx", "csv", "ndjson", "json"] {
        completed(&mut requester, &format!("'users', '{format}'"));
    }
    scene.set(&format!("approve_above => 0, approver_roles => '{{{}}}'", scene.officers));
    completed(&mut requester, r#"'users', 'csv', filter => '{"id":-1}'"#);
    for format in ["xlsx", "csv", "ndjson", "json"] {
        let job = start(&mut requester, &format!("'users', '{format}', filter => '{{\"id\":2}}'"));
        wait_for_status(&mut requester, &job, "awaiting_approval");
    }
}

/// The rows that count are the rows that leave: one snapshot.
#[test]
fn rows_that_come_while_an_export_reads_do_not_count() {
    let scene = Approval::above(shared(), 5);
    let (mut requester, mut superuser) = (scene.requester(), scene.app.superuser());
    let gate = Gate::close(&scene.app);
    let job = start(&mut requester, "'users', 'csv'");
    wait_until(Duration::from_secs(20), "the export reads", || {
        status(&mut requester, &job).get::<_, Option<String>>("stage").as_deref() == Some("reading")
    });
    let more = "INSERT INTO app.users SELECT id + 1000, tenant_id, email, name, phone, status, custom, tags, created_at,
                updated_at FROM app.users";
    superuser.batch_execute(more).unwrap();
    gate.open();
    assert_eq!(wait_for_job(&mut requester, &job).get::<_, String>("status"), "completed");
    assert_eq!(file(&mut requester, &job).iter().filter(|byte| **byte == b'\n').count(), 6);
    let next = start(&mut requester, "'users', 'csv'");
    wait_for_status(&mut requester, &next, "awaiting_approval");
}

#[test]
fn only_a_job_that_waits_is_approved() {
    let scene = Approval::above(shared(), 0);
    let (mut requester, mut approver) = (scene.requester(), scene.approver());
    let job = scene.waiting();
    approver.batch_execute("SET default_transaction_read_only = on").unwrap();
    refused(&mut approver, &approve(&job), "25006", "approve", "");
    approver.batch_execute("SET default_transaction_read_only = off").unwrap();
    // Rolled back it is as if it never was.
    approver.batch_execute(&format!("BEGIN; {}; ROLLBACK", approve(&job))).unwrap();
    assert_eq!(state(&mut requester, &job), "awaiting_approval");
    approver.batch_execute(&approve(&job)).unwrap();
    wait_for_job(&mut requester, &job);
    refused(&mut approver, &approve(&job), "55000", &job, "");

    let job = scene.waiting();
    assert!(requester
        .query_one(&format!("SELECT acct_export_cancel('{job}')"), &[])
        .unwrap()
        .get::<_, bool>(0));
    assert!(refused(&mut approver, &approve(&job), "55000", &job, "").message.contains("cancelled"));
    assert_eq!(state(&mut requester, &job), "cancelled");
    refused(&mut approver, "SELECT acct_export_approve(NULL)", "22023", "job", "");
    refused(&mut approver, &approve("00000000-0000-4000-8000-000000000000"), "P0002", "0000", "");
    // Asked again it is another job, which nobody has approved.
    let again = text(&mut requester, &format!("SELECT acct_export_retry('{job}')::text")).unwrap();
    wait_for_status(&mut requester, &again, "awaiting_approval");
    // An approver has no other right on it.
    for use_of in ["acct_export_cancel", "acct_export_delete", "acct_export_file"] {
        refused(&mut approver, &format!("SELECT {use_of}('{again}')"), "P0002", &again, "");
    }
}

#[test]
fn two_approvers_at_once_approve_once() {
    let scene = Approval::above(shared(), 0);
    let mut superuser = scene.app.superuser();
    let second = unique("second");
    superuser.batch_execute(&format!("CREATE ROLE {second} LOGIN IN ROLE {}", scene.officers)).unwrap();
    let job = scene.waiting();
    let mut first = scene.approver();
    first.batch_execute(&format!("BEGIN; {}", approve(&job))).unwrap();
    let mut other = scene.app.session(&second, 0);
    let sql = approve(&job);
    let late = std::thread::spawn(move || refusal(&mut other, &sql));
    let blocked =
        format!("SELECT 'x' FROM pg_stat_activity WHERE usename = '{second}' AND wait_event_type = 'Lock'");
    wait_until(Duration::from_secs(20), "the second waits", || {
        !superuser.query(&blocked, &[]).unwrap().is_empty()
    });
    first.batch_execute("COMMIT").unwrap();
    assert_eq!(late.join().unwrap().sqlstate, "55000");
    wait_for_job(&mut scene.requester(), &job);
    let events = "SELECT role FROM acct_export_audit WHERE event = 'user.bulk_export.approved'";
    assert_eq!(column(&mut superuser, events), std::slice::from_ref(&scene.officer));
}

#[test]
fn nobody_approves_in_time() {
    let scene = Approval::above(shared(), 0);
    let (mut requester, mut superuser) = (scene.requester(), scene.app.superuser());
    let job = scene.waiting();
    superuser.batch_execute("UPDATE acct_export.job SET expires_at = clock_timestamp()").unwrap();
    refused(&mut scene.approver(), &approve(&job), "55000", &job, "");
    superuser.batch_execute("SELECT acct_export_purge()").unwrap();
    let (error, code) = failure(&status(&mut requester, &job));
    assert_eq!(code, "42501");
    assert!(error.contains("acct_export.retention"), "{error}");
    let events = "SELECT event FROM acct_export_audit ORDER BY id DESC LIMIT 1";
    assert_eq!(column(&mut superuser, events), ["user.bulk_export.failed"]);
    // The way is free for another.
    scene.waiting();
}

/// Without the policy nobody can approve the job, and the same request is made at once.
#[test]
fn an_unanswered_approval_is_in_nobodys_way() {
    let scene = Approval::above(shared(), 0);
    let (mut requester, mut superuser) = (scene.requester(), scene.app.superuser());
    let waiting = scene.waiting();
    let asked = "SELECT acct_export_start('users', 'csv')::text";
    // With it the twin is named.
    assert_eq!(refusal(&mut requester, asked).sqlstate, "55006");
    superuser.batch_execute(support::approval::WITHOUT_POLICY).unwrap();
    let job = text(&mut requester, asked).unwrap();
    assert_ne!(job, waiting);
    assert_eq!(wait_for_job(&mut requester, &job).get::<_, String>("status"), "completed");
    assert_eq!(state(&mut requester, &waiting), "cancelled");
    let events =
        format!("SELECT event FROM acct_export_audit WHERE job_id = '{waiting}' ORDER BY id DESC LIMIT 1");
    assert_eq!(column(&mut superuser, &events), ["user.bulk_export.cancelled"]);
}

/// Over is over, whether or not somebody has purged: shown so, waited for no longer, and not in the way of another.
#[test]
fn a_job_past_its_time_is_over_by_itself() {
    let cluster = asking::pausable();
    let scene = Approval::above(cluster, 0);
    let (mut requester, mut approver) = (scene.requester(), scene.approver());
    let mut superuser = scene.app.superuser();
    let job = scene.waiting();
    let workers = |client: &mut Client, number: &str| {
        cluster.set("acct_export.max_workers", number);
        wait_until(Duration::from_secs(20), "the reload has come", || {
            text(client, "SHOW acct_export.max_workers").as_deref() == Some(number)
        });
    };
    let over = |superuser: &mut Client, job: &str| {
        let sql = format!(
            "UPDATE acct_export.job SET status = 'awaiting_approval', expires_at = clock_timestamp() WHERE id = '{job}'"
        );
        superuser.batch_execute(&sql).unwrap();
    };
    // No worker keeps house meanwhile.
    workers(&mut requester, "0");
    over(&mut superuser, &job);
    for sql in [
        format!("SELECT * FROM acct_export_status('{job}')"),
        format!("SELECT * FROM acct_export_jobs WHERE job_id = '{job}'"),
        format!("SELECT * FROM acct_export_wait('{job}', '20 seconds')"),
    ] {
        let row = requester.query_one(&sql, &[]).unwrap();
        let (error, code) = failure(&row);
        assert!(code == "42501" && error.contains("acct_export.retention"), "{sql}: {error}");
        assert_eq!(row.get::<_, String>("message"), "Export failed. Please try again.");
        assert!(row.get::<_, Option<std::time::SystemTime>>("finished_at").is_some());
    }
    assert_eq!(column(&mut approver, "SELECT job_id::text FROM acct_export_jobs"), Vec::<String>::new());
    let cancelled = format!("SELECT acct_export_cancel('{job}')::text");
    assert_eq!(text(&mut requester, &cancelled).as_deref(), Some("false"));
    // Nor does it count among the active ones.
    let one = format!("ALTER ROLE {} SET acct_export.max_active_per_role = 1", scene.app.login);
    superuser.batch_execute(&one).unwrap();
    let mut requester = scene.requester();
    let again = text(&mut requester, &format!("SELECT acct_export_retry('{job}')::text")).unwrap();
    let recorded = format!(
        "SELECT concat_ws(' ', status, error_code, finished_at = expires_at) FROM acct_export.job WHERE id = '{job}'"
    );
    assert_eq!(text(&mut superuser, &recorded).as_deref(), Some("failed 42501 t"));
    over(&mut superuser, &again);
    let last = start(&mut requester, "'users', 'csv'");
    assert_ne!(last, again);
    let events =
        format!("SELECT event FROM acct_export_audit WHERE job_id = '{again}' ORDER BY id DESC LIMIT 1");
    assert_eq!(column(&mut superuser, &events), ["user.bulk_export.failed"]);
    // A look at it is recorded.
    workers(&mut requester, "2");
    wait_for_status(&mut requester, &last, "awaiting_approval");
    over(&mut superuser, &last);
    wait_until(Duration::from_secs(20), "housekeeping has recorded it", || {
        state(&mut requester, &last);
        let sql = format!("SELECT status FROM acct_export.job WHERE id = '{last}'");
        text(&mut superuser, &sql).as_deref() == Some("failed")
    });
}

#[test]
fn a_note_is_no_book() {
    let scene = Approval::above(shared(), 0);
    let job = scene.waiting();
    let approve = |length: usize| format!("SELECT acct_export_approve('{job}', repeat('é', {length}))");
    let mut approver = scene.approver();
    refused(&mut approver, &approve(1001), "22023", "note", "1000");
    approver.batch_execute(&approve(1000)).unwrap();
}

#[test]
fn psql_says_so_and_ends() {
    let scene = Approval::above(shared(), 0);
    let script =
        format!("SET app.tenant_id = '{}';\nCALL acct_export_run('users', 'csv');", scene.app.tenants[0]);
    let output = shared().psql(&["-q", "-d", &scene.app.db, "-U", &scene.app.login], &script);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{told}");
    assert!(told.contains("waits for the approval of a second person"), "{told}");
    assert!(told.contains("HINT:") && told.contains("acct_export_approve('"), "{told}");
    let job = column(&mut scene.requester(), "SELECT job_id::text FROM acct_export_jobs").pop().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains(&job));
}

/// Without a worker in between: the approval is given in a session that must not do the job.
#[test]
fn an_export_in_the_session_waits_as_well() {
    let scene = Approval::above(shared(), 4);
    let off = format!("ALTER DATABASE {} SET acct_export.async = off", scene.app.db);
    scene.app.superuser().batch_execute(&off).unwrap();
    let (mut requester, mut approver) = (scene.requester(), scene.approver());
    requester.batch_execute("BEGIN").unwrap();
    let job = start(&mut requester, "'users', 'csv'");
    assert_eq!(state(&mut requester, &job), "awaiting_approval");
    let wait = format!("SELECT * FROM acct_export_wait('{job}')");
    requester.batch_execute("SAVEPOINT s").unwrap();
    refused(&mut requester, &wait, "55000", "wait", "ommit");
    requester.batch_execute("ROLLBACK TO s; COMMIT").unwrap();
    approver.batch_execute(&approve(&job)).unwrap();
    assert_eq!(wait_for_job(&mut requester, &job).get::<_, String>("status"), "completed");
}
