//! Declarations of superusers: exempt and secret columns, secret names, clean functions, shared tables.

use support::asking;

use postgres::Client;
use support::asking::{column, exported, objects, refused, refused_every_way, text};
use support::common::{shared, TwoTenants, SECRET};

fn barred(client: &mut Client, dataset: &str) -> Vec<String> {
    let sql = format!(
        "SELECT field FROM acct_export_fields WHERE dataset = '{dataset}' AND barred IS NOT NULL ORDER BY field"
    );
    column(client, &sql)
}

/// Kind, object and reason of the last declaration in the audit trail, and who made it.
fn last_event(client: &mut Client) -> String {
    text(
        client,
        "SELECT concat_ws('|', role, detail->>'kind', detail->>'object', detail->>'reason', detail->>'withdrawn')
           FROM acct_export_audit WHERE event = 'user.bulk_export.declared' ORDER BY id DESC LIMIT 1",
    )
    .unwrap()
}

#[test]
fn only_superusers_declare() {
    let app = TwoTenants::with_users(shared(), 3);
    app.superuser()
        .batch_execute(&format!(
            "CREATE FUNCTION app.f(text) RETURNS text LANGUAGE sql AS 'SELECT $1'; ALTER TABLE app.users OWNER TO {}",
            app.login
        ))
        .unwrap();
    let mut owner = app.session(&app.login, 0);
    for call in [
        "exempt_column('app.users', 'password_hash', 'mine')",
        "secret_column('app.users', 'phone', 'mine')",
        "secret_name('phone', 'mine')",
        "clean_function('app.f(text)', 'mine')",
        "shared_table('app.users', 'mine')",
    ] {
        let error = asking::refusal(&mut owner, &format!("SELECT acct_export_{call}"));
        assert_eq!(error.sqlstate, "42501", "{call}: {error:?}");
    }
    let error = asking::refusal(&mut owner, "SELECT * FROM acct_export_declarations");
    assert_eq!(error.sqlstate, "42501");
    let error =
        asking::refusal(&mut owner, "SELECT acct_export.declare('shared_table', 1, NULL, NULL, NULL, 'x')");
    assert_eq!(error.sqlstate, "42501");
    assert_eq!(
        column(&mut app.superuser(), "SELECT object FROM acct_export_declarations"),
        Vec::<String>::new()
    );
}

#[test]
fn an_exempt_column_leaves_until_it_is_withdrawn() {
    let app = TwoTenants::with_users(shared(), 3);
    let (mut superuser, mut client) = (app.superuser(), app.session(&app.login, 0));
    refused_every_way(&mut client, "fields => '{id,api_token}'", "42501", "\"api_token\"", "");
    superuser
        .batch_execute("SELECT acct_export_exempt_column('app.users', 'api_token', 'a public handle')")
        .unwrap();
    assert_eq!(last_event(&mut superuser), "postgres|exempt_column|app.users.api_token|a public handle");
    assert_eq!(barred(&mut superuser, "users"), ["password_hash"]);
    let rows = objects(&exported(&mut client, "'users', 'ndjson', fields => '{id,api_token}'"));
    assert!(rows.len() == 3 && rows[0]["api_token"].as_str().unwrap().starts_with(SECRET), "{rows:?}");
    // By default it leaves once the dataset is registered again; another column's exemption stays its own.
    assert_eq!(objects(&exported(&mut client, "'users', 'ndjson'"))[0].get("api_token"), None);
    app.register(&mut superuser);
    assert!(objects(&exported(&mut client, "'users', 'ndjson'"))[0].get("api_token").is_some());
    superuser.batch_execute("SELECT acct_export_exempt_column('app.users', 'api_token', NULL)").unwrap();
    assert_eq!(last_event(&mut superuser), "postgres|exempt_column|app.users.api_token|true");
    assert_eq!(barred(&mut superuser, "users"), ["api_token", "password_hash"]);
    refused_every_way(&mut client, "since => '2020-01-01'", "42501", "\"api_token\"", "acct_export_refresh");
}

/// A column that is declared secret is barred at once; exports that would hold it fail until the dataset is registered again.
#[test]
fn a_column_declared_secret_is_barred_at_once() {
    let app = TwoTenants::with_users(shared(), 3);
    let (mut superuser, mut client) = (app.superuser(), app.session(&app.login, 0));
    superuser
        .batch_execute(&format!(
            "CREATE VIEW app.v WITH (security_invoker) AS SELECT id, tenant_id, upper(phone) AS remark, email FROM app.users;
             GRANT SELECT ON app.v TO {};
             SELECT acct_export_register('v', 'app.v', 'id', tenant_column => 'tenant_id');
             SELECT acct_export_secret_column('app.users', 'phone', 'codes are sent there')",
            app.login
        ))
        .unwrap();
    assert_eq!(barred(&mut superuser, "users"), ["api_token", "password_hash", "phone"]);
    assert_eq!(barred(&mut superuser, "v"), ["remark"]);
    refused_every_way(&mut client, "since => '2020-01-01'", "42501", "\"phone\"", "acct_export_refresh");
    refused_every_way(
        &mut client,
        r#"fields => '{id}', filter => '{"phone":{"sw":"0"}}'"#,
        "42501",
        "phone",
        "",
    );
    app.register(&mut superuser);
    assert_eq!(objects(&exported(&mut client, "'users', 'ndjson'"))[0].get("phone"), None);
    superuser.batch_execute("SELECT acct_export_secret_column('app.users', 'phone', '')").unwrap();
    assert_eq!(barred(&mut superuser, "v"), Vec::<String>::new());
}

#[test]
fn a_declared_name_holds_for_columns_and_json_keys() {
    let app = TwoTenants::create(shared(), 3);
    let (mut superuser, mut client) = (app.superuser(), app.session(&app.login, 0));
    superuser
        .batch_execute(
            "ALTER TABLE app.users ADD \"employeeBadgeNo\" text DEFAULT 'B-1', ADD badge text DEFAULT 'scout';
             UPDATE app.users SET custom = custom || '{\"employee_badge\": \"B-2\", \"deep\": [{\"employee-badge\": \"B-3\"}]}';
             SELECT acct_export_secret_name('employee_badge', 'opens doors')",
        )
        .unwrap();
    app.register(&mut superuser);
    assert_eq!(barred(&mut superuser, "users"), ["api_token", "employeeBadgeNo", "password_hash"]);
    for format in ["csv", "ndjson", "json"] {
        let file = String::from_utf8(exported(&mut client, &format!("'users', '{format}'"))).unwrap();
        assert!(file.contains("scout") && !file.contains("B-"), "{file}");
    }
    let lines = column(&mut client, "SELECT acct_export_ndjson('users')").join("\n");
    assert!(lines.contains("scout") && !lines.contains("B-"), "{lines}");
    refused_every_way(
        &mut client,
        r#"filter => '{"custom.employee_badge":"B-2"}'"#,
        "42501",
        "employee_badge",
        "",
    );
}

#[test]
fn a_clean_function_lets_its_field_leave() {
    let app = TwoTenants::create(shared(), 3);
    let (mut superuser, mut client) = (app.superuser(), app.session(&app.login, 0));
    superuser
        .batch_execute(&format!(
            "CREATE FUNCTION app.initial(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT left($1, 1)';
             CREATE VIEW app.v WITH (security_invoker) AS
                SELECT id, tenant_id, app.initial(email) AS initial, app.initial(password_hash) AS other FROM app.users;
             GRANT SELECT ON app.v, app.users TO {0}; GRANT USAGE ON SCHEMA app TO {0};
             SELECT acct_export_register('v', 'app.v', 'id', tenant_column => 'tenant_id')",
            app.login
        ))
        .unwrap();
    assert_eq!(barred(&mut superuser, "v"), ["initial", "other"]);
    refused(&mut client, "SELECT acct_export_csv('v', fields => '{initial}')", "42501", "app.initial", "");
    superuser.batch_execute("SELECT acct_export_clean_function('app.initial', 'reads nothing')").unwrap_err();
    superuser
        .batch_execute("SELECT acct_export_clean_function('app.initial(text)', 'reads nothing')")
        .unwrap();
    assert_eq!(barred(&mut superuser, "v"), ["other"]);
    let rows = objects(&exported(&mut client, "'v', 'ndjson', fields => '{id,initial}'"));
    assert!(rows.len() == 3 && rows.iter().all(|row| row["initial"] == "u"), "{rows:?}");
}

/// Reference tables have no tenant, and no row security.
#[test]
fn a_shared_table_needs_no_row_security() {
    let app = TwoTenants::create(shared(), 3);
    let (mut superuser, mut client) = (app.superuser(), app.session(&app.login, 0));
    superuser
        .batch_execute(&format!(
            "CREATE TABLE app.profiles (id text PRIMARY KEY, label text);
             INSERT INTO app.profiles VALUES ('active', 'Active people');
             CREATE VIEW app.v WITH (security_invoker) AS
                SELECT u.id, u.tenant_id, u.email, p.label FROM app.users u LEFT JOIN app.profiles p ON p.id = u.status;
             GRANT SELECT ON app.v, app.profiles TO {};
             SELECT acct_export_register('users', 'app.v', 'id', tenant_column => 'tenant_id', replace => true)",
            app.login
        ))
        .unwrap();
    refused_every_way(
        &mut client,
        "fields => '{id,label}'",
        "42501",
        "app.profiles",
        "acct_export_shared_table",
    );
    superuser.batch_execute("SELECT acct_export_shared_table('app.profiles', 'the same for all')").unwrap();
    let rows = objects(&exported(&mut client, "'users', 'ndjson'"));
    assert!(rows.len() == 3 && rows.iter().any(|row| row["label"] == "Active people"), "{rows:?}");
    let listed = "SELECT concat_ws('|', kind, object, reason, declared_by) FROM acct_export_declarations";
    assert_eq!(column(&mut superuser, listed), ["shared_table|app.profiles|the same for all|postgres"]);
    superuser.batch_execute("SELECT acct_export_shared_table('app.profiles', NULL)").unwrap();
    refused_every_way(&mut client, "fields => '{id,label}'", "42501", "app.profiles", "");
    assert_eq!(column(&mut superuser, listed), Vec::<String>::new());
}

#[test]
fn mistakes_are_named() {
    let app = TwoTenants::create(shared(), 1);
    let mut superuser = app.superuser();
    for (call, named) in [
        ("exempt_column('app.users', 'no_such', 'x')", "no_such"),
        ("exempt_column('app.users', NULL, 'x')", "column_name"),
        ("exempt_column(NULL, 'email', 'x')", "relation"),
        ("secret_column('app.users', 'email', NULL)", "app.users.email"),
        ("secret_name('4711', 'x')", "letters"),
        ("secret_name(NULL, 'x')", "name"),
        ("clean_function(NULL, 'x')", "function"),
        ("shared_table('app.users', ' ')", "app.users"),
    ] {
        let error = asking::refusal(&mut superuser, &format!("SELECT acct_export_{call}"));
        assert!(error.sqlstate == "22023" && error.message.contains(named), "{call}: {error:?}");
    }
    // A second word replaces the first; a table that is gone takes its declarations along.
    superuser
        .batch_execute(
            "CREATE TABLE app.gone (id int PRIMARY KEY, pin text);
             SELECT acct_export_exempt_column('app.gone', 'pin', 'one');
             SELECT acct_export_exempt_column('app.gone', 'pin', 'two')",
        )
        .unwrap();
    assert_eq!(column(&mut superuser, "SELECT reason FROM acct_export_declarations"), ["two"]);
    superuser.batch_execute("DROP TABLE app.gone").unwrap();
    app.register(&mut superuser);
    assert_eq!(barred(&mut superuser, "users"), ["api_token", "password_hash"]);
}
