//! A source that becomes something else after it was registered, or while its job waits: by its owner, who may do with it
//! what owners may.

use postgres::Client;
use support::asking::{column, completed, exported, refusal, start, text, version};
use support::common::{error_of, wait_for_job};
use support::scene::Scene;

/// Holds the thief's transaction open while `change` is made, so that it lies between asking and running.
fn asked_before(scene: &Scene, arguments: &str, change: &str) -> (Client, String) {
    let mut thief = scene.thief();
    thief.batch_execute("BEGIN").unwrap();
    let job = start(&mut thief, arguments);
    scene.app.superuser().batch_execute(change).unwrap();
    thief.batch_execute("COMMIT").unwrap();
    (thief, job)
}

#[track_caller]
fn fails(client: &mut Client, job: &str, codes: &[&str]) {
    let row = wait_for_job(client, job);
    let (status, code): (&str, Option<&str>) = (row.get("status"), row.get("error_code"));
    assert!(status == "failed" && code.is_some_and(|code| codes.contains(&code)), "{status} {code:?}");
}

/// Tried: row security switched off, its policy dropped, its force lifted, BYPASSRLS given, between asking and running. A
/// dropped policy hides all rows; the tenant's predicate is in the query whatever the policies say.
#[test]
fn row_security_that_goes_away() {
    let mut scene = Scene::new();
    let login = scene.app.login.clone();
    let policy = "CREATE POLICY tenant ON app.users USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)";
    for (change, undo) in [
        ("ALTER TABLE app.users DISABLE ROW LEVEL SECURITY".to_owned(), "ALTER TABLE app.users ENABLE ROW LEVEL SECURITY".to_owned()),
        (format!("ALTER ROLE {login} BYPASSRLS"), format!("ALTER ROLE {login} NOBYPASSRLS")),
        (format!("ALTER ROLE {login} SUPERUSER"), format!("ALTER ROLE {login} NOSUPERUSER")),
        (format!("GRANT USAGE, CREATE ON SCHEMA app TO {login}; ALTER TABLE app.users OWNER TO {login}; ALTER TABLE app.users NO FORCE ROW LEVEL SECURITY"),
            format!("ALTER TABLE app.users OWNER TO postgres; ALTER TABLE app.users FORCE ROW LEVEL SECURITY; REVOKE CREATE ON SCHEMA app FROM {login};
                GRANT SELECT ON app.users TO {login}")),
        (format!("REVOKE SELECT ON app.users FROM {login}"), format!("GRANT SELECT ON app.users TO {login}")),
        (format!("REVOKE USAGE ON SCHEMA app FROM {login}"), format!("GRANT USAGE ON SCHEMA app TO {login}")),
    ] {
        let (mut thief, job) = asked_before(&scene, "'users', 'csv'", &change);
        fails(&mut thief, &job, &["42501"]);
        scene.app.superuser().batch_execute(&undo).unwrap();
    }
    for change in [
        "DROP POLICY tenant ON app.users".to_owned(),
        format!("DROP POLICY tenant ON app.users; {} OR true)", policy.strip_suffix(')').unwrap()),
    ] {
        let (mut thief, job) = asked_before(&scene, "'users', 'csv'", &change);
        assert_eq!(wait_for_job(&mut thief, &job).get::<_, &str>("status"), "completed");
        scene
            .app
            .superuser()
            .batch_execute(&format!("DROP POLICY IF EXISTS tenant ON app.users; {policy}"))
            .unwrap();
    }
    scene.nothing_came_out();
}

/// Tried: another relation under the source's name: the dataset goes on reading the one that was registered.
#[test]
fn a_source_swapped_by_its_name() {
    let mut scene = Scene::new();
    let mut thief = scene.thief();
    thief
        .batch_execute(
            "CREATE TABLE own.people (id int PRIMARY KEY, note text); INSERT INTO own.people VALUES (1, 'mine');
             SELECT acct_export_register('people', 'own.people', 'id')",
        )
        .unwrap();
    completed(&mut thief, "'people', 'csv'");
    thief
        .batch_execute(
            "ALTER TABLE own.people RENAME TO before; CREATE VIEW own.people AS SELECT id, password_hash AS note FROM app.users",
        )
        .unwrap();
    assert_eq!(String::from_utf8(exported(&mut thief, "'people', 'csv'")).unwrap(), "id,note\r\n1,mine\r\n");
    // Dropped, it is gone; the name is not free for what stands there now.
    thief.batch_execute("DROP TABLE own.before").unwrap();
    for sql in ["SELECT acct_export_start('people', 'csv')::text", "SELECT acct_export_csv('people')"] {
        let error = refusal(&mut thief, sql);
        assert!(matches!(error.sqlstate.as_str(), "22023" | "42501"), "{error:?}");
    }
    scene.nothing_came_out();
}

/// Tried: an empty table that a rule turns into a view, keeping its identity (possible before PostgreSQL 16); a table that
/// inherits, is attached, or gets columns that the registration has not seen.
#[test]
fn a_table_that_becomes_something_else() {
    let mut scene = Scene::new();
    let mut thief = scene.thief();
    thief
        .batch_execute(
            "CREATE TABLE own.people (id bigint, note text); ALTER TABLE own.people ADD UNIQUE (id);
             SELECT acct_export_register('people', 'own.people', 'id')",
        )
        .unwrap();
    completed(&mut thief, "'people', 'csv'");
    thief.batch_execute("ALTER TABLE own.people DROP CONSTRAINT people_id_key").unwrap();
    thief.batch_execute("VACUUM own.people").unwrap(); // forgets that there was an index
    let made = thief.batch_execute(
        "CREATE RULE \"_RETURN\" AS ON SELECT TO own.people DO INSTEAD SELECT id, password_hash AS note FROM app.users",
    );
    assert_eq!(made.is_ok(), version(&mut thief) < 16, "{made:?}");
    if made.is_ok() {
        for sql in [
            "SELECT acct_export_start('people', 'csv')::text",
            "SELECT acct_export_csv('people')",
            "SELECT acct_export_ndjson('people')",
        ] {
            assert_eq!(refusal(&mut thief, sql).sqlstate, "42501", "{sql}");
        }
        assert_eq!(refusal(&mut scene.app.superuser(), "SELECT acct_export_csv('people')").sqlstate, "42501");
    }
    // A child of a table with row security is read through its parent, with the parent's policies.
    scene
        .app
        .superuser()
        .batch_execute(&format!(
            "CREATE TABLE app.more () INHERITS (app.users); INSERT INTO app.more (id, tenant_id, email, status, created_at, updated_at, password_hash)
                VALUES (900, '{b}', '{canary}', 'active', now(), now(), '{canary}'), (901, '{a}', 'new@a.example', 'active', now(), now(), '{canary}')",
            a = scene.app.tenants[0],
            b = scene.app.tenants[1],
            canary = scene.canary
        ))
        .unwrap();
    let lines = column(&mut thief, "SELECT acct_export_csv('users', fields => '{id,email}')");
    assert_eq!(lines.iter().filter(|line| line.contains("a.example")).count(), 6, "{lines:?}");
    scene.app.superuser().batch_execute("DROP TABLE app.more").unwrap();
    // A column that came later is no field until it is registered, and never where it is a secret's.
    scene
        .app
        .superuser()
        .batch_execute(&format!(
            "ALTER TABLE app.users ADD pin_code text DEFAULT '{}', ADD shoe text DEFAULT 'new'",
            scene.canary
        ))
        .unwrap();
    for field in ["pin_code", "shoe"] {
        let error = refusal(&mut thief, &format!("SELECT acct_export_csv('users', fields => '{{{field}}}')"));
        assert_eq!(error.sqlstate, "22023", "{error:?}");
    }
    assert_eq!(
        text(&mut thief, "SELECT acct_export_csv('users') LIMIT 1")
            .unwrap()
            .split(',')
            .filter(|f| matches!(*f, "pin_code" | "shoe"))
            .count(),
        0
    );
    scene.nothing_came_out();
}

/// Tried: a tenant column that tells lies: nullable, rewritten by a view, compared by a type with an odd `=`.
#[test]
fn a_tenant_column_of_the_owners_making() {
    let mut scene = Scene::new();
    let mut superuser = scene.app.superuser();
    let [a, b] = scene.app.tenants.clone();
    superuser
        .batch_execute(&format!(
            "CREATE TABLE app.notes (id int PRIMARY KEY, tenant_id uuid, note text);
             INSERT INTO app.notes VALUES (1, '{a}', 'mine'), (2, '{b}', '{canary}'), (3, NULL, '{canary}');
             GRANT SELECT ON app.notes TO {login}; ALTER TABLE app.notes ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
             CREATE POLICY all_of_them ON app.notes USING (true);
             CREATE VIEW app.notes_v WITH (security_invoker) AS SELECT id, tenant_id, note FROM app.notes;
             CREATE VIEW app.notes_t WITH (security_invoker) AS SELECT id, tenant_id::text AS tenant_id, note FROM app.notes;
             GRANT SELECT ON app.notes_v, app.notes_t TO {login};
             SELECT acct_export_register('notes', 'app.notes', 'id', tenant_column => 'tenant_id');
             SELECT acct_export_register('notes_v', 'app.notes_v', 'id', tenant_column => 'tenant_id');
             SELECT acct_export_register('notes_t', 'app.notes_t', 'id', tenant_column => 'tenant_id')",
            canary = scene.canary,
            login = scene.app.login
        ))
        .unwrap();
    // The policy lets all rows pass: the predicate of the query does not.
    let mut thief = scene.thief();
    for dataset in ["notes", "notes_v", "notes_t"] {
        let lines =
            column(&mut thief, &format!("SELECT acct_export_csv('{dataset}', fields => '{{id,note}}')"));
        assert_eq!(lines, ["id,note", "1,mine"], "{dataset}");
        completed(&mut thief, &format!("'{dataset}', 'csv'"));
    }
    let mut accepted = Vec::new();
    // Types whose = is no plain equality, or is none, make no tenant.
    for ty in [
        "jsonb", "bytea", "point", "boolean", "date", "text[]", "xml", "tsvector", "box", "money", "interval",
    ] {
        let table = ty.replace("[]", "s");
        superuser
            .batch_execute(&format!(
                "CREATE TABLE app.by_{table} (id int PRIMARY KEY, tenant {ty}); ALTER TABLE app.by_{table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY"
            ))
            .unwrap();
        let register = format!(
            "SELECT acct_export_register('by_{table}', 'app.by_{table}', 'id', tenant_column => 'tenant')"
        );
        match superuser.batch_execute(&register) {
            Ok(()) => accepted.push(ty),
            failed => assert_eq!(error_of(failed).sqlstate, "22023", "{ty}"),
        }
    }
    assert!(accepted.is_empty(), "taken for a tenant: {accepted:?}");
    scene.nothing_came_out();
}
