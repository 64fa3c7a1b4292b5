//! `acct_export_definition`: run again, it comes to the same dataset.

use crate::habits::{run, shown};
use postgres::Client;
use support::asking::{refusal, refused, text};
use support::common::{shared, unique, TwoTenants};

#[track_caller]
fn definition(client: &mut Client, dataset: &str) -> String {
    text(client, &format!("SELECT acct_export_definition($d${dataset}$d$)")).unwrap()
}

/// Forgets the dataset and runs its definition, under a path where nothing is found by its bare name.
#[track_caller]
fn round_trip(client: &mut Client, dataset: &str, conforming: &str) {
    let (before, sql) = (shown(client, dataset), definition(client, dataset));
    run(client, &format!("SELECT acct_export_unregister($d${dataset}$d$)"));
    run(client, &format!("SET search_path = ''; SET standard_conforming_strings = {conforming}"));
    run(client, &sql);
    run(client, "RESET search_path; RESET standard_conforming_strings");
    assert_eq!(shown(client, dataset), before, "{sql}");
    // Once more, over what there is.
    run(client, &sql);
    assert_eq!(shown(client, dataset), before, "{sql}");
    assert_eq!(definition(client, dataset), sql);
}

#[test]
fn a_definition_comes_to_the_same_dataset() {
    let app = TwoTenants::with_users(shared(), 3);
    let (mut superuser, officers) = (app.superuser(), unique("o\"ff'icers\\"));
    let quoted = format!("\"{}\"", officers.replace('"', "\"\""));
    run(
        &mut superuser,
        &format!(
            "CREATE ROLE {quoted};
             CREATE FUNCTION app.\"m'ay\"(request jsonb) RETURNS boolean LANGUAGE sql AS 'SELECT true';
             SELECT acct_export_register('tenants', 'app.tenants', 'id'), acct_export_register('more', 'app.users', 'id');
             SELECT acct_export_alter('users', title => E'Zo\\\\ë''s \"people\"', authorize => 'app.\"m''ay\"(jsonb)',
                required_roles => ARRAY[{role}]::name[], companions => '{{more,tenants}}', tenant_setting => 'app.tenant_id');
             SELECT acct_export_set_companion('users', 'more', match => 'id');
             SELECT acct_export_set_field('users', 'phone', label => E'Ph\\\\one ''1''', mask => 'last4', \"position\" => 1, json_path => 'a.b');
             SELECT acct_export_set_field('users', 'email', in_group => 'größe', is_default => false, on_anonymise => 'pseudonymise');
             SELECT acct_export_expand('users', 'custom', keys => '{{department,n}}', labels => ARRAY['D', NULL]);
             SELECT acct_export_set_reference('users', 'name', 'tenants', 'name');
             SELECT acct_export_set_policy('users', approve_above => 10000000000, approver_roles => ARRAY[{role}]::name[],
                require_filter => '{{status,id}}', max_active => 3)",
            role = format!("E'{}'", officers.replace('\\', "\\\\").replace('\'', "''")),
        ),
    );
    for conforming in ["on", "off"] {
        round_trip(&mut superuser, "users", conforming);
        round_trip(&mut superuser, "tenants", conforming);
        // The datasets that refer to it lose it with it.
        run(&mut superuser, "SELECT acct_export_set_companion('users', 'tenants'), acct_export_set_reference('users', 'name', 'tenants', 'name')");
    }
    assert!(!definition(&mut superuser, "users").contains("oid"));
}

#[test]
fn odd_names_come_through() {
    let app = TwoTenants::create(shared(), 1);
    let mut superuser = app.superuser();
    run(
        &mut superuser,
        r#"CREATE SCHEMA "sch""em'a; --";
           CREATE TABLE "sch""em'a; --"."ta.b\le $1" ("i'd" int PRIMARY KEY, "wei\rd ""c" text, "größe" int, "SELECT" date, password text);
           SELECT acct_export_register(E'da''ta\\"set; --', '"sch""em''a; --"."ta.b\le $1"', 'i''d', created_column => 'SELECT')"#,
    );
    run(
        &mut superuser,
        r#"SELECT acct_export_set_field(E'da''ta\\"set; --', E'wei\\rd "c', label => E'\\', mask => 'redact'),
                  acct_export_set_field(E'da''ta\\"set; --', 'größe', label => '日本 $d$')"#,
    );
    for conforming in ["on", "off"] {
        // The helper quotes with $d$; names here have none of it.
        round_trip(&mut superuser, "da'ta\\\"set; --", conforming);
    }
}

/// Renamed and dropped columns, before the dataset was refreshed: a definition is of the columns that there are.
#[test]
fn a_definition_is_of_the_columns_that_there_are() {
    let app = TwoTenants::with_users(shared(), 3);
    let mut superuser = app.superuser();
    run(
        &mut superuser,
        "SELECT acct_export_set_field('users', 'phone', mask => 'last4');
         SELECT acct_export_set_policy('users', require_filter => '{name}');
         ALTER TABLE app.users RENAME COLUMN id TO no; ALTER TABLE app.users RENAME COLUMN phone TO call;
         ALTER TABLE app.users RENAME COLUMN name TO named; ALTER TABLE app.users DROP COLUMN tags",
    );
    let sql = definition(&mut superuser, "users");
    run(&mut superuser, &format!("SELECT acct_export_unregister('users'); {sql}"));
    assert_eq!(definition(&mut superuser, "users"), sql);
    let mask = "SELECT mask FROM acct_export_fields WHERE dataset = 'users' AND field = 'call'";
    assert_eq!(text(&mut superuser, mask).as_deref(), Some("last4"));
}

#[test]
fn definitions_are_for_owners() {
    let app = TwoTenants::with_users(shared(), 3);
    let (mut superuser, mut client) = (app.superuser(), app.session(&app.login, 0));
    assert_eq!(refusal(&mut client, "SELECT acct_export_definition('users')").sqlstate, "42501");
    refused(&mut superuser, "SELECT acct_export_definition('nope')", "22023", "\"nope\"", "users");
    assert_eq!(refusal(&mut superuser, "SELECT acct_export_definition(NULL)").sqlstate, "22023");
    // The name of a source that was dropped is kept.
    run(&mut superuser, "ALTER TABLE app.users RENAME TO people; DROP TABLE app.people");
    assert!(definition(&mut superuser, "users").contains("'app.people'::pg_catalog.regclass"));
}
