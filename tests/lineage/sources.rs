//! Lineage beyond one field: sources that are refused as a whole, sources that changed since they were registered, and
//! what a DBA declares.

use support::asking;

use postgres::Client;
use support::asking::{asked_before, column, completed, exported, pausable, refusal, start, text};
use support::common::{error_of, wait_for_job};
use support::lineage::{barred, Base, CANARY};

#[test]
fn sources_that_read_with_other_rights_are_refused_as_a_whole() {
    let base = Base::new();
    let mut superuser = base.superuser();
    superuser
        .batch_execute(
            "CREATE VIEW app.owners AS SELECT id, name FROM app.acct;
             CREATE VIEW app.off WITH (security_invoker = false) AS SELECT id, name FROM app.acct;
             CREATE MATERIALIZED VIEW app.kept AS SELECT id, name FROM app.acct;",
        )
        .unwrap();
    for (name, query) in [
        ("direct", "SELECT id, name AS x FROM app.owners"),
        ("said_off", "SELECT id, name AS x FROM app.off"),
        ("kept_below", "SELECT id, name AS x FROM app.kept"),
        ("in_a_sub_select", "SELECT id, (SELECT max(name) FROM app.owners) AS x FROM app.acct"),
        ("in_where", "SELECT id, name AS x FROM app.acct WHERE id IN (SELECT id FROM app.owners)"),
        ("in_a_cte", "WITH c AS (SELECT id, name FROM app.kept) SELECT id, name AS x FROM c"),
        ("catalog", "SELECT id, (SELECT max(relname::text) FROM pg_class) AS x FROM app.acct"),
        ("catalog_view", "SELECT id, (SELECT max(rolname::text) FROM pg_roles) AS x FROM app.acct"),
        ("shadow", "SELECT id, (SELECT max(rolpassword) FROM pg_authid) AS x FROM app.acct"),
        ("in_where_too", "SELECT id, name AS x FROM app.acct WHERE EXISTS (SELECT FROM pg_shadow)"),
        (
            "information",
            "SELECT id, (SELECT max(table_name) FROM information_schema.tables) AS x FROM app.acct",
        ),
    ] {
        superuser
            .batch_execute(&format!("CREATE VIEW app.{name} WITH (security_invoker) AS {query}"))
            .unwrap();
        let error = error_of(
            superuser.batch_execute(&format!("SELECT acct_export_register('{name}', 'app.{name}', 'id')")),
        );
        assert_eq!((error.sqlstate.as_str(), error.hint.is_some()), ("42501", true), "{name}: {error:?}");
    }
    for name in ["owners", "off", "kept"] {
        let error = error_of(
            superuser.batch_execute(&format!("SELECT acct_export_register('{name}', 'app.{name}', 'id')")),
        );
        assert_eq!((error.sqlstate.as_str(), error.hint.is_some()), ("42501", true), "{name}: {error:?}");
    }
}

/// Tried: functions of the server's that read tables, files and large objects by a text.
#[test]
fn built_ins_that_read_by_name_bring_no_secret() {
    let base = Base::new();
    let (mut superuser, mut reader) = (base.superuser(), base.reader());
    for (name, x) in [
        ("q1", "query_to_xml('SELECT password_hash FROM app.acct', true, true, '')::text"),
        ("q2", "table_to_xml('app.acct', true, true, '')::text"),
        ("q3", "schema_to_xml('app', true, true, '')::text"),
        ("q4", "pg_read_file('postgresql.conf')"),
        ("q5", "ts_rewrite('a'::tsquery, 'SELECT ''a''::tsquery, quote_literal(password_hash)::tsquery FROM app.acct')::text"),
        ("q6", "(SELECT string_agg(word, ',') FROM ts_stat('SELECT to_tsvector(password_hash) FROM app.acct'))"),
        ("q7", "cursor_to_xml('c', 1, true, true, '')::text"),
        ("q8", "database_to_xml(true, true, '')::text"),
    ] {
        let Err(refused) = base.register(&mut superuser, name, &format!("SELECT id, {x} AS x FROM app.place")) else {
            assert!(barred(&mut superuser, name, "x").is_some(), "{x}");
            // A volatile one is called though its field is left out, with the requester's rights: then the job fails.
            let job = start(&mut reader, &format!("'{name}', 'csv'"));
            if wait_for_job(&mut reader, &job).get::<_, &str>("status") == "completed" {
                let file = String::from_utf8(asking::file(&mut reader, &job)).unwrap();
                assert!(!file.contains(CANARY), "{x}: {file}");
            }
            continue;
        };
        assert!(refused.contains("secret") || refused.contains("read"), "{x}: {refused}");
    }
}

fn replace(client: &mut Client, query: &str) {
    client
        .batch_execute(&format!("CREATE OR REPLACE VIEW app.v WITH (security_invoker) AS {query}"))
        .unwrap();
}

/// Tried: a field that was sound when it was registered comes from a secret later. By default and by name it fails, a field
/// that was barred from the start is left out as before.
#[test]
fn a_field_that_drifted_into_a_secret() {
    let base = Base::new();
    let (mut superuser, mut reader) = (base.superuser(), base.reader());
    let sound = "SELECT id, name AS x, city, api_token AS old FROM app.acct";
    base.register(&mut superuser, "v", sound).unwrap();
    assert_eq!(text(&mut reader, "SELECT acct_export_csv('v') LIMIT 1").as_deref(), Some("id,x,city"));
    for drifted in [
        "SELECT id, password_hash AS x, city, api_token AS old FROM app.acct",
        "SELECT id, a.doc ->> 'token' AS x, city, api_token AS old FROM app.acct a",
        "SELECT id, a::text AS x, city, api_token AS old FROM app.acct a",
        "SELECT id, app.shout(name) AS x, city, api_token AS old FROM app.acct a",
    ] {
        replace(&mut superuser, drifted);
        for arguments in
            ["'v'", "'v', fields => '{id,x}'", "'v', filter => '{\"x\":\"C\"}', fields => '{id}'"]
        {
            for function in ["acct_export_start", "acct_export_csv", "acct_export_ndjson"] {
                let error = refusal(&mut reader, &format!("SELECT {function}({arguments})::text"));
                assert_eq!(error.sqlstate, "42501", "{drifted}: {function}({arguments}): {error:?}");
                assert!(error.message.contains("\"x\""), "{error:?}");
            }
        }
        // Without it all is well.
        let file = exported(&mut reader, "'v', 'csv', fields => '{id,city}'");
        assert!(!String::from_utf8(file).unwrap().contains(CANARY));
        assert!(barred(&mut reader, "v", "x").is_some() && barred(&mut reader, "v", "city").is_none());
        replace(&mut superuser, sound);
        completed(&mut reader, "'v', 'csv'");
    }
    // Registered again it is left out like any other.
    replace(&mut superuser, "SELECT id, password_hash AS x, city, api_token AS old FROM app.acct");
    superuser.batch_execute("SELECT acct_export_register('v', 'app.v', 'id', replace => true)").unwrap();
    let lines = column(&mut reader, "SELECT acct_export_csv('v')");
    assert!(lines[0].starts_with("id,") && !lines.join("").contains(CANARY), "{lines:?}");
}

/// Tried: the same between asking and running: the view replaced, a column renamed into a secret, the view swapped for
/// another relation by its name, a view below it replaced.
#[test]
fn a_source_that_changes_while_its_job_waits() {
    let cluster = pausable();
    let base_db = cluster.create_database_with_extension("drift");
    let connect = || cluster.connect(&base_db, "postgres");
    let mut superuser = connect();
    superuser
        .batch_execute(
            "CREATE SCHEMA app; CREATE ROLE acct_waiter; GRANT USAGE ON SCHEMA app TO acct_waiter;
             CREATE TABLE app.acct (id int PRIMARY KEY, name text, city text, password_hash text);
             INSERT INTO app.acct VALUES (1, 'Ann', 'Lyon', 'C4N4RY');",
        )
        .unwrap();
    let sound = "CREATE OR REPLACE VIEW app.low WITH (security_invoker) AS SELECT id, name AS x, city FROM app.acct;
        CREATE OR REPLACE VIEW app.v WITH (security_invoker) AS SELECT id, x, city FROM app.low;
        GRANT SELECT ON ALL TABLES IN SCHEMA app TO acct_waiter; SELECT acct_export_register('users', 'app.v', 'id', replace => true)";
    let mut waiter = connect();
    waiter.batch_execute("SET ROLE acct_waiter").unwrap();
    for (change, undo) in [
        ("CREATE OR REPLACE VIEW app.v WITH (security_invoker) AS SELECT id, (SELECT a.password_hash FROM app.acct a WHERE a.id = low.id) AS x, city FROM app.low", ""),
        ("CREATE OR REPLACE VIEW app.low WITH (security_invoker) AS SELECT id, password_hash AS x, city FROM app.acct", ""),
        ("ALTER TABLE app.acct RENAME name TO pin; ALTER TABLE app.acct RENAME password_hash TO name;
          ALTER TABLE app.acct RENAME pin TO password_hash", "ALTER TABLE app.acct RENAME name TO pin;
          ALTER TABLE app.acct RENAME password_hash TO name; ALTER TABLE app.acct RENAME pin TO password_hash"),
        ("ALTER VIEW app.low RESET (security_invoker)", ""),
        ("ALTER VIEW app.v RENAME TO gone; CREATE VIEW app.v AS SELECT id, password_hash AS x, city FROM app.acct; DROP VIEW app.gone", "DROP VIEW app.v"),
    ] {
        superuser.batch_execute(sound).unwrap();
        let job = asked_before(cluster, &mut waiter, || superuser.batch_execute(change).unwrap());
        let row = wait_for_job(&mut waiter, &job);
        let (status, code): (&str, Option<&str>) = (row.get("status"), row.get("error_code"));
        assert!(status == "failed" && matches!(code, Some("42501" | "22023")), "{change}: {status} {code:?}");
        let kept = text(&mut superuser, "SELECT count(*)::text FROM acct_export.chunk").unwrap();
        assert_eq!(kept, "0", "{change}");
        superuser.batch_execute(undo).unwrap();
    }
    assert!(!cluster.log().contains("C4N4RY\""), "the log tells a secret");
}

/// A declaration moves the line both ways, and only a superuser makes it.
#[test]
fn declarations_move_the_line() {
    let base = Base::new();
    let mut superuser = base.superuser();
    base.register(
        &mut superuser,
        "v",
        "SELECT id, city AS x, app.shout(name) AS y, upper(api_token) AS z FROM app.acct",
    )
    .unwrap();
    let verdict = |client: &mut Client| ["x", "y", "z"].map(|field| barred(client, "v", field).is_some());
    assert_eq!(verdict(&mut superuser), [false, true, true]);
    for (declare, withdraw, wanted) in [
        (
            "acct_export_secret_column('app.acct', 'city', 'a')",
            "acct_export_secret_column('app.acct', 'city', NULL)",
            [true, true, true],
        ),
        ("acct_export_secret_name('city', 'b')", "acct_export_secret_name('city', '')", [true, true, true]),
        (
            "acct_export_clean_function('app.shout(text)', 'c')",
            "acct_export_clean_function('app.shout(text)', '')",
            [false, false, true],
        ),
        (
            "acct_export_exempt_column('app.acct', 'api_token', 'd')",
            "acct_export_exempt_column('app.acct', 'api_token', NULL)",
            [false, true, false],
        ),
    ] {
        let error = refusal(&mut base.reader(), &format!("SELECT {declare}::text"));
        assert_eq!(error.sqlstate, "42501", "{declare}: {error:?}");
        superuser.batch_execute(&format!("SELECT {declare}")).unwrap();
        assert_eq!(verdict(&mut superuser), wanted, "{declare}");
        superuser.batch_execute(&format!("SELECT {withdraw}")).unwrap();
        assert_eq!(verdict(&mut superuser), [false, true, true], "{withdraw}");
    }
    // A clean function gives what it is given: a secret stays one.
    superuser.batch_execute("SELECT acct_export_clean_function('app.shout(text)', 'c')").unwrap();
    base.register(&mut superuser, "w", "SELECT id, app.shout(password_hash) AS x FROM app.acct").unwrap();
    assert!(barred(&mut superuser, "w", "x").is_some());
    let told = column(
        &mut superuser,
        "SELECT detail::text FROM acct_export_audit WHERE event = 'user.bulk_export.declared'",
    );
    assert_eq!(told.len(), 9, "{told:?}");
    let _ = start(&mut superuser, "'w', 'csv'");
}

/// Tried: queries so deep or so wide that following them would end the server: chains of WITH, of UNION, of sub-selects,
/// long expressions. Each is traced or barred, and the server lives.
#[test]
fn no_query_is_too_deep_for_the_server() {
    let base = Base::new();
    let mut client = base.superuser();
    // The server's planner takes its time for some of them.
    client.batch_execute("SET statement_timeout = '10s'").unwrap();
    let chain = |length: usize, arms: usize| {
        let arms = " UNION ALL SELECT 1, 'x'".repeat(arms);
        let with: Vec<String> = (1..length)
            .map(|place| format!(", c{place} AS (SELECT id, name FROM c{}{arms})", place - 1))
            .collect();
        format!(
            "WITH c0 AS (SELECT id, name FROM app.acct){} SELECT id, name FROM c{}",
            with.concat(),
            length - 1
        )
    };
    let terms = vec!["name"; 1500].join(" || ");
    let nested = (0..200).fold("SELECT id, name FROM app.acct".to_owned(), |inner, level| {
        format!("SELECT id, name FROM ({inner}) s{level}")
    });
    for (place, query) in
        [chain(20, 300), chain(200, 0), format!("SELECT id, {terms} AS name FROM app.acct"), nested]
            .into_iter()
            .enumerate()
    {
        let view = format!("CREATE VIEW app.deep{place} WITH (security_invoker) AS {query}");
        // A view that the server itself finds too deep is skipped.
        if client.batch_execute(&view).is_err() {
            continue;
        }
        let _ = client
            .batch_execute(&format!("SELECT acct_export_register('deep{place}', 'app.deep{place}', 'id')"));
        assert!(text(&mut client, "SELECT 'alive'").is_some(), "{place}");
    }
}
