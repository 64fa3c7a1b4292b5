//! Policies that read a secret choose rows by it, as a WHERE clause does: rows of the table leave, what is counted, joined or ranked over
//! them does not.

use postgres::Client;
use support::common::{error_of, shared, unique};
use support::lineage::barred;

const BASE: &str = "
CREATE SCHEMA app;
CREATE TABLE app.doc (id int PRIMARY KEY, owner int, tenant_id int, title text, share_token text, settings jsonb);
CREATE TABLE app.session (id int PRIMARY KEY, acct int, tenant_id int, token text);
CREATE VIEW app.opened WITH (security_invoker) AS SELECT acct, token AS opened_with FROM app.session;
CREATE TABLE app.folder (id int PRIMARY KEY, doc int, name text);
INSERT INTO app.doc SELECT n, n, 1, 'title ' || n, 't' || n % 2, '{}' FROM generate_series(1, 4) AS n;
INSERT INTO app.session VALUES (1, 1, 1, 't1');
INSERT INTO app.folder SELECT n, n, 'folder ' || n FROM generate_series(1, 4) AS n;
ALTER TABLE app.doc ENABLE ROW LEVEL SECURITY;
CREATE VIEW app.listed WITH (security_invoker) AS SELECT id, upper(title) AS x FROM app.doc;
CREATE VIEW app.counted WITH (security_invoker) AS SELECT f.id, (SELECT count(*) FROM app.doc) AS x FROM app.folder f;
CREATE VIEW app.joined WITH (security_invoker) AS SELECT f.id, d.title AS x FROM app.folder f LEFT JOIN app.doc d ON d.id = f.doc;
CREATE VIEW app.tested WITH (security_invoker) AS SELECT f.id, EXISTS (SELECT FROM app.doc d WHERE d.id = f.doc) AS x FROM app.folder f;
CREATE VIEW app.ranked WITH (security_invoker) AS SELECT id, rank() OVER (ORDER BY title) AS x FROM app.doc;
CREATE VIEW app.above WITH (security_invoker) AS SELECT f.id, (SELECT max(l.x) FROM app.listed l) AS x FROM app.folder f;
CREATE FUNCTION app.seen(int) RETURNS boolean LANGUAGE plpgsql STABLE AS 'BEGIN RETURN $1 > 0; END';
";

/// Views in which the rows of `app.doc` decide on a value.
const OVER_ROWS: &[&str] = &["counted", "joined", "tested", "ranked", "above"];

fn base() -> Client {
    let db = shared().create_database_with_extension("policies");
    let mut client = shared().connect(&db, "postgres");
    client.batch_execute(BASE).unwrap();
    client
}

/// True if `x` of a view leaves; a view of which nothing leaves cannot be registered.
fn leaves(client: &mut Client, view: &str) -> bool {
    let sql = format!("SELECT acct_export_register('{view}', 'app.{view}', 'id', replace => true)");
    match client.query(&sql, &[]) {
        Ok(_) => barred(client, view, "x").is_none(),
        failed => {
            let error = error_of(failed);
            assert_eq!(error.sqlstate, "42501", "{view}: {error:?}");
            false
        }
    }
}

#[track_caller]
fn every(client: &mut Client, policy: &str, wanted: bool) {
    client
        .batch_execute(&format!("CREATE POLICY p ON app.doc {policy}"))
        .unwrap_or_else(|e| panic!("{policy}: {e:?}"));
    assert!(leaves(client, "listed"), "{policy}");
    for view in OVER_ROWS {
        assert_eq!(leaves(client, view), wanted, "{view} with {policy}");
    }
    client.batch_execute("DROP POLICY p ON app.doc").unwrap();
}

#[test]
fn what_is_made_of_rows_that_a_policy_chooses_by_a_secret_is_barred() {
    let mut client = base();
    for policy in [
        "USING (share_token = current_setting('app.share', true))",
        "FOR SELECT TO pg_monitor USING (tenant_id = 1 AND left(share_token, 2) = 't1')",
        "AS RESTRICTIVE USING (share_token LIKE 't%')",
        "USING (EXISTS (SELECT FROM app.session s WHERE s.acct = owner AND s.token = current_setting('app.session', true)))",
        "USING (owner IN (SELECT acct FROM app.session WHERE token = current_setting('app.session', true)))",
        "USING (owner IN (SELECT acct FROM app.opened WHERE opened_with = current_setting('app.session', true)))",
        "USING (owner = (SELECT max(s.acct) FROM app.session s WHERE s.token > share_token))",
        "USING (nullif(share_token, 't1') IS NULL)",
        "USING (settings ->> 'access_token' = 'x')",
        "USING (doc::text LIKE '%t1%')",
        "USING (app.seen(length(share_token)))",
    ] {
        every(&mut client, policy, false);
    }
    // By its declaration.
    client.batch_execute("SELECT acct_export_secret_column('app.doc', 'owner', 'a test')").unwrap();
    every(&mut client, "USING (owner = 1)", false);
}

#[test]
fn policies_that_read_no_secret_bar_nothing() {
    let mut client = base();
    for policy in [
        "USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::int)",
        "USING (share_token IS NOT NULL OR owner = 1)",
        "USING (app.seen(owner))",
        "USING (owner IN (SELECT acct FROM app.session WHERE tenant_id = 1))",
        "USING (EXISTS (SELECT FROM app.session s WHERE s.acct = doc.owner AND s.token IS NOT NULL))",
        "USING (owner::text = current_setting('request.jwt.claims', true)::json ->> 'sub')",
        "USING (settings ->> 'visibility' = 'public' OR settings @> '{\"tags\":[\"a\"]}')",
        "USING (pg_has_role(session_user, 'pg_monitor', 'member'))",
        "USING (current_user IN (SELECT rolname FROM pg_roles))",
        "USING (true)",
        "FOR INSERT WITH CHECK (share_token = 't1')",
        "FOR UPDATE USING (share_token = 't1')",
    ] {
        every(&mut client, policy, true);
    }
    client.batch_execute("ALTER TABLE app.doc DISABLE ROW LEVEL SECURITY").unwrap();
    every(&mut client, "USING (share_token = 't1')", true);
}

/// A policy that comes later bars what was exported before.
#[test]
fn a_policy_that_comes_later_is_found_when_it_is_read() {
    let mut client = base();
    let reader = unique("reader");
    assert!(leaves(&mut client, "counted"));
    client
        .batch_execute(&format!(
            "CREATE ROLE {reader}; GRANT USAGE ON SCHEMA app TO {reader}; GRANT SELECT ON ALL TABLES IN SCHEMA app TO {reader};
             CREATE POLICY p ON app.doc USING (tenant_id = 1); SET ROLE {reader}"
        ))
        .unwrap();
    let lines = |client: &mut Client| client.query("SELECT acct_export_csv('counted')", &[]);
    assert_eq!(lines(&mut client).unwrap().len(), 5);
    client
        .batch_execute(&format!(
            "RESET ROLE; ALTER POLICY p ON app.doc USING (share_token = 't1'); SET ROLE {reader}"
        ))
        .unwrap();
    match lines(&mut client) {
        Ok(rows) => assert!(!rows[0].get::<_, String>(0).contains("X"), "{rows:?}"),
        failed => assert_eq!(error_of(failed).sqlstate, "42501"),
    }
}
