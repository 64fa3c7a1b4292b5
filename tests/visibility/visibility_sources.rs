//! The protection of the rows themselves: row security that is active, sources that cannot leak, disabled users and other
//! tenants in none of the formats.

use support::asking;

use postgres::Client;
use support::asking::{
    asked_before, column, completed, exported, objects, pausable, refusal, refused, text, values_every_way,
};
use support::common::{shared, unique, wait_for_job, TwoTenants, SECRET};

const WAYS: [&str; 3] =
    ["acct_export_start('users', 'csv')::text", "acct_export_csv('users')", "acct_export_ndjson('users')"];

#[test]
fn who_bypasses_row_security_exports_no_tenant() {
    let app = TwoTenants::with_users(shared(), 5);
    let role = unique("bypass");
    app.superuser()
        .batch_execute(&format!(
            "CREATE ROLE {role} LOGIN BYPASSRLS; GRANT USAGE ON SCHEMA app TO {role}; GRANT SELECT ON app.users TO {role}"
        ))
        .unwrap();
    for role in ["postgres", &role] {
        let mut client = app.session(role, 0);
        for way in WAYS {
            let error =
                refused(&mut client, &format!("SELECT {way}"), "42501", "app.users", "all_tenants => true");
            assert!(error.message.contains(role), "{error:?}");
        }
        // All tenants, then, also without one: that is what the argument says.
        for unset in ["", "RESET app.tenant_id"] {
            client.batch_execute(unset).unwrap();
            let rows = objects(&exported(&mut client, "'users', 'ndjson', all_tenants => true"));
            assert_eq!(rows.len(), 10, "{role}");
            let lines = column(&mut client, "SELECT acct_export_ndjson('users', all_tenants => true)");
            assert_eq!(lines.len(), 10, "{role}");
        }
    }
}

#[test]
fn an_owner_is_subject_to_row_security_only_when_forced() {
    let app = TwoTenants::with_users(shared(), 5);
    app.superuser()
        .batch_execute(&format!(
            "GRANT ALL ON SCHEMA app TO {0}; ALTER TABLE app.users OWNER TO {0}",
            app.login
        ))
        .unwrap();
    let mut owner = app.session(&app.login, 0);
    let job = completed(&mut owner, "'users', 'ndjson'");
    assert_eq!(objects(&asking::file(&mut owner, &job)).len(), 5);
    for (change, hint) in [("NO FORCE", "FORCE ROW LEVEL SECURITY"), ("DISABLE", "ENABLE ROW LEVEL SECURITY")]
    {
        owner.batch_execute(&format!("ALTER TABLE app.users {change} ROW LEVEL SECURITY")).unwrap();
        for way in WAYS {
            refused(&mut owner, &format!("SELECT {way}"), "42501", "app.users", hint);
        }
    }
    // Others as well, where it is off for all.
    for way in WAYS {
        let mut other = app.session(&app.nologin, 0);
        refused(&mut other, &format!("SELECT {way}"), "42501", "app.users", "ENABLE ROW LEVEL SECURITY");
    }
}

#[test]
fn row_security_is_on_whatever_the_session_says() {
    let app = TwoTenants::with_users(shared(), 5);
    let mut client = app.session(&app.login, 0);
    client.batch_execute("SET row_security = off").unwrap();
    assert_eq!(objects(&exported(&mut client, "'users', 'ndjson'")).len(), 5);
    assert_eq!(column(&mut client, "SELECT acct_export_ndjson('users')").len(), 5);
    assert_eq!(text(&mut client, "SHOW row_security").as_deref(), Some("off"));
}

/// A table of the source without row security is a hole, also behind a view and beside a table that has it.
#[test]
fn every_base_table_needs_row_security() {
    let app = TwoTenants::create(shared(), 5);
    app.superuser()
        .batch_execute(&format!(
            "CREATE VIEW app.inner_v WITH (security_invoker) AS SELECT u.id, u.tenant_id, u.email, t.name AS tenant
                FROM app.users AS u JOIN app.tenants AS t ON t.id = u.tenant_id;
             CREATE VIEW app.users_v WITH (security_invoker) AS SELECT id, tenant_id, email, tenant FROM app.inner_v;
             GRANT SELECT ON app.tenants, app.inner_v, app.users_v TO {};
             SELECT acct_export_register('users', 'app.users_v', 'id', tenant_column => 'tenant_id', replace => true)",
            app.login
        ))
        .unwrap();
    let mut client = app.session(&app.login, 0);
    for way in WAYS {
        refused(&mut client, &format!("SELECT {way}"), "42501", "app.tenants", "ENABLE ROW LEVEL SECURITY");
    }
    app.superuser()
        .batch_execute(
            "ALTER TABLE app.tenants ENABLE ROW LEVEL SECURITY;
             CREATE POLICY own ON app.tenants USING (id::text = current_setting('app.tenant_id', true))",
        )
        .unwrap();
    let rows = objects(&exported(&mut client, "'users', 'ndjson'"));
    assert!(rows.len() == 5 && rows.iter().all(|row| row["tenant"] == "Tenant A"), "{rows:?}");
}

#[test]
fn sources_that_could_leak_cannot_be_registered() {
    let app = TwoTenants::create(shared(), 5);
    let mut superuser = app.superuser();
    superuser
        .batch_execute(
            "CREATE VIEW app.definer AS SELECT id, tenant_id, email FROM app.users;
             CREATE VIEW app.switched_off WITH (security_invoker = false) AS SELECT id, tenant_id, email FROM app.users;
             CREATE VIEW app.over_definer WITH (security_invoker) AS SELECT id, tenant_id, email FROM app.definer;
             CREATE MATERIALIZED VIEW app.kept AS SELECT id, tenant_id, email FROM app.users;
             CREATE VIEW app.over_kept WITH (security_invoker) AS SELECT id, tenant_id, email FROM app.kept;
             CREATE SEQUENCE app.numbers;
             CREATE VIEW app.renamed WITH (security_invoker) AS SELECT id, tenant_id, password_hash AS nickname FROM app.users;
             CREATE VIEW app.inner_v WITH (security_invoker) AS SELECT id, tenant_id, upper(api_token) AS motto FROM app.users;
             CREATE VIEW app.nested WITH (security_invoker) AS SELECT id, tenant_id, 'x' || motto AS motto FROM app.inner_v;
             CREATE VIEW app.whole WITH (security_invoker) AS SELECT id, tenant_id, to_jsonb(u) AS all_of_it FROM app.users AS u;
             CREATE VIEW app.subquery WITH (security_invoker) AS
                SELECT id, tenant_id, (SELECT max(password_hash) FROM app.users) AS most FROM app.users",
        )
        .unwrap();
    for (source, hint) in [
        ("definer", "security_invoker = true"),
        ("switched_off", "security_invoker = true"),
        ("over_definer", "app.definer SET (security_invoker = true)"),
        ("kept", "security_invoker"),
        ("over_kept", "security_invoker"),
        ("numbers", ""),
    ] {
        let sql =
            format!("SELECT acct_export_register('d', 'app.{source}', 'id', tenant_column => 'tenant_id')");
        // A sequence has no such column, whichever is noticed first.
        let error = if source == "numbers" {
            refusal(&mut superuser, &sql)
        } else {
            refused(&mut superuser, &sql, "42501", "", hint)
        };
        assert!(["42501", "22023"].contains(&error.sqlstate.as_str()), "{source}: {error:?}");
    }
    assert_eq!(column(&mut superuser, "SELECT dataset FROM acct_export_datasets"), Vec::<String>::new());
    // A view that carries a secret under another name is registered without that field.
    for (source, field) in
        [("renamed", "nickname"), ("nested", "motto"), ("whole", "all_of_it"), ("subquery", "most")]
    {
        let sql = format!(
            "SELECT acct_export_register('{source}', 'app.{source}', 'id', tenant_column => 'tenant_id')"
        );
        superuser.batch_execute(&sql).unwrap();
        let sql =
            format!("SELECT field FROM acct_export_fields WHERE dataset = '{source}' AND barred IS NOT NULL");
        assert_eq!(column(&mut superuser, &sql), [field]);
    }
}

/// Registered when it was sound, changed afterwards: refused when asked for, and failed when the change came in between.
#[test]
fn sources_that_drifted_into_a_leak() {
    let cluster = pausable();
    let app = TwoTenants::create(cluster, 5);
    let mut superuser = app.superuser();
    let view = "CREATE OR REPLACE VIEW app.users_v WITH (security_invoker) AS SELECT id, tenant_id, email, name FROM app.users";
    superuser
        .batch_execute(&format!(
            "{view}; GRANT SELECT ON app.users_v TO {};
             SELECT acct_export_register('users', 'app.users_v', 'id', tenant_column => 'tenant_id', replace => true)",
            app.login
        ))
        .unwrap();
    let mut client = app.session(&app.login, 0);
    completed(&mut client, "'users', 'csv'");
    for (drift, hint) in [
        ("ALTER VIEW app.users_v RESET (security_invoker)", "security_invoker"),
        ("ALTER VIEW app.users_v SET (security_invoker = off)", "security_invoker"),
        ("CREATE OR REPLACE VIEW app.users_v AS SELECT id, tenant_id, email, name FROM app.users", "security_invoker"),
        (
            "CREATE OR REPLACE VIEW app.users_v WITH (security_invoker) AS
                SELECT id, tenant_id, email, password_hash AS name FROM app.users",
            "",
        ),
        (
            "CREATE OR REPLACE VIEW app.users_v WITH (security_invoker) AS
                SELECT id, tenant_id, email, u.custom ->> 'api_key' || u.api_token AS name FROM app.users AS u",
            "",
        ),
    ] {
        let job = asked_before(cluster, &mut client, || superuser.batch_execute(drift).unwrap());
        let row = wait_for_job(&mut client, &job);
        assert_eq!(row.get::<_, String>("status"), "failed", "{drift}");
        assert_eq!(row.get::<_, Option<String>>("error_code").as_deref(), Some("42501"), "{drift}");
        let error: String = row.get("error");
        assert!(error.contains("users") && !error.contains(SECRET), "{drift}: {error}");
        for way in WAYS {
            refused(&mut client, &format!("SELECT {way}"), "42501", "", hint);
        }
        let bars = column(&mut client, "SELECT coalesce(barred, '') FROM acct_export_fields");
        // A source that could leak bars all of its fields, a secret that one which carries it.
        let all = !hint.is_empty();
        assert!(bars.len() == 4 && bars.iter().filter(|bar| !bar.is_empty()).count() == if all { 4 } else { 1 }, "{bars:?}");
        assert!(!bars[3].is_empty(), "{drift}: {bars:?}");
        superuser.batch_execute(view).unwrap();
        completed(&mut client, "'users', 'csv'");
    }
}

/// A column or a table that is gone is named, and nothing else is exported in its place.
#[test]
fn sources_that_changed_shape() {
    let cluster = pausable();
    let app = TwoTenants::with_users(cluster, 5);
    let mut client = app.session(&app.login, 0);
    let mut superuser = app.superuser();
    // Fields follow their columns to other names.
    for column in ["phone", "status", "tenant_id", "id"] {
        superuser.batch_execute(&format!("ALTER TABLE app.users RENAME COLUMN {column} TO renamed")).unwrap();
        let row = objects(&exported(&mut client, "'users', 'ndjson'")).remove(0);
        assert!(!row[column].is_null() && row.get("renamed").is_none(), "{row}");
        superuser.batch_execute(&format!("ALTER TABLE app.users RENAME COLUMN renamed TO {column}")).unwrap();
    }
    // One whose column is dropped is left out by default; by name it is refused.
    superuser.batch_execute("ALTER TABLE app.users DROP COLUMN phone").unwrap();
    assert_eq!(objects(&exported(&mut client, "'users', 'ndjson'"))[0].get("phone"), None);
    let error = refusal(&mut client, "SELECT acct_export_csv('users', fields => '{id,phone}')");
    assert!(error.message.contains("\"phone\""), "{error:?}");
    superuser.batch_execute("ALTER TABLE app.users DROP COLUMN status").unwrap();
    let sql = "SELECT acct_export_start('users', 'csv', fields => '{email}')::text";
    refused(&mut client, sql, "42501", "\"status\"", "acct_export_alter");
    superuser
        .batch_execute("SELECT acct_export_alter('users', reset => '{status_column,disabled_values}')")
        .unwrap();
    let job = asked_before(cluster, &mut client, || superuser.batch_execute("DROP TABLE app.users").unwrap());
    let row = wait_for_job(&mut client, &job);
    assert_eq!(
        (row.get::<_, String>("status"), row.get::<_, Option<String>>("error_code")),
        ("failed".into(), Some("42501".into()))
    );
    refused(&mut client, "SELECT acct_export_csv('users')", "42501", "\"users\"", "acct_export_alter");
}

fn ids(client: &mut Client, sql: &str) -> Vec<String> {
    column(client, &format!("SELECT id::text FROM app.users WHERE {sql} ORDER BY users.id"))
}

#[test]
fn disabled_rows_and_other_tenants_are_in_none_of_the_formats() {
    let app = TwoTenants::with_users(shared(), 25);
    let mut superuser = app.superuser();
    for tenant in [0, 1] {
        let own = format!("tenant_id = '{}'", app.tenants[tenant]);
        let all = ids(&mut superuser, &own);
        let enabled = ids(&mut superuser, &format!("{own} AND status <> 'disabled'"));
        assert!(all.len() == 25 && enabled.len() == 23);
        for role in [&app.login, &app.nologin] {
            let mut client = app.session(role, tenant);
            for (arguments, wanted) in [
                ("", &enabled),
                (", include_disabled => NULL", &enabled),
                (", include_disabled => false", &enabled),
                (", include_disabled => true", &all),
            ] {
                let arguments =
                    format!(", fields => '{{id,email}}', options => '{{\"order\":\"key\"}}'{arguments}");
                for (way, values) in values_every_way(&mut client, "users", "id", &arguments) {
                    assert_eq!(values, *wanted, "{way}{arguments}");
                }
            }
        }
    }
    // A filter that names the status decides by itself, within the tenant; one on another field brings none of them back.
    let mut client = app.session(&app.login, 0);
    let own = format!("tenant_id = '{}' AND status = 'disabled'", app.tenants[0]);
    let disabled = ids(&mut superuser, &own);
    let lines = |filter: &str| {
        format!("SELECT acct_export_ndjson('users', filter => '{filter}') ::jsonb ->> 'id' ORDER BY 1")
    };
    let mut found = column(&mut client, &lines(r#"{"status":"disabled"}"#));
    found.sort_by_key(|id| id.parse::<i64>().unwrap());
    assert_eq!(found, disabled);
    let any = column(&mut client, &lines(r#"{"email":{"co":"@"}}"#));
    assert!(!disabled.iter().any(|id| any.contains(id)));
    // Rows without a status are not hidden.
    superuser
        .batch_execute("ALTER TABLE app.users ALTER COLUMN status DROP NOT NULL; UPDATE app.users SET status = NULL WHERE id = 2")
        .unwrap();
    assert_eq!(objects(&exported(&mut client, "'users', 'ndjson'")).len(), 23);
}

/// No secret value in any format, not by default and not inside JSON.
#[test]
fn no_secret_leaves() {
    let app = TwoTenants::with_users(shared(), 5);
    let mut client = app.session(&app.login, 0);
    for (way, values) in values_every_way(&mut client, "users", "custom", "") {
        assert!(
            values.len() == 5 && values.iter().all(|value| value.contains("department")),
            "{way}: {values:?}"
        );
        assert!(
            values.iter().all(|value| !value.contains(SECRET) && !value.contains("api_key")),
            "{way}: {values:?}"
        );
    }
    for format in ["csv", "ndjson", "json"] {
        let bytes = exported(&mut client, &format!("'users', '{format}', reason => 'look for it'"));
        assert!(!String::from_utf8(bytes).unwrap().contains(SECRET), "{format}");
    }
    let barred =
        column(&mut client, "SELECT field FROM acct_export_fields WHERE barred IS NOT NULL ORDER BY 1");
    assert_eq!(barred, ["api_token", "password_hash"]);
}
