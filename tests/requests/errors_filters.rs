//! Filters and fields that are refused, and registrations that are.

use support::asking;

use std::sync::OnceLock;

use postgres::Client;
use support::asking::{asked_every_way, refusal, refused, refused_every_way};
use support::common::{shared, TwoTenants, SECRET};

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
fn barred_fields() {
    for field in ["password_hash", "api_token"] {
        refused_every_way(&mut session(), &format!("fields => '{{id,{field}}}'"), "42501", field, "");
        refused_every_way(&mut session(), &format!(r#"filter => '{{"{field}":"x"}}'"#), "42501", field, "");
        refused_every_way(
            &mut session(),
            &format!(r#"filter => '{{"{field}":{{"pr":true}}}}'"#),
            "42501",
            field,
            "",
        );
        refused_every_way(
            &mut session(),
            &format!(r#"filter => '{{"not":{{"{field}":null}}}}'"#),
            "42501",
            field,
            "",
        );
        refused_every_way(
            &mut session(),
            &format!("period => 'last_week', period_field => '{field}'"),
            "42501",
            field,
            "",
        );
    }
    refused_every_way(&mut session(), r#"filter => '{"custom.api_key":{"sw":"S"}}'"#, "42501", "api_key", "");
}

#[test]
fn filters_that_are_none() {
    for (filter, named, hint) in [
        ("[]", "filter", "{"),
        ("\"status\"", "filter", "{"),
        (r#"{"nope":1}"#, "\"nope\"", "email"),
        (r#"{"or":[{"id":1},{"nope":1}]}"#, "\"nope\"", "email"),
        (r#"{"or":{}}"#, "\"or\"", ""),
        (r#"{"or":[{}]}"#, "\"or\"", ""),
        (r#"{"email":{"like":"%"}}"#, "\"like\"", "co"),
        (r#"{"email":{"EQ":"x"}}"#, "\"EQ\"", "eq"),
        (r#"{"email":{}}"#, "\"email\"", "eq"),
        (r#"{"id":{"co":"1"}}"#, "\"id\"", "eq"),
        (r#"{"custom":{"eq":"x"}}"#, "\"custom\"", ""),
        (r#"{"email.x":1}"#, "\"email\"", "json"),
        (r#"{"tags":{"gt":"x"}}"#, "\"tags\"", "co"),
        (r#"{"created_after":{"lt":"2025-01-01"}}"#, "\"created_after\"", ""),
    ] {
        refused_every_way(&mut session(), &format!("filter => '{filter}'"), "22023", named, hint);
    }
}

/// Refused before a tree is made of it, whatever the parser would say of it.
#[test]
fn json_arguments_that_are_too_deep_or_too_large() {
    let mut client = session();
    for (argument, named) in [("filter", "the filter"), ("options", "the options document")] {
        for levels in [128, 5_000] {
            for (opening, closing) in [("[", "]"), ("{\"not\":", "}")] {
                let deep = format!(
                    "{argument} => ('{{\"or\":' || repeat('{opening}', {levels}) || '1' || repeat('{closing}', {levels}) || '}}')::jsonb"
                );
                let message = format!("{named} is nested deeper than 64 levels");
                refused_every_way(&mut client, &deep, "54000", &message, "Flatten");
            }
        }
        let message = format!("{named} is larger than 1 MB");
        for large in [
            "repeat('x', 9000000)",
            "repeat(E'\\x01', 2000000)",
            "(SELECT array_agg(n) FROM generate_series(1, 1500000) AS n)",
        ] {
            let large = format!("{argument} => jsonb_build_object('email', {large})");
            let sql = format!("SELECT acct_export_start('users', 'csv', {large})::text");
            refused(&mut client, &sql, "54000", &message, "Shorten");
        }
    }
    let deep = "filter => (repeat('[', 5000) || repeat(']', 5000))::jsonb";
    refused(
        &mut client,
        &format!("SELECT acct_export_preview('users', {deep})"),
        "54000",
        "the filter is nested",
        "Flatten",
    );
    // A filter that the parser takes and the language does not.
    let deep = format!("filter => '{}1{}'", "{\"not\":".repeat(100), "}".repeat(100));
    refused_every_way(&mut client, &deep, "54000", "the filter is nested deeper than 64 levels", "Flatten");
    assert_eq!(
        asking::column(&mut client, "SELECT acct_export_csv('users', filter => '{\"id\":-1}')").len(),
        1
    );
}

/// Each names the field, the operator and the type, and does not repeat the value.
#[test]
fn filter_values_that_do_not_fit() {
    let mut client = session();
    for (field, operator, value, type_name) in [
        ("id", "eq", "\"S3NT1NEL\"", "bigint"),
        ("id", "gt", "\"99999999999999999999\"", "bigint"),
        ("id", "in", "[1,\"S3NT1NEL\"]", "bigint"),
        ("id", "eq", "true", "bigint"),
        ("tenant_id", "eq", "\"S3NT1NEL\"", "uuid"),
        ("created_at", "ge", "\"S3NT1NEL\"", "timestamp with time zone"),
        ("created_at", "lt", "\"2025-13-01\"", "timestamp with time zone"),
        ("created_at", "eq", "5", "timestamp with time zone"),
        ("email", "eq", "true", "text"),
        ("email", "co", "[\"a\"]", "text"),
        ("email", "gt", "null", "text"),
    ] {
        let filter = format!(r#"{{"{field}":{{"{operator}":{value}}}}}"#);
        for sql in asked_every_way(&format!("filter => '{filter}'")) {
            let error = refusal(&mut client, &sql);
            assert!(error.sqlstate.starts_with("22"), "{sql}: {error:?}");
            for part in [field, operator, type_name] {
                assert!(error.message.contains(part), "{sql}: the message does not name {part}: {error:?}");
            }
            assert!(error.hint.is_some(), "{sql}: {error:?}");
            assert!(!format!("{error:?}").contains("S3NT1NEL"), "{error:?}");
        }
    }
}

#[test]
fn registration() {
    let app = app();
    let mut superuser = app.superuser();
    for (arguments, sqlstate, named) in [
        ("NULL, 'app.users', 'id'", "22023", "dataset"),
        ("'', 'app.users', 'id'", "22023", "dataset"),
        ("'d', NULL, 'id'", "22023", "source"),
        ("'d', 'app.users', NULL", "22023", "key"),
        ("'d', 'app.users', 'nope'", "22023", "\"nope\""),
        ("'d', 'app.users', 'password_hash'", "42501", "password_hash"),
        ("'d', 'app.users', 'id', tenant_column => 'nope'", "22023", "nope"),
        ("'d', 'app.users', 'id', created_column => 'email'", "22023", "email"),
        ("'d', 'app.users', 'id', status_column => 'nope'", "22023", "nope"),
        ("'d', 'app.users', 'id', disabled_values => '{x}'", "22023", "disabled_values"),
        ("'d', 'app.users', 'id', required_roles => '{no_such_role}'", "22023", "no_such_role"),
        ("'d', 'app.users', 'id', companions => '{nope}'", "22023", "nope"),
        ("'d', 'app.users', 'id', authorize => 'pg_catalog.now()'", "42883", "now"),
        ("'d', 'app.users', 'id', title => ' '", "22023", "title"),
    ] {
        let error = refusal(&mut superuser, &format!("SELECT acct_export_register({arguments})"));
        assert_eq!(error.sqlstate, sqlstate, "{arguments}: {error:?}");
        assert!(error.message.contains(named), "{arguments}: {error:?}");
    }
    for (arguments, named, hint) in [
        ("'nope', 'email', label => 'x'", "\"nope\"", "users"),
        ("'users', 'nope', label => 'x'", "\"nope\"", "email"),
        ("'users', 'email', on_anonymise => 'burn'", "burn", "pseudonymise"),
        ("'users', 'email', mask => 'keep'", "keep", "last4"),
        ("'users', 'email', json_path => 'a..b'", "a..b", "user."),
    ] {
        let sql = format!("SELECT acct_export_set_field({arguments})");
        refused(&mut superuser, &sql, "22023", named, hint);
    }
    let sql = "SELECT acct_export_set_field('users', 'api_token', is_default => true)";
    assert_eq!(refusal(&mut superuser, sql).sqlstate, "42501");
    // Not without owning the relation.
    let mut requester = session();
    for sql in [
        "SELECT acct_export_register('mine', 'app.users', 'id')",
        "SELECT acct_export_set_field('users', 'email', label => 'x')",
        "SELECT acct_export_unregister('users')",
    ] {
        let error = refusal(&mut requester, sql);
        assert_eq!(error.sqlstate, "42501", "{sql}: {error:?}");
        assert!(!format!("{error:?}").contains(SECRET));
    }
}
