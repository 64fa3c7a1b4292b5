//! `acct_export_refresh`: fields follow the columns of the source.

use crate::habits::{part, rows, run};
use postgres::Client;
use support::asking::{column, completed, refusal, refused, text};
use support::common::{shared, TwoTenants};

#[track_caller]
fn refreshed(client: &mut Client) -> Vec<String> {
    column(client, "SELECT field || ' ' || change FROM acct_export_refresh('users') ORDER BY 1")
}

#[track_caller]
fn field(client: &mut Client, name: &str) -> Option<String> {
    let sql = format!(
        "SELECT concat_ws(' ', label, \"position\", mask, on_anonymise, in_group, is_default, barred IS NOT NULL)
           FROM acct_export_fields WHERE dataset = 'users' AND field = '{name}'"
    );
    column(client, &sql).pop()
}

#[test]
fn columns_are_renamed_retyped_added_and_dropped() {
    let app = TwoTenants::with_users(shared(), 5);
    let (mut superuser, mut client) = (app.superuser(), app.session(&app.login, 0));
    run(
        &mut superuser,
        "SELECT acct_export_set_field('users', 'phone', mask => 'last4', label => 'Phone', in_group => 'more');
         SELECT acct_export_set_policy('users', require_filter => '{status}');
         SELECT acct_export_register('tenants', 'app.tenants', 'id');
         SELECT acct_export_set_reference('users', 'name', 'tenants', 'name');
         ALTER TABLE app.users RENAME COLUMN phone TO telephone;
         ALTER TABLE app.users RENAME COLUMN status TO state;
         ALTER TABLE app.users RENAME COLUMN name TO full_name;
         ALTER TABLE app.users RENAME COLUMN id TO no;
         ALTER TABLE app.users RENAME COLUMN tenant_id TO org;
         ALTER TABLE app.users ALTER COLUMN email TYPE varchar(200);
         ALTER TABLE app.users DROP COLUMN tags;
         ALTER TABLE app.users ADD COLUMN nick text, ADD COLUMN reset_token text",
    );
    // Until it is refreshed the old names go on.
    completed(&mut client, "'users', 'csv', fields => '{id,phone}', filter => '{\"status\":\"active\"}'");
    assert_eq!(
        refreshed(&mut superuser),
        [
            "email retyped",
            "full_name renamed",
            "nick added",
            "no renamed",
            "org renamed",
            "reset_token barred",
            "state renamed",
            "tags gone",
            "telephone renamed",
        ]
    );
    assert_eq!(refreshed(&mut superuser), Vec::<String>::new());
    let parts = ["key", "tenant_column", "status_column"].map(|name| part(&mut superuser, name).unwrap());
    assert_eq!(parts, ["no", "org", "state"]);
    assert_eq!(field(&mut superuser, "telephone").as_deref(), Some("Phone 5 last4 redact more t f"));
    assert!(field(&mut superuser, "nick").unwrap().starts_with("nick 13 none "));
    assert!(field(&mut superuser, "reset_token").unwrap().ends_with("f t"));
    assert_eq!(field(&mut superuser, "tags"), None);
    let policy = "SELECT require_filter::text FROM acct_export_policies";
    assert_eq!(
        text(&mut superuser, &format!("{policy} WHERE dataset = 'users'")).as_deref(),
        Some("{state}")
    );
    let reference = "SELECT field || ' ' || ref_field FROM acct_export_references";
    assert_eq!(column(&mut superuser, reference), ["full_name name"]);
    completed(
        &mut client,
        "'users', 'csv', fields => '{no,telephone,nick}', filter => '{\"state\":\"active\"}'",
    );
}

/// Two columns exchange their names: each keeps what was said of it.
#[test]
fn names_that_are_exchanged() {
    let app = TwoTenants::with_users(shared(), 2);
    let mut superuser = app.superuser();
    run(
        &mut superuser,
        "SELECT acct_export_set_field('users', 'phone', mask => 'redact', label => 'P');
         SELECT acct_export_set_field('users', 'name', mask => 'last4', label => 'N');
         ALTER TABLE app.users RENAME COLUMN phone TO other;
         ALTER TABLE app.users RENAME COLUMN name TO phone;
         ALTER TABLE app.users RENAME COLUMN other TO name",
    );
    assert_eq!(refreshed(&mut superuser), ["name renamed", "phone renamed"]);
    let masks = "SELECT field || ' ' || mask || ' ' || label FROM acct_export_fields WHERE field IN ('name', 'phone') ORDER BY 1";
    assert_eq!(column(&mut superuser, masks), ["name redact P", "phone last4 N"]);
}

#[test]
fn a_field_becomes_secret_and_free_again() {
    let app = TwoTenants::with_users(shared(), 2);
    let (mut superuser, mut client) = (app.superuser(), app.session(&app.login, 0));
    run(&mut superuser, "SELECT acct_export_secret_column('app.users', 'name', 'it is one')");
    refused(&mut client, "SELECT acct_export_csv('users')", "42501", "\"name\"", "acct_export_refresh");
    // Changing something else does not take note of it.
    run(&mut superuser, "SELECT acct_export_alter('users', title => 'People')");
    refused(&mut client, "SELECT acct_export_csv('users')", "42501", "\"name\"", "acct_export_refresh");
    assert_eq!(refreshed(&mut superuser), ["name barred"]);
    assert_eq!(refreshed(&mut superuser), Vec::<String>::new());
    completed(&mut client, "'users', 'csv'");
    run(&mut superuser, "SELECT acct_export_secret_column('app.users', 'name', NULL)");
    refreshed(&mut superuser);
    assert!(column(&mut client, "SELECT acct_export_csv('users')")[0].contains("name"));
    assert_eq!(refreshed(&mut superuser), Vec::<String>::new());
}

#[test]
fn columns_of_a_view() {
    let app = TwoTenants::with_users(shared(), 2);
    let (mut superuser, mut client) = (app.superuser(), app.session(&app.login, 0));
    let view = |more: &str| {
        format!("CREATE OR REPLACE VIEW app.v WITH (security_invoker) AS SELECT id, tenant_id, phone, email{more} FROM app.users")
    };
    run(&mut superuser, &view(""));
    run(
        &mut superuser,
        &format!(
            "GRANT SELECT ON app.v TO {}; SELECT acct_export_alter('users', source => 'app.v',
                reset => '{{created_column,updated_column,status_column,disabled_values}}');
             SELECT acct_export_set_field('users', 'phone', mask => 'last4')",
            app.login
        ),
    );
    run(&mut superuser, &view(", upper(name) AS shout, md5(password_hash) AS mark"));
    assert_eq!(refreshed(&mut superuser), ["mark barred", "shout added"]);
    run(&mut superuser, "ALTER VIEW app.v RENAME COLUMN phone TO call");
    assert_eq!(refreshed(&mut superuser), ["call renamed"]);
    assert!(field(&mut superuser, "call").unwrap().contains("last4"));
    completed(&mut client, "'users', 'csv', fields => '{id,call,shout}'");
    // A view that reads as its owner is no source any more.
    run(&mut superuser, "ALTER VIEW app.v RESET (security_invoker)");
    refused(&mut superuser, "SELECT * FROM acct_export_refresh('users')", "42501", "app.v", "ALTER VIEW");
    assert!(part(&mut superuser, "broken").unwrap().contains("app.v"));
}

#[test]
fn what_cannot_be_refreshed() {
    let app = TwoTenants::with_users(shared(), 2);
    let mut superuser = app.superuser();
    let refresh = "SELECT * FROM acct_export_refresh('users')";
    assert_eq!(refusal(&mut app.session(&app.login, 0), refresh).sqlstate, "42501");
    refused(&mut superuser, "SELECT * FROM acct_export_refresh('nope')", "22023", "\"nope\"", "users");
    let before = rows(&mut superuser, "SELECT * FROM acct_export_fields WHERE dataset = 'users'");
    run(&mut superuser, "SET default_transaction_read_only = on");
    refused(&mut superuser, refresh, "25006", "", "");
    run(&mut superuser, "SET default_transaction_read_only = off");
    run(&mut superuser, "BEGIN; ALTER TABLE app.users DROP COLUMN id");
    refused(&mut superuser, refresh, "22023", "\"id\"", "Its columns");
    run(&mut superuser, "ROLLBACK");
    assert_eq!(rows(&mut superuser, "SELECT * FROM acct_export_fields WHERE dataset = 'users'"), before);
    run(&mut superuser, "DROP TABLE app.users CASCADE");
    refused(&mut superuser, refresh, "42501", "\"users\"", "acct_export_alter");
}
