//! A requester who goes past the functions: the extension's own schema, other people's jobs, files and large objects, roles
//! put on and off between statements.

use support::asking;
use support::common;

use support::asking::{column, completed, every_use_of, refusal, text};
use support::common::{unique, wait_for_job};
use support::scene::Scene;

/// Tried: every relation, sequence, type and function of schema acct_export, by every statement that takes one.
#[test]
fn the_extensions_own_schema() {
    let mut scene = Scene::new();
    completed(&mut scene.app.session(&scene.app.nologin, 1), "'users', 'csv'");
    let mut superuser = scene.app.superuser();
    let mut thief = scene.thief();
    let relations = column(&mut superuser, "SELECT relname::text FROM pg_class WHERE relnamespace = 'acct_export'::regnamespace AND relkind IN ('r', 'v', 'S')");
    assert!(relations.len() > 6, "{relations:?}");
    for relation in relations {
        for sql in [
            "SELECT * FROM acct_export.NAME",
            "TABLE acct_export.NAME",
            "SELECT count(*) FROM ONLY acct_export.NAME",
            "SELECT NULL::acct_export.NAME",
            "SELECT 'acct_export.NAME'::regclass::text",
            "INSERT INTO acct_export.NAME DEFAULT VALUES RETURNING *",
            "UPDATE acct_export.NAME SET tableoid = 1",
            "DELETE FROM acct_export.NAME",
            "TRUNCATE acct_export.NAME",
            "DO $$ BEGIN LOCK TABLE acct_export.NAME IN ACCESS SHARE MODE; END $$",
            "COPY acct_export.NAME TO STDOUT",
            "CREATE VIEW own.window AS SELECT * FROM acct_export.NAME",
            "CREATE TABLE own.child () INHERITS (acct_export.NAME)",
            "CREATE TABLE own.like_it (LIKE acct_export.NAME)",
            "CREATE TABLE own.refers (j uuid REFERENCES acct_export.NAME)",
            "CREATE FUNCTION own.gives() RETURNS SETOF acct_export.NAME LANGUAGE sql AS 'SELECT NULL'",
            "CREATE RULE r AS ON SELECT TO acct_export.NAME DO INSTEAD SELECT 1",
            "ALTER TABLE acct_export.NAME OWNER TO CURRENT_USER",
            "GRANT ALL ON acct_export.NAME TO PUBLIC",
            "SELECT nextval('acct_export.NAME')",
            "SELECT query_to_xml('SELECT * FROM acct_export.NAME', true, true, '')",
            "SELECT acct_export_register('inside', 'acct_export.NAME', 'id')",
        ] {
            let sql = sql.replace("NAME", &relation);
            let error = match thief.batch_execute(&sql) {
                Ok(()) => panic!("{sql} was done"),
                Err(error) => error.as_db_error().unwrap().code().code().to_owned(),
            };
            assert!(matches!(error.as_str(), "42501" | "0A000" | "3F000"), "{sql}: {error}");
        }
    }
    scene.nothing_came_out_but(1);
}

/// Tried: the functions of that schema; and once more where a DBA has opened every schema for reading.
#[test]
fn the_extensions_own_functions() {
    let scene = Scene::new();
    let mut superuser = scene.app.superuser();
    let job = completed(&mut scene.app.session(&scene.app.nologin, 1), "'users', 'csv'");
    superuser
        .batch_execute("CREATE TABLE app.closed (id int PRIMARY KEY, inner_name text); SELECT acct_export_register('closed', 'app.closed', 'id')")
        .unwrap();
    let mut thief = scene.thief();
    let calls = column(
        &mut superuser,
        "SELECT format('acct_export.%I(%s)', proname, (SELECT string_agg(format('NULL::%s', t::regtype), ', ') FROM unnest(proargtypes) AS t))
           FROM pg_proc WHERE pronamespace = 'acct_export'::regnamespace AND prokind = 'f' AND prorettype <> 'trigger'::regtype",
    );
    assert!(calls.len() >= 7, "{calls:?}");
    for call in &calls {
        assert_eq!(refusal(&mut thief, &format!("SELECT {call}")).sqlstate, "42501", "{call}");
        assert_eq!(refusal(&mut thief, &format!("SELECT * FROM {call} AS f")).sqlstate, "42501", "{call}");
    }
    superuser.batch_execute("GRANT USAGE ON SCHEMA acct_export TO PUBLIC").unwrap();
    for sql in [
        "SELECT to_jsonb(s)::text FROM acct_export.job_status s".to_owned(),
        "SELECT to_jsonb(j)::text FROM acct_export.job j".to_owned(),
        "SELECT data::text FROM acct_export.chunk".to_owned(),
        "SELECT to_jsonb(a)::text FROM acct_export.audit a".to_owned(),
        "SELECT key::text FROM acct_export.pseudonym_key".to_owned(),
        "SELECT acct_export.register_dataset('x', '{\"key\":\"id\",\"source\":1259}', false)::text"
            .to_owned(),
        "SELECT acct_export_purge()::text".to_owned(),
        "SELECT acct_export_audit_verify()::text".to_owned(),
    ] {
        assert_eq!(refusal(&mut thief, &sql).sqlstate, "42501", "{sql}");
    }
    assert_eq!(
        refusal(&mut thief, &format!("SELECT acct_export.wait_for_end('{job}', '0')::text")).sqlstate,
        "P0002"
    );
    // A dataset that the caller may not know of is not told by the functions behind the views.
    assert_eq!(column(&mut thief, "SELECT dataset FROM acct_export_datasets"), ["users"]);
    let told = thief.query("SELECT to_jsonb(f)::text FROM acct_export.field_state('closed') AS f", &[]);
    let told: Vec<String> = told.map(|rows| rows.iter().map(|row| row.get(0)).collect()).unwrap_or_default();
    assert!(told.is_empty(), "{told:?}");
}

/// Tried: jobs of others: with their id, with another tenant set, with none, as a former member of their role.
#[test]
fn jobs_of_others() {
    let scene = Scene::new();
    let mut superuser = scene.app.superuser();
    let mut other = scene.app.session(&scene.app.login, 1);
    let theirs = completed(&mut other, "'users', 'csv'");
    let failed = asking::start(&mut other, "'users', 'csv', fields => '{id}'");
    superuser
        .batch_execute(&format!("UPDATE acct_export.job SET status = 'failed' WHERE id = '{failed}'"))
        .unwrap();
    let group = unique("acct_group");
    superuser.batch_execute(&format!("CREATE ROLE {group}; GRANT USAGE ON SCHEMA app TO {group}; GRANT SELECT ON app.users TO {group}; GRANT {group} TO {}", scene.app.login)).unwrap();
    let mut thief = scene.thief();
    thief.batch_execute(&format!("SET ROLE {group}")).unwrap();
    let groups = completed(&mut thief, "'users', 'csv', fields => '{id}'");
    thief.batch_execute("RESET ROLE").unwrap();
    superuser.batch_execute(&format!("REVOKE {group} FROM {}", scene.app.login)).unwrap();
    // Not even right after it was revoked, in a session that has seen it before; nor by forms of the tenant's id that the
    // policy would take for the same.
    let upper = scene.app.tenants[1].to_uppercase();
    let braces = format!("{{{}}}", scene.app.tenants[1]);
    for set in [
        format!("SET app.tenant_id = '{}'", scene.app.tenants[0]),
        "RESET app.tenant_id".into(),
        "SET app.tenant_id = ''".into(),
    ] {
        thief.batch_execute(&set).unwrap();
        for job in [&theirs, &failed, &groups] {
            let quoted = format!("'{job}'");
            for sql in every_use_of(&quoted) {
                let outcome = thief.query(&sql, &[]);
                // A pool's role without a tenant sees its own jobs of all tenants: see visible_jobs.rs.
                if set.contains(&scene.app.tenants[0]) || *job == groups {
                    let error = common::error_of(outcome);
                    assert_eq!(error.sqlstate, "P0002", "{set}: {sql}: {error:?}");
                }
            }
        }
        if set.contains(&scene.app.tenants[0]) {
            assert_eq!(
                column(
                    &mut thief,
                    &format!(
                        "SELECT job_id::text FROM acct_export_jobs WHERE tenant IN ('{upper}', '{braces}')"
                    )
                ),
                Vec::<String>::new()
            );
        }
    }
    // A job that is not there and one that is not the thief's are told apart by nothing.
    thief.batch_execute(&format!("SET app.tenant_id = '{}'", scene.app.tenants[0])).unwrap();
    let none = "'00000000-0000-4000-8000-000000000000'";
    for (there, not) in every_use_of(&format!("'{groups}'")).iter().zip(every_use_of(none)) {
        let (mut there, not) = (refusal(&mut thief, there), refusal(&mut thief, &not));
        there.message = there.message.replace(&groups, none.trim_matches('\''));
        there.detail = there.detail.map(|text| text.replace(&groups, none.trim_matches('\'')));
        assert_eq!(there, not);
    }
}

/// Tried: large objects and files that were made for somebody else.
#[test]
fn large_objects_of_others() {
    let scene = Scene::new();
    let mut other = scene.app.session(&scene.app.nologin, 1);
    let job = completed(&mut other, "'users', 'csv'");
    let object = text(&mut other, &format!("SELECT acct_export_large_object('{job}')::text")).unwrap();
    let mut thief = scene.thief();
    for sql in [
        "SELECT lo_get(OID)",
        "SELECT lo_open(OID, 262144)",
        "SELECT lo_unlink(OID)",
        "SELECT data FROM pg_largeobject WHERE loid = OID",
        "SELECT lo_put(OID, 0, 'x')",
        "SELECT lo_export(OID, '/tmp/x')",
    ] {
        assert_eq!(refusal(&mut thief, &sql.replace("OID", &object)).sqlstate, "42501", "{sql}");
    }
    assert_eq!(refusal(&mut thief, &format!("SELECT acct_export_large_object('{job}')")).sqlstate, "P0002");
}

/// Tried: a SECURITY DEFINER function around acct_export_start. The job belongs to the function's owner, with the owner's
/// rights; a superuser's reads no tenant at all.
#[test]
fn a_definers_function_around_the_start() {
    let mut scene = Scene::new();
    let (mut thief, mut superuser) = (scene.thief(), scene.app.superuser());
    let owner = unique("acct_definer");
    superuser
        .batch_execute(&format!(
            "CREATE ROLE {owner}; GRANT USAGE ON SCHEMA app TO {owner}; GRANT SELECT (id, tenant_id, email, status) ON app.users TO {owner};
             CREATE FUNCTION own.ask() RETURNS text LANGUAGE sql SECURITY DEFINER AS
                $$ SELECT acct_export_start('users', 'csv', fields => '{{id,email}}')::text $$;
             CREATE FUNCTION own.lines() RETURNS SETOF text LANGUAGE sql SECURITY DEFINER AS $$ SELECT acct_export_csv('users', all_tenants => true) $$;
             CREATE FUNCTION own.take(job text) RETURNS bytea LANGUAGE sql SECURITY DEFINER AS $$ SELECT acct_export_file(job::uuid) $$;
             GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA own TO PUBLIC"
        ))
        .unwrap();
    // The superuser's: refused, because no policy would apply.
    assert_eq!(refusal(&mut thief, "SELECT own.ask()").sqlstate, "42501");
    superuser.batch_execute(&format!("ALTER FUNCTION own.ask() OWNER TO {owner}; ALTER FUNCTION own.lines() OWNER TO {owner}; ALTER FUNCTION own.take(text) OWNER TO {owner}")).unwrap();
    assert_eq!(refusal(&mut thief, "SELECT own.lines()").sqlstate, "42501");
    let job = text(&mut thief, "SELECT own.ask()").unwrap();
    assert_eq!(
        refusal(&mut thief, &format!("SELECT status FROM acct_export_status('{job}')")).sqlstate,
        "P0002"
    );
    let row = wait_for_job(&mut superuser, &job);
    assert_eq!((row.get("status"), row.get("requested_by")), ("completed", owner.as_str()));
    // A SECURITY DEFINER function may hand out the definer's files: within the tenant that is set.
    let file: Vec<u8> = thief.query_one("SELECT own.take($1)", &[&job]).unwrap().get(0);
    assert!(String::from_utf8(file).unwrap().lines().skip(1).all(|line| line.contains("@a.example")));
    thief.batch_execute(&format!("SET app.tenant_id = '{}'", scene.app.tenants[1])).unwrap();
    assert_eq!(common::error_of(thief.query("SELECT own.take($1)", &[&job])).sqlstate, "P0002");
    superuser.batch_execute("DROP FUNCTION own.ask(), own.lines(), own.take(text)").unwrap();
    scene.nothing_came_out();
}

/// Tried: statements that were prepared and cursors that were opened under another role or tenant.
#[test]
fn statements_and_cursors_across_a_change_of_role() {
    let scene = Scene::new();
    let mut other = scene.app.session(&scene.app.nologin, 1);
    let job = completed(&mut other, "'users', 'csv'");
    let mut client = scene.app.superuser();
    let [a, b] = &scene.app.tenants;
    client
        .batch_execute(&format!(
            "PREPARE take AS SELECT length(acct_export_file('{job}'))::text; PREPARE jobs AS SELECT job_id::text FROM acct_export_jobs;
             PREPARE fields AS SELECT field FROM acct_export_fields; PREPARE lines AS SELECT acct_export_csv('users', fields => '{{id,email}}', all_tenants => true);
             EXECUTE take; EXECUTE jobs; EXECUTE fields; EXECUTE lines; SET ROLE {}; SET app.tenant_id = '{a}'",
            scene.app.login
        ))
        .unwrap();
    assert_eq!(refusal(&mut client, "EXECUTE take").sqlstate, "P0002");
    assert_eq!(refusal(&mut client, "EXECUTE lines").sqlstate, "42501");
    assert_eq!(column(&mut client, "EXECUTE jobs"), Vec::<String>::new());
    // A cursor that was declared before and reads after the change reads as whoever fetches.
    client
        .batch_execute(&format!(
            "RESET ROLE; BEGIN; DECLARE c CURSOR FOR SELECT acct_export_csv('users', fields => '{{id,email}}', all_tenants => true); SET ROLE {}",
            scene.app.login
        ))
        .unwrap();
    assert_eq!(refusal(&mut client, "FETCH ALL FROM c").sqlstate, "42501");
    // One that has begun goes on as it began: the tenant and role of its first row.
    client
        .batch_execute(&format!(
            "ROLLBACK; SET ROLE {}; SET app.tenant_id = '{a}'; BEGIN;
            DECLARE c CURSOR FOR SELECT acct_export_csv('users', fields => '{{id,email}}')",
            scene.app.login
        ))
        .unwrap();
    let mut lines = column(&mut client, "FETCH 3 FROM c");
    client.batch_execute(&format!("RESET ROLE; SET app.tenant_id = '{b}'")).unwrap();
    lines.extend(column(&mut client, "FETCH ALL FROM c"));
    assert!(lines.len() == 6 && lines[1..].iter().all(|line| line.contains("@a.example")), "{lines:?}");
    assert_eq!(
        text(&mut client, "SELECT current_user::text || current_setting('app.tenant_id')").unwrap(),
        format!("postgres{b}")
    );
    client.batch_execute("COMMIT").unwrap();
    // Asked within a transaction as one role, read from the queue as that role.
    client
        .batch_execute(&format!("BEGIN; SET LOCAL ROLE {}; SET LOCAL app.tenant_id = '{a}'", scene.app.login))
        .unwrap();
    let asked = asking::start(&mut client, "'users', 'csv', fields => '{id,email}'");
    client.batch_execute("RESET ROLE; COMMIT; RESET app.tenant_id").unwrap();
    let row = wait_for_job(&mut client, &asked);
    assert_eq!((row.get("requested_by"), row.get("tenant")), (scene.app.login.as_str(), a.as_str()));
}
