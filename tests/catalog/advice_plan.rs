//! Advice on sorts, for which the planner is asked: its estimates, and the code that planning could run.

use postgres::Client;
use support::asking::{column, refusal};
use support::common::{shared, unique, TwoTenants};

/// Advice on sorts.
fn sorts(client: &mut Client, dataset: &str) -> Vec<String> {
    let sql = "SELECT advice FROM acct_export_advice($1) WHERE advice ~ 'sorts about'";
    client.query(sql, &[&dataset]).unwrap().iter().map(|row| row.get(0)).collect()
}

/// 11,000 rows, about 2.5 MB to be sorted of both tenants together; `plain` is the same without an index.
fn scene() -> TwoTenants {
    let app = TwoTenants::create(shared(), 5500);
    app.superuser()
        .batch_execute(&format!(
            "CREATE TABLE app.plain AS SELECT * FROM app.users; ANALYZE app.plain;
             CREATE VIEW app.plain_view WITH (security_invoker) AS SELECT * FROM app.plain WHERE status <> 'gone';
             ALTER TABLE app.plain ENABLE ROW LEVEL SECURITY;
             CREATE POLICY tenant ON app.plain USING (tenant_id = (SELECT current_setting('app.tenant_id', true)::uuid));
             GRANT SELECT ON app.plain, app.plain_view TO {};
             SELECT acct_export_register('whole', 'app.plain', 'id');
             SELECT acct_export_register('by_tenant', 'app.plain_view', 'id', tenant_column => 'tenant_id')",
            app.login
        ))
        .unwrap();
    app
}

#[test]
fn a_sort_that_work_mem_does_not_hold() {
    let app = scene();
    let mut superuser = app.superuser();
    let mut with = |work_mem: &str| {
        superuser.batch_execute(&format!("SET work_mem = '{work_mem}'")).unwrap();
        (sorts(&mut superuser, "whole"), sorts(&mut superuser, "by_tenant"))
    };
    let (whole, by_tenant) = with("64kB");
    assert!(
        whole[0].starts_with("an export of dataset \"whole\" in the order of its key sorts about 2"),
        "{whole:?}"
    );
    assert!(whole[0].ends_with(" kB, more than work_mem (64 kB)"), "{whole:?}");
    assert!(by_tenant[0].ends_with(" for an average tenant, more than work_mem (64 kB)"), "{by_tenant:?}");
    // Of two tenants, one has half of the rows.
    let (whole, by_tenant) = with("2MB");
    assert_eq!((whole.len(), by_tenant), (1, vec![]), "{whole:?}");
    assert_eq!(with("8MB"), (vec![], vec![]));
    let mut client = app.superuser();
    client
        .batch_execute(&format!("SET work_mem = '64kB'; SET app.tenant_id = '{}'", app.tenants[0]))
        .unwrap();
    let set = sorts(&mut client, "by_tenant");
    assert!(set[0].ends_with(" for the tenant that is set, more than work_mem (64 kB)"), "{set:?}");
    // Statistics are of all rows, and nothing for those who see some of them.
    let mut requester = app.session(&app.login, 0);
    for dataset in ["whole", "by_tenant"] {
        let sql = format!("SELECT * FROM acct_export_advice('{dataset}')");
        assert_eq!(refusal(&mut requester, &sql).sqlstate, "42501");
    }
    // With the order from an index nothing is sorted, whether or not a tenant is set.
    superuser
        .batch_execute("SET work_mem = '64kB'; CREATE INDEX ON app.plain (tenant_id, id); ANALYZE app.plain")
        .unwrap();
    for client in [&mut superuser, &mut client] {
        assert_eq!(sorts(client, "by_tenant"), Vec::<String>::new());
    }
}

#[test]
fn registration_warns_of_it() {
    let app = scene();
    let output = shared().psql(
        &["-q", "-d", &app.db],
        "SET work_mem = '64kB'; SELECT acct_export_register('whole', 'app.plain', 'id', replace => true);",
    );
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{told}");
    assert!(
        told.contains("WARNING:  an export of dataset \"whole\" in the order of its key sorts about 2"),
        "{told}"
    );
    assert!(told.contains("HINT:  The sort uses temporary files. Raise work_mem"), "{told}");
}

/// A view of `login`'s whose condition planning evaluates, because it says that it is immutable.
fn with_code(app: &TwoTenants, body: &str) -> Client {
    let login = &app.login;
    app.superuser()
        .batch_execute(&format!(
            "CREATE SCHEMA own AUTHORIZATION {login}; GRANT USAGE ON SCHEMA own TO PUBLIC; SET ROLE {login};
             CREATE FUNCTION own.seen() RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN {body}; RETURN true; END $$;
             CREATE VIEW own.users WITH (security_invoker) AS
                SELECT id, tenant_id, email, created_at FROM app.users WHERE own.seen()"
        ))
        .unwrap();
    shared().connect(&app.db, login)
}

const REGISTER: &str =
    "SELECT acct_export_register('d', 'own.users', 'id', tenant_column => 'tenant_id', replace => true)";

#[test]
fn planning_runs_nobodys_code_as_a_superuser() {
    let app = TwoTenants::create(shared(), 5500);
    let mark = unique("mark");
    let mut owner = with_code(&app, &format!("RAISE LOG '{mark} %', current_user"));
    let (own, forbidden) = (format!("{mark} {}", app.login), format!("{mark} postgres"));
    let mut superuser = app.superuser();
    superuser.batch_execute("SET work_mem = '64kB'").unwrap();
    superuser.batch_execute(REGISTER).unwrap();
    // The other pieces of advice are there.
    let found =
        column(&mut superuser, "SELECT advice FROM acct_export_advice('d') WHERE advice !~ 'refused$'");
    assert_eq!(found.len(), 2, "{found:?}");
    // Nor does it where a superuser has put that code into a view of his own, whose key nothing proves.
    superuser
        .batch_execute(
            "CREATE TABLE app.bare AS SELECT id, tenant_id FROM app.users;
             CREATE VIEW app.choice WITH (security_invoker) AS SELECT id, tenant_id FROM app.bare WHERE own.seen();
             SELECT acct_export_register('choice', 'app.choice', 'id', tenant_column => 'tenant_id');
             SELECT * FROM acct_export_advice('choice')",
        )
        .unwrap();
    assert!(!shared().log().contains(&mark), "{}", shared().log());
    // Its owner gets what the superuser did not: the planner is asked, and runs the code.
    owner.batch_execute(&format!("SET work_mem = '64kB'; SET app.tenant_id = '{}'", app.tenants[0])).unwrap();
    owner.batch_execute(REGISTER).unwrap();
    assert!(shared().log().contains(&own) && !shared().log().contains(&forbidden));
}

#[test]
fn what_cannot_be_planned_is_no_reason_to_refuse() {
    let app = TwoTenants::create(shared(), 5500);
    let mut owner = with_code(&app, "RAISE EXCEPTION 'not now'");
    owner.batch_execute(REGISTER).unwrap();
    assert_eq!(
        column(&mut owner, "SELECT advice FROM acct_export_advice('d') WHERE advice !~ 'refused$'").len(),
        2
    );
    // Nor is a table that who registers may not read.
    app.superuser().batch_execute(&format!("REVOKE ALL ON app.users FROM {}", app.login)).unwrap();
    owner.batch_execute(REGISTER).unwrap();
    assert_eq!(
        column(&mut owner, "SELECT advice FROM acct_export_advice('d') WHERE advice !~ 'refused$'").len(),
        2
    );
}

#[test]
fn a_time_limit_holds_for_the_planner_too() {
    let app = TwoTenants::create(shared(), 5500);
    let mut gate = app.superuser();
    gate.batch_execute("SELECT pg_advisory_lock(4711)").unwrap();
    let mut owner = with_code(&app, "PERFORM pg_catalog.pg_advisory_xact_lock_shared(4711)");
    owner.batch_execute("SET statement_timeout = '300ms'").unwrap();
    assert_eq!(refusal(&mut owner, REGISTER).sqlstate, "57014");
    assert_eq!(column(&mut owner, "SELECT dataset FROM acct_export_datasets"), Vec::<String>::new());
    gate.batch_execute("SELECT pg_advisory_unlock(4711)").unwrap();
    owner.batch_execute(&format!("RESET statement_timeout; {REGISTER}")).unwrap();
}

/// The planner could ask their servers.
#[test]
fn foreign_tables_are_left_alone() {
    let app = TwoTenants::create(shared(), 5);
    let mut superuser = app.superuser();
    superuser
        .batch_execute(
            "CREATE EXTENSION postgres_fdw;
             CREATE SERVER there FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '/nowhere', use_remote_estimate 'true');
             CREATE USER MAPPING FOR PUBLIC SERVER there;
             CREATE FOREIGN TABLE app.far (id int, name text) SERVER there;
             CREATE TABLE app.parts (id int NOT NULL, name text) PARTITION BY LIST (id);
             CREATE FOREIGN TABLE app.part PARTITION OF app.parts DEFAULT SERVER there;
             SELECT acct_export_register('far', 'app.far', 'id');
             SELECT acct_export_register('parts', 'app.parts', 'id')",
        )
        .unwrap();
    for dataset in ["far", "parts"] {
        let sql = format!("SELECT advice FROM acct_export_advice('{dataset}')");
        let found = column(&mut superuser, &sql);
        assert!(found.len() == 1 && found[0].contains("server \"there\" without a time limit"), "{found:?}");
    }
}
