//! The chain against everybody: roles of all kinds, many writers at once, a crash.

use support::common;
use support::jobs;

use std::thread;

use support::common::{error_of, shared, unique, Cluster, ClusterOptions, TwoTenants};
use support::jobs::wait_until_idle;
use support::told::{assert_whole, completed, stranger, told, wait_for, wait_for_audit_workers};

const ROWS: u32 = 3;

#[test]
fn no_kind_of_role_changes_it() {
    let app = TwoTenants::with_users(shared(), ROWS);
    let mut superuser = app.superuser();
    (0..2).for_each(|_| drop(completed(&app)));
    wait_until_idle(&mut superuser);
    let second = "(SELECT at FROM acct_export.audit WHERE seq = 2)";
    superuser
        .query(&format!("SELECT acct_export_audit_remove({second}, 'so that there is an anchor')"), &[])
        .unwrap();
    let [auditor, owner, granted, writer] = ["auditor", "db_owner", "granted", "writer"].map(unique);
    superuser
        .batch_execute(&format!(
            "CREATE ROLE {auditor} LOGIN; GRANT SELECT ON acct_export_audit TO {auditor};
             CREATE ROLE {owner} LOGIN CREATEROLE CREATEDB BYPASSRLS; ALTER DATABASE {} OWNER TO {owner};
             CREATE ROLE {granted} LOGIN; GRANT ALL ON SCHEMA acct_export TO {granted};
             GRANT ALL ON ALL TABLES IN SCHEMA acct_export, public TO {granted};
             CREATE ROLE {writer} LOGIN IN ROLE pg_write_all_data, pg_read_all_data",
            app.db
        ))
        .unwrap();
    let state =
        "SELECT string_agg(a::text, '') || (SELECT string_agg(s::text, '') FROM acct_export.audit_seal s)
                        || (SELECT n::text FROM acct_export.audit_anchor n) FROM acct_export.audit a";
    let before: String = superuser.query_one(state, &[]).unwrap().get(0);
    for role in [&auditor, &owner, &granted, &writer, &"postgres".to_owned()] {
        let mut client = shared().connect(&app.db, role);
        let mut deeds = Vec::new();
        for table in ["acct_export.audit", "acct_export.audit_seal", "acct_export.audit_anchor"] {
            deeds.push(format!("UPDATE {table} SET hash = sha256('x')"));
            deeds.push(format!("UPDATE {table} SET hash = NULL"));
            deeds.push(format!("UPDATE {table} SET seq = seq + 1"));
            deeds.push(format!("DELETE FROM {table}"));
            deeds.push(format!("TRUNCATE {table}"));
            deeds.push(format!(
                "MERGE INTO {table} t USING {table} u ON t.seq = u.seq WHEN MATCHED THEN UPDATE SET hash = NULL"
            ));
            if role != "postgres" {
                deeds.push(format!("INSERT INTO {table} (seq, hash) VALUES (100, sha256('x'))"));
                deeds.push(format!("COPY {table} (seq, hash) FROM PROGRAM 'true'"));
                deeds.push(format!("ALTER TABLE {table} DISABLE TRIGGER ALL"));
                deeds.push(format!("DROP TABLE {table} CASCADE"));
            }
        }
        deeds.push("UPDATE acct_export_audit SET actor = 'x'".into());
        deeds.push("DELETE FROM acct_export_audit".into());
        if role != "postgres" {
            deeds.push("SET session_replication_role = replica".into());
            deeds.push("SELECT acct_export_audit_remove(now(), 'x')".into());
        }
        for deed in deeds {
            let error = error_of(client.batch_execute(&deed));
            assert_eq!(error.sqlstate, "42501", "{role}: {deed}: {error:?}");
        }
    }
    let after: String = superuser.query_one(state, &[]).unwrap().get(0);
    assert_eq!(before, after);
    assert_whole(&mut superuser);
}

/// Starts, refusals, downloads, streams, commits and rollbacks, all at once.
#[test]
fn mixed_writers_make_one_chain() {
    const ROUNDS: usize = 5;
    // Nobody waits for the audit worker of a rollback: there has to be a place for each.
    let options = ClusterOptions::preloaded().set("max_worker_processes", "40");
    let app = TwoTenants::with_users(Box::leak(Box::new(Cluster::start(options))), ROWS);
    let (job, role, mut superuser) = (completed(&app), stranger(&app), app.superuser());
    let threads: Vec<_> = (0..8)
        .map(|session| {
            let (mut client, mut outsider) = (app.session(&app.login, 0), app.session(&role, 0));
            let job = job.clone();
            thread::spawn(move || {
                for round in 0..ROUNDS {
                    let ask = format!(
                        "SELECT acct_export_start('users', 'csv', filter => '{{\"id\":{{\"gt\":-{}}}}}')",
                        1 + session * ROUNDS + round
                    );
                    client.batch_execute(&format!("BEGIN; {ask}; ROLLBACK")).unwrap();
                    client.batch_execute(&ask).unwrap();
                    error_of(outsider.query("SELECT acct_export_start('users')", &[]));
                    let take = format!("SELECT acct_export_file('{job}')");
                    client.batch_execute(&format!("BEGIN; {take}; ROLLBACK")).unwrap();
                    client
                        .batch_execute(&format!("BEGIN; {take}; SAVEPOINT s; {take}; ROLLBACK TO s; COMMIT"))
                        .unwrap();
                    client.batch_execute("SELECT acct_export_csv('users')").unwrap();
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    common::wait_until(jobs::LIMIT, "all are done", || {
        let sql = "SELECT FROM acct_export.job WHERE status IN ('queued', 'running')";
        superuser.query(sql, &[]).unwrap().is_empty()
    });
    wait_until_idle(&mut superuser);
    wait_for_audit_workers(&mut superuser);
    let each = 8 * ROUNDS;
    for (kind, count) in
        [("denied", each), ("downloaded", 3 * each), ("requested", each + 1), ("", 2 * each + 1)]
    {
        wait_for(&mut superuser, kind, count);
    }
    let sql = "SELECT count(*), count(DISTINCT seq), max(seq) FROM acct_export.audit";
    let row = superuser.query_one(sql, &[]).unwrap();
    assert_eq!([0, 1, 2].map(|column| row.get::<_, i64>(column)), [7 * each as i64 + 3; 3]);
    assert_whole(&mut superuser);
}

/// Events of before a crash are there after it, and the chain goes on.
#[test]
fn a_crash_breaks_nothing() {
    let cluster: &'static Cluster = Box::leak(Box::new(Cluster::start(ClusterOptions::default())));
    let app = TwoTenants::with_users(cluster, ROWS);
    let (job, role) = (completed(&app), stranger(&app));
    error_of(app.session(&role, 0).query("SELECT acct_export_start('users')", &[]));
    let mut open = app.session(&app.login, 0);
    open.batch_execute(&format!("BEGIN; SELECT acct_export_file('{job}'); SELECT acct_export_csv('users')"))
        .unwrap();
    cluster.stop_immediate();
    cluster.restart();
    let mut superuser = app.superuser();
    assert_eq!(told(&mut superuser, "denied").len(), 1);
    error_of(app.session(&role, 0).query("SELECT acct_export_start('users')", &[]));
    let mut client = app.session(&app.login, 0);
    client.batch_execute(&format!("BEGIN; SELECT acct_export_file('{job}'); ROLLBACK")).unwrap();
    wait_for(&mut superuser, "downloaded", 1);
    assert_eq!(told(&mut superuser, "denied").len(), 2);
    wait_until_idle(&mut superuser);
    assert_whole(&mut superuser);
}
