//! Ten thousand small exports of a hundred tenants and ten roles: all complete, and tenants take turns.

use std::thread;
use std::time::{Duration, Instant};

use postgres::Client;
use support::common::{unique, wait_until, Cluster};

use crate::at_rest::assert_at_rest;
use crate::campaign::Campaign;
use crate::contents::rows_of;
use crate::server_log::{self, assert_clean, Caused};

const JOBS: usize = 10_000;
const TENANTS: usize = 100;
const ROLES: usize = 10;
const SESSIONS: usize = 8;
/// Accounts of each tenant.
const ROWS: usize = 20;

/// Dataset `accounts`; roles that may export each tenant.
fn create(cluster: &Cluster) -> (String, Vec<String>) {
    let db = cluster.create_database_with_extension("many");
    let roles: Vec<String> = (0..ROLES).map(|_| unique("app")).collect();
    let mut superuser = cluster.connect(&db, "postgres");
    let list = roles.join(", ");
    let logins: String = roles.iter().map(|role| format!("CREATE ROLE {role} LOGIN; ")).collect();
    superuser
        .batch_execute(&format!(
            "{logins} CREATE SCHEMA app;
             CREATE TABLE app.accounts (tenant int, id int PRIMARY KEY, email text, phone text);
             INSERT INTO app.accounts
             SELECT n % {TENANTS}, n, format('user%s@t%s.example', n, n % {TENANTS}), '00' || 4420700000 + n
               FROM generate_series(0, {TENANTS} * {ROWS} - 1) AS n;
             CREATE INDEX ON app.accounts (tenant, id);
             ALTER TABLE app.accounts ENABLE ROW LEVEL SECURITY;
             CREATE POLICY tenant ON app.accounts USING (tenant = nullif(current_setting('app.tenant_id', true), '')::int);
             GRANT USAGE ON SCHEMA app TO {list};
             GRANT SELECT ON app.accounts TO {list};
             SELECT acct_export_register('accounts', 'app.accounts', 'id', tenant_column => 'tenant');
             ANALYZE app.accounts"
        ))
        .unwrap();
    (db, roles)
}

/// Requests the exports `from..to` in several sessions at once; the time that it takes.
fn request(cluster: &'static Cluster, db: &str, roles: &[String], from: usize, to: usize) -> Duration {
    let begun = Instant::now();
    let sessions: Vec<_> = (0..SESSIONS)
        .map(|session| {
            let (db, roles) = (db.to_owned(), roles.to_vec());
            thread::spawn(move || {
                // Each role has its session in each thread, so that tenants and roles are mixed.
                let mut clients: Vec<Client> = roles.iter().map(|role| cluster.connect(&db, role)).collect();
                for number in (from + session..to).step_by(SESSIONS) {
                    let client = &mut clients[number / TENANTS % ROLES];
                    let format = ["csv", "ndjson", "json", "xlsx"][number / TENANTS % 4];
                    let sql = format!(
                        "SET app.tenant_id = '{}'; SELECT acct_export_start('accounts', '{format}', fields => '{{id,email,phone}}',
                             reason => 'request {number}')",
                        number % TENANTS
                    );
                    client.batch_execute(&sql).unwrap_or_else(|error| panic!("{sql}: {error:?}"));
                }
            })
        })
        .collect();
    sessions.into_iter().for_each(|session| session.join().unwrap());
    begun.elapsed()
}

/// By how many starts a tenant was ever ahead of its turn, or behind it. Each tenant has a job in each round of so many starts.
const OUT_OF_TURN: &str = "
SELECT coalesce(max(greatest(first - place, place - last, 0)), 0) FROM (
    SELECT place, (turn - 1) * $1::bigint + 1 AS first, turn * $1::bigint AS last FROM (
        SELECT row_number() OVER (ORDER BY started_at) AS place,
               row_number() OVER (PARTITION BY tenant ORDER BY started_at) AS turn
          FROM acct_export.job) AS starts) AS turns";

/// Files of one tenant and one text format are the same, and those that `rows_of` reads have the tenant's rows.
#[track_caller]
fn assert_contents(superuser: &mut Client) -> usize {
    let sql = "SELECT j.tenant, j.format, count(DISTINCT f.sha256), min(j.id::text), bool_and(f.rows = $1)
                 FROM acct_export.job AS j JOIN acct_export.file AS f ON f.job = j.id
                GROUP BY 1, 2 ORDER BY 1, 2";
    let groups = superuser.query(sql, &[&(ROWS as i64)]).unwrap();
    for group in &groups {
        let (tenant, format, job): (&str, &str, &str) = (group.get(0), group.get(1), group.get(3));
        let versions: i64 = group.get(2);
        assert!(versions == 1 || format == "xlsx", "{versions} versions of {format}, tenant {tenant}");
        assert!(group.get::<_, bool>(4), "numbers of rows of {format}, tenant {tenant}");
        let wanted: Vec<[String; 3]> = superuser
            .query(
                "SELECT a.id::text, email, phone FROM app.accounts AS a WHERE tenant = $1::text::int ORDER BY a.id",
                &[&tenant],
            )
            .unwrap()
            .iter()
            .map(|row| [row.get(0), row.get(1), row.get(2)])
            .collect();
        let file = support::asking::file(superuser, job);
        assert!(rows_of(format, file) == wanted, "rows of {format}, tenant {tenant}");
    }
    groups.len()
}

#[test]
fn all_complete_in_turn() {
    let mut campaign = Campaign::begin("many_jobs");
    let options = server_log::options(true).set("max_connections", "120");
    let cluster = campaign.start(options);
    let (db, roles) = create(cluster);
    // Whole rounds of all tenants, in two halves.
    let jobs = campaign.size(JOBS).next_multiple_of(2 * TENANTS);
    cluster.set("acct_export.max_workers", "0");
    let queued = request(cluster, &db, &roles, 0, jobs / 2);
    let begun = Instant::now();
    cluster.set("acct_export.max_workers", "2");
    let beside = request(cluster, &db, &roles, jobs / 2, jobs);
    let mut superuser = cluster.connect(&db, "postgres");
    let completed = "SELECT count(*) FROM acct_export.job WHERE status = 'completed'";
    wait_until(Duration::from_secs(1800), "all are completed", || {
        superuser.query_one(completed, &[]).unwrap().get::<_, i64>(0) == jobs as i64
    });
    let elapsed = begun.elapsed();
    let rate = |count: usize, time: Duration| format!("{:.0}", count as f64 / time.as_secs_f64());
    campaign.figure("exports", jobs);
    campaign.figure("tenants", TENANTS);
    campaign.figure("starts a second, queue paused", rate(jobs / 2, queued));
    campaign.figure("starts a second, beside two workers", rate(jobs / 2, beside));
    campaign.figure("exports completed a second", rate(jobs, elapsed));
    let outcomes = assert_at_rest(&mut superuser, cluster, &[]);
    assert_eq!(outcomes, [("completed".to_owned(), jobs as i64)].into());
    let again = "SELECT count(*) FROM acct_export.job WHERE runs <> 1 OR attempts <> 1";
    assert_eq!(superuser.query_one(again, &[]).unwrap().get::<_, i64>(0), 0, "jobs were begun twice");
    let out_of_turn: i64 = superuser.query_one(OUT_OF_TURN, &[&(TENANTS as i64)]).unwrap().get(0);
    campaign.figure("starts that a tenant was out of its turn, at most", out_of_turn);
    // Two workers and the extra slot may claim while another one's start is not committed yet.
    assert!(out_of_turn <= 3, "a tenant was {out_of_turn} starts out of its turn");
    campaign.figure("files compared with SELECT", assert_contents(&mut superuser));
    assert_clean(cluster, Caused::default());
}
