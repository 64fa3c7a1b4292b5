//! Many exports at once: as many as there are places and no more, tenants in turn, none lost; and asking for one costs
//! its asker nothing.

use support::jobs;

use std::collections::BTreeSet;

use postgres::Client;
use support::common::{
    error_of, shared, unique, wait_for_job, wait_until, Cluster, ClusterOptions, TwoTenants,
};
use support::jobs::{
    assert_tidy, assert_whole, exported, fill, record, start, status, text, wait_for_status, wait_until_held,
    wait_until_idle, Hold, Phase, LIMIT,
};

const ROWS: u32 = 50;

/// Asks for `count` different exports in one transaction.
fn start_many(client: &mut Client, count: u32) -> Vec<String> {
    client
        .query(
            "SELECT acct_export_start('users', 'csv', filter => jsonb_build_object('id', jsonb_build_object('gt', -n)))::text
             FROM generate_series(1, $1::integer) AS n",
            &[&(count as i32)],
        )
        .unwrap()
        .iter()
        .map(|row| row.get(0))
        .collect()
}

fn count(superuser: &mut Client, status: &str) -> i64 {
    superuser.query_one("SELECT count(*) FROM acct_export.job WHERE status = $1", &[&status]).unwrap().get(0)
}

/// A server of its own, without a launcher, with so many places.
fn with_places(places: u32) -> &'static Cluster {
    let options = ClusterOptions::default().set("acct_export.max_workers", &places.to_string());
    Box::leak(Box::new(Cluster::start(options)))
}

#[test]
fn no_more_run_than_there_are_places() {
    let cluster = with_places(1);
    for places in [1, 2, 4] {
        cluster.set("acct_export.max_workers", &places.to_string());
        let app = jobs::app(cluster, ROWS);
        let mut superuser = app.superuser();
        let hold = Hold::at(Phase::Reading, &app);
        let jobs: Vec<String> = (0..8)
            .map(|n| {
                let filter = format!(", filter => '{{\"id\":{{\"gt\":-{n}}}}}'");
                start(&mut app.session(&app.login, n % 2), "csv", &filter)
            })
            .collect();
        wait_until(LIMIT, "all places are taken", || count(&mut superuser, "running") == places);
        wait_until(LIMIT, "those without a place have gone", || {
            jobs::workers(&mut superuser).len() as i64 == places
        });
        assert_eq!(count(&mut superuser, "queued"), 8 - places);
        // Looking does not make more of them.
        for job in &jobs {
            status(&mut superuser, job);
        }
        assert_eq!(count(&mut superuser, "running"), places);
        hold.release();
        let mut most = 0;
        wait_until(LIMIT, "all are done", || {
            let (running, done) = (count(&mut superuser, "running"), count(&mut superuser, "completed"));
            most = most.max(running);
            done == 8
        });
        assert!(most <= places, "{most} ran at a time");
        wait_until_idle(&mut superuser);
        jobs.iter().for_each(|job| assert_whole(&mut superuser, job, exported(ROWS)));
        assert_tidy(&mut superuser, cluster);
    }
}

#[test]
fn tenants_take_turns() {
    let cluster = with_places(1);
    let app = jobs::app(cluster, ROWS);
    let hold = Hold::at(Phase::Reading, &app);
    let mut superuser = app.superuser();
    let many = start_many(&mut app.session(&app.login, 0), 10);
    wait_until(LIMIT, "the first begins", || count(&mut superuser, "running") == 1);
    let few = start_many(&mut app.session(&app.login, 1), 2);
    hold.release();
    wait_until(LIMIT, "all are done", || count(&mut superuser, "completed") == 12);
    let order: Vec<bool> = superuser
        .query("SELECT tenant = $1 FROM acct_export.job ORDER BY started_at", &[&app.tenants[1]])
        .unwrap()
        .iter()
        .map(|row| row.get(0))
        .collect();
    // One of the ten runs when the two are asked for; from there it is one of each.
    assert_eq!(order[..5], [false, true, false, true, false], "{order:?}");
    many.iter().chain(&few).for_each(|job| assert_whole(&mut superuser, job, exported(ROWS)));
}

/// Also where all jobs wait before the first one begins, whichever role asked for them.
#[test]
fn tenants_of_a_backlog_take_turns() {
    let cluster = with_places(0);
    let app = jobs::app(cluster, ROWS);
    let third = "c0000000-0000-4000-8000-000000000003";
    let mut superuser = app.superuser();
    superuser.batch_execute(&format!("INSERT INTO app.tenants VALUES ('{third}', 'C')")).unwrap();
    let tenants = [app.tenants[1].as_str(), third, app.tenants[0].as_str()];
    let mut asked = Vec::new();
    for tenant in tenants {
        for role in [&app.login, &app.nologin, &app.login] {
            let mut session = app.session(role, 0);
            session.batch_execute(&format!("SET app.tenant_id = '{tenant}'")).unwrap();
            asked.push(start(&mut session, "csv", &format!(", reason => '{}'", asked.len())));
        }
    }
    cluster.set("acct_export.max_workers", "1");
    status(&mut superuser, &asked[0]);
    wait_until(LIMIT, "all are done", || count(&mut superuser, "completed") == 9);
    let begun: Vec<String> = superuser
        .query("SELECT id::text FROM acct_export.job ORDER BY started_at", &[])
        .unwrap()
        .iter()
        .map(|row| row.get(0))
        .collect();
    // The first of each tenant, the second of each, the third of each.
    let expected: Vec<&String> = (0..9).map(|n| &asked[n % 3 * 3 + n / 3]).collect();
    assert_eq!(begun.iter().collect::<Vec<_>>(), expected);
}

/// An open transaction that has cancelled many of a tenant's jobs is in nobody else's way, the tenant's other jobs included.
#[test]
fn a_cancel_that_is_not_committed_holds_up_no_other_job() {
    let cluster = with_places(0);
    let app = jobs::app(cluster, ROWS);
    let mut superuser = app.superuser();
    let mut requester = app.session(&app.login, 0);
    let asked = start_many(&mut requester, 130);
    requester.batch_execute("BEGIN").unwrap();
    for job in &asked[..125] {
        requester.query_one("SELECT acct_export_cancel($1::text::uuid)", &[job]).unwrap();
    }
    cluster.set("acct_export.max_workers", "1");
    status(&mut superuser, &asked[129]);
    asked[125..].iter().for_each(|job| wait_for_status(&mut superuser, job, "completed"));
    wait_until_idle(&mut superuser);
    requester.batch_execute("COMMIT").unwrap();
    assert_eq!((count(&mut superuser, "cancelled"), count(&mut superuser, "completed")), (125, 5));
}

/// With a launcher a reload alone resumes.
#[test]
fn no_places_is_a_pause() {
    for preload in [true, false] {
        let options = ClusterOptions { preload, settings: Vec::new() }.set("acct_export.max_workers", "0");
        let cluster: &'static Cluster = Box::leak(Box::new(Cluster::start(options)));
        let app = jobs::app(cluster, ROWS);
        let mut requester = app.session(&app.login, 0);
        let jobs = [start(&mut requester, "csv", ""), start(&mut requester, "json", "")];
        let mut superuser = app.superuser();
        let waited = requester
            .query_one("SELECT status FROM acct_export_wait($1::text::uuid, '300 ms')", &[&jobs[0]])
            .unwrap();
        assert_eq!(text(&waited, "status"), Some("queued"));
        assert_eq!((count(&mut superuser, "running"), count(&mut superuser, "queued")), (0, 2));
        cluster.set("acct_export.max_workers", "1");
        if preload {
            wait_for_status(&mut superuser, &jobs[0], "completed");
            wait_for_status(&mut superuser, &jobs[1], "completed");
        }
        jobs.iter().for_each(|job| {
            assert_eq!(text(&wait_for_job(&mut requester, job), "status"), Some("completed"))
        });
    }
}

#[test]
fn a_pause_lets_what_runs_end() {
    let options = ClusterOptions::preloaded().set("acct_export.max_workers", "1");
    let cluster: &'static Cluster = Box::leak(Box::new(Cluster::start(options)));
    let app = jobs::app(cluster, ROWS);
    let hold = Hold::at(Phase::Reading, &app);
    let mut requester = app.session(&app.login, 0);
    let first = start(&mut requester, "csv", "");
    let mut superuser = app.superuser();
    wait_until_held(&mut superuser, &first, Phase::Reading);
    let second = start(&mut requester, "json", "");
    cluster.set("acct_export.max_workers", "0");
    hold.release();
    wait_for_status(&mut superuser, &first, "completed");
    wait_until_idle(&mut superuser);
    assert_eq!(record(&mut superuser, &second, "status").as_deref(), Some("queued"));
    cluster.set("acct_export.max_workers", "1");
    wait_for_status(&mut superuser, &second, "completed");
}

/// The launcher is in the midst of a round, which takes its time where there are many databases, when the pause ends.
#[test]
fn a_pause_that_ends_at_once() {
    let options = ClusterOptions::preloaded().set("acct_export.max_workers", "0");
    let cluster: &'static Cluster = Box::leak(Box::new(Cluster::start(options)));
    let app = jobs::app(cluster, ROWS);
    let mut superuser = app.superuser();
    for _ in 0..15 {
        superuser.batch_execute(&format!("CREATE DATABASE {}", unique("other"))).unwrap();
    }
    for format in ["csv", "json"] {
        let job = start(&mut app.session(&app.login, 0), format, "");
        cluster.set("acct_export.max_workers", "0");
        cluster.set("acct_export.max_workers", "1");
        wait_for_status(&mut superuser, &job, "completed");
        cluster.set("acct_export.max_workers", "0");
    }
}

#[test]
fn none_of_a_hundred_is_lost() {
    let app = jobs::app(shared(), ROWS);
    let mut superuser = app.superuser();
    let jobs = start_many(&mut app.session(&app.login, 0), 100);
    assert_eq!(jobs.iter().collect::<BTreeSet<_>>().len(), 100);
    wait_until(LIMIT * 2, "all are done", || count(&mut superuser, "completed") == 100);
    wait_until_idle(&mut superuser);
    let attempts: i64 = superuser.query_one("SELECT sum(attempts) FROM acct_export.job", &[]).unwrap().get(0);
    assert_eq!(attempts, 100, "each is begun once");
    for job in [&jobs[0], &jobs[57], &jobs[99]] {
        assert_whole(&mut superuser, job, exported(ROWS));
    }
    assert_tidy(&mut superuser, shared());
}

/// Asked for in the very moment in which the last worker finds nothing and ends, a job must not be left lying. Nobody
/// looks at it here.
#[test]
fn none_is_lost_between_two_workers() {
    let app = TwoTenants::with_users(shared(), 1);
    let mut superuser = app.superuser();
    let mut requester = app.session(&app.login, 0);
    let mut jobs = Vec::new();
    for n in 1..=200 {
        let job = start(&mut requester, "csv", &format!(", filter => '{{\"id\":{{\"gt\":-{n}}}}}'"));
        if n % 4 > 0 {
            wait_for_status_quietly(&mut superuser, &job);
        }
        jobs.push(job);
    }
    wait_until(LIMIT, "all are done", || count(&mut superuser, "completed") == 200);
    wait_until_idle(&mut superuser);
    assert_tidy(&mut superuser, shared());
}

fn wait_for_status_quietly(superuser: &mut Client, job: &str) {
    wait_until(LIMIT, "the job completes", || {
        record(superuser, job, "status").as_deref() == Some("completed")
    });
}

#[test]
fn what_is_rolled_back_was_never_asked_for() {
    let app = jobs::app(shared(), ROWS);
    let mut requester = app.session(&app.login, 0);
    let mut superuser = app.superuser();
    for undone in ["BEGIN; SELECT %; ROLLBACK", "BEGIN; SAVEPOINT s; SELECT %; ROLLBACK TO s; COMMIT"] {
        requester.batch_execute(&undone.replace('%', "acct_export_start('users', 'csv')")).unwrap();
        let left: i64 = superuser
            .query_one(
                "SELECT (SELECT count(*) FROM acct_export.job)
                      + (SELECT count(*) FROM acct_export_audit WHERE event LIKE '%.requested')",
                &[],
            )
            .unwrap()
            .get(0);
        assert_eq!(left, 0, "{undone}");
    }
    // Neither is in the way of the next, nor keeps it from its worker.
    let job = start(&mut requester, "csv", "");
    wait_for_status(&mut superuser, &job, "completed");
    // Half of a transaction stays.
    requester.batch_execute("BEGIN").unwrap();
    let kept = start(&mut requester, "csv", "");
    requester.batch_execute("SAVEPOINT s").unwrap();
    start(&mut requester, "json", "");
    requester.batch_execute("ROLLBACK TO s; COMMIT").unwrap();
    wait_for_status(&mut superuser, &kept, "completed");
    assert_eq!(count(&mut superuser, "completed"), 2);
    assert_eq!(count(&mut superuser, "queued"), 0);
}

#[test]
fn asking_waits_for_nobody() {
    let app = jobs::app(shared(), ROWS);
    let hold = Hold::at(Phase::Reading, &app);
    let running = fill(&app);
    // With every place taken and every worker blocked these still return: the limit would end them.
    let mut requester = app.session(&app.login, 0);
    requester.batch_execute("SET statement_timeout = '5s'").unwrap();
    let jobs = start_many(&mut requester, 5);
    let error =
        error_of(requester.query("SELECT acct_export_start('users', 'csv', reason => 'takes a place')", &[]));
    assert_eq!(error.sqlstate, "55006");
    assert!(error.detail.unwrap().contains(&running[0]), "the twin is named");
    hold.release();
    requester.batch_execute("RESET statement_timeout").unwrap();
    for job in running.iter().chain(&jobs) {
        assert_eq!(text(&wait_for_job(&mut app.superuser(), job), "status"), Some("completed"));
    }
    // And an open transaction that has asked holds nobody up either.
    requester.batch_execute("BEGIN").unwrap();
    start(&mut requester, "csv", "");
    let mut other = app.session(&app.login, 1);
    other.batch_execute("SET statement_timeout = '5s'").unwrap();
    let job = start(&mut other, "csv", "");
    assert_eq!(text(&wait_for_job(&mut other, &job), "status"), Some("completed"));
    requester.batch_execute("ROLLBACK").unwrap();
}

/// A worker has no tenant of its own: what was asked for is what it reads.
#[test]
fn all_tenants_are_read_for_who_bypasses_row_security() {
    let app = jobs::app(shared(), ROWS);
    let mut superuser = app.superuser();
    let job = start(&mut superuser, "csv", ", all_tenants => true");
    wait_for_job(&mut superuser, &job);
    assert_whole(&mut superuser, &job, 2 * exported(ROWS));
}
