//! Options of the text formats, byte for byte.

use std::io::Read;

use postgres::Client;
use serde_json::json;
use support::asking::{column, completed, exported, file, objects, text};
use support::common::{shared, unique};

/// A session of a requester of dataset `t (id, a, b, tags)`.
fn requester(rows: &str) -> Client {
    let db = shared().create_database_with_extension("options");
    let role = unique("reader");
    shared()
        .connect(&db, "postgres")
        .batch_execute(&format!(
            "CREATE TABLE t (id int PRIMARY KEY, a text, b text, tags text[]); INSERT INTO t VALUES {rows};
             CREATE ROLE {role} LOGIN; GRANT SELECT ON t TO {role}; SELECT acct_export_register('t', 't', 'id')"
        ))
        .unwrap();
    shared().connect(&db, &role)
}

/// The same csv as the file of a job and as the lines of a stream.
#[track_caller]
fn csv_is(client: &mut Client, fields: &str, options: &str, wanted: &str) {
    let bytes = exported(client, &format!("'t', 'csv', fields => '{fields}', options => '{options}'"));
    assert_eq!(String::from_utf8(bytes).unwrap(), wanted, "job, {options}");
    let sql = format!(
        "SELECT acct_export_csv('t', fields => '{fields}', options => '{options}'::jsonb || '{{\"order\":\"key\"}}')"
    );
    let ending = if wanted.contains("\r\n") { "\r\n" } else { "\n" };
    let lines: String = column(client, &sql).iter().map(|line| format!("{line}{ending}")).collect();
    assert_eq!(lines, wanted, "stream, {options}");
}

const ROWS: &str = r#"(1, 'x', NULL, '{p,q}'), (2, '', 'say "hi"', '{}'), (3, 'a,b;c', E'two\nlines', NULL)"#;

#[test]
fn csv_by_default_is_rfc_4180() {
    let mut client = requester(ROWS);
    // NULL is nothing, the empty text is quoted, as COPY has it.
    let wanted = "id,a,b\r\n1,x,\r\n2,\"\",\"say \"\"hi\"\"\"\r\n3,\"a,b;c\",\"two\nlines\"\r\n";
    csv_is(&mut client, "{id,a,b}", "{}", wanted);
    // A line of one empty field would be skipped by readers.
    csv_is(&mut client, "{b}", "{}", "b\r\n\"\"\r\n\"say \"\"hi\"\"\"\r\n\"two\nlines\"\r\n");
}

#[test]
fn delimiters() {
    let mut client = requester(ROWS);
    csv_is(&mut client, "{id,a}", r#"{"delimiter":";"}"#, "id;a\r\n1;x\r\n2;\"\"\r\n3;\"a,b;c\"\r\n");
    csv_is(&mut client, "{id,a}", r#"{"delimiter":"\t"}"#, "id\ta\r\n1\tx\r\n2\t\"\"\r\n3\t\"a,b;c\"\r\n");
    csv_is(&mut client, "{id,a}", r#"{"delimiter":"|"}"#, "id|a\r\n1|x\r\n2|\"\"\r\n3|\"a,b;c\"\r\n");
}

#[test]
fn byte_order_mark_header_and_line_ending() {
    let mut client = requester(ROWS);
    csv_is(&mut client, "{id}", r#"{"bom":true}"#, "\u{feff}id\r\n1\r\n2\r\n3\r\n");
    csv_is(&mut client, "{id}", r#"{"header":false}"#, "1\r\n2\r\n3\r\n");
    csv_is(&mut client, "{id}", r#"{"line_ending":"lf"}"#, "id\n1\n2\n3\n");
    csv_is(&mut client, "{id}", r#"{"line_ending":"crlf"}"#, "id\r\n1\r\n2\r\n3\r\n");
    // The mark starts the file also where there is no header.
    csv_is(&mut client, "{id}", r#"{"bom":true,"header":false,"line_ending":"lf"}"#, "\u{feff}1\n2\n3\n");
}

#[test]
fn null_as() {
    let mut client = requester("(1, 'NULL', NULL, NULL), (2, NULL, '', NULL), (3, '-', E'\\\\N', NULL)");
    csv_is(
        &mut client,
        "{id,a,b}",
        r#"{"null_as":"NULL"}"#,
        "id,a,b\r\n1,\"NULL\",NULL\r\n2,NULL,\r\n3,'-,\\N\r\n",
    );
    csv_is(
        &mut client,
        "{id,a,b}",
        r#"{"null_as":"\\N"}"#,
        "id,a,b\r\n1,NULL,\\N\r\n2,\\N,\r\n3,'-,\"\\N\"\r\n",
    );
}

#[test]
fn lists() {
    let mut client = requester(
        r#"(1, NULL, NULL, '{p,q}'), (2, NULL, NULL, '{"a b",NULL,"=1"}'), (3, NULL, NULL, '{=1,2}')"#,
    );
    csv_is(&mut client, "{id,tags}", "{}", "id,tags\r\n1,\"p, q\"\r\n2,\"a b, , =1\"\r\n3,\"'=1, 2\"\r\n");
    csv_is(
        &mut client,
        "{id,tags}",
        r#"{"multi_value_separator":"|"}"#,
        "id,tags\r\n1,\"p|q\"\r\n2,\"a b||'=1\"\r\n3,\"'=1|2\"\r\n",
    );
}

/// Only what a spreadsheet would run, never plain numbers or phone numbers.
#[test]
fn the_formula_guard() {
    let guarded = ["=1+1", "@SUM(A1)", "+A1", "-1+1", "-cmd|'/C calc'!A0", "\t=1", " =1", "a;=1"];
    let spared = [
        "-5",
        "+49 170 1234567",
        "+33 (0)1 23-45.67",
        "-1.5e3",
        "a=1",
        "user@example.com",
        "-1,5",
        "-5 %",
        "1-2",
    ];
    let rows: Vec<String> = guarded
        .iter()
        .chain(&spared)
        .enumerate()
        .map(|(id, value)| format!("({id}, $v${value}$v$, NULL, NULL)"))
        .collect();
    let mut client = requester(&rows.join(","));
    let values = |client: &mut Client, options: &str| -> Vec<String> {
        let bytes = exported(client, &format!("'t', 'csv', fields => '{{a}}', options => '{options}'"));
        csv::Reader::from_reader(bytes.as_slice())
            .records()
            .map(|record| record.unwrap()[0].to_owned())
            .collect()
    };
    let plain: Vec<String> = guarded.iter().chain(&spared).map(|value| (*value).to_owned()).collect();
    assert_eq!(values(&mut client, r#"{"formula_guard":false}"#), plain);
    let with_guard: Vec<String> = guarded
        .iter()
        .map(|value| match *value {
            // Behind a separator of other spreadsheets, which is where a cell begins for them.
            "\t=1" => "'\t'=1".to_owned(),
            "a;=1" => "a;'=1".to_owned(),
            value => format!("'{value}"),
        })
        .chain(spared.iter().map(|value| (*value).to_owned()))
        .collect();
    assert_eq!(values(&mut client, "{}"), with_guard);
    assert_eq!(values(&mut client, r#"{"formula_guard":true}"#), with_guard);
    // JSON is no spreadsheet.
    let first = objects(&exported(&mut client, "'t', 'ndjson', fields => '{a}'")).remove(0);
    assert_eq!(first, json!({ "a": "=1+1" }));
}

#[test]
fn gzip() {
    let mut client = requester(ROWS);
    for format in ["csv", "ndjson", "json"] {
        let plain = exported(&mut client, &format!("'t', '{format}'"));
        let job =
            completed(&mut client, &format!("'t', '{format}', options => '{{\"compression\":\"gzip\"}}'"));
        let packed = file(&mut client, &job);
        assert_eq!(packed[..2], [0x1f, 0x8b], "{format}");
        let mut unpacked = Vec::new();
        flate2::read::GzDecoder::new(packed.as_slice()).read_to_end(&mut unpacked).unwrap();
        assert_eq!(unpacked, plain, "{format}");
        let of_file = format!(
            "SELECT concat_ws(' ', f ->> 'name', f ->> 'media_type', f ->> 'bytes')
             FROM acct_export_status('{job}'), jsonb_array_elements(files) AS f"
        );
        let of_file = text(&mut client, &of_file).unwrap();
        let wanted = format!(".{format}.gz application/gzip {}", packed.len());
        assert!(of_file.ends_with(&wanted), "{of_file}");
        // The same rows give the same bytes: no name and no time inside.
        let again =
            exported(&mut client, &format!("'t', '{format}', options => '{{\"compression\":\"gzip\"}}'"));
        assert_eq!(again, packed, "{format}");
    }
}
