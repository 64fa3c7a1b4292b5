//! Objects that take the place of what a statement of ours means: functions, operators and tables in a schema that
//! comes first in somebody's search_path, or is searched at all. Each trap says in the server's log who stepped on it.

use support::common;

use postgres::Client;
use support::asking::{column, completed, start, text};
use support::common::wait_for_job;
use support::scene::Scene;

/// Signatures that are as good a match as the server's own, or a better one, and what they return.
const FUNCTIONS: &[(&str, &str)] = &[
    ("lower(text)", "text"),
    ("upper(text)", "text"),
    ("initcap(text)", "text"),
    ("length(text)", "integer"),
    ("strpos(text, text)", "integer"),
    ("format(text, text)", "text"),
    ("format(text, text, text)", "text"),
    ("concat_ws(text, text, text)", "text"),
    ("concat_ws(text, text, text, text)", "text"),
    ("to_char(numeric, text)", "text"),
    ("jsonb_build_object(text, text)", "jsonb"),
    ("jsonb_build_object(text, text, text, text)", "jsonb"),
    ("jsonb_build_array(text, bigint)", "jsonb"),
    ("to_jsonb(text)", "jsonb"),
    ("to_jsonb(bigint)", "jsonb"),
    ("to_jsonb(uuid)", "jsonb"),
    ("jsonb_agg(text)", "jsonb"),
    ("jsonb_array_elements_text(jsonb)", "text"),
    ("jsonb_populate_record(record, jsonb)", "text"),
    ("current_setting(text)", "text"),
    ("current_setting(text, boolean)", "text"),
    ("now()", "timestamptz"),
    ("clock_timestamp()", "timestamptz"),
    ("gen_random_uuid()", "uuid"),
    ("pg_notify(text, text)", "text"),
    ("quote_ident(text)", "text"),
    ("sha256(bytea)", "bytea"),
    ("encode(bytea, text)", "text"),
    ("count(text)", "bigint"),
    ("unnest(text[])", "text"),
    ("lo_create(integer)", "oid"),
    ("make_interval(double precision)", "interval"),
    ("acct_export_wait(uuid)", "text"),
    ("visible(oid, text)", "boolean"),
    ("wake()", "boolean"),
];

const OPERATORS: &[(&str, &str, &str, &str)] = &[
    ("=", "text", "text", "boolean"),
    ("=", "uuid", "uuid", "boolean"),
    ("=", "bigint", "bigint", "boolean"),
    ("=", "name", "text", "boolean"),
    ("=", "oid", "oid", "boolean"),
    ("<>", "text", "text", "boolean"),
    ("<=", "timestamptz", "timestamptz", "boolean"),
    (">=", "timestamptz", "timestamptz", "boolean"),
    ("->>", "jsonb", "text", "text"),
    ("->", "jsonb", "text", "jsonb"),
    ("||", "text", "text", "text"),
    ("~", "text", "text", "boolean"),
    ("@>", "jsonb", "jsonb", "boolean"),
];

fn traps(schema: &str, mark: &str) -> String {
    let body = |name: &str| {
        format!(
            "LANGUAGE plpgsql SET search_path = pg_catalog AS $trap$ BEGIN
                RAISE WARNING 'TRAPPED {mark} % in {name}', current_user; RETURN NULL; END $trap$;"
        )
    };
    let mut sql = String::new();
    for (signature, returns) in FUNCTIONS {
        let name = signature.replace('\'', "");
        sql += &format!("CREATE FUNCTION {schema}.{signature} RETURNS {returns} {}", body(&name));
    }
    for (place, (operator, left, right, returns)) in OPERATORS.iter().enumerate() {
        let name = format!("{schema}.trap_{place}");
        sql += &format!(
            "CREATE FUNCTION {name}({left}, {right}) RETURNS {returns} {}",
            body(&format!("{operator} {left}"))
        );
        sql += &format!(
            "CREATE OPERATOR {schema}.{operator} (LEFTARG = {left}, RIGHTARG = {right}, FUNCTION = {name});"
        );
    }
    for table in [
        "job",
        "dataset",
        "field",
        "audit",
        "users",
        "pg_class",
        "pg_roles",
        "pg_proc",
        "pg_attribute",
        "acct_export_jobs",
    ] {
        sql += &format!("CREATE TABLE {schema}.{table} (t text);");
    }
    sql
}

/// Everything that a client may call, once each.
fn everything(client: &mut Client) {
    let arguments = "'users', 'csv', period => 'last_year', fields => '{id,email,custom}',
        filter => '{\"email\":{\"sw\":\"U\",\"ci\":true},\"name\":{\"co\":\"x\"},\"custom.city\":\"Lyon\",\"tags\":{\"eq\":\"x\"}}'::pg_catalog.jsonb";
    let job = completed(client, arguments);
    for sql in [
        "SELECT status FROM acct_export_status('JOB')",
        "SELECT acct_export_job('JOB')::pg_catalog.text",
        "SELECT status FROM acct_export_wait('JOB', '1 second')",
        "SELECT job_id::pg_catalog.text FROM public.acct_export_jobs",
        "SELECT dataset FROM acct_export_datasets",
        "SELECT field FROM acct_export_fields",
        "SELECT 'x' FROM (SELECT acct_export_file('JOB')) AS f",
        "SELECT 'x' FROM acct_export_chunks('JOB')",
        "SELECT lo_unlink(acct_export_large_object('JOB'))::pg_catalog.text",
        "SELECT acct_export_csv('users', filter => '{\"email\":{\"sw\":\"u\",\"ci\":true}}'::pg_catalog.jsonb)",
        "SELECT acct_export_ndjson('users', period => 'last_month')",
        "SELECT acct_export_cancel('JOB')::pg_catalog.text",
        "SELECT acct_export_delete('JOB')::pg_catalog.text",
    ] {
        column(client, &sql.replace("JOB", &job));
    }
}

#[track_caller]
fn nobody_stepped_on_one(scene: &Scene, mark: &str) {
    let found = format!("TRAPPED {mark}");
    let log = scene.log();
    let steps: Vec<&str> = log.lines().filter(|line| line.contains(&found)).collect();
    assert!(steps.is_empty(), "{steps:#?}");
}

/// Tried: traps in a schema of the thief's, first in the search_path of whoever calls, the server's own catalogue last.
#[test]
fn a_search_path_with_traps_first() {
    let mut scene = Scene::new();
    let mark = common::unique("first");
    scene.thief().batch_execute(&traps("own", &mark)).unwrap();
    let mut thief = scene.thief();
    thief.batch_execute("SET search_path = own, public, pg_catalog").unwrap();
    everything(&mut thief);
    nobody_stepped_on_one(&scene, &mark);
    scene.nothing_came_out();
}

/// Tried: traps in schema public, where everybody may create in databases that are older than version 15; a superuser
/// calls, and registers.
#[test]
fn a_superuser_where_public_is_everybodys() {
    let mut scene = Scene::new();
    let mark = common::unique("public");
    scene
        .app
        .superuser()
        .batch_execute(&format!("GRANT CREATE ON SCHEMA public TO {}", scene.app.login))
        .unwrap();
    let traps = traps("public", &mark).replace("CREATE TABLE public.acct_export_jobs (t text);", "");
    scene.thief().batch_execute(&traps).unwrap();
    let mut superuser = scene.app.superuser();
    superuser.batch_execute("CALL acct_export_run('users', 'csv', all_tenants => true)").unwrap();
    superuser.batch_execute("DELETE FROM acct_export.job").unwrap(); // the file of all tenants was the superuser's to make
    superuser
        .batch_execute(&format!(
            "CREATE TABLE app.groups (id int PRIMARY KEY, title text); INSERT INTO app.groups VALUES (1, 'one');
             SELECT acct_export_register('groups', 'app.groups', 'id', companions => '{{users}}');
             SELECT acct_export_set_field('groups', 'title', label => 'Title', \"position\" => 1);
             SELECT acct_export_ndjson('groups');
             SELECT acct_export_purge(); SELECT * FROM acct_export_audit_verify();
             SELECT acct_export_unregister('groups'); SET ROLE {}; SET app.tenant_id = '{}'",
            scene.app.nologin, scene.app.tenants[0]
        ))
        .unwrap();
    everything(&mut superuser);
    nobody_stepped_on_one(&scene, &mark);
    scene.nothing_came_out();
}

/// Tried: temporary objects of the caller's own session, which come before all others in a search_path.
#[test]
fn temporary_objects() {
    let mut scene = Scene::new();
    let mark = common::unique("temporary");
    scene
        .app
        .superuser()
        .batch_execute(&format!("GRANT TEMPORARY ON DATABASE {} TO PUBLIC", scene.app.db))
        .unwrap();
    let mut thief = scene.thief();
    thief.batch_execute("CREATE TEMP TABLE first (t text)").unwrap();
    thief.batch_execute(&traps("pg_temp", &mark)).unwrap();
    everything(&mut thief);
    thief.batch_execute("SET search_path = pg_temp, public, pg_catalog").unwrap();
    everything(&mut thief);
    nobody_stepped_on_one(&scene, &mark);
    scene.nothing_came_out();
}

/// Tried: a view and a policy whose own text is resolved when it was made; what the requester has on the path when asking
/// means nothing to the job.
#[test]
fn the_requesters_path_does_not_reach_the_job() {
    let mut scene = Scene::new();
    let mark = common::unique("job");
    scene.thief().batch_execute(&traps("own", &mark)).unwrap();
    scene
        .app
        .superuser()
        .batch_execute(&format!(
            "CREATE FUNCTION app.checked(request jsonb) RETURNS boolean LANGUAGE plpgsql AS
                $$ BEGIN RETURN lower('A') = 'a' AND request ->> 'dataset' = 'users'; END $$;
             SELECT acct_export_register('users', 'app.users', 'id', tenant_column => 'tenant_id', created_column => 'created_at',
                authorize => 'app.checked(jsonb)', replace => true);
             ALTER ROLE {} SET search_path = own, public, pg_catalog",
            scene.app.login
        ))
        .unwrap();
    let mut thief = scene.thief();
    let job = start(
        &mut thief,
        "'users', 'ndjson', filter => '{\"email\":{\"ew\":\"EXAMPLE\",\"ci\":true}}'::pg_catalog.jsonb",
    );
    assert_eq!(wait_for_job(&mut thief, &job).get::<_, &str>("status"), "completed");
    nobody_stepped_on_one(&scene, &mark);
    assert!(text(&mut thief, "SHOW search_path").unwrap().starts_with("own"));
    scene
        .app
        .superuser()
        .batch_execute(&format!("ALTER ROLE {} RESET search_path", scene.app.login))
        .unwrap();
    scene.nothing_came_out();
}
