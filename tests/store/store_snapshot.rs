//! Resources that an upload does not hold: no transaction, no snapshot, hardly any WAL.

use support::jobs;

use postgres::Client;
use support::asking::{column, text};
use support::bucket::{assert_whole, files, noise, send, sent, Bucket, MIB};
use support::common::{wait_until, Cluster, ClusterOptions};
use support::jobs::{start, wait_until_held, wait_until_idle, Hold, Phase};
use support::remote::{Behaviour, LIMIT};

/// A server of the test's own, on which nothing else happens.
fn quiet() -> &'static Cluster {
    let options = ClusterOptions::preloaded().set("autovacuum", "off").set("wal_level", "replica");
    Box::leak(Box::new(Cluster::start(options)))
}

/// Dead rows of table `scratch` that VACUUM cannot remove yet, after all of it was updated.
fn unremovable(cluster: &Cluster, bucket: &Bucket) -> u64 {
    bucket.app.superuser().batch_execute("UPDATE scratch SET n = n + 1").unwrap();
    let output = cluster.psql(&["-d", &bucket.app.db, "-c", "VACUUM (VERBOSE) scratch"], "");
    let told = String::from_utf8(output.stderr).unwrap();
    let (before, _) = told.split_once(" are dead but not yet removable").unwrap_or_else(|| panic!("{told}"));
    before.rsplit(' ').next().unwrap().parse().unwrap()
}

/// Processes with a snapshot or a transaction, but for the one that asks.
fn holders(superuser: &mut Client) -> Vec<String> {
    column(
        superuser,
        "SELECT concat_ws(' ', backend_type, backend_xmin, backend_xid, query) FROM pg_stat_activity
          WHERE pid <> pg_backend_pid() AND (backend_xmin IS NOT NULL OR backend_xid IS NOT NULL)",
    )
}

#[test]
fn the_oldest_snapshot_moves_on_while_an_upload_is_held() {
    let cluster = quiet();
    let bucket = Bucket::new(cluster, 50);
    noise(&bucket.app, 9);
    jobs::gate(&bucket.app, 46);
    let mut superuser = bucket.app.superuser();
    superuser.batch_execute("CREATE TABLE scratch AS SELECT generate_series(1, 100) AS n").unwrap();
    let mut client = bucket.requester();
    assert_eq!(unremovable(cluster, &bucket), 0);

    // While rows are read, what they were is kept.
    let hold = Hold::at(Phase::Reading, &bucket.app);
    let job = start(&mut client, "csv", ", destination => 'exports'");
    wait_until_held(&mut superuser, &job, Phase::Reading);
    assert!(
        unremovable(cluster, &bucket) >= 100,
        "the read holds no snapshot: there is nothing to compare with"
    );
    bucket.proxy.set_for("PUT", "/exports/", Behaviour::Hold);
    hold.release();

    // While the file is on its way, in one piece or in parts, nothing is.
    let large = send(&mut client, "'noise', 'csv'");
    for (job, part) in [(&job, "users-"), (&large, "partNumber=2")] {
        if part.starts_with("part") {
            bucket.proxy.set_for("PUT", part, Behaviour::Hold);
        }
        wait_until(LIMIT, "the upload is held", || bucket.proxy.count("PUT", part) > 0);
        for _ in 0..3 {
            // Once a second a transaction asks whether the job is still wanted, for a moment.
            wait_until(LIMIT, "no process has a transaction or a snapshot", || {
                let row = superuser
                    .query_one(
                        "SELECT a.backend_xmin IS NULL AND a.backend_xid IS NULL AND a.xact_start IS NULL
                           FROM pg_stat_activity a JOIN acct_export.job j ON j.worker_pid = a.pid WHERE j.id = $1::text::uuid",
                        &[job],
                    )
                    .unwrap();
                row.get(0)
            });
            wait_until(LIMIT, "the oldest snapshot moves on", || unremovable(cluster, &bucket) == 0);
        }
        wait_until(LIMIT, "nobody holds a snapshot", || holders(&mut superuser).is_empty());
        assert!(!bucket.proxy.is_over());
        let row = jobs::status(&mut client, job);
        assert_eq!(
            (jobs::text(&row, "status"), jobs::text(&row, "stage")),
            (Some("running"), Some("storing"))
        );
    }
    bucket.proxy.set(Behaviour::Pass);
    assert_whole(&bucket, &mut client, &job);
    assert_whole(&bucket, &mut client, &large);
}

#[test]
fn a_hundred_megabytes_write_hardly_any_wal() {
    let bucket = Bucket::new(quiet(), 5);
    noise(&bucket.app, 96);
    let (mut client, mut superuser) = (bucket.requester(), bucket.app.superuser());
    // The worst case: each page that is changed goes to the WAL as a whole.
    superuser.batch_execute("CHECKPOINT").unwrap();
    wait_until_idle(&mut superuser);
    let before = text(&mut superuser, "SELECT pg_current_wal_lsn()::text").unwrap();
    let job = sent(&mut client, "'noise', 'csv'");
    wait_until_idle(&mut superuser);
    let sql = format!("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '{before}')::bigint::text");
    let written: u64 = text(&mut superuser, &sql).unwrap().parse().unwrap();
    let bytes = files(&mut client, &job)[0]["bytes"].as_u64().unwrap();
    assert!(bytes > 96 * MIB, "{bytes}");
    assert!(written < MIB, "{written} bytes of WAL");
    eprintln!("{bytes} bytes of CSV, {written} bytes of WAL");
}
