//! acct_export_stream: the file in pieces is the file of a job.

use std::io::Read;

use postgres::fallible_iterator::FallibleIterator;
use postgres::Client;
use support::asking::{column, exported, refused, text};
use support::common::{shared, unique};

/// A reader of dataset `people` with so many rows.
fn reader(rows: u32) -> (String, Client) {
    let db = shared().create_database_with_extension("pieces");
    let role = unique("reader");
    shared()
        .connect(&db, "postgres")
        .batch_execute(&format!(
            "CREATE TABLE people (id int PRIMARY KEY, name text, seen timestamptz, amount numeric, tags text[], password_hash text);
             INSERT INTO people
             SELECT n, md5(n::text) || ' =x, \"é\"', timestamptz '2026-01-01Z' + n * interval '7 minutes', n / 8.0, ARRAY['a', n::text], 'h'
               FROM generate_series(1, {rows}) AS n;
             CREATE ROLE {role} LOGIN; GRANT SELECT ON people TO {role};
             SELECT acct_export_register('people', 'people', 'id')"
        ))
        .unwrap();
    let client = shared().connect(&db, &role);
    (db, client)
}

fn pieces(client: &mut Client, arguments: &str) -> Vec<Vec<u8>> {
    let sql = format!("SELECT acct_export_stream({arguments})");
    let rows = client.query_raw(&sql, std::iter::empty::<i32>()).unwrap_or_else(|e| panic!("{sql}: {e:?}"));
    rows.map(|row| Ok(row.get::<_, Vec<u8>>(0))).collect().unwrap_or_else(|e| panic!("{sql}: {e:?}"))
}

#[test]
fn they_are_the_file_of_a_job() {
    let (_, mut client) = reader(20_000);
    for arguments in [
        r#"'people', 'xlsx', options => '{"reproducible": true}'"#,
        r#"'people', 'xlsx', options => '{"reproducible": true, "compact": true, "info_sheet": false}'"#,
        r#"'people', 'csv', options => '{"order": "key", "bom": true}'"#,
        r#"'people', 'csv', options => '{"order": ["amount desc"], "timestamps": "local", "time_zone": "Asia/Tokyo"}'"#,
        r#"'people', 'ndjson', options => '{"order": "key"}'"#,
        r#"'people', 'json', options => '{"order": "key"}'"#,
    ] {
        let pieces = pieces(&mut client, arguments);
        let (last, others) = pieces.split_last().unwrap();
        assert!(others.len() > 1 && last.len() <= 256 * 1024, "{arguments}");
        for piece in others {
            assert!((64 * 1024..=256 * 1024).contains(&piece.len()), "{arguments}: {}", piece.len());
        }
        assert!(pieces.concat() == exported(&mut client, arguments), "{arguments}");
    }
    // xlsx is the default format.
    assert!(pieces(&mut client, "'people'").concat().starts_with(b"PK"));
}

#[test]
fn small_files_and_empty_ones() {
    let (_, mut client) = reader(3);
    for format in ["xlsx", "csv", "ndjson", "json"] {
        for filter in [r#"{"id": 2}"#, r#"{"id": -1}"#] {
            let arguments = format!(
                "'people', '{format}', filter => '{filter}', options => '{{\"reproducible\": true}}'"
            );
            let wanted = exported(&mut client, &arguments);
            let pieces = pieces(&mut client, &arguments);
            assert!(pieces.len() == usize::from(!wanted.is_empty()), "{arguments}: {}", pieces.len());
            assert!(pieces.concat() == wanted, "{arguments}");
        }
    }
}

/// A row of 100 MB is 400 pieces.
#[test]
fn a_huge_row_is_cut() {
    let (db, mut client) = reader(1);
    shared()
        .connect(&db, "postgres")
        .batch_execute("UPDATE people SET name = repeat('abcdefghij', 10000000)")
        .unwrap();
    let sql = "SELECT concat_ws(' ', count(*), sum(length(p)), max(length(p))) FROM acct_export_stream('people', 'csv', fields => '{name}') AS p";
    assert_eq!(column(&mut client, sql), ["382 100000008 262144"]);
}

#[test]
fn text_can_be_compressed() {
    let (_, mut client) = reader(20_000);
    let packed =
        pieces(&mut client, r#"'people', 'csv', options => '{"order": "key", "compression": "gzip"}'"#)
            .concat();
    let mut plain = Vec::new();
    flate2::read::GzDecoder::new(packed.as_slice()).read_to_end(&mut plain).unwrap();
    assert!(plain == exported(&mut client, r#"'people', 'csv'"#));
    assert!(packed.len() * 2 < plain.len());
}

/// Threads of the session's process: the encoder of workbooks has one of its own.
fn threads(client: &mut Client) -> usize {
    let pid = text(client, "SELECT pg_backend_pid()::text").unwrap();
    std::fs::read_dir(format!("/proc/{pid}/task")).unwrap().count()
}

#[test]
fn one_that_is_left_or_fails_leaves_nothing() {
    let (db, mut client) = reader(20_000);
    let before = threads(&mut client);
    for _ in 0..5 {
        let first: Vec<u8> =
            client.query_one("SELECT acct_export_stream('people', 'xlsx') LIMIT 1", &[]).unwrap().get(0);
        assert!(first.starts_with(b"PK"));
    }
    shared()
        .connect(&db, "postgres")
        .batch_execute(
            "CREATE VIEW breaking WITH (security_invoker) AS SELECT id, 1 / (id - 15000) AS odd FROM people;
             GRANT SELECT ON breaking TO PUBLIC; SELECT acct_export_register('breaking', 'breaking', 'id')",
        )
        .unwrap();
    for format in ["xlsx", "csv"] {
        let sql =
            format!("SELECT acct_export_stream('breaking', '{format}', options => '{{\"order\": \"key\"}}')");
        assert!(client.query(&sql, &[]).is_err(), "{format}");
    }
    assert_eq!(threads(&mut client), before);
    assert!(pieces(&mut client, "'people', 'xlsx'").len() > 1);
}

#[test]
fn it_is_allowed_and_told_as_the_other_streams() {
    let (db, mut client) = reader(10);
    for (arguments, sqlstate, named) in [
        ("'people', 'pdf'", "22023", "pdf"),
        ("'nobody'", "22023", "nobody"),
        ("'people', fields => '{password_hash}'", "42501", "password_hash"),
        (r#"'people', 'csv', options => '{"archive": "zip"}'"#, "22023", "archive"),
        (r#"'people', 'csv', options => '{"if_active": "return"}'"#, "22023", "if_active"),
        (r#"'people', 'csv', options => '{"manifest": true}'"#, "22023", "manifest"),
        (r#"'people', 'xlsx', options => '{"compression": "gzip"}'"#, "22023", "compression"),
    ] {
        refused(&mut client, &format!("SELECT acct_export_stream({arguments})"), sqlstate, named, "");
    }
    let (mut superuser, officer) = (shared().connect(&db, "postgres"), unique("officer"));
    superuser
        .batch_execute(&format!(
            "CREATE ROLE {officer}; SELECT acct_export_set_policy('people', approve_above => 5, approver_roles => '{{{officer}}}')"
        ))
        .unwrap();
    refused(&mut client, "SELECT acct_export_stream('people')", "42501", "5 rows", "acct_export_start");
    superuser
        .batch_execute("SELECT acct_export_set_policy('people', max_rows => 3, reset => '{approve_above}')")
        .unwrap();
    refused(&mut client, "SELECT acct_export_stream('people', 'csv')", "54000", "max_rows (3)", "");
    superuser.batch_execute("SELECT acct_export_set_policy('people', reset => '{max_rows}')").unwrap();
    pieces(&mut client, "'people', 'csv'");
    pieces(&mut client, r#"'people', 'csv', options => '{"order": ["id desc"]}'"#);
    let options = "SELECT detail->>'options' FROM acct_export_audit ORDER BY id DESC LIMIT 1";
    assert_eq!(column(&mut superuser, options), [r#"{"order": ["id desc"]}"#]);
    let told = column(
        &mut superuser,
        "SELECT concat_ws(' ', event, detail->>'format', detail->>'stream') FROM acct_export_audit ORDER BY id DESC LIMIT 1",
    );
    assert_eq!(told, ["user.bulk_export csv true"]);
}
