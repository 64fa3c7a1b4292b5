//! The view of an export while it runs: numbers, notifications, the progress bar of psql.

use support::jobs;

use std::process::Stdio;
use std::time::Duration;

use postgres::fallible_iterator::FallibleIterator;
use postgres::Client;
use serde_json::{json, Value};
use support::common::{shared, unique, wait_for_job, wait_until, TwoTenants};
use support::jobs::{
    exported, fill, start, status, text, wait_for_status, wait_until_held, wait_until_idle, Hold, Phase,
    LIMIT,
};

const ROWS: u32 = 50;

/// Notifications that have come, in order, up to one that says that this job is at its end.
fn told(listener: &mut Client, last: &str) -> Vec<Value> {
    let mut all = Vec::new();
    let mut notifications = listener.notifications();
    let mut coming = notifications.timeout_iter(Duration::from_secs(30));
    while let Some(notification) = coming.next().unwrap() {
        assert_eq!(notification.channel(), "acct_export");
        let payload: Value = serde_json::from_str(notification.payload()).unwrap();
        let end = payload["job"] == last && payload["status"] != "queued" && payload["status"] != "running";
        all.push(payload);
        if end {
            return all;
        }
    }
    panic!("no end of job {last} was told: {all:?}");
}

#[test]
fn every_change_of_status_is_told() {
    let app = jobs::app(shared(), ROWS);
    let mut superuser = app.superuser();
    let mut listener = app.session(&app.login, 0);
    listener.batch_execute("LISTEN acct_export").unwrap();
    let mut requester = app.session(&app.login, 0);
    let said = |job: &str, statuses: &[&str]| -> Vec<Value> {
        statuses.iter().map(|status| json!({ "job": job, "status": status })).collect()
    };

    let job = start(&mut requester, "csv", ", reason => 'audit of 2025'");
    wait_for_job(&mut requester, &job);
    assert_eq!(told(&mut listener, &job), said(&job, &["queued", "running", "completed"]));
    requester.execute("SELECT acct_export_delete($1::text::uuid)", &[&job]).unwrap();
    assert_eq!(told(&mut listener, &job), said(&job, &["expired"]));

    let hold = Hold::at(Phase::Reading, &app);
    let cancelled = start(&mut requester, "csv", "");
    wait_until_held(&mut superuser, &cancelled, Phase::Reading);
    requester.execute("SELECT acct_export_cancel($1::text::uuid)", &[&cancelled]).unwrap();
    assert_eq!(told(&mut listener, &cancelled), said(&cancelled, &["queued", "running", "cancelled"]));
    wait_until_idle(&mut superuser);

    let running = fill(&app);
    let queued = start(&mut requester, "ndjson", "");
    requester.execute("SELECT acct_export_cancel($1::text::uuid)", &[&queued]).unwrap();
    let events = told(&mut listener, &queued);
    let of_it: Vec<_> = events.into_iter().filter(|event| event["job"] == queued.as_str()).collect();
    assert_eq!(of_it, said(&queued, &["queued", "cancelled"]));
    hold.release();
    running.iter().for_each(|job| wait_for_status(&mut superuser, job, "completed"));

    superuser.batch_execute(&format!("REVOKE SELECT ON app.users FROM {}", app.login)).unwrap();
    superuser.batch_execute(&format!("GRANT SELECT ON app.users TO {}", app.login)).unwrap();
    superuser.batch_execute(&format!("ALTER DATABASE {} SET acct_export.max_rows = 3", app.db)).unwrap();
    wait_until_idle(&mut superuser);
    let failed = start(&mut requester, "json", "");
    let events = told(&mut listener, &failed);
    let of_it: Vec<_> = events.into_iter().filter(|event| event["job"] == failed.as_str()).collect();
    assert_eq!(of_it, said(&failed, &["queued", "running", "failed"]));
}

#[test]
fn numbers_move_while_rows_are_read() {
    const MANY: u32 = 5_000;
    let app = app_by_index(MANY);
    let role = unique("onlooker");
    let mut superuser = app.superuser();
    superuser.batch_execute(&format!("CREATE ROLE {role} LOGIN; GRANT {} TO {role}", app.login)).unwrap();
    let mut requester = app.session(&app.login, 0);
    // An earlier export says how many rows there are, in whatever format.
    let earlier = start(&mut requester, "ndjson", "");
    wait_for_job(&mut requester, &earlier);
    let hold = Hold::at(Phase::Reading, &app);
    let job = start(&mut requester, "csv", "");
    let worker = wait_until_held(&mut superuser, &job, Phase::Reading);

    let row = status(&mut requester, &job);
    let (done, total): (Option<i64>, Option<i64>) = (row.get("rows_done"), row.get("rows_total"));
    let (done, total) = (done.unwrap(), total.unwrap());
    assert!(done >= 1024 && done < i64::from(exported(MANY)), "{done}");
    assert_eq!(total, i64::from(exported(MANY)));
    let percent: Option<i32> = row.get("percent");
    assert!((1..100).contains(&percent.unwrap()), "{percent:?}");
    assert!(row.get::<_, Option<i32>>("seconds_left").is_some_and(|left| left >= 0));
    assert_eq!((text(&row, "status"), text(&row, "stage")), (Some("running"), Some("reading")));
    assert_eq!(text(&row, "message"), Some("Preparing user export"));

    // The server's own view, and the job list of another member, tell the same.
    let copy = superuser
        .query_one("SELECT command, relid::regclass::text, tuples_processed FROM pg_stat_progress_copy WHERE pid = $1", &[&worker])
        .unwrap();
    assert_eq!((copy.get::<_, &str>(0), copy.get::<_, &str>(1)), ("COPY TO", "app.users"));
    assert_eq!(copy.get::<_, i64>(2), done);
    let listed = app
        .session(&role, 0)
        .query_one(
            "SELECT rows_done, percent, status FROM acct_export_jobs WHERE job_id = $1::text::uuid",
            &[&job],
        )
        .unwrap();
    assert_eq!(listed.get::<_, Option<i64>>(0), Some(done));
    assert_eq!(listed.get::<_, Option<i32>>(1), percent);
    assert!(
        app.session(&role, 1).query("SELECT FROM acct_export_jobs", &[]).unwrap().is_empty(),
        "another tenant's"
    );

    // And while it is stored.
    let storing = Hold::at(Phase::Storing, &app);
    hold.release();
    wait_until_held(&mut superuser, &job, Phase::Storing);
    let row = status(&mut requester, &job);
    assert_eq!(row.get::<_, Option<i64>>("rows_done"), Some(i64::from(exported(MANY))));
    let stored: Option<i32> = row.get("percent");
    assert!(stored >= percent && stored < Some(100), "{percent:?} then {stored:?}");
    storing.release();
    let row = wait_for_job(&mut requester, &job);
    assert_eq!(row.get::<_, Option<i32>>("percent"), Some(100));
    assert_eq!(row.get::<_, Option<i64>>("rows_done"), row.get("rows_total"));
    assert_eq!(row.get::<_, Option<i64>>("bytes_done"), row.get("bytes_total"));
    assert_eq!(row.get::<_, Option<i32>>("seconds_left"), None);
    assert_eq!(text(&row, "message"), Some("Export complete!"));
    wait_until_idle(&mut superuser);
    assert!(superuser
        .query("SELECT FROM pg_stat_progress_copy WHERE datname = current_database()", &[])
        .unwrap()
        .is_empty());
}

/// Nothing else says how many rows there are: not the statistics, which are of other tenants' rows too.
#[test]
fn the_first_export_does_not_know_how_many_rows_there_are() {
    let app = app_by_index(5_000);
    let mut superuser = app.superuser();
    let hold = Hold::at(Phase::Reading, &app);
    let mut requester = app.session(&app.login, 0);
    let job = start(&mut requester, "csv", "");
    wait_until_held(&mut superuser, &job, Phase::Reading);
    let row = status(&mut requester, &job);
    assert!(row.get::<_, Option<i64>>("rows_done").unwrap() >= 1024);
    assert_eq!(row.get::<_, Option<i64>>("rows_total"), None);
    assert_eq!(row.get::<_, Option<i32>>("seconds_left"), None);
    assert_eq!(row.get::<_, Option<i32>>("percent"), Some(10));
    hold.release();
    let row = wait_for_job(&mut requester, &job);
    assert_eq!(row.get::<_, Option<i64>>("rows_done"), row.get("rows_total"));
    // An export of other rows, another tenant's, another role's: none of them is told.
    let hold = Hold::at(Phase::Reading, &app);
    for (mut client, more) in [
        (app.session(&app.login, 0), ", include_disabled => true"),
        (app.session(&app.login, 1), ""),
        (app.session(&app.nologin, 0), ""),
    ] {
        let job = start(&mut client, "csv", more);
        wait_until_held(&mut superuser, &job, Phase::Reading);
        assert_eq!(status(&mut client, &job).get::<_, Option<i64>>("rows_total"), None, "{more}");
        client.execute("SELECT acct_export_cancel($1::text::uuid)", &[&job]).unwrap();
        wait_for_status(&mut superuser, &job, "cancelled");
    }
    hold.release();
}

/// An application whose exports are read in the order of the index: row by row, and not sorted before the first comes.
fn app_by_index(rows: u32) -> TwoTenants {
    let app = jobs::app(shared(), rows);
    // At a fourth: the planner takes the policy for a filter that lets a third of the rows through.
    jobs::gate(&app, rows / 4 + 3);
    let db = &app.db;
    let sql =
        format!("ALTER DATABASE {db} SET enable_sort = off; ALTER DATABASE {db} SET enable_seqscan = off");
    app.superuser().batch_execute(&sql).unwrap();
    app
}

/// Arguments of psql for a session of the requester's in tenant 0.
fn psql(app: &TwoTenants, commands: &str) -> std::process::Output {
    let script = format!("SET app.tenant_id = '{}';\n{commands}", app.tenants[0]);
    shared().psql(&["-q", "-d", &app.db, "-U", &app.login], &script)
}

#[test]
fn psql_shows_a_bar() {
    let app = jobs::app(shared(), ROWS);
    let output = psql(&app, "CALL acct_export_run('users', 'csv');");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{told}");
    let lines: Vec<&str> = told.lines().filter(|line| line.contains("INFO:")).collect();
    assert!(!lines.is_empty() && lines.iter().all(|line| line.contains('[') && line.contains('%')), "{told}");
    let last = lines.last().unwrap();
    assert!(last.contains("100%") && last.contains("Export complete!") && last.contains("45 rows"), "{told}");
    assert!(!last.contains("[-") && last.contains('#'), "{told}");
    // The job is what comes back.
    let id = String::from_utf8(output.stdout).unwrap();
    let id = id.split_whitespace().find(|word| word.len() == 36).unwrap();
    jobs::assert_whole(&mut app.superuser(), id, exported(ROWS));
}

#[test]
fn psql_shows_movement_before_the_end() {
    const MANY: u32 = 5_000;
    let app = app_by_index(MANY);
    let mut requester = app.session(&app.login, 0);
    let earlier = start(&mut requester, "csv", "");
    wait_for_job(&mut requester, &earlier);
    let hold = Hold::at(Phase::Reading, &app);
    let mut call = shared().client("psql");
    call.args(["-X", "-d", &app.db, "-U", &app.login, "-c"])
        .arg(format!("SET app.tenant_id = '{}'", app.tenants[0]))
        .args(["-c", "CALL acct_export_run('users', 'csv')"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut call = call.spawn().unwrap();
    let mut lines =
        std::io::BufRead::lines(std::io::BufReader::new(call.stderr.take().unwrap())).map(Result::unwrap);
    // It comes while the export stands still, and has all that one wants to know.
    let line = lines
        .find(|line| line.contains("rows/s") && line.contains(" left"))
        .expect("no line while rows are read");
    assert!(line.contains("INFO:") && line.contains('#') && line.contains('%'), "{line}");
    hold.release();
    assert!(lines.any(|line| line.contains("100%")));
    assert!(call.wait().unwrap().success());
}

#[test]
fn psql_ends_with_the_jobs_error() {
    let app = jobs::app(shared(), ROWS);
    app.superuser()
        .batch_execute(&format!("ALTER DATABASE {} SET acct_export.max_rows = 3", app.db))
        .unwrap();
    let output = psql(&app, "\\set VERBOSITY verbose\nCALL acct_export_run('users', 'csv');");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success());
    assert!(told.contains("ERROR:  54000:") && told.contains("acct_export.max_rows"), "{told}");
    // An error of the request itself is reported before there is a job.
    let output = psql(&app, "\\set VERBOSITY verbose\nCALL acct_export_run('nobody');");
    assert!(String::from_utf8_lossy(&output.stderr).contains("ERROR:  22023:"));
}

#[test]
fn psql_can_be_interrupted_and_the_export_goes_on() {
    let app = jobs::app(shared(), ROWS);
    let hold = Hold::at(Phase::Reading, &app);
    let output = psql(&app, "SET statement_timeout = '1s';\nCALL acct_export_run('users', 'csv');");
    assert!(!output.status.success());
    let mut superuser = app.superuser();
    let job: String = superuser.query_one("SELECT job_id::text FROM acct_export_jobs", &[]).unwrap().get(0);
    hold.release();
    wait_until(LIMIT, "the export completes", || {
        text(&status(&mut superuser, &job), "status") == Some("completed")
    });
}
