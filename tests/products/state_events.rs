//! State events beside users, as both documents of Zephr describe them: a second file with a phase, a selection and a failure of
//! its own. What holds for companions in general is in companions.rs.

use support::demo;

use postgres::Client;
use serde_json::Value;
use std::collections::BTreeSet;
use support::asking::{completed, exported, file, refused, start, status, text, Workbook};
use support::common::wait_for_job;

/// The rows of one of a job's csv files.
#[track_caller]
fn rows(client: &mut Client, job: &str, number: i32) -> Vec<std::collections::BTreeMap<String, String>> {
    let bytes: Vec<u8> =
        client.query_one("SELECT acct_export_file($1::text::uuid, $2)", &[&job, &number]).unwrap().get(0);
    demo::csv(&bytes).1
}

fn files(client: &mut Client, job: &str) -> Value {
    status(client, job).get("files")
}

#[test]
fn state_events_are_a_file_of_their_own() {
    let mut client = demo::acme();
    let job = completed(&mut client, "'users', 'csv', include => '{state_events}'");
    assert_eq!(status(&mut client, &job).get::<_, String>("message"), "All exports complete!");
    let files = files(&mut client, &job);
    for (place, table) in [(0, "user_accounts"), (1, "user_state_events")] {
        let count = text(&mut client, &format!("SELECT count(*)::text FROM acct_demo.{table}")).unwrap();
        assert_eq!(files[place]["rows"].to_string(), count, "{files}");
    }
    assert!(files[0]["name"].as_str().unwrap().starts_with("users-"), "{files}");
    assert!(files[1]["name"].as_str().unwrap().starts_with("state-events-"), "{files}");
    let bytes = file(&mut client, &job);
    assert_eq!(demo::csv(&bytes).0[0], "Identifier");
    // Without them it is one file, and says so.
    let job = completed(&mut client, "'users', 'csv'");
    assert_eq!(status(&mut client, &job).get::<_, String>("message"), "Export complete!");
}

#[test]
fn state_events_have_a_selection_of_their_own() {
    let mut client = demo::acme();
    let arguments = r#"'stored_users', 'csv', filter => '{"user_store": "partners"}', include => '{state_events,attributes}', options =>
        '{"companions": {"state_events": {"match": "user_id", "filter": {"to_state": "disabled"}, "fields": ["user_id", "happened_at", "to_state"],
                                          "since": "2022-01-01T00:00:00Z"}}}'"#;
    let job = completed(&mut client, arguments);
    let users: BTreeSet<String> =
        rows(&mut client, &job, 1).into_iter().map(|row| row["user_id"].clone()).collect();
    let events = rows(&mut client, &job, 2);
    assert!(!events.is_empty());
    for event in &events {
        assert!(users.contains(&event["user_id"]) && event["to_state"] == "disabled", "{event:?}");
        assert!(event["happened_at"].as_str() >= "2022" && event.len() == 3, "{event:?}");
    }
    let sql = "SELECT count(*)::text FROM acct_demo.state_events JOIN acct_demo.identities USING (user_id)
               WHERE user_store = 'partners' AND to_state = 'disabled' AND happened_at >= '2022-01-01'";
    assert_eq!(events.len().to_string(), text(&mut client, sql).unwrap());
}

#[test]
fn purchases_with_state_events_in_one_workbook() {
    let mut client = demo::acme();
    let arguments = r#"'purchases', 'xlsx', filter => '{"user_store": "partners"}', include => '{state_events}',
                       options => '{"one_workbook": true}'"#;
    let job = completed(&mut client, arguments);
    assert_eq!(files(&mut client, &job).as_array().unwrap().len(), 1);
    let mut book = Workbook::open(file(&mut client, &job));
    assert_eq!(book.sheets(), ["User details", "State events", "Export info"]);
    assert!(book.rows("State events").len() > book.rows("User details").len());
}

/// The users are there although their events failed; where the users fail there is nothing.
#[test]
fn the_words_of_a_failure() {
    let mut superuser = demo::superuser();
    superuser
        .batch_execute(
            "CREATE VIEW acct_demo.broken_events WITH (security_invoker = true) AS
                 SELECT event_id, tenant_id, length(to_state) / (length(to_state) - length(to_state)) AS share FROM acct_demo.state_events;
             CREATE VIEW acct_demo.broken_users WITH (security_invoker = true) AS
                 SELECT user_id, tenant_id, length(status) / (length(status) - length(status)) AS share FROM acct_demo.users;
             GRANT SELECT ON acct_demo.broken_events, acct_demo.broken_users TO acct_demo_reader;
             SELECT acct_export_register('broken_events', 'acct_demo.broken_events', 'event_id', tenant_column => 'tenant_id', title => 'State events');
             SELECT acct_export_register('whole', 'acct_demo.user_accounts', 'identifier', tenant_column => 'tenant_id', title => 'Users', companions => '{broken_events}');
             SELECT acct_export_register('broken', 'acct_demo.broken_users', 'user_id', tenant_column => 'tenant_id', title => 'Users', companions => '{broken_events}')",
        )
        .unwrap();
    let mut client = demo::acme();
    let job = start(&mut client, "'whole', 'csv', include => '{broken_events}'");
    let row = wait_for_job(&mut client, &job);
    let said = |column: &str| row.get::<_, Option<String>>(column);
    assert_eq!(said("status").as_deref(), Some("completed_with_errors"));
    assert_eq!(said("message").as_deref(), Some("State events export failed"));
    assert_eq!(said("error_code").as_deref(), Some("22012"));
    assert_eq!(rows(&mut client, &job, 1).len(), 12_000);
    assert_eq!(files(&mut client, &job)[1]["status"], "failed");

    let job = start(&mut client, "'broken', 'csv', include => '{broken_events}'");
    let row = wait_for_job(&mut client, &job);
    assert_eq!(row.get::<_, String>("status"), "failed");
    assert_eq!(row.get::<_, String>("message"), "Export failed. Please try again.");
    assert_eq!(files(&mut client, &job).as_array().unwrap().len(), 0);
}

#[test]
fn a_companion_is_one_of_the_datasets_own() {
    let mut client = demo::acme();
    for (dataset, companion) in
        [("stored_users", "subscriptions"), ("administrators", "state_events"), ("users", "purchases")]
    {
        let sql = format!("SELECT acct_export_start('{dataset}', include => '{{{companion}}}')::text");
        refused(&mut client, &sql, "22023", companion, "");
    }
}

/// A companion's sheet in a workbook is not imported.
#[test]
fn a_workbook_of_several_datasets_is_checked_for_its_own() {
    let mut client = demo::acme();
    let arguments = r#"'users', include => '{subscriptions,state_events}', filter => '{"status": "invited"}', options => '{"one_workbook": true}'"#;
    let bytes = exported(&mut client, arguments);
    let sql = "SELECT sheet || ' ' || problem FROM acct_export_check_import('users', $1)";
    let problems: Vec<String> = client.query(sql, &[&bytes]).unwrap().iter().map(|row| row.get(0)).collect();
    assert_eq!(problems, Vec::<String>::new());
}
