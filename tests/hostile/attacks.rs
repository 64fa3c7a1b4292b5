//! Attacks that once worked, or would have: code of a requester or of a source's owner that tries to leave its export,
//! and columns that carry a secret under another name.

use support::asking::{column, completed, exported, refusal, start, text};
use support::common::{error_of, shared, unique, wait_for_job, TwoTenants, SECRET};

/// A policy that runs `body` of PL/pgSQL for each row, as whoever reads.
fn policy_that(app: &TwoTenants, body: &str) {
    app.superuser()
        .batch_execute(&format!(
            "CREATE FUNCTION app.attack() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN {body}; RETURN true;
                EXCEPTION WHEN OTHERS THEN RETURN true; END $$;
             CREATE POLICY attack ON app.users AS RESTRICTIVE USING (app.attack())"
        ))
        .unwrap();
}

#[test]
fn a_setting_made_while_reading_does_not_stay() {
    let app = TwoTenants::with_users(shared(), 5);
    policy_that(
        &app,
        &format!("PERFORM set_config('app.tenant_id', '{}', false), set_config('app.left', 'behind', false), set_config('default_transaction_read_only', 'on', false)", app.tenants[1]),
    );
    let mut first = app.session(&app.login, 0);
    let read = column(&mut first, "SELECT acct_export_ndjson('users')");
    assert!(!read.iter().any(|line| line.contains("@b.example")), "{read:?}");
    assert_eq!(text(&mut first, "SELECT current_setting('app.tenant_id')").unwrap(), app.tenants[0]);
    assert_eq!(text(&mut first, "SELECT current_setting('app.left', true)").unwrap_or_default(), "");
    // Nor in the worker, from one job to the next.
    for tenant in [0, 1, 0] {
        let mark = ["@a.example", "@b.example"][tenant];
        let file = exported(&mut app.session(&app.login, tenant), "'users', 'csv', fields => '{id,email}'");
        let file = String::from_utf8(file).unwrap();
        assert!(file.lines().skip(1).all(|line| line.contains(mark)), "{file}");
    }
}

#[test]
fn locks_cannot_be_let_go_by_a_source() {
    let app = TwoTenants::with_users(shared(), 50);
    policy_that(&app, "PERFORM pg_advisory_unlock_all()");
    let mut client = app.session(&app.login, 0);
    for _ in 0..3 {
        let job = start(&mut client, "'users', 'csv'");
        // Each look would start a second worker where the job's lock were free.
        let row = wait_for_job(&mut client, &job);
        assert_eq!((row.get("status"), row.get("attempts")), ("completed", 1));
    }
}

#[test]
fn nothing_can_be_written_and_no_role_taken() {
    for deed in [
        "INSERT INTO app.loot VALUES ('written')",
        "SET ROLE postgres; INSERT INTO app.loot VALUES ('role')",
        "RESET ROLE; INSERT INTO app.loot SELECT rolpassword FROM pg_authid",
        "SET SESSION AUTHORIZATION postgres",
        "CREATE TEMP TABLE t AS SELECT * FROM app.users",
        "SET transaction_read_only = off; INSERT INTO app.loot VALUES ('rw')",
        "SELECT lo_create(0)",
    ] {
        let app = TwoTenants::with_users(shared(), 3);
        app.superuser()
            .batch_execute(&format!("CREATE TABLE app.loot (t text); GRANT ALL ON app.loot TO {}", app.login))
            .unwrap();
        policy_that(&app, &format!("EXECUTE $q${deed}$q$"));
        let mut client = app.session(&app.login, 0);
        let job = start(&mut client, "'users', 'ndjson'");
        let row = wait_for_job(&mut client, &job);
        assert!(matches!(row.get("status"), "completed" | "failed"), "{deed}");
        let mut superuser = app.superuser();
        assert_eq!(text(&mut superuser, "SELECT count(*)::text FROM app.loot").unwrap(), "0", "{deed}");
        assert_eq!(
            text(&mut superuser, "SELECT count(*)::text FROM pg_largeobject_metadata").unwrap(),
            "0",
            "{deed}"
        );
    }
}

#[test]
fn a_name_whose_source_was_dropped_is_not_free() {
    let app = TwoTenants::with_users(shared(), 3);
    let mut superuser = app.superuser();
    superuser
        .batch_execute(&format!(
            "CREATE VIEW app.people WITH (security_invoker) AS SELECT id, email FROM app.users;
             SELECT acct_export_register('people', 'app.people', 'id'); DROP VIEW app.people;
             CREATE SCHEMA own AUTHORIZATION {0}",
            app.login
        ))
        .unwrap();
    let mut client = app.session(&app.login, 0);
    client
        .batch_execute(
            "CREATE TABLE own.people (id int PRIMARY KEY); CREATE TEMP TABLE gone (id int PRIMARY KEY)",
        )
        .unwrap();
    let register = |dataset: &str, source: &str| {
        format!("SELECT acct_export_register('{dataset}', '{source}', 'id')::text")
    };
    for (dataset, whose) in [("people", "nobody's any more"), ("users", "another's")] {
        assert_eq!(refusal(&mut client, &register(dataset, "own.people")).sqlstate, "42710", "{whose}");
        let replace =
            format!("SELECT acct_export_register('{dataset}', 'own.people', 'id', replace => true)");
        assert_eq!(refusal(&mut client, &replace).sqlstate, "42501", "{whose}");
    }
    assert_eq!(refusal(&mut client, &register("mine", "gone")).sqlstate, "22023", "a temporary relation");
    assert_eq!(refusal(&mut client, &register("mine", "pg_authid")).sqlstate, "42501");
    let error = error_of(superuser.query(&register("roles", "pg_authid"), &[]));
    assert_eq!(error.sqlstate, "42501", "{error:?}");
    client.batch_execute(&register("mine", "own.people")).unwrap();
}

#[test]
fn a_superuser_runs_no_authorize_function_of_others() {
    let app = TwoTenants::create(shared(), 3);
    let mut superuser = app.superuser();
    superuser.batch_execute(&format!("CREATE SCHEMA own AUTHORIZATION {0}", app.login)).unwrap();
    let mut client = app.session(&app.login, 0);
    client
        .batch_execute(
            "CREATE TABLE own.people (id int PRIMARY KEY); INSERT INTO own.people VALUES (1);
             CREATE FUNCTION own.may(request jsonb) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN
                 IF (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN RAISE 'caught a superuser'; END IF;
                 RETURN true; END $$;
             SELECT acct_export_register('people', 'own.people', 'id', authorize => 'own.may(jsonb)')",
        )
        .unwrap();
    let job = completed(&mut client, "'people', 'csv'");
    assert!(text(&mut superuser, &format!("SELECT length(acct_export_file('{job}'))::text")).is_some());
    // A function that somebody else owns does not get to authorize.
    superuser
        .batch_execute("CREATE FUNCTION app.may(jsonb) RETURNS boolean LANGUAGE sql AS 'SELECT true'")
        .unwrap();
    let other = unique("acct_other");
    superuser
        .batch_execute(&format!("CREATE ROLE {other}; ALTER FUNCTION app.may(jsonb) OWNER TO {other}"))
        .unwrap();
    let sql = "SELECT acct_export_register('people', 'own.people', 'id', authorize => 'app.may(jsonb)', replace => true)::text";
    superuser.batch_execute(&format!("GRANT USAGE ON SCHEMA app TO {}", app.login)).unwrap();
    assert_eq!(refusal(&mut client, sql).sqlstate, "22023");
}

#[test]
fn a_search_path_of_the_callers_names_nothing_of_ours() {
    let app = TwoTenants::with_users(shared(), 3);
    let mut superuser = app.superuser();
    superuser
        .batch_execute(
            "CREATE SCHEMA pub; CREATE TABLE pub.caught (who name);
             CREATE FUNCTION pub.jsonb_build_object(text, boolean, text, text, text, jsonb) RETURNS jsonb LANGUAGE plpgsql
                 AS $$ BEGIN INSERT INTO pub.caught VALUES (current_user); RETURN '{}'; END $$;
             CREATE FUNCTION pub.to_jsonb(bigint) RETURNS jsonb LANGUAGE plpgsql
                 AS $$ BEGIN INSERT INTO pub.caught VALUES (current_user); RETURN '1'; END $$;
             GRANT USAGE ON SCHEMA pub TO PUBLIC; GRANT ALL ON pub.caught TO PUBLIC",
        )
        .unwrap();
    let mut client = app.session(&app.login, 0);
    client.batch_execute("SET search_path = pub, public, pg_catalog").unwrap();
    let job = completed(&mut client, "'users', 'csv', period => 'last_year'");
    client.batch_execute(&format!("SELECT acct_export_large_object('{job}')")).unwrap();
    assert_eq!(text(&mut superuser, "SELECT count(*)::text FROM pub.caught").unwrap(), "0");
}

#[test]
fn secrets_under_other_names_and_types_are_barred() {
    let app = TwoTenants::create(shared(), 3);
    app.superuser()
        .batch_execute(&format!(
            "CREATE DOMAIN app.blob AS bytea; CREATE TYPE app.pair AS (a text, password_hash text);
             ALTER TABLE app.users ADD reference text GENERATED ALWAYS AS (password_hash) STORED,
                 ADD picture app.blob DEFAULT '{SECRET}', ADD pictures app.blob[], ADD pairing app.pair, ADD userpassword text;
             UPDATE app.users SET pairing = ('x', '{SECRET}'), userpassword = '{SECRET}', pictures = ARRAY[picture]"
        ))
        .unwrap();
    app.register(&mut app.superuser());
    let barred = column(
        &mut app.superuser(),
        "SELECT field FROM acct_export_fields WHERE dataset = 'users' AND barred IS NOT NULL ORDER BY field",
    );
    assert_eq!(
        barred,
        ["api_token", "pairing", "password_hash", "picture", "pictures", "reference", "userpassword"]
    );
    let mut client = app.session(&app.login, 0);
    for format in ["csv", "ndjson", "json"] {
        let file = String::from_utf8(exported(&mut client, &format!("'users', '{format}'"))).unwrap();
        assert!(!file.contains(SECRET), "{file}");
    }
    for field in barred {
        for arguments in
            [format!("fields => '{{{field}}}'"), format!("filter => '{{\"{field}\":{{\"pr\":true}}}}'")]
        {
            let sql = format!("SELECT acct_export_start('users', 'csv', {arguments})::text");
            assert_eq!(refusal(&mut client, &sql).sqlstate, "42501", "{sql}");
        }
    }
    // A view that gives one another name does not let it out.
    for columns in [
        "password_hash AS note",
        "reference AS note",
        "to_jsonb(u) AS note",
        "(pairing).password_hash AS note",
        "u AS note",
    ] {
        let name = unique("v");
        app.superuser()
            .batch_execute(&format!(
                "CREATE VIEW app.{name} WITH (security_invoker) AS SELECT id, {columns} FROM app.users u"
            ))
            .unwrap();
        app.superuser()
            .batch_execute(&format!("SELECT acct_export_register('{name}', 'app.{name}', 'id')"))
            .unwrap();
        let sql = format!("SELECT acct_export_csv('{name}', fields => '{{note}}')");
        assert_eq!(error_of(app.superuser().query(&sql, &[])).sqlstate, "42501", "{columns}");
        let sql = format!("SELECT acct_export_csv('{name}')");
        let lines = column(&mut app.superuser(), &sql);
        assert!(lines.len() > 1 && !lines.concat().contains(SECRET), "{columns}: {lines:?}");
    }
}

#[test]
fn the_cursor_of_a_stream_is_nobody_elses() {
    let app = TwoTenants::with_users(shared(), 5);
    let mut client = app.session(&app.login, 0);
    client.batch_execute("BEGIN; DECLARE c CURSOR FOR SELECT acct_export_ndjson('users')").unwrap();
    client.batch_execute("FETCH 1 FROM c").unwrap();
    assert_eq!(column(&mut client, "SELECT name FROM pg_cursors WHERE name <> ''"), ["c"]);
    client.batch_execute("FETCH ALL FROM c; COMMIT").unwrap();
}
