//! acct_export_diff: what changed between two exports of a dataset, whatever their formats.

use postgres::Client;
use serde_json::{json, Value};
use support::asking::{column, completed};
use support::common::{shared, unique};
use support::kinds::Kinds;

/// A difference: key, change, before, after.
type Difference = (Option<String>, String, Option<Value>, Option<Value>);

#[track_caller]
fn diff(client: &mut Client, a: &str, b: &str) -> Vec<Difference> {
    let sql = "SELECT key, change, before, after FROM acct_export_diff($1::text::uuid, $2::text::uuid)";
    let rows = client.query(sql, &[&a, &b]).unwrap_or_else(|e| panic!("{a} {b}: {e:?}"));
    rows.iter().map(|row| (row.get(0), row.get(1), row.get(2), row.get(3))).collect()
}

/// The same without the whole rows of those added and removed.
#[track_caller]
fn in_short(client: &mut Client, a: &str, b: &str) -> Vec<(String, String, Value)> {
    let short = |(key, change, before, after): Difference| {
        let values = match change.as_str() {
            "changed" => json!([before, after]),
            _ => json!([before.is_some(), after.is_some()]),
        };
        (key.unwrap(), change, values)
    };
    diff(client, a, b).into_iter().map(short).collect()
}

/// Formats and options of which each is compared with each.
const WAYS: &[(&str, &str)] = &[
    ("csv", "{}"),
    (
        "csv",
        r#"{"delimiter": ";", "bom": true, "header": false, "null_as": "NULL", "line_ending": "lf",
            "formula_guard": false, "multi_value_separator": "|", "compression": "gzip"}"#,
    ),
    ("ndjson", "{}"),
    ("ndjson", r#"{"compression": "gzip", "order": "none"}"#),
    ("json", "{}"),
    ("xlsx", "{}"),
    ("xlsx", r#"{"compact": true, "info_sheet": false}"#),
];

/// An export of a dataset in each way.
#[track_caller]
fn every_way(client: &mut Client, dataset: &str) -> Vec<String> {
    let job = |(format, options): &(&str, &str)| {
        completed(client, &format!("'{dataset}', '{format}', options => '{options}'"))
    };
    WAYS.iter().map(job).collect()
}

fn has_workbook(a: usize, b: usize) -> bool {
    [a, b].iter().any(|way| WAYS[*way].0 == "xlsx")
}

#[test]
fn every_pair_of_formats() {
    let kinds = Kinds::create();
    let mut client = kinds.requester();
    let before = every_way(&mut client, "kinds");
    kinds
        .superuser()
        .batch_execute(
            "UPDATE kinds SET code = '=1+1, \"x\"', exact = exact + 1 WHERE id = 1;
             UPDATE kinds SET note = '' WHERE id = 2;
             UPDATE kinds SET tags = '{one,two}' WHERE id = 6;
             DELETE FROM kinds WHERE id = 4;
             INSERT INTO kinds (id, code) VALUES (8, E'two\\nlines')",
        )
        .unwrap();
    let after = every_way(&mut client, "kinds");
    for (a, one) in before.iter().enumerate() {
        for (b, other) in after.iter().enumerate() {
            let pair = format!("{:?} and {:?}", WAYS[a], WAYS[b]);
            // The unchanged ones hold what each format shows in its own way.
            assert_eq!(diff(&mut client, one, &before[b]), [], "{pair}");
            assert_eq!(diff(&mut client, &after[a], other), [], "{pair}");
            let mut wanted = vec![
                (
                    "1",
                    "changed",
                    json!([{"code": "00042", "exact": "0.10"}, {"code": "=1+1, \"x\"", "exact": "1.10"}]),
                ),
                ("2", "changed", json!([{"note": null}, {"note": ""}])),
                ("4", "removed", json!([true, false])),
                ("6", "changed", json!([{"tags": "one"}, {"tags": "one, two"}])),
                ("8", "added", json!([false, true])),
            ];
            if has_workbook(a, b) {
                // It has no empty text, and drops the zeros at the end of a fraction.
                wanted[0].2 =
                    json!([{"code": "00042", "exact": "0.1"}, {"code": "=1+1, \"x\"", "exact": "1.1"}]);
                wanted.remove(1);
            }
            let mut found = in_short(&mut client, one, other);
            found.sort_by(|a, b| a.0.cmp(&b.0));
            let owned =
                |(key, change, values): (&str, &str, Value)| (key.to_owned(), change.to_owned(), values);
            let wanted: Vec<_> = wanted.into_iter().map(owned).collect();
            assert_eq!(found, wanted, "{pair}");
        }
    }
}

/// A whole row as texts, in the forms of a csv.
#[test]
fn rows_that_came_and_went_are_told_whole() {
    let mut client = requester(
        "id int PRIMARY KEY, a text, n numeric, at timestamptz, flag boolean",
        "(1, 'x', 1.50, NULL, true)",
    );
    let old = completed(&mut client, "'t', 'csv'");
    write(
        &mut client,
        "INSERT INTO t VALUES (2, 'ü \"q\"', NULL, '2026-01-15 10:00Z', false); DELETE FROM t WHERE id = 1",
    );
    let new = completed(&mut client, "'t', 'ndjson'");
    let one = json!({"id": "1", "a": "x", "n": "1.50", "at": null, "flag": "true"});
    let two = json!({"id": "2", "a": "ü \"q\"", "n": null, "at": "2026-01-15T10:00:00Z", "flag": "false"});
    let change = |key: &str, change: &str, before: Option<&Value>, after: Option<&Value>| {
        (Some(key.to_owned()), change.to_owned(), before.cloned(), after.cloned())
    };
    let wanted = [change("1", "removed", Some(&one), None), change("2", "added", None, Some(&two))];
    assert_eq!(diff(&mut client, &old, &new), wanted);
    let wanted = [change("1", "added", None, Some(&one)), change("2", "removed", Some(&two), None)];
    let mut found = diff(&mut client, &new, &old);
    found.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(found, wanted);
}

/// A requester of dataset `t`, which holds these rows.
fn requester(columns: &str, rows: &str) -> Client {
    let db = shared().create_database_with_extension("diff");
    let role = unique("reader");
    shared()
        .connect(&db, "postgres")
        .batch_execute(&format!(
            "CREATE TABLE t ({columns}); INSERT INTO t VALUES {rows}; CREATE ROLE {role} LOGIN; GRANT ALL ON t TO {role};
             SELECT acct_export_register('t', 't', 'id')"
        ))
        .unwrap();
    shared().connect(&db, &role)
}

#[track_caller]
fn write(client: &mut Client, sql: &str) {
    client.batch_execute(sql).unwrap_or_else(|e| panic!("{sql}: {e:?}"));
}

#[test]
fn keys_of_many_types() {
    for (key, stays, goes, comes) in [
        ("bigint", "9007199254740993", "-1", "10"),
        ("text", "'ß, \"x\"\n'", "'b'", "'A'"),
        ("text COLLATE \"C\"", "'a b'", "'=b'", "''"),
        (
            "uuid",
            "'a0000000-0000-4000-8000-00000000000a'",
            "'00000000-0000-0000-0000-000000000000'",
            "'ffffffff-ffff-4fff-8fff-ffffffffffff'",
        ),
        ("numeric", "12345678901234567890.5", "0.5", "1e30"),
        ("date", "'2026-01-15'", "'1066-10-14'", "'infinity'"),
        ("timestamptz", "'2026-01-15 10:00:00.123456Z'", "'1066-10-14'", "'infinity'"),
    ] {
        let mut client =
            requester(&format!("id {key} PRIMARY KEY, v int"), &format!("({stays}, 1), ({goes}, 2)"));
        let old = every_way(&mut client, "t");
        write(&mut client, &format!("UPDATE t SET v = 3 WHERE id = {stays}; DELETE FROM t WHERE id = {goes}; INSERT INTO t VALUES ({comes}, 4)"));
        let new = every_way(&mut client, "t");
        for (a, old) in old.iter().enumerate() {
            for (b, new) in new.iter().enumerate() {
                // A workbook has no empty text: such a key is none in it.
                let found = diff(&mut client, old, new);
                let mut changes: Vec<&str> = found.iter().map(|(_, change, ..)| change.as_str()).collect();
                changes.sort_unstable();
                assert_eq!(changes, ["added", "changed", "removed"], "{key}: {:?} {:?}", WAYS[a], WAYS[b]);
                let changed = found.iter().find(|(_, change, ..)| change == "changed").unwrap();
                assert_eq!(
                    (&changed.2, &changed.3),
                    (&Some(json!({"v": "1"})), &Some(json!({"v": "3"}))),
                    "{key}"
                );
            }
        }
    }
}

#[test]
fn numbers_of_a_thousand_digits() {
    let digits = "123456789".repeat(112);
    let mut client = requester("id int PRIMARY KEY, n numeric", &format!("(1, {digits}.5), (2, {digits})"));
    let old = every_way(&mut client, "t");
    write(&mut client, "UPDATE t SET n = n + 1 WHERE id = 2");
    let new = every_way(&mut client, "t");
    let last = digits.strip_suffix('9').unwrap();
    let (before, after) = (digits.clone(), format!("{}90", last.strip_suffix('8').unwrap()));
    for (old, new) in old.iter().zip(new.iter().rev()) {
        let wanted = ("2".to_owned(), "changed".to_owned(), json!([{"n": before}, {"n": after}]));
        assert_eq!(in_short(&mut client, old, new), [wanted]);
    }
}

/// Two files of the same rows, and a file with itself.
#[test]
fn no_difference_gives_no_row() {
    let mut client = requester("id int PRIMARY KEY, a text", "(1, 'x'), (2, NULL)");
    for (format, options) in WAYS {
        let [one, other] =
            [(); 2].map(|()| completed(&mut client, &format!("'t', '{format}', options => '{options}'")));
        assert_eq!(diff(&mut client, &one, &other), []);
        assert_eq!(diff(&mut client, &one, &one), []);
    }
    write(&mut client, "DELETE FROM t");
    let empty = every_way(&mut client, "t");
    assert_eq!(diff(&mut client, &empty[0], &empty[5]), []);
    assert_eq!(diff(&mut client, &empty[6], &empty[4]), []);
}

/// Nested places, and fields whose place has changed since: a file is read as it was written.
#[test]
fn json_paths() {
    let mut client = requester("id int PRIMARY KEY, a text, b jsonb", r#"(1, 'x', '{"k": [1, 2.50]}')"#);
    let db = column(&mut client, "SELECT current_database()::text").remove(0);
    let mut superuser = shared().connect(&db, "postgres");
    write(&mut superuser, "SELECT acct_export_set_field('t', 'a', json_path => 'user.name.first'), acct_export_set_field('t', 'b', json_path => 'user.attributes')");
    let old = ["ndjson", "json"].map(|format| completed(&mut client, &format!("'t', '{format}'")));
    write(&mut superuser, "SELECT acct_export_set_field('t', 'a', json_path => ''), acct_export_set_field('t', 'b', json_path => 'id_of.b')");
    write(&mut client, r#"UPDATE t SET b = '{"k": [1, 2.5]}'"#);
    for format in ["csv", "ndjson", "json", "xlsx"] {
        let new = completed(&mut client, &format!("'t', '{format}'"));
        for old in &old {
            let wanted = json!([{"b": "{\"k\": [1, 2.50]}"}, {"b": "{\"k\": [1, 2.5]}"}]);
            assert_eq!(
                in_short(&mut client, old, &new),
                [("1".to_owned(), "changed".to_owned(), wanted)],
                "{format}"
            );
        }
    }
}

/// `json` keeps a NUL as an escape; `jsonb` has none, and its error would quote what stands before it.
#[test]
fn a_nul_in_a_list_of_json_is_compared_too() {
    let mut client =
        requester("id int PRIMARY KEY, items json[], n int", r#"(1, ARRAY['"a\u0000b"'::json], 1)"#);
    let before = completed(&mut client, "'t', 'ndjson'");
    write(&mut client, "UPDATE t SET n = 2");
    let after = completed(&mut client, "'t', 'ndjson'");
    let wanted = ("1".to_owned(), "changed".to_owned(), json!([{ "n": "1" }, { "n": "2" }]));
    assert_eq!(in_short(&mut client, &before, &after), [wanted]);
}
