//! Rules where keys are columns: rights, secrets, masks, and people who write keys to do harm.

use support::asking;
use support::common;

use calamine::Data;
use serde_json::{json, Value};
use support::asking::{column, completed, exported, refused, refused_every_way, wait_for_status, Workbook};
use support::common::{unique, wait_for_job};
use support::people::{columns, csv, sheet, People};

#[test]
fn secrets_are_no_columns() {
    let people = People::expanded(
        r#"(1, 'a', '{"city": "Lyon", "api_key": "S3CR3T", "mfa_secret": true, "deep": {"token": "S3CR3T", "n": 1}}', NULL, NULL),
           (2, 'b', '{"note": "{\"password\": \"S3CR3T\", \"x\": 1}", "badge_no": "17"}', NULL, NULL)"#,
        "",
    );
    let mut client = people.reader();
    let rows = csv(&mut client, "fields => '{id,more}'");
    assert_eq!(rows[0], ["id", "badge_no", "city", "deep", "note"]);
    assert_eq!(rows[1], ["1", "", "Lyon", "{\"n\": 1}", ""]);
    assert_eq!(rows[2], ["2", "17", "", "", "{\"x\": 1}"]);
    assert!(!format!("{:?}", sheet(&mut client, "fields => '{id,more}'")).contains("S3CR3T"));
    for path in ["more.api_key", "more.deep.token", "more.token.n", "more.mfa_secret"] {
        let key = path.split('.').find(|key| ["api_key", "token", "mfa_secret"].contains(key)).unwrap();
        for sql in [
            "acct_export_start('people', 'csv', ",
            "acct_export_ndjson('people', ",
            "acct_export_csv('people', ",
        ] {
            let sql = format!("SELECT {sql} fields => '{{id,{path}}}')::text");
            refused(&mut client, &sql, "42501", &format!("\"{key}\""), "secret");
        }
    }
    let mut superuser = people.superuser();
    let declared = "SELECT acct_export_expand('people', 'more', '{city,deep.token}')";
    refused(&mut superuser, declared, "42501", "\"token\"", "secret");
    // One that is declared a secret later.
    superuser
        .batch_execute(
            "SELECT acct_export_expand('people', 'more', '{badge_no,city}');
             SELECT acct_export_secret_name('badge_no', 'a test')",
        )
        .unwrap();
    assert_eq!(csv(&mut client, "fields => '{id,more}'")[0], ["id", "city"]);
    let barred = "SELECT barred ->> 'more.badge_no' FROM acct_export_preview('people')";
    assert!(column(&mut client, barred)[0].contains("never exported"));
    superuser.batch_execute("SELECT acct_export_expand('people', 'more', '{badge_no}')").unwrap_err();
    superuser.batch_execute("UPDATE acct_export.field SET keys = '{badge_no}' WHERE field = 'more'").unwrap();
    refused(&mut client, "SELECT acct_export_csv('people')", "42501", "\"more\"", "acct_export_expand");
}

#[test]
fn masks_hold_in_each_cell() {
    let people = People::expanded(
        r#"(1, 'a', '{"name": "Anna", "phone": {"home": "123456"}, "city": "Lyon", "n": 12345}', NULL, NULL), (2, 'b', NULL, NULL, NULL)"#,
        "",
    );
    let mut client = people.reader();
    let anonymised = "fields => '{id,more}', anonymise => true";
    let rows = csv(&mut client, anonymised);
    assert_eq!(rows[0], ["id", "city", "n", "name", "phone"]);
    assert_eq!(rows[1], ["1", "Lyon", "12345", "[redacted]", "[redacted]"]);
    let named = csv(&mut client, "fields => '{id,more.name,more.phone.home}', anonymise => true");
    assert_eq!(named[1], ["1", "[redacted]", ""]);
    let mut superuser = people.superuser();
    superuser.batch_execute("SELECT acct_export_set_field('people', 'more', mask => 'last4')").unwrap();
    assert_eq!(
        csv(&mut client, "fields => '{id,more}'")[1],
        ["1", "****", "***45", "****", "{\"home\": \"***456\"}"]
    );
    superuser.batch_execute("SELECT acct_export_set_field('people', 'more', mask => 'redact')").unwrap();
    let rows = csv(&mut client, "fields => '{id,more}'");
    assert_eq!(rows, [["id", "More"], ["1", "[redacted]"], ["2", ""]]);
    let named = csv(&mut client, "fields => '{id,more.city}'");
    assert_eq!(named, [["id", "city"], ["1", "[redacted]"], ["2", ""]]);
    superuser
        .batch_execute(
            "SELECT acct_export_set_field('people', 'more', mask => 'none', on_anonymise => 'pseudonymise')",
        )
        .unwrap();
    let rows = csv(&mut client, anonymised);
    assert!(rows[1][1..4].iter().all(|cell| cell.len() == 32), "{rows:?}");
}

/// Keys are data: who writes them must not put a formula into a header, nor a line, nor hide another column.
#[test]
fn keys_of_any_kind() {
    let keys = [
        "",
        " ",
        "=cmd|' /C calc'!A0",
        "@SUM(A1)",
        "+1+1",
        "a\"b,c;d",
        "two\nlines\r",
        "More",
        "id",
        "ID",
        "email",
        "Łódź 😀",
        "a.b",
        "\u{1}",
        "true",
        "<b>&amp;_x0041_",
        "{\"x\": 1}",
        "\t=1",
    ];
    let document: serde_json::Map<String, Value> =
        keys.iter().map(|key| ((*key).to_owned(), json!(key))).collect();
    let people = People::expanded("(1, 'mail', NULL, NULL, NULL)", "");
    people.superuser().execute("UPDATE people SET more = $1", &[&Value::Object(document)]).unwrap();
    let mut client = people.reader();
    let rows = csv(&mut client, "fields => '{id,more,email}'");
    let mut sorted = keys;
    sorted.sort_unstable();
    let guarded = |text: &str| {
        if text == "\t=1" {
            "'\t'=1".to_owned()
        } else if text.starts_with(['=', '@', '+', '\t']) {
            format!("'{text}")
        } else {
            text.to_owned()
        }
    };
    let label = |key: &&str| match *key {
        "" | "ID" | "email" | "More" => format!("More.{key}"),
        // Another key has the label already.
        " " => "More. (2)".to_owned(),
        "id" => "More.id (2)".to_owned(),
        key => guarded(key),
    };
    assert_eq!(rows[0][1..rows[0].len() - 1], sorted.iter().map(label).collect::<Vec<_>>());
    assert_eq!(rows[1][1..rows[1].len() - 1], sorted.iter().map(|key| guarded(key)).collect::<Vec<_>>());
    assert_eq!((rows[0][0].as_str(), rows[0].last().unwrap().as_str()), ("id", "email"));
    // No formula, and no more columns than there are.
    let cells = sheet(&mut client, "fields => '{id,more,email}'");
    assert_eq!(cells[0].len(), keys.len() + 2);
    let place = sorted.iter().position(|key| key.starts_with("=cmd")).unwrap() + 1;
    assert_eq!(cells[0][place], Data::String("=cmd|' /C calc'!A0".into()));
    let names = columns(&mut client, "fields => '{id,more,email}'");
    assert_eq!(names.iter().collect::<std::collections::HashSet<_>>().len(), keys.len() + 2);
}

/// However many keys somebody makes up, the exports of all go on, of a size that is bounded, and nothing is lost.
#[test]
fn very_many_and_very_long_keys() {
    let people = People::expanded(
        r#"(1, 'a', (SELECT jsonb_object_agg('k' || to_char(n, 'FM000000'), n) FROM generate_series(1, 3000) n), NULL, NULL),
           (2, 'b', jsonb_build_object(repeat('x', 1000), 1, 'a', 2), NULL, NULL), (3, 'c', '[1, {"a": 1, "token": "S3CR3T"}]', NULL, NULL),
           (4, 'd', '"text"', NULL, NULL), (5, 'e', 'null', NULL, NULL)"#,
        "",
    );
    let mut client = people.reader();
    let rows = csv(&mut client, "fields => '{id,more}'");
    // Those first in order, and the rest as it is.
    assert_eq!((rows[0].len(), rows[0][1].as_str(), rows[0][1000].as_str()), (1002, "a", "k000999"));
    assert_eq!(rows[0][1001], "More");
    let rest: Value = serde_json::from_str(&rows[1][1001]).unwrap();
    assert_eq!(
        (rest.as_object().unwrap().len(), &rest["k001000"], &rest["k003000"]),
        (2001, &json!(1000), &json!(3000))
    );
    assert_eq!(rows[1][1000], "999");
    assert_eq!((rows[2][1].as_str(), rows[2][1001].len()), ("2", 1000 + 7));
    assert_eq!(rows[3][1001], "[1, {\"a\": 1}]");
    assert_eq!((rows[4][1001].as_str(), rows[5][1001].as_str()), ("\"text\"", ""));
    assert_eq!(sheet(&mut client, "fields => '{id,more}'")[0].len(), 1002);
    let paths: Vec<String> = (0..1001).map(|n| format!("more.k{n}")).collect();
    let sql = format!("SELECT acct_export_csv('people', fields => '{{{}}}')", paths.join(","));
    refused(&mut client, &sql, "54000", "1000 paths", "whole");
}

#[test]
fn what_does_not_fit_is_refused() {
    let people = People::new("(1, 'a', '{}', NULL, NULL)");
    let mut superuser = people.superuser();
    for (arguments, sqlstate, named) in [
        ("'people', 'email'", "22023", "type text"),
        ("'people', 'nope'", "22023", "unknown field"),
        ("'nope', 'more'", "22023", "unknown dataset"),
        ("'people', 'more', keys => '{a}', expand => false", "22023", "expand => false"),
        ("'people', 'more', keys => '{}'", "22023", "1 to 1000"),
        ("'people', 'more', keys => array_fill('x'::text, '{1001}')", "22023", "1 to 1000"),
        ("'people', 'more', keys => '{a..b}'", "22023", "empty"),
        ("'people', 'more', keys => '{a,b,a}'", "22023", "twice"),
        ("'people', 'more', labels => '{x}'", "22023", "labels"),
        ("'people', 'more', keys => '{a,b}', labels => '{x}'", "22023", "labels"),
        ("'people', 'more', keys => ARRAY[repeat('x', 201)]", "22023", "200 bytes"),
    ] {
        refused(&mut superuser, &format!("SELECT acct_export_expand({arguments})"), sqlstate, named, "");
    }
    for arguments in [
        "'people', NULL",
        "NULL, 'more'",
        "'people', 'more', keys => '{a,NULL}'",
        "'people', 'more', '{a}', '{\" \"}'",
    ] {
        let sql = format!("SELECT acct_export_expand({arguments})");
        assert_eq!(asking::refusal(&mut superuser, &sql).sqlstate, "22023", "{sql}");
    }
    let mut client = people.reader();
    refused(&mut client, "SELECT acct_export_expand('people', 'more')", "42501", "owner", "owner");
    for (fields, named) in [
        ("email.x", "unknown field"),
        ("more.", "empty"),
        ("more..a", "empty"),
        ("more,more.a", "twice"),
        ("more.a,more", "twice"),
        ("more.a,more.a", "twice"),
    ] {
        let sql = format!("SELECT acct_export_csv('people', fields => '{{{fields}}}')");
        refused(&mut client, &sql, "22023", named, "");
    }
    // One value within the other has no place in JSON.
    let clash = "fields => '{id,more.a,more.a.b}'";
    refused(&mut client, &format!("SELECT acct_export_ndjson('people', {clash})"), "22023", "same place", "");
    assert_eq!(csv(&mut client, clash)[0], ["id", "a", "a.b"]);
    // NULL is the default.
    superuser.batch_execute("SELECT acct_export_expand('people', 'more', expand => NULL)").unwrap();
}

#[test]
fn rights_are_those_of_the_field() {
    let people = People::expanded(r#"(1, 'a', '{"x": 1}', NULL, NULL)"#, "");
    let mut client = people.reader();
    let jobs = ["more", "more.x"]
        .map(|field| completed(&mut client, &format!("'people', 'csv', fields => '{{id,{field}}}'")));
    let role = &people.role;
    let revoke = format!("REVOKE SELECT ON people FROM {role}; GRANT SELECT (id, email) ON people TO {role}");
    people.superuser().batch_execute(&revoke).unwrap();
    for job in jobs {
        refused(&mut client, &format!("SELECT acct_export_file('{job}')"), "42501", "people", "more");
    }
    for field in ["more", "more.x"] {
        let sql = format!("SELECT acct_export_csv('people', fields => '{{id,{field}}}')");
        refused(&mut client, &sql, "42501", "people", "more");
    }
}

/// Keys are looked for in no more rows than leave without approval.
#[test]
fn before_approval_nothing_is_told_of_further_rows() {
    let people = People::expanded(
        r#"(1, 'a', '{"x": 1}', NULL, NULL), (2, 'b', '{"y": 1}', NULL, NULL), (3, 'c', '{"z": 1}', NULL, NULL)"#,
        "",
    );
    let approver = unique("approver");
    people
        .superuser()
        .batch_execute(&format!(
            "CREATE ROLE {approver} LOGIN; GRANT SELECT ON people TO {approver};
             SELECT acct_export_set_policy('people', approve_above => 2, approver_roles => '{{{approver}}}')"
        ))
        .unwrap();
    let mut client = people.reader();
    assert_eq!(columns(&mut client, "fields => '{id,more}'"), ["id", "more.x", "more.y"]);
    refused(&mut client, "SELECT acct_export_csv('people')", "42501", "approval", "acct_export_approve");
    let job = asking::start(&mut client, "'people', 'csv', fields => '{id,more}'");
    wait_for_status(&mut client, &job, "awaiting_approval");
    common::shared()
        .connect(&people.db, &approver)
        .batch_execute(&format!("SELECT acct_export_approve('{job}')"))
        .unwrap();
    assert_eq!(wait_for_job(&mut client, &job).get::<_, String>("status"), "completed");
    let bytes = asking::file(&mut client, &job);
    assert!(String::from_utf8(bytes).unwrap().starts_with("id,x,y,z\r\n1,1,,\r\n"));
    // Keys are data: they go when the file goes.
    let kept = "SELECT count(*)::text FROM acct_export.job j LEFT JOIN acct_export.file f ON f.job = j.id
         WHERE to_jsonb(j)::text || to_jsonb(f)::text LIKE '%more.x%'";
    assert_eq!(column(&mut people.superuser(), kept), ["1"]);
    assert_eq!(
        asking::text(&mut client, &format!("SELECT acct_export_delete('{job}')::text")).unwrap(),
        "true"
    );
    assert_eq!(column(&mut people.superuser(), kept), ["0"]);
}

/// A source that gives other keys at each reading fails its exports: none of them is lost without a word.
#[test]
fn keys_that_change_while_they_are_read() {
    let people = People::new("(1, 'a', '{}', NULL, NULL)");
    people
        .superuser()
        .batch_execute(&format!(
            "CREATE VIEW odd WITH (security_invoker = true) AS
                 SELECT id, jsonb_build_object('k' || random()::text, 1) AS more FROM people;
             GRANT SELECT ON odd TO {role};
             SELECT acct_export_register('odd', 'odd', 'id');
             SELECT acct_export_expand('odd', 'more')",
            role = people.role
        ))
        .unwrap();
    let mut client = people.reader();
    let job = asking::start(&mut client, "'odd', 'csv'");
    let row = wait_for_job(&mut client, &job);
    assert_eq!((row.get::<_, &str>("status"), row.get::<_, &str>("error_code")), ("failed", "38000"));
    assert!(row.get::<_, &str>("error").contains("different rows"));
    refused(&mut client, "SELECT acct_export_csv('odd')", "38000", "different rows", "acct_export_expand");
    // Declared keys are not affected.
    people.superuser().batch_execute("SELECT acct_export_expand('odd', 'more', '{a}')").unwrap();
    assert_eq!(column(&mut client, "SELECT acct_export_csv('odd')"), ["id,a", "1,"]);
}

#[test]
fn refusals_are_the_same_every_way() {
    let app = common::TwoTenants::with_users(common::shared(), 3);
    let mut client = app.session(&app.login, 0);
    refused_every_way(&mut client, "fields => '{custom.api_key}'", "42501", "\"api_key\"", "secret");
    refused_every_way(&mut client, "fields => '{name.first}'", "22023", "unknown field", "Fields of dataset");
    let bytes = exported(&mut client, "'users', 'xlsx', fields => '{id,custom.department}'");
    assert_eq!(Workbook::open(bytes).column("department")[0], Data::String("D1".into()));
}
