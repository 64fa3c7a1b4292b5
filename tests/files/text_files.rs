//! Text files hold what SQL says: every type, every awkward value, in csv, ndjson and json, of jobs and of streams; labels,
//! order of fields and rows, places in JSON. Options are in files_options.rs.

use support::asking;

use postgres::Client;
use serde_json::{json, Value};
use support::asking::{column, exported, objects, text};
use support::kinds::{Kinds, TEXTS};

/// Records of a csv, its first line included.
fn records(bytes: &[u8]) -> Vec<Vec<String>> {
    csv::ReaderBuilder::new()
        .has_headers(false)
        .from_reader(bytes)
        .records()
        .map(|record| record.unwrap().iter().map(str::to_owned).collect())
        .collect()
}

/// The lines of a stream, joined as `psql -At` would write them.
fn streamed(client: &mut Client, call: &str) -> Vec<u8> {
    column(client, &format!("SELECT {call}")).join("\n").into_bytes()
}

fn field_list() -> String {
    let names: Vec<&str> = TEXTS.iter().map(|(field, _)| *field).collect();
    format!("'{{{}}}'", names.join(","))
}

#[test]
fn csv_has_every_value_as_sql_writes_it() {
    let kinds = Kinds::create();
    let mut client = kinds.requester();
    let fields = field_list();
    let unguarded = r#"options => '{"formula_guard":false}'"#;
    let job = exported(&mut client, &format!("'kinds', 'csv', fields => {fields}, {unguarded}"));
    let call = format!(
        r#"acct_export_csv('kinds', fields => {fields}, options => '{{"formula_guard":false,"order":"key"}}')"#
    );
    for (way, bytes) in [("job", job), ("stream", streamed(&mut client, &call))] {
        let found = records(&bytes);
        let wanted = kinds.texts();
        assert_eq!(found.len(), wanted.len() + 1, "{way}");
        for (row, wanted) in found[1..].iter().zip(&wanted) {
            for (index, (field, _)) in TEXTS.iter().enumerate() {
                assert_eq!(
                    row[index],
                    wanted[index].clone().unwrap_or_default(),
                    "{way}: {field} of row {}",
                    row[0]
                );
            }
        }
    }
}

#[test]
fn json_has_every_value_as_sql_writes_it() {
    let kinds = Kinds::create();
    let mut client = kinds.requester();
    let mut wanted = kinds.objects();
    // Keys of JSON that name a secret are gone wherever they stand; nothing else changes.
    wanted[5]["doc"] = json!([1, "two", {}]);
    assert!(!wanted.iter().any(|row| row.to_string().contains("S3CR3T")));
    let ndjson = exported(&mut client, "'kinds', 'ndjson'");
    assert!(ndjson.ends_with(b"}\n"));
    let array = exported(&mut client, "'kinds', 'json'");
    let lines = streamed(&mut client, r#"acct_export_ndjson('kinds', options => '{"order":"key"}')"#);
    for (way, found) in [
        ("ndjson", objects(&ndjson)),
        ("json", serde_json::from_slice::<Vec<Value>>(&array).unwrap()),
        ("stream", objects(&lines)),
    ] {
        assert_eq!(found.len(), wanted.len(), "{way}");
        for (row, wanted) in found.iter().zip(&wanted) {
            let (row, wanted) = (row.as_object().unwrap(), wanted.as_object().unwrap());
            for (field, value) in wanted {
                assert_eq!(row.get(field), Some(value), "{way}: {field} of row {}", row["id"]);
            }
            assert_eq!(row.len(), wanted.len(), "{way}");
        }
    }
}

#[test]
fn nothing_is_exported_of_an_empty_selection_but_the_header() {
    let kinds = Kinds::create();
    let mut client = kinds.requester();
    let none = r#"fields => '{id,note}', filter => '{"id":{"in":[]}}'"#;
    assert_eq!(
        exported(&mut client, &format!("'kinds', 'csv', {none}")),
        b"id,\"Free \"\"text\"\", of any kind\"\r\n"
    );
    assert_eq!(exported(&mut client, &format!("'kinds', 'ndjson', {none}")), b"");
    let array = exported(&mut client, &format!("'kinds', 'json', {none}"));
    assert_eq!(serde_json::from_slice::<Value>(&array).unwrap(), json!([]));
    assert_eq!(column(&mut client, &format!("SELECT acct_export_csv('kinds', {none})")).len(), 1);
    assert_eq!(column(&mut client, &format!("SELECT acct_export_ndjson('kinds', {none})")).len(), 0);
}

#[test]
fn labels_and_order_of_fields() {
    let kinds = Kinds::create();
    let mut client = kinds.requester();
    let header = |client: &mut Client, arguments: &str| records(&exported(client, arguments)).remove(0);
    // By default all that may be exported, in the order of the columns; the label is the comment, or else the name.
    let all = header(&mut client, "'kinds', 'csv'");
    assert_eq!(all.len(), TEXTS.len() + 1);
    assert_eq!(
        (all[0].as_str(), all[12].as_str(), all[15].as_str()),
        ("id", "Free \"text\", of any kind", "doc")
    );
    assert_eq!(header(&mut client, "'kinds', 'csv', fields => '{flag,id,big}'"), ["flag", "id", "big"]);
    kinds
        .superuser()
        .batch_execute(
            r#"SELECT acct_export_set_field('kinds', 'big', label => 'Größe, "netto"', "position" => 1);
            SELECT acct_export_set_field('kinds', 'note', label => '=Note');
            SELECT acct_export_set_field('kinds', 'doc', is_default => false);
            SELECT acct_export_set_field('kinds', 'id', "position" => 3)"#,
        )
        .unwrap();
    let all = header(&mut client, "'kinds', 'csv'");
    assert_eq!(all[..4], ["Größe, \"netto\"", "small", "id", "whole"]);
    assert!(!all.contains(&"doc".to_owned()) && all.len() == TEXTS.len());
    // A header is text as any other: guarded as the cells are.
    assert!(all.contains(&"'=Note".to_owned()), "{all:?}");
    assert_eq!(header(&mut client, "'kinds', 'csv', fields => '{doc,id}'"), ["doc", "id"]);
    // Keys of JSON are the names, in the same order.
    let first = objects(&exported(&mut client, "'kinds', 'ndjson', fields => '{note,big,id}'")).remove(0);
    assert_eq!(first.as_object().unwrap().keys().collect::<Vec<_>>(), ["note", "big", "id"]);
}

#[test]
fn rows_in_the_order_of_the_key_give_the_same_file() {
    let kinds = Kinds::create();
    let mut client = kinds.requester();
    let mut superuser = kinds.superuser();
    let before =
        ["csv", "ndjson", "json"].map(|format| exported(&mut client, &format!("'kinds', '{format}'")));
    // Rows that were written again lie elsewhere in the table.
    superuser.batch_execute("UPDATE kinds SET whole = whole WHERE id < 4").unwrap();
    let order = text(&mut superuser, "SELECT string_agg(id::text, ',') FROM kinds").unwrap();
    assert_eq!(order, "4,5,6,7,1,2,3");
    let after =
        ["csv", "ndjson", "json"].map(|format| exported(&mut client, &format!("'kinds', '{format}'")));
    assert_eq!(before, after);
    // As the source gives them: what a stream does unless it is told otherwise.
    let ids = |rows: Vec<Value>| rows.iter().map(|row| row["id"].to_string()).collect::<Vec<_>>().join(",");
    let unordered = r#"options => '{"order":"none"}'"#;
    assert_eq!(ids(objects(&exported(&mut client, &format!("'kinds', 'ndjson', {unordered}")))), order);
    assert_eq!(ids(objects(&streamed(&mut client, "acct_export_ndjson('kinds')"))), order);
    let ordered = r#"acct_export_ndjson('kinds', options => '{"order":"key"}')"#;
    assert_eq!(ids(objects(&streamed(&mut client, ordered))), "1,2,3,4,5,6,7");
}

#[test]
fn json_paths() {
    let kinds = Kinds::create();
    let mut client = kinds.requester();
    kinds
        .superuser()
        .batch_execute(
            "SELECT acct_export_set_field('kinds', 'note', json_path => 'user.notes.first');
             SELECT acct_export_set_field('kinds', 'code', json_path => 'user.identifiers.code \"x\"');
             SELECT acct_export_set_field('kinds', 'tags', json_path => 'user.notes.tags')",
        )
        .unwrap();
    let wanted = json!({
        "user": { "notes": { "first": "plain", "tags": ["x", "y"] }, "identifiers": { "code \"x\"": "00042" } }, "id": 1
    });
    let arguments = r#"fields => '{note,code,tags,id}', filter => '{"id":1}'"#;
    let wanted = [wanted];
    assert_eq!(objects(&exported(&mut client, &format!("'kinds', 'ndjson', {arguments}"))), wanted);
    let array = exported(&mut client, &format!("'kinds', 'json', {arguments}"));
    assert_eq!(serde_json::from_slice::<Vec<Value>>(&array).unwrap(), wanted);
    assert_eq!(objects(&streamed(&mut client, &format!("acct_export_ndjson('kinds', {arguments})"))), wanted);
    // csv goes by labels.
    let found = records(&exported(&mut client, &format!("'kinds', 'csv', {arguments}")));
    assert_eq!(found[0], ["Free \"text\", of any kind", "code", "tags", "id"]);
    // Two fields in one place are refused before there is a job.
    kinds
        .superuser()
        .batch_execute("SELECT acct_export_set_field('kinds', 'big', json_path => 'user.notes')")
        .unwrap();
    for sql in [
        "SELECT acct_export_start('kinds', 'json', fields => '{note,big}')::text",
        "SELECT acct_export_ndjson('kinds', fields => '{big,note}')",
    ] {
        asking::refused(&mut client, sql, "22023", "note", "json_path");
    }
}
