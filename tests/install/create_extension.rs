//! The extension as an object of the database: where it can be created, what it brings, who may touch it, what a dump
//! keeps, and that nothing stays when it goes.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::Stdio;

use postgres::Client;
use support::common::{done, error_of, shared, unique, TwoTenants};

/// First column of every row, as text.
fn column(client: &mut Client, sql: &str) -> Vec<String> {
    client.query(sql, &[]).unwrap().iter().map(|row| row.get(0)).collect()
}

#[test]
fn creates_in_public_by_default() {
    let db = shared().create_database_with_extension("install_public");
    let schemas = column(
        &mut shared().connect(&db, "postgres"),
        "SELECT DISTINCT pronamespace::regnamespace::text FROM pg_proc WHERE proname ~ '^acct_export_'",
    );
    assert_eq!(schemas, ["public"]);
}

#[test]
fn creates_in_the_schema_of_ones_choice() {
    let db = shared().create_database("install_schema");
    let mut client = shared().connect(&db, "postgres");
    client
        .batch_execute("CREATE SCHEMA \"My exports\"; CREATE EXTENSION pg_acctexport SCHEMA \"My exports\"")
        .unwrap();
    let schemas = column(
        &mut client,
        "SELECT DISTINCT s::regnamespace::text FROM (
            SELECT pronamespace FROM pg_proc WHERE proname ~ '^acct_export_'
            UNION ALL SELECT relnamespace FROM pg_class WHERE relname ~ '^acct_export_' AND relkind = 'v') AS o (s)",
    );
    assert_eq!(schemas, ["\"My exports\""]);
    // Its own functions find each other whatever the caller's search_path is.
    client
        .batch_execute(
            "CREATE TABLE public.people (id bigint PRIMARY KEY, name text);
             SET search_path = pg_catalog;
             SELECT \"My exports\".acct_export_register('people', 'public.people', 'id')",
        )
        .unwrap();
    assert_eq!(column(&mut client, "SELECT dataset FROM \"My exports\".acct_export_datasets"), ["people"]);
}

#[test]
fn cannot_be_created_by_an_ordinary_role() {
    let db = shared().create_database("install_rights");
    let role = unique("installer");
    let mut superuser = shared().connect(&db, "postgres");
    superuser
        .batch_execute(&format!("CREATE ROLE {role} LOGIN; GRANT ALL ON DATABASE {db} TO {role}; GRANT ALL ON SCHEMA public TO {role}"))
        .unwrap();
    let error = error_of(shared().connect(&db, &role).batch_execute("CREATE EXTENSION pg_acctexport"));
    assert_eq!(error.sqlstate, "42501");
}

#[test]
fn every_object_has_a_comment() {
    let db = shared().create_database_with_extension("install_comments");
    let bare = column(
        &mut shared().connect(&db, "postgres"),
        "SELECT pg_describe_object(d.classid, d.objid, 0)
         FROM pg_depend AS d JOIN pg_extension AS e ON d.refobjid = e.oid AND d.refclassid = 'pg_extension'::regclass
         WHERE e.extname = 'pg_acctexport' AND d.deptype = 'e'
           AND obj_description(d.objid, d.classid::regclass::name) IS NULL
           -- a sequence that belongs to a column says what it is by that
           AND NOT EXISTS (SELECT FROM pg_depend AS s WHERE s.classid = 'pg_class'::regclass AND s.objid = d.objid
                           AND d.classid = 'pg_class'::regclass AND s.deptype IN ('a', 'i') AND s.refobjsubid > 0)
           -- row types and array types are members from PostgreSQL 17 on
           AND NOT EXISTS (SELECT FROM pg_type AS t LEFT JOIN pg_class AS c ON c.oid = t.typrelid
                           WHERE d.classid = 'pg_type'::regclass AND t.oid = d.objid
                             AND (c.relkind <> 'c' OR EXISTS (SELECT FROM pg_type AS e WHERE e.typarray = t.oid)))
         ORDER BY 1",
    );
    assert!(bare.is_empty(), "without a comment: {bare:#?}");
}

#[test]
fn its_tables_are_closed_to_ordinary_roles() {
    let db = shared().create_database_with_extension("install_closed");
    let role = unique("nobody");
    let mut superuser = shared().connect(&db, "postgres");
    superuser.batch_execute(&format!("CREATE ROLE {role} LOGIN")).unwrap();
    let open = column(
        &mut superuser,
        &format!(
            "SELECT format('schema %s', n.nspname) FROM pg_namespace AS n
             WHERE n.nspname = 'acct_export' AND has_schema_privilege('{role}', n.oid, 'USAGE, CREATE')
             UNION ALL
             SELECT c.oid::regclass::text FROM pg_class AS c
             WHERE c.relnamespace = 'acct_export'::regnamespace AND CASE
                WHEN c.relkind IN ('r', 'p', 'v', 'm', 'f') THEN
                    has_table_privilege('{role}', c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')
                    OR has_any_column_privilege('{role}', c.oid, 'SELECT, INSERT, UPDATE, REFERENCES')
                WHEN c.relkind = 'S' THEN has_sequence_privilege('{role}', c.oid, 'USAGE, SELECT, UPDATE') END"
        ),
    );
    assert!(open.is_empty(), "open to everybody: {open:#?}");

    let tables = column(
        &mut superuser,
        "SELECT oid::regclass::text FROM pg_class
         WHERE relnamespace = 'acct_export'::regnamespace AND relkind IN ('r', 'p', 'v') ORDER BY 1",
    );
    assert!(!tables.is_empty());
    let mut nobody = shared().connect(&db, &role);
    for table in tables {
        let error = error_of(nobody.query(&format!("SELECT * FROM {table}"), &[]));
        assert_eq!(error.sqlstate, "42501", "{table}: {error:?}");
    }
}

#[test]
fn the_schema_of_its_tables_is_not_to_be_had_in_advance() {
    let db = shared().create_database("install_squat");
    let mut client = shared().connect(&db, "postgres");
    client.batch_execute("CREATE SCHEMA acct_export").unwrap();
    // Whoever owns the schema could replace what is in it: the extension has to make it.
    assert_eq!(error_of(client.batch_execute("CREATE EXTENSION pg_acctexport")).sqlstate, "42P06");
}

/// Everything in the database that a CREATE EXTENSION could leave behind.
fn inventory(client: &mut Client) -> BTreeSet<String> {
    column(
        client,
        "SELECT pg_describe_object(o.classid, o.oid, 0) FROM (
            SELECT 'pg_class'::regclass AS classid, oid FROM pg_class WHERE relnamespace <> 'pg_toast'::regnamespace
            UNION ALL SELECT 'pg_proc'::regclass, oid FROM pg_proc
            UNION ALL SELECT 'pg_type'::regclass, oid FROM pg_type WHERE typnamespace <> 'pg_toast'::regnamespace
            UNION ALL SELECT 'pg_namespace'::regclass, oid FROM pg_namespace
            UNION ALL SELECT 'pg_event_trigger'::regclass, oid FROM pg_event_trigger
            UNION ALL SELECT 'pg_trigger'::regclass, oid FROM pg_trigger
            UNION ALL SELECT 'pg_foreign_data_wrapper'::regclass, oid FROM pg_foreign_data_wrapper
            UNION ALL SELECT 'pg_foreign_server'::regclass, oid FROM pg_foreign_server
            UNION ALL SELECT 'pg_default_acl'::regclass, oid FROM pg_default_acl
            UNION ALL SELECT 'pg_cast'::regclass, oid FROM pg_cast
            UNION ALL SELECT 'pg_operator'::regclass, oid FROM pg_operator
            UNION ALL SELECT 'pg_extension'::regclass, oid FROM pg_extension) AS o
         UNION ALL SELECT 'large object ' || oid FROM pg_largeobject_metadata
         UNION ALL SELECT 'setting of role ' || setrole || ', database ' || setdatabase FROM pg_db_role_setting",
    )
    .into_iter()
    .collect()
}

#[test]
fn drops_without_a_trace_and_comes_back() {
    let db = shared().create_database("install_drop");
    let mut client = shared().connect(&db, "postgres");
    client.batch_execute("CREATE TABLE people (id bigint PRIMARY KEY, name text)").unwrap();
    let before = inventory(&mut client);
    for _ in 0..2 {
        client
            .batch_execute(
                "CREATE EXTENSION pg_acctexport;
                 SELECT acct_export_register('people', 'people', 'id');
                 DROP EXTENSION pg_acctexport",
            )
            .unwrap();
        let left: Vec<_> = inventory(&mut client).symmetric_difference(&before).cloned().collect();
        assert!(left.is_empty(), "not as before: {left:#?}");
    }
}

/// Datasets, fields and settings of fields, each row as JSON.
fn catalogue(client: &mut Client) -> Vec<String> {
    column(
        client,
        "SELECT to_jsonb(d)::text FROM acct_export_datasets AS d UNION ALL
         SELECT to_jsonb(f)::text FROM acct_export_fields AS f ORDER BY 1",
    )
}

#[test]
fn a_dump_keeps_datasets_and_fields() {
    let app = TwoTenants::with_users(shared(), 3);
    let mut client = app.superuser();
    client
        .batch_execute(
            // position is a keyword of SQL, to be quoted as the name of an argument
            "SELECT acct_export_set_field('users', 'email', label => 'E-mail \"address\"', \"position\" => 7,
                is_default => false, on_anonymise => 'pseudonymise', mask => 'last4', json_path => 'contact.email');
             CREATE TABLE app.names (name text PRIMARY KEY);
             SELECT acct_export_register('a_names', 'app.names', 'name');
             SELECT acct_export_set_reference('users', 'name', 'a_names')",
        )
        .unwrap();
    let before = catalogue(&mut client);
    assert!(before.iter().any(|row| row.contains("contact.email")), "{before:#?}");

    let copy = shared().create_database("install_restored");
    let dump = done(shared().client("pg_dump").args(["-Fc", &app.db])).stdout;
    let mut restore = shared().client("pg_restore");
    restore.args(["--exit-on-error", "-d", &copy]).stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut restore = restore.spawn().unwrap();
    restore.stdin.take().unwrap().write_all(&dump).unwrap();
    let output = restore.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let mut restored = shared().connect(&copy, "postgres");
    assert_eq!(catalogue(&mut restored), before);
    let references = "SELECT dataset || '.' || field || ' ' || ref_dataset || '.' || ref_field FROM acct_export_references";
    assert_eq!(column(&mut restored, references), ["users.name a_names.name"]);
    // And is alive: what is registered can be changed.
    restored.batch_execute("SELECT acct_export_set_field('users', 'email', label => 'Mail')").unwrap();
}
