//! `options: {"reproducible": true}`: the same request on unchanged data gives the same bytes.

use std::io::{Cursor, Read};

use calamine::Data;
use postgres::Client;
use support::asking::{column, completed, file, refused, text, Workbook};
use support::kinds::Kinds;

/// All formats, and what makes other bytes of the same rows.
const WAYS: &[(&str, &str)] = &[
    ("xlsx", "{}"),
    ("xlsx", r#"{"compact": true}"#),
    ("xlsx", r#"{"info_sheet": false}"#),
    ("xlsx", r#"{"one_workbook": true}"#),
    ("xlsx", r#"{"archive": "zip"}"#),
    ("csv", "{}"),
    ("csv", r#"{"archive": "zip"}"#),
    ("csv", r#"{"compression": "gzip"}"#),
    ("ndjson", "{}"),
    ("ndjson", r#"{"compression": "gzip"}"#),
    ("json", "{}"),
    ("json", r#"{"compression": "gzip", "order": "key"}"#),
];

/// The job, and the hash that its status tells, which is that of the file.
#[track_caller]
fn job_and_hash(client: &mut Client, format: &str, options: &str, more: &str) -> (String, String) {
    let arguments =
        format!("'kinds', '{format}', options => '{options}'::jsonb || '{{\"reproducible\": true}}'{more}");
    let job = completed(client, &arguments);
    let sql = format!(
        "SELECT f ->> 'sha256' FROM acct_export_status('{job}'), jsonb_array_elements(files) AS f
         WHERE f ->> 'sha256' = encode(sha256(acct_export_file('{job}')), 'hex')"
    );
    let hash = text(client, &sql).unwrap();
    (job, hash)
}

#[test]
fn the_same_request_on_unchanged_data_gives_the_same_bytes() {
    let kinds = Kinds::create();
    let mut client = kinds.requester();
    let hashes = |client: &mut Client| -> Vec<String> {
        WAYS.iter().map(|(format, options)| job_and_hash(client, format, options, "").1).collect()
    };
    let first = hashes(&mut client);
    // The place of a row in the table does not change the data.
    kinds.superuser().batch_execute("UPDATE kinds SET note = note WHERE id = 2").unwrap();
    assert_eq!(hashes(&mut client), first);
    kinds.superuser().batch_execute("UPDATE kinds SET small = small + 1 WHERE id = 7").unwrap();
    for ((changed, first), way) in hashes(&mut client).iter().zip(&first).zip(WAYS) {
        assert_ne!(changed, first, "{way:?}");
    }
}

/// A rolling period ends at another moment each time.
#[test]
fn periods_too() {
    let kinds = Kinds::create();
    let mut client = kinds.requester();
    for more in [
        ", period => 'last_year', period_field => 'instant'",
        ", start_date => '2025-01-01', period_field => 'instant'",
    ] {
        let [(one, first), (_, again)] = [(); 2].map(|()| job_and_hash(&mut client, "xlsx", "{}", more));
        assert_eq!(first, again, "{more}");
        let info = Workbook::open(file(&mut client, &one)).rows("Export info");
        let told = |name: &str| info.iter().any(|row| row[0] == Data::String(name.to_owned()));
        assert!(!told("Job") && !told("Requested at") && !told("As of") && told("Dataset") && told("Rows"));
        assert_eq!(told("From"), more.contains("start_date"), "{more}");
    }
}

/// Without the option a workbook says which run it is of, at the least by the job's id.
#[test]
fn without_the_option_workbooks_differ() {
    let kinds = Kinds::create();
    let mut client = kinds.requester();
    let [one, other] = [(); 2].map(|()| completed(&mut client, "'kinds', 'xlsx'"));
    let files = [&one, &other].map(|job| file(&mut client, job));
    assert_ne!(files[0], files[1]);
    core(&files[0], &one);
    core(&files[1], &other);
    let (job, _) = job_and_hash(&mut client, "xlsx", "{}", "");
    let properties = core(&file(&mut client, &job), "2000-01-01T00:00:00Z");
    assert!(!properties.contains(&job));
}

/// The document properties, which have to hold `wanted`.
#[track_caller]
fn core(workbook: &[u8], wanted: &str) -> String {
    let mut xml = String::new();
    let mut archive = zip::ZipArchive::new(Cursor::new(workbook)).unwrap();
    archive.by_name("docProps/core.xml").unwrap().read_to_string(&mut xml).unwrap();
    assert!(xml.contains(wanted), "{wanted} is not in {xml}");
    xml
}

/// Rows as the source gives them are in no order; streams, which give them so, come by key with the option.
#[test]
fn without_an_order_nothing_is_reproducible() {
    let kinds = Kinds::create();
    let mut client = kinds.requester();
    let both = r#"options => '{"reproducible": true, "order": "none"}'"#;
    for sql in [
        format!("SELECT acct_export_start('kinds', 'xlsx', {both})"),
        format!("SELECT acct_export_start('kinds', 'csv', {both})"),
        format!("SELECT acct_export_ndjson('kinds', {both})"),
    ] {
        refused(&mut client, &sql, "22023", "reproducible", "Leave order out");
    }
    kinds.superuser().batch_execute("UPDATE kinds SET note = note WHERE id < 5").unwrap();
    let lines = column(
        &mut client,
        r#"SELECT acct_export_csv('kinds', fields => '{id}', options => '{"reproducible": true}')"#,
    );
    assert_eq!(lines, ["id", "1", "2", "3", "4", "5", "6", "7"]);
}
