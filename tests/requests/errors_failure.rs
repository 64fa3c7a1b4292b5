//! The failure of a job: one sentence to its requester, no file, no value of a row anywhere.

use support::asking::{column, exported, file, objects, refusal, refused, start, text};
use support::common::{shared, wait_for_job, TwoTenants};
use support::jobs::wait_until_idle;

/// Views over a table whose rows make the read fail: the value in the server's own message must go nowhere.
#[test]
fn a_source_that_fails_tells_no_value() {
    let app = TwoTenants::create(shared(), 5);
    let mut superuser = app.superuser();
    superuser
        .batch_execute(&format!(
            "CREATE TYPE app.mood AS ENUM ('good');
             CREATE TABLE app.ledger (id int PRIMARY KEY, tenant_id uuid NOT NULL, amount text, divisor int);
             INSERT INTO app.ledger VALUES (1, '{a}', '10', 1), (2, '{a}', 'R0WVALUE', 0), (3, '{b}', '30', 1);
             ALTER TABLE app.ledger ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
             CREATE POLICY tenant ON app.ledger USING (tenant_id::text = current_setting('app.tenant_id', true));
             CREATE VIEW app.casts WITH (security_invoker) AS SELECT id, tenant_id, amount::int AS amount FROM app.ledger;
             CREATE VIEW app.enums WITH (security_invoker) AS SELECT id, tenant_id, amount::app.mood AS amount FROM app.ledger;
             CREATE VIEW app.dates WITH (security_invoker) AS SELECT id, tenant_id, amount::date AS amount FROM app.ledger;
             CREATE VIEW app.documents WITH (security_invoker) AS SELECT id, tenant_id, amount::jsonb AS amount FROM app.ledger;
             CREATE VIEW app.ratios WITH (security_invoker) AS SELECT id, tenant_id, 1 / divisor AS amount FROM app.ledger;
             GRANT SELECT ON app.ledger, app.casts, app.enums, app.dates, app.documents, app.ratios TO {login};",
            a = app.tenants[0],
            b = app.tenants[1],
            login = app.login
        ))
        .unwrap();
    let mut client = app.session(&app.login, 0);
    for (view, code) in [
        ("casts", "22P02"),
        ("enums", "22P02"),
        ("dates", "22007"),
        ("documents", "22P02"),
        ("ratios", "22012"),
    ] {
        let register = format!(
            "SELECT acct_export_register('{view}', 'app.{view}', 'id', tenant_column => 'tenant_id')"
        );
        superuser.batch_execute(&register).unwrap();
        for format in ["xlsx", "csv", "ndjson", "json"] {
            let job = start(&mut client, &format!("'{view}', '{format}'"));
            let row = wait_for_job(&mut client, &job);
            assert_eq!(row.get::<_, String>("status"), "failed", "{view}");
            assert_eq!(row.get::<_, String>("message"), "Export failed. Please try again.");
            assert_eq!(row.get::<_, Option<String>>("error_code").as_deref(), Some(code), "{view}");
            let error: String = row.get("error");
            assert!(!error.is_empty() && !error.contains('\n'), "{error}");
            assert_eq!(row.get::<_, serde_json::Value>("files"), serde_json::json!([]));
            assert!(row.get::<_, Option<chrono::DateTime<chrono::Utc>>>("finished_at").is_some());
            let all = text(&mut client, &format!("SELECT acct_export_job('{job}')::text")).unwrap();
            assert!(!all.contains("R0WVALUE"), "{all}");
            let error = refused(
                &mut client,
                &format!("SELECT acct_export_file('{job}')"),
                "55000",
                &job,
                "acct_export_status",
            );
            assert!(error.message.contains("failed"), "{error:?}");
            let kept = format!("SELECT count(*)::text FROM acct_export.chunk WHERE job = '{job}'");
            assert_eq!(text(&mut superuser, &kept).as_deref(), Some("0"));
        }
    }
    // To people in psql as well.
    let error = refusal(&mut client, "CALL acct_export_run('casts', 'csv')");
    assert_eq!(error.sqlstate, "22P02", "{error:?}");
    assert!(!format!("{error:?}").contains("R0WVALUE"), "{error:?}");
    let trail = column(&mut superuser, "SELECT to_jsonb(a)::text FROM acct_export.audit AS a");
    assert!(trail.iter().all(|event| !event.contains("R0WVALUE")), "{trail:#?}");
    assert!(trail.iter().any(|event| event.contains("user.bulk_export.failed")), "{trail:#?}");
    let log = shared().log();
    let told: Vec<_> = log.lines().filter(|line| line.contains("R0WVALUE")).collect();
    assert!(told.is_empty(), "the server's log tells a row's value: {told:#?}");
    // The other tenant's rows are sound, and are not disturbed by a row that is not theirs.
    let rows =
        objects(&exported(&mut app.session(&app.login, 1), "'casts', 'ndjson', fields => '{id,amount}'"));
    assert_eq!(rows, [serde_json::json!({ "id": 3, "amount": 30 })]);
}

/// The same where the whole job runs in the caller's session: the error is the caller's, the row's value nobody's.
#[test]
fn a_source_that_fails_in_the_callers_session_tells_no_value() {
    let app = TwoTenants::create(shared(), 5);
    app.superuser()
        .batch_execute(&format!(
            "UPDATE app.users SET name = 'R0WVALU3';
             CREATE VIEW app.casts WITH (security_invoker) AS SELECT id, tenant_id, name::int AS amount FROM app.users;
             GRANT SELECT ON app.casts TO {0}; ALTER ROLE {0} SET acct_export.async = off;
             SELECT acct_export_register('casts', 'app.casts', 'id', tenant_column => 'tenant_id')",
            app.login
        ))
        .unwrap();
    let mut client = app.session(&app.login, 0);
    let error = refusal(&mut client, "SELECT acct_export_start('casts', 'csv')::text");
    assert_eq!(error.sqlstate, "22P02", "{error:?}");
    assert!(!format!("{error:?}").contains("R0WVALU3"), "{error:?}");
    assert!(!shared().log().contains("\"R0WVALU3\""), "the server's log tells a row's value");
    assert_eq!(column(&mut client, "SELECT job_id::text FROM acct_export_jobs"), Vec::<String>::new());
}

/// Over the limit a job fails, it is never cut; at the limit it does not.
#[test]
fn too_many_rows() {
    let app = TwoTenants::with_users(shared(), 9);
    app.superuser()
        .batch_execute(&format!("ALTER DATABASE {} SET acct_export.max_rows = 9", app.db))
        .unwrap();
    let mut client = app.session(&app.login, 0);
    assert_eq!(objects(&exported(&mut client, "'users', 'ndjson'")).len(), 9);
    wait_until_idle(&mut app.superuser()); // a worker that is there has the old setting
    app.superuser()
        .batch_execute(&format!("ALTER DATABASE {} SET acct_export.max_rows = 8", app.db))
        .unwrap();
    for format in ["xlsx", "csv"] {
        let job = start(&mut client, &format!("'users', '{format}'"));
        let row = wait_for_job(&mut client, &job);
        assert_eq!(
            (row.get::<_, String>("status"), row.get::<_, Option<String>>("error_code")),
            ("failed".into(), Some("54000".into()))
        );
        assert!(row.get::<_, String>("error").contains("max_rows"));
        refused(
            &mut client,
            &format!("SELECT acct_export_file('{job}')"),
            "55000",
            &job,
            "acct_export_status",
        );
    }
    // Asked for again once it fits, it is made.
    let failed =
        text(&mut client, "SELECT job_id::text FROM acct_export_jobs WHERE status = 'failed' LIMIT 1")
            .unwrap();
    wait_until_idle(&mut app.superuser());
    app.superuser().batch_execute(&format!("ALTER DATABASE {} RESET acct_export.max_rows", app.db)).unwrap();
    let again = text(&mut client, &format!("SELECT acct_export_retry('{failed}')::text")).unwrap();
    assert_eq!(wait_for_job(&mut client, &again).get::<_, String>("status"), "completed");
    assert!(!file(&mut client, &again).is_empty());
}
