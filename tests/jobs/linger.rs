//! A worker that has no job any more takes the next one itself for a moment, and keeps nobody from anything meanwhile.

use support::common::{shared, unique, wait_until, Cluster, ClusterOptions, TwoTenants};
use support::jobs::{
    self, record, start, wait_for_status, wait_until_held, wait_until_idle, workers, Hold, Phase, LIMIT,
};

const ROWS: u32 = 5;

/// Waits until the job is completed and its worker has no slot any more; returns its pid.
fn ended(app: &TwoTenants, job: &str) -> i32 {
    let mut superuser = app.superuser();
    wait_for_status(&mut superuser, job, "completed");
    let mut found = Vec::new();
    wait_until(LIMIT, "the worker has given its slot back", || {
        found = superuser
            .query(
                "SELECT a.pid, EXISTS (SELECT FROM pg_locks AS l WHERE l.pid = a.pid AND l.locktype = 'advisory' AND l.objsubid = x'4c49'::int)
                   FROM pg_stat_activity AS a WHERE backend_type = 'pg_acctexport worker' AND datname = current_database()",
                &[],
            )
            .unwrap();
        found.first().is_none_or(|worker| worker.get(1))
    });
    found.first().map_or(0, |worker| worker.get(0))
}

#[test]
fn the_next_job_is_taken_by_the_worker_that_is_there() {
    let app = TwoTenants::with_users(shared(), ROWS);
    let mut client = app.session(&app.login, 0);
    // On a busy machine the moment passes between two statements: one of these pairs has one worker.
    let is_same = (0..50).any(|_| {
        let first = start(&mut client, "csv", &format!(", reason => '{}'", unique("r")));
        let pid = ended(&app, &first);
        let second = start(&mut client, "csv", &format!(", reason => '{}'", unique("r")));
        wait_for_status(&mut app.superuser(), &second, "completed");
        workers(&mut app.superuser()).contains(&pid)
    });
    assert!(is_same, "each job had a worker of its own");
    wait_until_idle(&mut app.superuser());
}

/// The moment at which the worker ends: a job is found by its last look, or has a worker of its own. Nobody looks at the jobs here.
#[test]
fn no_job_is_left_lying_when_the_worker_ends() {
    let app = TwoTenants::with_users(shared(), ROWS);
    let mut client = app.session(&app.login, 0);
    let mut superuser = app.superuser();
    for round in 0..24 {
        let job = start(&mut client, "csv", &format!(", reason => '{}'", unique("r")));
        wait_for_status(&mut superuser, &job, "completed");
        // The request is made when the worker ends, more or less some milliseconds.
        let late = 0.2 + 0.005 * f64::from(round);
        let sql = format!(
            "SELECT acct_export_start('users', 'csv', reason => '{}')::text FROM pg_sleep({late})",
            unique("r")
        );
        let job: String = client.query_one(&sql, &[]).unwrap().get(0);
        wait_for_status(&mut superuser, &job, "completed");
    }
}

#[test]
fn a_database_is_dropped_and_copied_while_a_worker_is_there() {
    let cluster = shared();
    let app = TwoTenants::with_users(cluster, ROWS);
    let (mut client, mut superuser) = (app.session(&app.login, 0), app.superuser());
    let mut postgres = cluster.connect("postgres", "postgres");
    let copy = unique("copy");
    for statement in
        [format!("CREATE DATABASE {copy} TEMPLATE {}", app.db), format!("DROP DATABASE {}", app.db)]
    {
        let job = start(&mut client, "csv", &format!(", reason => '{}'", unique("r")));
        wait_for_status(&mut superuser, &job, "completed");
        drop((client, superuser));
        postgres.batch_execute(&statement).unwrap_or_else(|e| panic!("{statement}: {e:?}"));
        if statement.starts_with("DROP") {
            break;
        }
        (client, superuser) = (app.session(&app.login, 0), app.superuser());
    }
    postgres.batch_execute(&format!("DROP DATABASE {copy}")).unwrap();
}

/// A process has the settings of its database from its beginning.
#[test]
fn settings_of_the_database_count_at_once() {
    let app = TwoTenants::with_users(shared(), ROWS);
    let (mut client, mut superuser) = (app.session(&app.login, 0), app.superuser());
    for hours in 1..=10 {
        let sql = format!("ALTER DATABASE \"{}\" SET acct_export.retention = '{hours}h'", app.db);
        superuser.batch_execute(&sql).unwrap();
        let job = start(&mut client, "csv", &format!(", reason => '{}'", unique("r")));
        wait_for_status(&mut superuser, &job, "completed");
        let kept = "extract(epoch FROM date_trunc('hour', expires_at - finished_at + interval '1 minute'))::integer / 3600";
        assert_eq!(record(&mut superuser, &job, kept), Some(hours.to_string()));
    }
}

/// Of the two processes that the server has, replication has one, and the worker the other.
#[test]
fn a_worker_goes_on_where_no_other_process_can_be_had() {
    let options =
        ClusterOptions::default().set("max_worker_processes", "2").set("acct_export.max_workers", "1");
    let cluster: &'static Cluster = Box::leak(Box::new(Cluster::start(options)));
    let app = jobs::app(cluster, ROWS);
    let (mut client, mut superuser) = (app.session(&app.login, 0), app.superuser());
    let hold = Hold::at(Phase::Reading, &app);
    let first = start(&mut client, "csv", "");
    wait_until_held(&mut superuser, &first, Phase::Reading);
    let second = start(&mut client, "ndjson", "");
    superuser
        .batch_execute(&format!("ALTER DATABASE \"{}\" SET acct_export.retention = '1h'", app.db))
        .unwrap();
    hold.release();
    wait_for_status(&mut superuser, &second, "completed");
    wait_until_idle(&mut superuser);
    assert!(cluster.log().contains("no process is free to read them"));
}
