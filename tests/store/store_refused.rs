//! A store that does not want the file: other credentials, another clock, no bucket; a spool without room. Each is told by what mends it.

use support::asking;

use support::asking::{completed, text};
use support::bucket::{
    assert_completed, assert_ended, assert_fails, assert_whole, failed, key_of, noise, objects, send, sent,
    Bucket, FAST,
};
use support::common::{shared, wait_until};
use support::companion::Companions;
use support::jobs::disk::Disk;
use support::jobs::{assert_tidy, record, wait_until_idle};
use support::remote::{Behaviour, LIMIT};

#[test]
fn other_credentials() {
    let bucket = Bucket::with(shared(), 5, FAST);
    noise(&bucket.app, 9);
    let (mut client, mut superuser) = (bucket.requester(), bucket.app.superuser());
    let other = "AKIAOTHERS3CR3T00000";
    for (set, named) in [
        ("SET secret_access_key 'OTHERS3CR3T'".to_owned(), "SignatureDoesNotMatch"),
        (format!("SET access_key_id '{other}'"), "InvalidAccessKeyId"),
    ] {
        superuser
            .batch_execute(&format!("ALTER USER MAPPING FOR PUBLIC SERVER exports OPTIONS ({set})"))
            .unwrap();
        for dataset in ["users", "noise"] {
            let job = send(&mut client, &format!("'{dataset}', 'csv'"));
            assert_fails(&bucket, &mut client, &job, "28000", named);
            let error = record(&mut superuser, &job, "error").unwrap();
            assert!(error.contains("user mapping") && !error.contains("S3CR3T"), "{error}");
        }
    }
    let log = shared().log();
    assert!(
        log.lines().all(|line| !line.contains("S3CR3T") || line.contains("app.")),
        "a secret is in the log"
    );
    // A role's own mapping goes before that of PUBLIC.
    let (id, secret) = (&bucket.s3.access_key, &bucket.s3.secret_key);
    let login = &bucket.app.login;
    let own = format!("CREATE USER MAPPING FOR {login} SERVER exports OPTIONS (access_key_id '{id}', secret_access_key '{secret}')");
    superuser.batch_execute(&own).unwrap();
    let job = sent(&mut client, "'users', 'csv'");
    assert_whole(&bucket, &mut client, &job);
    // Taken away, the file cannot be read, and the store says why.
    superuser.batch_execute(&format!("DROP USER MAPPING FOR {login} SERVER exports")).unwrap();
    let error = asking::refusal(&mut client, &format!("SELECT acct_export_file('{job}')"));
    assert_eq!(error.sqlstate, "28000", "{error:?}");
}

#[test]
fn clocks_that_differ() {
    let bucket = Bucket::with(shared(), 5, FAST);
    noise(&bucket.app, 9);
    let mut client = bucket.requester();
    for shift in [3600, -3600] {
        bucket.s3.shift_clock(shift);
        for dataset in ["users", "noise"] {
            let job = send(&mut client, &format!("'{dataset}', 'csv'"));
            assert_fails(&bucket, &mut client, &job, "28000", "clock");
        }
    }
    bucket.s3.shift_clock(0);
    let job = sent(&mut client, "'users', 'csv'");
    assert_whole(&bucket, &mut client, &job);
}

#[test]
fn no_bucket() {
    let bucket = Bucket::with(shared(), 5, FAST);
    noise(&bucket.app, 9);
    let mut client = bucket.requester();
    // It goes while the file is on its way.
    for part in ["partNumber=2", "uploadId="] {
        let method = if part == "uploadId=" { "POST" } else { "PUT" };
        bucket.proxy.set_for(method, part, Behaviour::Hold);
        let before = bucket.proxy.count(method, part);
        let job = send(&mut client, "'noise', 'csv'");
        wait_until(LIMIT, "it is on its way", || bucket.proxy.count(method, part) > before);
        bucket.s3.drop_bucket("exports");
        bucket.proxy.set(Behaviour::Pass);
        assert_fails(&bucket, &mut client, &job, "58P01", "bucket");
        bucket.s3.make_bucket("exports");
    }
    bucket.s3.drop_bucket("exports");
    for dataset in ["users", "noise"] {
        let job = send(&mut client, &format!("'{dataset}', 'csv'"));
        assert_fails(&bucket, &mut client, &job, "58P01", "NoSuchBucket");
    }
}

/// It answers, but not within request_timeout.
#[test]
fn a_store_that_never_ends() {
    let bucket = Bucket::with(shared(), 5, ", request_timeout '1', retry_timeout '2'");
    noise(&bucket.app, 9);
    let mut client = bucket.requester();
    bucket.proxy.set_for("PUT", "/exports/", Behaviour::Slow(20));
    for dataset in ["users", "noise"] {
        let job = send(&mut client, &format!("'{dataset}', 'csv'"));
        assert_fails(&bucket, &mut client, &job, "HV00N", "did not answer in time");
    }
    assert_eq!(bucket.s3.keys(), Vec::<String>::new());
}

/// All files or none: what was there before the one that failed goes as well.
#[test]
fn one_file_of_several() {
    let bucket = Bucket::with(shared(), 20, FAST);
    let Companions(app) = Companions::of(bucket.app);
    let bucket = Bucket { app, ..bucket };
    let mut client = bucket.requester();
    bucket.proxy.set_for("PUT", "state-events", Behaviour::s3_error(403, "AccessDenied", u32::MAX));
    let job = send(&mut client, "'users', 'csv', include => '{events}'");
    assert_fails(&bucket, &mut client, &job, "28000", "AccessDenied");
    let begun = objects(&mut bucket.app.superuser(), &job);
    assert_eq!(begun.len(), 2, "{begun:?}");
    bucket.proxy.set(Behaviour::Pass);
    let again = text(&mut client, &format!("SELECT acct_export_retry('{job}')::text")).unwrap();
    assert_completed(&mut client, &again);
    let stored = objects(&mut bucket.app.superuser(), &again);
    assert!(stored.len() == 2 && stored.iter().all(|object| object.status == "stored"), "{stored:?}");
}

#[test]
fn a_spool_without_room() {
    let Some(disk) = Disk::mount(1) else {
        eprintln!("not tested: file systems cannot be mounted here");
        return;
    };
    let bucket = Bucket::new(shared(), 5);
    noise(&bucket.app, 9);
    let (mut client, mut superuser) = (bucket.requester(), bucket.app.superuser());
    let (db, place) = (&bucket.app.db, disk.path().display());
    superuser
        .batch_execute(&format!("ALTER DATABASE {db} SET acct_export.spool_directory = '{place}'"))
        .unwrap();
    let job = send(&mut client, "'noise', 'csv'");
    let (error, code) = failed(&mut client, &job);
    assert!(code == "53100" && error.contains("acct_export.spool_directory"), "{code}: {error}");
    assert_eq!(objects(&mut superuser, &job), [], "nothing was begun");
    assert_ended(&bucket, &job);
    disk.is_empty();
    assert_eq!(bucket.proxy.requests(), []);
    // A file that fits in the job table packed is too large for a bucket, to which it goes as it is.
    completed(&mut client, "'noise', 'csv'");
    disk.grow(32);
    let again = text(&mut client, &format!("SELECT acct_export_retry('{job}')::text")).unwrap();
    assert_whole(&bucket, &mut client, &again);
    disk.is_empty();
    wait_until_idle(&mut superuser);
    assert!(!key_of(&mut superuser, &again).is_empty());
}

#[test]
fn it_is_tidy_afterwards() {
    let bucket = Bucket::with(shared(), 5, FAST);
    let (mut client, mut superuser) = (bucket.requester(), bucket.app.superuser());
    bucket.proxy.set_for("PUT", "/exports/", Behaviour::s3_error(403, "AccessDenied", 1));
    let job = send(&mut client, "'users', 'csv'");
    assert_fails(&bucket, &mut client, &job, "28000", "AccessDenied");
    wait_until_idle(&mut superuser);
    assert_tidy(&mut superuser, shared());
}
