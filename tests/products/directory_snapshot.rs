//! "Export users" (Cymmetri): a snapshot of a directory as CSV or NDJSON. What is proven elsewhere is named in the README's
//! table.

use support::demo;

use postgres::Client;
use serde_json::{json, Value};
use support::asking::{column, completed, exported, file, objects, status, text};

const HEADER: &str =
    "user_id,email,name,given_name,family_name,state,email_verified,created_at,last_signed_in_at,groups";
const ANITA: &str = r#"filter => '{"email": "anita@acme.example"}'"#;
const TOGGLES: [(&str, &[&str]); 5] = [
    ("picture", &["picture"]),
    ("locale", &["locale"]),
    ("custom_attributes", &["custom_attributes"]),
    ("group_memberships", &["group_memberships"]),
    ("mfa_factor_counts", &["mfa_factor_count", "mfa_phone"]),
];
const ALL: &str = "include => '{picture,locale,custom_attributes,group_memberships,mfa_factor_counts}'";

fn id_of_anita(client: &mut Client) -> String {
    text(client, "SELECT user_id FROM acct_demo.directory_users WHERE email = 'anita@acme.example'").unwrap()
}

#[test]
fn the_csv_of_the_document() {
    let mut client = demo::acme();
    let arguments = format!("'directory', 'csv', {ANITA}, options => '{{\"multi_value_separator\": \",\"}}'");
    let csv = String::from_utf8(exported(&mut client, &arguments)).unwrap();
    let id = id_of_anita(&mut client);
    assert!(id.starts_with("usr_01H"), "{id}");
    let row = r#"anita@acme.example,Anita Singh,Anita,Singh,active,true,2026-01-15T10:00:00Z,2026-05-17T08:00:00Z,"Engineering,Beta Testers""#;
    assert_eq!(csv, format!("{HEADER}\r\n{id},{row}\r\n"));
}

#[test]
fn the_ndjson_of_the_document() {
    let mut client = demo::acme();
    let id = id_of_anita(&mut client);
    let fields = "fields => '{user_id,email,name,state,email_verified,created_at,groups}'";
    let line = String::from_utf8(exported(&mut client, &format!("'directory', 'ndjson', {ANITA}, {fields}")))
        .unwrap();
    let wanted = r#""email":"anita@acme.example","name":"Anita Singh","state":"active","email_verified":true,"created_at":"2026-01-15T10:00:00Z","groups":["Engineering","Beta Testers"]}"#;
    assert_eq!(line, format!("{{\"user_id\":\"{id}\",{wanted}\n"));
}

#[test]
fn every_user_or_those_of_the_list_view() {
    let mut client = demo::acme();
    for (filter, condition) in [
        ("", "true"),
        (
            r#", filter => '{"state": "active", "created_after": "2025-01-01"}'"#,
            "state = 'active' AND created_at >= '2025-01-01'",
        ),
    ] {
        let found = objects(&exported(&mut client, &format!("'directory', 'ndjson'{filter}")));
        let mut found: Vec<&str> = found.iter().map(|row| row["user_id"].as_str().unwrap()).collect();
        found.sort_unstable();
        let sql = format!(
            "SELECT user_id FROM acct_demo.directory_users WHERE {condition} ORDER BY user_id COLLATE \"C\""
        );
        let wanted = column(&mut client, &sql);
        assert!(wanted.len() > 1000);
        assert_eq!(found, wanted, "{filter}");
    }
}

#[test]
fn fields_are_toggled() {
    let mut client = demo::acme();
    let keys = |client: &mut Client, more: &str| -> Vec<String> {
        let row = objects(&exported(client, &format!("'directory', 'ndjson', {ANITA}{more}"))).remove(0);
        row.as_object().unwrap().keys().cloned().collect()
    };
    let sorted = |fields: &[&str]| {
        let mut fields: Vec<String> =
            HEADER.split(',').chain(fields.iter().copied()).map(str::to_owned).collect();
        fields.sort();
        fields
    };
    let same = |found: Vec<String>, fields: &[&str]| {
        let mut found = found;
        found.sort();
        assert_eq!(found, sorted(fields));
    };
    same(keys(&mut client, ""), &[]);
    for (group, fields) in TOGGLES {
        same(keys(&mut client, &format!(", include => '{{{group}}}'")), fields);
    }
    let all: Vec<&str> = TOGGLES.iter().flat_map(|(_, fields)| fields.iter().copied()).collect();
    same(keys(&mut client, &format!(", {ALL}")), &all);
    let row = objects(&exported(&mut client, &format!("'directory', 'ndjson', {ANITA}, {ALL}"))).remove(0);
    assert_eq!(
        row["group_memberships"],
        json!([{"group": "Engineering", "since": "2026-01-15"}, {"group": "Beta Testers", "since": "2026-03-02"}])
    );
    assert!(row["mfa_factor_count"].is_u64() && row["custom_attributes"]["department"].is_string(), "{row}");
}

#[test]
fn anonymised_users_keep_their_ids() {
    let mut client = demo::acme();
    let rows = |client: &mut Client, more: &str| {
        objects(&exported(
            client,
            &format!("'directory', 'ndjson', filter => '{{\"state\": \"suspended\"}}'{more}"),
        ))
    };
    let plain = rows(&mut client, "");
    let anonymised = rows(&mut client, ", anonymise => true");
    assert!(anonymised.len() == plain.len() && plain.len() > 10, "{}", plain.len());
    for (anonymised, plain) in anonymised.iter().zip(&plain) {
        for (field, value) in plain.as_object().unwrap() {
            let personal = ["email", "name", "given_name", "family_name"].contains(&field.as_str());
            let wanted = if personal && !value.is_null() { &json!("[redacted]") } else { value };
            assert_eq!(anonymised[field], *wanted, "{field}");
        }
    }
}

/// Whatever is toggled on, in every row and in both formats; what a federated identity is known by stays.
#[test]
fn what_is_never_exported() {
    let mut client = demo::acme();
    for format in ["ndjson", "csv"] {
        let bytes = exported(&mut client, &format!("'directory', '{format}', {ALL}"));
        let text = String::from_utf8(bytes).unwrap();
        assert!(!text.contains("demo-secret") && !text.contains("refresh_token"), "{format}");
    }
    let rows = objects(&exported(&mut client, &format!("'directory', 'ndjson', {ALL}")));
    let linked: Vec<&Value> =
        rows.iter().map(|row| &row["custom_attributes"]["sso"]).filter(|sso| !sso.is_null()).collect();
    assert!(
        linked.len() > 1000
            && linked.iter().all(|sso| sso["subject"].is_string() && sso["provider"] == "oidc")
    );
    // The number that codes are sent to, by its end only.
    let phones: Vec<&str> = rows.iter().filter_map(|row| row["mfa_phone"].as_str()).collect();
    let ends = |phone: &&str| {
        let (stars, digits) = phone.split_at(phone.len() - 4);
        stars.bytes().all(|byte| byte == b'*') && digits.bytes().all(|byte| byte.is_ascii_digit())
    };
    assert!(phones.len() > 1000 && phones.iter().all(ends));
    // The tables have it all.
    let sql = "SELECT (count(password_hash) > 1000 AND count(totp_secret) > 1000 AND count(*) FILTER (WHERE attributes::text LIKE '%refresh_token%') > 1000)::text FROM acct_demo.users";
    assert_eq!(text(&mut demo::superuser(), sql).as_deref(), Some("true"));
}

#[test]
fn one_file_on_the_list_of_jobs() {
    let mut client = demo::acme();
    let job = completed(&mut client, "'directory', 'csv'");
    let files: Value = status(&mut client, &job).get("files");
    assert_eq!(files.as_array().unwrap().len(), 1, "{files}");
    let sql = format!("SELECT concat_ws(' ', dataset, format, status, message) FROM acct_export_jobs WHERE job_id = '{job}'");
    assert_eq!(text(&mut client, &sql).as_deref(), Some("directory csv completed Export complete!"));
    assert!(!file(&mut client, &job).is_empty());
}

/// All of a tenant, row by row: the stream is the export's lines, and no job is made of it.
#[test]
fn a_stream_is_the_same_rows() {
    let mut client = demo::acme();
    let jobs = "SELECT count(*)::text FROM acct_export_jobs WHERE dataset = 'subscriptions'";
    let lines =
        column(&mut client, "SELECT acct_export_ndjson('subscriptions', options => '{\"order\": \"key\"}')");
    assert_eq!(text(&mut client, jobs).as_deref(), Some("0"));
    let file = String::from_utf8(exported(&mut client, "'subscriptions', 'ndjson'")).unwrap();
    assert!(lines.len() > 1000 && file.lines().eq(lines.iter().map(String::as_str)));
}
