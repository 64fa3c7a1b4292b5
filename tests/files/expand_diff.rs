//! acct_export_diff where keys of JSON objects are columns.

use postgres::Client;
use serde_json::{json, Value};
use support::asking::{completed, refused};
use support::people::People;

#[track_caller]
fn diff(client: &mut Client, a: &str, b: &str) -> Vec<(String, String, Option<Value>, Option<Value>)> {
    let sql = "SELECT key, change, before, after FROM acct_export_diff($1::text::uuid, $2::text::uuid)";
    let rows = client.query(sql, &[&a, &b]).unwrap_or_else(|e| panic!("{a} {b}: {e:?}"));
    rows.iter().map(|row| (row.get(0), row.get(1), row.get(2), row.get(3))).collect()
}

/// Columns are compared by name; one that a file does not have is NULL in its rows.
#[test]
fn files_of_other_keys_are_compared() {
    let people = People::expanded(
        r#"(1, 'a', '{"b": 1.50, "l": ["x", "y|z"], "s": "007", "f": "=1", "o": {"n": [1]}}', NULL, NULL), (2, 'b', '{"c": true}', NULL, NULL),
           (3, 'c', '{"b": "1.50", "t": " two\n", "long": "12345678901234567890"}', NULL, NULL)"#,
        "",
    );
    let mut client = people.reader();
    let ways = [
        ("csv", "{}"),
        ("csv", r#"{"multi_value_separator": "|", "null_as": "-", "formula_guard": false}"#),
        ("xlsx", "{}"),
        ("xlsx", r#"{"compact": true}"#),
    ];
    let jobs = |client: &mut Client, fields: &str| {
        ways.map(|(format, options)| {
            completed(
                client,
                &format!("'people', '{format}', fields => '{{{fields}}}', options => '{options}'"),
            )
        })
    };
    let before = jobs(&mut client, "more,id");
    people
        .superuser()
        .batch_execute(
            r#"UPDATE people SET more = more || '{"a": "new", "b": 2}' WHERE id = 1;
               UPDATE people SET more = '{}' WHERE id = 2"#,
        )
        .unwrap();
    let after = jobs(&mut client, "more,id");
    for (a, one) in before.iter().enumerate() {
        for (b, other) in after.iter().enumerate() {
            let way = format!("{:?} {:?}", ways[a], ways[b]);
            assert_eq!(diff(&mut client, one, &before[b]), [], "{way}");
            let old = if ways[a].0 == "xlsx" || ways[b].0 == "xlsx" { "1.5" } else { "1.50" };
            assert_eq!(
                diff(&mut client, one, other),
                [
                    (
                        "1".into(),
                        "changed".into(),
                        Some(json!({ "more.a": null, "more.b": old })),
                        Some(json!({ "more.a": "new", "more.b": "2" }))
                    ),
                    (
                        "2".into(),
                        "changed".into(),
                        Some(json!({ "more.c": "true" })),
                        Some(json!({ "more.c": null }))
                    ),
                ],
                "{way}"
            );
        }
    }
    // As columns and as one document.
    let whole = completed(&mut client, "'people', 'ndjson', fields => '{more,id}'");
    let sql = format!("SELECT * FROM acct_export_diff('{}', '{whole}')", before[0]);
    refused(&mut client, &sql, "22023", "\"more\"", "both as csv or xlsx");
    // Parts that were named are fields of their own, in JSON as well.
    let mut named = jobs(&mut client, "id,more.l,more.b,more.o").to_vec();
    named.push(completed(&mut client, "'people', 'ndjson', fields => '{id,more.l,more.b,more.o}'"));
    for (one, other) in named.iter().flat_map(|one| named.iter().map(move |other| (one, other))) {
        assert_eq!(diff(&mut client, one, other), [], "{one} {other}");
    }
    let others = completed(&mut client, "'people', 'csv', fields => '{id,more.l}'");
    let sql = format!("SELECT * FROM acct_export_diff('{}', '{others}')", named[0]);
    refused(&mut client, &sql, "22023", "different fields", "same fields");
}
