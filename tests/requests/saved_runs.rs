//! Runs of saved exports: what has changed since the last one, in whose zone, of which name, and how many names there may be.

use postgres::Client;
use support::asking::{column, expire, exported, file, objects, refused, text, wait_for_status, Gate};
use support::common::{shared, unique, wait_for_job, wait_until, TwoTenants};

const LIMIT: std::time::Duration = std::time::Duration::from_secs(60);

/// The rows of a run, by their change; empty: the run has no such column.
#[track_caller]
fn run(client: &mut Client, name: &str) -> (String, Vec<String>) {
    let sql = format!("SELECT acct_export_start_saved('{name}', reason => gen_random_uuid()::text)::text");
    let job = text(client, &sql).unwrap();
    assert_eq!(wait_for_job(client, &job).get::<_, &str>("status"), "completed");
    let change = |row: &serde_json::Value| row["change"].as_str().unwrap_or_default().to_owned();
    let changes = objects(&file(client, &job)).iter().map(change).collect();
    (job, changes)
}

const CHANGES: &str = r#"fields => '{id,email}', options => '{"changes_since": "last"}'"#;

#[test]
fn runs_of_others_keep_ones_own_digests() {
    let app = TwoTenants::with_users(shared(), 4);
    let member = unique("member");
    let mut superuser = app.superuser();
    superuser.batch_execute(&format!("CREATE ROLE {member} LOGIN IN ROLE {}", app.login)).unwrap();
    let (mut client, mut other) = (app.session(&app.login, 0), app.session(&member, 0));
    client.batch_execute(&format!("SELECT acct_export_save('w', 'users', 'ndjson', {CHANGES})")).unwrap();
    let (first, all) = run(&mut client, "w");
    assert!(all.iter().all(|change| change == "added"));
    assert_eq!(run(&mut other, "w").1, all, "the first run of this role");
    expire(&mut superuser, &first);
    assert_eq!(run(&mut client, "w").1, Vec::<String>::new());
    assert_eq!(run(&mut other, "w").1, Vec::<String>::new());
}

#[test]
fn digests_that_are_gone_are_told() {
    let app = TwoTenants::with_users(shared(), 4);
    let (mut client, mut superuser) = (app.session(&app.login, 0), app.superuser());
    client.batch_execute(&format!("SELECT acct_export_save('w', 'users', 'ndjson', {CHANGES})")).unwrap();
    let (first, _) = run(&mut client, "w");
    // However long ago that was.
    expire(&mut superuser, &first);
    superuser.batch_execute("UPDATE acct_export.job SET finished_at = now() - interval '400 days'; SELECT acct_export_purge()").unwrap();
    let (_, changes) = run(&mut client, "w");
    assert_eq!(changes, Vec::<String>::new());
    // The first one is no more needed.
    wait_until(LIMIT, "the record of the first run is gone", || {
        superuser.batch_execute("SELECT acct_export_purge()").unwrap();
        text(&mut superuser, &format!("SELECT count(*)::text FROM acct_export.job WHERE id = '{first}'"))
            .as_deref()
            == Some("0")
    });
    let (third, _) = run(&mut client, "w");
    client.execute("SELECT acct_export_delete($1::text::uuid)", &[&third]).unwrap();
    let start = "SELECT acct_export_start_saved('w')";
    refused(&mut client, start, "55000", "were deleted", "replace => true");
    client
        .batch_execute(&format!(
            "SELECT acct_export_save('w', 'users', 'ndjson', {CHANGES}, replace => true)"
        ))
        .unwrap();
    assert!(run(&mut client, "w").1.iter().all(|change| change == "added"));
    // One that is dropped and saved again begins anew as well, and keeps nothing for ever.
    let (last, _) = run(&mut client, "w");
    client.batch_execute("SELECT acct_export_drop_saved('w')").unwrap();
    expire(&mut superuser, &last);
    superuser.batch_execute("UPDATE acct_export.job SET finished_at = now() - interval '400 days'").unwrap();
    wait_until(LIMIT, "nothing is left", || {
        superuser.batch_execute("SELECT acct_export_purge()").unwrap();
        text(&mut superuser, "SELECT count(*)::text FROM acct_export.job").as_deref() == Some("0")
    });
}

/// Runs that came to nothing go with history.
#[test]
fn failed_runs_are_forgotten() {
    let app = TwoTenants::with_users(shared(), 4);
    let (mut client, mut superuser) = (app.session(&app.login, 0), app.superuser());
    client.batch_execute(&format!("SELECT acct_export_save('w', 'users', 'ndjson', {CHANGES})")).unwrap();
    let (first, _) = run(&mut client, "w");
    let gate = Gate::close(&app);
    let cancelled = text(&mut client, "SELECT acct_export_start_saved('w')::text").unwrap();
    wait_for_status(&mut client, &cancelled, "running");
    client.execute("SELECT acct_export_cancel($1::text::uuid)", &[&cancelled]).unwrap();
    wait_for_job(&mut client, &cancelled);
    gate.open();
    expire(&mut superuser, &first);
    superuser.batch_execute("UPDATE acct_export.job SET finished_at = now() - interval '400 days'").unwrap();
    wait_until(LIMIT, "it is forgotten", || {
        superuser.batch_execute("SELECT acct_export_purge()").unwrap();
        column(&mut superuser, "SELECT id::text AS shown FROM acct_export.job") == [first.clone()]
    });
    assert_eq!(run(&mut client, "w").1, Vec::<String>::new());
}

/// Without workers the run is made within the statement that waited for the one before it.
#[test]
fn runs_in_the_session_are_since_the_one_before() {
    let app = TwoTenants::with_users(shared(), 4);
    let mut client = app.session(&app.login, 0);
    client.batch_execute(&format!("SELECT acct_export_save('w', 'users', 'ndjson', {CHANGES})")).unwrap();
    let first = text(&mut client, "SELECT acct_export_start_saved('w')::text").unwrap();
    let mut session = app.superuser();
    session.batch_execute(&format!("ALTER DATABASE {} SET acct_export.async = off", app.db)).unwrap();
    drop(session);
    let mut session = app.session(&app.login, 0);
    let sql = format!(
        "SELECT acct_export_start_saved('w', reason => s.status)::text FROM acct_export_wait('{first}') AS s"
    );
    let second = text(&mut session, &sql).unwrap();
    assert_eq!(wait_for_job(&mut client, &second).get::<_, &str>("status"), "completed");
    assert_eq!(file(&mut client, &second), b"", "nothing has changed");
}

/// Two runs at a time would be since the same one.
#[test]
fn runs_that_tell_changes_come_one_after_the_other() {
    for (name, more) in [("w", ""), ("r", r#", "if_active": "return""#)] {
        let app = TwoTenants::with_users(shared(), 4);
        let mut client = app.session(&app.login, 0);
        let options = format!(r#"options => '{{"changes_since": "last"{more}}}'"#);
        client
            .batch_execute(&format!("SELECT acct_export_save('{name}', 'users', 'ndjson', {options})"))
            .unwrap();
        let gate = Gate::close(&app);
        let sql = format!("SELECT acct_export_start_saved('{name}')::text");
        let job = text(&mut client, &sql).unwrap();
        let again = format!("SELECT acct_export_start_saved('{name}', reason => 'again')::text");
        match name {
            "w" => drop(refused(&mut client, &again, "55006", "is already active", "acct_export_wait")),
            _ => assert_eq!(text(&mut client, &again).as_deref(), Some(job.as_str())),
        }
        // Nor while another session has not committed its run.
        gate.open();
        wait_for_job(&mut client, &job);
        let (mut one, mut other) = (app.session(&app.login, 0), app.session(&app.login, 0));
        one.batch_execute(&format!("BEGIN; SELECT acct_export_start_saved('{name}', reason => 'one')"))
            .unwrap();
        let started = std::thread::spawn(move || {
            let outcome = other.batch_execute(&again.replace("again", "other"));
            outcome.err().and_then(|error| error.code().map(|code| code.code().to_owned()))
        });
        let waits = "SELECT count(*)::text FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        wait_until(LIMIT, "the other one waits", || text(&mut client, waits).as_deref() == Some("1"));
        one.batch_execute("COMMIT").unwrap();
        let refused = started.join().unwrap();
        // By then the first one may have ended.
        assert!(refused.is_none() || refused.as_deref() == Some("55006"), "{refused:?}");
        wait_until(LIMIT, "all have ended", || {
            let active = "SELECT count(*)::text FROM acct_export_jobs WHERE status IN ('queued', 'running')";
            text(&mut client, active).as_deref() == Some("0")
        });
        let since = "SELECT (count(*) = count(DISTINCT request #>> '{options,changes_since}'))::text FROM acct_export.job";
        assert_eq!(text(&mut app.superuser(), since).as_deref(), Some("true"));
        // A statement that waits for one run and starts the next one is since that one.
        let next = text(&mut client, &sql.replace(")::text", ", reason => 'next')::text")).unwrap();
        let both = format!(
            "SELECT acct_export_start_saved('{name}', reason => s.status)::text FROM acct_export_wait('{next}') AS s"
        );
        let last = text(&mut client, &both).unwrap();
        let since = format!("SELECT acct_export_job('{last}')#>>'{{request,options,changes_since}}'");
        assert_eq!(text(&mut client, &since), Some(next));
        wait_for_job(&mut client, &last);
    }
}

#[test]
fn a_run_of_what_was_replaced_is_no_run_of_what_is_there_now() {
    let app = TwoTenants::with_users(shared(), 4);
    let mut client = app.session(&app.login, 0);
    client.batch_execute(&format!("SELECT acct_export_save('w', 'users', 'ndjson', {CHANGES})")).unwrap();
    let gate = Gate::close(&app);
    let old = text(&mut client, "SELECT acct_export_start_saved('w')::text").unwrap();
    wait_for_status(&mut client, &old, "running");
    client
        .batch_execute(r#"SELECT acct_export_save('w', 'users', 'ndjson', fields => '{id,phone}', options => '{"changes_since": "last"}', replace => true)"#)
        .unwrap();
    gate.open();
    wait_for_job(&mut client, &old);
    assert!(run(&mut client, "w").1.iter().all(|change| change == "added"));
    assert_eq!(run(&mut client, "w").1, Vec::<String>::new());
}

/// A run that is given in place of a new one stays the run of the other.
#[test]
fn a_twin_is_no_run() {
    let app = TwoTenants::with_users(shared(), 4);
    let mut client = app.session(&app.login, 0);
    for name in ["a", "b"] {
        client
            .batch_execute(&format!(
                r#"SELECT acct_export_save('{name}', 'users', 'ndjson', options => '{{"if_active": "return"}}')"#
            ))
            .unwrap();
    }
    let gate = Gate::close(&app);
    let one = text(&mut client, "SELECT acct_export_start_saved('a')::text").unwrap();
    let twin = text(&mut client, "SELECT acct_export_start_saved('b')::text").unwrap();
    assert_eq!(one, twin);
    let run_of = "SELECT s.name FROM acct_export.job AS j JOIN acct_export.saved AS s ON s.id = j.saved";
    assert_eq!(column(&mut app.superuser(), run_of), ["a"]);
    gate.open();
    wait_for_job(&mut client, &one);
    // Not in one statement either.
    let both = "SELECT (acct_export_start_saved('b') = acct_export_start_saved('a'))::text";
    assert_eq!(text(&mut client, both).as_deref(), Some("true"));
    assert_eq!(column(&mut app.superuser(), &format!("{run_of} ORDER BY j.created_at")), ["a", "b"]);
}

#[test]
fn a_run_is_in_the_zone_of_who_saved_it() {
    let app = TwoTenants::with_users(shared(), 60);
    let mut client = app.session(&app.login, 0);
    let asked = "'users', 'ndjson', fields => '{id}', start_date => '2025-01-02', end_date => '2025-01-02'";
    client.batch_execute("SET TimeZone = 'Asia/Tokyo'").unwrap();
    client.batch_execute(&format!("SELECT acct_export_save('day', {asked})")).unwrap();
    let there = objects(&exported(&mut client, asked));
    client.batch_execute("SET TimeZone = 'America/New_York'").unwrap();
    let (job, _) = run(&mut client, "day");
    assert_eq!(objects(&file(&mut client, &job)), there);
    assert_ne!(objects(&exported(&mut client, asked)), there);
}

/// A superuser sees the saved exports of all tenants, and has its own.
#[test]
fn superusers_have_names_within_a_tenant() {
    let app = TwoTenants::with_users(shared(), 3);
    let [mut one, mut other] = [0, 1].map(|tenant| {
        let mut client = app.superuser();
        client.batch_execute(&format!("SET app.tenant_id = '{}'", app.tenants[tenant])).unwrap();
        client
    });
    for client in [&mut one, &mut other] {
        client.batch_execute("SELECT acct_export_save('x', 'users', 'csv', all_tenants => true)").unwrap();
        refused(
            client,
            "SELECT acct_export_save('x', 'users', 'csv', all_tenants => true)",
            "42710",
            "already exists",
            "replace",
        );
    }
    one.batch_execute("SELECT acct_export_save('x', 'users', 'ndjson', all_tenants => true, replace => true); SELECT acct_export_schedule('x', '@daily')").unwrap();
    let all = "SELECT concat_ws(' ', tenant = current_setting('app.tenant_id'), format, cron) AS shown FROM acct_export_saved ORDER BY 1";
    assert_eq!(column(&mut one, all), ["f csv", "t ndjson @daily"]);
    one.batch_execute("SELECT acct_export_drop_saved('x')").unwrap();
    assert_eq!(column(&mut other, all), ["t csv"]);
}

#[test]
fn there_is_a_limit() {
    let app = TwoTenants::with_users(shared(), 3);
    let mut client = app.session(&app.login, 0);
    client
        .batch_execute("SELECT count(*) FROM (SELECT acct_export_save('s' || n, 'users', 'csv') FROM generate_series(1, 1000) AS n OFFSET 0) AS s")
        .unwrap();
    refused(
        &mut client,
        "SELECT acct_export_save('more', 'users', 'csv')",
        "53400",
        "the limit is 1000",
        "acct_export_drop_saved",
    );
    client.batch_execute("SELECT acct_export_save('s7', 'users', 'ndjson', replace => true)").unwrap();
    // Of each tenant.
    app.session(&app.login, 1).batch_execute("SELECT acct_export_save('more', 'users', 'csv')").unwrap();
    client
        .batch_execute("SELECT acct_export_drop_saved('s1'); SELECT acct_export_save('more', 'users', 'csv')")
        .unwrap();
}
