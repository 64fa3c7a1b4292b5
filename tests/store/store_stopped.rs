//! An upload that ends before its time: cancelled, over its time limit, or its worker or server gone. Nothing of it counts as a file, and
//! what is in the bucket of it is remembered until it is removed.

use support::jobs;

use postgres::Client;
use serde_json::json;
use support::bucket::{
    assert_ended, assert_removed, assert_stored, assert_whole, noise, objects, send, Bucket, Object,
};
use support::common::{shared, wait_for_job, wait_until, Cluster, TwoTenants};
use support::jobs::blow::{crashing, Blow};
use support::jobs::{events, record, status, text, wait_for_status, wait_until_idle};
use support::remote::{Behaviour, LIMIT};

/// Starts an export whose second part is held, and waits until it is the only one that is not there; its job.
#[track_caller]
fn held(bucket: &Bucket, client: &mut Client) -> String {
    bucket.proxy.set_for("PUT", "partNumber=2", Behaviour::Hold);
    let before = bucket.proxy.count("PUT", "partNumber=2");
    let job = send(client, "'noise', 'csv'");
    wait_until(LIMIT, "the second part is held", || bucket.proxy.count("PUT", "partNumber=2") > before);
    job
}

fn bucket(cluster: &'static Cluster) -> Bucket {
    let bucket = Bucket::new(cluster, 5);
    noise(&bucket.app, 9);
    bucket
}

#[test]
fn a_cancel_does_not_wait_for_the_store() {
    let bucket = bucket(shared());
    let mut client = bucket.requester();
    let job = held(&bucket, &mut client);
    client.batch_execute(&format!("SELECT acct_export_cancel('{job}')")).unwrap();
    assert_eq!(text(&wait_for_job(&mut client, &job), "status"), Some("cancelled"));
    // The store is still held.
    assert!(!bucket.proxy.is_over());
    assert_ended(&bucket, &job);
    let mut superuser = bucket.app.superuser();
    assert_eq!(events(&mut superuser, &job, "user.bulk_export.cancelled"), 1);
    bucket.proxy.set(Behaviour::Pass);
    wait_until(LIMIT, "the upload is given up", || {
        objects(&mut superuser, &job).iter().all(|object| object.is_looked_for_later)
            && bucket.s3.uploads().is_empty()
    });
    assert_eq!(bucket.s3.keys(), Vec::<String>::new());
    let again: String =
        client.query_one("SELECT acct_export_retry($1::text::uuid)::text", &[&job]).unwrap().get(0);
    assert_whole(&bucket, &mut client, &again);
}

/// A cancel whose signal is lost is seen all the same: by the mark in the job's record.
#[test]
fn a_cancel_without_a_signal() {
    let bucket = bucket(shared());
    let mut client = bucket.requester();
    let job = held(&bucket, &mut client);
    let mut superuser = bucket.app.superuser();
    let mark =
        "UPDATE acct_export.job SET cancel_requested = true, cancelled_by = '{\"role\":\"postgres\"}' WHERE id = $1::text::uuid";
    superuser.execute(mark, &[&job]).unwrap();
    wait_for_status(&mut superuser, &job, "cancelled");
    assert_ended(&bucket, &job);
}

#[test]
fn the_time_limit_holds() {
    let bucket = bucket(shared());
    let mut superuser = bucket.app.superuser();
    let db = &bucket.app.db;
    superuser.batch_execute(&format!("ALTER DATABASE {db} SET acct_export.job_timeout = '10s'")).unwrap();
    let mut client = bucket.requester();
    let job = held(&bucket, &mut client);
    let row = wait_for_job(&mut client, &job);
    assert_eq!((text(&row, "status"), text(&row, "error_code")), (Some("failed"), Some("57014")));
    assert!(text(&row, "error").unwrap().contains("acct_export.job_timeout"));
    assert_ended(&bucket, &job);
    assert_eq!(events(&mut superuser, &job, "user.bulk_export.failed"), 1);
}

/// The moments at which an upload is interrupted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    OnItsWay,
    /// The object is whole, and the job's end is not committed.
    BeforeTheCommit,
}

/// Keeps the job's end from being committed, beyond any crash.
fn hold_commits(app: &TwoTenants) {
    let name = &app.db;
    let sql = format!("BEGIN; LOCK TABLE acct_export.file IN EXCLUSIVE MODE; PREPARE TRANSACTION '{name}'");
    app.superuser().batch_execute(&sql).unwrap();
}

/// Starts an export and strikes at this moment; its job and the object of the first attempt.
#[track_caller]
fn struck(cluster: &'static Cluster, bucket: &Bucket, blow: Blow, moment: Moment) -> (String, Object) {
    let mut superuser = bucket.app.superuser();
    let mut client = bucket.requester();
    let job = match moment {
        Moment::OnItsWay => held(bucket, &mut client),
        Moment::BeforeTheCommit => {
            hold_commits(&bucket.app);
            let job = send(&mut client, "'noise', 'csv'");
            let waits = "SELECT FROM acct_export.job j JOIN pg_locks l ON l.pid = j.worker_pid
                          WHERE j.id = $1::text::uuid AND l.relation = 'acct_export.file'::regclass AND NOT l.granted";
            wait_until(LIMIT, "the worker wants to record the file", || {
                superuser.query_opt(waits, &[&job]).unwrap().is_some()
            });
            job
        }
    };
    let worker: i32 = record(&mut superuser, &job, "worker_pid").unwrap().parse().unwrap();
    let begun = objects(&mut superuser, &job);
    assert_eq!(begun.len(), 1, "{begun:?}");
    assert_eq!((begun[0].status.as_str(), begun[0].attempt), ("uploading", 1));
    assert_eq!(bucket.s3.head(&begun[0].key).is_some(), moment == Moment::BeforeTheCommit);
    drop((superuser, client));
    blow.strike(cluster, &bucket.app, worker);
    match moment {
        Moment::OnItsWay => bucket.proxy.set(Behaviour::Pass),
        Moment::BeforeTheCommit => jobs::release_through_crashes(&bucket.app),
    }
    (job, begun.into_iter().next().unwrap())
}

/// The second attempt completes, under another key; the first one's object is to go.
fn recovers(blow: Blow, preload: bool) {
    for moment in [Moment::OnItsWay, Moment::BeforeTheCommit] {
        eprintln!("{blow:?} {moment:?}");
        let cluster = crashing(preload);
        let bucket = bucket(*cluster);
        let (job, first) = struck(*cluster, &bucket, blow, moment);
        let (mut client, mut superuser) = (bucket.requester(), bucket.app.superuser());
        status(&mut client, &job);
        wait_for_status(&mut superuser, &job, "completed");
        // A shutdown and an administrator's end of a worker are no attempts.
        let attempts = if matches!(blow, Blow::Kill | Blow::Stop) { "2" } else { "1" };
        assert_eq!(record(&mut superuser, &job, "attempts").as_deref(), Some(attempts));
        assert_whole(&bucket, &mut client, &job);
        let second = assert_stored(&mut superuser, &job);
        assert_eq!(second.attempt, 2);
        let folder = |attempt: &str| format!("{job}{attempt}/");
        assert!(first.key.starts_with(&folder("")) && second.key.starts_with(&folder(".2")), "{second:?}");
        assert_removed(&bucket, &job, &[first]);
        assert_eq!(events(&mut superuser, &job, "user.bulk_export"), 1);
        assert_eq!(events(&mut superuser, &job, "user.bulk_export.failed"), 0);
        wait_until_idle(&mut superuser);
    }
}

#[test]
fn killed_with_a_launcher() {
    recovers(Blow::Kill, true);
}

#[test]
fn killed_without_a_launcher() {
    recovers(Blow::Kill, false);
}

#[test]
fn server_stopped() {
    recovers(Blow::Stop, true);
}

#[test]
fn server_restarted() {
    recovers(Blow::Restart, false);
}

#[test]
fn terminated() {
    recovers(Blow::Terminate, false);
}

/// After the last attempt the job fails, and all that it has begun is to go.
#[test]
fn gives_up() {
    let cluster = crashing(false);
    let bucket = bucket(*cluster);
    let mut client = bucket.requester();
    let job = held(&bucket, &mut client);
    for attempt in 1..=2 {
        let mut superuser = bucket.app.superuser();
        let folder = if attempt == 1 { format!("{job}/") } else { format!("{job}.{attempt}/") };
        wait_until(LIMIT, "the attempt is on its way", || {
            bucket.s3.uploads().iter().any(|(key, _)| key.contains(&folder))
        });
        let worker: i32 = record(&mut superuser, &job, "worker_pid").unwrap().parse().unwrap();
        drop(superuser);
        Blow::Kill.strike(*cluster, &bucket.app, worker);
        client = bucket.requester();
        status(&mut client, &job);
    }
    let mut superuser = bucket.app.superuser();
    wait_for_status(&mut superuser, &job, "failed");
    assert_ended(&bucket, &job);
    wait_until(LIMIT, "nothing is left of both", || {
        objects(&mut superuser, &job).iter().all(|object| object.is_looked_for_later)
            && bucket.s3.uploads().is_empty()
            && bucket.s3.keys().is_empty()
    });
}

/// The store ends what it was sent after nobody wants it any more: it is found by the look that comes later.
#[test]
fn what_comes_late_is_removed_too() {
    let bucket = bucket(shared());
    let mut client = bucket.requester();
    let job = held(&bucket, &mut client);
    client.batch_execute(&format!("SELECT acct_export_cancel('{job}')")).unwrap();
    wait_for_job(&mut client, &job);
    let mut superuser = bucket.app.superuser();
    wait_until(LIMIT, "the upload is given up", || {
        objects(&mut superuser, &job).iter().all(|object| object.is_looked_for_later)
    });
    let late = objects(&mut superuser, &job).remove(0);
    let (name, key) = (&bucket.s3.bucket, &late.key);
    let put = json!({ "Bucket": name, "Key": key, "Body": "late", "Metadata": { "acctexport": format!("{job}/1/1") } });
    bucket.s3.call("put_object", put).unwrap();
    let hurry = "UPDATE acct_export.object SET doomed_at = doomed_at - interval '15 minutes', next_try_at = clock_timestamp()";
    superuser.batch_execute(hurry).unwrap();
    status(&mut client, &job);
    wait_until(LIMIT, "it is removed and forgotten", || objects(&mut superuser, &job).is_empty());
    assert_eq!(bucket.s3.head(key), None);
}

/// A store that is busy when an upload is to be given up is asked again.
#[test]
fn an_upload_is_given_up_when_the_store_is_back() {
    let bucket = bucket(shared());
    let (mut client, mut superuser) = (bucket.requester(), bucket.app.superuser());
    bucket.s3.begin_upload("left/behind.csv", b"half");
    bucket.proxy.set_for("GET", "uploads", Behaviour::s3_error(503, "SlowDown", u32::MAX));
    superuser
        .batch_execute(&format!(
            "INSERT INTO acct_export.object (job, file, attempt, server, server_name, requested_by, mapping, bucket, key, uri, status,
                                             doomed_at, next_try_at, made_in)
             SELECT gen_random_uuid(), 1, 1, s.oid, s.srvname, 10, m.oid, '{name}', 'left/behind.csv', 's3://', 'doomed', now(), now(),
                    acct_export.here()
               FROM pg_foreign_server s JOIN pg_user_mapping m ON m.umserver = s.oid WHERE s.srvname = 'exports'",
            name = bucket.s3.bucket
        ))
        .unwrap();
    let look = "SELECT count(*) FROM acct_export_jobs";
    client.query_one(look, &[]).unwrap();
    wait_until(LIMIT, "it could not be removed", || {
        let failed = "SELECT error_code FROM acct_export.object";
        superuser.query_one(failed, &[]).unwrap().get::<_, Option<String>>(0).as_deref() == Some("HV000")
    });
    assert_eq!(bucket.s3.uploads().len(), 1);
    bucket.proxy.set(Behaviour::Pass);
    wait_until(LIMIT, "the upload is given up", || {
        // A try that had begun before puts the next one off again; a sender that waits for it is woken by a reload.
        superuser.batch_execute("UPDATE acct_export.object SET next_try_at = clock_timestamp()").unwrap();
        superuser.batch_execute("SELECT pg_reload_conf()").unwrap();
        // A worker that is about to end does not look again.
        client.query_one(look, &[]).unwrap();
        bucket.s3.uploads().is_empty()
    });
}
