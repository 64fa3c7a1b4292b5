//! Ending an export before its time, by a cancel or by the time limit; and waiting for its end.

use support::jobs;

use std::thread;
use std::time::{Duration, Instant};

use postgres::{Client, NoTls};
use support::common::{error_of, shared, wait_for_job, wait_until, TwoTenants};
use support::jobs::{
    assert_nothing, assert_tidy, assert_whole, events, exported, fill, record, start, status, text,
    wait_for_status, wait_until_held, wait_until_idle, Hold, Phase, LIMIT,
};

const ROWS: u32 = 50;

fn cancel(client: &mut Client, job: &str) -> bool {
    client.query_one("SELECT acct_export_cancel($1::text::uuid)", &[&job]).unwrap().get(0)
}

fn retry(client: &mut Client, job: &str) -> Result<String, postgres::Error> {
    client.query_one("SELECT acct_export_retry($1::text::uuid)::text", &[&job]).map(|row| row.get(0))
}

/// At rest, the job stands as cancelled, once and without a byte.
fn assert_cancelled(app: &TwoTenants, job: &str) {
    let mut superuser = app.superuser();
    wait_until_idle(&mut superuser);
    let row = status(&mut superuser, job);
    assert_eq!(text(&row, "status"), Some("cancelled"));
    assert_eq!(text(&row, "stage"), None);
    assert_eq!(record(&mut superuser, job, "finished_at IS NOT NULL").as_deref(), Some("true"));
    assert_eq!(events(&mut superuser, job, "user.bulk_export.cancelled"), 1);
    assert_eq!(events(&mut superuser, job, "user.bulk_export.failed"), 0);
    assert_nothing(&mut superuser, job);
    assert_tidy(&mut superuser, shared());
}

#[test]
fn a_queued_job_is_cancelled_at_once() {
    let app = jobs::app(shared(), ROWS);
    let hold = Hold::at(Phase::Reading, &app);
    let running = fill(&app);
    let mut requester = app.session(&app.login, 0);
    let job = start(&mut requester, "xlsx", "");
    assert_eq!(text(&status(&mut requester, &job), "status"), Some("queued"));
    assert!(cancel(&mut requester, &job));
    let row = status(&mut requester, &job);
    assert_eq!(text(&row, "status"), Some("cancelled"));
    assert_eq!(row.get::<_, Option<i32>>("attempts"), Some(0));
    assert!(!cancel(&mut requester, &job), "nothing is left to cancel");

    hold.release();
    let mut superuser = app.superuser();
    for job in &running {
        wait_for_job(&mut superuser, job);
        assert_whole(&mut superuser, job, exported(ROWS));
    }
    assert_cancelled(&app, &job);
}

#[test]
fn a_running_job_is_stopped() {
    for phase in Phase::BOTH {
        let app = jobs::app(shared(), ROWS);
        let hold = Hold::at(phase, &app);
        let mut requester = app.session(&app.login, 0);
        let job = start(&mut requester, "csv", "");
        wait_until_held(&mut app.superuser(), &job, phase);
        assert!(cancel(&mut requester, &job));
        // It does not wait for what held it.
        let row = wait_for_job(&mut requester, &job);
        assert_eq!(text(&row, "status"), Some("cancelled"), "{phase:?}");
        assert!(!cancel(&mut requester, &job));
        hold.release();
        assert_cancelled(&app, &job);
    }
}

/// `pg_cancel_backend` of a worker, by an administrator who does not know of jobs, cancels the export.
#[test]
fn a_worker_is_cancelled() {
    for phase in Phase::BOTH {
        let app = jobs::app(shared(), ROWS);
        let hold = Hold::at(phase, &app);
        let mut requester = app.session(&app.login, 0);
        let job = start(&mut requester, "csv", "");
        let mut superuser = app.superuser();
        let worker = wait_until_held(&mut superuser, &job, phase);
        superuser.execute("SELECT pg_cancel_backend($1)", &[&worker]).unwrap();
        let row = wait_for_job(&mut requester, &job);
        assert_eq!(text(&row, "status"), Some("cancelled"), "{phase:?}");
        assert_eq!((row.get::<_, i32>("attempts"), text(&row, "error_code")), (1, None));
        hold.release();
        assert_cancelled(&app, &job);
        let by: String = superuser
            .query_one(
                "SELECT detail->>'by' FROM acct_export_audit
                 WHERE job_id = $1::text::uuid AND event = 'user.bulk_export.cancelled'",
                &[&job],
            )
            .unwrap()
            .get(0);
        assert_eq!(by, "pg_cancel_backend");
        // The next one is not affected.
        let again = retry(&mut requester, &job).unwrap();
        wait_for_job(&mut requester, &again);
        assert_whole(&mut superuser, &again, exported(ROWS));
    }
}

/// The time since which the job's worker waits for a lock.
fn waits_since(superuser: &mut Client, job: &str) -> Option<String> {
    let sql = "SELECT min(l.waitstart)::text FROM pg_locks l JOIN acct_export.job j ON j.worker_pid = l.pid
                WHERE j.id = $1::text::uuid AND NOT l.granted";
    superuser.query_one(sql, &[&job]).unwrap().get(0)
}

/// Waits until the worker has given up a wait for a lock, and waits anew.
fn waits_anew(superuser: &mut Client, job: &str) {
    let mut first = None;
    wait_until(LIMIT, "the worker waits for a lock", || {
        first = waits_since(superuser, job);
        first.is_some()
    });
    wait_until(LIMIT, "it waits anew", || {
        waits_since(superuser, job).is_some_and(|next| Some(next) != first)
    });
}

/// The rows that were read are stored when the lock is gone, however long that takes.
#[test]
fn a_lock_while_it_stores_is_waited_for() {
    let statements = [
        "LOCK TABLE acct_export.chunk IN ACCESS EXCLUSIVE MODE",
        "LOCK TABLE acct_export.file IN SHARE MODE",
        "LOCK TABLE acct_export.job IN SHARE MODE",
        "LOCK TABLE acct_export.audit IN SHARE MODE",
    ];
    for statement in statements {
        let app = jobs::app(shared(), ROWS);
        let read = Hold::at(Phase::Reading, &app);
        let mut requester = app.session(&app.login, 0);
        let job = start(&mut requester, "csv", "");
        let mut superuser = app.superuser();
        wait_until_held(&mut superuser, &job, Phase::Reading);
        let mut holder = app.superuser();
        holder.batch_execute(&format!("BEGIN; {statement}")).unwrap();
        read.release();
        waits_anew(&mut superuser, &job);
        holder.batch_execute("ROLLBACK").unwrap();
        wait_for_status(&mut superuser, &job, "completed");
        assert_whole(&mut superuser, &job, exported(ROWS));
        assert_eq!(record(&mut superuser, &job, "attempts").as_deref(), Some("1"), "{statement}");
        wait_until_idle(&mut superuser);
        assert_tidy(&mut superuser, shared());
    }
}

/// An open cancel keeps the row of the job. It is rolled back after five seconds and more: the job completes.
#[test]
fn a_long_cancel_that_is_rolled_back_changes_nothing() {
    let app = jobs::app(shared(), ROWS);
    let hold = Hold::at(Phase::Reading, &app);
    let job = start(&mut app.session(&app.login, 0), "csv", "");
    let mut superuser = app.superuser();
    wait_until_held(&mut superuser, &job, Phase::Reading);
    let mut open = app.session(&app.login, 0);
    open.batch_execute("BEGIN").unwrap();
    assert!(cancel(&mut open, &job));
    hold.release();
    waits_anew(&mut superuser, &job);
    open.batch_execute("ROLLBACK").unwrap();
    wait_for_status(&mut superuser, &job, "completed");
    assert_whole(&mut superuser, &job, exported(ROWS));
    assert_eq!(record(&mut superuser, &job, "attempts").as_deref(), Some("1"));
}

/// The wait ends with a cancel, and with the time of the job.
#[test]
fn a_wait_for_a_lock_ends() {
    for limited in [false, true] {
        let app = jobs::app(shared(), ROWS);
        let mut superuser = app.superuser();
        if limited {
            superuser
                .batch_execute(&format!("ALTER DATABASE {} SET acct_export.job_timeout = '8s'", app.db))
                .unwrap();
        }
        let hold = Hold::at(Phase::Storing, &app);
        let mut requester = app.session(&app.login, 0);
        let job = start(&mut requester, "csv", "");
        waits_anew(&mut superuser, &job);
        if !limited {
            assert!(cancel(&mut requester, &job));
        }
        let row = wait_for_job(&mut requester, &job);
        let wanted = if limited { (Some("failed"), Some("57014")) } else { (Some("cancelled"), None) };
        assert_eq!((text(&row, "status"), text(&row, "error_code")), wanted);
        hold.release();
        wait_until_idle(&mut superuser);
        assert_nothing(&mut superuser, &job);
        assert_tidy(&mut superuser, shared());
    }
}

#[test]
fn two_cancels_are_one() {
    let app = jobs::app(shared(), ROWS);
    let hold = Hold::at(Phase::Reading, &app);
    let job = start(&mut app.session(&app.login, 0), "csv", "");
    wait_until_held(&mut app.superuser(), &job, Phase::Reading);
    let threads = [0; 2].map(|_| {
        let (mut client, job) = (app.session(&app.login, 0), job.clone());
        thread::spawn(move || cancel(&mut client, &job))
    });
    let answers = threads.map(|thread| thread.join().unwrap());
    assert!(answers.contains(&true), "{answers:?}");
    wait_for_status(&mut app.superuser(), &job, "cancelled");
    hold.release();
    assert_cancelled(&app, &job);
}

/// A cancel that is never committed keeps the job's row; the worker that wants to record its end tries again and again, and is not
/// held for as long.
#[test]
fn an_open_cancel_does_not_hold_the_worker() {
    let app = jobs::app(shared(), ROWS);
    let hold = Hold::at(Phase::Reading, &app);
    let job = start(&mut app.session(&app.login, 0), "csv", "");
    let mut superuser = app.superuser();
    wait_until_held(&mut superuser, &job, Phase::Reading);
    let mut open = app.session(&app.login, 0);
    open.batch_execute("BEGIN").unwrap();
    assert!(cancel(&mut open, &job));
    superuser
        .execute(
            "SELECT pg_cancel_backend(worker_pid) FROM acct_export.job WHERE id = $1::text::uuid",
            &[&job],
        )
        .unwrap();
    let mut waits = || -> Option<String> {
        let sql = "SELECT l.waitstart::text FROM pg_locks l JOIN acct_export.job j ON j.worker_pid = l.pid
                    WHERE j.id = $1::text::uuid AND l.locktype = 'transactionid' AND NOT l.granted";
        superuser.query_opt(sql, &[&job]).unwrap().and_then(|row| row.get(0))
    };
    let mut first = None;
    wait_until(LIMIT, "the worker waits for the job's row", || {
        first = waits();
        first.is_some()
    });
    wait_until(LIMIT, "it waits anew", || waits().is_some_and(|next| Some(next) != first));
    open.batch_execute("COMMIT").unwrap();
    wait_for_status(&mut app.superuser(), &job, "cancelled");
    hold.release();
    assert_cancelled(&app, &job);
}

#[test]
fn a_finished_job_stays_finished() {
    let app = jobs::app(shared(), ROWS);
    let mut requester = app.session(&app.login, 0);
    let job = start(&mut requester, "csv", "");
    wait_for_job(&mut requester, &job);
    assert!(!cancel(&mut requester, &job));
    let mut superuser = app.superuser();
    assert_whole(&mut superuser, &job, exported(ROWS));
    assert_eq!(events(&mut superuser, &job, "user.bulk_export.cancelled"), 0);
}

/// `undone`: a transaction in which `%` is called and then taken back.
fn goes_on_after(undone: &str) {
    for phase in Phase::BOTH {
        let app = jobs::app(shared(), ROWS);
        let hold = Hold::at(phase, &app);
        let mut requester = app.session(&app.login, 0);
        let job = start(&mut requester, "csv", "");
        let mut superuser = app.superuser();
        wait_until_held(&mut superuser, &job, phase);
        requester.batch_execute(&undone.replace('%', &format!("acct_export_cancel('{job}')"))).unwrap();
        hold.release();
        wait_for_job(&mut requester, &job);
        assert_whole(&mut superuser, &job, exported(ROWS));
        assert_eq!(record(&mut superuser, &job, "attempts").as_deref(), Some("1"));
        assert_eq!(events(&mut superuser, &job, "user.bulk_export.cancelled"), 0);
    }
}

#[test]
fn a_cancel_that_is_rolled_back_changes_nothing() {
    goes_on_after("BEGIN; SELECT %; ROLLBACK");
}

#[test]
fn a_cancel_in_a_savepoint_that_is_rolled_back_changes_nothing() {
    goes_on_after("BEGIN; SAVEPOINT s; SELECT %; ROLLBACK TO s; COMMIT");
}

#[test]
fn a_cancelled_export_is_asked_for_again() {
    let app = jobs::app(shared(), ROWS);
    let hold = Hold::at(Phase::Reading, &app);
    let mut requester = app.session(&app.login, 0);
    let job = start(&mut requester, "csv", ", filter => '{\"status\":\"invited\"}'");
    let mut superuser = app.superuser();
    wait_until_held(&mut superuser, &job, Phase::Reading);
    assert_eq!(error_of(retry(&mut requester, &job)).sqlstate, "55000", "it still runs");
    assert!(cancel(&mut requester, &job));
    wait_for_status(&mut superuser, &job, "cancelled");
    let again = retry(&mut requester, &job).unwrap();
    assert_ne!(again, job);
    hold.release();
    wait_for_job(&mut requester, &again);
    let same: bool = superuser
        .query_one(
            "SELECT acct_export_job($1::text::uuid)->'request' = acct_export_job($2::text::uuid)->'request'",
            &[&job, &again],
        )
        .unwrap()
        .get(0);
    assert!(same);
    let invited: i64 = superuser
        .query_one(
            "SELECT count(*) FROM app.users WHERE status = 'invited' AND tenant_id = $1::text::uuid",
            &[&app.tenants[0]],
        )
        .unwrap()
        .get(0);
    assert_whole(&mut superuser, &again, invited as u32);
    let error = error_of(retry(&mut requester, &again));
    assert_eq!(error.sqlstate, "55000", "it is complete");
    assert!(error.hint.is_some());
    assert_cancelled(&app, &job);
}

#[test]
fn the_time_limit_ends_a_job() {
    for phase in Phase::BOTH {
        let app = jobs::app(shared(), ROWS);
        let mut superuser = app.superuser();
        superuser
            .batch_execute(&format!("ALTER DATABASE {} SET acct_export.job_timeout = '700ms'", app.db))
            .unwrap();
        let hold = Hold::at(phase, &app);
        let mut requester = app.session(&app.login, 0);
        let job = start(&mut requester, "csv", "");
        let row = wait_for_job(&mut requester, &job);
        assert_eq!(
            (text(&row, "status"), text(&row, "error_code")),
            (Some("failed"), Some("57014")),
            "{phase:?}"
        );
        hold.release();
        wait_until_idle(&mut superuser);
        assert_eq!(events(&mut superuser, &job, "user.bulk_export.failed"), 1);
        assert_nothing(&mut superuser, &job);
        // The limit is each job's own.
        let again = retry(&mut requester, &job).unwrap();
        wait_for_job(&mut requester, &again);
        assert_whole(&mut superuser, &again, exported(ROWS));
        wait_until_idle(&mut superuser);
        assert_tidy(&mut superuser, shared());
    }
}

#[test]
fn a_wait_ends_with_its_time() {
    let app = jobs::app(shared(), ROWS);
    let hold = Hold::at(Phase::Reading, &app);
    let mut requester = app.session(&app.login, 0);
    let job = start(&mut requester, "csv", "");
    wait_until_held(&mut app.superuser(), &job, Phase::Reading);
    let wait = "SELECT status, stage FROM acct_export_wait($1::text::uuid, '200 ms')";
    let begin = Instant::now();
    let row = requester.query_one(wait, &[&job]).unwrap();
    assert!(begin.elapsed() >= Duration::from_millis(200));
    assert_eq!((text(&row, "status"), text(&row, "stage")), (Some("running"), Some("reading")));
    hold.release();
    assert_eq!(text(&wait_for_job(&mut requester, &job), "status"), Some("completed"));
}

#[test]
fn a_transaction_cannot_wait_for_its_own_job() {
    let app = jobs::app(shared(), ROWS);
    let mut requester = app.session(&app.login, 0);
    for (begin, end) in
        [("BEGIN", ""), ("BEGIN; SAVEPOINT s", "RELEASE s"), ("BEGIN ISOLATION LEVEL SERIALIZABLE", "")]
    {
        requester.batch_execute(begin).unwrap();
        let job = start(&mut requester, "csv", "");
        requester.batch_execute(end).unwrap();
        let error = error_of(requester.query_one("SELECT acct_export_wait($1::text::uuid)", &[&job]));
        assert_eq!(error.sqlstate, "55000", "{begin}");
        assert!(error.hint.unwrap().contains("acct_export_run"));
        requester.batch_execute("ROLLBACK").unwrap();
    }
    // Once it is committed, the same session can.
    let job = start(&mut requester, "csv", "");
    assert_eq!(text(&wait_for_job(&mut requester, &job), "status"), Some("completed"));
}

#[test]
fn a_wait_sees_the_end_in_spite_of_an_old_snapshot() {
    let app = jobs::app(shared(), ROWS);
    for isolation in ["REPEATABLE READ", "SERIALIZABLE READ ONLY"] {
        let hold = Hold::at(Phase::Reading, &app);
        let mut requester = app.session(&app.login, 0);
        let job = start(&mut requester, "csv", "");
        wait_until_held(&mut app.superuser(), &job, Phase::Reading);
        let mut waiting = app.session(&app.login, 0);
        waiting
            .batch_execute(&format!("BEGIN ISOLATION LEVEL {isolation}; SELECT FROM acct_export_jobs"))
            .unwrap();
        hold.release();
        assert_eq!(text(&wait_for_job(&mut waiting, &job), "status"), Some("completed"), "{isolation}");
        // And one that began after the snapshot.
        let later = start(&mut requester, "ndjson", "");
        assert_eq!(text(&wait_for_job(&mut waiting, &later), "status"), Some("completed"), "{isolation}");
        waiting.batch_execute("COMMIT").unwrap();
    }
}

#[test]
fn a_waiting_session_can_be_cancelled() {
    let app = jobs::app(shared(), ROWS);
    let hold = Hold::at(Phase::Reading, &app);
    let mut requester = app.session(&app.login, 0);
    let job = start(&mut requester, "csv", "");
    let mut superuser = app.superuser();
    wait_until_held(&mut superuser, &job, Phase::Reading);
    let token = requester.cancel_token();
    let id = job.clone();
    let waiting = thread::spawn(move || {
        let outcome = requester.query_one("SELECT acct_export_wait($1::text::uuid)", &[&id]).map(|_| ());
        (error_of(outcome), requester)
    });
    wait_until(LIMIT, "the session waits", || {
        let sql =
            "SELECT FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'SELECT acct_export_wait%'
                   AND datname = current_database() AND wait_event_type = 'Extension'";
        !superuser.query(sql, &[]).unwrap().is_empty()
    });
    token.cancel_query(NoTls).unwrap();
    let (error, mut requester) = waiting.join().unwrap();
    assert_eq!(error.sqlstate, "57014");
    requester.batch_execute("SET statement_timeout = '100ms'").unwrap();
    let error = error_of(requester.query_one("SELECT acct_export_wait($1::text::uuid)", &[&job]));
    assert_eq!(error.sqlstate, "57014");
    // The export did not notice.
    requester.batch_execute("RESET statement_timeout").unwrap();
    hold.release();
    assert_eq!(text(&wait_for_job(&mut requester, &job), "status"), Some("completed"));
}
