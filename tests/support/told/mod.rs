//! Events of the audit trail, as tests ask for them.

use postgres::{Client, Row};
use serde_json::Value;

use crate::common::{error_of, unique, wait_for_job, wait_until, Cluster, TwoTenants};

/// Events of one kind (`denied`), in order.
#[track_caller]
pub fn told(superuser: &mut Client, kind: &str) -> Vec<Row> {
    let event =
        if kind.is_empty() { "user.bulk_export".to_owned() } else { format!("user.bulk_export.{kind}") };
    let sql = "SELECT *, job_id::text AS job FROM acct_export_audit WHERE event = $1 ORDER BY id";
    superuser.query(sql, &[&event]).unwrap()
}

/// The one event of this kind.
#[track_caller]
pub fn only(superuser: &mut Client, kind: &str) -> Row {
    let mut rows = told(superuser, kind);
    assert_eq!(rows.len(), 1, "events of kind {kind}: {rows:?}");
    rows.remove(0)
}

pub fn text<'r>(row: &'r Row, column: &str) -> Option<&'r str> {
    row.get(column)
}

pub fn detail(row: &Row) -> Value {
    row.get("detail")
}

/// Waits for so many events of a kind, which an audit worker writes that nobody waits for.
#[track_caller]
pub fn wait_for(superuser: &mut Client, kind: &str, count: usize) -> Vec<Row> {
    let mut rows = Vec::new();
    wait_until(crate::jobs::LIMIT, &format!("{count} events of kind {kind}"), || {
        rows = told(superuser, kind);
        rows.len() >= count
    });
    assert_eq!(rows.len(), count, "{rows:?}");
    rows
}

/// Events that have no place in the chain yet.
pub fn unsealed(superuser: &mut Client) -> i64 {
    superuser.query_one("SELECT count(*) FROM acct_export_audit WHERE hash IS NULL", &[]).unwrap().get(0)
}

/// Waits until another event or a worker has sealed what commits have left.
#[track_caller]
pub fn wait_until_sealed(superuser: &mut Client) {
    wait_until(crate::jobs::LIMIT, "all events are sealed", || unsealed(superuser) == 0);
}

/// The chain is whole.
#[track_caller]
pub fn assert_whole(superuser: &mut Client) {
    let broken = superuser.query("SELECT id, hash FROM acct_export_audit_verify()", &[]).unwrap();
    assert!(broken.is_empty(), "{broken:?}");
}

/// A role that may log in and nothing else.
pub fn stranger(app: &TwoTenants) -> String {
    let role = unique("stranger");
    app.superuser()
        .batch_execute(&format!(
            "CREATE ROLE {role} LOGIN; GRANT USAGE ON SCHEMA app TO {role}; GRANT SELECT (updated_at) ON app.users TO {role}"
        ))
        .unwrap();
    role
}

/// A completed CSV export of tenant 0.
#[track_caller]
pub fn completed(app: &TwoTenants) -> String {
    let mut requester = app.session(&app.login, 0);
    let job = crate::jobs::start(&mut requester, "csv", "");
    assert_eq!(text(&wait_for_job(&mut requester, &job), "status"), Some("completed"));
    job
}

/// Segments of dynamic shared memory of a server with `dynamic_shared_memory_type = mmap`: each is a file.
pub fn segments(cluster: &Cluster) -> usize {
    std::fs::read_dir(cluster.data().join("pg_dynshmem")).unwrap().count()
}

/// Waits until no audit worker of this database is left.
#[track_caller]
pub fn wait_for_audit_workers(superuser: &mut Client) {
    wait_until(crate::jobs::LIMIT, "no audit worker is left", || {
        let sql = "SELECT FROM pg_stat_activity WHERE backend_type = 'pg_acctexport audit worker' AND datname = current_database()";
        superuser.query(sql, &[]).unwrap().is_empty()
    });
}

/// A statement that is refused with this SQLSTATE; the error's message.
#[track_caller]
pub fn refused(client: &mut Client, sql: &str, sqlstate: &str) -> String {
    let error = error_of(client.query(sql, &[]));
    // The error arrives before the server has rolled back; this is answered after it.
    client.batch_execute("").ok();
    assert_eq!(error.sqlstate, sqlstate, "{sql}: {error:?}");
    error.message
}
