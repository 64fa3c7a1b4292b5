//! Refusals by the state of a job, of its transaction or of the server.

use support::asking;

use std::sync::OnceLock;

use support::asking::{column, completed, refusal, refused, start, text, wait_for_status, Gate};
use support::common::{shared, wait_for_job, Cluster, ClusterOptions, TwoTenants};

/// A server whose queue stands still.
fn paused() -> &'static Cluster {
    static PAUSED: OnceLock<Cluster> = OnceLock::new();
    PAUSED.get_or_init(|| Cluster::start(ClusterOptions::preloaded().set("acct_export.max_workers", "0")))
}

#[test]
fn a_job_that_waits_has_no_file() {
    let app = TwoTenants::with_users(paused(), 5);
    let mut client = app.session(&app.login, 0);
    let job = start(&mut client, "'users'");
    assert_eq!(asking::status(&mut client, &job).get::<_, String>("status"), "queued");
    for sql in [
        format!("SELECT acct_export_file('{job}')"),
        format!("SELECT * FROM acct_export_chunks('{job}')"),
        format!("SELECT acct_export_large_object('{job}')"),
    ] {
        let error = refused(&mut client, &sql, "55000", &job, "acct_export_wait");
        assert!(error.message.contains("queued"), "{error:?}");
    }
    let error = refused(&mut client, &format!("SELECT acct_export_retry('{job}')::text"), "55000", &job, "");
    assert!(error.message.contains("queued"), "{error:?}");
    // There is nothing to delete; the job goes on waiting.
    let deleted = client.query_one(&format!("SELECT acct_export_delete('{job}')"), &[]).unwrap();
    assert!(!deleted.get::<_, bool>(0));
    assert_eq!(asking::status(&mut client, &job).get::<_, String>("status"), "queued");
}

#[test]
fn a_twin_is_refused_until_the_first_has_ended() {
    let app = TwoTenants::with_users(paused(), 5);
    let mut client = app.session(&app.login, 0);
    let ask = r#"'users', 'csv', filter => '{"status":"active","id":{"gt":3}}', fields => '{id,email}'"#;
    let job = start(&mut client, ask);
    // The same although keys stand in another order.
    let twin = r#"'users', 'csv', filter => '{"id":{"gt":3},"status":"active"}', fields => '{id,email}'"#;
    for arguments in [ask, twin] {
        let sql = format!("SELECT acct_export_start({arguments})::text");
        let error = refused(&mut app.session(&app.login, 0), &sql, "55006", "", "acct_export_status");
        assert!(error.detail.as_ref().is_some_and(|detail| detail.contains(&job)), "{error:?}");
    }
    // The active one instead of an error, where that is asked for; to a session that does not see it nothing of it is told.
    for arguments in [ask, twin] {
        let again = start(&mut client, &format!("{arguments}, options => '{{\"if_active\": \"return\"}}'"));
        assert_eq!(again, job);
    }
    let told = r#"SELECT acct_export_start('users', options => '{"if_active": "wait"}')"#;
    refused(&mut client, told, "22023", "if_active", "");
    // Another reason is another export.
    start(&mut client, &format!("{ask}, reason => 'r'"));
    // Another order of fields, another tenant, another actor or another role is another export.
    start(&mut client, &ask.replace("{id,email}", "{email,id}"));
    start(&mut app.session(&app.login, 1), ask);
    start(&mut app.session(&app.nologin, 0), ask);
    let mut actor = app.session(&app.login, 0);
    actor.batch_execute("SET app.user_id = 'anna'").unwrap();
    start(&mut actor, ask);

    assert!(client.query_one(&format!("SELECT acct_export_cancel('{job}')"), &[]).unwrap().get::<_, bool>(0));
    let again = text(&mut client, &format!("SELECT acct_export_retry('{job}')::text")).unwrap();
    assert_ne!(again, job);
    let sql = format!("SELECT acct_export_retry('{job}')::text");
    let error = refused(&mut client, &sql, "55006", "", "acct_export_status");
    assert!(error.detail.as_ref().is_some_and(|detail| detail.contains(&again)), "{error:?}");
}

/// Two sessions ask at the same moment: the second neither waits nor makes a job of its own, whatever the first does then.
#[test]
fn a_twin_of_an_open_transaction_is_refused() {
    let app = TwoTenants::with_users(paused(), 5);
    let mut first = app.session(&app.login, 0);
    let mut second = app.session(&app.login, 0);
    let sql = "SELECT acct_export_start('users')::text";
    first.batch_execute("BEGIN").unwrap();
    let job = start(&mut first, "'users'");
    second.batch_execute("SET statement_timeout = '20s'").unwrap();
    refused(&mut second, sql, "55006", "", "ommit");
    first.batch_execute("COMMIT").unwrap();
    let error = refused(&mut second, sql, "55006", "", "acct_export_status");
    assert!(error.detail.as_ref().is_some_and(|detail| detail.contains(&job)), "{error:?}");
    first.batch_execute(&format!("SELECT acct_export_cancel('{job}')")).unwrap();
    first.batch_execute("BEGIN").unwrap();
    start(&mut first, "'users'");
    refused(&mut second, sql, "55006", "", "ommit");
    first.batch_execute("ROLLBACK").unwrap();
    start(&mut second, "'users'");
}

#[test]
fn a_job_that_runs_has_no_file_and_can_be_cancelled() {
    let app = TwoTenants::with_users(shared(), 5);
    let mut client = app.session(&app.login, 0);
    let gate = Gate::close(&app);
    let job = start(&mut client, "'users', 'csv'");
    wait_for_status(&mut client, &job, "running");
    let error =
        refused(&mut client, &format!("SELECT acct_export_file('{job}')"), "55000", &job, "acct_export_wait");
    assert!(error.message.contains("running"), "{error:?}");
    let sql = "SELECT acct_export_start('users', 'csv')::text";
    let error = refused(&mut client, sql, "55006", "", "acct_export_cancel");
    assert!(error.detail.as_ref().is_some_and(|detail| detail.contains(&job)), "{error:?}");
    assert!(client.query_one(&format!("SELECT acct_export_cancel('{job}')"), &[]).unwrap().get::<_, bool>(0));
    let row = wait_for_job(&mut client, &job);
    gate.open();
    assert_eq!(row.get::<_, String>("status"), "cancelled");
    assert_eq!(row.get::<_, Option<String>>("error"), None);
    let error =
        refused(&mut client, &format!("SELECT acct_export_file('{job}')"), "55000", &job, "acct_export_");
    assert!(error.message.contains("cancelled"), "{error:?}");
    assert!(!client
        .query_one(&format!("SELECT acct_export_cancel('{job}')"), &[])
        .unwrap()
        .get::<_, bool>(0));
}

#[test]
fn waiting_for_a_job_of_the_same_transaction_is_refused() {
    let app = TwoTenants::with_users(shared(), 5);
    for savepoint in ["", "SAVEPOINT s; "] {
        let mut client = app.session(&app.login, 0);
        client.batch_execute(&format!("BEGIN; {savepoint}")).unwrap();
        let job = start(&mut client, "'users', 'csv'");
        let sql = format!("SELECT * FROM acct_export_wait('{job}', '1 hour')");
        let error = refused(&mut client, &sql, "55000", "wait", "ommit");
        assert!(error.hint.as_ref().unwrap().contains("acct_export_run"), "{error:?}");
        client.batch_execute("ROLLBACK").unwrap();
        // And the job is gone with its transaction.
        let sql = format!("SELECT * FROM acct_export_wait('{job}', '1 hour')");
        refused(&mut client, &sql, "P0002", &job, "acct_export_jobs");
    }
    // One statement is one transaction.
    let mut client = app.session(&app.login, 0);
    let error = refusal(&mut client, "SELECT * FROM acct_export_wait(acct_export_start('users', 'csv'))");
    assert_eq!(error.sqlstate, "55000", "{error:?}");
}

#[test]
fn files_that_are_gone() {
    let app = TwoTenants::with_users(shared(), 5);
    let mut client = app.session(&app.login, 0);
    let job = completed(&mut client, "'users', 'csv'");
    refused(&mut client, &format!("SELECT acct_export_file('{job}', 2)"), "22023", "2", "1");
    refused(
        &mut client,
        &format!("SELECT acct_export_retry('{job}')::text"),
        "55000",
        &job,
        "acct_export_start",
    );
    // A file of more than a bytea can hold; its bytes are never read.
    let large = format!("UPDATE acct_export.file SET bytes = 600 * 1024 * 1024 WHERE job = '{job}'");
    app.superuser().batch_execute(&large).unwrap();
    let error = refused(
        &mut client,
        &format!("SELECT acct_export_file('{job}')"),
        "54000",
        "bytes",
        "acct_export_chunks",
    );
    for way in ["acct_export_large_object", "destination"] {
        assert!(error.hint.as_ref().unwrap().contains(way), "{error:?}");
    }
    assert!(client.query_one(&format!("SELECT acct_export_delete('{job}')"), &[]).unwrap().get::<_, bool>(0));
    for sql in [
        "SELECT acct_export_file(JOB)",
        "SELECT * FROM acct_export_chunks(JOB)",
        "SELECT acct_export_large_object(JOB)",
    ] {
        let sql = sql.replace("JOB", &format!("'{job}'"));
        refused(&mut client, &sql, "55000", &job, "acct_export_start");
    }
}

#[test]
fn a_transaction_that_may_not_write() {
    let app = TwoTenants::with_users(shared(), 5);
    let mut client = app.session(&app.login, 0);
    let job = completed(&mut client, "'users', 'csv'");
    let mut superuser = app.superuser();
    for client in [&mut client, &mut superuser] {
        client.batch_execute("SET default_transaction_read_only = on").unwrap();
    }
    for sql in [
        "SELECT acct_export_start('users')::text".to_owned(),
        format!("SELECT acct_export_file('{job}')"),
        format!("SELECT * FROM acct_export_chunks('{job}')"),
        format!("SELECT acct_export_large_object('{job}')"),
        format!("SELECT acct_export_delete('{job}')"),
        format!("SELECT acct_export_cancel('{job}')"),
    ] {
        refused(&mut client, &sql, "25006", "read-only", "");
    }
    for sql in [
        "SELECT acct_export_purge()",
        "SELECT acct_export_register('again', 'app.users', 'id')",
        "SELECT acct_export_set_field('users', 'email', label => 'x')",
        "SELECT acct_export_unregister('users')",
    ] {
        assert_eq!(refusal(&mut superuser, sql).sqlstate, "25006", "{sql}");
    }
    // Reading needs no writing.
    assert_eq!(asking::status(&mut client, &job).get::<_, String>("status"), "completed");
    assert_eq!(column(&mut client, "SELECT acct_export_csv('users', fields => '{id}')").len(), 6);
}

#[test]
fn a_standby_streams_and_starts_nothing() {
    let primary: &'static Cluster = Box::leak(Box::new(Cluster::start(ClusterOptions::preloaded())));
    let app = TwoTenants::with_users(primary, 5);
    let job = completed(&mut app.session(&app.login, 0), "'users', 'csv'");
    let standby = primary.standby();
    let mut client = standby.connect(&app.db, &app.login);
    client.batch_execute(&format!("SET app.tenant_id = '{}'", app.tenants[0])).unwrap();
    assert_eq!(text(&mut client, "SELECT pg_is_in_recovery()::text").as_deref(), Some("true"));

    refused(&mut client, "SELECT acct_export_start('users')::text", "25006", "start an export", "primary");
    for sql in ["acct_export_file(JOB)", "acct_export_cancel(JOB)", "acct_export_delete(JOB)"] {
        let sql = format!("SELECT {}", sql.replace("JOB", &format!("'{job}'")));
        assert_eq!(refusal(&mut client, &sql).sqlstate, "25006", "{sql}");
    }
    assert_eq!(asking::status(&mut client, &job).get::<_, String>("status"), "completed");
    let lines = column(&mut client, "SELECT acct_export_ndjson('users', fields => '{id,email}')");
    assert_eq!(lines.len(), 5);
    assert!(lines.iter().all(|line| line.contains("@a.example")), "{lines:?}");
    assert_eq!(column(&mut client, "SELECT acct_export_csv('users')").len(), 6);
    // Fails closed here as well.
    client.batch_execute("RESET app.tenant_id").unwrap();
    refused(&mut client, "SELECT acct_export_csv('users')", "42501", "tenant", "app.tenant_id");
}
