//! Option `order`: rows by the fields that a request names, as SQL sorts them.

use postgres::Client;
use support::asking::{column, completed, exported, objects, refused, status, values_every_way};
use support::common::{shared, unique, Cluster, ClusterOptions};

const PEOPLE: &str = r#"
CREATE TYPE app_mood AS ENUM ('sad', 'so-so', 'happy');
CREATE TABLE people (id int PRIMARY KEY, name text COLLATE "C", city text COLLATE "de-x-icu", age int, seen timestamptz, paid numeric,
    mood app_mood, tags text[], address inet, "last name desc" text, password_hash text, phone text, doc jsonb, place point, extra text);
INSERT INTO people
SELECT n, (ARRAY['b', 'B', 'a', NULL, 'ä', ''])[1 + n % 6], (ARRAY['Zürich', 'zug', 'Aarau', NULL])[1 + n % 4], nullif(n % 7, 3),
       CASE WHEN n % 5 > 0 THEN timestamptz '2026-01-01Z' + (n * 7919 % 1000) * interval '1 hour' END, (n * 31 % 17) / 4.0,
       (ARRAY['sad', 'so-so', 'happy', NULL])[1 + n % 4]::app_mood, ARRAY[n % 3, n % 2]::text[], ('10.0.0.' || n % 9)::inet,
       chr(97 + n % 3), 'h' || (n * 13 % 100), '+49 170 ' || (n * 17 % 100), jsonb_build_object('a', n), point(n, n), 'x'
  FROM generate_series(1, 60) AS n;
"#;

/// A reader of dataset `people`, whose phone numbers are masked and whose extra field is in a group.
fn reader() -> (String, Client) {
    let db = shared().create_database_with_extension("sorted");
    let role = unique("reader");
    shared()
        .connect(&db, "postgres")
        .batch_execute(&format!(
            "{PEOPLE}
             CREATE ROLE {role} LOGIN; GRANT SELECT ON people TO {role};
             SELECT acct_export_register('people', 'people', 'id');
             SELECT acct_export_set_field('people', 'phone', mask => 'last4');
             SELECT acct_export_set_field('people', 'city', on_anonymise => 'pseudonymise')"
        ))
        .unwrap();
    let client = shared().connect(&db, &role);
    (db, client)
}

/// Refused by jobs and streams alike.
#[track_caller]
fn refused_everywhere(client: &mut Client, arguments: &str, sqlstate: &str, named: &str) {
    for function in ["acct_export_start", "acct_export_csv", "acct_export_ndjson"] {
        refused(client, &format!("SELECT {function}({arguments})"), sqlstate, named, "");
    }
}

#[test]
fn rows_come_as_sql_sorts_them() {
    let (_, mut client) = reader();
    for (order, sql) in [
        (r#"["name"]"#, "name, id"),
        (r#"["name desc"]"#, "name DESC, id"),
        (r#"["name desc nulls last", "id desc"]"#, "name DESC NULLS LAST, id DESC"),
        (r#"["city nulls first", "age DESC"]"#, "city NULLS FIRST, age DESC, id"),
        (r#"["id desc"]"#, "id DESC"),
        (r#"["seen", "paid desc"]"#, "seen, paid DESC, id"),
        (r#"["mood desc", "tags", "address desc"]"#, "mood DESC, tags, address DESC, id"),
        (r#"["\"last name desc\" desc", "city"]"#, "\"last name desc\" DESC, city, id"),
        (r#"["last name desc desc"]"#, "\"last name desc\" DESC, id"),
    ] {
        let wanted = column(&mut client, &format!("SELECT id::text AS shown FROM people ORDER BY {sql}"));
        let arguments = format!(", options => '{{\"order\": {order}}}'");
        for (way, ids) in values_every_way(&mut client, "people", "id", &arguments) {
            assert_eq!(ids, wanted, "{way} {order}");
        }
        // Also where the fields that sort are not exported.
        let rows = exported(&mut client, &format!("'people', 'ndjson', fields => '{{id}}'{arguments}"));
        let ids: Vec<String> = objects(&rows).iter().map(|row| row["id"].to_string()).collect();
        assert_eq!(ids, wanted, "{order}");
    }
    // A filter, a format with options and the same file each time.
    let arguments = r#"'people', 'csv', fields => '{id}', filter => '{"age": {"gt": 2}}',
        options => '{"order": ["age desc"], "reproducible": true, "header": false, "line_ending": "lf"}'"#;
    let first = exported(&mut client, arguments);
    let wanted =
        column(&mut client, "SELECT id::text AS shown FROM people WHERE age > 2 ORDER BY age DESC, id")
            .join("\n");
    assert_eq!(String::from_utf8(first.clone()).unwrap().trim_end(), wanted);
    assert_eq!(exported(&mut client, arguments), first);
}

#[test]
fn what_would_tell_of_a_value_does_not_sort() {
    let (_, mut client) = reader();
    let by = |order: &str| format!("'people', options => '{{\"order\": [{order}]}}'");
    for (order, sqlstate, named) in [
        (r#""password_hash""#, "42501", "password_hash"),
        (r#""age", "phone desc""#, "42501", "masked"),
        (r#""nothing""#, "22023", "unknown field \"nothing\""),
        (r#""doc""#, "22023", "jsonb"),
        (r#""doc.a""#, "22023", "a key of a document"),
        (r#""place""#, "22023", "point"),
        (r#""age", "age desc""#, "22023", "named twice"),
        (r#""age up down""#, "22023", "age up down"),
        (r#""age; DROP TABLE people""#, "22023", "unknown field"),
    ] {
        refused_everywhere(&mut client, &by(order), sqlstate, named);
    }
    let anonymised = r#"'people', 'csv', anonymise => true, options => '{"order": ["city"]}'"#;
    refused(&mut client, &format!("SELECT acct_export_start({anonymised})"), "42501", "masked", "age");
    completed(&mut client, &anonymised.replace("city", "age"));
}

/// Where a name in the row says that its value is a secret, the value's place would tell of it, and so would a filter.
#[test]
fn values_beside_names_neither_sort_nor_filter() {
    let db = shared().create_database_with_extension("beside");
    let role = unique("reader");
    shared()
        .connect(&db, "postgres")
        .batch_execute(&format!(
            "CREATE TABLE settings (id int PRIMARY KEY, name text, value text);
             INSERT INTO settings VALUES (1, 'smtp_password', 'C4N4RY'), (2, 'color', 'red'), (3, 'city', 'Ulm');
             CREATE ROLE {role} LOGIN; GRANT SELECT ON settings TO {role};
             SELECT acct_export_register('settings', 'settings', 'id')"
        ))
        .unwrap();
    let mut client = shared().connect(&db, &role);
    refused_everywhere(&mut client, r#"'settings', options => '{"order": ["value"]}'"#, "42501", "\"value\"");
    for guess in [r#"{"value": "C4N4RY"}"#, r#"{"value": {"sw": "C"}}"#, r#"{"value": {"gt": "B"}}"#] {
        refused_everywhere(&mut client, &format!("'settings', filter => '{guess}'"), "42501", "\"value\"");
    }
    // Presence tells nothing of a value.
    let job =
        completed(&mut client, r#"'settings', 'csv', filter => '{"value": {"pr": true}, "name": "color"}'"#);
    assert_eq!(status(&mut client, &job).get::<_, i64>("rows_done"), 1);
}

/// Neither do such values inside documents, by whatever path; others do.
#[test]
fn values_beside_names_in_documents_equal_nothing() {
    let db = shared().create_database_with_extension("inside");
    let role = unique("reader");
    shared()
        .connect(&db, "postgres")
        .batch_execute(&format!(
            r#"CREATE TABLE docs (id int PRIMARY KEY, doc jsonb, raw json);
             INSERT INTO docs SELECT id, doc::jsonb, doc::json FROM (VALUES
                 (1, '{{"name": "api_key", "value": "C4N4RY"}}'),
                 (2, '{{"kv": {{"type": "password", "value": "C4N4RY"}}}}'),
                 (3, '{{"list": [{{"name": "secret_token", "value": "C4N4RY"}}, {{"name": "color", "value": "red"}}]}}'),
                 (4, '{{"pair": ["password", "C4N4RY"]}}'),
                 (5, '{{"pairs": [["password", "C4N4RY"], ["color", "red"]]}}'),
                 (6, '{{"list": [{{"inner": ["api_key", "C4N4RY"]}}, {{"inner": ["x"]}}]}}'),
                 (7, '{{"part": {{"kty": "oct", "k": "C4N4RY"}}}}'),
                 (8, '{{"emails": [{{"type": "work", "value": "C4N4RY"}}], "name": "city", "value": "C4N4RY"}}')) AS v(id, doc);
             CREATE VIEW picked WITH (security_invoker) AS SELECT id, doc->>'value' AS picked, doc#>>'{{kv,value}}' AS deep, doc->>'name' AS name FROM docs;
             CREATE ROLE {role} LOGIN; GRANT SELECT ON docs, picked TO {role};
             SELECT acct_export_register(d, d::regclass, 'id') FROM unnest('{{docs,picked}}'::text[]) AS d"#
        ))
        .unwrap();
    let mut client = shared().connect(&db, &role);
    let mut ids = |filter: &str| -> String {
        let sql = format!(
            "SELECT l::jsonb->>'id' FROM acct_export_ndjson('docs', fields => '{{id}}', filter => '{filter}', options => '{{\"order\": \"key\"}}') AS l"
        );
        column(&mut client, &sql).join(" ")
    };
    for field in ["doc", "raw"] {
        for test in [r#"{"eq": "C4N4RY"}"#, r#"{"sw": "C4N"}"#, r#"{"co": "4N4"}"#, r#"["C4N4RY"]"#] {
            for (path, wanted) in [
                ("value", "8"),
                ("kv.value", ""),
                ("kv", ""),
                ("list", ""),
                ("list.value", ""),
                ("pair", ""),
                ("pairs", ""),
                ("list.inner", ""),
                ("part.k", ""),
                ("emails", "8"),
                ("emails.value", "8"),
            ] {
                let filter = format!(r#"{{"{field}.{path}": {test}}}"#);
                assert_eq!(ids(&filter), wanted, "{filter}");
            }
        }
        for (any, wanted) in [
            (r#"{"value": "C4N4RY"}"#, ""),
            (r#"{"name": "secret_token", "value": {"sw": "C"}}"#, ""),
            (r#"{"name": "color", "value": "red"}"#, "3"),
        ] {
            assert_eq!(ids(&format!(r#"{{"{field}.list": {{"any": {any}}}}}"#)), wanted, "{any}");
        }
        assert_eq!(ids(&format!(r#"{{"{field}.list": {{"any": {{"inner": "C4N4RY"}}}}}}"#)), "");
        assert_eq!(ids(&format!(r#"{{"{field}.pair": {{"any": {{"value": "C4N4RY"}}}}}}"#)), "");
        assert_eq!(
            ids(&format!(r#"{{"{field}.emails": {{"any": {{"type": "work", "value": {{"sw": "C4"}}}}}}}}"#)),
            "8"
        );
    }
    // A column of a view has lost the name: it does not leave at all.
    refused_everywhere(&mut client, "'picked', fields => '{picked}'", "42501", "picked");
    refused_everywhere(&mut client, "'picked', fields => '{deep}'", "42501", "deep");
    let names = column(&mut client, "SELECT l::jsonb->>'name' FROM acct_export_ndjson('picked', fields => '{name}', filter => '{\"id\": 1}') AS l");
    assert_eq!(names, ["api_key"]);
}

/// Companions have fields of their own and come by key.
#[test]
fn companions_keep_their_order() {
    let (db, mut client) = reader();
    let role = column(&mut client, "SELECT current_user::text").remove(0);
    shared()
        .connect(&db, "postgres")
        .batch_execute(&format!(
            "CREATE TABLE visits AS SELECT n AS id, 61 - n AS person FROM generate_series(1, 60) AS n;
             ALTER TABLE visits ADD PRIMARY KEY (id); GRANT SELECT ON visits TO {role};
             SELECT acct_export_register('visits', 'visits', 'id');
             SELECT acct_export_register('people', 'people', 'id', companions => '{{visits}}', replace => true)"
        ))
        .unwrap();
    let job = completed(
        &mut client,
        r#"'people', 'ndjson', fields => '{id}', include => '{visits}', options => '{"order": ["age desc"]}'"#,
    );
    let file = |client: &mut Client, place: i32| -> Vec<String> {
        let bytes: Vec<u8> =
            client.query_one(&format!("SELECT acct_export_file('{job}', {place})"), &[]).unwrap().get(0);
        objects(&bytes).iter().map(|row| row["id"].to_string()).collect()
    };
    let wanted = column(&mut client, "SELECT id::text AS shown FROM people ORDER BY age DESC, id");
    assert_eq!(file(&mut client, 1), wanted);
    assert_eq!(file(&mut client, 2), (1..=60).map(|id| id.to_string()).collect::<Vec<_>>());
}

/// Accounts on a server that logs plans, made and registered by these statements; a session of a role that reads them.
fn accounts(statements: &[&str]) -> (Cluster, Client) {
    let cluster = Cluster::start(
        ClusterOptions::default()
            .set("shared_preload_libraries", "pg_acctexport,auto_explain")
            .set("auto_explain.log_min_duration", "0"),
    );
    let db = cluster.create_database_with_extension("ordered");
    let role = unique("reader");
    let mut superuser = cluster.connect(&db, "postgres");
    let grant = format!("CREATE ROLE {role} LOGIN; GRANT SELECT ON accounts TO {role}");
    for statement in statements.iter().copied().chain(["VACUUM ANALYZE accounts", &grant]) {
        superuser.batch_execute(statement).unwrap();
    }
    let client = cluster.connect(&db, &role);
    (cluster, client)
}

/// The plan of an export in this order, as the worker ran it.
fn plan(cluster: &Cluster, client: &mut Client, order: &str) -> String {
    let from = cluster.log().len();
    completed(client, &format!("'accounts', 'csv', options => '{{\"order\": [\"{order}\"]}}'"));
    let log = cluster.log();
    let query = log[from..].find("ORDER BY s.\"name\" DESC").expect("the plan is in the log");
    // The rest of the entry: its further lines begin with a tab.
    let lines = log[from + query..].lines().skip(1).take_while(|line| line.starts_with('\t'));
    lines.collect::<Vec<_>>().join("\n")
}

/// No sort where an index has the order: the plan that the worker ran, as auto_explain logs it.
#[test]
fn an_index_gives_the_order() {
    let (cluster, mut client) = accounts(&[
        "CREATE TABLE accounts AS SELECT n AS id, lpad(n::text, 8, '0') AS name FROM generate_series(1, 50000) AS n",
        "ALTER TABLE accounts ADD PRIMARY KEY (id)",
        "CREATE INDEX by_name ON accounts (name DESC NULLS LAST, id)",
        "SELECT acct_export_register('accounts', 'accounts', 'id')",
    ]);
    let served = plan(&cluster, &mut client, "name desc nulls last");
    assert!(served.contains("by_name") && !served.contains("Sort"), "{served}");
    // Another order is sorted.
    let sorted = plan(&cluster, &mut client, "name desc");
    assert!(sorted.contains("Sort"), "{sorted}");
}

/// Under row security, of one tenant.
#[test]
fn an_index_of_the_tenant_gives_the_order() {
    let (cluster, mut client) = accounts(&[
        "CREATE TABLE accounts AS SELECT n AS id, 1 + n % 5 AS tenant, lpad(n::text, 8, '0') AS name FROM generate_series(1, 50000) AS n ORDER BY 2, 3 DESC",
        "ALTER TABLE accounts ADD PRIMARY KEY (id), ENABLE ROW LEVEL SECURITY",
        "CREATE POLICY tenant ON accounts USING (tenant = (SELECT nullif(current_setting('app.tenant_id', true), '')::int))",
        "CREATE INDEX by_name ON accounts (tenant, name DESC NULLS LAST, id)",
        "SELECT acct_export_register('accounts', 'accounts', 'id', tenant_column => 'tenant')",
    ]);
    client.batch_execute("SET app.tenant_id = '3'").unwrap();
    let served = plan(&cluster, &mut client, "name desc nulls last");
    assert!(served.contains("by_name") && !served.contains("Sort"), "{served}");
}
