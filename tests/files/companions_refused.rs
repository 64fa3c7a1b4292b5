//! Companions that fail, and those that are refused.

use support::asking;
use support::common;

use serde_json::{json, Value};
use support::asking::{column, completed, refused, start, text, Workbook};
use support::common::wait_for_job;
use support::companion::{ended, file, values, Companions};

/// The user file is there, whatever became of the rest.
#[test]
fn a_companion_that_fails_leaves_the_other_files() {
    let app = Companions::create();
    let (mut client, mut admin) = (app.requester(), app.0.superuser());
    let (job, row) = ended(&mut client, "'users', 'ndjson', include => '{breaking,events}'");
    assert_eq!(row.get::<_, String>("status"), "completed_with_errors");
    assert_eq!(row.get::<_, String>("message"), "Odd shares export failed");
    assert_eq!(row.get::<_, Option<String>>("error_code").as_deref(), Some("22012"));
    let error: String = row.get("error");
    assert!(error.contains("SQLSTATE 22012") && !error.contains("division"), "{error}");
    let files: Value = row.get("files");
    let statuses: Vec<&str> =
        files.as_array().unwrap().iter().map(|file| file["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["stored", "failed", "stored"]);
    assert_eq!(
        (&files[1]["rows"], &files[1]["bytes"], &files[1]["sha256"]),
        (&json!(0), &json!(0), &Value::Null)
    );
    assert_eq!(values(&mut client, &job, 1, "id").len(), 18);
    assert_eq!(values(&mut client, &job, 3, "id").len(), 60);
    let sql = format!("SELECT acct_export_file('{job}', 2)");
    refused(&mut client, &sql, "55000", "file 2", "acct_export_retry");
    let sql = format!(
        "SELECT detail ->> 'error_code' FROM acct_export_audit WHERE job_id = '{job}' AND event = 'user.bulk_export'"
    );
    assert_eq!(text(&mut admin, &sql).as_deref(), Some("22012"));
    // Asked again once it is mended.
    admin
        .batch_execute(
            "CREATE OR REPLACE VIEW app.breaking WITH (security_invoker = true) AS
                SELECT id, tenant_id, 1::bigint AS share FROM app.events",
        )
        .unwrap();
    let again = text(&mut client, &format!("SELECT acct_export_retry('{job}')::text")).unwrap();
    assert_eq!(wait_for_job(&mut client, &again).get::<_, String>("status"), "completed");
    // Purge and delete go by the job.
    assert_eq!(
        text(&mut client, &format!("SELECT acct_export_delete('{job}')::text")).as_deref(),
        Some("true")
    );
    assert_eq!(asking::status(&mut client, &job).get::<_, String>("status"), "expired");
}

#[test]
fn a_workbook_is_made_without_what_fails() {
    let app = Companions::create();
    let mut client = app.requester();
    let arguments = r#"'users', include => '{events,breaking,other}', options => '{"one_workbook": true}'"#;
    let (job, row) = ended(&mut client, arguments);
    assert_eq!(row.get::<_, String>("status"), "completed_with_errors");
    assert_eq!(row.get::<_, String>("message"), "Odd shares export failed");
    let mut book = Workbook::open(file(&mut client, &job, 1));
    assert_eq!(book.sheets(), ["Users", "State events", "State events (2)", "Export info"]);
    assert_eq!((book.rows("Users").len(), book.rows("State events (2)").len()), (19, 61));
    let info = book.rows("Export info");
    let failed = info.iter().find(|row| row[0] == calamine::Data::String("Failed".into())).unwrap();
    assert!(failed[1].to_string().starts_with("Odd shares: "), "{failed:?}");
}

#[test]
fn an_archive_holds_what_could_be_made() {
    let app = Companions::create();
    let mut client = app.requester();
    let arguments = r#"'users', 'csv', include => '{breaking,events}', options => '{"archive": "zip"}'"#;
    let (job, row) = ended(&mut client, arguments);
    assert_eq!(row.get::<_, String>("status"), "completed_with_errors");
    let archive = zip::ZipArchive::new(std::io::Cursor::new(file(&mut client, &job, 1))).unwrap();
    let names: Vec<String> = archive.file_names().map(|name| name.unwrap().into_owned()).collect();
    assert_eq!(names, ["users.csv", "state-events.csv", "export-info.json"]);
}

/// The dataset itself is what the job is about.
#[test]
fn where_the_dataset_itself_fails_there_is_nothing() {
    let app = Companions::create();
    app.0
        .superuser()
        .batch_execute(
            "SELECT acct_export_register('breaking', 'app.breaking', 'id', tenant_column => 'tenant_id', companions => '{events}', replace => true)",
        )
        .unwrap();
    let (_, row) = ended(&mut app.requester(), "'breaking', 'csv', include => '{events}'");
    assert_eq!(row.get::<_, String>("status"), "failed");
    assert_eq!(row.get::<_, String>("message"), "Export failed. Please try again.");
    assert_eq!(row.get::<_, Value>("files"), json!([]));
}

#[test]
fn what_is_no_companion_is_refused() {
    let app = Companions::create();
    let mut client = app.requester();
    let start = |more: &str| format!("SELECT acct_export_start('users', 'csv', {more})");
    let with = |options: Value| {
        start(&format!("include => '{{events}}', options => '{}'", json!({ "companions": options })))
    };
    for (sql, sqlstate, named, hint) in [
        (start("include => '{users}'"), "22023", "\"users\"", "Companion datasets: events, breaking, other"),
        (start("include => '{nothing}'"), "22023", "\"nothing\"", "Companion datasets"),
        (with(json!({ "evnts": {} })), "22023", "\"evnts\"", "events"),
        (with(json!({ "events": { "fitler": {} } })), "22023", "\"fitler\"", "filter, fields"),
        (with(json!({ "events": { "filter": { "nothing": 1 } } })), "22023", "\"nothing\"", "kind"),
        (with(json!({ "events": { "fields": ["nothing"] } })), "22023", "\"nothing\"", "kind"),
        (with(json!({ "events": { "period": "yesterday" } })), "22023", "\"yesterday\"", "last_week"),
        (with(json!({ "events": { "match": "nothing" } })), "22023", "\"nothing\"", "user_id"),
        (with(json!({ "events": { "match": "kind" } })), "22023", "type text", "in match"),
        (with(json!({ "events": { "include": ["other"] } })), "22023", "\"other\"", "none"),
    ] {
        refused(&mut client, &sql, sqlstate, named, hint);
    }
    for options in [
        json!({ "companions": 1 }),
        json!({ "companions": { "events": [] } }),
        json!({ "archive": "rar" }),
        json!({ "archive": "zip", "compression": "gzip" }),
    ] {
        let sql = start(&format!("include => '{{events}}', options => '{options}'"));
        refused(&mut client, &sql, "22023", "", "");
    }
    for stream in ["acct_export_csv", "acct_export_ndjson"] {
        let sql = format!("SELECT {stream}('users', include => '{{events}}')");
        refused(&mut client, &sql, "0A000", "\"events\"", "acct_export_start");
    }
    let sql = "SELECT acct_export_csv('users', options => '{\"archive\": \"zip\"}')";
    refused(&mut client, sql, "22023", "archive", "acct_export_start");
    let sql = "SELECT acct_export_register('events', 'app.events', 'id', tenant_column => 'tenant_id', companions => '{events}', replace => true)";
    refused(&mut app.0.superuser(), sql, "22023", "itself", "another dataset");
    // A preview tells of them.
    let sql = "SELECT (scope -> 'companions')::text FROM acct_export_preview('users', include => '{events}')";
    assert_eq!(text(&mut client, sql).as_deref(), Some(r#"["events"]"#));
}

/// A companion is exported by the rights on it, not by those on the dataset that it rides along with.
#[test]
fn rights_are_asked_for_each_dataset() {
    let app = Companions::create();
    let (mut client, mut admin) = (app.requester(), app.0.superuser());
    let login = &app.0.login;
    let both = completed(&mut client, "'users', 'csv', include => '{events}'");
    let book =
        completed(&mut client, r#"'users', include => '{events}', options => '{"one_workbook": true}'"#);
    admin.batch_execute(&format!("REVOKE SELECT ON app.events FROM {login}")).unwrap();
    let sql = "SELECT acct_export_start('users', 'csv', include => '{events}')";
    refused(&mut client, sql, "42501", "events", login);
    // The files that are there already.
    assert!(!file(&mut client, &both, 1).is_empty());
    refused(&mut client, &format!("SELECT acct_export_file('{both}', 2)"), "42501", "events", login);
    refused(&mut client, &format!("SELECT acct_export_file('{book}')"), "42501", "events", login);
    admin.batch_execute(&format!("GRANT SELECT ON app.events TO {login}")).unwrap();
    let role = common::unique("stewards");
    admin
        .batch_execute(&format!(
            "CREATE ROLE {role};
             SELECT acct_export_register('events', 'app.events', 'id', tenant_column => 'tenant_id', required_roles => '{{{role}}}', replace => true)"
        ))
        .unwrap();
    refused(&mut client, sql, "42501", "events", &role);
    refused(&mut client, &format!("SELECT acct_export_file('{both}', 2)"), "42501", "events", &role);
    let denied = column(
        &mut admin,
        &format!(
            "SELECT DISTINCT event FROM acct_export_audit WHERE job_id = '{both}' AND event LIKE '%denied'"
        ),
    );
    assert_eq!(denied, ["user.bulk_export.denied"]);
}

/// A right that is lost between asking and running is the companion's failure.
#[test]
fn rights_are_asked_again_when_it_runs() {
    let cluster = asking::pausable();
    let app = Companions::of(common::TwoTenants::with_users(cluster, 20));
    let mut client = app.requester();
    cluster.set("acct_export.max_workers", "0");
    common::wait_until(std::time::Duration::from_secs(20), "the reload has come", || {
        text(&mut client, "SHOW acct_export.max_workers").as_deref() == Some("0")
    });
    let job = start(&mut client, "'users', 'csv', include => '{events}'");
    let login = &app.0.login;
    app.0.superuser().batch_execute(&format!("REVOKE SELECT ON app.events FROM {login}")).unwrap();
    cluster.set("acct_export.max_workers", "2");
    let row = wait_for_job(&mut client, &job);
    assert_eq!(row.get::<_, String>("status"), "completed_with_errors");
    assert_eq!(row.get::<_, String>("message"), "State events export failed");
    assert_eq!(row.get::<_, Option<String>>("error_code").as_deref(), Some("42501"));
}

/// A policy of the companion's is not passed by riding along.
#[test]
fn policies_of_companions_hold() {
    let app = Companions::create();
    let (mut client, mut admin) = (app.requester(), app.0.superuser());
    let role = common::unique("officers");
    admin
        .batch_execute(&format!(
            "CREATE ROLE {role};
             SELECT acct_export_set_policy('events', approve_above => 10, approver_roles => '{{{role}}}')"
        ))
        .unwrap();
    let (job, row) = ended(&mut client, "'users', 'csv', include => '{events}'");
    assert_eq!(row.get::<_, String>("status"), "completed_with_errors");
    assert_eq!(row.get::<_, Option<String>>("error_code").as_deref(), Some("42501"));
    assert!(row.get::<_, String>("error").contains("approval"), "{}", row.get::<_, String>("error"));
    assert!(!file(&mut client, &job, 1).is_empty());
    let few = r#"{"companions": {"events": {"filter": {"id": {"lt": 60}}}}}"#;
    let (_, row) =
        ended(&mut client, &format!("'users', 'csv', include => '{{events}}', options => '{few}'"));
    assert_eq!(row.get::<_, String>("status"), "completed");
    admin
        .batch_execute("SELECT acct_export_set_policy('events', max_rows => 10, reset => '{approve_above}')")
        .unwrap();
    let (_, row) = ended(&mut client, "'users', 'csv', include => '{events}'");
    assert_eq!(row.get::<_, Option<String>>("error_code").as_deref(), Some("54000"));
    admin
        .batch_execute(
            "SELECT acct_export_set_policy('events', require_filter => '{kind}', reset => '{max_rows}')",
        )
        .unwrap();
    let sql = "SELECT acct_export_start('users', 'csv', include => '{events}')";
    refused(&mut client, sql, "22023", "field \"kind\"", "Compare it");
    // A field whose values may not be filtered cannot be matched on.
    admin
        .batch_execute(
            "SELECT acct_export_set_policy('events', reset => '{require_filter}'); SELECT acct_export_set_field('events', 'user_id', mask => 'redact')",
        )
        .unwrap();
    let options = r#"{"companions": {"events": {"match": "user_id"}}}"#;
    let sql =
        format!("SELECT acct_export_start('users', 'csv', include => '{{events}}', options => '{options}')");
    refused(&mut client, &sql, "42501", "masked", "");
}

/// In psql the error is seen as well.
#[test]
fn people_in_psql_are_warned() {
    let app = Companions::create();
    let login = &app.0.login;
    // A title that is older than the rule that it has no control characters.
    let title = r"UPDATE acct_export.dataset SET title = E'Odd\x1b shares' WHERE dataset = 'breaking'";
    app.0.superuser().batch_execute(title).unwrap();
    let script = format!(
        "SET app.tenant_id = '{}'; CALL acct_export_run('users', 'csv', include => '{{breaking}}');",
        app.0.tenants[0]
    );
    let output = common::shared().psql(&["-d", &app.0.db, "-U", login, "-v", "VERBOSITY=verbose"], &script);
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{told}");
    assert!(
        told.contains("WARNING:  22012: ") && told.contains("Odd? shares export failed: the other files"),
        "{told}"
    );
    assert!(!told.contains('\u{1b}'), "{told}");
}
