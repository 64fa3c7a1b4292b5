//! Rows and fields of the file: periods and dates in the session's TimeZone, since, groups, disabled rows,
//! anonymisation and masks.

use postgres::Client;
use serde_json::json;
use support::asking::{column, completed, exported, file, objects, text, values_every_way, Workbook};
use support::common::{shared, unique, TwoTenants};

/// A requester of dataset `events (id, at, noted, day)` with these rows, and a superuser's session.
fn events(rows: &str) -> (Client, Client) {
    let db = shared().create_database_with_extension("events");
    let role = unique("reader");
    let mut superuser = shared().connect(&db, "postgres");
    superuser
        .batch_execute(&format!(
            "CREATE TABLE events (id int PRIMARY KEY, at timestamptz, noted timestamp, day date);
             INSERT INTO events {rows}; CREATE ROLE {role} LOGIN; GRANT SELECT ON events TO {role};
             SELECT acct_export_register('events', 'events', 'id', created_column => 'at', updated_column => 'noted')"
        ))
        .unwrap();
    (shared().connect(&db, &role), superuser)
}

/// Ids in the file of a job and in the stream, which have to be the same.
#[track_caller]
fn ids(client: &mut Client, arguments: &str) -> Vec<i64> {
    let of = |bytes: &[u8]| objects(bytes).iter().map(|row| row["id"].as_i64().unwrap()).collect::<Vec<_>>();
    let job = of(&exported(client, &format!("'events', 'ndjson', {arguments}")));
    let sql = format!(r#"SELECT acct_export_ndjson('events', {arguments}, options => '{{"order":"key"}}')"#);
    let stream = of(column(client, &sql).join("\n").as_bytes());
    assert_eq!(job, stream, "{arguments}");
    job
}

/// The day of a time change has 23 or 25 hours, and midnight is where the session is.
#[test]
fn dates_are_whole_days_of_the_sessions_time_zone() {
    let (mut client, _) = events(
        "VALUES (1, '2025-03-29 22:59:59.999999Z', '2025-03-29 23:59:59.999999', '2025-03-29'),
                (2, '2025-03-29 23:00:00Z', '2025-03-30 00:00', '2025-03-30'),
                (3, '2025-03-30 21:59:59.999999Z', '2025-03-30 23:59:59.999999', '2025-03-30'),
                (4, '2025-03-30 22:00:00Z', '2025-03-31 00:00', '2025-03-31'),
                (5, NULL, NULL, NULL), (6, 'infinity', 'infinity', 'infinity')",
    );
    client.batch_execute("SET TimeZone = 'Europe/Paris'").unwrap();
    let day = "start_date => '2025-03-30', end_date => '2025-03-30'";
    assert_eq!(ids(&mut client, day), [2, 3]);
    for field in ["at", "noted", "day"] {
        assert_eq!(ids(&mut client, &format!("{day}, period_field => '{field}'")), [2, 3], "{field}");
    }
    assert_eq!(ids(&mut client, "start_date => '2025-03-30'"), [2, 3, 4, 6]);
    assert_eq!(ids(&mut client, "end_date => '2025-03-30'"), [1, 2, 3]);
    client.batch_execute("SET TimeZone = 'UTC'").unwrap();
    assert_eq!(ids(&mut client, day), [3, 4]);
    client.batch_execute("SET TimeZone = 'Pacific/Auckland'").unwrap();
    assert_eq!(ids(&mut client, day), [1, 2]);
    assert_eq!(ids(&mut client, &format!("{day}, period_field => 'noted'")), [2, 3]);
    client.batch_execute("SET TimeZone = 'Europe/Paris'; SET DateStyle = 'SQL, DMY'").unwrap();
    assert_eq!(ids(&mut client, "start_date => '30/03/2025', end_date => '30/03/2025'"), [2, 3]);
}

#[test]
fn since_means_at_or_after() {
    let (mut client, _) = events(
        "VALUES (1, '2025-01-01 11:59:59.999999Z', NULL, NULL), (2, '2025-01-01 12:00Z', NULL, NULL), (3, '2025-02-01', NULL, NULL)",
    );
    client.batch_execute("SET TimeZone = 'Europe/Paris'").unwrap();
    assert_eq!(ids(&mut client, "since => '2025-01-01 13:00'"), [2, 3]);
    assert_eq!(ids(&mut client, "since => '2025-01-01 12:00Z'"), [2, 3]);
    assert_eq!(ids(&mut client, "since => '2025-01-01 12:00Z', end_date => '2025-01-31'"), [2]);
    assert_eq!(
        ids(
            &mut client,
            r#"filter => '{"created_after":"2025-01-01 12:00Z","created_before":"2025-02-01Z"}'"#
        ),
        [2]
    );
    let (mut client, _) = events(
        "VALUES (1, '2025-01-01Z', '2025-03-01', '2025-05-01'), (2, '2025-03-01Z', '2025-01-01', '2025-06-01'), (3, NULL, '2025-04-01', NULL)",
    );
    assert_eq!(ids(&mut client, "since => '2025-02-01Z'"), [2]);
    assert_eq!(ids(&mut client, "since => '2025-02-01Z', period_field => 'noted'"), [1, 3]);
    assert_eq!(ids(&mut client, "since => '2025-05-15Z', period_field => 'day'"), [2]);
}

/// Rolling: up to the moment of asking, as far back as the calendar says.
#[test]
fn periods() {
    let spans = ["7 days", "14 days", "1 month", "3 months", "6 months", "1 year"];
    let rows: Vec<String> = spans
        .iter()
        .enumerate()
        .map(|(place, span)| {
            let (inside, outside) = (place * 2 + 1, place * 2 + 2);
            format!(
                "({inside}, now() - interval '{span}' + interval '1 hour', now()::timestamp, current_date),
                 ({outside}, now() - interval '{span}' - interval '1 second', now()::timestamp, current_date)"
            )
        })
        .collect();
    let future = "(100, now() + interval '1 hour', now()::timestamp - interval '20 days', current_date)";
    let (mut client, _) = events(&format!("VALUES {}, {future}", rows.join(",")));
    let names = ["last_week", "last_2_weeks", "last_month", "last_3_months", "last_6_months", "last_year"];
    for (place, name) in names.iter().enumerate() {
        let wanted: Vec<i64> = (1..=place as i64 * 2 + 1).collect();
        assert_eq!(ids(&mut client, &format!("period => '{name}'")), wanted, "{name}");
    }
    // On another field; row 100 is out of the week of this one too.
    let week = ids(&mut client, "period => 'last_week', period_field => 'noted'");
    assert_eq!(week, (1..=12).collect::<Vec<i64>>());
    let month = ids(&mut client, "period => 'last_month', period_field => 'noted'");
    assert_eq!(month.last(), Some(&100));
}

#[test]
fn groups_are_added_and_disabled_rows_are_asked_for() {
    let app = TwoTenants::with_users(shared(), 20);
    app.superuser()
        .batch_execute(
            "SELECT acct_export_set_field('users', 'custom', is_default => false, in_group => 'attributes');
             SELECT acct_export_set_field('users', 'tags', is_default => false, in_group => 'attributes');
             SELECT acct_export_set_field('users', 'phone', is_default => false)",
        )
        .unwrap();
    let mut client = app.session(&app.login, 0);
    let keys = |client: &mut Client, arguments: &str| -> Vec<String> {
        let row = objects(&exported(client, &format!("'users', 'ndjson'{arguments}"))).remove(0);
        row.as_object().unwrap().keys().cloned().collect()
    };
    let default = ["id", "tenant_id", "email", "name", "status", "created_at", "updated_at", "last_login"];
    assert_eq!(keys(&mut client, ""), default);
    assert_eq!(
        keys(&mut client, ", include => '{attributes}'"),
        [&default[..], &["custom", "tags"]].concat()
    );
    assert_eq!(keys(&mut client, ", include => '{}'"), default);
    assert_eq!(
        keys(&mut client, ", fields => '{tags,id}', include => '{attributes}'"),
        ["tags", "id", "custom"]
    );
    for (arguments, rows) in
        [("", 18), (", include_disabled => true", 20), (", include_disabled => false", 18)]
    {
        assert_eq!(objects(&exported(&mut client, &format!("'users', 'ndjson'{arguments}"))).len(), rows);
    }
}

/// Anonymised values, in every format and stream: personal fields are redacted, ids stay, NULL stays NULL.
#[test]
fn anonymise() {
    let app = TwoTenants::with_users(shared(), 20);
    app.superuser()
        .batch_execute(
            "SELECT acct_export_set_field('users', 'tags', on_anonymise => 'drop');
             SELECT acct_export_set_field('users', 'phone', on_anonymise => 'last4');
             SELECT acct_export_set_field('users', 'name', on_anonymise => 'pseudonymise')",
        )
        .unwrap();
    let mut client = app.session(&app.login, 0);
    let asked = r#", anonymise => true, options => '{"order":"key"}'"#;
    for (way, values) in values_every_way(&mut client, "users", "email", asked) {
        assert!(values.len() == 18 && values.iter().all(|value| value == "[redacted]"), "{way}: {values:?}");
    }
    for (way, values) in values_every_way(&mut client, "users", "phone", asked) {
        assert_eq!(values[0], "********0001", "{way}");
    }
    let ids = values_every_way(&mut client, "users", "id", asked);
    assert!(ids.iter().all(|(_, values)| values[..3] == ["2", "4", "6"]), "{ids:?}");
    // The same person is the same pseudonym everywhere within the tenant, and another one elsewhere.
    let ways = values_every_way(&mut client, "users", "name", asked);
    let here = &ways[0].1;
    assert!(here[0].len() == 32 && here[0].bytes().all(|byte| byte.is_ascii_hexdigit()), "{here:?}");
    for (way, values) in &ways {
        assert_eq!(values[0], here[0], "{way}");
        assert!(
            values[0] != values[1] && !values.iter().any(|value| value.contains("Zo")),
            "{way}: {values:?}"
        );
    }
    let with_null = ways.iter().find(|(way, _)| way == "ndjson").unwrap();
    assert_eq!(with_null.1[2], "null");
    // '=1+1' is a name that both tenants have.
    let shared_name = |client: &mut Client| {
        let arguments =
            r#"'users', 'ndjson', fields => '{name}', filter => '{"name":"=1+1"}', anonymise => true"#;
        objects(&exported(client, arguments))[0]["name"].clone()
    };
    let (one, other) = (shared_name(&mut client), shared_name(&mut app.session(&app.login, 1)));
    assert_eq!(one, shared_name(&mut app.session(&app.nologin, 0)));
    assert_ne!(one, other);
    let row = objects(&exported(&mut client, &format!("'users', 'ndjson'{asked}"))).remove(0);
    assert_eq!(row.get("tags"), None);
    // Without it nothing of this holds.
    let row = objects(&exported(&mut client, "'users', 'ndjson'")).remove(0);
    assert_eq!((&row["email"], &row["phone"]), (&json!("user1@a.example"), &json!("004420700001")));
}

/// Whoever asks, and in whatever way.
#[test]
fn masks() {
    let app = TwoTenants::with_users(shared(), 5);
    app.superuser()
        .batch_execute(
            "SELECT acct_export_set_field('users', 'phone', mask => 'last4');
             SELECT acct_export_set_field('users', 'email', mask => 'redact', on_anonymise => 'keep')",
        )
        .unwrap();
    let mut client = app.session(&app.login, 0);
    for arguments in ["", ", anonymise => true", ", fields => '{phone,email}'"] {
        let arguments = format!(r#"{arguments}, options => '{{"order":"key"}}'"#);
        if !arguments.contains("anonymise") {
            for (way, values) in values_every_way(&mut client, "users", "phone", &arguments) {
                assert_eq!(values[0], "********0001", "{way}");
            }
        }
        for (way, values) in values_every_way(&mut client, "users", "email", &arguments) {
            assert!(values.iter().all(|value| value == "[redacted]"), "{way}: {values:?}");
        }
    }
    // The stronger of the two holds.
    for (way, values) in values_every_way(&mut client, "users", "phone", ", anonymise => true") {
        assert!(values.iter().all(|value| value == "[redacted]"), "{way}: {values:?}");
    }
}

/// The info sheet says what was asked, so that who finds the file knows.
#[test]
fn the_info_sheet_says_what_was_asked() {
    let app = TwoTenants::with_users(shared(), 20);
    let mut client = app.session(&app.login, 0);
    client.batch_execute("SET app.user_id = 'anna'; SET TimeZone = 'Europe/Paris'").unwrap();
    let job = completed(
        &mut client,
        r#"'users', 'xlsx', start_date => '2025-01-01', filter => '{"status":"active"}', fields => '{id,email}',
            reason => 'Quarterly =review', anonymise => true"#,
    );
    let mut book = Workbook::open(file(&mut client, &job));
    assert_eq!(book.sheets(), ["Users", "Export info"]);
    let info: Vec<String> =
        book.rows("Export info").iter().map(|row| format!("{}: {}", row[0], row[1])).collect();
    let rows =
        text(&mut client, &format!("SELECT rows_done::text FROM acct_export_status('{job}')")).unwrap();
    for wanted in [
        "Dataset: users".to_owned(),
        format!("Job: {job}"),
        format!("Requested by: {}", app.login),
        "Actor: anna".to_owned(),
        format!("Tenant: {}", app.tenants[0]),
        format!("Rows: {rows}"),
        "Fields: id, email".to_owned(),
        r#"Filter: {"status":"active"}"#.to_owned(),
        "Reason: Quarterly =review".to_owned(),
        "Anonymised: yes".to_owned(),
        "Time zone: Europe/Paris".to_owned(),
    ] {
        assert!(info.contains(&wanted), "no {wanted}: {info:#?}");
    }
    let bare = exported(&mut client, r#"'users', 'xlsx', options => '{"info_sheet":false}'"#);
    assert_eq!(Workbook::open(bare).sheets(), ["Users"]);
}
