//! Datasets of tenants whose source would mix them: tables without row security, foreign tables, keys that are not unique. At
//! registration and when an export is asked for.

use postgres::Client;
use support::asking::{column, exported, objects, refusal, refused};
use support::common::{shared, TwoTenants};

fn register(name: &str, key: &str, tenant: bool) -> String {
    let tenant = if tenant { ", tenant_column => 'tenant_id'" } else { "" };
    format!("SELECT acct_export_register('{name}', 'app.{name}', '{key}'{tenant})::text")
}

/// A view of users joined with a table of `more`, which everybody shares.
fn shared_plans(app: &TwoTenants) {
    app.superuser()
        .batch_execute(&format!(
            "CREATE TABLE app.plans (status text PRIMARY KEY, title text); INSERT INTO app.plans VALUES ('active', 'Paid'), ('invited', 'Trial');
             CREATE VIEW app.members WITH (security_invoker) AS SELECT u.id, u.tenant_id, u.email, p.title FROM app.users u JOIN app.plans p USING (status);
             GRANT SELECT ON app.plans, app.members TO {}",
            app.login
        ))
        .unwrap();
}

/// Tried: a view that joins a table without row security; a superuser may declare it shared, and take that back.
#[test]
fn a_table_without_row_security() {
    let app = TwoTenants::with_users(shared(), 5);
    shared_plans(&app);
    let (mut superuser, mut client) = (app.superuser(), app.session(&app.login, 0));
    superuser.batch_execute(&register("members", "id", true)).unwrap();
    for function in ["acct_export_start", "acct_export_csv", "acct_export_ndjson"] {
        refused(&mut client, &format!("SELECT {function}('members')::text"), "42501", "app.plans", "");
    }
    let declare = "SELECT acct_export_shared_table('app.plans', 'the same plans for all')::text";
    assert_eq!(refusal(&mut client, declare).sqlstate, "42501");
    superuser.batch_execute(declare).unwrap();
    let rows = objects(&exported(&mut client, "'members', 'ndjson'"));
    assert!(
        !rows.is_empty() && rows.iter().all(|row| row["email"].as_str().unwrap().ends_with("@a.example")),
        "{rows:?}"
    );
    assert_eq!(
        column(&mut superuser, "SELECT to_jsonb(d)::text FROM acct_export_declarations AS d").len(),
        1
    );
    superuser.batch_execute("SELECT acct_export_shared_table('app.plans', NULL)").unwrap();
    assert_eq!(refusal(&mut client, "SELECT acct_export_csv('members')").sqlstate, "42501");
    let told = column(
        &mut superuser,
        "SELECT detail::text FROM acct_export_audit WHERE event = 'user.bulk_export.declared'",
    );
    assert_eq!(told.len(), 2, "{told:?}");
    // The users' own table is no shared one in disguise: its rows have tenants.
    superuser.batch_execute("ALTER TABLE app.users DISABLE ROW LEVEL SECURITY").unwrap();
    assert_eq!(refusal(&mut client, "SELECT acct_export_csv('users')").sqlstate, "42501");
}

fn foreign(client: &mut Client) {
    client
        .batch_execute(
            "CREATE EXTENSION file_fdw; CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
             CREATE FOREIGN TABLE app.outside (id int, tenant_id uuid, note text) SERVER files OPTIONS (program 'true', format 'csv');
             CREATE VIEW app.over_outside WITH (security_invoker) AS SELECT id, tenant_id, note FROM app.outside",
        )
        .unwrap();
}

/// Tried: foreign tables, which have no row security at all: by itself, and below a view.
#[test]
fn foreign_tables() {
    let app = TwoTenants::create(shared(), 3);
    let mut superuser = app.superuser();
    foreign(&mut superuser);
    for name in ["outside", "over_outside"] {
        let error = refusal(&mut superuser, &register(name, "id", true));
        assert_eq!((error.sqlstate.as_str(), error.hint.is_some()), ("42501", true), "{name}: {error:?}");
        // Without tenants it is a source like any other.
        superuser.batch_execute(&register(name, "id", false)).unwrap();
        superuser.batch_execute(&format!("SELECT acct_export_unregister('{name}')")).unwrap();
    }
    superuser.batch_execute("SELECT acct_export_shared_table('app.outside', 'a list of countries')").unwrap();
    for name in ["outside", "over_outside"] {
        superuser.batch_execute(&register(name, "id", true)).unwrap();
    }
}

/// Tried: keys that name more than one row, or none: an export pages and compares by them.
#[test]
fn keys_that_are_not_unique() {
    let app = TwoTenants::create(shared(), 3);
    let mut superuser = app.superuser();
    let [a, b] = &app.tenants;
    for (place, (index, fits)) in [
        ("", false),
        ("CREATE INDEX ON TABLE (k)", false),
        ("CREATE UNIQUE INDEX ON TABLE (k)", true),
        ("CREATE UNIQUE INDEX ON TABLE (tenant_id, k)", true),
        ("CREATE UNIQUE INDEX ON TABLE (k, tenant_id)", true),
        ("CREATE UNIQUE INDEX ON TABLE (k) INCLUDE (note)", true),
        ("CREATE UNIQUE INDEX ON TABLE (k, note)", false),
        ("CREATE UNIQUE INDEX ON TABLE (note)", false),
        ("CREATE UNIQUE INDEX ON TABLE (k) WHERE note IS NOT NULL", false),
    ]
    .iter()
    .enumerate()
    {
        let name = format!("keys_{place}");
        superuser
            .batch_execute(&format!(
                "CREATE TABLE app.{name} (k int NOT NULL, tenant_id uuid NOT NULL, note text);
                 INSERT INTO app.{name} VALUES (1, '{a}', 'x'), ({second}, '{a}', NULL), (3, '{b}', 'y');
                 ALTER TABLE app.{name} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY; {}",
                index.replace("TABLE", &format!("app.{name}")),
                second = if *fits { 2 } else { 1 },
            ))
            .unwrap();
        match superuser.batch_execute(&register(&name, "k", true)) {
            Ok(()) => assert!(fits, "{index} is taken for unique"),
            Err(error) => {
                let code = error.as_db_error().unwrap().code().code().to_owned();
                assert!(!fits && code == "22023", "{index}: {error:?}");
            }
        }
    }
    // A view is asked for its rows.
    superuser
        .batch_execute(
            "CREATE VIEW app.one_each WITH (security_invoker) AS SELECT k, tenant_id, note FROM app.keys_2;
             CREATE VIEW app.two_each WITH (security_invoker) AS SELECT k, tenant_id, note FROM app.keys_2, generate_series(1, 2)",
        )
        .unwrap();
    superuser.batch_execute(&register("one_each", "k", false)).unwrap();
    assert_eq!(refusal(&mut superuser, &register("two_each", "k", false)).sqlstate, "22023");
}
