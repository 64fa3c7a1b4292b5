//! Code of the thief's that runs while an export reads: in a policy, in a view's WHERE, in its target list. It tries to
//! become somebody else, to write, to reach the server's files and other servers. Each deed is tried for itself, and
//! how it ended is read from the server's log.

use support::asking;
use support::common;

use support::asking::{completed, refusal, refused_every_way, start};
use support::common::wait_for_job;
use support::scene::Scene;

/// Name, statement, and how it may end: SQLSTATEs, or `done` for what does no harm.
const DEEDS: &[(&str, &str, &[&str])] = &[
    // Becoming somebody else.
    ("reset role", "RESET ROLE", &["42501", "0LP01"]),
    ("reset session", "RESET SESSION AUTHORIZATION", &["42501"]),
    ("session authorization", "SET SESSION AUTHORIZATION postgres", &["42501"]),
    ("local session authorization", "SET LOCAL SESSION AUTHORIZATION postgres", &["42501"]),
    ("role", "SET ROLE postgres", &["42501"]),
    ("role none", "SET ROLE NONE", &["42501"]),
    ("config role", "SELECT set_config('role', 'postgres', false)", &["42501"]),
    ("config role local", "SELECT set_config('role', 'none', true)", &["42501"]),
    ("config session", "SELECT set_config('session_authorization', 'postgres', false)", &["42501"]),
    ("config session local", "SELECT set_config('session_authorization', 'default', true)", &["42501"]),
    ("alter role", "ALTER ROLE CURRENT_USER SUPERUSER", &["42501", "25006"]),
    ("grant", "GRANT pg_read_server_files TO CURRENT_USER", &["42501", "25006"]),
    // Writing.
    ("insert", "INSERT INTO own.loot SELECT rolpassword FROM pg_authid", &["42501", "25006"]),
    ("insert own", "INSERT INTO own.loot VALUES ('plain')", &["25006"]),
    ("read write", "SET TRANSACTION READ WRITE", &["25001", "done"]),
    ("insert after it", "INSERT INTO own.loot VALUES ('read write')", &["25006"]),
    ("config read only", "SELECT set_config('transaction_read_only', 'off', false)", &["25001", "done"]),
    ("insert after that", "INSERT INTO own.loot VALUES ('config')", &["25006"]),
    ("default read only", "SET default_transaction_read_only = off", &["done"]),
    ("truncate", "TRUNCATE own.loot", &["25006"]),
    ("create table", "CREATE TABLE own.more (t text)", &["25006", "42501"]),
    ("create temp table", "CREATE TEMP TABLE more AS SELECT * FROM app.users", &["42501", "25006"]),
    ("create function", "CREATE FUNCTION own.f() RETURNS int LANGUAGE sql AS 'SELECT 1'", &["25006", "42501"]),
    ("nextval", "SELECT nextval('own.counter')", &["42501"]),
    // Before PostgreSQL 16 read-only does not stop it: rolled back all the same.
    ("large object", "SELECT lo_from_bytea(0, 'x')", &["25006", "done"]),
    ("lock table", "LOCK TABLE app.users IN ACCESS EXCLUSIVE MODE", &["42501", "25006"]),
    ("for update", "SELECT FROM own.loot FOR UPDATE", &["25006"]),
    ("declare", "DECLARE c CURSOR WITH HOLD FOR SELECT 1", &["42501", "0A000", "42601"]),
    ("prepare", "PREPARE stolen AS SELECT * FROM app.users", &["42501"]),
    ("commit", "COMMIT", &["0A000", "2D000"]),
    ("do commit", "DO $x$ BEGIN COMMIT; END $x$", &["2D000"]),
    ("discard", "DISCARD ALL", &["25001", "42501", "0A000"]),
    ("deallocate", "DEALLOCATE ALL", &["42501"]),
    ("close", "CLOSE ALL", &["42501"]),
    // The server's files, programs and processes.
    ("program", "COPY (SELECT 1) TO PROGRAM 'cat > /tmp/STOLEN'", &["42501"]),
    ("to file", "COPY (SELECT 1) TO '/tmp/STOLEN'", &["42501"]),
    ("from program", "COPY own.loot FROM PROGRAM 'id'", &["42501", "25006"]),
    ("from file", "COPY own.loot FROM '/etc/passwd'", &["42501", "25006"]),
    ("read file", "SELECT pg_read_file('/etc/passwd')", &["42501"]),
    ("read data", "SELECT pg_read_binary_file('global/pg_control')", &["42501"]),
    ("list", "SELECT pg_ls_dir('.')", &["42501"]),
    ("lo_export", "SELECT lo_export(1, '/tmp/STOLEN')", &["42501"]),
    ("lo_import", "SELECT lo_import('/etc/passwd')", &["42501", "25006"]),
    ("reload", "SELECT pg_reload_conf()", &["42501"]),
    ("alter system", "ALTER SYSTEM SET acct_export.max_workers = 0", &["25001", "42501"]),
    ("load", "LOAD '/tmp/evil.so'", &["42501", "58P01"]),
    ("terminate", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type LIKE 'pg_acctexport%' AND pid <> pg_backend_pid()",
        &["42501"]),
    ("terminate self", "SELECT pg_terminate_backend(pg_backend_pid())", &["42501"]),
    ("cancel self", "SELECT pg_cancel_backend(pg_backend_pid())", &["42501"]),
    ("dblink", "SELECT dblink('host=/tmp dbname=postgres user=postgres', 'SELECT 1')", &["2F003", "08001", "42501"]),
    ("foreign table", "SELECT * FROM own.outside", &["2F003", "08001"]),
    // Settings.
    ("row security", "SELECT set_config('row_security', 'off', false)", &["42501", "done"]),
    ("search path", "SELECT set_config('search_path', 'own, app, public', false)", &["done"]),
    ("tenant for ever", "SELECT set_config('app.tenant_id', 'b0000000-0000-4000-8000-000000000002', false)", &["done"]),
    ("tenant local", "SELECT set_config('app.tenant_id', 'b0000000-0000-4000-8000-000000000002', true)", &["done"]),
    ("our settings", "SET acct_export.max_rows = 0", &["42501"]),
    ("our tenant", "SET acct_export.tenant_setting = 'own.tenant'", &["42501"]),
    ("replication role", "SET session_replication_role = replica", &["42501"]),
    ("allow system", "SET zero_damaged_pages = on", &["42501"]),
    ("preload", "SET session_preload_libraries = 'evil'", &["42501", "55P02"]),
    // Locks and notifications.
    ("unlock", "SELECT pg_advisory_unlock_all()", &["done"]),
    ("listen", "LISTEN loot", &["42501", "55000", "0A000"]),
    ("listen ours", "LISTEN acct_export", &["42501", "55000", "0A000"]),
    ("unlisten", "UNLISTEN *", &["42501", "55000", "0A000", "done"]),
    // Ourselves.
    ("our table", "SELECT * FROM acct_export.chunk", &["42501"]),
    ("our job", "UPDATE acct_export.job SET requested_by = 10", &["42501"]),
    ("start", "SELECT acct_export_start('users', 'csv')", &["25006", "42501"]),
    ("register", "SELECT acct_export_register('mine', 'own.loot', 't')", &["25006", "42501"]),
    ("purge", "SELECT acct_export_purge()", &["42501"]),
];

/// The function that tries all of them, beside what some of them need.
fn arm(scene: &Scene) {
    arm_with(scene, |_| true);
}

fn arm_with(scene: &Scene, wanted: impl Fn(&str) -> bool) {
    let mut superuser = scene.app.superuser();
    let login = &scene.app.login;
    superuser
        .batch_execute(&format!(
            "CREATE EXTENSION dblink; CREATE EXTENSION postgres_fdw; GRANT USAGE ON FOREIGN DATA WRAPPER postgres_fdw TO {login};
             GRANT CREATE ON DATABASE {} TO {login}",
            scene.app.db
        ))
        .unwrap();
    let (dir, port) = common::shared().address();
    let deeds: Vec<(&str, &str)> =
        DEEDS.iter().map(|(name, deed, _)| (*name, *deed)).filter(|(name, _)| wanted(name)).collect();
    scene
        .thief()
        .batch_execute(&format!(
            "CREATE SEQUENCE own.counter;
             CREATE SERVER back FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '{dir}', port '{port}', dbname '{db}');
             CREATE USER MAPPING FOR {login} SERVER back OPTIONS (user 'postgres');
             CREATE FOREIGN TABLE own.outside (rolname name) SERVER back OPTIONS (schema_name 'pg_catalog', table_name 'pg_authid');
             CREATE FUNCTION own.attack() RETURNS boolean LANGUAGE plpgsql AS $attack${}$attack$",
            scene.tries(&deeds),
            db = scene.app.db,
        ))
        .unwrap();
}

#[track_caller]
fn every_deed_failed(scene: &mut Scene, by: &str) {
    let mut wrong = Vec::new();
    for (name, deed, allowed) in DEEDS {
        let outcome = scene.outcome(name).unwrap_or_else(|| "not tried".to_owned());
        if !allowed.contains(&outcome.trim()) {
            wrong.push(format!("{deed}: {outcome}"));
        }
    }
    assert!(wrong.is_empty(), "{by}: {wrong:#?}");
    assert!(!std::path::Path::new("/tmp/STOLEN").exists());
    scene.nothing_came_out();
}

/// Tried: all deeds, from a policy that the reading of a table runs as the requester.
#[test]
fn from_a_policy() {
    let mut scene = Scene::new();
    arm(&scene);
    scene
        .app
        .superuser()
        .batch_execute("CREATE POLICY attack ON app.users AS RESTRICTIVE USING (own.attack())")
        .unwrap();
    let mut thief = scene.thief();
    let job = start(&mut thief, "'users', 'ndjson'");
    assert_eq!(wait_for_job(&mut thief, &job).get::<_, &str>("status"), "completed");
    every_deed_failed(&mut scene, "policy in a job");
}

/// Tried: the same while the caller's own session streams. What a plain SELECT of the caller's could do as well is no
/// gain (to end one's own session, a large object of one's own), so only what came out is looked at.
#[test]
fn from_a_policy_in_the_callers_session() {
    let mut scene = Scene::new();
    arm_with(&scene, |name| !name.ends_with("self") && name != "large object");
    scene
        .app
        .superuser()
        .batch_execute("CREATE POLICY attack ON app.users AS RESTRICTIVE USING (own.attack())")
        .unwrap();
    let mut thief = scene.thief();
    let lines = asking::column(&mut thief, "SELECT acct_export_ndjson('users')");
    assert!(lines.len() == 5 && lines.iter().all(|line| !line.contains(&scene.canary)), "{lines:?}");
    for (setting, wanted) in
        [("app.tenant_id", scene.app.tenants[0].as_str()), ("role", "none"), ("transaction_read_only", "off")]
    {
        assert_eq!(
            asking::text(&mut thief, &format!("SELECT current_setting('{setting}')")).as_deref(),
            Some(wanted)
        );
    }
    scene.app.superuser().batch_execute("DROP POLICY attack ON app.users").unwrap();
    scene.nothing_came_out();
}

/// Tried: all deeds, from the WHERE of a view of the thief's own.
#[test]
fn from_a_view() {
    let mut scene = Scene::new();
    arm(&scene);
    let mut thief = scene.thief();
    thief
        .batch_execute(
            "CREATE VIEW own.v WITH (security_invoker) AS SELECT id, tenant_id, email, name FROM app.users WHERE own.attack();
             SELECT acct_export_register('v', 'own.v', 'id', tenant_column => 'tenant_id')",
        )
        .unwrap();
    completed(&mut thief, "'v', 'csv'");
    every_deed_failed(&mut scene, "view in a job");
    // Nor does a superuser run it.
    for sql in [
        "SELECT acct_export_start('v', 'csv', all_tenants => true)::text",
        "SELECT acct_export_ndjson('v', all_tenants => true)",
        "SELECT * FROM acct_export_csv('v', all_tenants => true)",
    ] {
        let error = refusal(&mut scene.app.superuser(), sql);
        assert!(error.sqlstate == "42501" && error.message.contains("attack"), "{sql}: {error:?}");
    }
}

/// Tried: a function that a superuser took for clean becomes another one. What was read is what was declared.
#[test]
fn a_clean_function_that_changes() {
    let scene = Scene::new();
    let (mut thief, mut superuser) = (scene.thief(), scene.app.superuser());
    let function = |body: &str| {
        format!("CREATE OR REPLACE FUNCTION own.tidy(t text) RETURNS text LANGUAGE plpgsql AS $f$ BEGIN {body}; END $f$")
    };
    thief.batch_execute(&function("RETURN upper(t)")).unwrap();
    thief
        .batch_execute(
            "CREATE TABLE own.people (id int PRIMARY KEY, note text); INSERT INTO own.people VALUES (1, 'n');
             CREATE VIEW own.v WITH (security_invoker) AS SELECT id, own.tidy(note) AS note FROM own.people WHERE own.tidy(note) <> '';
             SELECT acct_export_register('v', 'own.v', 'id')",
        )
        .unwrap();
    superuser
        .batch_execute("SELECT acct_export_clean_function('own.tidy(text)', 'read and found harmless')")
        .unwrap();
    let sql = "SELECT acct_export_csv('v', fields => '{id,note}')";
    assert_eq!(asking::column(&mut thief, sql), ["id,note", "1,N"]);
    for body in [
        "RAISE WARNING 'CHANGED {mark} %', current_user; RETURN t",
        "RETURN (SELECT max(password_hash) FROM app.users)",
    ] {
        thief
            .batch_execute(&function(&body.replace("{mark}", &scene.canary.replace("C4N4RY", "mark"))))
            .unwrap();
        for client in [&mut superuser, &mut thief] {
            let error = refusal(client, sql);
            assert_eq!(error.sqlstate, "42501", "{body}: {error:?}");
        }
    }
    assert!(!scene.log().contains(&format!("CHANGED {} postgres", scene.canary.replace("C4N4RY", "mark"))));
}

/// Tried: all deeds, from a field, once a superuser took the function for clean.
#[test]
fn from_a_field() {
    let mut scene = Scene::new();
    arm(&scene);
    let mut thief = scene.thief();
    thief
        .batch_execute(
            "CREATE VIEW own.v WITH (security_invoker) AS SELECT id, own.attack() AS odd FROM app.users",
        )
        .unwrap();
    thief.batch_execute("SELECT acct_export_register('v', 'own.v', 'id')").unwrap();
    assert_eq!(
        refusal(&mut thief, "SELECT acct_export_start('v', 'csv', fields => '{id,odd}')::text").sqlstate,
        "42501"
    );
    let declare = "SELECT acct_export_clean_function('own.attack()', 'we trust it')";
    assert_eq!(refusal(&mut thief, declare).sqlstate, "42501");
    scene.app.superuser().batch_execute(declare).unwrap();
    completed(&mut thief, "'v', 'csv', fields => '{id,odd}'");
    every_deed_failed(&mut scene, "field in a job");
}

/// Tried: code of the thief's that runs as a victim with more rights, by a view that the victim exports, and tells what the
/// victim may read by NOTIFY, by a sequence, by the log, by an error, by a lock.
#[test]
fn as_a_victim_with_more_rights() {
    let mut scene = Scene::new();
    let mut superuser = scene.app.superuser();
    let (victim, login) = (common::unique("acct_victim"), scene.app.login.clone());
    superuser
        .batch_execute(&format!(
            "CREATE ROLE {victim}; CREATE SCHEMA vault; CREATE TABLE vault.safe AS SELECT '{}'::text AS gold;
             GRANT USAGE ON SCHEMA vault, app TO {victim}; GRANT SELECT ON vault.safe, app.users TO {victim};
             CREATE FUNCTION own.spy() RETURNS boolean LANGUAGE plpgsql AS $$ DECLARE g text; BEGIN
                SELECT gold INTO g FROM vault.safe; PERFORM pg_notify('loot', g);
                BEGIN INSERT INTO own.loot VALUES (g); EXCEPTION WHEN OTHERS THEN NULL; END;
                RETURN true; END $$;
             ALTER FUNCTION own.spy() OWNER TO {login};
             CREATE POLICY spy ON app.users AS RESTRICTIVE USING (own.spy()); SET ROLE {victim}; SET app.tenant_id = '{}'",
            scene.canary, scene.app.tenants[0]
        ))
        .unwrap();
    completed(&mut superuser, "'users', 'csv', fields => '{id}'");
    superuser.batch_execute("RESET ROLE; DROP POLICY spy ON app.users").unwrap();
    scene.nothing_came_out();
}

/// Nothing about a transaction stops COPY TO PROGRAM, so no policy of others runs for who may do that.
#[test]
fn a_policy_as_a_victim_that_may_run_programs() {
    let mut scene = Scene::new();
    let mut superuser = scene.app.superuser();
    let (victim, login) = (common::unique("acct_victim"), scene.app.login.clone());
    superuser
        .batch_execute(&format!(
            "CREATE ROLE {victim}; GRANT pg_execute_server_program TO {victim};
             GRANT USAGE ON SCHEMA app TO {victim}; GRANT SELECT ON app.users TO {victim};
             CREATE FUNCTION own.spy() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN
                COPY (SELECT 1) TO PROGRAM 'exit 1'; RETURN true; END $$;
             ALTER FUNCTION own.spy() OWNER TO {login};
             CREATE POLICY spy ON app.users AS RESTRICTIVE USING (own.spy()); SET ROLE {victim}; SET app.tenant_id = '{}'",
            scene.app.tenants[0]
        ))
        .unwrap();
    refused_every_way(&mut superuser, "fields => '{id}'", "42501", "own.spy()", "superuser rights");
    superuser
        .batch_execute(&format!(
            "RESET ROLE; DROP POLICY spy ON app.users; ALTER TABLE app.users OWNER TO {login}; SET ROLE {victim}"
        ))
        .unwrap();
    let named = "policies of table app.users";
    refused_every_way(&mut superuser, "fields => '{id}'", "42501", named, "superuser rights");
    superuser
        .batch_execute(&format!(
            "RESET ROLE; ALTER TABLE app.users OWNER TO postgres; GRANT SELECT ON app.users TO {login}"
        ))
        .unwrap();
    scene.nothing_came_out();
}
