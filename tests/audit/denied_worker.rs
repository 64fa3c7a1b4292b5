//! The audit worker of a refusal: nothing that happens to it changes the refusal, and none leaves anything behind.

use support::common;
use support::jobs;

use support::common::{Cluster, ClusterOptions, TwoTenants};
use support::told::{
    assert_whole, completed, only, refused, segments, stranger, told, wait_for, wait_for_audit_workers,
};

const ROWS: u32 = 5;

/// On a standby nothing can be written: the log tells.
#[test]
fn a_standby_logs() {
    let primary: &'static Cluster = Box::leak(Box::new(Cluster::start(ClusterOptions::default())));
    let app = TwoTenants::with_users(primary, ROWS);
    let (role, job) = (stranger(&app), completed(&app));
    let standby = primary.standby();
    let mut client = standby.connect(&app.db, &role);
    refused(&mut client, "SELECT acct_export_csv('users')", "42501");
    refused(&mut client, &format!("SELECT acct_export_file('{job}')"), "P0002");
    let by = format!("by role \"{role}\" is not in the audit trail");
    for what in ["dataset \"users\"".to_owned(), format!("export {job}")] {
        let line = format!("event user.bulk_export.denied of {what} {by}");
        assert_eq!(standby.log().matches(&line).count(), 1, "{line}");
    }
}

/// Without a free worker slot the request is refused all the same, the log has the event, and no shared memory is left.
#[test]
fn no_slot_for_an_audit_worker() {
    let options =
        ClusterOptions::default().set("max_worker_processes", "0").set("dynamic_shared_memory_type", "mmap");
    let cluster: &'static Cluster = Box::leak(Box::new(Cluster::start(options)));
    let app = TwoTenants::with_users(cluster, ROWS);
    let role = stranger(&app);
    let mut client = app.session(&role, 0);
    client.batch_execute("SET client_min_messages = log").unwrap();
    refused(&mut client, "SELECT acct_export_start('users')", "42501");
    let before = segments(cluster);
    for _ in 0..3 {
        refused(&mut client, "SELECT acct_export_start('users')", "42501");
    }
    assert_eq!(segments(cluster), before);
    assert!(!cluster.log().contains("leak"));
    assert!(told(&mut app.superuser(), "denied").is_empty());
    let line = format!(
        "event user.bulk_export.denied of dataset \"users\" by role \"{role}\" is not in the audit trail"
    );
    assert_eq!(cluster.log().matches(&line).count(), 4);
}

/// A flood is told in full, and nothing stays in shared memory.
#[test]
fn a_flood_of_refusals() {
    let options = ClusterOptions::default().set("dynamic_shared_memory_type", "mmap");
    let cluster: &'static Cluster = Box::leak(Box::new(Cluster::start(options)));
    let app = TwoTenants::with_users(cluster, ROWS);
    let (role, mut superuser) = (stranger(&app), app.superuser());
    refused(&mut app.session(&role, 0), "SELECT acct_export_start('users')", "42501");
    wait_for_audit_workers(&mut superuser);
    let before = segments(cluster);
    let threads: Vec<_> = (0..24)
        .map(|_| {
            let mut client = app.session(&role, 0);
            std::thread::spawn(move || {
                for _ in 0..5 {
                    refused(&mut client, "SELECT acct_export_start('users')", "42501");
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(told(&mut superuser, "denied").len(), 121);
    assert_whole(&mut superuser);
    wait_for_audit_workers(&mut superuser);
    assert_eq!(segments(cluster), before);
    assert!(!cluster.log().contains("leak"));
}

/// A refusal is recorded although its caller does not wait; a caller who is refused again meanwhile starts no second worker.
#[test]
fn an_impatient_caller() {
    let app = TwoTenants::with_users(common::shared(), ROWS);
    let (role, mut superuser) = (stranger(&app), app.superuser());
    let mut holder = app.superuser();
    holder.batch_execute("BEGIN; LOCK TABLE acct_export.audit IN SHARE MODE").unwrap();
    let mut client = app.session(&role, 0);
    client.batch_execute("SET statement_timeout = '300ms'").unwrap();
    for _ in 0..3 {
        client.query("SELECT acct_export_start('users')", &[]).unwrap_err();
    }
    holder.batch_execute("COMMIT").unwrap();
    wait_for(&mut superuser, "denied", 1);
    wait_for_audit_workers(&mut superuser);
    let line = format!("denied of dataset \"users\" by role \"{role}\" is not in the audit trail");
    assert_eq!(common::shared().log().matches(&line).count(), 2);
    only(&mut superuser, "denied");
    assert_whole(&mut superuser);
}

/// An audit worker waits for no lock for long, and the refused caller for no audit worker.
#[test]
fn an_audit_worker_that_is_held() {
    let app = TwoTenants::with_users(common::shared(), ROWS);
    let role = stranger(&app);
    let mut holder = app.superuser();
    holder.batch_execute("BEGIN; LOCK TABLE acct_export.audit IN SHARE MODE").unwrap();
    refused(&mut app.session(&role, 0), "SELECT acct_export_start('users')", "42501");
    let line = format!("by role \"{role}\" (SQLSTATE 55P03) is not in the audit trail");
    assert_eq!(common::shared().log().matches(&line).count(), 1);
    holder.batch_execute("COMMIT").unwrap();
    assert!(told(&mut app.superuser(), "denied").is_empty());
}

/// A session that ends while it waits leaves its audit worker at work.
#[test]
fn a_caller_that_is_stopped() {
    let app = TwoTenants::with_users(common::shared(), ROWS);
    let (role, mut superuser, mut holder) = (stranger(&app), app.superuser(), app.superuser());
    holder.batch_execute("BEGIN; LOCK TABLE acct_export.audit IN SHARE MODE").unwrap();
    let mut client = app.session(&role, 0);
    let refused =
        std::thread::spawn(move || client.query("SELECT acct_export_start('users')", &[]).unwrap_err());
    common::wait_until(jobs::LIMIT, "its audit worker waits", || {
        let waits = "SELECT FROM pg_stat_activity WHERE backend_type = 'pg_acctexport audit worker'
                      AND wait_event_type = 'Lock' AND datname = current_database()";
        !superuser.query(waits, &[]).unwrap().is_empty()
    });
    superuser
        .query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1", &[&role])
        .unwrap();
    refused.join().unwrap();
    holder.batch_execute("COMMIT").unwrap();
    wait_for(&mut superuser, "denied", 1);
    wait_for_audit_workers(&mut superuser);
    assert_whole(&mut superuser);
}
