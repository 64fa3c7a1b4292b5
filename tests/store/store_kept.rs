//! A file in a bucket after its job: who reads it, what ends it, and what others do to its object.

use postgres::Client;
use serde_json::{json, Value};
use support::asking::{refusal, refused, text};
use support::bucket::{
    assert_completed, assert_removed, assert_stored, destination, failed, files, key_of, mapping, noise,
    objects, send, sent, sha256, Bucket, Keys, FAST,
};
use support::common::{shared, wait_for_job, wait_until, Cluster, ClusterOptions, TwoTenants};
use support::remote::{Behaviour, LIMIT, S3};
use support::told::{detail, told};

/// Statements that read a file. `JOB` stands for it.
const WAYS: [&str; 4] = [
    "SELECT acct_export_file('JOB')",
    "SELECT count(*) FROM acct_export_chunks('JOB')",
    "SELECT acct_export_large_object('JOB')",
    "SELECT acct_export_url('JOB')",
];

/// Each way is refused alike.
#[track_caller]
fn unreadable(client: &mut Client, job: &str, sqlstate: &str, named: &str) {
    for way in WAYS {
        let error = refusal(client, &way.replace("JOB", job));
        assert_eq!(error.sqlstate, sqlstate, "{way}: {error:?}");
        assert!(error.message.contains(named), "{way}: {error:?}");
    }
}

#[track_caller]
fn readable(client: &mut Client, job: &str) {
    for way in WAYS {
        client.query(&way.replace("JOB", job), &[]).unwrap_or_else(|e| panic!("{way}: {e:?}"));
    }
}

#[test]
fn rights_are_those_of_the_moment() {
    let bucket = Bucket::new(shared(), 5);
    let app = &bucket.app;
    let (mut client, mut superuser) = (bucket.requester(), app.superuser());
    let job = sent(&mut client, "'users', 'csv'");
    readable(&mut client, &job);
    unreadable(&mut app.session(&app.login, 1), &job, "P0002", &job);
    unreadable(&mut app.session(&app.nologin, 0), &job, "P0002", &job);
    let before = told(&mut superuser, "denied").len();
    for (right, named) in
        [("SELECT ON app.users", "users"), ("USAGE ON FOREIGN SERVER exports", "foreign server exports")]
    {
        superuser.batch_execute(&format!("REVOKE {right} FROM {}", app.login)).unwrap();
        let requests = bucket.proxy.requests().len();
        unreadable(&mut client, &job, "42501", named);
        assert_eq!(bucket.proxy.requests().len(), requests, "nothing was asked of the store");
        superuser.batch_execute(&format!("GRANT {right} TO {}", app.login)).unwrap();
        readable(&mut client, &job);
    }
    let denied = told(&mut superuser, "denied");
    assert_eq!(denied.len(), before + 2 * WAYS.len());
    for (row, way) in denied[before..].iter().zip(["bytea", "chunks", "large object", "url"].iter().cycle()) {
        let detail = detail(row);
        assert_eq!((&detail["action"], &detail["way"]), (&json!("download"), &json!(way)), "{detail}");
    }
}

#[test]
fn deleted_it_is_gone_for_readers_at_once() {
    let bucket = Bucket::new(shared(), 5);
    let mut client = bucket.requester();
    let job = sent(&mut client, "'users', 'csv'");
    let mut superuser = bucket.app.superuser();
    let object = assert_stored(&mut superuser, &job);
    client.batch_execute(&format!("BEGIN; SELECT acct_export_delete('{job}'); ROLLBACK")).unwrap();
    readable(&mut client, &job);
    let delete = format!("SELECT acct_export_delete('{job}')::text");
    assert_eq!(text(&mut client, &delete).as_deref(), Some("true"));
    unreadable(&mut client, &job, "55000", &job);
    let file = &files(&mut client, &job)[0];
    assert_eq!((&file["status"], &file["object"]), (&json!("deleted"), &Value::Null), "{file}");
    assert_removed(&bucket, &job, &[object]);
    assert_eq!(text(&mut client, &delete).as_deref(), Some("false"));
}

/// On a server without the launcher: this test purges, or the worker that has written the file.
#[test]
fn expired_it_is_gone_for_readers_and_purged() {
    let cluster: &'static Cluster = Box::leak(Box::new(Cluster::start(ClusterOptions::default())));
    let bucket = Bucket::new(cluster, 5);
    let mut superuser = bucket.app.superuser();
    superuser
        .batch_execute(&format!("ALTER DATABASE {} SET acct_export.retention = '0'", bucket.app.db))
        .unwrap();
    let mut client = bucket.requester();
    let job = send(&mut client, "'users', 'csv'");
    assert_eq!(wait_for_job(&mut client, &job).get::<_, String>("status"), "expired");
    unreadable(&mut client, &job, "55000", "expired");
    let begun = objects(&mut superuser, &job);
    superuser.batch_execute("SELECT acct_export_purge()").unwrap();
    wait_until(LIMIT, "it is purged, by whoever came first", || !told(&mut superuser, "purged").is_empty());
    let purged = told(&mut superuser, "purged");
    assert_eq!(purged.len(), 1);
    assert_eq!(detail(&purged[0])["files"], json!(1));
    assert_removed(&bucket, &job, &begun);
    assert_eq!(files(&mut client, &job)[0]["status"], "expired");
}

/// Somebody has put an object where the job's is to be, just before.
#[test]
fn nobodys_object_is_overwritten() {
    for dataset in ["users", "noise"] {
        let bucket = Bucket::new(shared(), 5);
        noise(&bucket.app, 9);
        let (mut client, mut superuser) = (bucket.requester(), bucket.app.superuser());
        bucket.proxy.set_for("PUT", "/exports/", Behaviour::Hold);
        let job = send(&mut client, &format!("'{dataset}', 'csv'"));
        let key = key_of(&mut superuser, &job);
        wait_until(LIMIT, "it is on its way", || bucket.proxy.count("PUT", &job) > 0);
        bucket.s3.put(&key, b"somebody's");
        bucket.proxy.set(Behaviour::Pass);
        let (error, code) = failed(&mut client, &job);
        assert!(code == "58P02" && error.contains("another object"), "{code}: {error}");
        assert_eq!(bucket.s3.get(&key), b"somebody's");
        let begun = objects(&mut superuser, &job);
        assert!(begun.iter().all(|object| object.status != "stored"), "{begun:?}");
        // Asked again it goes elsewhere.
        let again = text(&mut client, &format!("SELECT acct_export_retry('{job}')::text")).unwrap();
        assert_completed(&mut client, &again);
        readable(&mut client, &again);
        assert_eq!(bucket.s3.get(&key), b"somebody's");
    }
}

/// Through the database only what was stored is read, or nothing.
#[test]
fn an_object_that_was_changed_or_removed() {
    let bucket = Bucket::new(shared(), 5);
    let (mut client, mut superuser) = (bucket.requester(), bucket.app.superuser());
    let job = sent(&mut client, "'users', 'csv'");
    let key = assert_stored(&mut superuser, &job).key;
    let content = bucket.s3.get(&key);
    let mut forged = content.clone();
    forged[0] ^= 1;
    let [file, chunks, large, _] = WAYS.map(|way| way.replace("JOB", &job));
    for other in [forged, b"short".to_vec(), [content.as_slice(), b"more"].concat(), Vec::new()] {
        bucket.s3.put(&key, &other);
        for way in [&file, &chunks, &large] {
            let error = refusal(&mut client, way);
            assert!(["58P02", "XX001"].contains(&error.sqlstate.as_str()), "{way}: {error:?}");
            assert!(error.hint.is_some(), "{error:?}");
        }
    }
    let diff = format!("SELECT count(*) FROM acct_export_diff('{job}', '{job}')");
    bucket.s3.put(&key, b"short");
    assert_eq!(refusal(&mut client, &diff).sqlstate, "58P02");
    bucket.s3.delete(&key);
    for way in [&file, &chunks, &large] {
        refused(&mut client, way, "58P01", "object does not exist", "removed");
    }
    // Back again as it was, it is read.
    bucket.s3.put(&key, &content);
    let file: Vec<u8> = client.query_one(&file, &[]).unwrap().get(0);
    assert_eq!(sha256(&file), files(&mut client, &job)[0]["sha256"].as_str().unwrap());
    bucket.s3.drop_bucket("exports");
    refused(&mut client, &chunks, "58P01", "bucket", "");
}

/// The state of files after the foreign server is changed.
#[test]
fn a_server_that_was_changed_or_dropped() {
    let bucket = Bucket::with(shared(), 5, FAST);
    let (mut client, mut superuser) = (bucket.requester(), bucket.app.superuser());
    let job = sent(&mut client, "'users', 'csv'");
    bucket.s3.make_bucket("others");
    superuser.batch_execute("ALTER SERVER exports OPTIONS (SET bucket 'others')").unwrap();
    readable(&mut client, &job);
    let other = sent(&mut client, "'users', 'csv'");
    assert!(files(&mut client, &other)[0]["object"].as_str().unwrap().starts_with("s3://others/"));
    readable(&mut client, &other);
    superuser.batch_execute("ALTER SERVER exports RENAME TO archive").unwrap();
    readable(&mut client, &job);
    superuser.batch_execute("DROP SERVER archive CASCADE").unwrap();
    unreadable(&mut client, &job, "55000", "foreign server \"exports\"");
    // One of the same name is another one.
    destination(&bucket.app, "exports", &bucket.proxy.endpoint(), "");
    unreadable(&mut client, &job, "55000", "foreign server \"exports\"");
    assert_eq!(
        text(&mut client, &format!("SELECT acct_export_delete('{job}')::text")).as_deref(),
        Some("true")
    );
}

#[test]
fn tls_is_checked() {
    let app = TwoTenants::with_users(shared(), 5);
    let s3 = S3::start_tls();
    destination(&app, &s3.bucket, s3.endpoint(), FAST);
    mapping(&app, &Keys { id: &s3.access_key, secret: &s3.secret_key });
    let (mut client, mut superuser) = (app.session(&app.login, 0), app.superuser());
    let job = send(&mut client, "'users', 'csv'");
    let (error, code) = failed(&mut client, &job);
    assert!(
        code == "HV00N" && error.contains("certificate") && error.contains("sslrootcert"),
        "{code}: {error}"
    );
    assert_eq!(s3.keys(), Vec::<String>::new());
    let ca = s3.ca_file().display();
    superuser.batch_execute(&format!("ALTER SERVER exports OPTIONS (ADD sslrootcert '{ca}')")).unwrap();
    let again = text(&mut client, &format!("SELECT acct_export_retry('{job}')::text")).unwrap();
    assert_completed(&mut client, &again);
    readable(&mut client, &again);
    // A file that has no certificate in it.
    superuser.batch_execute("ALTER SERVER exports OPTIONS (SET sslrootcert '/etc/hostname')").unwrap();
    let job = send(&mut client, "'users', 'ndjson'");
    let (error, code) = failed(&mut client, &job);
    assert!(code == "22023" && error.contains("sslrootcert"), "{code}: {error}");
}

/// Whoever may use a server may make a mapping of their own: what lies there already is read and removed with the credentials that it
/// was stored with.
#[test]
fn a_mapping_of_ones_own_keeps_no_file_alive() {
    let bucket = Bucket::new(shared(), 5);
    let (mut client, mut superuser) = (bucket.requester(), bucket.app.superuser());
    let job = sent(&mut client, "'users', 'csv'");
    let object = assert_stored(&mut superuser, &job);
    client
        .batch_execute(
            "CREATE USER MAPPING FOR CURRENT_USER SERVER exports OPTIONS (access_key_id 'x', secret_access_key 'y')",
        )
        .unwrap();
    readable(&mut client, &job);
    assert_eq!(
        text(&mut client, &format!("SELECT acct_export_delete('{job}')::text")).as_deref(),
        Some("true")
    );
    assert_removed(&bucket, &job, &[object]);
    // New ones go by their own.
    let again = send(&mut client, "'users', 'csv'");
    assert_eq!(failed(&mut client, &again).1, "28000");
}
