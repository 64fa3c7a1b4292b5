//! Policies that read a setting which no request captures: told at registration and by the advice, until it is listed.

use postgres::Client;
use support::asking::{column, completed};
use support::common::{shared, unique};

fn advice(client: &mut Client) -> Vec<(String, String)> {
    let rows = client
        .query("SELECT advice, hint FROM acct_export_advice('d') WHERE advice LIKE '%capture'", &[])
        .unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

#[test]
fn a_policy_that_reads_another_setting_is_told_until_it_is_listed() {
    let db = shared().create_database_with_extension("settings");
    let role = unique("reader");
    let mut superuser = shared().connect(&db, "postgres");
    superuser
        .batch_execute(&format!(
            "CREATE ROLE {role} LOGIN;
             CREATE TABLE d (id int PRIMARY KEY, owner text, tenant text);
             CREATE TABLE other (id int PRIMARY KEY, owner text);
             INSERT INTO d VALUES (1, 'alice', 't');
             ALTER TABLE d ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
             GRANT SELECT ON d, other TO {role};
             CREATE SCHEMA auth;
             CREATE FUNCTION auth.claims() RETURNS text LANGUAGE plpgsql STABLE AS
                $$ BEGIN RETURN pg_catalog.current_setting ( 'request.claims', true); END $$;
             CREATE FUNCTION auth.uid() RETURNS text LANGUAGE sql STABLE AS $$ SELECT \"auth\".claims() $$;
             CREATE FUNCTION auth.team() RETURNS text STABLE BEGIN ATOMIC SELECT current_setting('app.team', true); END;
             CREATE FUNCTION auth.same(text, text) RETURNS boolean LANGUAGE sql STABLE AS
                $$ SELECT $1 = current_setting('app.same', true) $$;
             CREATE OPERATOR === (LEFTARG = text, RIGHTARG = text, FUNCTION = auth.same);"
        ))
        .unwrap();
    for (policy, named) in [
        ("owner = current_setting('app.username')", "\"app.username\""),
        ("owner = (SELECT nullif(current_setting('App.User', true), ''))", "\"app.user\""),
        ("EXISTS (SELECT FROM other o WHERE o.owner = current_setting('app.inner'))", "\"app.inner\""),
        ("owner = auth.uid()", "\"request.claims\""),
        ("owner = auth.team()", "\"app.team\""),
        ("owner === 'x'", "\"app.same\""),
        ("owner = current_setting('app.a') OR owner = current_setting('app.b')", "\"app.a\", \"app.b\""),
        ("owner = current_setting('application_name')", "\"application_name\""),
    ] {
        superuser.batch_execute(&format!("CREATE POLICY own ON d USING ({policy})")).unwrap();
        let script = "\\set VERBOSITY verbose\nSELECT acct_export_register('d', 'd', 'id');";
        let told = String::from_utf8(shared().psql(&["-q", "-d", &db], script).stderr).unwrap();
        let found = advice(&mut superuser);
        assert_eq!(found.len(), 1, "{policy}: {found:?}");
        let (message, hint) = &found[0];
        assert!(message.contains("policy \"own\" on table public.d") && message.contains(named), "{message}");
        assert!(told.contains(&format!("WARNING:  01000: {message}\nHINT:  {hint}\n")), "{told}");
        // The hint mends it.
        superuser.batch_execute(hint).unwrap();
        assert_eq!(advice(&mut shared().connect(&db, "postgres")), [], "{policy}");
        superuser
            .batch_execute(&format!(
                "ALTER DATABASE {db} RESET acct_export.session_settings; DROP POLICY own ON d; SELECT acct_export_unregister('d')"
            ))
            .unwrap();
    }
    // Captured settings, no settings of a session, and policies that decide about no row that is read.
    for policy in [
        "USING (owner = current_user)",
        "USING (owner = session_user OR owner = current_setting('role'))",
        "USING (tenant = current_setting('app.tenant_id', true))",
        "USING (owner = current_setting('app.user_id', true))",
        "FOR UPDATE USING (owner = current_setting('app.username'))",
        "USING (owner = 'current_setting(''app.username'')')",
    ] {
        superuser
            .batch_execute(&format!(
                "CREATE POLICY own ON d {policy}; SELECT acct_export_register('d', 'd', 'id')"
            ))
            .unwrap();
        assert_eq!(advice(&mut superuser), [], "{policy}");
        superuser.batch_execute("DROP POLICY own ON d; SELECT acct_export_unregister('d')").unwrap();
    }
    // A view is in the way of the rows as a policy is; the tenant's own setting is captured.
    superuser
        .batch_execute(
            "CREATE POLICY own ON d USING (tenant = current_setting('crm.org', true));
             CREATE VIEW v WITH (security_invoker) AS SELECT * FROM d WHERE owner = current_setting('app.username');
             SELECT acct_export_register('d', 'v', 'id', tenant_column => 'tenant');
             UPDATE acct_export.dataset SET tenant_setting = 'crm.org'",
        )
        .unwrap();
    let found = advice(&mut superuser);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].0.starts_with("view public.v reads setting \"app.username\""), "{found:?}");
}

/// The hint keeps the settings that are listed already.
#[test]
fn the_hint_keeps_what_is_listed() {
    let db = shared().create_database_with_extension("settings");
    let role = unique("reader");
    let mut superuser = shared().connect(&db, "postgres");
    superuser
        .batch_execute(&format!(
            "CREATE ROLE {role} LOGIN; CREATE TABLE d (id int PRIMARY KEY, owner text); INSERT INTO d VALUES (1, 'alice'), (2, 'bob');
             ALTER TABLE d ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY; GRANT SELECT ON d TO {role};
             CREATE POLICY own ON d USING (owner = current_setting('app.username', true));
             ALTER DATABASE {db} SET acct_export.session_settings = 'app.first'"
        ))
        .unwrap();
    let mut superuser = shared().connect(&db, "postgres");
    superuser.batch_execute("SELECT acct_export_register('d', 'd', 'id')").unwrap();
    let (_, hint) = advice(&mut superuser).remove(0);
    assert!(hint.contains("'app.first, app.username'"), "{hint}");
    superuser.batch_execute(&hint).unwrap();
    let mut alice = shared().connect(&db, &role);
    alice.batch_execute("SET app.username = 'alice'").unwrap();
    let job = completed(&mut alice, "'d', 'csv'");
    let mut bob = shared().connect(&db, &role);
    bob.batch_execute("SET app.username = 'bob'").unwrap();
    assert_eq!(column(&mut bob, "SELECT job_id::text FROM acct_export_jobs"), Vec::<String>::new(), "{job}");
}
