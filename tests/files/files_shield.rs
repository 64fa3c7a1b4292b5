//! Changes of values before they are encoded, the same in every format and stream: secrets inside JSON, hstore and texts,
//! anonymised documents and lists, masks.

use postgres::Client;
use serde_json::{json, Value};
use support::asking::{column, exported, objects, refused, refused_every_way, text, values_every_way};
use support::common::{shared, unique, TwoTenants, SECRET};

/// A requester of dataset `docs`, and a superuser's session. Row 1 has secrets wherever one can stand, row 2 is NULL.
fn docs() -> (Client, Client) {
    let db = shared().create_database_with_extension("docs");
    let role = unique("reader");
    let mut superuser = shared().connect(&db, "postgres");
    superuser
        .batch_execute(&format!(
            r#"CREATE SCHEMA ext; CREATE EXTENSION hstore SCHEMA ext; CREATE DOMAIN bag AS ext.hstore; CREATE DOMAIN markup AS xml;
             CREATE TABLE docs (id int PRIMARY KEY, doc jsonb, raw json, note text, tags ext.hstore, own bag, bags ext.hstore[],
                list jsonb[], texts text[], codes varchar(20)[], numbers int[], day date, page xml, pages xml[], part markup);
             INSERT INTO docs VALUES (1,
                '{{"kept": 1.50, "email": "a@b.c", "password": "{SECRET}", "person": {{"name": "Anna", "id": 7, "phone": null}},
                   "mfa_secret_set": true, "token_count": 3, "deep": [{{"apiToken": "{SECRET}", "kept": "{{\"pin\":\"{SECRET}\",\"x\":1}}"}}]}}',
                '{{"kept": 1, "pass\u0077ord": "{SECRET}", "surname": ["A"]}}',
                '{{"kept": 1, "token": "{SECRET}", "mobile": "0170"}}',
                'kept=>1, password=>{SECRET}, email=>a@b.c, "q""=>NULL',
                'kept=>x, pin=>{SECRET}',
                ARRAY['kept=>x, pin=>{SECRET}'::ext.hstore, NULL],
                ARRAY['{{"kept": 1, "token": "{SECRET}", "name": "Anna"}}'::jsonb, NULL, '[2]'],
                ARRAY['{{"kept":1,"pin":"{SECRET}","email":"x"}}', NULL, '[draft] kept'],
                '{{abcdef,NULL,xyz}}', '{{123456,NULL}}', '2025-01-31', '<a/>', ARRAY['<a/>'::xml], '<a/>');
             INSERT INTO docs (id) VALUES (2);
             CREATE ROLE {role} LOGIN; GRANT USAGE ON SCHEMA ext TO {role}; GRANT SELECT ON docs TO {role};
             SELECT acct_export_register('docs', 'docs', 'id')"#
        )
        .replace("\"q\"\"=>NULL", r#""q\""=>NULL"#))
        .unwrap();
    (shared().connect(&db, &role), superuser)
}

const ORDERED: &str = r#", options => '{"order":"key"}'"#;
const ANONYMISED: &str = r#", anonymise => true, options => '{"order":"key"}'"#;

/// The first row's value of a field, which has to be the same document however it was exported.
#[track_caller]
fn documents(client: &mut Client, field: &str, arguments: &str) -> Value {
    let ways = values_every_way(client, "docs", field, arguments);
    let parsed: Vec<(String, Value)> = ways
        .iter()
        .map(|(way, values)| {
            assert!(values.len() == 2 && ["", "null"].contains(&values[1].as_str()), "{way}: {values:?}");
            (way.clone(), serde_json::from_str(&values[0]).unwrap_or_else(|_| values[0].clone().into()))
        })
        .collect();
    for (way, value) in &parsed {
        assert_eq!(*value, parsed[0].1, "{way} {field}");
    }
    parsed[0].1.clone()
}

/// The first row's list in the formats that have lists, and joined in the others.
#[track_caller]
fn lists(client: &mut Client, field: &str, arguments: &str, list: Value, joined: &str) {
    for (way, values) in values_every_way(client, "docs", field, arguments) {
        if way.contains("json") {
            assert_eq!(serde_json::from_str::<Value>(&values[0]).unwrap(), list, "{way} {field}");
        } else {
            assert_eq!(values[0], joined, "{way} {field}");
        }
    }
}

#[test]
fn secret_keys_are_nowhere() {
    let (mut client, _) = docs();
    let person = json!({ "name": "Anna", "id": 7, "phone": null });
    assert_eq!(
        documents(&mut client, "doc", ORDERED),
        json!({ "kept": serde_json::from_str::<Value>("1.50").unwrap(), "email": "a@b.c", "person": person, "mfa_secret_set": true,
            "token_count": 3, "deep": [{ "kept": r#"{"x":1}"# }] })
    );
    for (field, wanted) in [
        ("raw", json!({ "kept": 1, "surname": ["A"] })),
        ("note", json!({ "kept": 1, "mobile": "0170" })),
        ("tags", json!({ "kept": "1", "email": "a@b.c", "q\"": null })),
        ("own", json!({ "kept": "x" })),
    ] {
        assert_eq!(documents(&mut client, field, ORDERED), wanted, "{field}");
    }
    lists(&mut client, "bags", ORDERED, json!([{ "kept": "x" }, null]), r#"{"kept":"x"}, "#);
    let list = json!([{ "kept": 1, "name": "Anna" }, null, [2]]);
    lists(&mut client, "list", ORDERED, list, r#""{""kept"": 1, ""name"": ""Anna""}", , [2]"#);
    let texts = json!([r#"{"kept":1,"email":"x"}"#, null, "[draft] kept"]);
    lists(&mut client, "texts", ORDERED, texts, r#""{""kept"":1,""email"":""x""}", , [draft] kept"#);
    for format in ["csv", "ndjson", "json"] {
        let bytes = String::from_utf8(exported(&mut client, &format!("'docs', '{format}'"))).unwrap();
        assert!(bytes.contains("kept") && !bytes.contains(SECRET), "{format}: {bytes}");
    }
}

#[test]
fn documents_and_lists_are_anonymised() {
    let (mut client, mut superuser) = docs();
    let hidden = "[redacted]";
    assert_eq!(
        documents(&mut client, "doc", ANONYMISED),
        json!({ "kept": serde_json::from_str::<Value>("1.50").unwrap(), "email": hidden,
            "person": { "name": hidden, "id": 7, "phone": null }, "mfa_secret_set": true, "token_count": 3,
            "deep": [{ "kept": r#"{"x":1}"# }] })
    );
    for (field, wanted) in [
        ("raw", json!({ "kept": 1, "surname": hidden })),
        ("note", json!({ "kept": 1, "mobile": hidden })),
        ("tags", json!({ "kept": "1", "email": hidden, "q\"": null })),
    ] {
        assert_eq!(documents(&mut client, field, ANONYMISED), wanted, "{field}");
    }
    let list = json!([{ "kept": 1, "name": hidden }, null, [2]]);
    lists(&mut client, "list", ANONYMISED, list, r#""{""kept"": 1, ""name"": ""[redacted]""}", , [2]"#);
    superuser
        .batch_execute(
            "SELECT acct_export_set_field('docs', field, on_anonymise => treatment) FROM (VALUES ('doc', 'redact'),
                ('raw', 'last4'), ('tags', 'pseudonymise'), ('note', 'last4'), ('list', 'redact'), ('texts', 'redact'),
                ('codes', 'last4'), ('numbers', 'pseudonymise'), ('day', 'last4')) AS f(field, treatment)",
        )
        .unwrap();
    assert_eq!(documents(&mut client, "doc", ANONYMISED), json!(hidden));
    assert_eq!(documents(&mut client, "raw", ANONYMISED), json!({ "kept": "*", "surname": ["*"] }));
    assert_eq!(documents(&mut client, "day", ANONYMISED), json!("******1-31"));
    let tags = documents(&mut client, "tags", ANONYMISED);
    assert!(tags["q\""].is_null() && tags.get("password").is_none(), "{tags}");
    assert!(tags["kept"].as_str().unwrap().len() == 32 && tags["email"] != "a@b.c", "{tags}");
    let note = documents(&mut client, "note", ANONYMISED);
    assert!(note.as_str().unwrap().ends_with("70\"}") && note.as_str().unwrap().starts_with("***"), "{note}");
    for field in ["list", "texts"] {
        lists(&mut client, field, ANONYMISED, json!([hidden, null, hidden]), "[redacted], , [redacted]");
    }
    lists(&mut client, "codes", ANONYMISED, json!(["***def", null, "***"]), "***def, , ***");
    let row = objects(&exported(&mut client, &format!("'docs', 'ndjson'{ANONYMISED}"))).remove(0);
    assert!(row["numbers"][0].as_str().unwrap().len() == 32 && row["numbers"][1].is_null(), "{row}");
}

#[test]
fn masks_reach_into_lists_and_documents_and_the_stricter_one_holds() {
    let (mut client, mut superuser) = docs();
    superuser
        .batch_execute(
            "SELECT acct_export_set_field('docs', 'codes', mask => 'last4', on_anonymise => 'pseudonymise');
             SELECT acct_export_set_field('docs', 'numbers', mask => 'redact', on_anonymise => 'last4');
             SELECT acct_export_set_field('docs', 'raw', mask => 'last4');
             SELECT acct_export_set_field('docs', 'texts', mask => 'last4', on_anonymise => 'drop')",
        )
        .unwrap();
    lists(&mut client, "codes", ORDERED, json!(["***def", null, "***"]), "***def, , ***");
    for asked in [ORDERED, ANONYMISED] {
        lists(&mut client, "numbers", asked, json!(["[redacted]", null]), "[redacted], ");
    }
    assert_eq!(documents(&mut client, "raw", ORDERED), json!({ "kept": "*", "surname": ["*"] }));
    assert_eq!(documents(&mut client, "raw", ANONYMISED), json!({ "kept": "*", "surname": "[redacted]" }));
    let row = objects(&exported(&mut client, &format!("'docs', 'ndjson'{ANONYMISED}"))).remove(0);
    assert!(row.get("texts").is_none() && row["codes"][0].as_str().unwrap().len() == 32, "{row}");
}

/// A masked value could be guessed row by row with filters and periods; that it is there may be asked.
#[test]
fn masked_fields_are_not_selected_on() {
    let app = TwoTenants::with_users(shared(), 5);
    app.superuser()
        .batch_execute(
            "SELECT acct_export_set_field('users', field, mask => 'last4') FROM unnest('{phone,custom,created_at}'::text[]) AS field",
        )
        .unwrap();
    let mut client = app.session(&app.login, 0);
    for arguments in [
        r#"filter => '{"phone":"004420700001"}'"#,
        r#"filter => '{"or":[{"id":1},{"not":{"phone":{"sw":"0044"}}}]}'"#,
        r#"filter => '{"phone":{"in":["1",null]}}'"#,
        r#"filter => '{"custom.department":"D1"}'"#,
        r#"filter => '{"created_after":"2025-01-01"}'"#,
        "period => 'last_week'",
        "start_date => '2025-01-01', period_field => 'created_at'",
        "since => '2025-01-01'",
    ] {
        refused_every_way(&mut client, arguments, "42501", "masked", "");
    }
    for filter in [r#"{"phone":{"pr":true}}"#, r#"{"phone":{"ne":null}}"#, r#"{"custom":{"pr":true}}"#] {
        let rows = column(&mut client, &format!("SELECT acct_export_ndjson('users', filter => '{filter}')"));
        assert_eq!(rows.len(), 5, "{filter}");
    }
}

#[test]
fn what_cannot_be_searched_is_barred_or_not_compared() {
    let (mut client, _) = docs();
    let barred = text(
        &mut client,
        "SELECT string_agg(field || ': ' || barred, '; ' ORDER BY field) FROM acct_export_fields",
    );
    let why = "an xml value cannot be searched for secrets";
    assert_eq!(barred.unwrap(), format!("page: {why}; pages: {why}; part: {why}"));
    for field in ["tags", "own", "bags", "list"] {
        let sql =
            format!(r#"SELECT acct_export_ndjson('docs', filter => '{{"{field}":{{"eq":"pin=>1"}}}}')"#);
        refused(&mut client, &sql, "22023", field, "pr");
        let sql = format!(r#"SELECT acct_export_ndjson('docs', filter => '{{"{field}":{{"pr":true}}}}')"#);
        assert_eq!(column(&mut client, &sql).len(), 1, "{field}");
    }
}
