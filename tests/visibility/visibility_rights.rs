//! The rights to export: required roles, SELECT on columns, the authorize function. Checked when the export is asked for, again
//! when it runs, and again when its file is read.

use postgres::Client;
use support::asking::{column, completed, exported, file, objects, refusal, refused, start, text};
use support::common::{shared, unique, wait_for_job, TwoTenants};

/// Asks in a transaction that is open while the superuser changes something: the change lies between asking and running.
#[track_caller]
fn asked_before(app: &TwoTenants, client: &mut Client, arguments: &str, change: &str) -> String {
    client.batch_execute("BEGIN").unwrap();
    let job = start(client, arguments);
    app.superuser().batch_execute(&format!("SET lock_timeout = '10s'; {change}")).unwrap();
    client.batch_execute("COMMIT").unwrap();
    job
}

/// The job fails for lack of a right, names what is missing, and has no file.
#[track_caller]
fn fails_for_rights(client: &mut Client, job: &str, named: &str) {
    let row = wait_for_job(client, job);
    let (status, error): (String, Option<String>) = (row.get("status"), row.get("error"));
    assert_eq!(status, "failed", "{error:?}");
    assert_eq!(row.get::<_, Option<String>>("error_code").as_deref(), Some("42501"), "{error:?}");
    let error = error.unwrap();
    assert!(error.contains(named), "the error does not name {named}: {error}");
    assert_eq!(row.get::<_, serde_json::Value>("files"), serde_json::json!([]));
}

/// The three ways to the bytes, all refused with 42501, its hint naming `named`.
#[track_caller]
fn no_download(client: &mut Client, job: &str, named: &str) {
    for sql in [
        format!("SELECT acct_export_file('{job}')"),
        format!("SELECT * FROM acct_export_chunks('{job}')"),
        format!("SELECT acct_export_large_object('{job}')"),
    ] {
        refused(client, &sql, "42501", "", named);
    }
}

#[test]
fn all_required_roles_are_required() {
    let app = TwoTenants::create(shared(), 5);
    let (first, second) = (unique("exporters"), unique("auditors"));
    let mut superuser = app.superuser();
    superuser
        .batch_execute(&format!(
            "CREATE ROLE {first}; CREATE ROLE {second};
             SELECT acct_export_register('users', 'app.users', 'id', tenant_column => 'tenant_id',
                 required_roles => '{{{first},{second}}}')"
        ))
        .unwrap();
    let mut client = app.session(&app.login, 0);
    let ways = [
        "acct_export_start('users', 'csv')::text",
        "acct_export_csv('users')",
        "acct_export_ndjson('users')",
    ];
    let hint_of = |client: &mut Client| {
        ways.map(|way| refused(client, &format!("SELECT {way}"), "42501", "\"users\"", "").hint.unwrap())
    };
    assert!(hint_of(&mut client).iter().all(|hint| hint.contains(&first) && hint.contains(&second)));
    assert_eq!(column(&mut client, "SELECT dataset FROM acct_export_datasets"), Vec::<String>::new());
    assert_eq!(column(&mut client, "SELECT field FROM acct_export_fields"), Vec::<String>::new());

    superuser.batch_execute(&format!("GRANT {first} TO {}", app.login)).unwrap();
    assert!(hint_of(&mut client).iter().all(|hint| !hint.contains(&first) && hint.contains(&second)));
    superuser.batch_execute(&format!("GRANT {second} TO {}", app.login)).unwrap();
    assert_eq!(column(&mut client, "SELECT dataset FROM acct_export_datasets"), ["users"]);
    let job = completed(&mut client, "'users', 'csv'");
    assert_eq!(column(&mut client, "SELECT acct_export_csv('users')").len(), 6);

    // Revoked while the next one is queued, and before the file of the first is read.
    let revoke = format!("REVOKE {second} FROM {}", app.login);
    let queued = asked_before(&app, &mut client, "'users', 'json'", &revoke);
    fails_for_rights(&mut client, &queued, &second);
    no_download(&mut client, &job, &second);
    refused(
        &mut client,
        &format!("SELECT acct_export_retry('{queued}')::text"),
        "42501",
        "\"users\"",
        &second,
    );

    superuser.batch_execute(&format!("GRANT {second} TO {}", app.login)).unwrap();
    assert!(!file(&mut client, &job).is_empty());
    let again = text(&mut client, &format!("SELECT acct_export_retry('{queued}')::text")).unwrap();
    assert_eq!(wait_for_job(&mut client, &again).get::<_, String>("status"), "completed");
}

#[test]
fn the_reader_of_the_file_needs_the_roles_not_only_the_requester() {
    let app = TwoTenants::create(shared(), 5);
    let (required, group, member) = (unique("required"), unique("group"), unique("member"));
    app.superuser()
        .batch_execute(&format!(
            "CREATE ROLE {required}; CREATE ROLE {group} IN ROLE {required}; CREATE ROLE {member} LOGIN IN ROLE {group};
             GRANT USAGE ON SCHEMA app TO {group}; GRANT SELECT ON app.users TO {group};
             SELECT acct_export_register('users', 'app.users', 'id', tenant_column => 'tenant_id',
                 required_roles => '{{{required}}}')"
        ))
        .unwrap();
    let mut client = app.session(&member, 0);
    client.batch_execute(&format!("SET ROLE {group}")).unwrap();
    let job = completed(&mut client, "'users', 'csv'");
    app.superuser().batch_execute(&format!("REVOKE {required} FROM {group}")).unwrap();
    no_download(&mut client, &job, &required);
    no_download(&mut app.session(&member, 0), &job, &required);
}

#[test]
fn select_on_every_column_that_is_named() {
    let app = TwoTenants::with_users(shared(), 5);
    let role = unique("columns");
    let mut superuser = app.superuser();
    superuser
        .batch_execute(&format!(
            "CREATE ROLE {role} LOGIN; GRANT USAGE ON SCHEMA app TO {role};
             GRANT SELECT (id, tenant_id, email, status, created_at) ON app.users TO {role}"
        ))
        .unwrap();
    let mut client = app.session(&role, 0);
    let granted = "'users', 'ndjson', fields => '{id,email}'";
    let rows = objects(&exported(&mut client, &format!("{granted}, start_date => '2025-01-01'")));
    assert_eq!(rows.len(), 5);
    for (arguments, missing) in [
        ("fields => NULL", "name"),
        ("fields => '{id,phone}'", "phone"),
        (r#"fields => '{id}', filter => '{"name":null}'"#, "name"),
        (r#"fields => '{id}', filter => '{"or":[{"id":1},{"not":{"phone":"x"}}]}'"#, "phone"),
        (r#"fields => '{id}', filter => '{"custom.department":"D1"}'"#, "custom"),
        (r#"fields => '{id}', filter => '{"updated_after":"2025-01-01"}'"#, "updated_at"),
        ("fields => '{id}', end_date => '2025-01-01', period_field => 'last_login'", "last_login"),
    ] {
        for sql in [
            format!("SELECT acct_export_start('users', 'csv', {arguments})::text"),
            format!("SELECT acct_export_ndjson('users', {arguments})"),
        ] {
            refused(&mut client, &sql, "42501", "app.users", missing);
        }
    }
    // The columns that the query needs beside those it shows: key, tenant, status.
    for needed in ["id", "tenant_id", "status"] {
        superuser.batch_execute(&format!("REVOKE SELECT ({needed}) ON app.users FROM {role}")).unwrap();
        let sql = "SELECT acct_export_start('users', 'csv', fields => '{email}')::text";
        refused(&mut client, sql, "42501", "app.users", needed);
        superuser.batch_execute(&format!("GRANT SELECT ({needed}) ON app.users TO {role}")).unwrap();
    }
    let revoke = format!("REVOKE SELECT (email) ON app.users FROM {role}");
    let queued = asked_before(&app, &mut client, granted, &revoke);
    fails_for_rights(&mut client, &queued, "email");
}

#[test]
fn select_is_asked_for_again_when_the_file_is_read() {
    let app = TwoTenants::with_users(shared(), 5);
    let mut client = app.session(&app.login, 0);
    let job = completed(&mut client, "'users', 'csv', fields => '{id,email}'");
    app.superuser().batch_execute(&format!("REVOKE SELECT ON app.users FROM {}", app.login)).unwrap();
    no_download(&mut client, &job, "email");
    app.superuser()
        .batch_execute(&format!("GRANT SELECT (id, tenant_id, email, status) ON app.users TO {}", app.login))
        .unwrap();
    assert!(!file(&mut client, &job).is_empty());
}

#[test]
fn the_authorize_function_is_asked_again_when_the_file_is_read() {
    let app = authorized("SELECT true");
    let mut client = app.session(&app.login, 0);
    let job = completed(&mut client, "'users', 'csv'");
    set_authorize(&app, "SELECT false");
    for way in ["file", "large_object"] {
        let error = refusal(&mut client, &format!("SELECT acct_export_{way}('{job}')"));
        assert_eq!(error.sqlstate, "42501", "{error:?}");
    }
}

fn set_authorize(app: &TwoTenants, body: &str) {
    app.superuser()
        .batch_execute(&format!(
            "CREATE OR REPLACE FUNCTION app.may_export(request jsonb) RETURNS boolean LANGUAGE sql AS $f$ {body} $f$"
        ))
        .unwrap();
}

/// Users, with an authorize function of this SQL body.
fn authorized(body: &str) -> TwoTenants {
    let app = TwoTenants::create(shared(), 5);
    set_authorize(&app, body);
    app.superuser()
        .batch_execute(
            "SELECT acct_export_register('users', 'app.users', 'id', tenant_column => 'tenant_id',
                created_column => 'created_at', authorize => 'app.may_export(jsonb)', replace => true)",
        )
        .unwrap();
    app
}

#[test]
fn the_authorize_function_decides() {
    let app = authorized("SELECT true");
    let mut client = app.session(&app.login, 0);
    completed(&mut client, "'users', 'csv'");
    for no in [
        "SELECT false",
        "SELECT NULL::boolean",
        "SELECT true WHERE false",
        "SELECT 1 / 0 = 1",
        "SELECT ('R0WVALUE' || id)::int = 1 FROM app.users LIMIT 1",
    ] {
        set_authorize(&app, no);
        for way in [
            "acct_export_start('users', 'json')::text",
            "acct_export_csv('users')",
            "acct_export_ndjson('users')",
        ] {
            let error = refusal(&mut client, &format!("SELECT {way}"));
            assert_eq!(error.sqlstate, "42501", "{no}: {error:?}");
            assert!(error.message.contains("\"users\""), "{no}: {error:?}");
            assert!(!format!("{error:?}").contains("R0WVALUE"), "{error:?}");
        }
        set_authorize(&app, "SELECT true");
        let change = format!("CREATE OR REPLACE FUNCTION app.may_export(request jsonb) RETURNS boolean LANGUAGE sql AS $f$ {no} $f$");
        let queued = asked_before(&app, &mut client, "'users', 'json'", &change);
        fails_for_rights(&mut client, &queued, "users");
    }
    assert!(!shared().log().contains("integer: \"R0WVALUE"), "the server's log tells a row's value");
    // A function that is gone cannot say yes.
    set_authorize(&app, "SELECT true");
    let queued = asked_before(&app, &mut client, "'users', 'json'", "DROP FUNCTION app.may_export");
    fails_for_rights(&mut client, &queued, "users");
    refused(&mut client, "SELECT acct_export_csv('users')", "42501", "\"users\"", "");
}

#[test]
fn the_authorize_function_gets_the_request_and_runs_as_the_requester() {
    // Every condition has to hold both when it is asked for and, in the worker, when it runs.
    let app = authorized(
        "SELECT request ->> 'dataset' = 'users' AND request ->> 'format' = 'csv' AND request ->> 'reason' = 'please'
            AND request -> 'filter' = '{\"id\":{\"gt\":0}}' AND request -> 'fields' = '[\"id\",\"email\"]'
            AND current_user = current_setting('app.expected') AND session_user = current_user
            AND current_setting('app.tenant_id') = (SELECT min(tenant_id::text) FROM app.users)
            AND (SELECT count(DISTINCT tenant_id) FROM app.users) = 1",
    );
    app.superuser().batch_execute(&format!("ALTER ROLE {0} SET app.expected = '{0}'", app.login)).unwrap();
    app.superuser()
        .batch_execute(&format!(
            "ALTER DATABASE {} SET acct_export.session_settings = 'app.expected'",
            app.db
        ))
        .unwrap();
    let mut client = app.session(&app.login, 1);
    let asked = r#"'users', 'csv', filter => '{"id":{"gt":0}}', fields => '{id,email}', reason => 'please'"#;
    completed(&mut client, asked);
    for other in [
        asked.replace("'csv'", "'json'"),
        asked.replace("please", "now"),
        asked.replace("\"gt\":0", "\"gt\":1"),
        asked.replace("{id,email}", "{email,id}"),
    ] {
        let error = refusal(&mut client, &format!("SELECT acct_export_start({other})::text"));
        assert_eq!(error.sqlstate, "42501", "{other}: {error:?}");
    }
}

#[test]
fn the_authorize_function_cannot_change_anything() {
    let app = authorized("SELECT true");
    let mut superuser = app.superuser();
    superuser
        .batch_execute(
            "CREATE TABLE app.written (n int); GRANT ALL ON app.written TO PUBLIC;
             CREATE OR REPLACE FUNCTION app.may_export(request jsonb) RETURNS boolean LANGUAGE plpgsql AS $f$
             BEGIN INSERT INTO app.written VALUES (1); RETURN true; END $f$",
        )
        .unwrap();
    let mut client = app.session(&app.login, 0);
    for way in ["acct_export_start('users', 'json')::text", "acct_export_csv('users')"] {
        let error = refusal(&mut client, &format!("SELECT {way}"));
        assert_eq!(error.sqlstate, "42501", "{error:?}");
    }
    for escape in ["RESET ROLE", "SET SESSION AUTHORIZATION DEFAULT"] {
        superuser
            .batch_execute(&format!(
                "CREATE OR REPLACE FUNCTION app.may_export(request jsonb) RETURNS boolean LANGUAGE plpgsql AS $f$
                 BEGIN {escape}; RETURN true; END $f$"
            ))
            .unwrap();
        let error = refusal(&mut client, "SELECT acct_export_csv('users')");
        assert_eq!(error.sqlstate, "42501", "{escape}: {error:?}");
    }
    assert_eq!(text(&mut superuser, "SELECT count(*)::text FROM app.written").as_deref(), Some("0"));
}

/// The name can belong to another function, or the function to another role, by the time of a request.
#[test]
fn a_function_of_another_role_authorizes_nothing() {
    let app = authorized("SELECT true");
    let job = completed(&mut app.session(&app.login, 0), "'users', 'csv'");
    let other = unique("other");
    let mut superuser = app.superuser();
    superuser
        .batch_execute(&format!("CREATE ROLE {other}; GRANT USAGE, CREATE ON SCHEMA app TO {other}"))
        .unwrap();
    let replaced = format!(
        "DROP FUNCTION app.may_export(jsonb); SET ROLE {other};
         CREATE FUNCTION app.may_export(jsonb) RETURNS boolean LANGUAGE sql AS 'SELECT true'; RESET ROLE"
    );
    let given_away = format!("ALTER FUNCTION app.may_export(jsonb) OWNER TO {other}");
    for change in [given_away, replaced] {
        superuser.batch_execute(&change).unwrap();
        let mut client = app.session(&app.login, 0);
        for sql in [
            "SELECT acct_export_start('users', 'csv')".to_owned(),
            "SELECT acct_export_csv('users')".to_owned(),
            format!("SELECT acct_export_file('{job}')"),
        ] {
            let error = refusal(&mut client, &sql);
            assert_eq!(error.sqlstate, "42501", "{change}: {sql}: {error:?}");
            assert!(error.message.contains("not authorized"), "{change}: {sql}: {error:?}");
        }
        let broken = "SELECT broken FROM acct_export_datasets WHERE dataset = 'users'";
        assert!(
            text(&mut client, broken).is_some_and(|broken| broken.contains("app.may_export")),
            "{change}"
        );
        superuser
            .batch_execute(
                "ALTER FUNCTION app.may_export(jsonb) OWNER TO postgres; DROP FUNCTION app.may_export(jsonb)",
            )
            .unwrap();
        set_authorize(&app, "SELECT true");
        assert!(!file(&mut client, &job).is_empty());
    }
}
