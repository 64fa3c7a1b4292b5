//! What newer versions of the server have that can be a source: columns computed when they are read, constraints that hold
//! for nothing, a right that is not to read.

use postgres::Client;
use support::asking::{exported, refusal, text, version};
use support::common::{shared, unique};
use support::lineage::barred;

/// A session of the superuser in a database with the extension and an empty schema `app`; none on older servers.
fn from(oldest: i32) -> Option<(String, Client)> {
    let db = shared().create_database_with_extension("newer");
    let mut client = shared().connect(&db, "postgres");
    client.batch_execute("CREATE SCHEMA app").unwrap();
    (version(&mut client) >= oldest).then_some((db, client))
}

/// A virtual column is its expression: barred where that is of a secret, read where it is not.
#[test]
fn virtual_columns_are_their_expressions() {
    let Some((_, mut client)) = from(18) else { return };
    client
        .batch_execute(
            "CREATE TABLE app.people (id int PRIMARY KEY, email text, password_hash text,
                loud text GENERATED ALWAYS AS (upper(email)) VIRTUAL,
                guess text GENERATED ALWAYS AS (nullif(password_hash, 'canary')) VIRTUAL,
                weak boolean GENERATED ALWAYS AS (length(password_hash) < 9) VIRTUAL);
             INSERT INTO app.people VALUES (1, 'a@a.example', 'canary');
             CREATE VIEW app.seen WITH (security_invoker) AS
                SELECT id, loud, lower(guess) AS again, weak IS TRUE AS soft, (SELECT count(*) FROM app.people q WHERE q.weak) AS many
                  FROM app.people;
             SELECT acct_export_register('people', 'app.people', 'id');
             SELECT acct_export_register('seen', 'app.seen', 'id')",
        )
        .unwrap();
    for (dataset, field, is_barred) in [
        ("people", "loud", false),
        ("people", "guess", true),
        ("people", "weak", true),
        ("seen", "loud", false),
        ("seen", "again", true),
        ("seen", "soft", true),
        ("seen", "many", true),
    ] {
        let reason = barred(&mut client, dataset, field);
        assert_eq!(reason.is_some(), is_barred, "{dataset}.{field}: {reason:?}");
    }
    for dataset in ["people", "seen"] {
        let file = exported(&mut client, &format!("'{dataset}', 'csv', fields => '{{id,loud}}'"));
        assert_eq!(file, b"id,loud\r\n1,A@A.EXAMPLE\r\n", "{dataset}");
    }
    let error = refusal(&mut client, "SELECT acct_export_csv('people', filter => '{\"weak\": true}')");
    assert_eq!(error.sqlstate, "42501", "{error:?}");
}

/// A CHECK that is not enforced lists no labels, and a foreign key that is not brings no row.
#[test]
fn constraints_that_are_not_enforced_prove_nothing() {
    let Some((_, mut client)) = from(18) else { return };
    let status = |constraint: &str| {
        format!(
            "CREATE TABLE app.people (id int PRIMARY KEY, status text, CHECK (status IN ('active', 'gone')) {constraint});
             INSERT INTO app.people VALUES (1, 'active')"
        )
    };
    let register = "SELECT acct_export_register('people', 'app.people', 'id', status_column => 'status', disabled_values => '{left}')";
    client.batch_execute(&status("")).unwrap();
    assert_eq!(refusal(&mut client, register).sqlstate, "22023");
    client.batch_execute("DROP TABLE app.people").unwrap();
    client.batch_execute(&status("NOT ENFORCED")).unwrap();
    client.batch_execute("INSERT INTO app.people VALUES (2, 'left')").unwrap();
    client.batch_execute(register).unwrap();
    assert_eq!(exported(&mut client, "'people', 'csv', fields => '{id}'"), b"id\r\n1\r\n");
}

/// The right to maintain a table is no right to read it: the answer is that there is no such dataset.
#[test]
fn the_right_to_maintain_is_not_the_right_to_read() {
    let Some((db, mut client)) = from(17) else { return };
    let role = unique("keeper");
    client
        .batch_execute(&format!(
            "CREATE ROLE {role} LOGIN; GRANT USAGE ON SCHEMA app TO {role};
             CREATE TABLE app.people (id int PRIMARY KEY, email text);
             SELECT acct_export_register('people', 'app.people', 'id');
             GRANT MAINTAIN ON app.people TO {role}; GRANT pg_maintain TO {role}"
        ))
        .unwrap();
    let mut keeper = shared().connect(&db, &role);
    keeper.batch_execute("ANALYZE app.people").unwrap();
    for sql in [
        "SELECT acct_export_start('people', 'csv')",
        "SELECT acct_export_csv('people')",
        "SELECT acct_export_alter('people', title => 'Mine')",
    ] {
        let error = refusal(&mut keeper, sql);
        assert_eq!(error.sqlstate, "22023", "{sql}: {error:?}");
        let nobodys = refusal(&mut keeper, &sql.replace("'people'", "'nope'"));
        assert_eq!(error.message.replace("people", "nope"), nobodys.message, "{sql}");
        assert_eq!((error.detail, error.hint), (nobodys.detail, nobodys.hint), "{sql}");
    }
}

/// From PostgreSQL 17 on maintenance runs with a search_path of pg_catalog alone: an index whose expression asks the
/// extension, and a materialised view that does.
#[test]
fn maintenance_finds_the_extension() {
    let Some((_, mut client)) = from(15) else { return };
    client
        .batch_execute(
            "CREATE TABLE app.asked (filter text); INSERT INTO app.asked VALUES ('email sw \"a\"');
             CREATE MATERIALIZED VIEW app.read AS SELECT public.acct_export_scim(filter) AS document FROM app.asked;
             REFRESH MATERIALIZED VIEW app.read; CREATE INDEX ON app.read (document); REINDEX TABLE app.read; ANALYZE app.read",
        )
        .unwrap();
    assert!(text(&mut client, "SELECT document::text FROM app.read").is_some_and(|it| it.contains("email")));
}
