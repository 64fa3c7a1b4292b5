//! The views for auditors and for monitoring.

use serde_json::json;
use support::asking::{column, completed, refusal, status, text, wait_for_status};
use support::common::{shared, unique};

fn database() -> postgres::Client {
    let db = shared().create_database_with_extension(&unique("report"));
    let mut client = shared().connect(&db, "postgres");
    client
        .batch_execute(
            "CREATE TABLE person (id int PRIMARY KEY, name text); INSERT INTO person SELECT n, 'n' FROM generate_series(1, 7) n;
             CREATE TABLE visit (id int PRIMARY KEY, person int); INSERT INTO visit SELECT n, 1 FROM generate_series(1, 5) n;
             SELECT acct_export_register('visit', 'visit', 'id');
             SELECT acct_export_register('person', 'person', 'id', companions => '{visit}')",
        )
        .unwrap();
    client
}

#[test]
fn the_report_has_a_row_for_each_export() {
    let mut client = database();
    let job = completed(&mut client, "'person', 'csv', include => '{visit}', reason => 'yearly audit'");
    for _ in 0..2 {
        client.query(&format!("SELECT acct_export_file('{job}')"), &[]).unwrap();
    }
    let told = column(
        &mut client,
        "SELECT concat_ws('|', job_id, login, role, dataset, dataset_rows, all_rows, reason, downloads, last_download IS NOT NULL)
           FROM acct_export_report",
    );
    assert_eq!(told, [format!("{job}|postgres|postgres|person|7|12|yearly audit|2|t")]);
    // It shows what the trail shows, to nobody else.
    let (auditor, other) = (unique("auditor"), unique("other"));
    client
        .batch_execute(&format!(
            "CREATE ROLE {auditor}; CREATE ROLE {other}; GRANT SELECT ON acct_export_audit TO {auditor}"
        ))
        .unwrap();
    client.batch_execute(&format!("SET ROLE {auditor}")).unwrap();
    assert_eq!(text(&mut client, "SELECT count(*)::text FROM acct_export_report").as_deref(), Some("1"));
    client.batch_execute(&format!("SET ROLE {other}")).unwrap();
    assert_eq!(refusal(&mut client, "SELECT * FROM acct_export_report").sqlstate, "42501");
}

#[test]
fn the_statistics_are_for_monitoring() {
    let mut client = database();
    let stats = "SELECT to_jsonb(s) FROM acct_export_stats AS s";
    let now =
        |client: &mut postgres::Client| client.query_one(stats, &[]).unwrap().get::<_, serde_json::Value>(0);
    let before = now(&mut client);
    assert_eq!(
        (&before["completed"], &before["failures"], &before["bytes_stored"]),
        (&json!(0), &json!({}), &json!(0))
    );
    let job = completed(&mut client, "'person', 'csv'");
    let bytes: i64 = status(&mut client, &job).get("bytes_total");
    client.batch_execute("SELECT acct_export_set_policy('person', max_rows => 1)").unwrap();
    let job = text(&mut client, "SELECT acct_export_start('person', 'json')::text").unwrap();
    wait_for_status(&mut client, &job, "failed");
    let code = text(&mut client, &format!("SELECT error_code FROM acct_export_status('{job}')")).unwrap();
    let after = now(&mut client);
    assert_eq!((&after["completed"], &after["failed"]), (&json!(1), &json!(1)));
    assert_eq!((&after["failures"], &after["bytes_stored"]), (&json!({ code: 1 }), &json!(bytes)));
    assert_eq!(
        (&after["queued"], &after["running"], &after["oldest_queued_age"]),
        (&json!(0), &json!(0), &json!(null))
    );
    assert_eq!(after["purge_lag"], "00:00:00");
    // A file that is past its time and a job that waits show.
    client
        .batch_execute(
            "UPDATE acct_export.job SET expires_at = now() - interval '2 hours' WHERE status = 'completed'",
        )
        .unwrap();
    let lag = "SELECT (purge_lag >= '2 hours')::text FROM acct_export_stats";
    assert_eq!(text(&mut client, lag).as_deref(), Some("true"));
    let (monitor, other) = (unique("monitor"), unique("other"));
    client
        .batch_execute(&format!("CREATE ROLE {monitor}; CREATE ROLE {other}; GRANT pg_monitor TO {monitor}"))
        .unwrap();
    client.batch_execute(&format!("SET ROLE {monitor}")).unwrap();
    now(&mut client);
    client.batch_execute(&format!("SET ROLE {other}")).unwrap();
    assert_eq!(refusal(&mut client, stats).sqlstate, "42501");
}
