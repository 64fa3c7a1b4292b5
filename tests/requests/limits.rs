//! The number of exports that one role may request at a time for one tenant.

use support::jobs;

use postgres::Client;
use support::common::{error_of, Cluster, ClusterOptions, TwoTenants};
use support::jobs::{record, start};

/// A server on which nothing runs and one role may have so many jobs of each tenant.
fn limited(limit: &str) -> &'static Cluster {
    let options = ClusterOptions::default()
        .set("acct_export.max_workers", "0")
        .set("acct_export.max_active_per_role", limit);
    Box::leak(Box::new(Cluster::start(options)))
}

fn ask(n: usize) -> String {
    format!("SELECT acct_export_start('users', 'csv', filter => '{{\"id\":{{\"gt\":-{n}}}}}')::text")
}

fn active(superuser: &mut Client, role: &str) -> i64 {
    let sql = "SELECT count(*) FROM acct_export.job WHERE requested_role = $1 AND status = 'queued'";
    superuser.query_one(sql, &[&role]).unwrap().get(0)
}

#[test]
fn a_role_has_so_many_jobs_and_no_more() {
    let cluster = limited("5");
    let app = TwoTenants::with_users(cluster, 3);
    let mut superuser = app.superuser();
    let (mut one, mut other) = (app.session(&app.login, 0), app.session(&app.login, 0));
    // An uncommitted request of another session counts.
    one.batch_execute("BEGIN").unwrap();
    let jobs: Vec<String> = (1..=4).map(|n| one.query_one(&ask(n), &[]).unwrap().get(0)).collect();
    other.query_one(&ask(5), &[]).unwrap();
    let error = error_of(other.query(&ask(6), &[]));
    assert_eq!(error.sqlstate, "53400", "{error:?}");
    assert!(error.hint.is_some_and(|hint| hint.contains("acct_export.max_active_per_role")));
    one.batch_execute("COMMIT").unwrap();
    assert_eq!(error_of(one.query(&ask(7), &[])).sqlstate, "53400");
    // Others have their own, as other tenants of the same role have; superusers have no limit.
    for (role, tenant) in [(&app.nologin, 0), (&app.login, 1), (&app.nologin, 1)] {
        let mut session = app.session(role, tenant);
        (1..=5).for_each(|n| drop(session.query_one(&ask(n), &[]).unwrap()));
        let error = error_of(session.query(&ask(6), &[]));
        assert_eq!(error.sqlstate, "53400");
        assert!(error.message.contains("of this role for this tenant: the limit is 5"), "{error:?}");
    }
    superuser.batch_execute("SELECT acct_export_register('all', 'app.tenants', 'id')").unwrap();
    for n in 0..7 {
        let sql = format!("SELECT acct_export_start('all', reason => 'r', options => '{{\"info_sheet\":{}}}', since => NULL, filter => '{{\"name\":\"{n}\"}}')", n % 2 == 0);
        superuser.query_one(&sql, &[]).unwrap();
    }
    // A place that becomes free, by an end or by a rollback.
    one.query_one("SELECT acct_export_cancel($1::text::uuid)", &[&jobs[0]]).unwrap();
    one.batch_execute(&format!("BEGIN; {}; ROLLBACK", ask(8))).unwrap();
    one.query_one(&ask(8), &[]).unwrap();
    assert_eq!(error_of(one.query(&ask(9), &[])).sqlstate, "53400");
    assert_eq!(
        error_of(one.query("SELECT acct_export_retry($1::text::uuid)", &[&jobs[0]])).sqlstate,
        "53400"
    );
    assert_eq!(error_of(one.batch_execute("SET acct_export.max_active_per_role = 0")).sqlstate, "42501");
    superuser
        .batch_execute(&format!("ALTER ROLE {} SET acct_export.max_active_per_role = 0", app.login))
        .unwrap();
    app.session(&app.login, 0).query_one(&ask(9), &[]).unwrap();
    assert_eq!(active(&mut superuser, &app.login), 6 + 5);
}

/// However many ask at once, in transactions of several.
#[test]
fn a_flood_stays_below_the_limit() {
    const LIMIT: i64 = 20;
    let cluster = limited("20");
    let app = TwoTenants::with_users(cluster, 3);
    let threads: Vec<_> = (0..8)
        .map(|session| {
            let mut client = app.session(&app.login, 0);
            std::thread::spawn(move || {
                for n in 0..5 {
                    client.batch_execute("BEGIN").unwrap();
                    for half in 0..3 {
                        let asked = client.query(&ask(1 + session * 100 + n * 3 + half), &[]);
                        if asked.is_err() {
                            assert_eq!(error_of(asked).sqlstate, "53400");
                            break;
                        }
                    }
                    client.batch_execute("COMMIT").unwrap();
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    let mut superuser = app.superuser();
    let count = active(&mut superuser, &app.login);
    assert!(count <= LIMIT, "{count}");
    let mut client = app.session(&app.login, 0);
    (count..LIMIT).for_each(|n| drop(client.query_one(&ask(5000 + n as usize), &[]).unwrap()));
    assert_eq!(error_of(client.query(&ask(9999), &[])).sqlstate, "53400");
}

/// Only who may see a job starts a worker for it by looking.
#[test]
fn a_strangers_look_starts_nothing() {
    let cluster = limited("0");
    let app = TwoTenants::with_users(cluster, 3);
    let mut superuser = app.superuser();
    let job = start(&mut app.session(&app.login, 0), "csv", "");
    cluster.set("acct_export.max_workers", "2");
    let mut other = app.session(&app.nologin, 0);
    for sql in
        ["SELECT acct_export_job(JOB)", "SELECT acct_export_status(JOB)", "SELECT acct_export_wait(JOB)"]
    {
        assert_eq!(error_of(other.query(&sql.replace("JOB", &format!("'{job}'")), &[])).sqlstate, "P0002");
    }
    assert_eq!(jobs::workers(&mut superuser).len(), 0);
    assert_eq!(record(&mut superuser, &job, "status").as_deref(), Some("queued"));
    jobs::status(&mut app.session(&app.login, 0), &job);
    jobs::wait_for_status(&mut superuser, &job, "completed");
}
