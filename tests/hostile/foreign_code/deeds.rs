//! Deeds of foreign code, and their traces.

use std::time::Duration;

use postgres::fallible_iterator::FallibleIterator;
use postgres::Client;

use support::asking::{self, column, refusal, start, version};
use support::common::{wait_for_job, TwoTenants};

/// By what undoes it, as in src/pg/guard/mod.rs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    Nothing,
    UntilRollback,
    Session,
    Lasting,
}
use Effect::*;

/// Statement (run by EXECUTE), whether it is a plain SELECT of one value (for SQL functions), and what undoes it.
pub const DEEDS: &[(&str, bool, Effect)] = &[
    ("SELECT 1", true, Nothing),
    ("SELECT random()::text || clock_timestamp() || gen_random_uuid()", true, Nothing),
    ("SELECT set_config('own.mark', 'left', false)", true, Nothing),
    ("SELECT set_config('own.mark', 'left', true)", true, Nothing),
    ("SET own.mark = 'left'", false, Nothing),
    ("SET LOCAL own.mark = 'left'", false, Nothing),
    ("SELECT query_to_xml('SELECT 1', true, true, '')::text", true, Nothing),
    ("SELECT lo_create(0)", true, UntilRollback),
    ("SELECT lo_creat(-1)", true, UntilRollback),
    ("SELECT lo_from_bytea(0, 'x')", true, UntilRollback),
    ("SELECT lo_put(0, 0, 'x')::text FROM generate_series(1, 0)", true, UntilRollback),
    ("SELECT pg_notify('loot', 'x')::text", true, UntilRollback),
    ("NOTIFY loot, 'x'", false, UntilRollback),
    ("SELECT query_to_xml('SELECT pg_notify(''loot'', ''x'')', true, true, '')::text", true, UntilRollback),
    ("DO $x$ BEGIN PERFORM pg_notify('loot', 'x'); END $x$", false, Session),
    ("SELECT pg_advisory_xact_lock(4711)::text", true, UntilRollback),
    ("SELECT pg_advisory_xact_lock_shared(47, 11)::text", true, UntilRollback),
    ("SELECT pg_try_advisory_xact_lock(4711)", true, UntilRollback),
    ("LOCK TABLE own.loot IN ROW EXCLUSIVE MODE", false, UntilRollback),
    ("SELECT pg_advisory_lock(4711)::text", true, Session),
    ("SELECT pg_advisory_lock_shared(47, 11)::text", true, Session),
    ("SELECT pg_try_advisory_lock(4711)", true, Session),
    ("SELECT pg_advisory_unlock_all()::text", true, Session),
    ("SELECT setseed(0.5)::text", true, Session),
    ("SELECT pg_terminate_backend(VICTIM)", true, Lasting),
    ("SELECT pg_cancel_backend(VICTIM)", true, Lasting),
    ("SELECT nextval('own.counter')", true, Lasting),
    ("SELECT setval('own.counter', 9)", true, Lasting),
    ("SELECT nextval('pg_temp.mine')", false, Lasting),
    ("SELECT public.dblink_exec('host=DIR port=PORT dbname=DB user=postgres', 'INSERT INTO own.loot VALUES (''dblink'')')", true, Lasting),
    ("SELECT public.acct_export_start('users', 'json')::text", true, Lasting),
    ("SELECT public.acct_export_cancel(gen_random_uuid())", true, Lasting),
    ("PREPARE stolen AS SELECT 1", false, Lasting),
    ("DECLARE held CURSOR WITH HOLD FOR SELECT 1", false, UntilRollback),
    ("LISTEN loot", false, Lasting),
    ("UNLISTEN *", false, Lasting),
    ("DEALLOCATE ALL", false, Lasting),
    ("CLOSE ALL", false, Lasting),
    ("FETCH FROM callers", false, Lasting),
    ("DISCARD PLANS", false, Lasting),
    ("CREATE TEMP TABLE loot AS SELECT 1", false, Lasting),
    ("TRUNCATE own.loot", false, Lasting),
    ("CLUSTER own.loot", false, Lasting),
    ("COPY own.loot TO PROGRAM 'true'", false, Lasting),
    ("CHECKPOINT", false, Lasting),
];

/// Deeds that fail by themselves: the server forbids them within such a read, or there is no such thing in a worker's session.
fn fails_anyway(deed: &str, way: Way) -> bool {
    deed.contains("WITH HOLD")
        || deed.starts_with("CREATE")
        || deed.starts_with("TRUNCATE")
        || (deed.contains("pg_temp") && way == Way::Job)
}

/// The setting that makes the server use parallel workers wherever it can; renamed in PostgreSQL 16.
pub fn forced_parallel(client: &mut Client) -> &'static str {
    match version(client) {
        15 => "force_parallel_mode",
        _ => "debug_parallel_query",
    }
}

/// A way of reading, and what of foreign code it undoes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Csv,
    Ndjson,
    Preview,
    Count,
    InSession,
    Job,
}

pub const WAYS: [Way; 6] = [Way::Csv, Way::Ndjson, Way::Preview, Way::Count, Way::InSession, Way::Job];

impl Way {
    pub fn allows(self, effect: Effect) -> bool {
        match self {
            Way::Csv | Way::Ndjson => effect == Nothing,
            Way::Preview | Way::Count | Way::InSession => matches!(effect, Nothing | UntilRollback),
            Way::Job => effect != Lasting,
        }
    }

    /// Reads dataset `name` within an open transaction of the caller's; a job is waited for after the commit. How it ended: the number of
    /// rows is not nothing, or the error's SQLSTATE and message.
    pub fn read(self, client: &mut Client, name: &str, fields: &str) -> Result<(), (String, String)> {
        let select = match self {
            Way::Csv => format!("SELECT acct_export_csv('{name}'{fields})"),
            Way::Ndjson => format!("SELECT acct_export_ndjson('{name}'{fields})"),
            Way::Preview => format!("SELECT sample::text FROM acct_export_preview('{name}'{fields})"),
            Way::Count => {
                format!("SELECT rows_exact::text FROM acct_export_preview('{name}'{fields}, options => '{{\"count\": true}}')")
            }
            Way::InSession | Way::Job => format!("SELECT acct_export_start('{name}', 'csv'{fields})::text"),
        };
        let rows = client.query(&select, &[]).map_err(|error| {
            let error = error.as_db_error().unwrap_or_else(|| panic!("{self:?} {select}: {error:?}"));
            (error.code().code().to_owned(), error.message().to_owned())
        })?;
        assert!(!rows.is_empty());
        if self != Way::Job {
            return Ok(());
        }
        let job: String = rows[0].get(0);
        client.batch_execute("COMMIT; BEGIN").unwrap();
        let row = wait_for_job(client, &job);
        match row.get::<_, &str>("status") {
            "completed" => Ok(()),
            _ => Err((row.get("error_code"), row.get("error"))),
        }
    }
}

/// An application whose exports run a thief's code; the thief is who exports.
pub struct Stage {
    pub app: TwoTenants,
    pub superuser: Client,
    ears: Client,
    victim: Client,
    victim_pid: i32,
    /// Large objects are not written in read-only transactions (PostgreSQL 16 and later).
    keeps_large_objects: bool,
}

impl Stage {
    pub fn new() -> Self {
        let app = TwoTenants::with_users(support::common::shared(), 5);
        let mut superuser = app.superuser();
        let login = &app.login;
        superuser
            .batch_execute(&format!(
                "CREATE EXTENSION dblink;
                 CREATE SCHEMA own AUTHORIZATION {login};
                 SET ROLE {login};
                 CREATE TABLE own.loot (t text);
                 CREATE SEQUENCE own.counter;
                 CREATE FUNCTION own.spy() RETURNS boolean LANGUAGE plpgsql AS 'BEGIN RETURN true; END';
                 RESET ROLE"
            ))
            .unwrap();
        let mut ears = app.superuser();
        ears.batch_execute("LISTEN loot").unwrap();
        let mut victim = app.session(login, 0);
        let victim_pid = victim.query_one("SELECT pg_backend_pid()", &[]).unwrap().get(0);
        let keeps_large_objects = version(&mut superuser) >= 16;
        Stage { app, superuser, ears, victim, victim_pid, keeps_large_objects }
    }

    pub fn thief(&self) -> Client {
        self.app.session(&self.app.login, 0)
    }

    /// The deed with the names of this stage.
    pub fn deed(&self, deed: &str) -> String {
        let (dir, port) = support::common::shared().address();
        deed.replace("VICTIM", &self.victim_pid.to_string())
            .replace("DIR", &dir)
            .replace("PORT", &port.to_string())
            .replace("DB", &self.app.db)
    }

    /// Makes `own.spy()` do this and nothing else.
    pub fn arm(&mut self, deed: &str) {
        let deed = self.deed(deed);
        self.define(&format!("plpgsql AS $spy$ BEGIN EXECUTE $deed${deed}$deed$; RETURN true; END $spy$"));
    }

    /// The same as an SQL function that says it only reads.
    pub fn arm_in_sql(&mut self, deed: &str) {
        let deed = self.deed(deed);
        self.define(&format!("sql STABLE AS $spy$ SELECT count(v) >= 0 FROM ({deed}) AS s (v) $spy$"));
    }

    pub fn define(&mut self, definition: &str) {
        let login = &self.app.login;
        let sql = format!("SET ROLE {login}; CREATE OR REPLACE FUNCTION own.spy() RETURNS boolean LANGUAGE {definition}; RESET ROLE");
        self.superuser.batch_execute(&sql).unwrap_or_else(|e| panic!("{definition}: {e:?}"));
    }

    /// A session of the thief's in a transaction, with a cursor and a sequence of its own. Exports of `InSession` run in it.
    pub fn caller(&mut self, way: Way) -> Client {
        let db = &self.app.db;
        let mode = if way == Way::InSession { "off" } else { "on" };
        self.superuser.batch_execute(&format!("ALTER DATABASE {db} SET acct_export.async = {mode}")).unwrap();
        let mut caller = self.thief();
        // One batch would be one transaction.
        caller.batch_execute("CREATE TEMP SEQUENCE mine").unwrap();
        caller.batch_execute("BEGIN; DECLARE callers CURSOR FOR SELECT generate_series(1, 9)::text").unwrap();
        caller
    }

    /// Reads in a transaction, looks for what is left while it is open, commits, and looks again. `allowed`: the deed is undone, and
    /// so the read succeeds; otherwise it is refused.
    #[track_caller]
    pub fn attack(&mut self, way: Way, name: &str, fields: &str, deed: &str, allowed: bool) {
        let what = format!("{way:?} of {name}: {deed}");
        let mut caller = self.caller(way);
        caller.batch_execute("SAVEPOINT before").unwrap();
        match way.read(&mut caller, name, fields) {
            Ok(()) => assert!(allowed, "{what}: was not refused"),
            Err((sqlstate, message)) => {
                if allowed && self.fails_by_the_server(deed) {
                    // An error of an authorize function is a refusal.
                    assert!(["25006", "42501"].contains(&sqlstate.as_str()), "{what}: {sqlstate} {message}");
                } else if !fails_anyway(deed, way) {
                    assert!(!allowed, "{what}: {sqlstate} {message}");
                    assert_eq!(sqlstate, "42501", "{what}: {message}");
                    assert!(message.contains("while rows of an export are read"), "{what}: {message}");
                }
                let undo = if way == Way::Job { "ROLLBACK; BEGIN" } else { "ROLLBACK TO before" };
                caller.batch_execute(undo).unwrap();
            }
        }
        self.nothing_is_left(&mut caller, &what, way);
        caller.batch_execute("COMMIT").unwrap();
        self.nothing_is_left(&mut caller, &what, Way::Job);
        for (sql, wanted) in [
            ("SELECT count(*)::text FROM pg_largeobject_metadata", "0"),
            ("SELECT count(*)::text FROM own.loot", "0"),
            ("SELECT last_value::text || is_called FROM own.counter", "1false"),
            ("SELECT count(*)::text FROM acct_export.job WHERE format = 'json'", "0"),
        ] {
            assert_eq!(column(&mut self.superuser, sql), [wanted], "{what}: {sql}");
        }
        self.superuser.batch_execute("NOTIFY loot, 'end'").unwrap();
        let heard = self.ears.notifications().timeout_iter(Duration::from_secs(20)).next().unwrap();
        assert_eq!(heard.unwrap().payload(), "end", "{what}: heard");
        let alive: i32 = self.victim.query_one("SELECT pg_backend_pid()", &[]).unwrap().get(0);
        assert_eq!(alive, self.victim_pid, "{what}");
    }

    /// Within any read, whatever we allow. The deed with lo_put calls it for no row.
    fn fails_by_the_server(&self, deed: &str) -> bool {
        self.keeps_large_objects && deed.contains("SELECT lo_") && !deed.contains("lo_put")
    }

    /// `way`: a job's own session is another one, so the caller's cursor stands where it stood.
    fn nothing_is_left(&mut self, caller: &mut Client, what: &str, way: Way) {
        let of_session = "SELECT coalesce(nullif(current_setting('own.mark', true), ''), '-')
                || (SELECT count(*) FROM pg_prepared_statements WHERE name = 'stolen')
                || (SELECT count(*) FROM pg_cursors WHERE name IN ('held', 'c'))
                || (SELECT count(*) FROM pg_class WHERE relname = 'loot' AND relpersistence = 't')
                || (SELECT count(*) FROM pg_listening_channels())
                || (SELECT last_value || is_called::text FROM pg_temp.mine)";
        assert_eq!(column(caller, of_session), ["-00001false"], "{what}: the caller's session");
        if way != Way::Job {
            assert_eq!(column(caller, "FETCH FROM callers"), ["1"], "{what}: the caller's cursor");
        }
        let locks = "SELECT locktype || mode FROM pg_locks
                      WHERE (locktype = 'advisory' AND objsubid IN (1, 2) OR relation = 'own.loot'::regclass)
                        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
        assert_eq!(column(&mut self.superuser, locks), Vec::<String>::new(), "{what}: locks");
    }
}

/// All deeds, by all ways, from the WHERE of a view.
#[test]
fn every_deed_by_every_way() {
    let mut stage = Stage::new();
    stage
        .thief()
        .batch_execute(
            "CREATE VIEW own.v WITH (security_invoker) AS SELECT id, tenant_id, email FROM app.users WHERE own.spy();
             SELECT acct_export_register('v', 'own.v', 'id', tenant_column => 'tenant_id')",
        )
        .unwrap();
    for (deed, is_value, effect) in DEEDS {
        stage.arm(deed);
        for way in WAYS.into_iter().filter(|way| *way != Way::Count) {
            stage.attack(way, "v", "", deed, way.allows(*effect));
        }
        if *is_value {
            stage.arm_in_sql(deed);
            for way in [Way::Csv, Way::Preview, Way::Job] {
                stage.attack(way, "v", "", &format!("STABLE {deed}"), way.allows(*effect));
            }
        }
    }
}

/// Row locks of a sub-select are refused by the server: the read is read-only.
#[test]
fn row_locks_are_refused() {
    let mut stage = Stage::new();
    stage.arm("SELECT FROM own.loot FOR UPDATE");
    stage
        .thief()
        .batch_execute(
            "CREATE VIEW own.v WITH (security_invoker) AS SELECT id, tenant_id FROM app.users WHERE own.spy();
             SELECT acct_export_register('v', 'own.v', 'id', tenant_column => 'tenant_id')",
        )
        .unwrap();
    for way in WAYS {
        let mut caller = stage.caller(way);
        let (sqlstate, message) = way.read(&mut caller, "v", "").unwrap_err();
        assert_eq!(sqlstate, "25006", "{way:?}: {message}");
    }
}

/// Starting and downloading run `authorize` alone.
#[test]
fn authorize_at_start_and_download() {
    let mut stage = Stage::new();
    stage
        .thief()
        .batch_execute(
            "CREATE FUNCTION own.may(request jsonb) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN RETURN own.spy(); END';
             CREATE TABLE own.people (id int PRIMARY KEY); INSERT INTO own.people VALUES (1);
             SELECT acct_export_register('people', 'own.people', 'id', authorize => 'own.may(jsonb)')",
        )
        .unwrap();
    let mut thief = stage.thief();
    let finished = asking::completed(&mut thief, "'people', 'csv'");
    for (deed, _, effect) in DEEDS {
        stage.arm(deed);
        // Also that of a job and of a stream is asked in the caller's session first, and rolled back.
        let allowed = Way::Preview.allows(*effect);
        for way in [Way::Csv, Way::Preview, Way::InSession, Way::Job] {
            stage.attack(way, "people", "", deed, allowed);
        }
        let mut caller = stage.caller(Way::Preview);
        caller.batch_execute("SAVEPOINT before").unwrap();
        let file = caller.query(&format!("SELECT acct_export_file('{finished}')"), &[]);
        match file {
            Ok(_) => assert!(allowed, "download: {deed}"),
            Err(error) => {
                let fails = fails_anyway(deed, Way::Preview) || stage.fails_by_the_server(deed);
                assert!(!allowed || fails, "download: {deed}: {error:?}");
                assert_eq!(error.code().map(|code| code.code()), Some("42501"), "download: {deed}");
                caller.batch_execute("ROLLBACK TO before").unwrap();
            }
        }
        stage.nothing_is_left(&mut caller, &format!("download: {deed}"), Way::Preview);
        caller.batch_execute("COMMIT").unwrap();
    }
}

/// A job reads as long as it may; a session lock that its source took is gone when it ends, and the next job can take it.
#[test]
fn locks_of_a_job_end_with_it() {
    let mut stage = Stage::new();
    stage.arm("SELECT pg_advisory_lock(4711), pg_advisory_lock(4711), pg_advisory_lock_shared(47, 11)");
    stage
        .thief()
        .batch_execute(
            "CREATE VIEW own.v WITH (security_invoker) AS SELECT id, tenant_id FROM app.users WHERE own.spy();
             SELECT acct_export_register('v', 'own.v', 'id', tenant_column => 'tenant_id')",
        )
        .unwrap();
    let mut thief = stage.thief();
    for _ in 0..4 {
        let jobs: Vec<String> = ["csv", "xlsx", "ndjson"]
            .iter()
            .map(|format| start(&mut thief, &format!("'v', '{format}'")))
            .collect();
        for job in jobs {
            assert_eq!(wait_for_job(&mut thief, &job).get::<_, &str>("status"), "completed");
        }
    }
    thief.batch_execute("SELECT pg_advisory_lock(4711), pg_advisory_lock(47, 11)").unwrap();
    // A stream refuses what would wait for it.
    let error = refusal(&mut stage.thief(), "SELECT acct_export_csv('v')");
    assert_eq!(error.sqlstate, "42501");
    assert!(error.hint.unwrap().contains("acct_export_start"), "{}", error.message);
    assert!(error.message.contains("function pg_advisory_lock "), "{}", error.message);
}
