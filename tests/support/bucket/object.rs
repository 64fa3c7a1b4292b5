//! The rows of the extension about objects, beside the objects of the bucket.

use postgres::Client;

use super::Bucket;
use crate::common::wait_until;
use crate::remote::LIMIT;

/// A row of acct_export.object.
#[derive(Debug, Clone, PartialEq)]
pub struct Object {
    pub attempt: i32,
    pub file: i32,
    pub status: String,
    pub bucket: String,
    pub key: String,
    pub e_tag: Option<String>,
    /// Nothing of it was found, and that is not its end.
    pub is_looked_for_later: bool,
}

/// Of all attempts of a job and all files.
#[track_caller]
pub fn objects(superuser: &mut Client, job: &str) -> Vec<Object> {
    let sql = "SELECT attempt, file, status, bucket, key, e_tag,
                    coalesce(tries > 0 AND error IS NULL AND next_try_at > doomed_at + interval '10 minutes', false) FROM acct_export.object
                WHERE job = $1::text::uuid ORDER BY attempt, file";
    superuser
        .query(sql, &[&job])
        .unwrap()
        .iter()
        .map(|row| Object {
            attempt: row.get(0),
            file: row.get(1),
            status: row.get(2),
            bucket: row.get(3),
            key: row.get(4),
            e_tag: row.get(5),
            is_looked_for_later: row.get(6),
        })
        .collect()
}

/// The key of the one object that a job has or is about to have; waits until it is recorded.
#[track_caller]
pub fn key_of(superuser: &mut Client, job: &str) -> String {
    let mut found = Vec::new();
    wait_until(LIMIT, "the object is recorded", || {
        found = objects(superuser, job);
        !found.is_empty()
    });
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0).key
}

/// The one object of a completed job.
#[track_caller]
pub fn assert_stored(superuser: &mut Client, job: &str) -> Object {
    let mut stored: Vec<Object> =
        objects(superuser, job).into_iter().filter(|object| object.status == "stored").collect();
    assert_eq!(stored.len(), 1, "{stored:?}");
    let object = stored.remove(0);
    assert!(object.e_tag.is_some(), "{object:?}");
    object
}

/// Waits until nothing of these objects is left in the bucket. The extension has forgotten them, but for those that were never whole:
/// they are looked for once more, later.
#[track_caller]
pub fn assert_removed(bucket: &Bucket, job: &str, begun: &[Object]) {
    let mut superuser = bucket.app.superuser();
    let place = |object: &Object| (object.attempt, object.file);
    wait_until(LIMIT, "the objects are removed", || {
        let left = objects(&mut superuser, job);
        left.iter()
            .filter(|other| begun.iter().any(|gone| place(gone) == place(other)))
            .all(|other| other.e_tag.is_none() && other.is_looked_for_later)
    });
    assert!(begun.iter().all(|object| is_gone(bucket, &object.key)), "removed and there: {begun:?}");
}

/// True if the bucket has neither an object nor an upload of this key.
pub fn is_gone(bucket: &Bucket, key: &str) -> bool {
    let s3 = &bucket.s3;
    s3.head(key).is_none() && s3.uploads().iter().all(|(other, _)| other != key)
}
