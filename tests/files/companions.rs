//! Companions: further datasets as further files of one job.

use support::asking;
use support::common;

use calamine::Data;
use serde_json::{json, Value};
use std::io::{Cursor, Read};
use std::time::Duration;
use support::asking::{refusal, refused, start, status, Gate, Workbook};
use support::common::{wait_for_job, wait_until};
use support::companion::{ended, file, ids, scalar, values, Companions};

#[test]
fn a_companion_is_a_further_file_of_the_job() {
    let app = Companions::create();
    let mut client = app.requester();
    let (job, row) = ended(&mut client, "'users', 'ndjson', include => '{events}'");
    assert_eq!(row.get::<_, String>("status"), "completed");
    assert_eq!(row.get::<_, String>("message"), "All exports complete!");
    let files: Value = row.get("files");
    let names: Vec<&str> =
        files.as_array().unwrap().iter().map(|file| file["name"].as_str().unwrap()).collect();
    assert!(names[0].starts_with("users-2") && names[1].starts_with("state-events-2"), "{names:?}");
    assert!(names.iter().all(|name| name.ends_with(".ndjson")));
    assert_eq!((&files[0]["rows"], &files[1]["rows"]), (&json!(18), &json!(60)));
    assert_eq!(row.get::<_, i64>("rows_done"), 78);
    let bytes = files[0]["bytes"].as_i64().unwrap() + files[1]["bytes"].as_i64().unwrap();
    assert_eq!(row.get::<_, i64>("bytes_done"), bytes);
    // The tenant's own, without what is disabled and without secrets.
    assert_eq!(
        values(&mut client, &job, 1, "id"),
        ids(&mut client, "SELECT id FROM app.users WHERE status <> 'disabled'")
    );
    assert_eq!(values(&mut client, &job, 2, "id"), ids(&mut client, "SELECT id FROM app.events"));
    assert!(!String::from_utf8(file(&mut client, &job, 2)).unwrap().contains(common::SECRET));
    for number in [1, 2] {
        let sql = format!(
            "SELECT (encode(sha256(acct_export_file('{job}', {number})), 'hex') = files -> {} ->> 'sha256')::text
               FROM acct_export_status('{job}')",
            number - 1
        );
        assert_eq!(scalar(&mut client, &sql), "true");
    }
    refused(
        &mut client,
        &format!("SELECT acct_export_file('{job}', 3)"),
        "22023",
        "no file 3",
        "count from 1",
    );
    // Without any there is one.
    let (_, row) = ended(&mut client, "'users', 'ndjson'");
    assert_eq!(row.get::<_, String>("message"), "Export complete!");
}

#[test]
fn the_audit_trail_and_the_document_have_all_files() {
    let app = Companions::create();
    let (job, _) = ended(&mut app.requester(), "'users', 'csv', include => '{events}', reason => 'why'");
    let mut admin = app.0.superuser();
    let sql =
        format!("SELECT detail FROM acct_export_audit WHERE job_id = '{job}' AND event = 'user.bulk_export'");
    let detail: Value = admin.query_one(&sql, &[]).unwrap().get(0);
    assert_eq!(detail["row_count"], 78);
    assert_eq!(detail["fields"][0], "id");
    assert_eq!(detail["files"][1]["parts"][0]["dataset"], "events");
    assert_eq!(detail["files"][1]["rows"], 60);
    assert_eq!(
        detail["files"][1]["parts"][0]["fields"],
        json!(["id", "tenant_id", "user_id", "kind", "detail", "at"])
    );
    let sql = format!(
        "SELECT (acct_export_job('{job}') ->> 'wal_position')::pg_lsn <= pg_current_wal_lsn()
                AND (acct_export_job('{job}') ->> 'wal_position')::pg_lsn > '0/0'"
    );
    assert!(admin.query_one(&sql, &[]).unwrap().get::<_, bool>(0));
}

/// Rows that are committed while the first file is read are in none.
#[test]
fn all_files_are_of_one_snapshot() {
    let app = Companions::create();
    let (mut client, mut admin) = (app.requester(), app.0.superuser());
    let events = ids(&mut client, "SELECT id FROM app.events");
    let gate = Gate::close(&app.0);
    let job = start(&mut client, "'users', 'ndjson', include => '{events}'");
    wait_until(Duration::from_secs(30), "the first dataset is read", || {
        status(&mut client, &job).get::<_, Option<String>>("stage").as_deref() == Some("reading")
    });
    assert_eq!(status(&mut client, &job).get::<_, String>("message"), "Preparing user export");
    let tenant = &app.0.tenants[0];
    admin
        .batch_execute(&format!(
            "INSERT INTO app.events VALUES (999999, '{tenant}', 2, 'active', NULL, now())"
        ))
        .unwrap();
    gate.open();
    wait_for_job(&mut client, &job);
    assert_eq!(values(&mut client, &job, 2, "id"), events);
}

#[test]
fn a_companion_has_a_stage_of_its_own() {
    let app = Companions::create();
    let mut client = app.requester();
    let gate = Gate::before(&app.0, "app.events");
    let job = start(&mut client, "'users', 'csv', include => '{events}'");
    wait_until(Duration::from_secs(30), "the companion is read", || {
        status(&mut client, &job).get::<_, String>("message") == "Downloading state events"
    });
    let row = status(&mut client, &job);
    assert_eq!((row.get::<_, String>("stage"), row.get::<_, i64>("rows_done")), ("reading".into(), 18));
    gate.open();
    assert_eq!(wait_for_job(&mut client, &job).get::<_, String>("status"), "completed");
}

/// A cancel is about the whole job, whatever is being read.
#[test]
fn a_cancel_ends_the_job_while_a_companion_is_read() {
    let app = Companions::create();
    for options in ["{}", r#"{"one_workbook": true}"#] {
        let mut client = app.requester();
        let gate = Gate::before(&app.0, "app.events");
        let job =
            start(&mut client, &format!("'users', 'xlsx', include => '{{events}}', options => '{options}'"));
        wait_until(Duration::from_secs(30), "the companion is read", || {
            status(&mut client, &job).get::<_, String>("message") == "Downloading state events"
        });
        client.execute("SELECT acct_export_cancel($1::text::uuid)", &[&job]).unwrap();
        let row = wait_for_job(&mut client, &job);
        assert_eq!(row.get::<_, String>("status"), "cancelled");
        assert_eq!(row.get::<_, Value>("files"), json!([]));
        gate.open();
        app.0.superuser().batch_execute("DROP POLICY gate ON app.events; DROP FUNCTION app.gate()").unwrap();
    }
}

#[test]
fn selections_of_their_own() {
    let app = Companions::create();
    let mut client = app.requester();
    for (selection, query) in [
        (r#"{"filter": {"kind": "active"}}"#, "SELECT id FROM app.events WHERE kind = 'active'"),
        (r#"{"since": "2025-01-02 10:00:00+00"}"#, "SELECT id FROM app.events WHERE at >= '2025-01-02 10:00Z'"),
        (
            r#"{"start_date": "2025-01-03", "end_date": "2025-01-03"}"#,
            "SELECT id FROM app.events WHERE at >= '2025-01-03' AND at < '2025-01-04'",
        ),
        (
            r#"{"match": "user_id"}"#,
            "SELECT id FROM app.events WHERE user_id IN (SELECT u.id FROM app.users u WHERE u.status = 'active')",
        ),
        (
            r#"{"match": "user_id", "filter": {"kind": ["active", "invited"]}, "since": "2025-01-02 10:00:00+00"}"#,
            "SELECT id FROM app.events WHERE kind IN ('active', 'invited') AND at >= '2025-01-02 10:00Z'
                AND user_id IN (SELECT u.id FROM app.users u WHERE u.status = 'active')",
        ),
        (r#"{"filter": {"kind": "nothing"}}"#, "SELECT id FROM app.events WHERE false"),
    ] {
        let arguments = format!(
            "'users', 'ndjson', include => '{{events}}', filter => '{{\"status\": \"active\"}}',
             options => '{{\"companions\": {{\"events\": {selection}}}}}'"
        );
        let (job, row) = ended(&mut client, &arguments);
        assert_eq!(row.get::<_, String>("status"), "completed", "{selection}");
        assert_eq!(values(&mut client, &job, 2, "id"), ids(&mut client, query), "{selection}");
        let users = ids(&mut client, "SELECT id FROM app.users WHERE status = 'active'");
        assert_eq!(values(&mut client, &job, 1, "id"), users);
    }
    let options = r#"{"companions": {"events": {"fields": ["kind", "id"]}}}"#;
    let (job, _) =
        ended(&mut client, &format!("'users', 'csv', include => '{{events}}', options => '{options}'"));
    assert!(file(&mut client, &job, 2).starts_with(b"kind,id\r\n"));
}

#[test]
fn companions_are_anonymised_like_the_rest() {
    let app = Companions::create();
    app.0
        .superuser()
        .batch_execute("SELECT acct_export_set_field('events', 'kind', on_anonymise => 'redact')")
        .unwrap();
    let mut client = app.requester();
    let (job, _) = ended(&mut client, "'users', 'ndjson', include => '{events}', anonymise => true");
    let kinds = values(&mut client, &job, 2, "kind");
    assert!(kinds.len() == 60 && kinds.iter().all(|kind| kind == "[redacted]"));
}

#[test]
fn all_in_one_workbook() {
    let app = Companions::create();
    let mut client = app.requester();
    let arguments = r#"'users', include => '{events,other}', options => '{"one_workbook": true}'"#;
    let (job, row) = ended(&mut client, arguments);
    assert_eq!(row.get::<_, String>("status"), "completed");
    assert_eq!(row.get::<_, String>("message"), "All exports complete!");
    let files: Value = row.get("files");
    assert_eq!((files.as_array().unwrap().len(), &files[0]["rows"]), (1, &json!(18 + 60 + 60)));
    let mut book = Workbook::open(file(&mut client, &job, 1));
    assert_eq!(book.sheets(), ["Users", "State events", "State events (2)", "Export info"]);
    for (sheet, rows, label) in
        [("Users", 19, "email"), ("State events", 61, "kind"), ("State events (2)", 61, "kind")]
    {
        let found = book.rows(sheet);
        assert_eq!(found.len(), rows);
        assert!(found[0].contains(&Data::String(label.into())), "{:?}", found[0]);
    }
    let info = book.rows("Export info");
    let told = |name: &str| -> Vec<String> {
        let of = |row: &&Vec<Data>| row[0] == Data::String(name.into());
        info.iter().filter(of).map(|row| row[1].to_string()).collect()
    };
    assert_eq!(told("Dataset"), ["users", "events", "other"]);
    assert_eq!(told("Rows"), ["18", "60", "60"]);
    assert_eq!(told("WAL position").len(), 1);
    assert_eq!(told("Sheets"), ["3"]);
}

#[test]
fn all_in_one_archive() {
    let app = Companions::create();
    let mut client = app.requester();
    for format in ["csv", "xlsx"] {
        let options = r#"{"archive": "zip", "reproducible": true}"#;
        let arguments = format!("'users', '{format}', include => '{{events,other}}', options => '{options}'");
        let [(job, row), (again, _)] = [(); 2].map(|()| ended(&mut client, &arguments));
        assert_eq!(row.get::<_, String>("message"), "All exports complete!");
        let files: Value = row.get("files");
        assert_eq!(files.as_array().unwrap().len(), 1);
        assert!(files[0]["name"].as_str().unwrap().ends_with(".zip"));
        assert_eq!((&files[0]["media_type"], &files[0]["rows"]), (&json!("application/zip"), &json!(138)));
        let bytes = file(&mut client, &job, 1);
        assert!(bytes == file(&mut client, &again, 1), "the archive is not reproducible");
        let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
        // Readers of streams refuse what is stored as it is.
        for index in 0..archive.len() {
            assert_eq!(archive.by_index(index).unwrap().compression(), zip::CompressionMethod::Deflated);
        }
        let names: Vec<String> = archive.file_names().map(|name| name.unwrap().into_owned()).collect();
        let mut wanted =
            ["users", "state-events", "state-events-2"].map(|stem| format!("{stem}.{format}")).to_vec();
        wanted.push("export-info.json".to_owned());
        assert_eq!(names, wanted);
        let mut content = Vec::new();
        archive.by_name(&format!("state-events.{format}")).unwrap().read_to_end(&mut content).unwrap();
        let plain = format!("'events', '{format}', options => '{{\"reproducible\": true}}'");
        if format == "csv" {
            let (single, _) = ended(&mut client, &plain);
            assert!(content == file(&mut client, &single, 1));
        } else {
            assert_eq!(Workbook::open(content).rows("State events").len(), 61);
        }
        let diff = format!("SELECT * FROM acct_export_diff('{job}', '{again}')");
        refused(&mut client, &diff, "22023", "archive", "without option archive");
    }
}

#[test]
fn diffs_compare_the_first_dataset_of_a_workbook() {
    let app = Companions::create();
    let (mut client, mut admin) = (app.requester(), app.0.superuser());
    let (a, _) = ended(&mut client, r#"'users', include => '{events}', options => '{"one_workbook": true}'"#);
    admin.batch_execute("UPDATE app.users SET email = 'new@a.example' WHERE id = 2").unwrap();
    let (b, _) = ended(&mut client, "'users', 'csv', include => '{events}'");
    let sql =
        format!("SELECT key || ' ' || change || ' ' || after::text FROM acct_export_diff('{a}', '{b}')");
    assert_eq!(asking::column(&mut client, &sql), [r#"2 changed {"email": "new@a.example"}"#]);
}

#[test]
fn in_the_session_too() {
    let app = Companions::create();
    let mut admin = app.0.superuser();
    admin.batch_execute(&format!("ALTER DATABASE {} SET acct_export.async = off", app.0.db)).unwrap();
    let mut client = app.requester();
    let (job, row) = ended(&mut client, "'users', 'ndjson', include => '{events,breaking}'");
    assert_eq!(row.get::<_, String>("status"), "completed_with_errors");
    assert_eq!(values(&mut client, &job, 2, "id").len(), 60);
    let error = refusal(&mut client, &format!("SELECT acct_export_file('{job}', 3)"));
    assert_eq!(error.sqlstate, "55000");
}
