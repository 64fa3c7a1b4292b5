//! Versions: a database of a released version under this library, its update, and the SQL surface.
//!
//! `upgrade/database-0.1.0.sql` is a dump that pg_dump made of a database under a build of 0.1.0, `upgrade/jobs-0.1.0.sql` has the
//! rows of its jobs and files, which dumps leave out. `upgrade/README.md` says how they were made.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use postgres::Client;
use support::common::{done, error_of, shared, wait_until, Cluster};
use support::jobs::{self, Hold, Phase};
use support::project;

const OLD: &str = "0.1.0";
const NEW: &str = "0.2.0";
const TENANT: &str = "a0000000-0000-4000-8000-000000000001";
const LIMIT: Duration = Duration::from_secs(60);

fn upgrade(file: &str) -> PathBuf {
    project().join("tests/install/upgrade").join(file)
}

fn read(file: &str) -> String {
    fs::read_to_string(upgrade(file)).unwrap()
}

/// First column of every row, as text.
fn column(client: &mut Client, sql: &str) -> Vec<String> {
    client
        .query(sql, &[])
        .unwrap_or_else(|error| panic!("{sql}: {error:?}"))
        .iter()
        .map(|row| row.get::<_, Option<String>>(0).unwrap_or_else(|| "NULL".to_owned()))
        .collect()
}

fn one(client: &mut Client, sql: &str) -> String {
    let rows = column(client, sql);
    assert_eq!(rows.len(), 1, "{sql}: {rows:?}");
    rows.into_iter().next().unwrap()
}

/// A database with the functions and tables of 0.1.0, empty.
fn old_extension(base: &str) -> String {
    let db = shared().create_database(base);
    shared()
        .connect(&db, "postgres")
        .batch_execute(&format!("CREATE EXTENSION pg_acctexport VERSION '{OLD}'"))
        .unwrap();
    db
}

fn update(client: &mut Client) {
    client.batch_execute("ALTER EXTENSION pg_acctexport UPDATE").unwrap();
}

fn restore(cluster: &Cluster, db: &str, script: &str) {
    let output = cluster.psql(&["-q", "-d", db], script);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A database as 0.1.0 left it: datasets, declarations, settings of fields, jobs in every state, files, events.
fn old_database(base: &str) -> String {
    let db = old_extension(base);
    let mut client = shared().connect(&db, "postgres");
    // Roles belong to the whole server, and advisory locks to a database.
    static ROLES: Mutex<()> = Mutex::new(());
    let alone = ROLES.lock().unwrap();
    let roles = "DO $$ BEGIN
        IF to_regrole('old_owner') IS NULL THEN
            CREATE ROLE old_owner NOLOGIN; CREATE ROLE old_reader LOGIN; CREATE ROLE old_approver LOGIN; CREATE ROLE old_auditor NOLOGIN;
        END IF;
    END $$";
    client.batch_execute(roles).unwrap();
    drop(alone);
    restore(shared(), &db, &read("database-0.1.0.sql"));
    let mut rows = read("jobs-0.1.0.sql");
    for name in ["old_owner", "old_reader", "old_approver", "postgres"] {
        let oid = one(&mut client, &format!("SELECT '{name}'::regrole::oid::text"));
        rows = rows.replace(&format!("@role {name}@"), &oid);
    }
    for name in ["app.people", "app.people_v", "app.plans", "app.logins"] {
        let oid = one(&mut client, &format!("SELECT '{name}'::regclass::oid::text"));
        rows = rows.replace(&format!("@relation {name}@"), &oid);
    }
    let server = one(&mut client, "SELECT oid::text FROM pg_foreign_server WHERE srvname = 'hooks'");
    rows = rows.replace("@server hooks@", &server);
    assert!(!["@role", "@relation", "@server"].iter().any(|left| rows.contains(left)), "{rows}");
    restore(shared(), &db, &rows);
    // As if it were made just now, whenever the tests run; no transaction of this server asked.
    client
        .batch_execute(
            "UPDATE acct_export.job SET created_at = now(), finished_at = now() + (finished_at - finished_at),
                    expires_at = now() + interval '7 days' + (expires_at - expires_at), created_xid = '3'",
        )
        .unwrap();
    db
}

/// Lines that only one of two texts has.
fn differences(fresh: &[String], other: &[String]) -> String {
    let lacks = fresh.iter().filter(|line| !other.contains(line)).map(|line| format!("- {line}\n"));
    let more = other.iter().filter(|line| !fresh.contains(line)).map(|line| format!("+ {line}\n"));
    lacks.chain(more).collect()
}

#[test]
fn an_updated_catalog_is_that_of_a_fresh_install() {
    let fresh = shared().create_database_with_extension("upgrade_fresh");
    let describe = read("describe.sql");
    let fresh = column(&mut shared().connect(&fresh, "postgres"), &describe);
    assert!(fresh.len() > 400, "{} facts", fresh.len());

    let updated = old_extension("upgrade_updated");
    let mut client = shared().connect(&updated, "postgres");
    update(&mut client);
    let updated = column(&mut client, &describe);
    assert!(fresh == updated, "- fresh, + updated:\n{}", differences(&fresh, &updated));
}

#[test]
fn an_extension_in_another_schema_is_updated() {
    let db = shared().create_database("upgrade_schema");
    let mut client = shared().connect(&db, "postgres");
    client
        .batch_execute(&format!(
            "CREATE SCHEMA \"My exports\"; CREATE EXTENSION pg_acctexport SCHEMA \"My exports\" VERSION '{OLD}';
             ALTER EXTENSION pg_acctexport UPDATE;
             CREATE TABLE public.people (id bigint PRIMARY KEY, name text);
             SELECT \"My exports\".acct_export_register('people', 'public.people', 'id')"
        ))
        .unwrap();
    assert_eq!(column(&mut client, "SELECT dataset FROM \"My exports\".acct_export_datasets"), ["people"]);
    let elsewhere = "SELECT p.oid::regprocedure::text FROM pg_proc AS p
                      WHERE p.proname ~ '^acct_export_' AND p.pronamespace <> '\"My exports\"'::regnamespace";
    assert_eq!(column(&mut client, elsewhere), Vec::<String>::new());
}

/// Everything that a caller sees of datasets and declarations.
const CATALOGUE: &str = "
SELECT to_jsonb(d)::text FROM acct_export_datasets AS d UNION ALL
SELECT to_jsonb(f)::text FROM acct_export_fields AS f UNION ALL
SELECT to_jsonb(r)::text FROM acct_export_references AS r UNION ALL
SELECT to_jsonb(p)::text FROM acct_export_policies AS p UNION ALL
SELECT to_jsonb(t)::text FROM acct_export_templates AS t UNION ALL
SELECT to_jsonb(s)::text FROM acct_export_declarations AS s
 ORDER BY 1";

fn job(client: &mut Client, what: &str) -> String {
    one(client, &format!("SELECT id::text FROM acct_export.job WHERE {what}"))
}

#[test]
fn a_database_of_the_version_before_is_updated_with_its_data() {
    let db = old_database("upgrade_data");
    let mut superuser = shared().connect(&db, "postgres");
    let events = one(&mut superuser, "SELECT count(*)::text FROM acct_export_audit");
    let hashes = "SELECT encode(hash, 'hex') FROM acct_export.audit ORDER BY seq";
    let sealed = column(&mut superuser, hashes);
    update(&mut superuser);

    // The trail is whole, and goes on.
    assert_eq!(column(&mut superuser, hashes), sealed);
    assert_eq!(one(&mut superuser, "SELECT count(*)::text FROM acct_export_audit"), events);
    assert_eq!(superuser.query("SELECT * FROM acct_export_audit_verify()", &[]).unwrap().len(), 0);

    // Declarations hold for the same columns, functions and tables.
    let states = "SELECT kind || ' ' || object || ' ' || state FROM acct_export_declarations";
    assert_eq!(
        column(&mut superuser, states),
        [
            "clean_function app.badge(text) active",
            "exempt_column app.people.access_token active",
            "exempt_column app.people_v.api_key active",
            "secret_column app.logins.device active",
            "secret_name reset_code active",
            "shared_table app.plans active",
        ]
    );
    let barred = "SELECT dataset || '.' || field FROM acct_export_fields WHERE barred IS NOT NULL ORDER BY 1";
    assert_eq!(
        column(&mut superuser, barred),
        ["logins.device", "people.api_key", "people.password_hash", "people.reset_code"],
        "{:#?}",
        column(&mut superuser, "SELECT dataset || '.' || field || ': ' || barred FROM acct_export_fields WHERE barred IS NOT NULL")
    );
    assert_eq!(
        one(&mut superuser, "SELECT concat_ws(' ', label, mask) FROM acct_export_fields WHERE dataset = 'people' AND field = 'email'"),
        "E-mail last4"
    );
    // Bound by number: a renamed column keeps its mask.
    superuser.batch_execute("ALTER TABLE app.people RENAME email TO mail").unwrap();
    assert_eq!(
        one(&mut superuser, "SELECT column_name || ' ' || mask FROM acct_export.field WHERE dataset = 'people' AND field = 'email'"),
        "mail last4"
    );
    superuser.batch_execute("ALTER TABLE app.people RENAME mail TO email").unwrap();

    // What the DBA granted, and a view on a view of the extension.
    assert_eq!(
        column(
            &mut superuser,
            "SELECT p.proname || ' ' || r.rolname || ' ' || has_function_privilege(r.oid, p.oid, 'EXECUTE')
               FROM pg_proc AS p, pg_roles AS r
              WHERE p.proname = 'acct_export_register' AND r.rolname IN ('old_owner', 'old_reader') ORDER BY 1"
        ),
        ["acct_export_register old_owner true", "acct_export_register old_reader false"]
    );
    assert_eq!(
        one(&mut superuser, "SELECT has_table_privilege('old_auditor', 'acct_export_audit', 'SELECT')::text"),
        "true"
    );
    assert_eq!(one(&mut superuser, "SELECT (count(*) > 0)::text FROM app.my_jobs"), "true");
}

#[test]
fn jobs_of_the_version_before_go_on() {
    let db = old_database("upgrade_jobs");
    let mut superuser = shared().connect(&db, "postgres");
    let completed = job(&mut superuser, "status = 'completed' AND dataset = 'people'");
    let plain = job(&mut superuser, "status = 'completed' AND dataset = 'logins'");
    let awaiting = job(&mut superuser, "status = 'awaiting_approval'");
    let queued = job(&mut superuser, "status = 'queued'");
    let interrupted = job(&mut superuser, "status = 'running'");
    let stored = one(
        &mut superuser,
        &format!("SELECT encode(data, 'hex') FROM acct_export.chunk WHERE job = '{completed}' AND file = 2"),
    );
    update(&mut superuser);

    // Seen in sessions of its tenant, by those who may see it; and read.
    let mut reader = shared().connect(&db, "old_reader");
    let seen = format!("SELECT count(*)::text FROM acct_export_jobs WHERE job_id = '{completed}'");
    assert_eq!(one(&mut reader, &seen), "0", "without a tenant");
    reader.batch_execute(&format!("SET app.tenant_id = '{TENANT}'; SET app.user_id = 'ada'")).unwrap();
    assert_eq!(one(&mut reader, &seen), "1");
    let file = |file: u32| format!("SELECT encode(acct_export_file('{completed}', {file}), 'hex')");
    assert_eq!(one(&mut reader, &file(2)), stored);
    let people = one(&mut reader, &format!("SELECT convert_from(acct_export_file('{completed}'), 'UTF8')"));
    assert!(people.contains("User 2") && !people.contains("S3CR3T"), "{people}");
    assert_eq!(one(&mut reader, &format!("SELECT (length(acct_export_file('{plain}')) > 0)::text")), "true");
    assert_eq!(
        error_of(reader.query(&format!("SELECT acct_export_approve('{awaiting}')"), &[])).sqlstate,
        "42501"
    );

    // What waited runs, what was interrupted runs again, what awaited approval gets it.
    let mut approver = shared().connect(&db, "old_approver");
    approver.batch_execute(&format!("SET app.tenant_id = '{TENANT}'; SET app.user_id = 'grace'")).unwrap();
    approver.batch_execute(&format!("SELECT acct_export_approve('{awaiting}')")).unwrap();
    for job in [&queued, &interrupted, &awaiting] {
        let ended = one(
            &mut superuser,
            &format!("SELECT concat_ws(' ', status, error) FROM acct_export_wait('{job}', '1 minute')"),
        );
        assert_eq!(ended, "completed", "{job}");
    }
    // Its fields are bound by number: SELECT on them is still needed.
    superuser
        .batch_execute(
            "REVOKE SELECT ON app.people FROM old_reader; GRANT SELECT (id) ON app.people TO old_reader",
        )
        .unwrap();
    assert_eq!(error_of(reader.query(&file(1), &[])).sqlstate, "42501");
    superuser.batch_execute("GRANT SELECT ON app.people TO old_reader").unwrap();
    assert_eq!(superuser.query("SELECT * FROM acct_export_audit_verify()", &[]).unwrap().len(), 0);
    // The same request is one job.
    let twin = "SELECT acct_export_start('people', 'ndjson')::text";
    assert_ne!(one(&mut reader, twin), queued);
}

#[test]
fn a_dump_of_an_updated_database_restores() {
    let db = old_database("upgrade_dumped");
    let mut superuser = shared().connect(&db, "postgres");
    update(&mut superuser);
    let before = column(&mut superuser, CATALOGUE);
    let register =
        "SELECT coalesce((SELECT string_agg(x::text, ' ' ORDER BY x::text) FROM unnest(p.proacl) AS x), '-')
                      FROM pg_proc AS p WHERE p.proname = 'acct_export_register'";
    let privileges = one(&mut superuser, register);
    let dump = done(shared().client("pg_dump").arg(&db)).stdout;
    let copy = shared().create_database("upgrade_copy");
    restore(shared(), &copy, &String::from_utf8(dump).unwrap());
    let mut restored = shared().connect(&copy, "postgres");
    assert_eq!(column(&mut restored, CATALOGUE), before);
    assert_eq!(one(&mut restored, register), privileges, "what the DBA granted is in the dump");
    assert_eq!(restored.query("SELECT * FROM acct_export_audit_verify()", &[]).unwrap().len(), 0);
}

/// `extension "pg_acctexport" is at version …`, with the statement that mends it.
fn assert_version_error(error: &support::common::ServerError) {
    assert_eq!(error.sqlstate, "55000", "{error:?}");
    assert_eq!(
        error.message,
        format!("extension \"pg_acctexport\" is at version {OLD}, the library at {NEW}")
    );
    assert_eq!(error.hint.as_deref(), Some("ALTER EXTENSION pg_acctexport UPDATE;"));
}

#[test]
fn the_library_refuses_the_catalog_of_the_version_before() {
    let db = old_extension("upgrade_library");
    let mut client = shared().connect(&db, "postgres");
    client.batch_execute("CREATE TABLE people (id bigint PRIMARY KEY, name text)").unwrap();
    for call in [
        "SELECT acct_export_register('people', 'people', 'id')",
        "SELECT acct_export_start('people')",
        "SELECT * FROM acct_export_jobs",
        "SELECT acct_export_status(gen_random_uuid())",
        "SELECT acct_export_cancel(gen_random_uuid())",
        "SELECT acct_export_ndjson('people')",
        "SELECT acct_export_preview('people')",
        "SELECT acct_export_purge()",
        "SELECT acct_export_unregister('people')",
        "SELECT acct_export_secret_name('name', 'secret')",
        "SELECT acct_export.visible(10, 'a text and no document')",
        "SELECT acct_export.register_dataset('{}')",
    ] {
        assert_version_error(&error_of(client.query(call, &[])));
    }
    // In the same session: what is remembered of the version goes with the update.
    update(&mut client);
    client.batch_execute("SELECT acct_export_register('people', 'people', 'id')").unwrap();
    client.batch_execute("SELECT acct_export_start('people')").unwrap();
}

#[test]
fn sessions_see_an_update_made_by_another_one() {
    let db = old_extension("upgrade_sessions");
    let mut other = shared().connect(&db, "postgres");
    assert_version_error(&error_of(other.query("SELECT acct_export_purge()", &[])));
    update(&mut shared().connect(&db, "postgres"));
    assert_eq!(one(&mut other, "SELECT acct_export_purge()::text"), "0");
}

#[test]
fn no_call_under_the_version_before_ends_the_server() {
    let db = old_extension("upgrade_calls");
    let mut client = shared().connect(&db, "postgres");
    let started = one(&mut client, "SELECT pg_postmaster_start_time()::text");
    // Every function in C, with NULL and with a value for each argument: STRICT ones are not entered with NULL.
    let calls = column(
        &mut client,
        "SELECT format('SELECT %s(%s)', p.oid::regproc, array_to_string(ARRAY(
                    SELECT CASE WHEN v.given THEN coalesce(x.value, 'NULL') ELSE 'NULL' END || '::' || format_type(a.type, NULL)
                      FROM unnest(p.proargtypes) WITH ORDINALITY AS a(type, place)
                      LEFT JOIN (VALUES ('text'::regtype, quote_literal('{}')), ('jsonb', quote_literal('{}')), ('uuid', 'gen_random_uuid()'),
                          ('oid', '''pg_class''::regclass::oid'), ('bigint', '1'), ('integer', '1'), ('boolean', 'true'),
                          ('bytea', quote_literal('x')), ('interval', quote_literal('1 s')), ('text[]', quote_literal('{}')),
                          ('timestamptz', 'now()'), ('date', 'current_date')) AS x(type, value) ON x.type = a.type
                     ORDER BY a.place), ', '))
           FROM pg_proc AS p
           JOIN pg_depend AS d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
           JOIN pg_language AS l ON l.oid = p.prolang AND l.lanname = 'c'
          CROSS JOIN (VALUES (false), (true)) AS v(given)
          WHERE d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pg_acctexport')",
    );
    assert!(calls.len() > 60, "{calls:#?}");
    for call in calls {
        if let Err(error) = client.simple_query(&call) {
            let state = error
                .as_db_error()
                .unwrap_or_else(|| panic!("{call} ended the session: {error:?}"))
                .code()
                .code()
                .to_owned();
            // XX000: NULL for an argument of an internal function, which no SQL of the extension passes.
            assert!(
                state != "XX000" || format!("{error:?}").contains("must not be null"),
                "{call}: {error:?}"
            );
        }
    }
    assert_eq!(one(&mut client, "SELECT pg_postmaster_start_time()::text"), started);
}

#[test]
fn workers_leave_the_catalog_of_the_version_before_alone() {
    let db = old_database("upgrade_workers");
    let mut superuser = shared().connect(&db, "postgres");
    let jobs = "SELECT to_jsonb(j)::text FROM acct_export.job AS j ORDER BY 1";
    let before = column(&mut superuser, jobs);
    // A reload starts a round of the launcher at once.
    let said = || {
        let text = format!("looking for the extension failed: extension \"pg_acctexport\" is at version {OLD}, the library at {NEW}");
        shared().log().matches(&text).count()
    };
    let earlier = said();
    shared().set("acct_export.max_attempts", "3");
    wait_until(LIMIT, "a worker finds the version before", || said() > earlier);
    let workers = "SELECT count(*)::text FROM pg_stat_activity
                    WHERE backend_type ~ '^pg_acctexport (worker|sender)' AND datname = current_database()";
    wait_until(LIMIT, "no worker stays", || one(&mut superuser, workers) == "0");
    assert_eq!(column(&mut superuser, jobs), before);
    assert!(!shared().log().contains("was terminated by signal"), "{}", shared().log());
}

#[test]
fn an_update_is_refused_while_an_export_runs() {
    let app = jobs::app(shared(), 20);
    let script = fs::read_to_string(project().join(format!("sql/pg_acctexport--{OLD}--{NEW}.sql"))).unwrap();
    // Only a library of 0.1.0 could run an export under its catalog; the lock of a running export is the same.
    let begin = script.find("DO $$").unwrap();
    let end = begin + script[begin..].find("$$;\n").unwrap() + 4;
    let check =
        format!("BEGIN; SET LOCAL search_path TO pg_catalog, pg_temp; {} ROLLBACK", &script[begin..end]);
    let mut superuser = app.superuser();
    superuser.batch_execute(&check).unwrap();

    let hold = Hold::at(Phase::Reading, &app);
    let job = jobs::start(&mut app.session(&app.login, 0), "csv", "");
    jobs::wait_until_held(&mut superuser, &job, Phase::Reading);
    let mut other = app.superuser();
    let error = error_of(other.batch_execute(&check));
    assert_eq!(error.sqlstate, "55006");
    assert_eq!(error.message, "cannot update extension \"pg_acctexport\" while exports are running");
    other.batch_execute("ROLLBACK").unwrap();
    hold.release();
    jobs::wait_for_status(&mut superuser, &job, "completed");
}

#[test]
fn a_downgrade_is_refused() {
    let db = shared().create_database_with_extension("upgrade_down");
    let mut client = shared().connect(&db, "postgres");
    let error = error_of(client.batch_execute(&format!("ALTER EXTENSION pg_acctexport UPDATE TO '{OLD}'")));
    assert_eq!(error.sqlstate, "22023");
    assert_eq!(
        error.message,
        format!("extension \"pg_acctexport\" has no update path from version \"{NEW}\" to version \"{OLD}\"")
    );
}

#[test]
fn released_scripts_are_installed_and_the_default_is_this_version() {
    let versions =
        "SELECT version FROM pg_available_extension_versions WHERE name = 'pg_acctexport' ORDER BY 1";
    let mut client = shared().connect("postgres", "postgres");
    assert_eq!(column(&mut client, versions), [OLD, NEW]);
    let default = "SELECT default_version FROM pg_available_extensions WHERE name = 'pg_acctexport'";
    assert_eq!(one(&mut client, default), NEW);
    let manifest = fs::read_to_string(project().join("Cargo.toml")).unwrap();
    assert!(manifest.contains(&format!("\nversion = \"{NEW}\"\n")));
    let meta = fs::read_to_string(project().join("META.json")).unwrap();
    assert_eq!(meta.matches(&format!("\"version\": \"{NEW}\"")).count(), 2, "META.json");
}

/// Writes to the snapshot where this is set.
const RENEW: &str = "ACCTEXPORT_RENEW";

#[test]
fn the_surface_is_that_of_the_snapshot() {
    let db = shared().create_database_with_extension("upgrade_surface");
    let mut client = shared().connect(&db, "postgres");
    let surface = column(&mut client, &read("surface.sql"));
    let snapshot: PathBuf = project().join(format!("tests/golden/schema-{NEW}.txt"));
    if std::env::var_os(RENEW).is_some() {
        fs::write(&snapshot, surface.join("\n") + "\n").unwrap();
    }
    let known = fs::read_to_string(Path::new(&snapshot)).unwrap_or_default();
    let known: Vec<String> = known.lines().map(str::to_owned).collect();
    assert!(
        known == surface,
        "the SQL surface is another one than tests/golden/schema-{NEW}.txt says (- snapshot, + now):\n{}\
         Is the change meant, the update script and the documents have it too, renew the snapshot: {RENEW}=1 make test T=upgrade",
        differences(&known, &surface)
    );
}
