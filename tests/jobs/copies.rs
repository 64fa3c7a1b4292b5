//! A copy of a database: the jobs of its original are not its own.

use std::time::Duration;

use postgres::Client;
use support::asking::{completed, pausable, refusal, start, status, text};
use support::common::{wait_for_job, wait_until, Cluster, TwoTenants};
use support::told::told;

fn set_workers(cluster: &Cluster, client: &mut Client, workers: &str) {
    cluster.set("acct_export.max_workers", workers);
    wait_until(Duration::from_secs(20), "the reload has come", || {
        text(client, "SHOW acct_export.max_workers").as_deref() == Some(workers)
    });
}

#[test]
fn a_copy_leaves_the_jobs_of_its_original_alone_until_it_adopts_them() {
    let cluster = pausable();
    let app = TwoTenants::with_users(cluster, 5);
    let mut client = app.session(&app.login, 0);
    app.superuser().batch_execute("SELECT acct_export_set_policy('users', max_active => 1)").unwrap();
    set_workers(cluster, &mut client, "0");
    let job = start(&mut client, "'users', 'csv'");
    let copy = app.copy();
    let mut client = copy.session(&app.login, 0);
    set_workers(cluster, &mut client, "2");
    let mut original = app.session(&app.login, 0);
    assert_eq!(wait_for_job(&mut original, &job).get::<_, &str>("status"), "completed");

    // In the copy it is no twin, does not count, and waits; workers come and go.
    let own = completed(&mut client, "'users', 'csv'");
    assert_ne!(own, job);
    for format in ["json", "ndjson"] {
        completed(&mut client, &format!("'users', '{format}'"));
        assert_eq!(status(&mut client, &job).get::<_, &str>("status"), "queued");
    }
    let mut superuser = copy.superuser();
    superuser.batch_execute("SELECT acct_export_purge()").unwrap();
    assert_eq!(refusal(&mut client, "SELECT acct_export_adopt()").sqlstate, "42501");
    superuser
        .batch_execute(&format!("GRANT EXECUTE ON FUNCTION acct_export_adopt() TO {}", app.login))
        .unwrap();
    let error = refusal(&mut client, "SELECT acct_export_adopt()");
    assert!(error.sqlstate == "42501" && error.message.contains("superuser"), "{error:?}");
    assert_eq!(status(&mut client, &job).get::<_, &str>("status"), "queued");

    superuser.batch_execute("BEGIN; SELECT acct_export_adopt(); ROLLBACK").unwrap();
    assert_eq!(text(&mut superuser, "SELECT acct_export_adopt()::text").as_deref(), Some("1"));
    assert_eq!(wait_for_job(&mut client, &job).get::<_, &str>("status"), "completed");
    assert_eq!(text(&mut superuser, "SELECT acct_export_adopt()::text").as_deref(), Some("0"));
    assert_eq!(told(&mut superuser, "adopted").len(), 1);
}

/// One that can be cancelled can be got rid of without being adopted.
#[test]
fn a_job_of_the_original_can_be_cancelled_in_the_copy() {
    let cluster = pausable();
    let app = TwoTenants::with_users(cluster, 5);
    let mut client = app.session(&app.login, 0);
    set_workers(cluster, &mut client, "0");
    let job = start(&mut client, "'users', 'csv'");
    let copy = app.copy();
    let mut client = copy.session(&app.login, 0);
    client.execute("SELECT acct_export_cancel($1::text::uuid)", &[&job]).unwrap();
    set_workers(cluster, &mut client, "2");
    assert_eq!(status(&mut client, &job).get::<_, &str>("status"), "cancelled");
    let mut original = app.session(&app.login, 0);
    assert_eq!(wait_for_job(&mut original, &job).get::<_, &str>("status"), "completed");
}
