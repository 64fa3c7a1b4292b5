//! Values at the edges of their types, in every format that people open.

use calamine::Data;
use serde_json::{json, Value};
use support::admins::{saved_by_libreoffice, told};
use support::asking::{completed, exported, file, objects, text, Workbook};
use support::common::{shared, unique};

/// First and last moments, ends of days, leap days, the days around which Excel miscounts, years before Christ, infinity.
const MOMENTS: [&str; 17] = [
    "-infinity",
    "4713-01-02 00:00:00 BC",
    "0044-03-15 12:00:00 BC",
    "1899-12-31 23:59:59.999999",
    "1900-01-01 00:00:00",
    "1900-02-28 23:59:59.999999",
    "1900-03-01 00:00:00",
    "1999-12-31 23:59:59.999999",
    "2000-02-29 12:34:56.5",
    "2024-02-29 23:59:59.999999",
    "2026-03-29 02:30:00.4999",
    "2026-12-31 23:59:59.999999",
    "2027-01-01 00:00:00",
    "9999-12-31 23:59:59",
    "9999-12-31 23:59:59.999999",
    "10000-01-01 00:00:00",
    "infinity",
];

const ZONES: [&str; 5] = ["UTC", "America/St_Johns", "Asia/Kathmandu", "Pacific/Kiritimati", "Africa/Cairo"];

fn table(sql: &str) -> postgres::Client {
    let db = shared().create_database_with_extension(&unique("edges"));
    let mut client = shared().connect(&db, "postgres");
    client.batch_execute(sql).unwrap();
    client
}

/// The cell that a moment is: the shown text, or None for one that Excel has no date of.
fn shown(client: &mut postgres::Client, zone: &str, field: &str) -> Vec<Option<String>> {
    let local = match field {
        "local" => "local".to_owned(),
        "instant" => format!("instant AT TIME ZONE '{zone}'"),
        _ => "day::timestamp".to_owned(),
    };
    let sql = format!(
        "SELECT CASE WHEN isfinite(v) AND v >= '1900-03-01' AND v < '10000-01-01'
                     THEN to_char(date_trunc('second', v), 'YYYY-MM-DD HH24:MI:SS') END
           FROM (SELECT id, {local} AS v FROM edges) AS e ORDER BY id"
    );
    client.query(&sql, &[]).unwrap().iter().map(|row| row.get(0)).collect()
}

/// The moments of rows, as openpyxl and pandas read them; None: the cell is no date.
fn by_python(workbook: &[u8]) -> [Vec<Vec<Option<String>>>; 2] {
    let script = "import json, datetime, pandas\n\
        def told(v):\n    \
            return v.strftime('%Y-%m-%d %H:%M:%S').rjust(19, '0') if isinstance(v, (datetime.datetime, datetime.date)) else None\n\
        cells = [[c.value for c in row] for row in sheet.iter_rows(min_row=2, min_col=2)]\n\
        frame = pandas.read_excel(sys.argv[1]).iloc[:, 1:].values.tolist()\n\
        print(json.dumps([[[told(v) for v in row] for row in rows] for rows in (cells, frame)]))";
    serde_json::from_str(&told(workbook, script)).unwrap()
}

/// The same by calamine, which reads the numbers of cells and their formats.
fn by_calamine(workbook: &[u8]) -> Vec<Vec<Option<String>>> {
    let told = |cell: &Data| match cell {
        Data::DateTime(moment) => {
            let (year, month, day, hour, minute, second, _) = moment.to_ymd_hms_milli();
            Some(format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}"))
        }
        _ => None,
    };
    let rows = Workbook::open(workbook.to_vec()).rows("Edges");
    rows.iter().skip(1).map(|row| row[1..].iter().map(told).collect()).collect()
}

#[test]
fn no_moment_moves_to_another_second_or_day() {
    let rows: Vec<String> = MOMENTS
        .iter()
        .zip(1..)
        .map(|(moment, id)| {
            format!(
                "({id}, '{moment}'::timestamp::date, '{moment}', '{moment}'::timestamp AT TIME ZONE 'UTC')"
            )
        })
        .collect();
    let mut client = table(&format!(
        "CREATE TABLE edges (id int PRIMARY KEY, day date, local timestamp, instant timestamptz);
         INSERT INTO edges VALUES {};
         SELECT acct_export_register('edges', 'edges', 'id')",
        rows.join(", ")
    ));
    for zone in ZONES {
        client.batch_execute(&format!("SET TimeZone = '{zone}'")).unwrap();
        let workbook = exported(&mut client, "'edges', 'xlsx'");
        let resaved = saved_by_libreoffice(&workbook, "xlsx");
        for (bytes, program) in [(&workbook, "as exported"), (&resaved, "saved by LibreOffice")] {
            let [by_openpyxl, by_pandas] = by_python(bytes);
            for (reader, found) in
                [("openpyxl", by_openpyxl), ("pandas", by_pandas), ("calamine", by_calamine(bytes))]
            {
                assert_eq!(found.len(), MOMENTS.len(), "{reader}, {program}");
                for (place, field) in ["day", "local", "instant"].iter().enumerate() {
                    let wanted = shown(&mut client, zone, field);
                    let found: Vec<Option<String>> = found.iter().map(|row| row[place].clone()).collect();
                    assert_eq!(found, wanted, "{field} in {zone}, {program}, read by {reader}");
                }
            }
            let problems = "SELECT count(*) FROM acct_export_check_import('edges', $1)";
            assert_eq!(
                client.query_one(problems, &[bytes]).unwrap().get::<_, i64>(0),
                0,
                "{zone}, {program}"
            );
        }
        // No cell is an error, and none is a day of another year.
        let mut book = Workbook::open(workbook);
        assert!(book.rows("Edges").iter().flatten().all(|cell| !matches!(cell, Data::Error(_))));
    }
}

/// Two workbooks and a csv of the same rows do not differ, though a workbook has whole seconds.
#[test]
fn whole_seconds_are_no_difference() {
    let mut client = table(
        "CREATE TABLE e (id int PRIMARY KEY, at timestamptz, local timestamp);
         INSERT INTO e SELECT n, '2026-12-31 23:59:59.999999Z'::timestamptz - n * interval '1.7 days', '2000-01-01 00:00:00.6'::timestamp + n * interval '1 hour'
           FROM generate_series(1, 200) n;
         SELECT acct_export_register('e', 'e', 'id')",
    );
    let jobs: Vec<String> = ["xlsx", "csv", "ndjson"]
        .iter()
        .map(|format| completed(&mut client, &format!("'e', '{format}'")))
        .collect();
    for (one, other) in [(0, 1), (1, 0), (0, 2), (1, 2)] {
        let sql = format!("SELECT count(*)::text FROM acct_export_diff('{}', '{}')", jobs[one], jobs[other]);
        assert_eq!(text(&mut client, &sql).as_deref(), Some("0"));
    }
}

#[test]
fn ranges_do_not_depend_on_the_session() {
    let mut client = table(
        "CREATE TYPE stay AS (at timestamptz, room int);
         CREATE TYPE float_span AS RANGE (subtype = timestamptz);
         CREATE TABLE r (id int PRIMARY KEY, span tstzrange, spans tstzmultirange, list tstzrange[], local tsrange, own float_span, stay stay);
         INSERT INTO r VALUES (1, '[2026-01-15 10:00:00.5+00,2026-07-01 00:00+00)', '{[2026-01-15 10:00+00,2026-01-16 10:00+00),[2026-07-01 10:00+00,)}',
             ARRAY['(,2026-01-15 10:00+00)', 'empty']::tstzrange[], '[2026-01-15 10:00,infinity)', '[2026-01-15 10:00+00,2026-01-15 10:00+00]', ('2026-01-15 10:00+00', 7));
         SELECT acct_export_register('r', 'r', 'id')",
    );
    let mut seen: Vec<Vec<Vec<u8>>> = Vec::new();
    for zone in ZONES {
        client.batch_execute(&format!("SET TimeZone = '{zone}'; SET DateStyle = 'German'")).unwrap();
        seen.push(
            ["csv", "ndjson", "json"]
                .iter()
                .map(|format| exported(&mut client, &format!("'r', '{format}'")))
                .collect(),
        );
    }
    assert!(seen.iter().all(|files| *files == seen[0]));
    let row = objects(&seen[0][1]).remove(0);
    assert_eq!(row["span"], json!("[2026-01-15T10:00:00.5Z,2026-07-01T00:00:00Z)"));
    assert_eq!(row["spans"], json!("{[2026-01-15T10:00:00Z,2026-01-16T10:00:00Z),[2026-07-01T10:00:00Z,)}"));
    assert_eq!(row["list"], json!(["(,2026-01-15T10:00:00Z)", "empty"]));
    assert_eq!(row["local"], json!("[2026-01-15T10:00:00,infinity)"));
    assert_eq!(row["own"], json!("[2026-01-15T10:00:00Z,2026-01-15T10:00:00Z]"));
    // The server reads them back.
    let same = "SELECT (span = '[2026-01-15T10:00:00.5Z,2026-07-01T00:00:00Z)'::tstzrange)::text FROM r";
    assert_eq!(text(&mut client, same).as_deref(), Some("true"));
    // A session's own settings are as they were.
    assert_eq!(text(&mut client, "SHOW TimeZone").as_deref(), Some(ZONES[4]));
    assert_eq!(text(&mut client, "SELECT '2026-01-15'::date::text").as_deref(), Some("15.01.2026"));
}

const LISTS: &str = r#"
CREATE TABLE l (id int PRIMARY KEY, grid int[], cube text[], list text[], docs jsonb[]);
INSERT INTO l VALUES
    (1, '{{1,2},{3,NULL}}', '{{{a,b}},{{"c, d",""}}}', '{"a, b"}', ARRAY['{"a": 1}', 'null', NULL]::jsonb[]),
    (2, '{}', NULL, '{a,b}', '{}'),
    (3, '[0:1][2:3]={{5,6},{7,8}}', '{{{"\"x\""}}}', '{"\"a\"","b;c",NULL,"d,e"}', NULL);
SELECT acct_export_register('l', 'l', 'id');"#;

#[test]
fn arrays_of_several_dimensions_keep_their_form() {
    let mut client = table(LISTS);
    for format in ["ndjson", "json"] {
        let bytes = exported(&mut client, &format!("'l', '{format}'"));
        let rows: Vec<Value> = match format {
            "json" => serde_json::from_slice(&bytes).unwrap(),
            _ => objects(&bytes),
        };
        let wanted: Vec<Value> = client
            .query("SELECT to_jsonb(l) FROM l ORDER BY id", &[])
            .unwrap()
            .iter()
            .map(|row| row.get(0))
            .collect();
        assert_eq!(rows, wanted, "{format}");
    }
    // A mask changes each element, and no more.
    client.batch_execute("SELECT acct_export_set_field('l', 'cube', mask => 'redact')").unwrap();
    let row = objects(&exported(&mut client, "'l', 'ndjson', fields => '{id,cube}'")).remove(0);
    assert_eq!(row["cube"], json!([[["[redacted]", "[redacted]"]], [["[redacted]", "[redacted]"]]]));
}

#[test]
fn lists_can_be_told_apart() {
    let mut client = table(LISTS);
    let csv = |client: &mut postgres::Client, options: &str| {
        let arguments = format!("'l', 'csv', fields => '{{id,list}}', options => '{options}'");
        let bytes = exported(client, &arguments);
        let mut reader = csv::Reader::from_reader(bytes.as_slice());
        reader.records().map(|record| record.unwrap()[1].to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(csv(&mut client, "{}"), ["\"a, b\"", "a, b", "\"\"\"a\"\"\", b;c, , \"d,e\""]);
    assert_eq!(
        csv(&mut client, r#"{"multi_value_separator": "; "}"#),
        ["a, b", "a; b", "\"\"\"a\"\"\"; \"b;c\"; ; d,e"]
    );
    assert_eq!(
        csv(&mut client, r#"{"lists": "json"}"#),
        [r#"["a, b"]"#, r#"["a","b"]"#, r#"["\"a\"","b;c",null,"d,e"]"#]
    );
    for options in [r#"{}"#, r#"{"multi_value_separator": "; "}"#, r#"{"lists": "json"}"#] {
        let arguments = format!("'l', 'xlsx', fields => '{{id,list}}', options => '{options}'");
        let workbook = exported(&mut client, &arguments);
        let problems = "SELECT count(*) FROM acct_export_check_import('l', $1)";
        assert_eq!(client.query_one(problems, &[&workbook]).unwrap().get::<_, i64>(0), 0, "{options}");
        client.batch_execute("UPDATE l SET list = CASE id WHEN 1 THEN '{a,b}' WHEN 2 THEN '{\"a, b\"}' ELSE list END WHERE id < 3").unwrap();
        assert_eq!(client.query_one(problems, &[&workbook]).unwrap().get::<_, i64>(0), 2, "{options}");
        client.batch_execute("UPDATE l SET list = CASE id WHEN 2 THEN '{a,b}' WHEN 1 THEN '{\"a, b\"}' ELSE list END WHERE id < 3").unwrap();
    }
    // Whatever their form, files of the same rows do not differ.
    let jobs: Vec<String> = [
        "'l', 'csv'",
        r#"'l', 'csv', options => '{"lists": "json"}'"#,
        r#"'l', 'csv', options => '{"multi_value_separator": "|"}'"#,
        "'l', 'ndjson'",
        "'l', 'xlsx'",
        r#"'l', 'xlsx', options => '{"lists": "json"}'"#,
        r#"'l', 'xlsx', options => '{"multi_value_separator": "; "}'"#,
    ]
    .iter()
    .map(|arguments| completed(&mut client, arguments))
    .collect();
    for one in &jobs {
        for other in &jobs {
            let sql = format!(
                "SELECT string_agg(to_jsonb(d)::text, '') FROM acct_export_diff('{one}', '{other}') AS d"
            );
            assert_eq!(text(&mut client, &sql), None);
        }
    }
}

#[test]
fn big_numbers_are_strings_if_asked_for() {
    let mut client = table(
        r#"CREATE TABLE b (id bigint PRIMARY KEY, n numeric, doc jsonb, list bigint[]);
           INSERT INTO b VALUES (9007199254740991, 0.1, '{"n": [9007199254740993, 1.5, "9007199254740993"]}', '{9007199254740991,9007199254740993}'),
                                (9007199254740993, 12345678901234567890.5, NULL, '{}');
           SELECT acct_export_register('b', 'b', 'id');"#,
    );
    let bytes = exported(&mut client, r#"'b', 'ndjson', options => '{"big_numbers": "string"}'"#);
    assert_eq!(
        String::from_utf8(bytes).unwrap(),
        "{\"id\":9007199254740991,\"n\":0.1,\"doc\":{\"n\": [\"9007199254740993\", 1.5, \"9007199254740993\"]},\"list\":[9007199254740991,\"9007199254740993\"]}\n\
         {\"id\":\"9007199254740993\",\"n\":\"12345678901234567890.5\",\"doc\":null,\"list\":[]}\n"
    );
    let [plain, asked] = ["{}", r#"{"big_numbers": "string"}"#].map(|options| {
        completed(&mut client, &format!("'b', 'json', fields => '{{id,n,list}}', options => '{options}'"))
    });
    let sql = format!("SELECT count(*)::text FROM acct_export_diff('{plain}', '{asked}')");
    assert_eq!(text(&mut client, &sql).as_deref(), Some("0"));
    assert!(!file(&mut client, &plain).is_empty());
}
