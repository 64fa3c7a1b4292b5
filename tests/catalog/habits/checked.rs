//! `acct_export_check`: what it says is what an export meets.

use crate::habits::run;
use postgres::Client;
use support::asking::{column, refusal, refused};
use support::common::{shared, unique, TwoTenants};

/// Names of the checks that are not passed.
#[track_caller]
fn failing(client: &mut Client, arguments: &str) -> Vec<String> {
    column(
        client,
        &format!("SELECT DISTINCT check_name FROM acct_export_check({arguments}) WHERE NOT ok ORDER BY 1"),
    )
}

/// The checks that are not passed, which are none exactly where the export is given.
#[track_caller]
fn checked(client: &mut Client) -> Vec<String> {
    let failing = failing(client, "'users'");
    let exported = client.query("SELECT acct_export_csv('users')", &[]).map(|rows| rows.len());
    assert_eq!(failing.is_empty(), exported.is_ok(), "{failing:?}: {exported:?}");
    failing
}

#[test]
fn all_is_well() {
    let app = TwoTenants::with_users(shared(), 3);
    let mut client = app.session(&app.login, 0);
    assert_eq!(checked(&mut client), Vec::<String>::new());
    let all = column(&mut client, "SELECT check_name FROM acct_export_check('users')");
    for name in [
        "source",
        "security_invoker",
        "key",
        "required_roles",
        "select",
        "tenant",
        "row_security",
        "authorize",
        "foreign_code",
        "fields",
        "workers",
    ] {
        assert!(all.iter().any(|found| found == name), "{name}: {all:?}");
    }
    // NULL is the caller.
    assert_eq!(failing(&mut client, "'users', NULL"), Vec::<String>::new());
}

/// Each way to break it, what the check names, and the statement by which its hint mends it.
#[test]
fn what_is_missing_is_named_and_mended() {
    let app = TwoTenants::with_users(shared(), 3);
    let (mut superuser, mut client) = (app.superuser(), app.session(&app.login, 0));
    let role = unique("exporters");
    let login = &app.login;
    run(
        &mut superuser,
        &format!(
            "CREATE ROLE {role};
             CREATE FUNCTION app.may(request jsonb) RETURNS boolean LANGUAGE sql AS 'SELECT true';
             CREATE VIEW app.v WITH (security_invoker) AS SELECT * FROM app.users; GRANT SELECT ON app.v TO {login}"
        ),
    );
    for (breaking, named, mending) in [
        (
            format!("SELECT acct_export_alter('users', required_roles => '{{{role}}}')"),
            "required_roles",
            None,
        ),
        (
            format!(
                "REVOKE SELECT ON app.users FROM {login}; GRANT SELECT (id, email) ON app.users TO {login}"
            ),
            "select",
            None,
        ),
        (format!("REVOKE USAGE ON SCHEMA app FROM {login}"), "select", None),
        (
            "ALTER TABLE app.users DISABLE ROW LEVEL SECURITY".to_owned(),
            "row_security",
            Some("ALTER TABLE app.users ENABLE ROW LEVEL SECURITY"),
        ),
        ("SELECT acct_export_secret_column('app.users', 'name', 'a secret')".to_owned(), "fields", None),
        (
            "SELECT acct_export_alter('users', authorize => 'app.may(jsonb)'); DROP FUNCTION app.may(jsonb)"
                .to_owned(),
            "authorize",
            Some("SELECT acct_export_alter('users', reset => '{authorize}')"),
        ),
        (
            "SELECT acct_export_alter('users', source => 'app.v'); ALTER VIEW app.v RESET (security_invoker)"
                .to_owned(),
            "security_invoker",
            None,
        ),
    ] {
        run(&mut superuser, &breaking);
        // A field that became secret is named by itself, and fails the default request.
        let expected = if named == "fields" { vec!["fields", "request"] } else { vec![named] };
        assert_eq!(checked(&mut client), expected, "{breaking}");
        let hint = column(&mut superuser, &format!("SELECT hint FROM acct_export_check('users', '{login}') WHERE check_name = '{named}' AND NOT ok"));
        run(&mut superuser, mending.unwrap_or(&hint[0]));
        assert_eq!(checked(&mut client), Vec::<String>::new(), "{breaking}: {hint:?}");
    }
    run(&mut client, "RESET app.tenant_id");
    assert_eq!(checked(&mut client), ["tenant"]);
}

#[test]
fn a_role_that_bypasses_row_security_is_told_how() {
    let app = TwoTenants::with_users(shared(), 3);
    let mut superuser = app.superuser();
    run(&mut superuser, &format!("SET app.tenant_id = '{}'", app.tenants[0]));
    let hint = "SELECT DISTINCT hint FROM acct_export_check('users') WHERE NOT ok";
    let hints = column(&mut superuser, hint);
    assert!(hints.len() == 1 && hints[0].contains("all_tenants => true"), "{hints:?}");
}

#[test]
fn a_source_that_is_gone_and_one_that_changed() {
    let app = TwoTenants::with_users(shared(), 3);
    let (mut superuser, mut client) = (app.superuser(), app.session(&app.login, 0));
    run(
        &mut superuser,
        "ALTER TABLE app.users ADD COLUMN nick text; ALTER TABLE app.users RENAME COLUMN phone TO call",
    );
    assert_eq!(checked(&mut client), Vec::<String>::new());
    let sql = "SELECT detail || ' ' || hint FROM acct_export_check('users') WHERE check_name = 'fields'";
    let found = column(&mut client, sql);
    assert!(found[0].contains("\"nick\" added") && found[0].contains("\"call\" renamed"), "{found:?}");
    assert!(found[0].contains("acct_export_refresh('users')"), "{found:?}");
    run(&mut superuser, "DROP TABLE app.users");
    assert_eq!(failing(&mut superuser, "'users'"), ["source"]);
}

#[test]
fn companions_and_values_are_looked_at() {
    let app = TwoTenants::with_users(shared(), 3);
    let (mut superuser, mut client) = (app.superuser(), app.session(&app.login, 0));
    run(
        &mut superuser,
        "CREATE TYPE app.mood AS ENUM ('on', 'off');
         ALTER TABLE app.users ADD COLUMN mood app.mood;
         SELECT acct_export_register('tenants', 'app.tenants', 'id');
         SELECT acct_export_alter('users', companions => '{tenants}', status_column => 'mood', disabled_values => '{off}')",
    );
    assert_eq!(failing(&mut client, "'users'"), ["companions"]);
    run(&mut superuser, &format!("GRANT SELECT ON app.tenants TO {}", app.login));
    assert_eq!(checked(&mut client), Vec::<String>::new());
    run(&mut superuser, "ALTER TYPE app.mood RENAME VALUE 'off' TO 'out'");
    assert_eq!(checked(&mut client), ["disabled_values", "key", "request"]);
}

#[test]
fn who_may_ask() {
    let app = TwoTenants::with_users(shared(), 3);
    let (mut superuser, mut client, stranger) =
        (app.superuser(), app.session(&app.login, 0), unique("stranger"));
    run(&mut superuser, &format!("CREATE ROLE {stranger} LOGIN; GRANT USAGE ON SCHEMA public TO {stranger}"));
    // A role that one is not a member of.
    let other = format!("SELECT * FROM acct_export_check('users', '{}')", app.nologin);
    refused(&mut client, &other, "42501", &app.nologin, "owner");
    superuser.query(&other, &[]).unwrap();
    run(&mut superuser, &format!("GRANT {} TO {}", app.nologin, app.login));
    client.query(&other, &[]).unwrap();
    refused(
        &mut client,
        "SELECT * FROM acct_export_check('users', 'no_such_role')",
        "22023",
        "no_such_role",
        "",
    );
    // A role that may read nothing of it is told nothing of it.
    let mut stranger = shared().connect(&app.db, &stranger);
    let known = refusal(&mut stranger, "SELECT * FROM acct_export_check('users')");
    let unknown = refusal(&mut stranger, "SELECT * FROM acct_export_check('nothing')");
    assert_eq!(known.message.replace("users", "nothing"), unknown.message);
    assert_eq!((known.sqlstate, known.hint), (unknown.sqlstate, unknown.hint));
}

/// The function that authorizes, views and policies are not run.
#[test]
fn nobodys_code_runs() {
    let app = TwoTenants::with_users(shared(), 3);
    let (mut superuser, mark) = (app.superuser(), unique("ran"));
    run(
        &mut superuser,
        &format!(
            "CREATE FUNCTION app.loud() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE LOG '{mark}'; RETURN true; END $$;
             CREATE FUNCTION app.may(request jsonb) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE LOG '{mark}'; RETURN true; END $$;
             CREATE POLICY loud ON app.users AS RESTRICTIVE USING (app.loud());
             CREATE VIEW app.v WITH (security_invoker) AS SELECT * FROM app.users WHERE app.loud();
             GRANT SELECT ON app.v TO {};
             SELECT acct_export_alter('users', authorize => 'app.may(jsonb)');
             SELECT acct_export_alter('users', source => 'app.v')",
            app.login
        ),
    );
    let before = shared().log().matches(&mark).count();
    assert_eq!(failing(&mut app.session(&app.login, 0), "'users'"), Vec::<String>::new());
    failing(&mut superuser, &format!("'users', '{}'", app.login));
    assert_eq!(shared().log().matches(&mark).count(), before);
}
