//! `acct_export_register` with `replace`, `acct_export_alter`, `acct_export_set_policy`, `acct_export_set_companion`.

use crate::habits::{part, rows, run, shown};
use support::asking::{column, completed, refusal, refused, text};
use support::common::{shared, unique, TwoTenants};

#[test]
fn a_registered_name_is_taken() {
    let app = TwoTenants::with_users(shared(), 3);
    let mut superuser = app.superuser();
    let again = "SELECT acct_export_register('users', 'app.users', 'id'";
    let before = shown(&mut superuser, "users");
    for sql in
        [format!("{again})"), format!("{again}, replace => false)"), format!("{again}, replace => NULL)")]
    {
        refused(&mut superuser, &sql, "42710", "\"users\"", "acct_export_alter");
    }
    assert_eq!(shown(&mut superuser, "users"), before);
    // The owner and the source of a dataset are not shown to others.
    run(&mut superuser, &format!("CREATE SCHEMA own AUTHORIZATION {0}", app.login));
    let mut other = app.session(&app.login, 0);
    run(&mut other, "CREATE TABLE own.people (id int PRIMARY KEY)");
    for (replace, sqlstate) in [("false", "42710"), ("true", "42501")] {
        let sql = format!("SELECT acct_export_register('users', 'own.people', 'id', replace => {replace})");
        let error = refusal(&mut other, &sql);
        assert_eq!(error.sqlstate, sqlstate, "{error:?}");
        assert!(!format!("{error:?}").contains("app.users"), "{error:?}");
    }
    assert_eq!(shown(&mut superuser, "users"), before);
    // A name that nobody has is registered with replace as without.
    run(&mut other, "SELECT acct_export_register('people', 'own.people', 'id', replace => true)");
    assert_eq!(
        column(&mut other, "SELECT dataset FROM acct_export_datasets ORDER BY 1"),
        ["people", "users"]
    );
}

/// Arguments are stated whole; what was said by other functions stays for the columns that stay.
#[test]
fn replacing_keeps_masks_policy_and_references() {
    let app = TwoTenants::with_users(shared(), 3);
    let mut superuser = app.superuser();
    run(
        &mut superuser,
        "SELECT acct_export_register('tenants', 'app.tenants', 'id');
         SELECT acct_export_set_field('users', 'phone', label => 'Phone', mask => 'last4', \"position\" => 1);
         SELECT acct_export_set_field('users', 'name', in_group => 'more', is_default => false);
         SELECT acct_export_expand('users', 'custom', keys => '{department}');
         SELECT acct_export_set_reference('users', 'name', 'tenants', 'name');
         SELECT acct_export_set_policy('users', require_filter => '{status}', max_rows => 7)",
    );
    let [_, fields, policy, references] = shown(&mut superuser, "users");
    run(
        &mut superuser,
        "SELECT acct_export_register('users', 'app.users', 'id', title => 'People', replace => true)",
    );
    let [_, fields_now, policy_now, references_now] = shown(&mut superuser, "users");
    assert_eq!((fields_now, policy_now, references_now), (fields, policy, references));
    assert_eq!(part(&mut superuser, "title").as_deref(), Some("People"));
    for gone in ["tenant_column", "created_column", "status_column"] {
        assert_eq!(part(&mut superuser, gone), None, "{gone}");
    }
    assert_eq!(part(&mut superuser, "disabled_values").as_deref(), Some("{}"));
}

#[test]
fn what_is_not_named_stays() {
    let app = TwoTenants::with_users(shared(), 3);
    let (mut superuser, role) = (app.superuser(), unique("exporters"));
    run(
        &mut superuser,
        &format!(
            "CREATE ROLE {role}; GRANT {role} TO {};
             CREATE FUNCTION app.may(request jsonb) RETURNS boolean LANGUAGE sql AS 'SELECT true';
             GRANT EXECUTE ON FUNCTION app.may TO PUBLIC;
             SELECT acct_export_register('tenants', 'app.tenants', 'id')",
            app.login
        ),
    );
    let all = [
        "key",
        "tenant_column",
        "created_column",
        "updated_column",
        "status_column",
        "disabled_values",
        "required_roles",
        "authorize",
        "title",
        "companions",
        "tenant_setting",
    ];
    let values = |client: &mut _| all.map(|name| part(client, name));
    let mut expected = values(&mut superuser);
    let roles = format!("'{{{role}}}'");
    for (name, argument, value, default) in [
        ("title", "'Everybody'", Some("Everybody"), Some("Users")),
        ("required_roles", roles.as_str(), Some(roles.trim_matches('\'')), Some("{}")),
        ("authorize", "'app.may(jsonb)'", Some("app.may(jsonb)"), None),
        ("companions", "'{tenants}'", Some("{tenants}"), Some("{}")),
        ("tenant_setting", "'app.tenant_id'", Some("app.tenant_id"), None),
        ("disabled_values", "'{disabled,invited}'", Some("{disabled,invited}"), Some("{}")),
        ("created_column", "'last_login'", Some("last_login"), None),
        ("updated_column", "'last_login'", Some("last_login"), None),
    ] {
        let place = all.iter().position(|other| *other == name).unwrap();
        run(&mut superuser, &format!("SELECT acct_export_alter('users', {name} => {argument})"));
        expected[place] = value.map(str::to_owned);
        assert_eq!(values(&mut superuser), expected, "{name}");
        // NULL keeps, whether it is left out or not.
        run(&mut superuser, &format!("SELECT acct_export_alter('users', {name} => NULL, reset => NULL)"));
        assert_eq!(values(&mut superuser), expected, "{name}");
        let sql = format!("SELECT acct_export_alter('users', {name} => {argument}, reset => '{{{name}}}')");
        refused(&mut superuser, &sql, "22023", &format!("\"{name}\""), "reset");
        run(&mut superuser, &format!("SELECT acct_export_alter('users', reset => '{{{name}}}')"));
        let before = std::mem::replace(&mut expected[place], default.map(str::to_owned));
        assert_eq!(values(&mut superuser), expected, "{name}");
        run(&mut superuser, &format!("SELECT acct_export_alter('users', {name} => {argument})"));
        expected[place] = before;
    }
    completed(&mut app.session(&app.login, 0), "'users', 'csv'");
    for (arguments, sqlstate, named, hint) in [
        ("'users', reset => '{source}'", "22023", "\"source\"", "tenant_column, created_column"),
        ("'users', reset => '{key}'", "22023", "\"key\"", "tenant_setting"),
        ("'users', reset => '{titel}'", "22023", "\"titel\"", "title"),
        ("'users', reset => '{status_column}'", "22023", "disabled_values", "reset disabled_values"),
        ("'users', tenant_column => 'nope'", "22023", "\"nope\"", "Its columns"),
        ("'users', key => 'status'", "22023", "\"status\"", "unique"),
        ("'users', tenant_setting => 'role'", "22023", "\"role\"", "app.tenant_id"),
        ("'users', companions => '{nope}'", "22023", "\"nope\"", "Register"),
        ("'nothing', title => 'x'", "22023", "\"nothing\"", "users"),
    ] {
        refused(&mut superuser, &format!("SELECT acct_export_alter({arguments})"), sqlstate, named, hint);
    }
    for sql in ["SELECT acct_export_alter(NULL)", "SELECT acct_export_alter('users', reset => '{NULL}')"] {
        assert_eq!(refusal(&mut superuser, sql).sqlstate, "22023");
    }
    assert_eq!(values(&mut superuser), expected);
    let mut other = app.session(&app.login, 0);
    let error = refusal(&mut other, "SELECT acct_export_alter('users', title => 'mine')");
    assert_eq!(error.sqlstate, "42501");
}

/// A field that nobody asked for is not exported because a title was changed.
#[test]
fn altering_adds_no_field() {
    let app = TwoTenants::with_users(shared(), 3);
    let mut superuser = app.superuser();
    run(
        &mut superuser,
        "ALTER TABLE app.users ADD COLUMN salary int, ADD COLUMN seen timestamptz;
         ALTER TABLE app.users RENAME COLUMN email TO mail",
    );
    let fields =
        "SELECT string_agg(field, ' ' ORDER BY position) FROM acct_export_fields WHERE dataset = 'users'";
    let before = text(&mut superuser, fields);
    run(&mut superuser, "SELECT acct_export_alter('users', title => 'People')");
    assert_eq!(text(&mut superuser, fields), before);
    // One that is named becomes a field, and no other.
    run(&mut superuser, "SELECT acct_export_alter('users', updated_column => 'seen')");
    assert_eq!(text(&mut superuser, fields), before.map(|fields| fields + " seen"));
    let mut client = app.session(&app.login, 0);
    completed(&mut client, "'users', 'csv', filter => '{\"updated_before\":\"2030-01-01\"}'");
}

#[test]
fn a_dataset_gets_another_source() {
    let app = TwoTenants::with_users(shared(), 3);
    let mut superuser = app.superuser();
    run(
        &mut superuser,
        &format!(
            "CREATE VIEW app.people WITH (security_invoker) AS
                SELECT id, tenant_id, email, phone, status, created_at, updated_at, 1 AS extra FROM app.users;
             GRANT SELECT ON app.people TO {};
             SELECT acct_export_set_field('users', 'phone', mask => 'redact');
             SELECT acct_export_alter('users', source => 'app.people')",
            app.login
        ),
    );
    let fields = "SELECT field || ' ' || mask FROM acct_export_fields WHERE dataset = 'users' AND barred IS NULL ORDER BY position";
    assert_eq!(
        column(&mut superuser, fields),
        [
            "id none",
            "tenant_id none",
            "email none",
            "phone redact",
            "status none",
            "created_at none",
            "updated_at none",
            "extra none"
        ]
    );
    completed(&mut app.session(&app.login, 0), "'users', 'csv'");
    // The view is made anew: the dataset is shown as broken, to whom its roles do not say that they may know only.
    run(&mut superuser, "DROP VIEW app.people");
    assert_eq!(part(&mut superuser, "source"), None);
    assert!(part(&mut superuser, "broken").unwrap().contains("does not exist any more"));
    let mut client = app.session(&app.login, 0);
    assert_eq!(column(&mut client, "SELECT dataset FROM acct_export_datasets"), Vec::<String>::new());
    refused(
        &mut superuser,
        "SELECT acct_export_alter('users', title => 'x')",
        "42501",
        "\"users\"",
        "source =>",
    );
    let view = "CREATE VIEW app.people WITH (security_invoker) AS SELECT id, tenant_id, phone, email, status, created_at, updated_at FROM app.users";
    run(&mut superuser, &format!("{view}; GRANT SELECT ON app.people TO {}", app.login));
    run(&mut superuser, "SELECT acct_export_alter('users', source => 'app.people')");
    assert_eq!(part(&mut superuser, "broken"), None);
    let mask = "SELECT mask FROM acct_export_fields WHERE field = 'phone'";
    assert_eq!(text(&mut superuser, mask).as_deref(), Some("redact"));
    completed(&mut client, "'users', 'csv'");
}

#[test]
fn a_dataset_whose_source_is_gone_is_shown_to_those_who_hold_its_roles() {
    let app = TwoTenants::with_users(shared(), 3);
    let (mut superuser, role) = (app.superuser(), unique("exporters"));
    run(
        &mut superuser,
        &format!(
            "CREATE ROLE {role}; GRANT {role} TO {};
             CREATE TABLE app.roled (id int PRIMARY KEY); GRANT SELECT ON app.roled TO {1}, {2};
             SELECT acct_export_register('roled', 'app.roled', 'id', required_roles => '{{{role}}}');
             DROP TABLE app.roled",
            app.login, app.login, app.nologin
        ),
    );
    let sql = "SELECT broken FROM acct_export_datasets WHERE dataset = 'roled'";
    for client in [&mut app.session(&app.login, 0), &mut superuser] {
        assert_eq!(column(client, sql).len(), 1);
    }
    assert_eq!(column(&mut app.session(&app.nologin, 0), sql), Vec::<String>::new());
    assert_eq!(
        column(&mut superuser, "SELECT dataset FROM acct_export_datasets WHERE broken IS NULL"),
        ["users"]
    );
}

#[test]
fn two_changes_at_a_time_do_not_undo_each_other() {
    let app = TwoTenants::with_users(shared(), 3);
    let (mut one, mut two) = (app.superuser(), app.superuser());
    run(&mut one, "BEGIN; SELECT acct_export_alter('users', title => 'People')");
    let pid: i32 = two.query_one("SELECT pg_backend_pid()", &[]).unwrap().get(0);
    let waiting = std::thread::spawn(move || {
        run(&mut two, "SELECT acct_export_alter('users', reset => '{updated_column}')");
    });
    let mut third = app.superuser();
    support::common::wait_until(std::time::Duration::from_secs(30), "the second change waits", || {
        let waits = format!("SELECT (cardinality(pg_blocking_pids({pid})) > 0)::text");
        text(&mut third, &waits).as_deref() == Some("true")
    });
    run(&mut one, "COMMIT");
    waiting.join().unwrap();
    assert_eq!(part(&mut one, "title").as_deref(), Some("People"));
    assert_eq!(part(&mut one, "updated_column"), None);
    assert_eq!(part(&mut one, "created_column").as_deref(), Some("created_at"));
}

#[test]
fn a_policy_keeps_what_is_not_named() {
    let app = TwoTenants::with_users(shared(), 3);
    let (mut superuser, officers) = (app.superuser(), unique("officers"));
    run(&mut superuser, &format!("CREATE ROLE {officers}"));
    let policy = "SELECT concat_ws('|', approve_above, approver_roles, require_filter, max_rows, max_active)
                    FROM acct_export_policies WHERE dataset = 'users'";
    for (arguments, expected) in [
        ("max_rows => 9", "9".to_owned()),
        ("max_active => 2", "9|2".to_owned()),
        ("require_filter => '{status}'", "{status}|9|2".to_owned()),
        (
            &format!("approve_above => 5, approver_roles => '{{{officers}}}'"),
            format!("5|{{{officers}}}|{{status}}|9|2"),
        ),
        ("approve_above => 6", format!("6|{{{officers}}}|{{status}}|9|2")),
        ("reset => '{}'", format!("6|{{{officers}}}|{{status}}|9|2")),
        ("reset => '{max_rows,max_active}'", format!("6|{{{officers}}}|{{status}}")),
        // The two of an approval go together.
        ("reset => '{approver_roles}'", "{status}".to_owned()),
        ("max_rows => 3, reset => '{require_filter,approve_above}'", "3".to_owned()),
    ] {
        run(&mut superuser, &format!("SELECT acct_export_set_policy('users', {arguments})"));
        assert_eq!(text(&mut superuser, policy), Some(expected), "{arguments}");
    }
    for (arguments, named, hint) in [
        ("max_rows => 4, reset => '{max_rows}'", "\"max_rows\"", "reset"),
        ("approve_above => 4, reset => '{approver_roles}'", "\"approver_roles\"", "reset"),
        ("reset => '{max_row}'", "\"max_row\"", "max_rows"),
        ("max_rows => 0", "max_rows", "reset => '{max_rows}'"),
    ] {
        let sql = format!("SELECT acct_export_set_policy('users', {arguments})");
        refused(&mut superuser, &sql, "22023", named, hint);
    }
    // A role that is gone stands in the way of nothing else.
    run(
        &mut superuser,
        &format!(
            "SELECT acct_export_set_policy('users', 5, '{{{officers}}}'); DROP ROLE {officers};
             SELECT acct_export_set_policy('users', max_rows => 8)"
        ),
    );
    assert_eq!(text(&mut superuser, policy), Some(format!("5|{{{officers}}}|8")));
}

#[test]
fn companions_that_match_by_default() {
    let app = TwoTenants::with_users(shared(), 20);
    let mut superuser = app.superuser();
    run(
        &mut superuser,
        &format!(
            "CREATE TABLE app.events (no int PRIMARY KEY, tenant_id uuid NOT NULL, user_id bigint, note text);
             INSERT INTO app.events SELECT row_number() OVER (ORDER BY id), tenant_id, id, 'e' FROM app.users;
             ALTER TABLE app.events ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
             CREATE POLICY tenant ON app.events USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
             GRANT SELECT ON app.events TO {};
             SELECT acct_export_register('events', 'app.events', 'no', tenant_column => 'tenant_id')",
            app.login
        ),
    );
    let mut client = app.session(&app.login, 0);
    let mut counts = |include: &str| {
        let arguments =
            format!("'users', 'csv', filter => '{{\"id\":{{\"lt\":10}}}}', include => '{include}'");
        let job = completed(&mut client, &arguments);
        column(
            &mut client,
            &format!(
                "SELECT f ->> 'rows' FROM acct_export_status('{job}'), jsonb_array_elements(files) AS f"
            ),
        )
    };
    run(&mut superuser, "SELECT acct_export_set_companion('users', 'events')");
    assert_eq!(part(&mut superuser, "companions").as_deref(), Some("{events}"));
    assert_eq!(counts("{events}"), ["4", "20"]);
    run(&mut superuser, "SELECT acct_export_set_companion('users', 'events', match => 'user_id')");
    assert_eq!(part(&mut superuser, "matches").as_deref(), Some("{\"events\": \"user_id\"}"));
    assert_eq!(counts("{*}"), ["4", "4"]);
    // The match follows its column, and goes with the companion.
    run(
        &mut superuser,
        "ALTER TABLE app.events RENAME COLUMN user_id TO person; SELECT acct_export_refresh('events')",
    );
    assert_eq!(part(&mut superuser, "matches").as_deref(), Some("{\"events\": \"person\"}"));
    assert_eq!(counts("{events}"), ["4", "4"]);
    run(&mut superuser, "SELECT acct_export_alter('users', title => 'People')");
    assert_eq!(part(&mut superuser, "matches").as_deref(), Some("{\"events\": \"person\"}"));
    run(&mut superuser, "SELECT acct_export_alter('users', companions => '{}')");
    assert_eq!(part(&mut superuser, "matches"), None);
    run(&mut superuser, "SELECT acct_export_alter('users', companions => '{events}')");
    assert_eq!(counts("{events}"), ["4", "20"]);
    for (arguments, sqlstate, named) in [
        ("'users', 'users'", "22023", "\"users\""),
        ("'users', 'nope'", "22023", "\"nope\""),
        ("'nope', 'events'", "22023", "\"nope\""),
        ("'users', 'events', 'nope'", "22023", "\"nope\""),
        ("'users', 'events', 'note'", "22023", "\"note\""),
        ("'users', NULL", "22023", "companion"),
    ] {
        let sql = format!("SELECT acct_export_set_companion({arguments})");
        let error = refusal(&mut superuser, &sql);
        assert_eq!(error.sqlstate, sqlstate, "{sql}: {error:?}");
        assert!(error.message.contains(named), "{sql}: {error:?}");
    }
    assert_eq!(refusal(&mut client, "SELECT acct_export_set_companion('users', 'events')").sqlstate, "42501");
}

#[test]
fn functions_that_authorize_are_named_with_their_argument() {
    let app = TwoTenants::with_users(shared(), 3);
    let mut superuser = app.superuser();
    run(
        &mut superuser,
        "CREATE FUNCTION app.may(request jsonb) RETURNS boolean LANGUAGE sql AS 'SELECT true';
         CREATE FUNCTION app.may(request text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
         CREATE FUNCTION app.two(a jsonb, b jsonb) RETURNS boolean LANGUAGE sql AS 'SELECT true';
         CREATE FUNCTION app.none() RETURNS boolean LANGUAGE sql AS 'SELECT true';
         CREATE FUNCTION app.many(VARIADIC jsonb[]) RETURNS boolean LANGUAGE sql AS 'SELECT true';
         CREATE FUNCTION app.number(jsonb) RETURNS int LANGUAGE sql AS 'SELECT 1'",
    );
    run(&mut superuser, "SELECT acct_export_alter('users', authorize => 'app.may(jsonb)')");
    for (function, sqlstate) in [
        ("app.may(text)", "42883"),
        ("app.two(jsonb, jsonb)", "42883"),
        ("app.none()", "42883"),
        ("app.many(jsonb[])", "42883"),
        ("app.nothing(jsonb)", "42883"),
        ("app.number(jsonb)", "22023"),
    ] {
        for sql in [
            format!("SELECT acct_export_register('d', 'app.users', 'id', authorize => '{function}')"),
            format!("SELECT acct_export_alter('users', authorize => '{function}')"),
        ] {
            assert_eq!(refusal(&mut superuser, &sql).sqlstate, sqlstate, "{sql}");
        }
    }
    assert_eq!(part(&mut superuser, "authorize").as_deref(), Some("app.may(jsonb)"));
    run(&mut superuser, "DROP FUNCTION app.may(jsonb)");
    assert!(part(&mut superuser, "broken").unwrap().contains("app.may(jsonb)"));
    run(&mut superuser, "SELECT acct_export_alter('users', reset => '{authorize}')");
    assert_eq!(part(&mut superuser, "broken"), None);
}

#[test]
fn a_key_may_be_named_as_an_array() {
    let app = TwoTenants::with_users(shared(), 3);
    let mut superuser = app.superuser();
    let key = "SELECT key FROM acct_export_datasets WHERE dataset = 'd'";
    for (given, kept) in
        [("{tenant_id,id}", "{tenant_id,id}"), ("{id}", "id"), ("{ tenant_id , \"id\" }", "{tenant_id,id}")]
    {
        run(
            &mut superuser,
            &format!("SELECT acct_export_register('d', 'app.users', '{given}', replace => true)"),
        );
        assert_eq!(text(&mut superuser, key).as_deref(), Some(kept));
    }
}

/// Each change is in the audit trail, with who made it and what there is now.
#[test]
fn changes_are_audited() {
    let app = TwoTenants::with_users(shared(), 3);
    let mut superuser = app.superuser();
    run(
        &mut superuser,
        "SELECT acct_export_register('tenants', 'app.tenants', 'id');
         SELECT acct_export_alter('users', title => 'People', reset => '{updated_column}');
         ALTER TABLE app.users ADD COLUMN nick text;
         SELECT acct_export_refresh('users');
         SELECT acct_export_set_policy('users', max_rows => 5);
         SELECT acct_export_set_companion('users', 'tenants', match => NULL);
         SELECT acct_export_register('users', 'app.users', 'id', replace => true);
         SELECT acct_export_unregister('users')",
    );
    let events = "SELECT concat_ws(' ', event, detail ->> 'title', detail -> 'reset' ->> 0, detail -> 'changes' -> 0 ->> 'field',
                         detail ->> 'max_rows', detail ->> 'companion', detail ->> 'replace', detail -> 'policy' ->> 'max_rows')
                    FROM acct_export_audit WHERE dataset = 'users' AND role = 'postgres' ORDER BY id";
    assert_eq!(
        column(&mut superuser, events),
        [
            "user.bulk_export.registered id",
            "user.bulk_export.altered People updated_column",
            "user.bulk_export.refreshed People nick",
            "user.bulk_export.policy_set 5",
            "user.bulk_export.companion_set tenants",
            "user.bulk_export.registered true",
            "user.bulk_export.unregistered 5",
        ]
    );
    assert_eq!(rows(&mut superuser, "SELECT * FROM acct_export_datasets WHERE dataset = 'users'"), "[]");
}
