//! The purge beside all else that happens: exports go first, nobody waits for each other in a circle, and the work grows with what is
//! over, not with what is there.

use std::thread;

use postgres::Client;
use support::common::{error_of, wait_for_job, wait_until, Cluster, ClusterOptions, TwoTenants};
use support::jobs::{assert_tidy, assert_whole, exported, record, start, wait_until_idle, LIMIT};

const ROWS: u32 = 20;

/// A server without a launcher, with one worker at a time.
fn single() -> &'static Cluster {
    Box::leak(Box::new(Cluster::start(ClusterOptions::default().set("acct_export.max_workers", "1"))))
}

/// A completed export, copied with its file so many times; the copies end at a moment relative to now. Their ids.
fn copies(app: &TwoTenants, of: &str, number: i32, expire: &str) -> Vec<String> {
    let sql = format!(
        "WITH made AS (
             INSERT INTO acct_export.job
             SELECT (jsonb_populate_record(j, jsonb_build_object('id', gen_random_uuid(),
                        'expires_at', clock_timestamp() + interval '{expire}' + n * interval '1 millisecond'))).*
               FROM acct_export.job j, generate_series(1, {number}) AS n WHERE j.id = '{of}'
             RETURNING id
         ), files AS (
             INSERT INTO acct_export.file
             SELECT (jsonb_populate_record(f, jsonb_build_object('job', m.id))).* FROM acct_export.file f, made m WHERE f.job = '{of}'
             RETURNING job
         )
         SELECT id::text FROM made"
    );
    let mut superuser = app.superuser();
    let jobs: Vec<String> = superuser.query(&sql, &[]).unwrap().iter().map(|row| row.get(0)).collect();
    superuser
        .execute(
            "INSERT INTO acct_export.chunk (job, file, chunk, unpacked, data)
             SELECT f.job, c.file, c.chunk, c.unpacked, c.data
               FROM acct_export.chunk c JOIN acct_export.file f ON f.job::text = ANY ($2) AND f.file = c.file
              WHERE c.job = $1::text::uuid",
            &[&of, &jobs],
        )
        .unwrap();
    superuser.batch_execute("ANALYZE acct_export.job").unwrap();
    jobs
}

fn done(app: &TwoTenants) -> String {
    let job = start(&mut app.session(&app.login, 0), "csv", "");
    wait_for_job(&mut app.superuser(), &job);
    wait_until_idle(&mut app.superuser());
    job
}

fn left(superuser: &mut Client) -> i64 {
    let sql =
        "SELECT count(*) FROM acct_export.job WHERE status = 'completed' AND expires_at <= clock_timestamp()";
    superuser.query_one(sql, &[]).unwrap().get(0)
}

/// The only worker finds three hundred files to purge and a job to do.
#[test]
fn exports_go_first() {
    let cluster = single();
    let app = TwoTenants::with_users(cluster, ROWS);
    let mut superuser = app.superuser();
    let first = done(&app);
    copies(&app, &first, 300, "-1 hour");
    let job = start(&mut app.session(&app.login, 0), "csv", ", reason => 'first'");
    wait_for_status(&mut superuser, &job, "completed");
    wait_until(LIMIT, "all is purged", || left(&mut superuser) == 0);
    wait_until_idle(&mut superuser);
    let before: i64 = superuser
        .query_one(
            "SELECT count(*) FROM acct_export_audit AS p
              WHERE p.event = 'user.bulk_export.purged'
                AND p.id < (SELECT e.id FROM acct_export_audit AS e
                             WHERE e.event = 'user.bulk_export' AND e.job_id = $1::text::uuid)",
            &[&job],
        )
        .unwrap()
        .get(0);
    assert!(before <= 20, "{before} files were purged before the export was made");
    assert_whole(&mut superuser, &job, exported(ROWS));
    // In many commits, so that nobody waits for all of it.
    let commits: i64 = superuser
        .query_one("SELECT count(DISTINCT xmin::text) FROM acct_export.job WHERE status = 'expired'", &[])
        .unwrap()
        .get(0);
    assert!(commits >= 15, "{commits} commits");
    assert_tidy(&mut superuser, cluster);
}

fn wait_for_status(superuser: &mut Client, job: &str, wanted: &str) {
    wait_until(LIMIT, wanted, || record(superuser, job, "status").as_deref() == Some(wanted));
}

/// Entries of the index of expiry that a purge reads, where two thousand files are not over yet.
#[test]
fn the_work_grows_with_what_is_over() {
    let app = TwoTenants::with_users(single(), ROWS);
    let mut superuser = app.superuser();
    let first = done(&app);
    copies(&app, &first, 2000, "1 day");
    let read = |superuser: &mut Client, number: i32| -> i64 {
        copies(&app, &first, number, "-1 hour");
        let entries = "SELECT sum(idx_tup_read)::bigint FROM pg_stat_user_indexes WHERE indexrelname IN ('job_expiry', 'job_history')";
        let flush = "SELECT pg_stat_force_next_flush()";
        superuser.execute(flush, &[]).unwrap();
        let before: i64 = superuser.query_one(entries, &[]).unwrap().get(0);
        let purged: i64 = superuser.query_one("SELECT acct_export_purge()", &[]).unwrap().get(0);
        assert_eq!(purged, i64::from(number));
        superuser.execute(flush, &[]).unwrap();
        superuser.query_one(entries, &[]).unwrap().get::<_, i64>(0) - before
    };
    let (few, many) = (read(&mut superuser, 50), read(&mut superuser, 400));
    assert!(few <= 50 * 10, "{few} entries for 50 files");
    assert!(many <= 400 * 10, "{many} entries for 400 files");
}

/// Six sessions delete and purge the same files: each goes once, and nobody waits in a circle.
#[test]
fn deletes_and_purges_do_not_block_each_other() {
    let app = TwoTenants::with_users(single(), ROWS);
    let first = done(&app);
    let jobs = copies(&app, &first, 300, "-1 hour");
    let threads: Vec<_> = (0..6)
        .map(|turn| {
            let mut client = if turn < 4 { app.session(&app.login, 0) } else { app.superuser() };
            let mut jobs = jobs.clone();
            // Each in another order.
            jobs.rotate_left(turn * 50);
            if turn % 2 == 0 {
                jobs.reverse();
            }
            thread::spawn(move || -> (i64, Vec<String>) {
                let (mut gone, mut errors) = (0, Vec::new());
                if turn >= 4 {
                    for _ in 0..5 {
                        match client.query_one("SELECT acct_export_purge()", &[]) {
                            Ok(row) => gone += row.get::<_, i64>(0),
                            failed => errors.push(error_of(failed).sqlstate),
                        }
                    }
                    return (gone, errors);
                }
                for job in jobs {
                    match client.query_one("SELECT acct_export_delete($1::text::uuid)", &[&job]) {
                        Ok(row) => gone += i64::from(row.get::<_, bool>(0)),
                        failed => errors.push(error_of(failed).sqlstate),
                    }
                }
                (gone, errors)
            })
        })
        .collect();
    let mut all = 0;
    for thread in threads {
        let (gone, errors) = thread.join().unwrap();
        assert!(errors.is_empty(), "{errors:?}");
        all += gone;
    }
    assert_eq!(all, 300, "each file goes once");
    let mut superuser = app.superuser();
    wait_until_idle(&mut superuser);
    assert_eq!(left(&mut superuser), 0);
}

/// The order of locks: the job's row, then the file's. Whoever waits for a job holds no file of it.
#[test]
fn a_delete_locks_the_job_first() {
    let app = TwoTenants::with_users(single(), ROWS);
    let job = done(&app);
    let mut holder = app.superuser();
    holder
        .batch_execute(&format!("BEGIN; SELECT FROM acct_export.job WHERE id = '{job}' FOR UPDATE"))
        .unwrap();
    let mut requester = app.session(&app.login, 0);
    let pid: i32 = requester.query_one("SELECT pg_backend_pid()", &[]).unwrap().get(0);
    let id = job.clone();
    let deleting = thread::spawn(move || {
        requester
            .query_one("SELECT acct_export_delete($1::text::uuid)", &[&id])
            .map(|row| row.get::<_, bool>(0))
    });
    let mut superuser = app.superuser();
    wait_until(LIMIT, "the session waits for the job", || {
        let waits = "SELECT FROM pg_locks WHERE pid = $1 AND NOT granted";
        !superuser.query(waits, &[&pid]).unwrap().is_empty()
    });
    let free = "SELECT FROM acct_export.file WHERE job = $1::text::uuid FOR UPDATE NOWAIT";
    assert_eq!(holder.query(free, &[&job]).expect("the session holds a file").len(), 1);
    holder.batch_execute("COMMIT").unwrap();
    assert!(deleting.join().unwrap().unwrap());
    let free: bool = superuser
        .query_one("SELECT count(*) = 0 FROM acct_export.chunk WHERE job = $1::text::uuid", &[&job])
        .unwrap()
        .get(0);
    assert!(free);
}
