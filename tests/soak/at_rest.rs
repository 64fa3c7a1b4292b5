//! Conditions that hold in a database when all of its jobs have ended, whatever happened before.

use std::collections::BTreeMap;
use std::time::Duration;

use postgres::Client;
use support::common::{wait_until, Cluster};
use support::jobs::{assert_tidy, workers};

/// Longer than a round of the launcher, which puts lost jobs back.
const LIMIT: Duration = Duration::from_secs(180);

/// Waits until no job is queued or running and no worker is left. Looks at tables only, which starts no worker.
#[track_caller]
pub fn wait_until_ended(superuser: &mut Client, limit: Duration) {
    let active = "SELECT count(*) FROM acct_export.job WHERE status IN ('queued', 'running')";
    wait_until(limit, "all jobs have ended and all workers are gone", || {
        superuser.query_one(active, &[]).unwrap().get::<_, i64>(0) == 0 && workers(superuser).is_empty()
    });
}

/// The number of jobs by status, and for failed ones SQLSTATE.
pub fn outcomes(superuser: &mut Client) -> BTreeMap<String, i64> {
    let sql = "SELECT concat_ws(' ', status, error_code), count(*) FROM acct_export.job GROUP BY 1";
    superuser.query(sql, &[]).unwrap().iter().map(|row| (row.get(0), row.get(1))).collect()
}

/// Rows that must not be there. `$1`: SQLSTATEs with which jobs may have failed.
const BROKEN: [(&str, &str); 8] = [
    (
        "jobs that did not end as documented",
        "SELECT id::text, status, concat_ws(': ', error_code, error) FROM acct_export.job
          WHERE status NOT IN ('completed', 'completed_with_errors', 'failed', 'cancelled', 'expired')
             OR (status = 'failed') <> (error_code IS NOT NULL)
             OR (status = 'failed' AND NOT error_code = ANY ($1))",
    ),
    (
        "jobs that were given up before their last attempt, or begun after it",
        "SELECT id::text, status, attempts::text FROM acct_export.job
          WHERE attempts > current_setting('acct_export.max_attempts')::int
             OR (error_code = '57P02' AND attempts < current_setting('acct_export.max_attempts')::int)",
    ),
    (
        "files of jobs that have none",
        "SELECT j.id::text, j.status, f.status FROM acct_export.job AS j JOIN acct_export.file AS f ON f.job = j.id
          WHERE j.status IN ('failed', 'cancelled')",
    ),
    (
        "completed jobs without a file",
        "SELECT j.id::text, j.status, NULL FROM acct_export.job AS j
          WHERE j.status = 'completed' AND NOT EXISTS (SELECT FROM acct_export.file AS f WHERE f.job = j.id)",
    ),
    (
        "files that are not as recorded",
        "SELECT f.job::text, f.name, f.sha256 FROM acct_export.file AS f
          WHERE f.status = 'stored' AND f.sha256 <> encode(sha256(acct_export_file(f.job, f.file)), 'hex')",
    ),
    ("objects that nobody removes", "SELECT o::text, NULL, NULL FROM acct_export.object AS o"),
    ("large objects", "SELECT oid::text, NULL, NULL FROM pg_largeobject_metadata"),
    (
        "digests of jobs that did not complete",
        "SELECT j.id::text, j.status, NULL FROM acct_export.digest AS d JOIN acct_export.job AS j ON j.id = d.job
          WHERE j.status IN ('failed', 'cancelled')",
    ),
];

/// Each job was requested once and ended once.
const EVENTS: &str = "
SELECT j.id::text, j.status, string_agg(a.event, ', ' ORDER BY a.id) FROM acct_export.job AS j
  LEFT JOIN acct_export_audit AS a ON a.job_id = j.id
 GROUP BY j.id
HAVING count(*) FILTER (WHERE a.event = 'user.bulk_export.requested') <> 1
    OR count(*) FILTER (WHERE a.event = 'user.bulk_export') <> (j.status IN ('completed', 'completed_with_errors', 'expired'))::int
    OR count(*) FILTER (WHERE a.event = 'user.bulk_export.failed') <> (j.status = 'failed')::int
    OR count(*) FILTER (WHERE a.event = 'user.bulk_export.cancelled') <> (j.status = 'cancelled')::int";

/// Waits for the end of all jobs and asserts that nothing is lost, half made or left over. Jobs may have failed with `failures` only.
#[track_caller]
pub fn assert_at_rest(superuser: &mut Client, cluster: &Cluster, failures: &[&str]) -> BTreeMap<String, i64> {
    wait_until_ended(superuser, LIMIT);
    // The settings are there in sessions that have loaded the library.
    superuser.batch_execute("LOAD 'pg_acctexport'").unwrap();
    for (name, sql) in BROKEN {
        // One type for the parameter, used or not.
        let sql = format!("WITH given AS (SELECT $1::text[]) {sql}");
        assert_none(name, &superuser.query(&sql, &[&failures]).unwrap());
    }
    assert_none("events that do not fit the end of the job", &superuser.query(EVENTS, &[]).unwrap());
    assert_tidy(superuser, cluster);
    outcomes(superuser)
}

#[track_caller]
fn assert_none(name: &str, rows: &[postgres::Row]) {
    let shown: Vec<Vec<Option<String>>> =
        rows.iter().take(10).map(|row| (0..3).map(|column| row.get(column)).collect()).collect();
    assert!(rows.is_empty(), "{} {name}: {shown:#?}", rows.len());
}
