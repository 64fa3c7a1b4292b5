//! Labels, time zone, local timestamps and decimal comma of a request, in every format.

use calamine::Data;
use postgres::Client;
use support::admins::{check, saved_by_libreoffice, NONE};
use support::asking::{column, completed, exported, objects, refused, text, values_every_way, Workbook};
use support::common::{shared, unique};

/// Twelve moments, two of them on days when clocks change in Paris, and numbers.
fn reader() -> (String, Client) {
    let db = shared().create_database_with_extension("forms");
    let role = unique("reader");
    shared()
        .connect(&db, "postgres")
        .batch_execute(&format!(
            "CREATE TABLE t (id int PRIMARY KEY, email text, seen timestamptz, entered timestamp, born date, amount numeric(12, 2),
                             ratio float8, moments timestamptz[], numbers numeric[], profile jsonb, hash_of_password text);
             INSERT INTO t
             SELECT n, 'u' || n || '@example.org', m.at, m.at AT TIME ZONE 'UTC', m.at::date, n * -12.5, n / 8.0, ARRAY[m.at, m.at + '1 day'],
                    ARRAY[n * 1.5, n], jsonb_build_object('city', 'c' || n, 'score', n / 4.0), 'h'
               FROM unnest(ARRAY['2026-01-15 10:00:00Z', '2026-03-29 00:59:59.5Z', '2026-03-29 01:00:00Z', '2026-10-25 00:30:00Z',
                    '2026-10-25 01:30:00Z', '2025-12-31 22:30:00Z', '2025-12-31 23:30:00Z', 'infinity', NULL]::timestamptz[])
                    WITH ORDINALITY AS m(at, n);
             CREATE ROLE {role} LOGIN; GRANT SELECT ON t TO {role};
             SELECT acct_export_register('t', 't', 'id', created_column => 'seen');
             SELECT acct_export_set_field('t', 'email', label => 'Mail')"
        ))
        .unwrap();
    let mut client = shared().connect(&db, &role);
    client.batch_execute("SET TimeZone = 'UTC'").unwrap();
    (db, client)
}

const LOCAL: &str = r#", options => '{"timestamps": "local", "time_zone": "Europe/Paris", "order": "key"}'"#;

#[test]
fn timestamps_are_on_the_wall_clock_of_the_zone() {
    let (_, mut client) = reader();
    let sql = |expression: &str| {
        format!("SELECT coalesce(CASE WHEN isfinite({expression}) THEN rtrim(rtrim(to_char({expression}, 'YYYY-MM-DD HH24:MI:SS.US'), '0'), '.') ELSE {expression}::text END, '') FROM t ORDER BY id")
    };
    let instants = column(&mut client, &sql("(seen AT TIME ZONE 'Europe/Paris')"));
    let entered = column(&mut client, &sql("entered"));
    let null = |values: &[String]| -> Vec<String> {
        values.iter().map(|value| if value == "null" { String::new() } else { value.clone() }).collect()
    };
    for (field, wanted) in [("seen", &instants), ("entered", &entered)] {
        for (way, values) in values_every_way(&mut client, "t", field, LOCAL) {
            if way != "xlsx" {
                assert_eq!(&null(&values), wanted, "{way} {field}");
            }
        }
    }
    assert!(instants.contains(&"2026-03-29 01:59:59.5".to_owned()), "{instants:?}");
    // The workbook has cells with these wall clocks, whatever the session's zone.
    let mut workbook = Workbook::open(exported(&mut client, &format!("'t'{LOCAL}")));
    let cells = workbook.column("seen");
    let Data::DateTime(first) = &cells[0] else { panic!("{cells:?}") };
    assert_eq!(first.as_f64(), 46_037.0 + 11.0 / 24.0);
    // Elements of lists follow.
    let rows = objects(&exported(&mut client, &format!("'t', 'ndjson'{LOCAL}")));
    assert_eq!(rows[0]["moments"][0], "2026-01-15 11:00:00");
    let csv = String::from_utf8(exported(&mut client, &format!("'t', 'csv'{LOCAL}"))).unwrap();
    assert!(csv.contains("\"2026-01-15 11:00:00, 2026-01-16 11:00:00\""), "{csv}");
    // By default they are instants in UTC, whatever the zone.
    for zone in ["", r#""time_zone": "Asia/Tokyo", "#] {
        let options = format!(r#"'t', 'ndjson', options => '{{{zone}"timestamps": "iso"}}'"#);
        assert_eq!(objects(&exported(&mut client, &options))[0]["seen"], "2026-01-15T10:00:00Z");
    }
}

#[test]
fn the_zone_decides_about_days() {
    let (_, mut client) = reader();
    for (zone, ids) in
        [("Europe/Paris", "1,2,3,4,5,7"), ("UTC", "1,2,3,4,5"), ("Asia/Tokyo", "1,2,3,4,5,6,7")]
    {
        let options = format!("options => '{{\"time_zone\": \"{zone}\", \"order\": \"key\"}}'");
        let wanted = text(
            &mut client,
            &format!(
                "SELECT string_agg(id::text, ',' ORDER BY id) FROM t
                  WHERE extract(year FROM seen AT TIME ZONE '{zone}') = 2026 AND isfinite(seen)"
            ),
        );
        assert_eq!(wanted.as_deref(), Some(ids), "{zone}");
        for arguments in [
            format!("period => '2026', {options}"),
            format!("start_date => '2026-01-01', end_date => '2026-12-31', {options}"),
        ] {
            let stream = column(
                &mut client,
                &format!("SELECT j::jsonb->>'id' FROM acct_export_ndjson('t', {arguments}) AS j"),
            );
            assert_eq!(Some(stream.join(",")), wanted, "{zone} {arguments}");
            let job = objects(&exported(&mut client, &format!("'t', 'ndjson', {arguments}")));
            let job: Vec<String> = job.iter().map(|row| row["id"].to_string()).collect();
            assert_eq!(Some(job.join(",")), wanted, "{zone} {arguments}");
        }
        // Texts without an offset in a filter are of that zone as well.
        let filter = r#"filter => '{"seen": {"ge": "2026-01-01 00:00", "lt": "2027-01-01 00:00"}}'"#;
        let rows = objects(&exported(&mut client, &format!("'t', 'ndjson', {filter}, {options}")));
        let found: Vec<String> = rows.iter().map(|row| row["id"].to_string()).collect();
        assert_eq!(Some(found.join(",")), wanted, "{zone}");
        let job = completed(&mut client, &format!("'t', {options}"));
        let told = text(&mut client, &format!("SELECT acct_export_manifest('{job}')->>'time_zone'"));
        assert_eq!(told.as_deref(), Some(zone));
    }
    let spelled = completed(&mut client, r#"'t', options => '{"time_zone": "asia/tokyo"}'"#);
    let told = text(&mut client, &format!("SELECT acct_export_manifest('{spelled}')->>'time_zone'"));
    assert_eq!(told.as_deref(), Some("Asia/Tokyo"));
    // The session's own zone is as it was.
    assert_eq!(text(&mut client, "SHOW TimeZone").as_deref(), Some("UTC"));
    for zone in [
        "Mars/Olympus",
        "UTC+3",
        "+02",
        "",
        "FOO5",
        "Europe/Paris; --",
        "../etc",
        "Etc/UTC+3",
        "Etc/Foo-5",
        "posixrules",
        "localtime",
    ] {
        let options = format!("'t', 'csv', options => '{{\"time_zone\": \"{zone}\"}}'");
        refused(
            &mut client,
            &format!("SELECT acct_export_start({options})"),
            "22023",
            "time zone",
            "pg_timezone_names",
        );
    }
}

#[test]
fn labels_head_the_columns_and_are_read_back() {
    let (db, mut client) = reader();
    let options = r#"options => '{"labels": {"email": "E-mail address", "seen": "Last seen", "profile.city": "Town"}}'"#;
    let arguments = format!("fields => '{{id,email,seen,profile.city}}', {options}");
    let header = |client: &mut Client, arguments: &str| -> String {
        let csv = exported(client, &format!("'t', 'csv', {arguments}"));
        String::from_utf8(csv).unwrap().lines().next().unwrap().to_owned()
    };
    assert_eq!(header(&mut client, &arguments), "id,E-mail address,Last seen,Town");
    let line = column(&mut client, &format!("SELECT acct_export_csv('t', {arguments})")).remove(0);
    assert_eq!(line, "id,E-mail address,Last seen,Town");
    // JSON has the names of fields.
    let rows = objects(&exported(&mut client, &format!("'t', 'ndjson', {arguments}")));
    assert_eq!(rows[0]["email"], "u1@example.org");
    let job = completed(&mut client, &format!("'t', {arguments}"));
    let told = format!("SELECT (acct_export_manifest('{job}')::text ~ 'E-mail address')::text");
    assert_eq!(text(&mut client, &told).as_deref(), Some("true"));

    let workbook = exported(
        &mut client,
        r#"'t', fields => '{id,email,seen}', options => '{"labels": {"email": "E-mail address", "seen": "Id of what"}}'"#,
    );
    let mut opened = Workbook::open(workbook.clone());
    assert_eq!(opened.column("E-mail address").len(), 9);
    assert_eq!(check(&mut client, "t", &workbook), NONE);
    assert_eq!(check(&mut client, "t", &saved_by_libreoffice(&workbook, "xlsx")), NONE);
    shared().connect(&db, "postgres").batch_execute("UPDATE t SET email = 'other' WHERE id = 3").unwrap();
    let found = check(&mut client, "t", &workbook);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].2.as_deref(), Some("E-mail address"));

    // A label may be the name of a field that is not in the file, or of one that has another label.
    for labels in [r#"{"email": "born"}"#, r#"{"email": "seen", "seen": "email"}"#, r#"{"email": "Born"}"#] {
        let arguments = format!("'t', fields => '{{id,email,seen}}', options => '{{\"labels\": {labels}}}'");
        let workbook = exported(&mut client, &arguments);
        assert_eq!(check(&mut client, "t", &workbook), NONE, "{labels}");
    }

    for (labels, named) in [
        (r#"{"nothing": "X"}"#, "unknown field \"nothing\""),
        (r#"{"hash_of_password": "X"}"#, "unknown field"),
        (r#"{"email": ""}"#, "empty"),
        (r#"{"email": "a\nb"}"#, "control"),
        (r#"{"email": "ID"}"#, "would both have the label"),
        (r#"{"email": 1}"#, "labels by fields"),
        (r#"["email"]"#, "labels by fields"),
    ] {
        for function in
            ["acct_export_start('t', 'csv', ", "acct_export_csv('t', ", "acct_export_ndjson('t', "]
        {
            let sql = format!("SELECT {function}options => '{{\"labels\": {labels}}}')");
            refused(&mut client, &sql, "22023", named, "");
        }
    }
    let part = r#"SELECT acct_export_csv('t', fields => '{id}', options => '{"labels": {"email": "X"}}')"#;
    refused(&mut client, part, "22023", "not exported", "id");
}

#[test]
fn decimal_commas() {
    let (_, mut client) = reader();
    let options = r#"options => '{"decimal": ",", "delimiter": ";", "order": "key"}'"#;
    let csv = String::from_utf8(exported(
        &mut client,
        &format!("'t', 'csv', fields => '{{id,amount,ratio,numbers}}', filter => '{{\"id\": 3}}', {options}"),
    ))
    .unwrap();
    assert_eq!(csv.lines().nth(1), Some("3;-37,50;0,375;\"\"\"4,5\"\", 3\""), "{csv}");
    // Where the comma separates fields as well, numbers stand in quotes.
    let csv = exported(&mut client, r#"'t', 'csv', fields => '{id,ratio}', options => '{"decimal": ","}'"#);
    assert_eq!(String::from_utf8(csv).unwrap().lines().nth(1), Some("1,\"0,125\""));
    // Its reader finds the numbers of the server.
    let point = r#"options => '{"order": "key"}'"#;
    for (a, b) in [(options, point), (point, options)] {
        let a = completed(&mut client, &format!("'t', 'csv', {a}"));
        let b = completed(
            &mut client,
            &format!("'t', 'ndjson', {}", b.replace(r#""decimal": ",", "delimiter": ";", "#, "")),
        );
        let differences =
            column(&mut client, &format!("SELECT key::text FROM acct_export_diff('{a}', '{b}')"));
        assert_eq!(differences, Vec::<String>::new());
    }
    refused(
        &mut client,
        r#"SELECT acct_export_start('t', 'xlsx', options => '{"decimal": ","}')"#,
        "22023",
        "unknown option \"decimal\"",
        "",
    );
    refused(
        &mut client,
        r#"SELECT acct_export_csv('t', options => '{"decimal": "x"}')"#,
        "22023",
        "\"decimal\"",
        "",
    );
}

/// One table in all forms does not differ from itself; a changed row is found in each.
#[test]
fn differences_see_through_the_forms() {
    let (db, mut client) = reader();
    let forms = [
        ("csv", r#"{}"#),
        (
            "csv",
            r#"{"timestamps": "local", "time_zone": "Europe/Paris", "decimal": ",", "labels": {"seen": "When"}}"#,
        ),
        ("ndjson", r#"{"timestamps": "local", "time_zone": "Europe/Paris"}"#),
        ("xlsx", r#"{"time_zone": "Europe/Paris", "timestamps": "local"}"#),
        ("json", r#"{"big_numbers": "string"}"#),
    ];
    let fields = "fields => '{id,email,seen,entered,born,amount,ratio,moments,numbers}'";
    let ask = |client: &mut Client, (format, options): (&str, &str)| {
        completed(
            client,
            &format!("'t', '{format}', {fields}, reason => gen_random_uuid()::text, options => '{options}'"),
        )
    };
    let before: Vec<String> = forms.iter().map(|form| ask(&mut client, *form)).collect();
    let differing = |client: &mut Client, a: &str, b: &str| {
        column(client, &format!("SELECT key::text FROM acct_export_diff('{a}', '{b}')"))
    };
    for (a, form) in before.iter().zip(&forms) {
        for (b, other) in before.iter().zip(&forms) {
            assert_eq!(differing(&mut client, a, b), Vec::<String>::new(), "{form:?} {other:?}");
        }
    }
    shared()
        .connect(&db, "postgres")
        .batch_execute("UPDATE t SET seen = seen + interval '1 second', moments[1] = now() WHERE id = 5")
        .unwrap();
    let after: Vec<String> = forms.iter().map(|form| ask(&mut client, *form)).collect();
    for (a, form) in before.iter().zip(&forms) {
        for (b, other) in after.iter().zip(&forms) {
            assert_eq!(differing(&mut client, a, b), ["5"], "{form:?} {other:?}");
        }
    }
}

/// Elements of lists are texts in a workbook, too: on the clock that `Export info` names.
#[test]
fn workbooks_of_local_lists_are_read_back() {
    let (_, mut client) = reader();
    client.batch_execute("SET TimeZone = 'Asia/Tokyo'").unwrap();
    for options in
        [r#"{"timestamps": "local", "time_zone": "Europe/Paris"}"#, r#"{"time_zone": "America/Lima"}"#]
    {
        let workbook =
            exported(&mut client, &format!("'t', fields => '{{id,seen,moments}}', options => '{options}'"));
        assert_eq!(check(&mut client, "t", &workbook), NONE, "{options}");
    }
}

/// Texts that look like numbers with a comma, in lists and documents; days before year 1 and after year 9999.
#[test]
fn odd_values_do_not_differ_from_themselves() {
    let (db, mut client) = reader();
    shared()
        .connect(&db, "postgres")
        .batch_execute(
            "CREATE TABLE odd (id int PRIMARY KEY, texts text[], doc jsonb, entered timestamp, seen timestamptz, moments timestamp[]);
             INSERT INTO odd VALUES (1, '{\"1,5\",1.5,x}', '{\"a\": \"1,5\", \"b\": 2.5}', '0044-01-01 10:00 BC', '12026-01-01 10:00Z', '{0044-01-01 10:00 BC,12026-01-01}');
             GRANT SELECT ON odd TO PUBLIC; SELECT acct_export_register('odd', 'odd', 'id'); SELECT acct_export_expand('odd', 'doc')",
        )
        .unwrap();
    let forms =
        ["{}", r#"{"decimal": ",", "delimiter": ";"}"#, r#"{"timestamps": "local", "time_zone": "UTC"}"#];
    let jobs: Vec<String> = forms
        .iter()
        .map(|options| completed(&mut client, &format!("'odd', 'csv', options => '{options}'")))
        .collect();
    for (a, form) in jobs.iter().zip(forms) {
        for (b, other) in jobs.iter().zip(forms) {
            let found = column(
                &mut client,
                &format!("SELECT before::text || after::text FROM acct_export_diff('{a}', '{b}')"),
            );
            assert_eq!(found, Vec::<String>::new(), "{form} {other}");
        }
    }
}

/// An edited CSV says neither its zone nor its decimal sign: both are found, the zone is the session's.
#[test]
fn csv_files_are_read_back() {
    let (db, mut client) = reader();
    client.batch_execute("SET TimeZone = 'Europe/Paris'").unwrap();
    let fields = "fields => '{*}'";
    for options in [
        r#"{"timestamps": "local"}"#,
        r#"{"timestamps": "local", "decimal": ",", "delimiter": ";"}"#,
        r#"{"decimal": ","}"#,
        r#"{"order": ["amount desc"], "bom": true}"#,
    ] {
        let csv = exported(&mut client, &format!("'t', 'csv', {fields}, options => '{options}'"));
        assert_eq!(check(&mut client, "t", &csv), NONE, "{options}");
        let mut superuser = shared().connect(&db, "postgres");
        superuser
            .batch_execute("UPDATE t SET amount = amount + 1, seen = seen + interval '1 hour' WHERE id = 2")
            .unwrap();
        let found = check(&mut client, "t", &csv);
        let columns: Vec<&str> = found.iter().filter_map(|problem| problem.2.as_deref()).collect();
        assert_eq!(columns, ["seen", "amount"], "{options}: {found:?}");
        superuser
            .batch_execute("UPDATE t SET amount = amount - 1, seen = seen - interval '1 hour' WHERE id = 2")
            .unwrap();
    }
}

/// A CSV file does not say what its export was asked for: the jobs of its role do.
#[test]
fn csv_files_with_labels_are_read_back() {
    let (db, mut client) = reader();
    client.batch_execute("SET TimeZone = 'Europe/Paris'").unwrap();
    for options in [
        r#"{"labels": {"email": "E-mail", "seen": "Zuletzt"}}"#,
        r#"{"labels": {"email": "E-mail", "seen": "Seen at"}, "timestamps": "local", "time_zone": "Asia/Tokyo", "decimal": ",", "delimiter": ";"}"#,
        r#"{"labels": {"id": "No.", "email": "seen at all"}}"#,
    ] {
        let csv = exported(&mut client, &format!("'t', 'csv', fields => '{{*}}', options => '{options}'"));
        assert_eq!(check(&mut client, "t", &csv), NONE, "{options}");
        let mut superuser = shared().connect(&db, "postgres");
        superuser
            .batch_execute(
                "UPDATE t SET email = 'other' || email, seen = seen + interval '1 hour' WHERE id = 2",
            )
            .unwrap();
        let found = check(&mut client, "t", &csv);
        assert_eq!(found.len(), 2, "{options}: {found:?}");
        superuser
            .batch_execute(
                "UPDATE t SET email = substr(email, 6), seen = seen - interval '1 hour' WHERE id = 2",
            )
            .unwrap();
        // In a session of another zone the file is still of its own.
        client.batch_execute("SET TimeZone = 'America/New_York'").unwrap();
        assert_eq!(check(&mut client, "t", &csv), NONE, "{options}");
        client.batch_execute("SET TimeZone = 'Europe/Paris'").unwrap();
        // To others these headers say nothing.
        let mut superuser = shared().connect(&db, "postgres");
        let found = check(&mut superuser, "t", &csv);
        assert!(
            found.iter().any(|problem| problem.3.contains("not a column of dataset")
                || problem.3.contains("has no column")),
            "{found:?}"
        );
    }
}

/// Labels that are those of other fields: the newest export with exactly these headers tells.
#[test]
fn csv_files_whose_labels_are_other_fields() {
    let (_, mut client) = reader();
    for options in [
        r#"{"labels": {"email": "seen", "seen": "email"}}"#,
        "{}",
        r#"{"labels": {"email": "amount"}}"#,
        "{}",
    ] {
        for fields in ["{id,email,seen}", "{id,email}", "{id,amount}"] {
            if fields == "{id,amount}" && options.contains("labels") {
                continue;
            }
            let options = if fields == "{id,email}" {
                options.replace(r#", "seen": "email""#, "")
            } else {
                options.to_owned()
            };
            let csv =
                exported(&mut client, &format!("'t', 'csv', fields => '{fields}', options => '{options}'"));
            let found = check(&mut client, "t", &csv);
            assert!(
                found.iter().all(|problem| problem.3.contains("missing")),
                "{fields} {options}: {found:?}"
            );
        }
    }
}
