//! A file says what is in it and what is not: disabled rows, rows without a date, fields, bounds, secrets that were removed.

use serde_json::{json, Value};
use std::io::Read;
use support::asking::{completed, exported, file, refusal, refused, text, Workbook};
use support::common::{shared, unique};

const SCHEMA: &str = r#"
CREATE TYPE standing AS ENUM ('active', 'suspended');
CREATE TABLE person (id int PRIMARY KEY, state standing, joined timestamptz, seen timestamp, note text, secret_token text, extra jsonb);
INSERT INTO person SELECT n, CASE WHEN n % 3 = 0 THEN 'suspended' ELSE 'active' END::standing,
        CASE WHEN n % 5 > 0 THEN '2026-04-24 00:15Z'::timestamptz + n * interval '1 hour' END, '2026-04-24 00:15', 'n', 't',
        jsonb_build_object('a', 1, 'api_key', 'x')
   FROM generate_series(1, 30) n;
SELECT acct_export_register('person', 'person', 'id', created_column => 'joined', status_column => 'state', disabled_values => '{suspended}');
SELECT acct_export_set_field('person', 'note', is_default => false);
"#;

fn person() -> postgres::Client {
    let db = shared().create_database_with_extension(&unique("evidence"));
    let mut client = shared().connect(&db, "postgres");
    client.batch_execute(SCHEMA).unwrap();
    client.batch_execute("SET TimeZone = 'Asia/Kathmandu'").unwrap();
    client
}

fn rows(client: &mut postgres::Client, arguments: &str) -> i64 {
    let sql = format!("SELECT count(*) FROM acct_export_ndjson('person' {arguments})");
    client.query_one(&sql, &[]).unwrap().get(0)
}

fn manifest(client: &mut postgres::Client, job: &str) -> Value {
    client.query_one("SELECT acct_export_manifest($1::text::uuid)", &[&job]).unwrap().get(0)
}

#[test]
fn a_filter_that_names_the_status_decides() {
    let mut client = person();
    for (arguments, wanted) in [
        ("", 20),
        (", include_disabled => true", 30),
        (r#", filter => '{"state": "suspended"}'"#, 10),
        (r#", filter => '{"state": ["suspended", "active"]}'"#, 30),
        (r#", filter => '{"not": {"state": "active"}}'"#, 10),
        (r#", filter => '{"or": [{"state": "suspended"}, {"id": 1}]}'"#, 11),
        (r#", filter => '{"state": "suspended"}', include_disabled => false"#, 10),
        (r#", filter => '{"id": {"le": 6}}'"#, 4),
    ] {
        assert_eq!(rows(&mut client, arguments), wanted, "{arguments}");
        let preview = format!("SELECT rows_exact FROM acct_export_preview('person' {arguments}, options => '{{\"count\":true}}')");
        assert_eq!(client.query_one(&preview, &[]).unwrap().get::<_, i64>(0), wanted, "{arguments}");
    }
    for (arguments, wanted) in [
        ("", "left out"),
        (", include_disabled => true", "included"),
        (r#", filter => '{"state": "suspended"}'"#, "as the filter says"),
    ] {
        let scope =
            format!("SELECT scope ->> 'disabled_rows' FROM acct_export_preview('person' {arguments})");
        assert_eq!(text(&mut client, &scope).as_deref(), Some(wanted));
        let job = completed(&mut client, &format!("'person', 'xlsx' {arguments}"));
        assert_eq!(manifest(&mut client, &job)["files"][0]["datasets"][0]["disabled_rows"], wanted);
        let mut book = Workbook::open(file(&mut client, &job));
        let info = book.rows("Export info");
        let line =
            info.iter().find(|row| row[0] == calamine::Data::String("Disabled rows".to_owned())).unwrap();
        assert_eq!(line[1].to_string(), wanted);
    }
}

#[test]
fn the_manifest_tells_what_was_asked_and_what_was_left_out() {
    let mut client = person();
    let job = completed(
        &mut client,
        r#"'person', 'csv', start_date => '2026-04-24', end_date => '2026-04-25', filter => '{"id": {"gt": 1}}', reason => 'audit'"#,
    );
    let told = manifest(&mut client, &job);
    assert_eq!(told["job"], json!(job));
    assert_eq!((&told["requested_by"], &told["login"]), (&json!("postgres"), &json!("postgres")));
    assert_eq!(told["time_zone"], "Asia/Kathmandu");
    assert_eq!(told["request"]["filter"], json!({"id": {"gt": 1}}));
    let part = &told["files"][0]["datasets"][0];
    assert_eq!(
        part["period"],
        json!({"field": "joined", "from": "2026-04-24T00:00:00+05:45", "before": "2026-04-26T00:00:00+05:45", "rows_without_date": "left out"})
    );
    let status = "SELECT files -> 0 FROM acct_export_status($1::text::uuid)";
    let stored: Value = client.query_one(status, &[&job]).unwrap().get(0);
    for name in ["name", "rows", "bytes", "sha256"] {
        assert_eq!(told["files"][0][name], stored[name], "{name}");
    }
    let mut left_out: Vec<&str> =
        part["left_out"].as_array().unwrap().iter().map(|field| field["field"].as_str().unwrap()).collect();
    left_out.sort_unstable();
    left_out.sort_unstable();
    assert_eq!(left_out, ["note", "secret_token"]);
    assert!(part["left_out"]
        .as_array()
        .unwrap()
        .iter()
        .all(|field| !field["reason"].as_str().unwrap().is_empty()));
    assert_eq!(part["removed_keys"], json!({"extra": part["rows"]}));
    let event =
        "SELECT detail FROM acct_export_audit WHERE job_id = $1::text::uuid AND event = 'user.bulk_export'";
    let event: Value = client.query_one(event, &[&job]).unwrap().get(0);
    assert_eq!(event["time_zone"], "Asia/Kathmandu");
    assert_eq!((&event["from"], &event["period_field"]), (&part["period"]["from"], &json!("joined")));
    assert_eq!((&event["dataset_rows"], &event["disabled_rows"]), (&part["rows"], &json!("left out")));
    // The event of a stream says the same.
    client
        .query("SELECT acct_export_csv('person', start_date => '2026-04-24', end_date => '2026-04-25')", &[])
        .unwrap();
    let streamed = "SELECT detail FROM acct_export_audit WHERE event = 'user.bulk_export' AND job_id IS NULL";
    let streamed: Value = client.query_one(streamed, &[]).unwrap().get(0);
    for name in ["time_zone", "period_field", "from", "before", "disabled_rows"] {
        assert_eq!(streamed[name], event[name], "{name}");
    }
}

#[test]
fn archives_have_their_manifest_and_others_where_asked() {
    let mut client = person();
    let job = completed(&mut client, r#"'person', 'csv', options => '{"archive": "zip"}'"#);
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(file(&mut client, &job))).unwrap();
    let mut inside = String::new();
    archive.by_name("export-info.json").unwrap().read_to_string(&mut inside).unwrap();
    let inside: Value = serde_json::from_str(&inside).unwrap();
    let outside = manifest(&mut client, &job);
    for name in ["job", "request", "as_of", "wal_position", "time_zone"] {
        assert_eq!(inside[name], outside[name], "{name}");
    }
    for name in ["bytes", "sha256", "rows", "datasets"] {
        assert_eq!(inside["files"][0][name], outside["files"][0][name], "{name}");
    }
    let mut member = Vec::new();
    archive.by_name(outside["files"][0]["name"].as_str().unwrap()).unwrap().read_to_end(&mut member).unwrap();
    assert_eq!(outside["files"][0]["bytes"], json!(member.len()));

    let job = completed(&mut client, r#"'person', 'ndjson', options => '{"manifest": true}'"#);
    let bytes: Vec<u8> =
        client.query_one("SELECT acct_export_file($1::text::uuid, 2)", &[&job]).unwrap().get(0);
    let inside: Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(inside["files"][0]["sha256"], manifest(&mut client, &job)["files"][0]["sha256"]);
    // The same request gives the same bytes, also where its period moves on.
    for period in ["", "period => 'last_year', period_field => 'seen', "] {
        let arguments =
            format!(r#"'person', 'csv', {period} options => '{{"archive": "zip", "reproducible": true}}'"#);
        assert_eq!(exported(&mut client, &arguments), exported(&mut client, &arguments), "{period}");
    }
    // Of an archive that was deleted name, size and hash are left.
    let job =
        completed(&mut client, r#"'person', 'csv', reason => 'deleted', options => '{"archive": "zip"}'"#);
    client.batch_execute(&format!("SELECT acct_export_delete('{job}')")).unwrap();
    let told = manifest(&mut client, &job);
    assert_eq!(told["files"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&told["files"][0]["media_type"], &told["files"][0]["datasets"]),
        (&json!("application/zip"), &json!([]))
    );
    refused(
        &mut client,
        r#"SELECT acct_export_ndjson('person', options => '{"manifest": true}')"#,
        "22023",
        "option \"manifest\" cannot be used in a stream",
        "Leave option manifest out, or start a job with acct_export_start.",
    );
}

#[test]
fn only_completed_jobs_have_a_manifest() {
    let mut client = person();
    client.batch_execute("SELECT acct_export_set_policy('person', max_rows => 1)").unwrap();
    let job: String =
        client.query_one("SELECT acct_export_start('person', 'csv')::text", &[]).unwrap().get(0);
    support::asking::wait_for_status(&mut client, &job, "failed");
    refused(
        &mut client,
        &format!("SELECT acct_export_manifest('{job}')"),
        "55000",
        "has no manifest",
        "A job has a manifest when it is completed.",
    );
    let unknown = refusal(&mut client, "SELECT acct_export_manifest(gen_random_uuid())");
    assert_eq!(unknown.sqlstate, "P0002");
}

/// An export without rows says so, whatever its format.
#[test]
fn no_rows_are_told() {
    let mut client = person();
    let job = completed(&mut client, r#"'person', 'csv', filter => '{"id": -1}'"#);
    let message = format!("SELECT message FROM acct_export_status('{job}')");
    assert_eq!(text(&mut client, &message).as_deref(), Some("Export complete! No rows matched."));
    let job = completed(&mut client, "'person', 'csv'");
    let message = format!("SELECT message FROM acct_export_status('{job}')");
    assert_eq!(text(&mut client, &message).as_deref(), Some("Export complete!"));
}

/// Half hours of local time and of instants around days on which clocks change at midnight.
#[test]
fn whole_days_have_all_their_hours() {
    let db = shared().create_database_with_extension(&unique("clocks"));
    let mut client = shared().connect(&db, "postgres");
    client
        .batch_execute(
            "CREATE TABLE half (id serial PRIMARY KEY, local timestamp, at timestamptz);
             INSERT INTO half (local, at) SELECT day + n * interval '30 minutes', (day + n * interval '30 minutes') AT TIME ZONE 'UTC'
               FROM unnest('{2026-04-24,2026-10-30,2018-11-04,2018-02-18,2011-12-30,2025-11-02,2025-03-09,2026-01-15}'::date[]) AS day,
                    generate_series(-96, 144) AS n;
             SELECT acct_export_register('half', 'half', 'id', created_column => 'local')",
        )
        .unwrap();
    for (zone, days) in [
        ("Africa/Cairo", ["2026-04-24", "2026-10-30", "2026-10-29"]),
        ("America/Sao_Paulo", ["2018-11-04", "2018-02-18", "2018-02-17"]),
        ("Pacific/Apia", ["2011-12-30", "2011-12-29", "2011-12-31"]),
        ("America/Havana", ["2025-11-02", "2025-03-09", "2025-11-01"]),
        ("UTC", ["2026-01-15", "2026-01-14", "2026-01-16"]),
    ] {
        client.batch_execute(&format!("SET TimeZone = '{zone}'")).unwrap();
        for day in days {
            for field in ["local", "at"] {
                let wanted = format!("SELECT count(*) FROM half WHERE {field}::date = '{day}'");
                let found = format!(
                    "SELECT count(*) FROM acct_export_ndjson('half', start_date => '{day}', end_date => '{day}', period_field => '{field}')"
                );
                let [wanted, found] =
                    [wanted, found].map(|sql| client.query_one(&sql, &[]).unwrap().get::<_, i64>(0));
                assert_eq!(found, wanted, "{field} of {day} in {zone}");
            }
        }
    }
    for (name, day) in [("start_date", "300000-01-01"), ("end_date", "5874897-12-31")] {
        refused(
            &mut client,
            &format!("SELECT acct_export_ndjson('half', {name} => '{day}')"),
            "22023",
            &format!("{name} is out of range"),
            "Days of a period lie between 4713-01-02 BC and 294276-12-30.",
        );
    }
}

/// Periods of the calendar against the same in SQL, on the clock of the session.
#[test]
fn periods_of_the_calendar_are_whole_days() {
    let db = shared().create_database_with_extension(&unique("calendar"));
    let mut client = shared().connect(&db, "postgres");
    client
        .batch_execute(
            "CREATE TABLE day (id int PRIMARY KEY, at timestamptz, local timestamp, day date);
             INSERT INTO day SELECT row_number() OVER (), n, n AT TIME ZONE 'UTC', n::date
               FROM generate_series(now() - interval '900 days', now() + interval '400 days', interval '7 hours') AS n;
             SELECT acct_export_register('day', 'day', 'id', created_column => 'at')",
        )
        .unwrap();
    let year: i32 = client.query_one("SELECT extract(year FROM now())::int", &[]).unwrap().get(0);
    for zone in ["Pacific/Auckland", "America/Los_Angeles"] {
        client.batch_execute(&format!("SET TimeZone = '{zone}'")).unwrap();
        let mut periods: Vec<(String, String, String)> = Vec::new();
        for unit in ["week", "month", "quarter", "year"] {
            let length = if unit == "quarter" { "3 months".to_owned() } else { format!("1 {unit}") };
            periods.push((format!("this_{unit}"), format!("date_trunc('{unit}', now())"), length.clone()));
            periods.push((
                format!("previous_{unit}"),
                format!("date_trunc('{unit}', now()) - interval '{length}'"),
                length,
            ));
        }
        let last = year - 1;
        periods.push((last.to_string(), format!("'{last}-01-01'"), "1 year".to_owned()));
        periods.push((format!("{last}-Q3"), format!("'{last}-07-01'"), "3 months".to_owned()));
        periods.push((format!("{last}-10"), format!("'{last}-10-01'"), "1 month".to_owned()));
        for (period, first, length) in periods {
            for field in ["at", "local", "day"] {
                let wanted = format!(
                    "SELECT count(*) FROM day WHERE {field}::date >= ({first})::date AND {field}::date < (({first})::date + interval '{length}')::date"
                );
                let found = format!("SELECT count(*) FROM acct_export_ndjson('day', period => '{period}', period_field => '{field}')");
                let [wanted, found] =
                    [wanted, found].map(|sql| client.query_one(&sql, &[]).unwrap().get::<_, i64>(0));
                assert!(wanted > 0, "{period}");
                assert_eq!(found, wanted, "{period} of {field} in {zone}");
            }
        }
    }
    refused(
        &mut client,
        "SELECT acct_export_ndjson('day', period => '2026-Q5')",
        "22023",
        "2026-Q5",
        "this_week",
    );
    refused(
        &mut client,
        "SELECT acct_export_ndjson('day', period => 'this_week', start_date => '2026-01-01')",
        "22023",
        "period and start_date",
        "Pass either",
    );
}
