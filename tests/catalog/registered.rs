//! Registrations that are refused: keys that are none, tenants that a setting cannot name, foreign tables among a tenant's.

use support::asking;

use support::asking::{column, exported, objects, refused};
use support::common::{shared, TwoTenants, SECRET};

#[test]
fn a_key_is_unique_and_never_null() {
    let app = TwoTenants::create(shared(), 3);
    let mut superuser = app.superuser();
    superuser
        .batch_execute(
            "CREATE TABLE app.doubled (id int, tenant_id uuid, doc json);
             INSERT INTO app.doubled VALUES (1, NULL, '{}'), (1, NULL, '{}');
             CREATE TABLE app.holed (id int UNIQUE, tenant_id uuid);
             INSERT INTO app.holed VALUES (1, NULL), (NULL, NULL);
             CREATE TABLE app.partial (id int NOT NULL, gone boolean);
             CREATE UNIQUE INDEX ON app.partial (id) WHERE NOT gone;
             INSERT INTO app.partial VALUES (1, false), (1, true);
             CREATE VIEW app.joined WITH (security_invoker) AS
                SELECT u.id, u.tenant_id FROM app.users u, generate_series(1, 2);
             CREATE VIEW app.spread WITH (security_invoker) AS
                SELECT id, tenant_id, generate_series(1, 2) AS n FROM app.users;
             CREATE VIEW app.both WITH (security_invoker) AS
                SELECT id, tenant_id FROM app.users UNION ALL SELECT id, tenant_id FROM app.users",
        )
        .unwrap();
    for (source, key) in [
        ("doubled", "id"),
        ("doubled", "doc"),
        ("holed", "id"),
        ("partial", "id"),
        ("users", "status"),
        ("joined", "id"),
        ("spread", "id"),
        ("both", "id"),
    ] {
        let sql = format!("SELECT acct_export_register('d', 'app.{source}', '{key}')");
        refused(&mut superuser, &sql, "22023", &format!("\"{key}\""), "unique index");
    }
    let sql = "SELECT acct_export_register('d', 'app.users', 'nothing')";
    refused(&mut superuser, sql, "22023", "\"nothing\"", "Its columns");
    let sql = "SELECT acct_export_register('d', 'app.users', 'api_token')";
    assert_eq!(asking::refusal(&mut superuser, sql).sqlstate, "42501");
    assert_eq!(column(&mut superuser, "SELECT dataset FROM acct_export_datasets"), Vec::<String>::new());
}

#[test]
fn a_key_that_is_unique_is_taken_however_that_is_known() {
    let app = TwoTenants::create(shared(), 3);
    let mut superuser = app.superuser();
    superuser
        .batch_execute(
            "CREATE TABLE app.plain AS SELECT id, tenant_id FROM app.users;
             CREATE TABLE app.per_tenant (id int, tenant_id uuid, PRIMARY KEY (tenant_id, id));
             INSERT INTO app.per_tenant SELECT 1, id FROM app.tenants;
             CREATE TABLE app.parts (id int, tenant_id uuid, PRIMARY KEY (id, tenant_id)) PARTITION BY LIST (tenant_id);
             CREATE TABLE app.part PARTITION OF app.parts DEFAULT;
             INSERT INTO app.parts SELECT 1, id FROM app.tenants;
             CREATE VIEW app.chosen WITH (security_invoker) AS SELECT tenant_id, id AS no FROM app.users WHERE id > 2;
             CREATE VIEW app.grouped WITH (security_invoker) AS SELECT status, count(*) AS n FROM app.users GROUP BY status",
        )
        .unwrap();
    for (source, key, tenant) in [
        ("users", "id", "NULL"),
        ("plain", "id", "NULL"),
        ("per_tenant", "id", "'tenant_id'"),
        ("parts", "id", "'tenant_id'"),
        ("chosen", "no", "'tenant_id'"),
        ("grouped", "status", "NULL"),
    ] {
        superuser
            .batch_execute(&format!(
                "SELECT acct_export_register('d', 'app.{source}', '{key}', tenant_column => {tenant}, replace => true)"
            ))
            .unwrap();
    }
    // Across tenants it is not.
    refused(
        &mut superuser,
        "SELECT acct_export_register('d', 'app.per_tenant', 'id', replace => true)",
        "22023",
        "\"id\"",
        "unique index",
    );
}

#[test]
fn a_tenant_is_something_that_a_setting_can_name() {
    let app = TwoTenants::create(shared(), 1);
    let mut superuser = app.superuser();
    superuser
        .batch_execute(
            "CREATE TYPE app.pair AS (a int, b int);
             CREATE TYPE app.region AS ENUM ('eu', 'us');
             CREATE DOMAIN app.name AS text CHECK (value <> '');
             CREATE TABLE app.t (id int PRIMARY KEY, a jsonb, b bytea, c point, d boolean, e date, f timestamptz, g text[],
                h app.pair, i float8, j json, k xml, l text, m uuid, n int, o app.region, p app.name, q inet, r numeric)",
        )
        .unwrap();
    for bad in "abcdefghijk".chars() {
        let sql = format!("SELECT acct_export_register('d', 'app.t', 'id', tenant_column => '{bad}')");
        refused(&mut superuser, &sql, "22023", &format!("\"{bad}\""), "text, uuid");
    }
    for good in "lmnopqr".chars() {
        superuser
            .batch_execute(&format!(
                "SELECT acct_export_register('d', 'app.t', 'id', tenant_column => '{good}', replace => true)"
            ))
            .unwrap();
    }
}

/// A foreign table has no row security; its columns may stand for others by their options.
#[test]
fn foreign_tables() {
    let app = TwoTenants::with_users(shared(), 3);
    let mut superuser = app.superuser();
    superuser
        .batch_execute(&format!(
            "CREATE EXTENSION file_fdw; CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
             CREATE FOREIGN TABLE app.far (id int, tenant_id uuid, label text, note text)
                SERVER files OPTIONS (program 'printf ''1,{0},far,{SECRET}\\n''', format 'csv');
             CREATE VIEW app.with_far WITH (security_invoker) AS
                SELECT u.id, u.tenant_id, f.label FROM app.users u LEFT JOIN app.far f ON f.id = u.id;
             GRANT SELECT ON app.far, app.with_far TO {1}",
            app.tenants[0], app.login
        ))
        .unwrap();
    for source in ["far", "with_far"] {
        let sql =
            format!("SELECT acct_export_register('d', 'app.{source}', 'id', tenant_column => 'tenant_id', replace => true)");
        refused(&mut superuser, &sql, "42501", "app.far", "acct_export_shared_table");
    }
    // Without tenants it is a source like any other, and so it is once it is said that it holds none of their data.
    superuser.batch_execute("SELECT acct_export_register('far', 'app.far', 'id')").unwrap();
    let mut client = app.session(&app.login, 0);
    assert_eq!(objects(&exported(&mut client, "'far', 'ndjson', fields => '{id,label}'"))[0]["label"], "far");
    superuser
        .batch_execute(
            "SELECT acct_export_shared_table('app.far', 'labels for all');
             SELECT acct_export_register('d', 'app.with_far', 'id', tenant_column => 'tenant_id', replace => true)",
        )
        .unwrap();
    assert_eq!(objects(&exported(&mut client, "'d', 'ndjson'")).len(), 3);
}

/// postgres_fdw's `column_name` says what a column is called over there.
#[test]
fn a_foreign_column_is_what_its_options_say() {
    let app = TwoTenants::with_users(shared(), 3);
    let mut superuser = app.superuser();
    superuser
        .batch_execute(
            "CREATE EXTENSION postgres_fdw; CREATE SERVER there FOREIGN DATA WRAPPER postgres_fdw;
             CREATE FOREIGN TABLE app.far (id int, label text, note text OPTIONS (column_name 'password_hash')) SERVER there;
             CREATE TABLE app.parts (id int, note text) PARTITION BY LIST (id);
             CREATE FOREIGN TABLE app.part PARTITION OF app.parts DEFAULT SERVER there;
             ALTER FOREIGN TABLE app.part ALTER note OPTIONS (column_name 'api_token');
             CREATE TABLE app.none (id int PRIMARY KEY);
             CREATE VIEW app.v WITH (security_invoker) AS
                SELECT n.id, f.label, f.note AS far_note, p.note AS part_note FROM app.none n LEFT JOIN app.far f USING (id)
                  LEFT JOIN app.parts p USING (id) WHERE n.id IS NULL;
             SELECT acct_export_register('v', 'app.v', 'id')",
        )
        .unwrap();
    let sql = "SELECT field FROM acct_export_fields WHERE barred IS NOT NULL AND dataset = 'v' ORDER BY 1";
    assert_eq!(column(&mut superuser, sql), ["far_note", "part_note"]);
}

#[test]
fn rows_are_not_selected_by_a_secret() {
    let app = TwoTenants::create(shared(), 1);
    let mut superuser = app.superuser();
    superuser
        .batch_execute("SELECT acct_export_secret_column('app.users', 'created_at', 'when the key was made')")
        .unwrap();
    for argument in ["created_column => 'created_at'", "status_column => 'api_token'"] {
        let sql = format!("SELECT acct_export_register('d', 'app.users', 'id', {argument})");
        let error = asking::refusal(&mut superuser, &sql);
        assert_eq!(error.sqlstate, "42501", "{argument}: {error:?}");
    }
}
