//! Requests that are refused: SQLSTATE, a message that names the thing, a HINT that helps. Filters
//! and barred fields are in errors_filters.rs, what a job's state refuses in errors_jobs.rs.

use support::common;

use std::sync::OnceLock;

use postgres::Client;
use support::asking::{asked_every_way, every_use_of, refusal, refused, refused_every_way};
use support::common::{shared, TwoTenants};

/// These tests change nothing, so they share a database.
fn app() -> &'static TwoTenants {
    static APP: OnceLock<TwoTenants> = OnceLock::new();
    APP.get_or_init(|| TwoTenants::with_users(shared(), 20))
}

fn session() -> Client {
    let app = app();
    app.session(&app.login, 0)
}

#[test]
fn unknown_datasets() {
    let mut client = session();
    for name in ["nope", "Users", "users ", "app.users", "app.users; --"] {
        let quoted = name.replace('\'', "''");
        for sql in [
            format!("SELECT acct_export_start('{quoted}')::text"),
            format!("SELECT acct_export_ndjson('{quoted}')"),
            format!("SELECT acct_export_csv('{quoted}')"),
        ] {
            refused(&mut client, &sql, "22023", &format!("\"{name}\""), "users");
        }
    }
}

#[test]
fn the_hint_for_an_unknown_dataset_names_only_what_the_caller_may_export() {
    let app = app();
    let mut superuser = app.superuser();
    let role = common::unique("stranger");
    superuser.batch_execute(&format!("CREATE ROLE {role} LOGIN")).unwrap();
    let error =
        refused(&mut app.session(&role, 0), "SELECT acct_export_start('nope')::text", "22023", "nope", "");
    assert!(!error.hint.as_ref().unwrap().contains("users"), "{error:?}");
}

#[test]
fn unknown_formats() {
    let mut client = session();
    for name in ["xls", "CSV", "", " csv", "csv;drop"] {
        let sql = format!("SELECT acct_export_start('users', '{name}')::text");
        let error = refused(&mut client, &sql, "22023", &format!("\"{name}\""), "xlsx");
        for known in ["csv", "ndjson", "json"] {
            assert!(error.hint.as_ref().unwrap().contains(known), "{error:?}");
        }
    }
}

#[test]
fn unknown_fields() {
    refused_every_way(&mut session(), "fields => '{id,emial}'", "22023", "\"emial\"", "email");
    refused_every_way(&mut session(), "fields => '{ID}'", "22023", "\"ID\"", "id");
    refused_every_way(&mut session(), "fields => '{\"id, email\"}'", "22023", "\"id, email\"", "email");
    refused_every_way(&mut session(), "fields => '{id,email,id}'", "22023", "\"id\"", "once");
    refused_every_way(&mut session(), "fields => '{id,NULL}'", "22023", "fields", "");
    refused_every_way(&mut session(), "include => '{attributes}'", "22023", "\"attributes\"", "");
    refused_every_way(&mut session(), "include => '{NULL}'", "22023", "include", "");
    // A field name in a hint is never a secret one.
    let error = refusal(&mut session(), &asked_every_way("fields => '{nope}'")[0]);
    assert!(!error.hint.as_ref().unwrap().contains("password"), "{error:?}");
}

#[test]
fn unknown_periods() {
    for name in ["last_decade", "Last_Week", "last week", "", "7 days"] {
        let arguments = format!("period => '{name}'");
        refused_every_way(&mut session(), &arguments, "22023", &format!("\"{name}\""), "last_week");
    }
    let error = refusal(&mut session(), &asked_every_way("period => 'x'")[0]);
    for known in ["last_week", "last_2_weeks", "last_month", "last_3_months", "last_6_months", "last_year"] {
        assert!(error.hint.as_ref().unwrap().contains(known), "{error:?}");
    }
}

#[test]
fn periods_and_dates_that_contradict_each_other() {
    refused_every_way(
        &mut session(),
        "start_date => '2025-02-01', end_date => '2025-01-31'",
        "22023",
        "start_date",
        "",
    );
    for (beside, name) in [
        ("start_date => '2025-01-01'", "start_date"),
        ("end_date => '2025-01-01'", "end_date"),
        ("since => '2025-01-01'", "since"),
    ] {
        refused_every_way(
            &mut session(),
            &format!("period => 'last_week', {beside}"),
            "22023",
            name,
            "either",
        );
    }
    refused_every_way(
        &mut session(),
        "period => 'last_week', period_field => 'nope'",
        "22023",
        "\"nope\"",
        "created_at",
    );
    refused_every_way(
        &mut session(),
        "start_date => '2025-01-01', period_field => 'email'",
        "22023",
        "\"email\"",
        "created_at",
    );
    // Without a period it would be forgotten in silence.
    refused_every_way(&mut session(), "period_field => 'created_at'", "22023", "period_field", "period");
}

#[test]
fn a_period_needs_a_date() {
    let app = app();
    app.superuser()
        .batch_execute(
            "SELECT acct_export_register('undated', 'app.users', 'id', tenant_column => 'tenant_id')",
        )
        .unwrap();
    let mut client = session();
    for arguments in ["period => 'last_week'", "since => '2025-01-01'", "end_date => '2025-01-01'"] {
        let sql = format!("SELECT acct_export_start('undated', 'csv', {arguments})::text");
        refused(&mut client, &sql, "22023", "\"undated\"", "created_at");
    }
}

fn with_options(format: &str, options: &str) -> String {
    format!(
        "SELECT acct_export_start('users', '{format}', options => '{}')::text",
        options.replace('\'', "''")
    )
}

#[test]
fn options() {
    let mut client = session();
    // An unknown one, with a known one that the hint has to list; options of other formats are unknown.
    for (format, options, named, known) in [
        ("xlsx", r#"{"delimiter":";"}"#, "\"delimiter\"", "info_sheet"),
        ("csv", r#"{"info_sheet":true}"#, "\"info_sheet\"", "delimiter"),
        ("ndjson", r#"{"bom":true}"#, "\"bom\"", "order"),
        ("json", r#"{"order":"key","'; DROP":1}"#, "'; DROP", "compression"),
        ("csv", r#"{"Delimiter":";"}"#, "\"Delimiter\"", "delimiter"),
        ("xlsx", "[]", "options", "{"),
        ("csv", "\"delimiter\"", "options", "{"),
    ] {
        refused(&mut client, &with_options(format, options), "22023", named, known);
    }
    // A value that it cannot have; the message says which it can.
    for (format, options, named, known) in [
        ("csv", r#"{"delimiter":";;"}"#, "\"delimiter\"", "one ASCII character"),
        ("csv", r#"{"delimiter":"\""}"#, "\"delimiter\"", "one ASCII character"),
        ("csv", r#"{"delimiter":null}"#, "\"delimiter\"", "one ASCII character"),
        ("csv", r#"{"bom":"yes"}"#, "\"bom\"", "true or false"),
        ("csv", r#"{"null_as":","}"#, "\"null_as\"", "delimiter"),
        ("csv", r#"{"line_ending":"cr"}"#, "\"line_ending\"", "crlf"),
        ("json", r#"{"order":"random"}"#, "\"order\"", "key"),
        ("ndjson", r#"{"compression":"zip"}"#, "\"compression\"", "gzip"),
        ("xlsx", r#"{"info_sheet":1}"#, "\"info_sheet\"", "true or false"),
    ] {
        let error = refused(&mut client, &with_options(format, options), "22023", named, "");
        assert!(error.message.contains(known), "{error:?}");
    }
    // A stream has no file to compress.
    let sql = r#"SELECT acct_export_csv('users', options => '{"compression":"gzip"}')"#;
    refused(&mut client, sql, "22023", "compress", "");
}

#[test]
fn no_tenant_is_no_export() {
    let mut client = session();
    for unset in ["SET app.tenant_id = ''", "RESET app.tenant_id"] {
        client.batch_execute(unset).unwrap();
        for sql in asked_every_way("anonymise => false") {
            refused(&mut client, &sql, "42501", "tenant", "app.tenant_id");
        }
    }
    // A tenant that is none of the type is refused as well, and does not match nothing in silence.
    client.batch_execute("SET app.tenant_id = 'no uuid'").unwrap();
    for sql in asked_every_way("anonymise => false") {
        let error = refusal(&mut client, &sql);
        assert!(error.sqlstate.starts_with("22") && error.message.contains("tenant"), "{error:?}");
    }
}

#[test]
fn all_tenants_is_not_for_everybody() {
    refused_every_way(&mut session(), "all_tenants => true", "42501", "all_tenants", "BYPASSRLS");
}

#[test]
fn null_arguments() {
    let mut client = session();
    for (sql, named) in [
        ("SELECT acct_export_start(NULL)::text", "dataset"),
        ("SELECT acct_export_start('')::text", "dataset"),
        ("SELECT acct_export_csv(NULL)", "dataset"),
    ] {
        refused(&mut client, sql, "22023", named, "");
    }
    for sql in every_use_of("NULL") {
        refused(&mut client, &sql, "22023", "job", "acct_export_jobs");
    }
    // NULL for any other argument is its default.
    let nobody = "'00000000-0000-4000-8000-000000000000'";
    for function in ["file", "large_object"] {
        let sql = format!("SELECT acct_export_{function}({nobody}, NULL)");
        assert_eq!(refusal(&mut client, &sql).sqlstate, "P0002", "{sql}");
    }
}

#[test]
fn jobs_that_do_not_exist() {
    let mut client = session();
    let job = "00000000-0000-4000-8000-000000000000";
    for sql in every_use_of(&format!("'{job}'")) {
        refused(&mut client, &sql, "P0002", job, "acct_export_jobs");
    }
}

#[test]
fn destinations_that_do_not_exist() {
    for name in ["s3", "nowhere; --"] {
        let sql = format!("SELECT acct_export_start('users', destination => '{name}')::text");
        refused(&mut session(), &sql, "22023", name, "");
    }
}
