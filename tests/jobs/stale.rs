//! Statistics of a quiet time: a server that thinks its tables empty reads the jobs of a burst by their keys all the same.

use postgres::Client;
use support::common::{wait_until, Cluster, ClusterOptions, TwoTenants};
use support::jobs::{start, wait_until_idle, LIMIT};

const JOBS: i64 = 120;

fn completed(superuser: &mut Client) -> i64 {
    let sql =
        "SELECT count(*) FROM acct_export.job WHERE status = 'completed' AND (SELECT acct_export.wake())";
    superuser.query_one(sql, &[]).unwrap().get(0)
}

#[test]
fn no_statement_reads_the_jobs_of_all() {
    let options = ClusterOptions::default()
        .set("shared_preload_libraries", "pg_acctexport,auto_explain")
        .set("auto_explain.log_min_duration", "0")
        .set("auto_explain.log_nested_statements", "on")
        .set("auto_explain.log_analyze", "on")
        .set("auto_explain.log_timing", "off")
        .set("autovacuum", "off")
        .set("acct_export.max_active_per_role", "1000");
    let cluster: &'static Cluster = Box::leak(Box::new(Cluster::start(options)));
    let app = TwoTenants::with_users(cluster, 5);
    let mut superuser = app.superuser();
    for table in ["job", "audit"] {
        superuser.batch_execute(&format!("VACUUM ANALYZE acct_export.{table}")).unwrap();
    }
    cluster.set("acct_export.max_workers", "0");
    let mut requester = app.session(&app.login, 0);
    for number in 0..JOBS {
        start(&mut requester, "csv", &format!(", reason => '{number}'"));
    }
    cluster.set("acct_export.max_workers", "2");
    wait_until(LIMIT, "all are completed", || completed(&mut superuser) == JOBS);
    wait_until_idle(&mut superuser);
    // Of each plan the rows that were read in vain, times the loops; a list of what waits is short of a whole one.
    let log = cluster.log();
    let in_vain = |line: &&str| {
        let removed = line.trim().strip_prefix("Rows Removed by Filter: ")?;
        Some(removed.parse::<i64>().unwrap())
    };
    let plans: Vec<&str> = log.split("Query Text:").skip(1).filter(|plan| plan.contains(" on job")).collect();
    assert!(plans.len() as i64 > 5 * JOBS, "{}", plans.len());
    for plan in plans {
        // The test's own count is none of the extension's statements.
        if plan.contains("acct_export.wake()") {
            continue;
        }
        let worst =
            plan.lines().take_while(|line| !line.contains("LOG:")).filter_map(|line| in_vain(&line)).max();
        assert!(worst.unwrap_or(0) < JOBS / 2, "{}", plan.lines().take(40).collect::<Vec<_>>().join("\n"));
    }
}
