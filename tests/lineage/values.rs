//! Secrets that show by their value, or by the name that stands beside them in a row or an object: redacted in every format, stream and
//! answer, counted, and named in no message.

use calamine::Data;
use postgres::Client;
use serde_json::{json, Value};
use support::asking::{
    column, completed, exported, file, objects, refused, text, values_every_way, Workbook,
};
use support::common::{shared, unique, wait_for_job};

const HASH: &str = "$2b$12$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy";
const URL: &str = "postgres://app:C4N4RY-url@db.example.com/app";
const KEY: &str =
    "-----BEGIN PRIVATE KEY-----\nC4N4RYkeyMIIEvQIBADANBgkqhkiG9w0BAQ\n-----END PRIVATE KEY-----";

/// A database with a reader of everything in it, and a superuser's session.
fn database(tables: &str) -> (Client, Client) {
    let db = shared().create_database_with_extension("values");
    let role = unique("reader");
    let mut superuser = shared().connect(&db, "postgres");
    superuser
        .batch_execute(&format!(
            "CREATE ROLE {role} LOGIN; {tables}; GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}"
        ))
        .unwrap();
    (shared().connect(&db, &role), superuser)
}

/// Notes of people, in which secrets stand: row 1 has one in each field, row 2 has none.
fn notes() -> (Client, Client) {
    database(&format!(
        r#"CREATE TABLE notes (id int PRIMARY KEY, note text, doc jsonb, lines text[], price money, site text, more jsonb);
         INSERT INTO notes VALUES (1, '{HASH}', '{{"memo": "see {URL}", "kept": 1}}', ARRAY['a', '{KEY}'], '-12.50', 'https://x.example/?a=1',
             '{{"city": "Berlin", "link": "{URL}"}}'), (2, 'a $1 bet', '{{"kept": 2}}', '{{b}}', '3', 'b', '{{"city": "Rome"}}');
         SELECT acct_export_register('notes', 'notes', 'id')"#
    ))
}

const ORDERED: &str = r#", options => '{"order":"key"}'"#;

#[test]
fn values_are_redacted_in_every_format() {
    let (mut client, mut superuser) = notes();
    let hidden = "[redacted]";
    for (field, wanted) in [("note", vec![hidden, "a $1 bet"]), ("site", vec!["https://x.example/?a=1", "b"])]
    {
        for (way, values) in values_every_way(&mut client, "notes", field, ORDERED) {
            assert_eq!(values, wanted, "{way} {field}");
        }
    }
    for (way, values) in values_every_way(&mut client, "notes", "doc", ORDERED) {
        let doc: Value = serde_json::from_str(&values[0]).unwrap();
        assert_eq!(
            doc,
            json!({ "memo": "see postgres://app:[redacted]@db.example.com/app", "kept": 1 }),
            "{way}"
        );
    }
    let everything = |client: &mut Client| -> Vec<(String, String)> {
        let mut all = Vec::new();
        for format in ["csv", "ndjson", "json"] {
            let bytes = exported(client, &format!("'notes', '{format}'"));
            all.push((format.to_owned(), String::from_utf8(bytes).unwrap()));
        }
        let mut book = Workbook::open(exported(client, "'notes', 'xlsx'"));
        for sheet in book.sheets() {
            all.push((sheet.clone(), format!("{:?}", book.rows(&sheet))));
        }
        for stream in ["acct_export_csv('notes')", "acct_export_ndjson('notes')"] {
            all.push((stream.to_owned(), column(client, &format!("SELECT {stream}")).concat()));
        }
        all.push((
            "preview".to_owned(),
            text(client, "SELECT sample::text FROM acct_export_preview('notes')").unwrap(),
        ));
        all
    };
    for (way, seen) in everything(&mut client) {
        assert!(!seen.contains("C4N4RY") && !seen.contains("N9qo8uLO"), "{way}: {seen}");
    }
    // Keys that become columns, and what masks show of a value.
    superuser
        .batch_execute(
            "SELECT acct_export_expand('notes', 'more'); SELECT acct_export_set_field('notes', 'note', mask => 'last4');
             UPDATE notes SET more = more || '{\"ghp_0123456789abcdefghijABCDEFGHIJ012345\": \"x\"}'",
        )
        .unwrap();
    for (way, seen) in everything(&mut client) {
        let leaks = ["C4N4RY", "lhWy", "ghp_"].iter().any(|leak| seen.contains(leak));
        assert!(!leaks, "{way}: {seen}");
    }
}

#[test]
fn what_was_redacted_is_counted() {
    let (mut client, mut superuser) = notes();
    superuser
        .batch_execute("UPDATE notes SET doc = doc || '{\"password\": \"C4N4RY\"}' WHERE id = 2")
        .unwrap();
    let counts = json!({ "note": 1, "doc": 2, "lines": 1, "more": 1 });
    let job = completed(&mut client, "'notes', 'xlsx'");
    let files: Value = serde_json::from_str(
        &text(&mut client, &format!("SELECT acct_export_job('{job}')->>'files'")).unwrap(),
    )
    .unwrap();
    assert_eq!(files[0]["redacted"], counts);
    let event = text(
        &mut superuser,
        &format!("SELECT detail::text FROM acct_export.audit WHERE job_id = '{job}' AND event = 'user.bulk_export'"),
    )
    .unwrap();
    let event: Value = serde_json::from_str(&event).unwrap();
    assert_eq!((&event["redacted"], &event["files"][0]["parts"][0]["redacted"]), (&counts, &counts));
    assert!(!event.to_string().contains("C4N4RY"));
    let mut book = Workbook::open(file(&mut client, &job));
    let told: Vec<String> = book
        .rows("Export info")
        .iter()
        .filter(|row| row[0] == Data::String("Secrets removed".into()))
        .map(|row| row[1].to_string())
        .collect();
    assert_eq!(told, ["doc: 1 value, 1 key", "lines: 1 value", "more: 1 value", "note: 1 value"]);
    // Nothing is said where there was nothing.
    let job = completed(&mut client, "'notes', 'csv', filter => '{\"id\": 2}', fields => '{id,note}'");
    let files = text(&mut client, &format!("SELECT acct_export_job('{job}')->>'files'")).unwrap();
    assert!(!files.contains("redacted"), "{files}");
    let parts: i64 = superuser
        .query_one("SELECT count(*) FROM acct_export.file, jsonb_array_elements(parts) p WHERE job = $1::text::uuid AND p ? 'redacted'", &[&job])
        .unwrap()
        .get(0);
    assert_eq!(parts, 0);
}

/// Two exports compared, and a workbook checked, say nothing else than the files.
#[test]
fn differences_and_imports_show_no_value() {
    let (mut client, mut superuser) = notes();
    let before = completed(&mut client, "'notes', 'csv'");
    let book = exported(&mut client, "'notes', 'xlsx', fields => '{id,note,site}'");
    superuser.batch_execute(&format!("UPDATE notes SET note = '{KEY}', site = 'x' WHERE id = 1")).unwrap();
    let after = completed(&mut client, "'notes', 'ndjson'");
    let rows = column(&mut client, &format!("SELECT d::text FROM acct_export_diff('{before}', '{after}') d"));
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert!(rows[0].contains("https://x.example") && !rows[0].contains("C4N4RY"), "{rows:?}");
    let problems: Vec<String> = client
        .query(
            "SELECT problem || coalesce(column_name, '') FROM acct_export_check_import('notes', $1)",
            &[&book],
        )
        .unwrap()
        .iter()
        .map(|row| row.get(0))
        .collect();
    assert_eq!(problems, ["differs from the databasesite"]);
}

/// Rows of settings: the row's own name decides, through views that rename and through those that leave the name out of the export.
#[test]
fn rows_of_names_and_values() {
    let (mut client, mut superuser) = database(
        r#"CREATE TABLE settings (id int PRIMARY KEY, realm text, name text, value text, kind int);
         INSERT INTO settings VALUES (1, 'a', 'smtp.host', 'mail.example', 1), (2, 'a', 'smtp.password', 'C4N4RY', 2),
             (3, 'b', 'SMTP Password', 'C4N4RY', 3), (4, 'b', 'badge_no', 'C4N4RY', 4), (5, 'b', 'password_enabled', 'true', 5), (6, 'c', NULL, 'x', 6);
         CREATE TABLE attributes (id int PRIMARY KEY, key text, value jsonb);
         INSERT INTO attributes VALUES (1, 'api_key', '"C4N4RY"'), (2, 'city', '"Berlin"');
         CREATE VIEW renamed WITH (security_invoker) AS SELECT id, name AS attr, value AS val FROM settings;
         CREATE VIEW nameless WITH (security_invoker) AS SELECT id, value AS val FROM settings;
         CREATE VIEW above WITH (security_invoker) AS SELECT * FROM renamed WHERE id > 0;
         SELECT acct_export_secret_name('badge_no', 'a badge opens doors');
         SELECT acct_export_register(d, d::regclass, 'id') FROM unnest('{settings,attributes,renamed,above}'::text[]) d;
         SELECT acct_export_expand('attributes', 'value')"#,
    );
    let hidden = "[redacted]";
    let wanted = ["mail.example", hidden, hidden, hidden, "true", "x"];
    for (dataset, field) in [("settings", "value"), ("renamed", "val"), ("above", "val")] {
        // With the name among the fields, and without it.
        for (way, values) in values_every_way(&mut client, dataset, field, ORDERED) {
            assert_eq!(values, wanted, "{way} {dataset}");
        }
        let csv = exported(&mut client, &format!("'{dataset}', 'csv', fields => '{{{field}}}'"));
        assert_eq!(String::from_utf8(csv).unwrap().lines().skip(1).collect::<Vec<_>>(), wanted);
        let lines = column(
            &mut client,
            &format!("SELECT acct_export_ndjson('{dataset}', fields => '{{{field}}}'{ORDERED})"),
        );
        assert!(lines.len() == 6 && lines[1] == format!(r#"{{"{field}":"[redacted]"}}"#), "{lines:?}");
    }
    let rows = objects(&exported(&mut client, "'attributes', 'ndjson'"));
    assert_eq!(rows[0], json!({ "id": 1, "key": "api_key", "value": hidden }));
    assert_eq!(rows[1], json!({ "id": 2, "key": "city", "value": "Berlin" }));
    let csv = String::from_utf8(exported(&mut client, "'attributes', 'csv', fields => '{value}'")).unwrap();
    assert!(!csv.contains("C4N4RY") && csv.contains("Berlin"), "{csv}");
    // Joins, casts and JSON: the value leaves with the name of its row, and nowhere else.
    superuser
        .batch_execute(
            "CREATE TABLE realms (realm text PRIMARY KEY, title text);
             INSERT INTO realms VALUES ('a', 'A'), ('b', 'B'), ('c', 'C');
             CREATE VIEW joined WITH (security_invoker) AS
                 SELECT s.id, r.title, s.name AS attr, s.value AS val FROM settings s JOIN realms r USING (realm);
             CREATE VIEW over_joined WITH (security_invoker) AS SELECT id, val AS v, attr AS a FROM joined;
             CREATE VIEW twice WITH (security_invoker) AS
                 SELECT s.id, o.name, s.value FROM settings s JOIN settings o ON o.id = s.id;
             CREATE VIEW made WITH (security_invoker) AS SELECT id, name, upper(value) AS loud, name || '=' || value AS line FROM settings;
             CREATE VIEW counted WITH (security_invoker) AS SELECT r.realm, max(s.value) AS most, count(*) AS n,
                 jsonb_object_agg(coalesce(s.name, '-'), s.value) AS loose, jsonb_object_agg(s.name, s.value) FILTER (WHERE s.name IS NOT NULL) AS doc,
                 jsonb_agg(jsonb_build_object('key', s.name, 'value', s.value)) AS rows, jsonb_agg(s) AS whole
                 FROM realms r JOIN settings s USING (realm) GROUP BY r.realm;
             GRANT SELECT ON ALL TABLES IN SCHEMA public TO PUBLIC;
             SELECT acct_export_register(d, d::regclass, CASE d WHEN 'counted' THEN 'realm' ELSE 'id' END)
               FROM unnest('{joined,over_joined,twice,made,counted}'::text[]) d",
        )
        .unwrap();
    for (dataset, field) in [("joined", "val"), ("over_joined", "v")] {
        for (way, values) in values_every_way(&mut client, dataset, field, ORDERED) {
            assert_eq!(values, wanted, "{way} {dataset}");
        }
    }
    let barred = column(
        &mut superuser,
        "SELECT dataset || '.' || field FROM acct_export_fields
          WHERE barred IS NOT NULL AND dataset IN ('joined', 'over_joined', 'twice', 'made', 'counted') ORDER BY (dataset || '.' || field) COLLATE \"C\"",
    );
    assert_eq!(barred, ["counted.loose", "counted.most", "made.line", "made.loud", "twice.value"]);
    let rows = objects(&exported(&mut client, "'counted', 'ndjson'"));
    assert!(rows.iter().all(|row| !row.to_string().contains("C4N4RY")), "{rows:?}");
    assert_eq!(rows[0]["doc"], json!({ "smtp.host": "mail.example" }));
    assert_eq!(rows[0]["rows"][1], json!({ "key": "smtp.password", "value": hidden }));
    assert_eq!(rows[0]["whole"][1]["value"], hidden);
    // A view that drops the name keeps the value back.
    superuser.batch_execute("SELECT acct_export_register('nameless', 'nameless', 'id')").unwrap();
    let barred = text(
        &mut superuser,
        "SELECT barred FROM acct_export_fields WHERE dataset = 'nameless' AND field = 'val'",
    );
    assert!(barred.as_ref().is_some_and(|barred| barred.contains("settings.value")), "{barred:?}");
    refused(&mut client, "SELECT acct_export_csv('nameless', fields => '{id,val}')", "42501", "val", "");
    let job = completed(&mut client, "'settings', 'csv'");
    let files = text(&mut client, &format!("SELECT acct_export_job('{job}')->>'files'")).unwrap();
    assert!(files.contains(r#""redacted": {"value": 3}"#), "{files}");
    wait_for_job(&mut client, &job);
}

/// A redacted key is no identity: the same marker in two rows cannot be told apart.
#[test]
fn a_key_that_is_a_secret_is_redacted_too() {
    let (mut client, _) = database(&format!(
        "CREATE TABLE odd (id text PRIMARY KEY, n int); INSERT INTO odd VALUES ('{HASH}', 1), ('plain', 2);
         SELECT acct_export_register('odd', 'odd', 'id')"
    ));
    let rows = objects(&exported(&mut client, "'odd', 'ndjson'"));
    assert_eq!(rows, [json!({ "id": "[redacted]", "n": 1 }), json!({ "id": "plain", "n": 2 })]);
}
