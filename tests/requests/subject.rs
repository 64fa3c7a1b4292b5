//! acct_export_subject: all about one person, and nothing of others.

use std::collections::BTreeMap;
use std::io::{Cursor, Read};

use postgres::Client;
use serde_json::Value;
use support::asking::{refused, text};
use support::common::{shared, unique, wait_for_job};

const SCHEMA: &str = r#"
CREATE TABLE users (id uuid PRIMARY KEY, tenant_id int, email text, status text, password_hash text, profile jsonb);
CREATE TABLE logins (id bigint PRIMARY KEY, tenant_id int, user_id uuid, at timestamptz, token text);
CREATE TABLE invitations (id int PRIMARY KEY, tenant_id int, sender uuid, receiver uuid, note text);
CREATE TABLE news (id int PRIMARY KEY, tenant_id int, title text);
INSERT INTO users SELECT md5(n::text)::uuid, 1 + n % 2, 'u' || n || '@example.org', CASE WHEN n % 3 = 0 THEN 'disabled' ELSE 'active' END, 'h',
       jsonb_build_object('city', 'c' || n, 'api_token', 'C4N4RY') FROM generate_series(1, 12) AS n;
INSERT INTO logins SELECT n, 1 + n % 2, md5((1 + (n - 1) % 12)::text)::uuid, now(), 't' FROM generate_series(1, 60) AS n;
INSERT INTO invitations SELECT n, 1 + n % 2, md5(n::text)::uuid, md5((13 - n)::text)::uuid, 'i' || n FROM generate_series(1, 12) AS n;
INSERT INTO news SELECT n, 1 + n % 2, 'x' FROM generate_series(1, 4) AS n;
"#;

fn reader(tenant: i32) -> (String, Client) {
    let db = shared().create_database_with_extension("subject");
    let role = unique("reader");
    let mut superuser = shared().connect(&db, "postgres");
    superuser.batch_execute(SCHEMA).unwrap();
    for table in ["users", "logins", "invitations", "news"] {
        superuser
            .batch_execute(&format!(
                "ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
                 CREATE POLICY tenant ON {table} USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::int)"
            ))
            .unwrap();
    }
    superuser
        .batch_execute(&format!(
            "CREATE ROLE {role} LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role};
             SELECT acct_export_register(d, d::regclass, 'id', tenant_column => 'tenant_id') FROM unnest('{{logins,invitations,news}}'::text[]) d;
             SELECT acct_export_register('users', 'users', 'id', tenant_column => 'tenant_id', status_column => 'status',
                                         disabled_values => '{{disabled}}', companions => '{{logins,invitations,news}}');
             SELECT acct_export_set_companion('users', 'logins', 'user_id');
             SELECT acct_export_set_companion('users', 'invitations', 'sender')"
        ))
        .unwrap();
    let mut client = shared().connect(&db, &role);
    client.batch_execute(&format!("SET app.tenant_id = '{tenant}'")).unwrap();
    (db, client)
}

/// Tables whose rows everybody reads within their tenant.
fn by_tenant(superuser: &mut Client, tables: &[&str]) {
    for table in tables {
        superuser
            .batch_execute(&format!(
                "ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
                 CREATE POLICY tenant ON {table} USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::int);
                 GRANT SELECT ON {table} TO PUBLIC"
            ))
            .unwrap();
    }
}

/// The files of the archive of one person.
fn archive(client: &mut Client, arguments: &str) -> BTreeMap<String, String> {
    let job = text(client, &format!("SELECT acct_export_subject({arguments})::text")).unwrap();
    let row = wait_for_job(client, &job);
    assert_eq!(row.get::<_, &str>("status"), "completed", "{arguments}");
    let bytes: Vec<u8> = client.query_one(&format!("SELECT acct_export_file('{job}')"), &[]).unwrap().get(0);
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    let mut files = BTreeMap::new();
    for index in 0..archive.len() {
        let mut file = archive.by_index(index).unwrap();
        let mut content = String::new();
        file.read_to_string(&mut content).unwrap();
        let name = file.name().unwrap().into_owned();
        let stem = name.split(['-', '.']).next().unwrap_or_default().to_owned();
        let stem = if name == "export-info.json" { "info".to_owned() } else { stem };
        files.insert(stem, content);
    }
    files
}

#[test]
fn it_is_all_about_one_person() {
    let (_, mut client) = reader(1);
    // Disabled (6) and not (2).
    for n in [2, 6] {
        let key = text(&mut client, &format!("SELECT md5('{n}')::uuid::text")).unwrap();
        let files = archive(&mut client, &format!("'users', '{key}', reason => 'Art. 15'"));
        assert_eq!(files.keys().collect::<Vec<_>>(), ["info", "invitations", "logins", "users"]);
        let rows = |name: &str| serde_json::from_str::<Vec<Value>>(&files[name]).unwrap();
        let users = rows("users");
        assert_eq!(users.len(), 1);
        assert_eq!(
            (&users[0]["id"], &users[0]["email"]),
            (&key.clone().into(), &format!("u{n}@example.org").into())
        );
        assert_eq!(users[0]["profile"], serde_json::json!({ "city": format!("c{n}") }));
        for (name, field) in [("logins", "user_id"), ("invitations", "sender")] {
            let sql = format!("SELECT count(*)::text FROM {name} WHERE {field} = '{key}'");
            let wanted: usize = text(&mut client, &sql).unwrap().parse().unwrap();
            let rows = rows(name);
            assert!(wanted > 0 && rows.len() == wanted, "{name}: {}", rows.len());
            assert!(rows.iter().all(|row| row[field] == key.as_str()), "{rows:?}");
        }
        let all: String = files.values().cloned().collect();
        assert!(!all.contains("C4N4RY") && !all.contains("\"token\":"), "a secret is in the archive");
        let info: Value = serde_json::from_str(&files["info"]).unwrap();
        assert_eq!(info["request"]["reason"], "Art. 15");
        assert!(info.to_string().contains("password_hash"), "{info:#}");
    }
    let key = text(&mut client, "SELECT md5('2')::uuid::text").unwrap();
    let files = archive(&mut client, &format!("'users', '{key}', 'csv'"));
    assert_eq!(files["users"].lines().count(), 2);
}

/// In the session that asks, too: the archive's manifest is of a job that the same statement made.
#[test]
fn without_workers() {
    let (db, mut client) = reader(1);
    shared()
        .connect(&db, "postgres")
        .batch_execute(&format!("ALTER DATABASE {db} SET acct_export.async = off"))
        .unwrap();
    let role = text(&mut client, "SELECT current_user::text").unwrap();
    let mut client = shared().connect(&db, &role);
    client.batch_execute("SET app.tenant_id = '1'").unwrap();
    let key = text(&mut client, "SELECT md5('2')::uuid::text").unwrap();
    let files = archive(&mut client, &format!("'users', '{key}'"));
    assert_eq!(files.len(), 4);
}

/// Keys that are arrays name no single row.
#[test]
fn keys_that_name_many() {
    let (db, mut client) = reader(1);
    shared()
        .connect(&db, "postgres")
        .batch_execute(
            "CREATE TABLE tagged (tags text[] PRIMARY KEY); INSERT INTO tagged VALUES ('{a,b}'), ('{a,c}');
             GRANT SELECT ON tagged TO PUBLIC; SELECT acct_export_register('tagged', 'tagged', 'tags')",
        )
        .unwrap();
    refused(
        &mut client,
        "SELECT acct_export_subject('tagged', 'a')",
        "22023",
        "is an array",
        "acct_export_start",
    );
}

#[test]
fn nobody_is_told_of_persons_of_others() {
    let (db, mut client) = reader(1);
    let of_another = text(&mut client, "SELECT md5('1')::uuid::text").unwrap();
    let nobody = "00000000-0000-4000-8000-000000000000";
    let messages: Vec<String> = [of_another.as_str(), nobody]
        .iter()
        .map(|key| {
            let sql = format!("SELECT acct_export_subject('users', '{key}')");
            let error = refused(&mut client, &sql, "22023", "no row of dataset \"users\"", "\"id\"");
            assert!(!format!("{error:?}").contains(key), "{error:?}");
            error.message
        })
        .collect();
    assert_eq!(messages[0], messages[1]);
    for (arguments, sqlstate, named) in [
        ("'users', ''", "22023", "key must not be null or empty"),
        ("'users', NULL", "22023", "key must not be null or empty"),
        ("NULL, 'x'", "22023", "dataset must not be null or empty"),
        ("'nothing', 'x'", "22023", "nothing"),
        ("'users', 'no uuid'", "22023", ""),
        ("'users', 'x', 'pdf'", "22023", "pdf"),
    ] {
        refused(&mut client, &format!("SELECT acct_export_subject({arguments})"), sqlstate, named, "");
    }
    // Nothing of a person is left out without a word: who may not read a companion gets no archive.
    let role = text(&mut client, "SELECT current_user::text").unwrap();
    shared().connect(&db, "postgres").batch_execute(&format!("REVOKE SELECT ON logins FROM {role}")).unwrap();
    let key = text(&mut client, "SELECT md5('2')::uuid::text").unwrap();
    refused(&mut client, &format!("SELECT acct_export_subject('users', '{key}')"), "42501", "logins", "");
}

/// The archive has a person's subscriptions, and the invoices of these.
#[test]
fn rows_of_a_persons_rows() {
    let (db, mut client) = reader(1);
    let mut superuser = shared().connect(&db, "postgres");
    superuser
        .batch_execute(
            "CREATE TABLE subscriptions (id int PRIMARY KEY, tenant_id int, user_id uuid, plan text);
             CREATE TABLE invoices (id int PRIMARY KEY, tenant_id int, subscription int, amount numeric, api_token text);
             CREATE TABLE lines (id int PRIMARY KEY, tenant_id int, invoice int);
             INSERT INTO subscriptions SELECT substring(email FROM '[0-9]+')::int * 10 + s, tenant_id, id, 'p' || s
               FROM users, generate_series(1, 2) AS s;
             INSERT INTO invoices SELECT s.id * 10 + i, tenant_id, s.id, i, 'C4N4RY' FROM subscriptions AS s, generate_series(1, 3) AS i;
             INSERT INTO lines SELECT id, tenant_id, id FROM invoices;
             SELECT acct_export_register(d, d::regclass, 'id', tenant_column => 'tenant_id') FROM unnest('{lines,invoices,subscriptions}'::text[]) d;
             SELECT acct_export_set_companion('invoices', 'lines', 'invoice');
             SELECT acct_export_set_companion('subscriptions', 'invoices', 'subscription');
             SELECT acct_export_set_companion('subscriptions', 'users');
             SELECT acct_export_set_companion('users', 'subscriptions', 'user_id')",
        )
        .unwrap();
    by_tenant(&mut superuser, &["subscriptions", "invoices", "lines"]);
    let key = text(&mut client, "SELECT md5('2')::uuid::text").unwrap();
    for format in ["json", "ndjson"] {
        let files = archive(&mut client, &format!("'users', '{key}', '{format}'"));
        assert_eq!(
            files.keys().collect::<Vec<_>>(),
            ["info", "invitations", "invoices", "logins", "subscriptions", "users"]
        );
        let all: String = files.values().cloned().collect();
        assert!(!all.contains("C4N4RY"), "a secret is in the archive");
        if format == "json" {
            let rows = |name: &str| serde_json::from_str::<Vec<Value>>(&files[name]).unwrap();
            let ids =
                |rows: Vec<Value>| rows.iter().map(|row| row["id"].as_i64().unwrap()).collect::<Vec<_>>();
            assert_eq!(ids(rows("subscriptions")), [21, 22]);
            assert_eq!(ids(rows("invoices")), [211, 212, 213, 221, 222, 223]);
            let info: Value = serde_json::from_str(&files["info"]).unwrap();
            assert!(info.to_string().contains("\"subscriptions\""), "{info:#}");
        }
    }

    // The same by a request, of all persons; what is no companion of a companion is refused by name.
    let ask = |of: &str, include: &str| {
        format!(
            "'users', 'csv', include => '{include}', options => '{{\"companions\": {{\"invoices\": {{\"of\": \"{of}\"}}}}}}'"
        )
    };
    let job = support::asking::completed(&mut client, &ask("subscriptions", "{subscriptions,invoices}"));
    let rows = text(&mut client, &format!("SELECT count(*)::text FROM jsonb_array_elements(acct_export_manifest('{job}')->'files') AS f WHERE f->>'rows' = '24'"));
    assert_eq!(rows.as_deref(), Some("1"), "four enabled persons of tenant 1 with six invoices each");
    for (of, include, message) in [
        ("subscriptions", "{invoices}", "\"subscriptions\", which is not a companion"),
        ("invoices", "{subscriptions,invoices}", "\"invoices\", which is not a companion"),
        ("logins", "{logins,invoices}", "not a companion of dataset \"logins\""),
    ] {
        let sql = format!("SELECT acct_export_start({})", ask(of, include));
        refused(&mut client, &sql, "22023", message, "");
    }
}

/// Rows that belong to a person in several ways come once, whichever way it is.
#[test]
fn each_way_to_a_row_counts() {
    let (db, mut client) = reader(1);
    let mut superuser = shared().connect(&db, "postgres");
    superuser
        .batch_execute(
            "CREATE TABLE subscriptions (id int PRIMARY KEY, tenant_id int, user_id uuid);
             CREATE TABLE orders (id text PRIMARY KEY, tenant_id int, user_id uuid, subscription int);
             CREATE TABLE invoices (id int PRIMARY KEY, tenant_id int, subscription int, \"order\" text, payer uuid);
             INSERT INTO subscriptions SELECT substring(email FROM '[0-9]+')::int, tenant_id, id FROM users;
             INSERT INTO orders SELECT 'o' || s.id, tenant_id, CASE WHEN s.id % 4 = 0 THEN user_id END, s.id FROM subscriptions AS s;
             INSERT INTO invoices SELECT n, 1 + s.id % 2, CASE WHEN n % 3 = 0 THEN s.id END, CASE WHEN n % 3 = 1 THEN 'o' || s.id END,
                    CASE WHEN n % 5 = 0 THEN s.user_id END
               FROM generate_series(1, 240) AS n JOIN subscriptions AS s ON s.id = 1 + n % 12;
             SELECT acct_export_register(d, d::regclass, 'id', tenant_column => 'tenant_id') FROM unnest('{invoices,orders,subscriptions}'::text[]) d;
             SELECT acct_export_set_companion('subscriptions', 'invoices', 'subscription'), acct_export_set_companion('orders', 'invoices', 'order'),
                    acct_export_set_companion('subscriptions', 'orders', 'subscription'), acct_export_set_companion('orders', 'users'),
                    acct_export_set_companion('users', 'subscriptions', 'user_id'), acct_export_set_companion('users', 'orders', 'user_id'),
                    acct_export_set_companion('users', 'invoices', 'payer')",
        )
        .unwrap();
    by_tenant(&mut superuser, &["subscriptions", "orders", "invoices"]);
    for n in [2, 4, 6, 8, 12] {
        let key = text(&mut client, &format!("SELECT md5('{n}')::uuid::text")).unwrap();
        let files = archive(&mut client, &format!("'users', '{key}'"));
        for (name, belongs) in [
            ("subscriptions", "r.user_id = $1"),
            (
                "orders",
                "r.user_id = $1 OR r.subscription IN (SELECT id FROM subscriptions WHERE user_id = $1)",
            ),
            (
                "invoices",
                "r.payer = $1 OR r.subscription IN (SELECT id FROM subscriptions WHERE user_id = $1)
                 OR r.\"order\" IN (SELECT id FROM orders WHERE user_id = $1)",
            ),
        ] {
            let sql = format!(
                "SELECT coalesce(jsonb_agg(id ORDER BY id), '[]')::text FROM {name} AS r WHERE {belongs}"
            );
            let wanted: Value =
                serde_json::from_str(&text(&mut client, &sql.replace("$1", &format!("'{key}'"))).unwrap())
                    .unwrap();
            let rows: Vec<Value> = serde_json::from_str(&files[name]).unwrap();
            let found: Value = rows.iter().map(|row| row["id"].clone()).collect();
            assert_eq!(found, wanted, "{n} {name}");
        }
    }
    // By a request, with filters of the companions between: all parameters have their numbers.
    let job = support::asking::completed(
        &mut client,
        r#"'users', 'json', filter => '{"status": "active"}', include => '{subscriptions,orders,invoices}', options => '{"archive": "zip", "companions": {
             "subscriptions": {"filter": {"id": {"gt": 3}}}, "orders": {"filter": {"id": {"ne": "o8"}}},
             "invoices": {"of": ["orders", "users", "subscriptions"], "filter": {"id": {"lt": 200}}}}}'"#,
    );
    let rows = text(
        &mut client,
        &format!("SELECT f->>'rows' FROM jsonb_array_elements(acct_export_manifest('{job}')->'files') AS f, jsonb_array_elements(f->'datasets') AS d WHERE d->>'dataset' = 'invoices'"),
    );
    let wanted = text(
        &mut client,
        "SELECT count(*)::text FROM invoices AS i WHERE id < 200 AND (
             payer IN (SELECT id FROM users WHERE status = 'active')
             OR subscription IN (SELECT s.id FROM subscriptions AS s JOIN users AS u ON u.id = s.user_id WHERE s.id > 3 AND status = 'active')
             OR \"order\" IN (SELECT o.id FROM orders AS o JOIN users AS u ON u.id = o.user_id WHERE o.id <> 'o8' AND status = 'active'))",
    );
    assert_eq!(rows, wanted);

    // One between that is held to no rows of the dataset has all of its own; who says whose rows they are to be is held to it.
    superuser.batch_execute("SELECT acct_export_set_companion('users', 'subscriptions')").unwrap();
    let asked = |subscriptions: &str, invoices: &str| {
        format!(
            r#"'users', 'json', filter => '{{"status": "active"}}', include => '{{subscriptions,orders,invoices}}', options => '{{"archive": "zip", "companions": {{
             "subscriptions": {{"filter": {{"id": {{"gt": 3}}}}{subscriptions}}}, "invoices": {{"of": {invoices}, "filter": {{"id": {{"lt": 200}}}}}}}}}}'"#
        )
    };
    for of in [r#"["users", "subscriptions"]"#, r#"["subscriptions", "users"]"#] {
        let job = support::asking::completed(&mut client, &asked("", of));
        let rows = text(
            &mut client,
            &format!("SELECT f->>'rows' FROM jsonb_array_elements(acct_export_manifest('{job}')->'files') AS f, jsonb_array_elements(f->'datasets') AS d WHERE d->>'dataset' = 'invoices'"),
        );
        let wanted = text(
            &mut client,
            "SELECT count(*)::text FROM invoices AS i WHERE id < 200 AND (
                 payer IN (SELECT id FROM users WHERE status = 'active') OR subscription IN (SELECT id FROM subscriptions WHERE id > 3))",
        );
        assert_eq!(rows, wanted, "{of}");
    }
    for (subscriptions, invoices, message) in [
        (r#", "of": ["users", "orders"]"#, r#"["users", "subscriptions"]"#, "has no match for the key"),
        (r#", "of": "users""#, r#""users""#, "has no match for the key"),
        ("", r#"["users", "users"]"#, "up to 10 different"),
        ("", "[]", "up to 10 different"),
    ] {
        let sql = format!("SELECT acct_export_start({})", asked(subscriptions, invoices));
        refused(&mut client, &sql, "22023", message, "");
    }
}

/// The dataset's policy holds for one person as well.
#[test]
fn policies_hold() {
    let (db, mut client) = reader(1);
    let mut superuser = shared().connect(&db, "postgres");
    let key = text(&mut client, "SELECT md5('2')::uuid::text").unwrap();
    let sql = format!("SELECT acct_export_subject('users', '{key}')");
    let mut hold = |policy: &str, sqlstate: &str, named: &str| {
        superuser.batch_execute(policy).unwrap();
        refused(&mut client, &sql, sqlstate, named, "");
    };
    hold("SELECT acct_export_set_policy('users', require_filter => '{status}')", "22023", "status");
    let role = unique("right");
    hold(
        &format!(
            "SELECT acct_export_set_policy('users', reset => '{{require_filter}}'); CREATE ROLE {role};
             SELECT acct_export_alter('users', required_roles => '{{{role}}}')"
        ),
        "42501",
        "may not export",
    );
    superuser
        .batch_execute(
            "SELECT acct_export_alter('users', reset => '{required_roles}'), acct_export_set_policy('logins', max_rows => 1)",
        )
        .unwrap();
    let job = text(&mut client, &format!("{sql}::text")).unwrap();
    let row = wait_for_job(&mut client, &job);
    assert_eq!(
        (row.get::<_, &str>("status"), row.get::<_, &str>("error_code")),
        ("completed_with_errors", "54000")
    );
}
