//! Keys that repeat: an export in the order of its key fails where two rows have the same one, by the key's own equality, and a
//! registration says where it could not look for them.

use postgres::Client;
use support::asking::version;
use support::common::{error_of, shared, unique, wait_for_job, TwoTenants};
use support::lineage::barred;

/// A database with the extension and an empty schema `app`, and a session of the superuser.
fn empty() -> (String, Client) {
    let db = shared().create_database_with_extension("keys");
    let mut client = shared().connect(&db, "postgres");
    client.batch_execute("CREATE SCHEMA app").unwrap();
    (db, client)
}

/// status, error_code and error of an export.
fn outcome(client: &mut Client, arguments: &str) -> (String, Option<String>, String) {
    let job: String =
        client.query_one(&format!("SELECT acct_export_start({arguments})::text"), &[]).unwrap().get(0);
    let row = wait_for_job(client, &job);
    (row.get("status"), row.get("error_code"), row.get::<_, Option<String>>("error").unwrap_or_default())
}

#[track_caller]
fn fails(client: &mut Client, arguments: &str, key: &str) -> String {
    let (status, code, error) = outcome(client, arguments);
    assert_eq!((status.as_str(), code.as_deref()), ("failed", Some("22023")), "{arguments}: {error}");
    assert!(error.contains(key), "{arguments}: {error}");
    error
}

#[track_caller]
fn completes(client: &mut Client, arguments: &str) {
    let (status, _, error) = outcome(client, arguments);
    assert_eq!(status, "completed", "{arguments}: {error}");
}

#[test]
fn a_view_that_doubles_people_later_fails() {
    let (_, mut client) = empty();
    client
        .batch_execute(
            "CREATE TABLE app.people (uid text PRIMARY KEY, email text);
             CREATE TABLE app.teams (person text, team text);
             INSERT INTO app.people SELECT 'P-' || n, 'p' || n || '@example.org' FROM generate_series(1, 3000) n;
             INSERT INTO app.teams SELECT uid, 'red' FROM app.people;
             CREATE VIEW app.members WITH (security_invoker) AS
                SELECT p.uid, p.email, t.team FROM app.people p JOIN app.teams t ON t.person = p.uid;
             SELECT acct_export_register('members', 'app.members', 'uid')",
        )
        .unwrap();
    completes(&mut client, "'members', 'csv'");
    client.batch_execute("INSERT INTO app.teams VALUES ('P-2000', 'blue')").unwrap();
    for format in ["csv", "xlsx", "ndjson", "json"] {
        let error = fails(&mut client, &format!("'members', '{format}'"), "\"uid\"");
        assert!(!error.contains("P-2000") && error.contains("\"members\""), "{error}");
    }
    // The key itself is not among the fields, or does not leave as it is.
    fails(&mut client, "'members', 'csv', fields => '{email}'", "\"uid\"");
    fails(&mut client, "'members', 'csv', fields => '{team,uid,email}'", "\"uid\"");
    client.batch_execute("SELECT acct_export_set_field('members', 'uid', mask => 'redact')").unwrap();
    fails(&mut client, "'members', 'csv'", "\"uid\"");
    client.batch_execute("SELECT acct_export_set_field('members', 'uid', mask => 'none')").unwrap();
    // Rows that are not exported are not compared.
    completes(&mut client, "'members', 'csv', filter => '{\"team\":\"red\"}'");
    // In no order there are no neighbours.
    completes(&mut client, "'members', 'ndjson', options => '{\"order\":\"none\"}'");
    let stream = "SELECT acct_export_csv('members', fields => '{email}', options => '{\"order\":\"key\"}')";
    let error = error_of(client.query(stream, &[]));
    assert_eq!(error.sqlstate, "22023");
    assert!(error.message.contains("\"uid\""), "{error:?}");
    client.query("SELECT acct_export_csv('members')", &[]).unwrap();
    client.batch_execute("DELETE FROM app.teams WHERE team = 'blue'").unwrap();
    assert_eq!(client.query(stream, &[]).unwrap().len(), 3001);
}

/// A stream fetches some rows at a time: neighbours are compared across fetches.
#[test]
fn a_stream_compares_across_its_fetches() {
    let (_, mut client) = empty();
    client
        .batch_execute(
            "CREATE TABLE app.n AS SELECT n AS id, repeat('x', 300) AS filler FROM generate_series(1, 2500) n;
             SELECT acct_export_register('n', 'app.n', 'id')",
        )
        .unwrap();
    let stream = "SELECT acct_export_ndjson('n', options => '{\"order\":\"key\"}')";
    assert_eq!(client.query(stream, &[]).unwrap().len(), 2500);
    for twin in [1, 2, 3, 838, 839, 840, 999, 1000, 1001, 2000, 2001, 2499, 2500] {
        client.batch_execute(&format!("BEGIN; INSERT INTO app.n VALUES ({twin}, 'y')")).unwrap();
        assert_eq!(error_of(client.query(stream, &[])).sqlstate, "22023", "{twin}");
        client.batch_execute("ROLLBACK").unwrap();
    }
}

/// Two values that are equal and may look different, and two that are not equal. The first pair is a repeated key.
#[test]
fn keys_are_compared_as_their_type_does() {
    let (_, mut client) = empty();
    let citext = client.batch_execute("CREATE EXTENSION citext").is_ok();
    let icu = client
        .batch_execute(
            "CREATE COLLATION app.ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false)",
        )
        .is_ok();
    client
        .batch_execute(
            "CREATE TYPE app.mood AS ENUM ('sad', 'ok');
             CREATE DOMAIN app.code AS text; CREATE DOMAIN app.amount AS numeric",
        )
        .unwrap();
    let mut types = vec![
        ("int", "1", "1", "2"),
        ("smallint", "-1", "-1", "-2"),
        ("bigint", "9000000000000000000", "9000000000000000000", "8999999999999999999"),
        ("numeric", "'1.0'", "'1.00'", "'1.01'"),
        ("app.amount", "'1.0'", "'1.00'", "'1.01'"),
        ("double precision", "'0'", "'-0'", "'1'"),
        ("real", "'NaN'", "'NaN'", "'1'"),
        ("text", "'a'", "'a'", "'A'"),
        ("text", "''", "''", "' '"),
        ("text", "repeat('long ', 100000)", "repeat('long ', 100000)", "repeat('long ', 100000) || 'x'"),
        ("app.code", "'a'", "'a'", "'A'"),
        ("varchar(5)", "'a'", "'a'", "'a '"),
        ("char(5)", "'a'", "'a  '", "'b'"),
        ("bpchar", "'a'", "'a  '", "'b'"),
        ("name", "'a'", "'a'", "'b'"),
        (
            "uuid",
            "'a0000000-0000-4000-8000-000000000001'",
            "'A0000000-0000-4000-8000-000000000001'",
            "'a0000000-0000-4000-8000-000000000002'",
        ),
        ("date", "'2026-01-01'", "'2026-01-01'", "'2026-01-02'"),
        ("timestamptz", "'2026-01-01 00:00Z'", "'2026-01-01 01:00+01'", "'2026-01-01 00:00:00.000001Z'"),
        ("interval", "'1 day'", "'24 hours'", "'25 hours'"),
        ("timetz", "'12:00Z'", "'12:00Z'", "'13:00+01'"),
        ("bool", "true", "true", "false"),
        ("app.mood", "'sad'", "'sad'", "'ok'"),
        ("inet", "'10.0.0.1'", "'10.0.0.1/32'", "'10.0.0.2'"),
        ("int[]", "'{1,2}'", "'{1,2}'", "'{1,3}'"),
        ("numeric[]", "'{1.0}'", "'{1.00}'", "'{1.1}'"),
        ("jsonb", "'{\"a\":1.0}'", "'{\"a\": 1.00}'", "'{\"a\":2}'"),
        ("int4range", "'[1,3)'", "'[1,2]'", "'[1,4)'"),
        ("oid", "4000000000", "4000000000", "1"),
    ];
    if citext {
        types.push(("citext", "'Ada'", "'ADA'", "'Bob'"));
    }
    if icu {
        types.push(("text COLLATE app.ci", "'Ada'", "'ADA'", "'Bob'"));
    }
    assert!(citext || icu, "neither citext nor ICU: nothing of this kind is tested");
    for (index, (ty, one, same, other)) in types.iter().enumerate() {
        // A view keeps an index out of it; rows come later.
        client
            .batch_execute(&format!(
                "CREATE TABLE app.t{index} (id {ty}, n int);
                 CREATE VIEW app.v{index} WITH (security_invoker) AS SELECT id, n FROM app.t{index} UNION ALL SELECT NULL, 0 WHERE false;
                 SELECT acct_export_register('t{index}', 'app.v{index}', 'id')"
            ))
            .unwrap_or_else(|error| panic!("{ty}: {error:?}"));
        client.batch_execute(&format!("INSERT INTO app.t{index} VALUES ({one}, 1), ({other}, 2)")).unwrap();
        completes(&mut client, &format!("'t{index}', 'csv'"));
        client.batch_execute(&format!("INSERT INTO app.t{index} VALUES ({same}, 3)")).unwrap();
        for fields in ["", ", fields => '{n}'"] {
            let error = fails(&mut client, &format!("'t{index}', 'csv'{fields}"), "\"id\"");
            assert!(error.len() < 200, "{ty}: {error}");
        }
    }
}

#[test]
fn a_key_that_is_null_fails() {
    let (_, mut client) = empty();
    client
        .batch_execute(
            "CREATE TABLE app.t (id int UNIQUE, n int);
             INSERT INTO app.t VALUES (1, 1);
             SELECT acct_export_register('t', 'app.t', 'id');
             INSERT INTO app.t VALUES (NULL, 2)",
        )
        .unwrap();
    for fields in ["", ", fields => '{n}'"] {
        assert!(fails(&mut client, &format!("'t', 'csv'{fields}"), "\"id\"").contains("null"));
    }
    // Nor are two of them overlooked.
    client.batch_execute("INSERT INTO app.t VALUES (NULL, 3)").unwrap();
    fails(&mut client, "'t', 'xlsx'", "\"id\"");
}

#[test]
fn a_companion_that_repeats_its_key_fails_alone() {
    let app = TwoTenants::with_users(shared(), 20);
    let mut superuser = app.superuser();
    superuser
        .batch_execute(&format!(
            "CREATE TABLE app.events (id int, tenant_id uuid, what text);
             ALTER TABLE app.events ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
             CREATE POLICY t ON app.events USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
             GRANT SELECT ON app.events TO {login};
             SELECT acct_export_register('events', 'app.events', 'id', tenant_column => 'tenant_id');
             SELECT acct_export_unregister('users');
             SELECT acct_export_register('users', 'app.users', 'id', tenant_column => 'tenant_id', companions => '{{events}}');
             INSERT INTO app.events SELECT 7, '{a}', 'x' FROM generate_series(1, 2)",
            login = app.login,
            a = app.tenants[0]
        ))
        .unwrap();
    let mut requester = app.session(&app.login, 0);
    let (status, code, error) = outcome(&mut requester, "'users', 'csv', include => '{events}'");
    assert_eq!((status.as_str(), code.as_deref()), ("completed_with_errors", Some("22023")), "{error}");
    assert!(error.contains("\"events\"") && error.contains("\"id\""), "{error}");
    // The other tenant has no such rows.
    completes(&mut app.session(&app.login, 1), "'users', 'csv', include => '{events}'");
}

/// A key that is unique within a tenant is not among all tenants: there a row is known by both.
#[test]
fn rows_of_all_tenants_are_known_by_tenant_and_key() {
    let app = TwoTenants::create(shared(), 1);
    let mut superuser = app.superuser();
    superuser
        .batch_execute(
            "CREATE TABLE app.seats (no int, tenant_id uuid, who text);
             INSERT INTO app.seats SELECT n, t.id, t.name FROM app.tenants t, generate_series(1, 50) n ORDER BY md5(n::text || t.id);
             SELECT acct_export_register('seats', 'app.seats', 'no', tenant_column => 'tenant_id')",
        )
        .unwrap();
    completes(&mut superuser, "'seats', 'csv', all_tenants => true");
    completes(&mut superuser, "'seats', 'csv', all_tenants => true, fields => '{who}'");
    // The same rows make the same file, however they lie in the table.
    let file = "SELECT encode(sha256(string_agg(line, '' ORDER BY n)::bytea), 'hex')
        FROM (SELECT row_number() OVER () AS n, line FROM acct_export_csv('seats', all_tenants => true, options => '{\"order\":\"key\"}') line) l";
    let before: String = superuser.query_one(file, &[]).unwrap().get(0);
    superuser
        .batch_execute("CREATE TABLE app.other AS TABLE app.seats; TRUNCATE app.seats; INSERT INTO app.seats SELECT * FROM app.other ORDER BY tenant_id DESC, no")
        .unwrap();
    assert_eq!(superuser.query_one(file, &[]).unwrap().get::<_, String>(0), before);
    superuser
        .batch_execute(
            "INSERT INTO app.seats SELECT 7, tenant_id, 'twin' FROM app.seats WHERE no = 1 LIMIT 1",
        )
        .unwrap();
    fails(&mut superuser, "'seats', 'csv', all_tenants => true", "\"no, tenant_id\"");
}

/// The notices and errors that `psql` prints.
fn said(db: &str, user: &str, sql: &str) -> String {
    let output = shared().psql(&["-d", db, "-U", user], sql);
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_registration_looks_past_forced_row_security() {
    let (db, mut client) = empty();
    let (owner, other) = (unique("keys_owner"), unique("keys_other"));
    client
        .batch_execute(&format!(
            "CREATE ROLE {owner} LOGIN; CREATE ROLE {other} LOGIN;
             GRANT ALL ON SCHEMA app TO {owner}, {other};
             SET ROLE {owner};
             CREATE TABLE app.people (id int PRIMARY KEY, tenant_id text);
             CREATE TABLE app.teams (person int, tenant_id text);
             INSERT INTO app.people SELECT n, 'a' FROM generate_series(1, 5) n;
             INSERT INTO app.teams VALUES (1, 'a'), (2, 'a'), (2, 'a');
             ALTER TABLE app.people ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
             ALTER TABLE app.teams ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
             CREATE POLICY t ON app.people USING (tenant_id = current_setting('app.tenant', true));
             CREATE POLICY t ON app.teams USING (tenant_id = current_setting('app.tenant', true));
             GRANT SELECT ON app.people, app.teams TO {other};
             CREATE VIEW app.members WITH (security_invoker) AS SELECT p.id, p.tenant_id FROM app.people p JOIN app.teams t ON t.person = p.id;
             CREATE VIEW app.single WITH (security_invoker) AS SELECT DISTINCT p.id, p.tenant_id FROM app.people p JOIN app.teams t ON t.person = p.id;
             SET ROLE {other};
             CREATE VIEW app.seen_by_other WITH (security_invoker) AS SELECT p.id, p.tenant_id FROM app.people p JOIN app.teams t ON t.person = p.id;
             RESET ROLE"
        ))
        .unwrap();
    // By the owner, to whom the policies show nothing, and by a superuser, to whom they do not apply.
    for user in [owner.as_str(), "postgres"] {
        let told =
            said(&db, user, "\\set VERBOSITY verbose\nSELECT acct_export_register('d', 'app.members', 'id')");
        assert!(told.contains("ERROR:  22023") && told.contains("\"id\""), "{user}: {told}");
    }
    let told = said(&db, &owner, "SELECT acct_export_register('single', 'app.single', 'id')");
    assert!(!told.contains("could not check") && !told.contains("ERROR"), "{told}");
    // Row security of somebody else's tables stays: that is said, with what finds twins.
    let told = said(&db, &other, "SELECT acct_export_register('seen', 'app.seen_by_other', 'id')");
    assert!(told.contains("WARNING") && told.contains("row security hides rows of app.people"), "{told}");
    assert!(
        told.contains("HINT:  SELECT id FROM app.seen_by_other GROUP BY id HAVING count(*) > 1;"),
        "{told}"
    );
    // Of a table alone, it is a unique index that proves it.
    client
        .batch_execute(&format!(
            "SET ROLE {owner}; CREATE TABLE app.bare (id int, tenant_id text); GRANT SELECT ON app.bare TO {other};
             ALTER TABLE app.bare ENABLE ROW LEVEL SECURITY; CREATE POLICY t ON app.bare USING (tenant_id = 'x');
             SET ROLE {other}; CREATE VIEW app.over_bare WITH (security_invoker) AS SELECT id AS no, tenant_id AS t FROM app.bare; RESET ROLE"
        ))
        .unwrap();
    let told = said(&db, &other, "SELECT acct_export_register('bare', 'app.over_bare', 'no')");
    assert!(
        told.contains(
            "HINT:  CREATE UNIQUE INDEX ON app.bare (id); ALTER TABLE app.bare ALTER COLUMN id SET NOT NULL;"
        ),
        "{told}"
    );
    // Code of another role, here in a policy, is not passed.
    client
        .batch_execute(&format!(
            "SET ROLE {other}; CREATE FUNCTION app.spy(int) RETURNS boolean LANGUAGE plpgsql STABLE AS 'BEGIN RETURN false; END';
             SET ROLE {owner}; ALTER POLICY t ON app.teams USING (app.spy(person)); RESET ROLE"
        ))
        .unwrap();
    let told = said(&db, &owner, "SELECT acct_export_register('spied', 'app.members', 'id')");
    assert!(told.contains("row security hides rows"), "{told}");
}

/// Indexes that seem to prove a key unique and do not.
#[test]
fn an_index_proves_what_it_holds_for() {
    let (_, mut client) = empty();
    let icu = client
        .batch_execute(
            "CREATE COLLATION app.ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false)",
        )
        .is_ok();
    let citext = client.batch_execute("CREATE EXTENSION citext").is_ok();
    let mut traps = vec![
        // A table that inherits is not covered by the index of the one above.
        ("parent", "CREATE TABLE app.parent (id int PRIMARY KEY); CREATE TABLE app.child () INHERITS (app.parent);
          INSERT INTO app.parent VALUES (1); INSERT INTO app.child VALUES (1)"),
        ("expression", "CREATE TABLE app.expression (id int NOT NULL, n int); CREATE UNIQUE INDEX ON app.expression (id, (n + 1));
          INSERT INTO app.expression VALUES (1, 1), (1, 2)"),
        ("wide", "CREATE TABLE app.wide (id int NOT NULL, n int, UNIQUE (id, n)); INSERT INTO app.wide VALUES (1, 1), (1, 2)"),
        ("partial", "CREATE TABLE app.partial (id int NOT NULL, n int); CREATE UNIQUE INDEX ON app.partial (id) WHERE n = 1;
          INSERT INTO app.partial VALUES (1, 1), (1, 2)"),
        ("plain", "CREATE TABLE app.plain (id int NOT NULL); CREATE INDEX ON app.plain (id); INSERT INTO app.plain VALUES (1), (1)"),
        ("covering", "CREATE TABLE app.covering (id int NOT NULL, n int); CREATE UNIQUE INDEX ON app.covering (n) INCLUDE (id);
          INSERT INTO app.covering VALUES (1, 1), (1, 2)"),
    ];
    if icu {
        traps.push(("collated", "CREATE TABLE app.collated (id text COLLATE app.ci NOT NULL);
          CREATE UNIQUE INDEX ON app.collated (id COLLATE \"C\"); INSERT INTO app.collated VALUES ('a'), ('A')"));
    }
    if citext {
        traps.push((
            "classed",
            "CREATE TABLE app.classed (id citext NOT NULL);
          CREATE UNIQUE INDEX ON app.classed (id text_ops); INSERT INTO app.classed VALUES ('a'), ('A')",
        ));
    }
    if version(&mut client) >= 18 {
        traps.push((
            "unvalidated",
            "CREATE TABLE app.unvalidated (id int UNIQUE); INSERT INTO app.unvalidated VALUES (NULL), (NULL);
          ALTER TABLE app.unvalidated ADD CONSTRAINT filled NOT NULL id NOT VALID",
        ));
        traps.push(("temporal", "CREATE TABLE app.temporal (id int4range NOT NULL, valid daterange NOT NULL, PRIMARY KEY (id, valid WITHOUT OVERLAPS));
          INSERT INTO app.temporal VALUES ('[1,2)', '[2026-01-01,2026-02-01)'), ('[1,2)', '[2026-02-01,2026-03-01)')"));
    }
    for (table, made) in traps {
        client.batch_execute(made).unwrap_or_else(|error| panic!("{table}: {error:?}"));
        let error = error_of(
            client.query(&format!("SELECT acct_export_register('{table}', 'app.{table}', 'id')"), &[]),
        );
        assert_eq!(error.sqlstate, "22023", "{table}");
    }
    // One that is checked when a transaction commits only: the session that streams may see what will not be committed.
    client
        .batch_execute(
            "CREATE TABLE app.late (id int NOT NULL UNIQUE DEFERRABLE INITIALLY DEFERRED, n int);
             INSERT INTO app.late VALUES (1, 1); SELECT acct_export_register('late', 'app.late', 'id')",
        )
        .unwrap();
    let mut transaction = client.transaction().unwrap();
    transaction.batch_execute("INSERT INTO app.late VALUES (1, 2)").unwrap();
    let stream = "SELECT acct_export_csv('late', options => '{\"order\":\"key\"}')";
    assert_eq!(error_of(transaction.query(stream, &[])).sqlstate, "22023");
}

/// An index that CREATE INDEX CONCURRENTLY could not finish.
#[test]
fn an_invalid_index_proves_nothing() {
    let (_, mut client) = empty();
    client.batch_execute("CREATE TABLE app.t (id int NOT NULL)").unwrap();
    client.batch_execute("INSERT INTO app.t VALUES (1), (1)").unwrap();
    error_of(client.batch_execute("CREATE UNIQUE INDEX CONCURRENTLY t_id ON app.t (id)"));
    let invalid = "SELECT FROM pg_index WHERE indexrelid = 'app.t_id'::regclass AND NOT indisvalid";
    assert_eq!(client.query(invalid, &[]).unwrap().len(), 1);
    let error = error_of(client.query("SELECT acct_export_register('t', 'app.t', 'id')", &[]));
    assert_eq!(error.sqlstate, "22023");
}

/// What is grouped by beside a key adds nothing, but only where the key is one by the equality that groups the rows.
#[test]
fn a_key_of_another_equality_does_not_hide_what_is_grouped_beside_it() {
    let (_, mut client) = empty();
    if client.batch_execute("CREATE EXTENSION citext").is_err() {
        return;
    }
    client
        .batch_execute(
            "CREATE TABLE app.classed (id citext NOT NULL, password_hash text);
             CREATE UNIQUE INDEX ON app.classed (id text_ops);
             CREATE TABLE app.proper (id citext PRIMARY KEY, password_hash text);",
        )
        .unwrap();
    let mut bars = |table: &str| {
        client
            .batch_execute(&format!(
                "CREATE VIEW app.by_{table} WITH (security_invoker) AS
                    SELECT row_number() OVER (ORDER BY id) AS n, id, count(*) AS shared FROM app.{table} GROUP BY id, password_hash;
                 CREATE VIEW app.numbered_{table} WITH (security_invoker) AS
                    SELECT n.n, b.shared FROM generate_series(1, 3) AS n LEFT JOIN app.by_{table} b ON b.n = n.n"
            ))
            .unwrap();
        let sql = format!("SELECT acct_export_register('{table}', 'app.numbered_{table}', 'n')");
        match client.query(&sql, &[]) {
            Ok(_) => barred(&mut client, table, "shared").is_some(),
            Err(error) => error.code().is_some_and(|code| code.code() == "42501"),
        }
    };
    assert!(!bars("proper"));
    assert!(bars("classed"));
}
