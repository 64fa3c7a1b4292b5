//! Refusals are in the audit trail although everything of the refused caller is rolled back: one event each, there as soon as
//! the error is.

use serde_json::json;
use support::common::{error_of, shared, unique, TwoTenants};
use support::told::{assert_whole, completed, detail, only, refused, stranger, text, told};

const ROWS: u32 = 5;

#[test]
fn a_refusal_is_told() {
    let app = TwoTenants::with_users(shared(), ROWS);
    let role = stranger(&app);
    let mut client = app.session(&role, 0);
    client.batch_execute("SET app.user_id = '13'").unwrap();
    let asks =
        "SELECT acct_export_start('users', 'csv', filter => '{\"status\":\"active\"}', reason => 'curious')";
    let message = refused(&mut client, asks, "42501");
    let row = only(&mut app.superuser(), "denied");
    assert_eq!((text(&row, "role"), text(&row, "dataset")), (Some(role.as_str()), Some("users")));
    assert_eq!((text(&row, "actor"), text(&row, "tenant")), (Some("13"), Some(app.tenants[0].as_str())));
    assert_eq!(text(&row, "job"), None);
    let request =
        json!({ "dataset": "users", "format": "csv", "filter": { "status": "active" }, "reason": "curious" });
    let expected = json!({ "request": request, "action": "start", "error": message, "error_code": "42501" });
    assert_eq!(detail(&row), expected);
    assert_whole(&mut app.superuser());
}

/// All the reasons for which one is refused, and all the ways to ask.
#[test]
fn every_refusal_is_told_once() {
    let app = TwoTenants::with_users(shared(), ROWS);
    let mut superuser = app.superuser();
    let (role, required) = (stranger(&app), unique("required"));
    superuser
        .batch_execute(&format!(
            "CREATE ROLE {required};
             CREATE FUNCTION app.never(jsonb) RETURNS boolean LANGUAGE sql AS 'SELECT false';
             CREATE FUNCTION app.broken(jsonb) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN RAISE ''no''; END';
             CREATE TABLE app.hidden AS SELECT id, tenant_id, email FROM app.users;
             ALTER TABLE app.hidden ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
             CREATE VIEW app.shown WITH (security_invoker = true) AS SELECT * FROM app.hidden;
             GRANT SELECT ON app.shown TO PUBLIC;
             SELECT acct_export_register('shown', 'app.shown', 'id', tenant_column => 'tenant_id');
             SELECT acct_export_register('broken', 'app.users', 'id', tenant_column => 'tenant_id', authorize => 'app.broken(jsonb)');
             SELECT acct_export_register('roles', 'app.users', 'id', tenant_column => 'tenant_id', required_roles => '{{{required}}}');
             SELECT acct_export_register('never', 'app.users', 'id', tenant_column => 'tenant_id', authorize => 'app.never(jsonb)')"
        ))
        .unwrap();
    let (outsider, member, without_tenant) = (0, 1, 2);
    // The source itself is asked at once.
    superuser.batch_execute(&format!("ALTER ROLE {} SET acct_export.async = off", app.login)).unwrap();
    let mut sessions =
        [app.session(&role, 0), app.session(&app.login, 0), shared().connect(&app.db, &app.login)];
    let mut expected = 0;
    for (session, arguments, dataset) in [
        (outsider, "'users'", "users"),
        (member, "'roles'", "roles"),
        (member, "'never'", "never"),
        (member, "'broken'", "broken"),
        (member, "'shown'", "shown"),
        (member, "'users', all_tenants => true", "users"),
        (member, "'users', fields => '{id,password_hash}'", "users"),
        (without_tenant, "'users'", "users"),
    ] {
        for (function, action) in [("start", "start"), ("csv", "stream"), ("ndjson", "stream")] {
            let sql = format!("SELECT acct_export_{function}({arguments})");
            let message = refused(&mut sessions[session], &sql, "42501");
            expected += 1;
            let rows = told(&mut superuser, "denied");
            assert_eq!(rows.len(), expected, "{sql}");
            let row = rows.last().unwrap();
            assert_eq!(text(row, "dataset"), Some(dataset), "{sql}");
            assert_eq!(
                (&detail(row)["action"], &detail(row)["error"]),
                (&action.into(), &message.into()),
                "{sql}"
            );
        }
    }
    // Mistakes are no refusals.
    refused(&mut sessions[outsider], "SELECT acct_export_start('unknown')", "22023");
    refused(&mut sessions[member], "SELECT acct_export_start('users', 'pdf')", "22023");
    refused(&mut sessions[member], "SELECT acct_export_csv('users', fields => '{unknown}')", "22023");
    assert_eq!(told(&mut superuser, "denied").len(), expected);
    assert_whole(&mut superuser);
}

/// Whatever the caller does around it: a handler that catches the error, a savepoint, a read-only transaction.
#[test]
fn it_is_told_whatever_becomes_of_the_transaction() {
    let app = TwoTenants::with_users(shared(), ROWS);
    let (role, mut superuser) = (stranger(&app), app.superuser());
    let mut client = app.session(&role, 0);
    client
        .batch_execute(
            "DO $$ BEGIN PERFORM acct_export_start('users'); EXCEPTION WHEN insufficient_privilege THEN NULL; END $$",
        )
        .unwrap();
    assert_eq!(told(&mut superuser, "denied").len(), 1);
    for (begin, end) in [
        ("BEGIN", "ROLLBACK"),
        ("BEGIN; SAVEPOINT s", "ROLLBACK TO s; COMMIT"),
        ("BEGIN READ ONLY", "COMMIT"),
        ("BEGIN ISOLATION LEVEL SERIALIZABLE", "ROLLBACK"),
    ] {
        let before = told(&mut superuser, "denied").len();
        client.batch_execute(begin).unwrap();
        refused(&mut client, "SELECT acct_export_start('users')", "42501");
        assert_eq!(told(&mut superuser, "denied").len(), before + 1, "{begin}");
        client.batch_execute(end).unwrap();
        assert_eq!(told(&mut superuser, "denied").len(), before + 1, "{begin}");
    }
    assert_whole(&mut superuser);
}

#[test]
fn refused_downloads_are_told() {
    let app = TwoTenants::with_users(shared(), ROWS);
    let (job, mut superuser) = (completed(&app), app.superuser());
    superuser.batch_execute(&format!("REVOKE SELECT ON app.users FROM {}", app.login)).unwrap();
    let mut client = app.session(&app.login, 0);
    for (sql, way) in [
        ("SELECT acct_export_file(JOB)", "bytea"),
        ("SELECT * FROM acct_export_chunks(JOB)", "chunks"),
        ("SELECT acct_export_large_object(JOB)", "large object"),
    ] {
        let before = told(&mut superuser, "denied").len();
        let message = refused(&mut client, &sql.replace("JOB", &format!("'{job}'")), "42501");
        let rows = told(&mut superuser, "denied");
        assert_eq!(rows.len(), before + 1, "{sql}");
        let row = rows.last().unwrap();
        assert_eq!((text(row, "job"), text(row, "dataset")), (Some(job.as_str()), Some("users")));
        let expected =
            json!({ "file": 1, "way": way, "action": "download", "error": message, "error_code": "42501" });
        assert_eq!(detail(row), expected);
    }
    assert!(told(&mut superuser, "downloaded").is_empty());
}

#[test]
fn reaching_for_a_hidden_job_is_told_to_the_auditor_only() {
    let app = TwoTenants::with_users(shared(), ROWS);
    let (job, role, mut superuser) = (completed(&app), stranger(&app), app.superuser());
    let mut client = app.session(&role, 0);
    client.batch_execute("SET client_min_messages = log").unwrap();
    let never = "00000000-0000-4000-8000-000000000000";
    let mut expected = 0;
    for (sql, action) in [
        ("SELECT acct_export_file(JOB)", Some("download")),
        ("SELECT * FROM acct_export_chunks(JOB)", Some("download")),
        ("SELECT acct_export_large_object(JOB)", Some("download")),
        ("SELECT acct_export_cancel(JOB)", Some("cancel")),
        ("SELECT acct_export_delete(JOB)", Some("delete")),
        ("SELECT acct_export_retry(JOB)", Some("start")),
        ("SELECT status FROM acct_export_status(JOB)", None),
        ("SELECT acct_export_job(JOB)", None),
        ("SELECT status FROM acct_export_wait(JOB)", None),
    ] {
        let [mine, nobodys] =
            [&job, never].map(|id| error_of(client.query(&sql.replace("JOB", &format!("'{id}'")), &[])));
        assert_eq!(mine.sqlstate, "P0002", "{sql}");
        assert_eq!(mine.message, nobodys.message.replace(never, &job), "{sql}");
        assert_eq!(
            (mine.detail, mine.hint, mine.context),
            (nobodys.detail, nobodys.hint, nobodys.context),
            "{sql}"
        );
        let rows = told(&mut superuser, "denied");
        if let Some(action) = action {
            expected += 1;
            let row = rows.last().unwrap();
            assert_eq!(
                (text(row, "job"), text(row, "role")),
                (Some(job.as_str()), Some(role.as_str())),
                "{sql}"
            );
            assert_eq!(
                (&detail(row)["action"], &detail(row)["error_code"]),
                (&action.into(), &"P0002".into())
            );
        }
        assert_eq!(rows.len(), expected, "{sql}");
    }
}

/// A request that is nested as deeply as JSON allows is recorded.
#[test]
fn a_deep_request_is_told() {
    let app = TwoTenants::with_users(shared(), ROWS);
    let mut client = app.session(&stranger(&app), 0);
    for depth in [10, 100, 120, 124, 125, 126, 127, 128] {
        let filter = format!("{}{{\"status\":\"active\"}}{}", "{\"not\":".repeat(depth), "}".repeat(depth));
        let before = told(&mut app.superuser(), "denied").len();
        let error =
            error_of(client.query(&format!("SELECT acct_export_start('users', filter => '{filter}')"), &[]));
        let expected = before + usize::from(error.sqlstate == "42501");
        assert_eq!(told(&mut app.superuser(), "denied").len(), expected, "{depth}: {error:?}");
    }
}

/// A request of megabytes fills neither shared memory nor the trail.
#[test]
fn what_is_too_large_is_left_out() {
    let app = TwoTenants::with_users(shared(), ROWS);
    let mut client = app.session(&stranger(&app), 0);
    client.batch_execute("SELECT set_config('app.user_id', repeat('x', 1000000), false)").unwrap();
    let asks = "SELECT acct_export_start('users', filter => jsonb_build_object('name', repeat('y', 900000)), reason => 'small')";
    refused(&mut client, asks, "42501");
    let row = only(&mut app.superuser(), "denied");
    let detail = detail(&row);
    assert_eq!(detail["left_out"], json!(["actor", "filter"]));
    assert_eq!((&detail["request"]["reason"], detail["request"].get("filter")), (&"small".into(), None));
    assert!(detail.to_string().len() < 1000);
}
