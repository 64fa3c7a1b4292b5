//! When a process is started for a job, and when none is: nobody looks at the jobs here, and still none is left lying.

use support::jobs;

use postgres::Client;
use support::common::{unique, wait_until, Cluster, ClusterOptions, TwoTenants};
use support::jobs::{start, wait_for_status, wait_until_idle, workers, LIMIT};

const ROWS: u32 = 5;

/// A server of its own, whose log has each process that is started.
fn cluster(preload: bool, places: u32) -> &'static Cluster {
    let options = ClusterOptions { preload, settings: Vec::new() }
        .set("acct_export.max_workers", &places.to_string())
        .set("log_min_messages", "debug1");
    Box::leak(Box::new(Cluster::start(options)))
}

/// The number of workers that were asked for.
fn processes(cluster: &Cluster) -> usize {
    // The server reads its configuration after what was asked of it before.
    cluster.set("acct_export.max_attempts", "3");
    started(cluster)
}

/// The number of workers that the server has started.
fn started(cluster: &Cluster) -> usize {
    cluster.log().matches("starting background worker process \"pg_acctexport worker\"").count()
}

fn count(superuser: &mut Client, status: &str) -> i64 {
    superuser.query_one("SELECT count(*) FROM acct_export.job WHERE status = $1", &[&status]).unwrap().get(0)
}

/// Exports of tenant 0 wait for an advisory lock, which the result holds.
fn hold(app: &TwoTenants) -> Client {
    let mut superuser = app.superuser();
    superuser
        .batch_execute(&format!(
            "CREATE FUNCTION app.pass() RETURNS boolean LANGUAGE plpgsql AS $$
             BEGIN
                 IF current_setting('app.tenant_id') = '{}' THEN PERFORM pg_advisory_xact_lock_shared(4711); END IF;
                 RETURN true;
             END $$;
             ALTER POLICY tenant ON app.users
                 USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid AND app.pass())",
            app.tenants[0]
        ))
        .unwrap();
    superuser.batch_execute("BEGIN; SELECT pg_advisory_xact_lock(4711)").unwrap();
    superuser
}

/// A request that is nobody's twin.
fn ask(client: &mut Client) -> String {
    start(client, "csv", &format!(", reason => '{}'", unique("r")))
}

#[test]
fn no_process_where_no_place_is_free() {
    let cluster = cluster(false, 0);
    let app = TwoTenants::with_users(cluster, ROWS);
    let mut superuser = app.superuser();
    let held = hold(&app);
    let mut requester = app.session(&app.login, 0);
    let mut asked: Vec<String> = (0..10).map(|_| ask(&mut requester)).collect();
    assert_eq!(processes(cluster), 0, "the queue is paused");
    cluster.set("acct_export.max_workers", "1");
    asked.push(ask(&mut requester));
    wait_until(LIMIT, "one runs", || count(&mut superuser, "running") == 1);
    let before = processes(cluster);
    // Of both tenants: one place has no other one beside it.
    asked.extend((0..20).map(|n| ask(&mut app.session(&app.login, n % 2))));
    assert_eq!(processes(cluster), before, "the place is taken");
    assert_eq!(workers(&mut superuser).len(), 1);
    drop(held);
    for job in &asked {
        wait_for_status(&mut superuser, job, "completed");
    }
    wait_until_idle(&mut superuser);
    assert_eq!(processes(cluster), before, "one worker makes them all");
}

/// One process is started at the commit, and further ones by those that have jobs.
#[test]
fn one_transaction_that_asks_for_many_gets_all_places() {
    let cluster = cluster(false, 3);
    let app = TwoTenants::with_users(cluster, ROWS);
    let mut superuser = app.superuser();
    let held = hold(&app);
    let mut requester = app.session(&app.login, 0);
    requester.batch_execute("BEGIN").unwrap();
    let asked: Vec<String> = (0..6).map(|_| ask(&mut requester)).collect();
    requester.batch_execute("COMMIT").unwrap();
    wait_until(LIMIT, "all places are taken", || count(&mut superuser, "running") == 3);
    drop(held);
    asked.iter().for_each(|job| wait_for_status(&mut superuser, job, "completed"));
}

/// All places are one tenant's when another one's request commits, which was made before or after that.
#[test]
fn a_tenant_that_is_locked_out_gets_a_process() {
    let cluster = cluster(false, 2);
    let app = TwoTenants::with_users(cluster, ROWS);
    let mut superuser = app.superuser();
    let held = hold(&app);
    let mut early = app.session(&app.login, 1);
    early.batch_execute("BEGIN").unwrap();
    let first = ask(&mut early);
    let mut requester = app.session(&app.login, 0);
    let mut sleeping = Vec::new();
    for places in 1..=2 {
        sleeping.push(ask(&mut requester));
        wait_until(LIMIT, "it runs", || count(&mut superuser, "running") == places);
    }
    early.batch_execute("COMMIT").unwrap();
    wait_for_status(&mut superuser, &first, "completed");
    wait_until(LIMIT, "the worker beside them has gone", || workers(&mut superuser).len() == 2);
    // Who has all places gets no further one.
    let before = processes(cluster);
    sleeping.extend((0..5).map(|_| ask(&mut requester)));
    assert_eq!(processes(cluster), before);
    let second = ask(&mut early);
    wait_for_status(&mut superuser, &second, "completed");
    // Another role of the same tenant, whose export is held as well.
    let role = ask(&mut app.session(&app.nologin, 0));
    wait_for_status(&mut superuser, &role, "running");
    drop(held);
    sleeping.iter().chain([&role]).for_each(|job| wait_for_status(&mut superuser, job, "completed"));
    wait_until_idle(&mut superuser);
    wait_until(LIMIT, "no lock is left", || jobs::life_locks(&mut superuser) == 0);
}

/// Requests that come when workers end. Without a launcher nobody comes by later.
#[test]
fn none_of_many_sessions_is_left_lying() {
    let cluster = cluster(false, 2);
    let app = TwoTenants::with_users(cluster, ROWS);
    let mut superuser = app.superuser();
    let sessions: Vec<_> = (0..8)
        .map(|session| {
            let role = if session % 4 < 3 { &app.login } else { &app.nologin };
            let (mut client, mut watcher) = (app.session(role, session % 2), app.superuser());
            std::thread::spawn(move || {
                for n in 0..25 {
                    let job = ask(&mut client);
                    if n % (2 + session) == 0 {
                        wait_for_status(&mut watcher, &job, "completed");
                    }
                }
            })
        })
        .collect();
    sessions.into_iter().for_each(|session| session.join().unwrap());
    wait_until(LIMIT, "all are done", || count(&mut superuser, "completed") == 200);
    wait_until_idle(&mut superuser);
    wait_until(LIMIT, "no lock is left", || jobs::life_locks(&mut superuser) == 0);
    // Each session that found a place free has started one, and no other one did.
    assert!(processes(cluster) < 200);
}

/// The session that commits has not read yet that the pause is over, and the launcher came by before the commit.
#[test]
fn a_pause_that_ends_before_the_commit() {
    let cluster = cluster(true, 0);
    let app = TwoTenants::with_users(cluster, ROWS);
    let mut superuser = app.superuser();
    let mut held = app.superuser();
    held.batch_execute("SELECT pg_advisory_lock(12)").unwrap();
    let mut requester = app.session(&app.login, 0);
    let asking = std::thread::spawn(move || {
        requester
            .batch_execute("SELECT acct_export_start('users', 'csv'); SELECT pg_advisory_lock(12)")
            .unwrap();
        requester
    });
    wait_until(LIMIT, "it has asked", || {
        let waiting =
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 12 AND NOT granted";
        superuser.query_one(waiting, &[]).unwrap().get::<_, i64>(0) == 1
    });
    let databases = "SELECT count(*) FROM pg_database WHERE datallowconn AND NOT datistemplate";
    let databases: i64 = superuser.query_one(databases, &[]).unwrap().get(0);
    let before = started(cluster);
    cluster.set("acct_export.max_workers", "1");
    wait_until(LIMIT, "the launcher's worker has come and gone", || {
        started(cluster) >= before + databases as usize && workers(&mut superuser).is_empty()
    });
    held.batch_execute("SELECT pg_advisory_unlock(12)").unwrap();
    drop(asking.join().unwrap());
    wait_until(LIMIT, "the job completes", || count(&mut superuser, "completed") == 1);
}

/// A job that waits, a worker that waits for the table of jobs, and the session that holds that.
fn worker_before_a_lock() -> (&'static Cluster, TwoTenants, String, Client, i32) {
    let cluster = cluster(true, 0);
    let app = TwoTenants::with_users(cluster, ROWS);
    let mut superuser = app.superuser();
    let job = ask(&mut app.session(&app.login, 0));
    let mut held = app.superuser();
    held.batch_execute("BEGIN; LOCK TABLE acct_export.job IN ACCESS EXCLUSIVE MODE").unwrap();
    cluster.set("acct_export.max_workers", "1");
    let mut pid: Option<i32> = None;
    wait_until(LIMIT, "a worker waits for the table", || {
        let waiting =
            "SELECT min(pid) FROM pg_locks WHERE relation = 'acct_export.job'::regclass AND NOT granted";
        pid = superuser.query_one(waiting, &[]).unwrap().get(0);
        pid.is_some()
    });
    (cluster, app, job, held, pid.unwrap())
}

/// The session that asked found its place taken, or no place at all.
#[test]
fn a_worker_that_is_ended_between_two_jobs() {
    let (_, app, job, mut held, pid) = worker_before_a_lock();
    let mut superuser = app.superuser();
    superuser.execute("SELECT pg_terminate_backend($1)", &[&pid]).unwrap();
    wait_until(LIMIT, "it has gone", || !workers(&mut superuser).contains(&pid));
    held.batch_execute("COMMIT").unwrap();
    wait_for_status(&mut superuser, &job, "completed");
}

#[test]
fn a_worker_that_cannot_look_into_the_queue() {
    let (cluster, app, job, mut held, _) = worker_before_a_lock();
    wait_until(LIMIT, "it gives up for now", || cluster.log().contains("claiming a job failed"));
    held.batch_execute("COMMIT").unwrap();
    wait_for_status(&mut app.superuser(), &job, "completed");
}

/// There was no process for it, neither at the commit nor when the launcher came by.
#[test]
fn a_database_for_which_no_process_was_free() {
    // The launcher, the server's own one for logical replication, and one more.
    let options = ClusterOptions::preloaded().set("max_worker_processes", "3");
    let cluster: &'static Cluster = Box::leak(Box::new(Cluster::start(options)));
    let [other, app] = [0; 2].map(|_| TwoTenants::with_users(cluster, ROWS));
    let held = hold(&other);
    let first = ask(&mut other.session(&other.login, 0));
    wait_for_status(&mut other.superuser(), &first, "running");
    let job = ask(&mut app.session(&app.login, 0));
    // Each reload is a round of the launcher.
    (0..3).for_each(|_| cluster.set("acct_export.max_attempts", "3"));
    assert_eq!(count(&mut app.superuser(), "queued"), 1);
    drop(held);
    wait_for_status(&mut other.superuser(), &first, "completed");
    wait_for_status(&mut app.superuser(), &job, "completed");
}
