//! The ends of exports to a bucket.

use postgres::Client;

use super::{assert_stored, files, objects, sha256, Bucket};
use crate::common::wait_for_job;

#[track_caller]
pub fn assert_completed(client: &mut Client, job: &str) {
    let row = wait_for_job(client, job);
    let (status, error): (String, Option<String>) = (row.get("status"), row.get("error"));
    assert_eq!(
        (status.as_str(), error),
        ("completed", None),
        "{:?}",
        row.get::<_, Option<String>>("error_code")
    );
}

/// Waits until the job has failed; its error and SQLSTATE.
#[track_caller]
pub fn failed(client: &mut Client, job: &str) -> (String, String) {
    let row = wait_for_job(client, job);
    let text = |column: &str| row.get::<_, Option<String>>(column).unwrap_or_default();
    assert_eq!(text("status"), "failed", "{}", text("error"));
    (text("error"), text("error_code"))
}

/// The job completes, its object is what was made, and is read back as such.
#[track_caller]
pub fn assert_whole(bucket: &Bucket, client: &mut Client, job: &str) {
    assert_completed(client, job);
    let object = assert_stored(&mut bucket.app.superuser(), job);
    let file = &files(client, job)[0];
    assert_eq!(sha256(&bucket.s3.get(&object.key)), file["sha256"].as_str().unwrap());
    let read: Vec<u8> = client.query_one("SELECT acct_export_file($1::text::uuid)", &[&job]).unwrap().get(0);
    assert_eq!(sha256(&read), file["sha256"].as_str().unwrap());
    assert!(bucket.s3.uploads().iter().all(|(key, _)| *key != object.key));
}

/// The job fails with this, tells no secret, and leaves nothing but what is to be removed.
#[track_caller]
pub fn assert_fails(bucket: &Bucket, client: &mut Client, job: &str, sqlstate: &str, named: &str) {
    let (error, code) = failed(client, job);
    assert!(code == sqlstate && error.contains(named), "{code}: {error}");
    assert_ended(bucket, job);
    for (what, text) in [("error", error), ("log", bucket.cluster.log())] {
        let secrets = [&bucket.s3.access_key, &bucket.s3.secret_key];
        assert!(secrets.iter().all(|secret| !text.contains(secret.as_str())), "{what} of {job}");
    }
}

/// The objects that an uncompleted job has begun are marked for deletion, and there is no file of it.
#[track_caller]
pub fn assert_ended(bucket: &Bucket, job: &str) {
    let mut superuser = bucket.app.superuser();
    let begun = objects(&mut superuser, job);
    assert!(begun.iter().all(|object| object.status == "doomed"), "{begun:?}");
    crate::jobs::assert_nothing(&mut superuser, job);
}
