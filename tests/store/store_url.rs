//! Presigned URLs: who has one downloads the file without the database, for some time.

use support::told;

use std::process::Command;

use support::asking::{refused, text};
use support::bucket::{assert_stored, destination, files, mapping, noise, sent, sha256, url, Bucket, Keys};
use support::common::{done, shared, wait_until, TwoTenants};
use support::remote::{curl, Proxy, LIMIT, S3};
use support::told::{detail, told};

/// Parameters of a URL, by name.
fn parameter(url: &str, name: &str) -> String {
    let (_, query) = url.split_once('?').unwrap();
    let found = query.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}=")));
    found.unwrap_or_else(|| panic!("{name} is not in {url}")).to_owned()
}

#[test]
fn whoever_has_the_url_gets_the_file() {
    let bucket = Bucket::new(shared(), 20);
    noise(&bucket.app, 9);
    let mut client = bucket.requester();
    for dataset in ["users", "noise"] {
        let job = sent(&mut client, &format!("'{dataset}', 'csv'"));
        let file = &files(&mut client, &job)[0];
        let url = url(&mut client, &job, "");
        let dir = tempfile::tempdir().unwrap();
        let mut download = Command::new("curl");
        download.args(["--silent", "--fail", "--noproxy", "*", "--max-time", "60", "-OJ"]).arg(&url);
        done(download.current_dir(dir.path()));
        // Under the name that the file has.
        let saved: Vec<_> =
            std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert_eq!(saved, [dir.path().join(file["name"].as_str().unwrap())]);
        assert_eq!(sha256(&std::fs::read(&saved[0]).unwrap()), file["sha256"].as_str().unwrap());
        // It is for reading this one object.
        assert_eq!(curl(&url, &["--request", "DELETE"]).0, 403);
        let other = url.replace(&job, "c0000000-0000-4000-8000-000000000003");
        assert_eq!(curl(&other, &[]).0, 403);
        assert!(!url.contains(&bucket.s3.secret_key));
    }
}

#[test]
fn it_ends_with_its_time() {
    let bucket = Bucket::new(shared(), 5);
    let mut client = bucket.requester();
    let job = sent(&mut client, "'users', 'csv'");
    let short = url(&mut client, &job, ", valid_for => '1 second'");
    assert_eq!(parameter(&short, "X-Amz-Expires"), "1");
    wait_until(LIMIT, "the URL is over", || curl(&short, &[]).0 == 403);
    let (_, said) = curl(&short, &[]);
    assert!(said.contains("xpired"), "{said}");
    // Ten minutes, if nothing is said; then the store refuses it as well, by its own clock.
    let long = url(&mut client, &job, "");
    assert_eq!(parameter(&long, "X-Amz-Expires"), "600");
    assert_eq!(curl(&long, &[]).0, 200);
    bucket.s3.shift_clock(599 + 60);
    assert_eq!(curl(&long, &[]).0, 403);
    bucket.s3.shift_clock(0);
    let longest = url(&mut client, &job, ", valid_for => '6 days 23:59:59.9'");
    assert_eq!(parameter(&longest, "X-Amz-Expires"), (7 * 86_400 - 1).to_string());
    assert_eq!(curl(&longest, &[]).0, 200);
}

#[test]
fn each_url_is_in_the_audit_trail() {
    let bucket = Bucket::new(shared(), 5);
    let mut client = bucket.requester();
    let mut superuser = bucket.app.superuser();
    superuser
        .batch_execute(&format!("ALTER DATABASE {} SET acct_export.retention = '1 hour'", bucket.app.db))
        .unwrap();
    let job = sent(&mut bucket.requester(), "'users', 'csv'");
    let minute = url(&mut client, &job, ", valid_for => '1 minute'");
    // No longer than the file is kept.
    let day = url(&mut client, &job, ", valid_for => '1 day'");
    let kept: u64 = parameter(&day, "X-Amz-Expires").parse().unwrap();
    assert!((1..=3600).contains(&kept), "{day}");
    assert_eq!(parameter(&minute, "X-Amz-Expires"), "60");
    let rows = told(&mut superuser, "downloaded");
    let valid: Vec<u64> = rows.iter().map(|row| detail(row)["valid_for"].as_u64().unwrap()).collect();
    assert_eq!(valid, [60, kept]);
    for row in &rows {
        assert_eq!(
            (told::text(row, "job"), told::text(row, "role")),
            (Some(job.as_str()), Some(bucket.app.login.as_str()))
        );
        let detail = detail(row);
        assert_eq!((&detail["way"], &detail["file"]), (&"url".into(), &1.into()));
        // The trail says that there was one, and is none itself.
        assert!(!detail.to_string().contains("X-Amz"), "{detail}");
    }
    told::assert_whole(&mut superuser);
    // No URL is given where its audit event cannot be written.
    client.batch_execute("BEGIN READ ONLY").unwrap();
    refused(&mut client, &format!("SELECT acct_export_url('{job}')"), "25006", "audited", "");
}

/// Those outside reach the store by another address than the database server does.
#[test]
fn the_public_address_is_in_it() {
    let app = TwoTenants::with_users(shared(), 5);
    let s3 = S3::start();
    let proxy = Proxy::http(&s3.address());
    destination(&app, &s3.bucket, s3.endpoint(), &format!(", public_endpoint '{}/'", proxy.endpoint()));
    mapping(&app, &Keys { id: &s3.access_key, secret: &s3.secret_key });
    let mut client = app.session(&app.login, 0);
    let job = sent(&mut client, "'users', 'csv'");
    assert_eq!(proxy.requests(), [], "the upload goes by the other");
    let url = url(&mut client, &job, "");
    let key = assert_stored(&mut app.superuser(), &job).key;
    assert!(url.starts_with(&format!("{}/exports/{key}?", proxy.endpoint())), "{url}");
    let (status, body) = curl(&url, &[]);
    assert_eq!(
        (status, sha256(body.as_bytes()).as_str()),
        (200, files(&mut client, &job)[0]["sha256"].as_str().unwrap())
    );
    assert_eq!(proxy.count("GET", &key), 1);
    // Read back through the database it comes by the first one again.
    text(&mut client, &format!("SELECT length(acct_export_file('{job}'))::text")).unwrap();
    assert_eq!(proxy.count("GET", &key), 1);
}

/// Signing needs nobody else: not even a store that answers.
#[test]
fn a_store_that_is_away_is_no_hindrance() {
    let bucket = Bucket::new(shared(), 5);
    let mut client = bucket.requester();
    let job = sent(&mut client, "'users', 'csv'");
    bucket.s3.stop();
    let url = url(&mut client, &job, "");
    bucket.s3.start_again();
    assert_eq!(curl(&url, &[]).0, 200);
}
