//! Rows that a filter picks: against plain SQL on a table with every type, and SCIM strings and value paths against
//! documents that fit nothing.

use support::oracle;

use postgres::Client;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use serde_json::{json, Value};
use support::asking::{refused, text};
use support::common::{error_of, shared, unique, TwoTenants, SECRET};

/// A database with this table, and a role that may read it; both as sessions.
fn sessions(table: &str, sql: &str) -> (Client, Client) {
    let db = shared().create_database_with_extension("filters");
    let role = unique("chooser");
    let mut superuser = shared().connect(&db, "postgres");
    superuser.batch_execute(sql).unwrap();
    superuser.batch_execute(&format!("CREATE ROLE {role} LOGIN; GRANT SELECT ON {table} TO {role}")).unwrap();
    (superuser, shared().connect(&db, &role))
}

/// The ids of the rows that a filter picks, in order.
fn picked(client: &mut Client, dataset: &str, filter: &Value) -> Vec<i64> {
    let sql =
        "SELECT acct_export_ndjson($1, fields => '{id}', filter => $2, options => '{\"order\": \"key\"}')";
    let rows = client.query(sql, &[&dataset, filter]).unwrap_or_else(|e| panic!("{filter}: {e:?}"));
    rows.iter()
        .map(|row| serde_json::from_str::<Value>(row.get(0)).unwrap()["id"].as_i64().unwrap())
        .collect()
}

/// The document that a SCIM string becomes.
fn scim(client: &mut Client, filter: &str) -> Value {
    client
        .query_one("SELECT acct_export_scim($1)", &[&filter])
        .unwrap_or_else(|e| panic!("{filter}: {e:?}"))
        .get(0)
}

#[test]
fn a_filter_picks_what_plain_sql_picks() {
    let (mut superuser, mut requester) = sessions("every", oracle::TABLE);
    let mut runner = TestRunner::deterministic();
    let mut some = 0;
    for _ in 0..600 {
        let choice = oracle::choice().new_tree(&mut runner).unwrap().current();
        let sql = format!("SELECT id::bigint FROM every WHERE {} ORDER BY id", choice.sql);
        let wanted: Vec<i64> = superuser
            .query(&sql, &[])
            .unwrap_or_else(|e| panic!("{sql}: {e:?}"))
            .iter()
            .map(|row| row.get(0))
            .collect();
        assert_eq!(picked(&mut requester, "every", &choice.filter), wanted, "{}\n{sql}", choice.filter);
        some += usize::from(!wanted.is_empty() && wanted.len() < 420);
    }
    // Filters that pick all or nothing would agree with much that is wrong.
    assert!(some > 300, "{some} of 600");
}

const PEOPLE: &str = r#"
CREATE TABLE people (id text PRIMARY KEY, "userName" text, active boolean, emails jsonb, raw json);
INSERT INTO people VALUES
    ('A1', 'Jane', true, '[{"type": "work", "value": "jane@Example.com"}, {"type": "home", "value": "j@home.org"}]', NULL),
    ('a1', 'JOHN', false, '[{"type": "work", "value": "john@home.org"}, {"type": "home", "value": "john@example.com"}]', NULL),
    ('3', NULL, NULL, NULL, '{"a": "x"}'),
    ('4', '', true, '"jane@example.com"', '{"a": "x", "b": "\u0000"}'),
    ('5', 'x', true, '{"type": "work", "value": "x@example.com"}', '{"a": "x", "b": 1e400000}'),
    ('6', 'x', true, '[]', '{"a": "x", "b": "\ud800"}'),
    ('7', 'x', true, 'null', '{"a": "x", "b": "\ud83d\ude00 \u00e9"}'),
    ('8', 'x', true, '[null, [1, ["a"]], {"type": {"a": 1}}, 5, "S@EXAMPLE.COM"]', '[{"a": ["y", "x"]}, 5]');
SELECT acct_export_register('people', 'people', 'id');
"#;

#[test]
fn scim_strings() {
    let (mut superuser, mut requester) = sessions("people", PEOPLE);
    let mut ids = |filter: &str| {
        let sql = "SELECT acct_export_ndjson('people', fields => '{id}', filter => acct_export_scim($1))";
        let rows = requester.query(sql, &[&filter]).unwrap_or_else(|e| panic!("{filter}: {e:?}"));
        let mut ids: Vec<String> = rows
            .iter()
            .map(|row| serde_json::from_str::<Value>(row.get(0)).unwrap()["id"].as_str().unwrap().to_owned())
            .collect();
        ids.sort();
        ids.join(" ")
    };
    for (filter, wanted) in [
        ("userName eq \"jane\"", "A1"),
        ("urn:ietf:params:scim:schemas:core:2.0:User:userName sw \"J\" and active eq true", "A1"),
        ("not (userName pr)", "3 4"),
        ("active ne true", "3 a1"),
        ("id eq \"a1\"", "a1"),
        ("id sw \"A\"", "A1"),
        ("emails[type eq \"work\" and value co \"@example.com\"]", "5 A1"),
        ("emails[type eq \"work\"].value ew \"@EXAMPLE.COM\"", "5 A1"),
        ("emails[type eq \"work\"].value", "5 A1 a1"),
        ("emails[value co \"@example.com\"]", "4 5 8 A1 a1"),
        ("emails.value co \"@example.com\"", "5 A1 a1"),
        ("not (emails.value co \"@example.com\")", "3 4 6 7 8"),
        ("emails.type eq \"home\"", "A1 a1"),
        ("emails[value eq 5]", "8"),
        ("emails[not (type pr)]", "4 7 8"),
        ("raw.a eq \"X\"", "3 7 8"),
        ("raw pr", "3 4 5 6 7 8"),
        ("raw.b pr or raw[b pr or value eq true]", "7"),
        ("raw eq null", "A1 a1"),
        ("raw[a eq \"x\" and not (b pr)]", "3 8"),
    ] {
        assert_eq!(ids(filter), wanted, "{filter}");
    }
    let attributes = "SELECT concat(provolatile, proisstrict, proparallel, obj_description(oid, 'pg_proc'))
                      FROM pg_proc WHERE proname = 'acct_export_scim'";
    let said = text(&mut superuser, attributes).unwrap();
    assert!(said.starts_with("its") && said.contains("SCIM"), "{said}");
    assert_eq!(text(&mut superuser, "SELECT acct_export_scim(NULL)::text"), None);
    let error = error_of(requester.query("SELECT acct_export_scim('userName eq ''S3NT1NEL''')", &[]));
    assert_eq!((error.sqlstate.as_str(), error.hint.is_some()), ("22023", true), "{error:?}");
    assert!(
        error.message.contains("character 13") && !format!("{error:?}").contains("S3NT1NEL"),
        "{error:?}"
    );
    // A value that jsonb could not hold is refused by us, not by its input.
    for filter in ["a eq \"\\u0000\"", "a eq 1e200000"] {
        let error = error_of(requester.query("SELECT acct_export_scim($1)", &[&filter]));
        assert!(error.sqlstate == "22023" && error.message.contains("character 6"), "{error:?}");
    }
    let longest = format!("a eq 1e9999 and b eq 0.{} or c co \"\\u0001\u{7f}\u{10ffff}\"", "7".repeat(390));
    assert!(scim(&mut requester, &longest).is_object());
}

/// The same bars as in a document, by value paths as well, and nothing of a secret comes out by trying.
#[test]
fn scim_strings_reach_no_secret() {
    let app = TwoTenants::with_users(shared(), 5);
    app.superuser().batch_execute("SELECT acct_export_set_field('users', 'phone', mask => 'last4')").unwrap();
    let mut client = app.session(&app.login, 0);
    for (filter, named) in [
        ("password_hash pr", "password_hash"),
        ("urn:x:2.0:User:password_hash sw \"S\"", "password_hash"),
        ("not (id eq 1 and api_token pr)", "api_token"),
        ("api_token[value pr]", "api_token"),
        ("custom.api_key sw \"S3\"", "api_key"),
        ("custom[api_key sw \"S3\"]", "api_key"),
        ("custom[n gt 0].api_key", "api_key"),
        ("custom[n gt 0].api_key sw \"S3\"", "api_key"),
        ("custom.api_key[value co \"S\"]", "api_key"),
        ("custom[x[not (api_key pr)]]", "api_key"),
        ("phone sw \"0044\"", "phone"),
        ("phone[value sw \"0044\"]", "phone"),
    ] {
        let document = scim(&mut client, filter);
        let sql = format!("SELECT acct_export_ndjson('users', filter => '{document}')");
        let error = refused(&mut client, &sql, "42501", named, "");
        assert!(!format!("{error:?}").contains(SECRET), "{error:?}");
        let sql = format!("SELECT acct_export_start('users', filter => '{document}')::text");
        refused(&mut client, &sql, "42501", named, "");
    }
    // The document has the secret, elements of it do not: any key's value is never what `value` means.
    for filter in
        ["custom[value co \"S3CR3T\"]", "custom.value co \"S3CR3T\"", "custom[department.value co \"S3\"]"]
    {
        let document = scim(&mut client, filter);
        assert_eq!(picked(&mut client, "users", &document), Vec::<i64>::new(), "{filter}");
    }
    let document = scim(&mut client, "phone pr and custom[department sw \"d\" and n ge 4]");
    assert_eq!(picked(&mut client, "users", &document), [8, 10]);
    assert_eq!(picked(&mut client, "users", &json!({ "phone": { "is_unknown": true } })), Vec::<i64>::new());
}

/// A schema that is in no search_path, a domain, values of every kind.
const LABELLED: &str = r#"
CREATE SCHEMA ext; CREATE EXTENSION hstore SCHEMA ext; CREATE DOMAIN bag AS ext.hstore;
CREATE TABLE labelled (id int PRIMARY KEY, tags ext.hstore, own bag);
INSERT INTO labelled SELECT n, tags::ext.hstore, tags::ext.hstore FROM (VALUES
    (1, 'team=>Sales, floor=>9'), (2, 'team=>sales, floor=>10'), (3, 'team=>NULL'), (4, ''), (5, NULL),
    (6, '"te\"am"=>"x", team=>""'), (7, 'team=>"{\"pin\": 1}", floor=>010'), (8, 'team=>"a,b=>c"')) AS v(n, tags);
"#;

/// Keys of hstore are texts: each operator against `->` in plain SQL, and what a filter must not ask.
#[test]
fn keys_of_hstore() {
    let (mut superuser, mut requester) = sessions("labelled", LABELLED);
    superuser
        .batch_execute(
            "GRANT USAGE ON SCHEMA ext TO PUBLIC; SELECT acct_export_register('labelled', 'labelled', 'id')",
        )
        .unwrap();
    let document = r"coalesce(team, '') !~ '^\{.*:'";
    for (filter, condition) in [
        (json!("Sales"), "team = 'Sales'".to_owned()),
        (json!({"eq": "sales", "ci": true}), "lower(team) = 'sales'".to_owned()),
        (json!({"ne": "Sales"}), "team IS DISTINCT FROM 'Sales'".to_owned()),
        (json!(null), "team IS NULL".to_owned()),
        (json!({"pr": true}), "team <> ''".to_owned()),
        (json!({"pr": false}), "(team <> '') IS NOT TRUE".to_owned()),
        (json!({"sw": "a,"}), "team LIKE 'a,%'".to_owned()),
        (json!({"co": "al"}), "team LIKE '%al%'".to_owned()),
        (json!({"ew": "les"}), "team LIKE '%les'".to_owned()),
        (json!({"gt": "Sales"}), format!("team > 'Sales' COLLATE \"C\" AND {document}")),
        (json!({"le": "a"}), format!("team <= 'a' COLLATE \"C\" AND {document}")),
        (json!(["Sales", "sales", null]), "team IN ('Sales', 'sales') OR team IS NULL".to_owned()),
    ] {
        for column in ["tags", "own"] {
            let sql = format!(
                "SELECT id::bigint FROM (SELECT id, {column} OPERATOR(ext.->) 'team' AS team FROM labelled) AS l
                  WHERE {condition} ORDER BY id"
            );
            let wanted: Vec<i64> = superuser.query(&sql, &[]).unwrap().iter().map(|row| row.get(0)).collect();
            let filter = json!({ format!("{column}.team"): filter });
            assert_eq!(picked(&mut requester, "labelled", &filter), wanted, "{filter}");
        }
    }
    // A number is equal to its text; texts have no order of numbers.
    assert_eq!(picked(&mut requester, "labelled", &json!({ "tags.floor": 9 })), [1]);
    assert_eq!(picked(&mut requester, "labelled", &json!({ "tags.floor": [9, 10] })), [1, 2]);
    let mut refuse = |filter: Value, sqlstate: &str, named: &str, hint: &str| {
        let sql = format!("SELECT acct_export_csv('labelled', filter => '{filter}')");
        refused(&mut requester, &sql, sqlstate, named, hint);
    };
    refuse(json!({ "tags.floor": { "gt": 9 } }), "22023", "tags.floor", "as texts");
    refuse(json!({ "tags.floor": { "any": { "value": "9" } } }), "22023", "tags.floor", "Operators");
    refuse(json!({ "tags": "x" }), "22023", "tags", "Operators");
    refuse(json!({ "tags.password": "x" }), "42501", "password", "remove the condition");
    // A secret in a value beside its name is compared as the file shows it, whatever an element of the answer would tell.
    assert_eq!(picked(&mut requester, "labelled", &json!({ "tags.team": { "co": "pin" } })), [0_i64; 0]);
}
