//! acct_export_preview: what an export would hold, for those who may make it, and nothing more than it would hold.

use postgres::Client;
use serde_json::{json, Value};
use support::asking::{column, objects, refused, text};
use support::common::{shared, unique, TwoTenants};

/// The preview's row as a document.
#[track_caller]
fn preview(client: &mut Client, arguments: &str) -> Value {
    let sql = format!("SELECT to_json(p)::text FROM acct_export_preview({arguments}) AS p");
    serde_json::from_str(&text(client, &sql).unwrap()).unwrap()
}

/// A requester of dataset `people`, and a superuser's session.
fn people() -> (Client, Client, String) {
    let db = shared().create_database_with_extension("preview");
    let role = unique("reader");
    let mut superuser = shared().connect(&db, "postgres");
    superuser
        .batch_execute(&format!(
            r#"CREATE TABLE people (id int PRIMARY KEY, email text, password_hash text, badge text, notes json, born date);
               INSERT INTO people SELECT n, 'user' || n || '@example.com', 'x', 'badge ' || n,
                   '{{"api_token": "t0psecret", "a": "\u0000 \ud800", "n": 1.5}}', '1990-01-01' FROM generate_series(1, 40) n;
               ANALYZE people;
               CREATE ROLE {role} LOGIN; GRANT SELECT ON people TO {role};
               SELECT acct_export_register('people', 'people', 'id');
               SELECT acct_export_set_field('people', 'badge', mask => 'last4')"#
        ))
        .unwrap();
    (shared().connect(&db, &role), superuser, role)
}

#[test]
fn it_shows_what_the_export_would_hold() {
    let (mut client, _, role) = people();
    let shown = preview(&mut client, "'people'");
    assert_eq!(shown["columns"], json!(["id", "email", "badge", "notes", "born"]));
    assert_eq!(shown["rows_estimated"], 40);
    assert_eq!(shown["rows_exact"], Value::Null);
    assert!(shown["barred"]["password_hash"].as_str().unwrap().contains("secret"), "{shown}");
    assert_eq!(
        shown["scope"],
        json!({ "role": role, "tenant": null, "all_tenants": false, "row_security": [], "companions": [] })
    );
    assert_eq!(
        shown["sample"][0],
        json!({ "id": 1, "email": "user1@example.com", "badge": "****e 1", "notes": { "a": "\u{fffd} \u{fffd}", "n": 1.5 }, "born": "1990-01-01" })
    );
    assert_eq!(shown["sample"].as_array().unwrap().len(), 5);

    let few = r#"'people', filter => '{"id": {"gt": 37}}', fields => '{born,email}', anonymise => true, options => '{"count": true}'"#;
    let shown = preview(&mut client, few);
    assert_eq!(shown["columns"], json!(["born", "email"]));
    assert_eq!(shown["rows_exact"], 3);
    let export = r#"SELECT acct_export_ndjson('people', filter => '{"id": {"gt": 37}}', fields => '{born,email}', anonymise => true)"#;
    let lines = objects(column(&mut client, export).join("\n").as_bytes());
    assert_eq!(shown["sample"], json!(lines));
    assert_eq!(shown["sample"][0]["email"], "[redacted]");
    assert_eq!(preview(&mut client, r#"'people', filter => '{"id": 0}'"#)["sample"], json!([]));
}

#[test]
fn it_is_told_and_refused_like_an_export() {
    let (mut client, mut superuser, role) = people();
    preview(&mut client, r#"'people', filter => '{"id": 1}'"#);
    let told = "SELECT event || ' ' || role || ' ' || (detail->'filter')::text FROM acct_export_audit WHERE event LIKE '%previewed'";
    assert_eq!(column(&mut superuser, told), [format!(r#"user.bulk_export.previewed {role} {{"id": 1}}"#)]);
    for arguments in
        ["'people', fields => '{password_hash}'", r#"'people', filter => '{"password_hash": "x"}'"#]
    {
        refused(
            &mut client,
            &format!("SELECT * FROM acct_export_preview({arguments})"),
            "42501",
            "password_hash",
            "",
        );
    }
    let option = r#"SELECT * FROM acct_export_preview('people', options => '{"limit": 5}')"#;
    refused(&mut client, option, "22023", "\"limit\"", "count");
    let option = r#"SELECT * FROM acct_export_preview('people', options => '{"count": 1}')"#;
    refused(&mut client, option, "22023", "\"count\"", "true or false");
    superuser.batch_execute(&format!("REVOKE SELECT ON people FROM {role}")).unwrap();
    // From now on it is a stranger, which the audit trail says.
    refused(
        &mut client,
        "SELECT * FROM acct_export_preview('people')",
        "22023",
        "unknown dataset \"people\"",
        "",
    );
    let denied = "SELECT count(*)::text FROM acct_export_audit WHERE event LIKE '%denied' AND detail->>'action' = 'preview'";
    assert_eq!(column(&mut superuser, denied), ["3"]);
}

#[test]
fn it_stays_with_the_tenant() {
    let app = TwoTenants::with_users(shared(), 30);
    let mut client = app.session(&app.login, 1);
    let shown = preview(&mut client, r#"'users', include_disabled => true, options => '{"count": true}'"#);
    assert_eq!(shown["rows_exact"], json!(app.rows));
    assert_eq!(shown["scope"]["tenant"], json!(app.tenants[1].to_string()));
    assert_eq!(shown["scope"]["row_security"], json!(["app.users"]));
    client.batch_execute("RESET app.tenant_id").unwrap();
    refused(
        &mut client,
        "SELECT * FROM acct_export_preview('users')",
        "42501",
        "no tenant",
        "SET app.tenant_id",
    );
}

/// Advice is for the owner of the source: it is in acct_export_advice.
#[test]
fn it_warns_of_nothing() {
    let app = TwoTenants::with_users(shared(), 5);
    let advised = column(&mut app.superuser(), "SELECT advice FROM acct_export_advice('users')");
    assert!(!advised.is_empty());
    let script =
        format!("SET app.tenant_id = '{}';\nSELECT FROM acct_export_preview('users');", app.tenants[0]);
    let output = shared().psql(&["-q", "-d", &app.db, "-U", &app.login], &script);
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && told.is_empty(), "{told}");
}
