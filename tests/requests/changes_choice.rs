//! Two exports are compared if they made the same choice, by the values that leave.

use postgres::Client;
use serde_json::json;
use support::asking::{
    completed, exported, file, objects, pausable, refused, start, text, wait_for_status, Gate,
};
use support::common::{shared, unique, wait_for_job, TwoTenants};

fn since(job: &str, more: &str) -> String {
    format!(r#"options => '{{"changes_since": "{job}"{more}}}'"#)
}

const DIGESTS: &str = r#"options => '{"digests": true}'"#;

#[track_caller]
fn differ(client: &mut Client, arguments: &str, word: &str) {
    let sql = format!("SELECT acct_export_start({arguments})");
    refused(client, &sql, "22023", &format!("differ in {word}"), "acct_export_save");
}

#[test]
fn what_is_not_written_of_a_document_is_no_change() {
    let app = TwoTenants::with_users(shared(), 4);
    let (mut client, mut superuser) = (app.session(&app.login, 0), app.superuser());
    let part = "'users', 'ndjson', fields => '{id,custom.n}'";
    let before = completed(&mut client, &format!("{part}, {DIGESTS}"));
    superuser
        .batch_execute(
            "UPDATE app.users SET custom = custom || '{\"department\": \"other\", \"api_key\": \"new\"}'",
        )
        .unwrap();
    let changes =
        |client: &mut Client| objects(&exported(client, &format!("{part}, {}", since(&before, ""))));
    assert_eq!(changes(&mut client), Vec::<serde_json::Value>::new());
    superuser.batch_execute("UPDATE app.users SET custom = custom || '{\"n\": 99}' WHERE id = 4").unwrap();
    let wanted = json!({ "change": "changed", "id": 4, "custom": { "n": 99 } });
    assert_eq!(changes(&mut client), [wanted]);
    for fields in ["{id,custom.department}", "{id,custom}", "{id,custom.n,custom.department}"] {
        let arguments = format!("'users', 'ndjson', fields => '{fields}', {}", since(&before, ""));
        differ(&mut client, &arguments, "the fields");
    }
}

#[test]
fn zones_and_anonymisation_are_choices() {
    let app = TwoTenants::with_users(shared(), 4);
    let mut client = app.session(&app.login, 0);
    client.batch_execute("SET TimeZone = 'UTC'").unwrap();
    for bounds in [
        "period => '2025-01'",
        "start_date => '2025-01-01'",
        r#"filter => '{"created_at": {"ge": "2025-01-01"}}'"#,
    ] {
        let asked = format!("'users', 'csv', fields => '{{id,email}}', {bounds}");
        let before = completed(&mut client, &format!("{asked}, {DIGESTS}"));
        let zone = r#", "time_zone": "Asia/Tokyo""#;
        differ(&mut client, &format!("{asked}, {}", since(&before, zone)), "the time zone");
        client.batch_execute("SET TimeZone = 'Asia/Tokyo'").unwrap();
        differ(&mut client, &format!("{asked}, {}", since(&before, "")), "the time zone");
        let same = r#", "time_zone": "UTC""#;
        let none = exported(&mut client, &format!("{asked}, {}", since(&before, same)));
        assert_eq!(String::from_utf8(none).unwrap().lines().count(), 1, "{bounds}");
        client.batch_execute("SET TimeZone = 'UTC'").unwrap();
    }
    // Without a bound the zone decides nothing.
    let asked = "'users', 'csv', fields => '{id,last_login,custom}'";
    let before = completed(&mut client, &format!("{asked}, {DIGESTS}"));
    let other = since(&before, r#", "time_zone": "Asia/Tokyo", "timestamps": "local""#);
    let none = exported(&mut client, &format!("{asked}, {other}"));
    assert_eq!(String::from_utf8(none).unwrap().lines().count(), 1);
    app.superuser()
        .batch_execute(
            "SELECT acct_export_set_field('users', name, on_anonymise => 'keep')
               FROM unnest('{id,last_login,custom}'::text[]) AS name",
        )
        .unwrap();
    differ(&mut client, &format!("{asked}, anonymise => true, {}", since(&before, "")), "anonymisation");
}

#[test]
fn a_job_that_has_not_ended_has_none_yet() {
    let app = TwoTenants::with_users(shared(), 4);
    let mut client = app.session(&app.login, 0);
    let gate = Gate::close(&app);
    let job = start(&mut client, &format!("'users', 'csv', {DIGESTS}"));
    wait_for_status(&mut client, &job, "running");
    let sql = format!("SELECT acct_export_start('users', 'csv', reason => 'x', {})", since(&job, ""));
    refused(&mut client, &sql, "55000", "is running", "acct_export_wait");
    gate.open();
    wait_for_job(&mut client, &job);
    completed(&mut client, &format!("'users', 'csv', reason => 'x', {}", since(&job, "")));
}

/// The file has the key of a row that is gone as it had the row.
#[test]
fn removed_keys_look_as_they_did() {
    let db = shared().create_database_with_extension("removed");
    let role = unique("reader");
    let mut superuser = shared().connect(&db, "postgres");
    superuser.batch_execute(&format!("CREATE ROLE {role} LOGIN")).unwrap();
    let mut client = shared().connect(&db, &role);
    for (number, (kind, values)) in [
        ("date", "'0044-03-15 BC', '0001-12-31 BC', '12026-01-01', '2026-11-30', 'infinity', '-infinity'"),
        ("timestamp", "'0044-03-15 10:00 BC', '12026-01-01', '2026-10-25 02:30:00.25', 'infinity'"),
        (
            "timestamptz",
            "'0044-03-15 10:00Z BC', '12026-01-01', '2026-10-25 00:30Z', '2026-10-25 01:30Z', '-infinity'",
        ),
        ("float8", "'1e300', '0.1', '-2', '1e-7', 'NaN', 'Infinity'"),
        ("numeric(12,4)", "'1', '-2.5', '1000000.0001', 'NaN'"),
        ("boolean", "true, false"),
        ("uuid", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '00000000-0000-0000-0000-000000000000'"),
        ("tstzrange", "'[2026-01-01Z,2026-02-01Z)', '(,2026-02-01Z)', 'empty'"),
        ("interval", "'1 mon 3 days', '-00:00:01', '1 year'"),
        ("inet", "'10.0.0.1', '10.0.0.0/8', '::1'"),
        ("text", "'', ' a ', '=1+1', 'ä\"b'"),
        ("char(4)", "'a', 'ab  '"),
    ]
    .into_iter()
    .enumerate()
    {
        let table = format!("t{number}");
        superuser
            .batch_execute(&format!(
                "CREATE TABLE {table} (k {kind} PRIMARY KEY, v int); GRANT SELECT ON {table} TO {role};
                 INSERT INTO {table} SELECT v::{kind}, 1 FROM unnest(ARRAY[{values}]::{kind}[]) AS v;
                 SELECT acct_export_register('{table}', '{table}', 'k')"
            ))
            .unwrap();
        for (format, options) in [
            ("csv", ""),
            (
                "csv",
                r#""time_zone": "America/New_York", "timestamps": "local", "decimal": ",", "delimiter": ";""#,
            ),
            ("ndjson", ""),
            ("ndjson", r#""big_numbers": "string""#),
        ] {
            let more = if options.is_empty() { "" } else { ", " };
            let asked = |change: &str| {
                format!("'{table}', '{format}', fields => '{{k}}', options => '{{{change}{more}{options}}}'")
            };
            let lines = |client: &mut Client, job: &str| -> Vec<String> {
                String::from_utf8(file(client, job)).unwrap().lines().map(str::to_owned).collect()
            };
            let before = completed(&mut client, &asked(r#""digests": true"#));
            let rows = lines(&mut client, &before);
            let mut later = shared().connect(&db, "postgres");
            later
                .batch_execute(&format!("CREATE TEMP TABLE kept AS TABLE {table}; DELETE FROM {table}"))
                .unwrap();
            let after = completed(&mut client, &asked(&format!(r#""changes_since": "{before}""#)));
            let wanted: Vec<String> = rows
                .iter()
                .enumerate()
                .map(|(place, row)| match (format, place) {
                    ("ndjson", _) => row.replacen('{', r#"{"change":"removed","#, 1),
                    (_, 0) => format!("change{}{row}", if options.is_empty() { "," } else { ";" }),
                    _ => format!("removed{}{row}", if options.is_empty() { "," } else { ";" }),
                })
                .collect();
            assert_eq!(lines(&mut client, &after), wanted, "{kind} {format} {options}");
            later.batch_execute(&format!("INSERT INTO {table} TABLE kept")).unwrap();
        }
    }
}

#[test]
fn a_member_called_change_is_refused_when_it_is_asked_for() {
    let app = TwoTenants::with_users(shared(), 4);
    app.superuser()
        .batch_execute("SELECT acct_export_set_field('users', 'email', json_path => 'change.to')")
        .unwrap();
    let mut client = app.session(&app.login, 0);
    let label = r#", "labels": {"custom.n": "Change"}"#;
    for (format, more, hint) in
        [("ndjson", "", "fields"), ("csv", label, "labels"), ("xlsx", label, "labels")]
    {
        let fields = if more.is_empty() { "" } else { ", fields => '{id,custom.n}'" };
        let sql =
            format!("SELECT acct_export_start('users', '{format}'{fields}, {})", since("nothing", more));
        refused(&mut client, &sql, "22023", "has the name of the column of changes", hint);
    }
    completed(&mut client, &format!("'users', 'csv', {}", since("nothing", "")));
    completed(
        &mut client,
        &format!("'users', 'ndjson', fields => '{{id,custom.n}}', {}", since("nothing", "")),
    );
}

#[test]
fn keys_that_tell_no_rows_apart() {
    let app = TwoTenants::with_users(shared(), 4);
    let mut superuser = app.superuser();
    superuser
        .batch_execute(&format!(
            "CREATE TABLE app.lists (k int[] PRIMARY KEY, v int); INSERT INTO app.lists VALUES ('{{1,2}}', 1), ('{{1}}', 2);
             CREATE TABLE app.links (k text PRIMARY KEY, v int);
             INSERT INTO app.links VALUES ('postgres://app:one@db/x', 1), ('postgres://app:two@db/x', 2), ('plain', 3);
             GRANT SELECT ON app.lists, app.links TO {};
             SELECT acct_export_register('lists', 'app.lists', 'k'), acct_export_register('links', 'app.links', 'k')",
            app.login
        ))
        .unwrap();
    let mut client = app.session(&app.login, 0);
    for options in [DIGESTS.to_owned(), since("nothing", "")] {
        let sql = format!("SELECT acct_export_start('lists', 'csv', {options})");
        refused(&mut client, &sql, "22023", "list or a document", "another key");
        let job = start(&mut client, &format!("'links', 'csv', {options}"));
        let row = wait_for_job(&mut client, &job);
        assert_eq!((row.get::<_, &str>("status"), row.get::<_, &str>("error_code")), ("failed", "55000"));
        assert!(row.get::<_, &str>("error").contains("look like secrets"));
    }
    // Saved exports make digests where they can.
    for dataset in ["lists", "links"] {
        client.batch_execute(&format!("SELECT acct_export_save('{dataset}', '{dataset}', 'csv')")).unwrap();
        let job = text(&mut client, &format!("SELECT acct_export_start_saved('{dataset}')::text")).unwrap();
        assert_eq!(wait_for_job(&mut client, &job).get::<_, &str>("status"), "completed");
    }
    assert_eq!(text(&mut superuser, "SELECT count(*)::text FROM acct_export.digest").as_deref(), Some("0"));
}

/// The request was checked, and the dataset changes while it waits.
#[test]
fn a_key_that_is_masked_before_the_run() {
    let cluster = pausable();
    let app = TwoTenants::with_users(cluster, 4);
    let mut client = app.session(&app.login, 0);
    cluster.set("acct_export.max_workers", "0");
    let job = start(&mut client, &format!("'users', 'csv', {DIGESTS}"));
    app.superuser().batch_execute("SELECT acct_export_set_field('users', 'id', mask => 'last4')").unwrap();
    cluster.set("acct_export.max_workers", "2");
    let row = wait_for_job(&mut client, &job);
    let (code, error): (Option<&str>, Option<&str>) = (row.get("error_code"), row.get("error"));
    assert_eq!(code, Some("22023"), "{error:?}");
    assert!(
        error.is_some_and(|error| error.contains("needs the unmodified key \"id\" among the fields")),
        "{error:?}"
    );
}
