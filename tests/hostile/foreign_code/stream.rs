//! A stream lives across fetches, between which its session does what it likes.

use crate::foreign_code::deeds::{forced_parallel, Stage, Way};
use support::asking::{column, refusal, refused, text, version};
use support::common::{error_of, Cluster, ClusterOptions};

fn view(stage: &mut Stage) {
    stage
        .thief()
        .batch_execute(
            "CREATE VIEW own.v WITH (security_invoker) AS SELECT id, tenant_id, email FROM app.users WHERE own.spy();
             SELECT acct_export_register('v', 'own.v', 'id', tenant_column => 'tenant_id')",
        )
        .unwrap();
}

/// A simple expression of PL/pgSQL that the session has run before in the same transaction is not asked for by the server: the caller's
/// own call is free, the export's is not.
const SIMPLE: &str = "plpgsql AS $spy$ DECLARE made oid; BEGIN
    IF current_setting('own.armed', true) = 'yes' THEN made := lo_create(0); END IF; RETURN true; END $spy$";

#[test]
fn what_the_session_ran_before_is_asked_for_again() {
    let mut stage = Stage::new();
    view(&mut stage);
    stage.define(SIMPLE);
    let mut thief = stage.thief();
    let made = "SELECT count(*)::text FROM pg_largeobject_metadata";
    let before = ["SELECT own.spy()", "SELECT sample FROM acct_export_preview('v')"];
    // From PostgreSQL 16 on no large object is made in the read-only transaction of a preview.
    let count = if version(&mut thief) < 16 { 2 } else { 1 };
    for before in &before[..count] {
        thief.batch_execute("BEGIN; SET own.armed = 'yes'").unwrap();
        thief.batch_execute(before).unwrap();
        thief.batch_execute("SAVEPOINT s").unwrap();
        refused(
            &mut thief,
            "SELECT acct_export_csv('v')",
            "42501",
            "function lo_create",
            "acct_export_start",
        );
        thief.batch_execute("ROLLBACK").unwrap();
    }
    // Between two fetches.
    thief
        .batch_execute(
            "BEGIN; DECLARE c CURSOR FOR SELECT acct_export_csv('v'); SET own.armed = 'no'; FETCH 2 FROM c;
             SET own.armed = 'yes'; SELECT own.spy()",
        )
        .unwrap();
    assert_eq!(column(&mut thief, made), ["1"]);
    thief.batch_execute("SAVEPOINT s").unwrap();
    // Refused, unless the rows were sorted and all of them read before.
    if let Err(error) = thief.batch_execute("FETCH ALL FROM c") {
        assert!(error.as_db_error().unwrap().message().contains("function lo_create"), "{error:?}");
        thief.batch_execute("ROLLBACK TO s").unwrap();
    }
    assert_eq!(column(&mut thief, made), ["1"]);
    thief.batch_execute("ROLLBACK").unwrap();
}

/// The extension's own functions are not asked for again either: within a read they start, cancel and register nothing.
#[test]
fn an_own_function_that_the_session_ran_before() {
    let mut stage = Stage::new();
    view(&mut stage);
    stage.define(
        "plpgsql AS $spy$ DECLARE job uuid; BEGIN
            IF current_setting('own.armed', true) = 'yes' THEN job := public.acct_export_start('users', 'csv', options => '{\"if_active\": \"return\"}'); END IF;
            RETURN true; END $spy$",
    );
    let mut thief = stage.thief();
    let jobs = "SELECT count(*)::text FROM acct_export_jobs";
    thief.batch_execute("BEGIN; SET own.armed = 'yes'; SELECT own.spy()").unwrap();
    assert_eq!(column(&mut thief, jobs), ["1"]);
    for read in ["SELECT acct_export_csv('v')", "SELECT sample FROM acct_export_preview('v')"] {
        thief.batch_execute("SAVEPOINT s").unwrap();
        let error = refusal(&mut thief, read);
        assert!(["42501", "25006"].contains(&error.sqlstate.as_str()), "{read}: {error:?}");
        thief.batch_execute("ROLLBACK TO s").unwrap();
    }
    assert_eq!(column(&mut thief, jobs), ["1"]);
    thief.batch_execute("ROLLBACK").unwrap();
}

#[test]
fn the_session_is_free_between_fetches_and_after_an_error() {
    let mut stage = Stage::new();
    view(&mut stage);
    let mut thief = stage.thief();
    thief
        .batch_execute(
            "BEGIN; DECLARE c CURSOR FOR SELECT acct_export_csv('v'); FETCH 2 FROM c; SELECT lo_create(815);
             NOTIFY own_channel; FETCH 2 FROM c; SELECT lo_unlink(815); FETCH ALL FROM c; COMMIT",
        )
        .unwrap();
    stage.arm("SELECT lo_create(0)");
    thief
        .batch_execute(
            "DO $$ BEGIN
                PERFORM acct_export_csv('v');
                RAISE 'it should have failed';
             EXCEPTION WHEN insufficient_privilege THEN
                PERFORM lo_create(816), pg_advisory_xact_lock(1);
             END $$; SELECT lo_unlink(816)",
        )
        .unwrap();
    refused(
        &mut thief,
        "SELECT acct_export_ndjson('v')",
        "42501",
        "function lo_create cannot be called",
        "acct_export_start",
    );
    thief.batch_execute("SELECT lo_unlink(lo_create(0))").unwrap();
}

/// Code that catches the refusal goes on, and has done nothing.
#[test]
fn a_refusal_that_is_caught() {
    let mut stage = Stage::new();
    view(&mut stage);
    stage.define(
        "plpgsql AS $spy$ BEGIN PERFORM pg_advisory_lock(4711); RETURN false;
         EXCEPTION WHEN insufficient_privilege THEN RETURN SQLERRM LIKE 'function pg_advisory_lock cannot%'; END $spy$",
    );
    stage.attack(Way::Csv, "v", "", "caught", true);
    let lines = column(&mut stage.thief(), "SELECT acct_export_csv('v')");
    assert_eq!(lines.len(), 6);
    // Nor does an error of others that reads like one of ours carry a value out.
    stage.define(
        "plpgsql AS $spy$ BEGIN RAISE insufficient_privilege
            USING MESSAGE = 'function SECRET cannot be called while rows of an export are read'; END $spy$",
    );
    let error = refusal(&mut stage.thief(), "SELECT acct_export_csv('v')");
    assert!(error.sqlstate == "42501" && !error.message.contains("SECRET"), "{error:?}");
}

/// Nobody sets the guard: not a superuser, not for a database, not code in the way of the rows.
#[test]
fn the_guard_cannot_be_set() {
    let mut stage = Stage::new();
    view(&mut stage);
    let db = stage.app.db.clone();
    for sql in
        ["SET acct_export.reading = 3".to_owned(), format!("ALTER DATABASE {db} SET acct_export.reading = 1")]
    {
        assert_eq!(refusal(&mut stage.superuser, &sql).sqlstate, "22023", "{sql}");
        assert_eq!(refusal(&mut stage.thief(), &sql).sqlstate, "42501", "{sql}");
    }
    for deed in [
        "SET acct_export.reading = 0",
        "SET LOCAL acct_export.reading = 0",
        "RESET acct_export.reading",
        "SELECT set_config('acct_export.reading', '0', false)",
    ] {
        stage.arm(deed);
        for way in [Way::Csv, Way::Preview, Way::Job] {
            let (sqlstate, message) = way.read(&mut stage.caller(way), "v", "").unwrap_err();
            assert_eq!(sqlstate, "42501", "{deed}: {message}");
        }
    }
    stage.arm("RESET ALL");
    stage.attack(Way::Csv, "v", "", "RESET ALL", true);
    stage.define("plpgsql AS $spy$ BEGIN RESET ALL; PERFORM lo_create(0); RETURN true; END $spy$");
    stage.attack(Way::Csv, "v", "", "RESET ALL and lo_create", false);
}

/// A parallel worker refuses what its leader refuses.
#[test]
fn parallel_workers() {
    let mut stage = Stage::new();
    let db = stage.app.db.clone();
    let forced = forced_parallel(&mut stage.superuser);
    stage
        .superuser
        .batch_execute(&format!(
            "ALTER DATABASE {db} SET {forced} = on; ALTER DATABASE {db} SET min_parallel_table_scan_size = 0;
             ALTER DATABASE {db} SET parallel_setup_cost = 0; ALTER DATABASE {db} SET parallel_tuple_cost = 0;
             ALTER DATABASE {db} SET parallel_leader_participation = off"
        ))
        .unwrap();
    let deed = stage.deed("SELECT pg_cancel_backend(VICTIM)");
    let mut thief = stage.thief();
    thief
        .batch_execute(&format!(
            "CREATE FUNCTION own.apart() RETURNS boolean LANGUAGE plpgsql PARALLEL SAFE AS
                $$ DECLARE is_worker boolean := (SELECT leader_pid IS NOT NULL FROM pg_stat_activity WHERE pid = pg_backend_pid());
                BEGIN IF is_worker THEN {deed}; ELSE PERFORM 1 / 0; END IF; RETURN true; END $$;
             CREATE VIEW own.v WITH (security_invoker) AS SELECT id, tenant_id FROM app.users WHERE own.apart();
             SELECT acct_export_register('v', 'own.v', 'id', tenant_column => 'tenant_id')",
            deed = deed.replace("SELECT", "PERFORM")
        ))
        .unwrap();
    stage.attack(Way::Job, "v", "", "in a parallel worker", false);
}

/// The library may be loaded by the export itself, after the session has run the code.
#[test]
fn a_library_that_is_loaded_late() {
    let cluster = Cluster::start(ClusterOptions::default());
    let db = cluster.create_database_with_extension("late");
    let mut superuser = cluster.connect(&db, "postgres");
    superuser
        .batch_execute(&format!(
            "CREATE ROLE thief LOGIN; CREATE SCHEMA own AUTHORIZATION thief; SET ROLE thief;
             CREATE TABLE own.people (id int PRIMARY KEY); INSERT INTO own.people VALUES (1);
             CREATE FUNCTION own.spy() RETURNS boolean LANGUAGE {SIMPLE};
             CREATE VIEW own.v WITH (security_invoker) AS SELECT id FROM own.people WHERE own.spy();
             SELECT acct_export_register('v', 'own.v', 'id')"
        ))
        .unwrap();
    let mut thief = cluster.connect(&db, "thief");
    thief.batch_execute("SET own.armed = 'yes'; BEGIN; SELECT own.spy()").unwrap();
    let error = error_of(thief.query("SELECT acct_export_csv('v')", &[]));
    assert!(error.sqlstate == "42501" && error.message.contains("function lo_create"), "{error:?}");
    thief.batch_execute("ROLLBACK").unwrap();
    assert_eq!(
        text(&mut superuser, "SELECT count(*)::text FROM pg_largeobject_metadata").as_deref(),
        Some("0")
    );
}

/// A materialised view is filled within a security-restricted operation already.
#[test]
fn within_a_materialised_view() {
    let mut stage = Stage::new();
    view(&mut stage);
    let mut thief = stage.thief();
    thief.batch_execute("CREATE MATERIALIZED VIEW own.m AS SELECT acct_export_csv('v') AS line").unwrap();
    assert_eq!(column(&mut thief, "SELECT count(*)::text FROM own.m"), ["6"]);
    stage.arm("SELECT pg_notify('loot', 'x')");
    refused(
        &mut thief,
        "REFRESH MATERIALIZED VIEW own.m",
        "42501",
        "function pg_notify",
        "acct_export_start",
    );
}
