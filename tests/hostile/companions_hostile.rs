//! Tried against companions: guessing keys, passing policies, staying somebody else.

use support::asking;
use support::common;

use serde_json::{json, Value};
use std::time::Duration;
use support::asking::{refused, start, text};
use support::common::{wait_for_job, wait_until, TwoTenants};
use support::companion::{ended, file, scalar, Companions};

const MATCHED: &str = r#"include => '{events}', options => '{"companions": {"events": {"match": "user_id", "fields": ["user_id"]}}}'"#;

/// A selection over hidden keys reveals none of them.
#[test]
fn keys_that_are_hidden_are_not_matched() {
    let app = Companions::create();
    let (mut client, mut admin) = (app.requester(), app.0.superuser());
    let sql = format!("SELECT acct_export_start('users', 'csv', fields => '{{email}}', {MATCHED})");
    admin.batch_execute("SELECT acct_export_set_field('users', 'id', mask => 'redact')").unwrap();
    refused(&mut client, &sql, "42501", "field \"id\"", "");
    admin
        .batch_execute(
            "SELECT acct_export_set_field('users', 'id', mask => 'none');
             SELECT acct_export_secret_column('app.users', 'id', 'tried')",
        )
        .unwrap();
    refused(&mut client, &sql, "42501", "key \"id\"", "another key");
    let unordered = sql.replace(r#"{"companions""#, r#"{"order": "none", "companions""#);
    refused(&mut client, &unordered, "42501", "field \"id\"", "");
    // Nor are rows put in the order of a secret.
    refused(
        &mut client,
        "SELECT acct_export_start('users', 'csv', fields => '{email}')",
        "42501",
        "key \"id\"",
        "another key",
    );
    let none = r#"'users', 'csv', fields => '{email}', options => '{"order": "none"}'"#;
    assert_eq!(ended(&mut client, none).1.get::<_, String>("status"), "completed");
}

#[test]
fn riding_along_passes_no_policy() {
    let app = Companions::create();
    app.0
        .superuser()
        .batch_execute("SELECT acct_export_set_policy('events', require_filter => '{user_id}')")
        .unwrap();
    let mut client = app.requester();
    let sql = format!("SELECT acct_export_start('users', 'csv', {MATCHED})");
    refused(&mut client, &sql, "22023", "field \"user_id\"", "Compare it");
}

/// A job that runs is read by who asked for it, and told of by nobody else's rights.
#[test]
fn a_dataset_that_is_gone_is_told_without_a_list_of_others() {
    let cluster = asking::pausable();
    let app = Companions::of(TwoTenants::with_users(cluster, 20));
    let (mut client, mut admin) = (app.requester(), app.0.superuser());
    admin
        .batch_execute(
            "CREATE TABLE app.board (id int PRIMARY KEY);
             SELECT acct_export_register('board_salaries', 'app.board', 'id')",
        )
        .unwrap();
    let set = |client: &mut postgres::Client, workers: &str| {
        cluster.set("acct_export.max_workers", workers);
        wait_until(Duration::from_secs(20), "the reload has come", || {
            text(client, "SHOW acct_export.max_workers").as_deref() == Some(workers)
        });
    };
    set(&mut client, "0");
    let alone = start(&mut client, "'events', 'csv'");
    let along = start(&mut client, "'users', 'csv', include => '{events,other}'");
    admin.batch_execute("SELECT acct_export_unregister('events')").unwrap();
    set(&mut client, "2");
    for (job, status, why) in [
        (alone, "failed", "is not registered any more"),
        (along, "completed_with_errors", "is not a companion of dataset \"users\" any more"),
    ] {
        let row = wait_for_job(&mut client, &job);
        assert_eq!(row.get::<_, String>("status"), status);
        let error: String = row.get("error");
        if status != "failed" {
            assert_eq!(row.get::<_, String>("message"), "State events export failed");
            let statuses: Value = row.get("files");
            let of = |file: usize| statuses[file]["status"].clone();
            assert_eq!([of(0), of(1), of(2)], [json!("stored"), json!("failed"), json!("stored")]);
        }
        assert!(error.contains("\"events\"") && error.contains(why) && !error.contains("board"), "{error}");
    }
}

/// Between two datasets of a job, and after the job, a worker is itself again: what a source says of users and settings shows
/// the requester's in each, whatever the one before did, and housekeeping goes on.
#[test]
fn each_part_is_read_by_the_same_user_with_the_same_settings() {
    let app = Companions::create();
    let login = &app.0.login;
    app.0
        .superuser()
        .batch_execute(&format!(
            "CREATE FUNCTION app.about() RETURNS text LANGUAGE plpgsql AS $$
             DECLARE told text;
             BEGIN
                told := format('%s %s %s %s %s %s', current_user, session_user, current_setting('row_security'),
                    current_setting('search_path'), current_setting('app.tenant_id', true), current_setting('work_mem'));
                PERFORM set_config('work_mem', '123kB', false), set_config('app.tenant_id', '{}', false),
                    set_config('search_path', 'app', false);
                RETURN told;
             END $$;
             CREATE VIEW app.one WITH (security_invoker = true) AS SELECT 1 AS id, app.about() AS about;
             CREATE VIEW app.two WITH (security_invoker = true) AS SELECT 1 AS id, app.about() AS about, 1 / 0 AS broken;
             CREATE VIEW app.three WITH (security_invoker = true) AS SELECT 1 AS id, app.about() AS about;
             GRANT SELECT ON app.one, app.two, app.three TO {login};
             SELECT acct_export_register('three', 'app.three', 'id');
             SELECT acct_export_register('two', 'app.two', 'id');
             SELECT acct_export_clean_function('app.about()', 'a test');
             SELECT acct_export_register('three', 'app.three', 'id', replace => true);
             SELECT acct_export_register('two', 'app.two', 'id', replace => true);
             SELECT acct_export_register('one', 'app.one', 'id', companions => '{{two,three}}')",
            app.0.tenants[1]
        ))
        .unwrap();
    let mut client = app.requester();
    let (job, row) = ended(&mut client, "'one', 'ndjson', include => '{two,three}'");
    assert_eq!(
        row.get::<_, String>("status"),
        "completed_with_errors",
        "{:?}",
        row.get::<_, Option<String>>("error")
    );
    let about = |client: &mut postgres::Client, number: i32| -> Value {
        serde_json::from_slice::<Value>(&file(client, &job, number)).unwrap()["about"].clone()
    };
    let work_mem = scalar(&mut client, "SHOW work_mem");
    let tenant = &app.0.tenants[0];
    let wanted = json!(format!("{login} {login} on pg_catalog, pg_temp {tenant} {work_mem}"));
    assert_eq!([about(&mut client, 1), about(&mut client, 3)], [wanted.clone(), wanted]);
}

/// A request is checked before it costs the server anything.
#[test]
fn thousands_of_selections_are_refused_at_once() {
    let app = Companions::create();
    let sql = "SELECT acct_export_start('users', 'csv', options => (SELECT jsonb_build_object('companions',
                  jsonb_object_agg('c' || n, '{}'::jsonb)) FROM generate_series(1, 50000) AS n))";
    refused(&mut app.requester(), sql, "54000", "50000", "Leave out");
}

/// A new dataset under the name of a former one gets neither its place beside others nor its files.
#[test]
fn a_name_that_is_taken_again_rides_along_with_nobody() {
    let app = Companions::create();
    let (mut client, mut admin) = (app.requester(), app.0.superuser());
    let (job, _) = ended(&mut client, "'users', 'csv', include => '{events}'");
    let (mallory, login) = (common::unique("mallory"), &app.0.login);
    admin
        .batch_execute(&format!(
            "SELECT acct_export_unregister('events');
             CREATE ROLE {mallory} LOGIN; CREATE SCHEMA {mallory} AUTHORIZATION {mallory}; SET ROLE {mallory};
             CREATE TABLE {mallory}.events (id int PRIMARY KEY);
             GRANT USAGE ON SCHEMA {mallory} TO PUBLIC; GRANT SELECT ON {mallory}.events TO PUBLIC;
             SELECT acct_export_register('events', '{mallory}.events', 'id'); RESET ROLE"
        ))
        .unwrap();
    let sql = "SELECT acct_export_start('users', 'csv', include => '{events}')";
    refused(&mut client, sql, "22023", "\"events\"", "breaking, other");
    admin.batch_execute("SELECT acct_export_unregister('events')").unwrap();
    assert!(!file(&mut client, &job, 2).is_empty());
    admin.batch_execute(&format!("REVOKE SELECT ON app.events FROM {login}")).unwrap();
    refused(&mut client, &format!("SELECT acct_export_file('{job}', 2)"), "42501", "app.events", login);
}
