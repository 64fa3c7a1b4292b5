//! A copy of a database: the objects and messages of its original are not its own.
#![cfg(feature = "webhook")]

use support::asking::text;
use support::bucket::{assert_stored, is_gone, key_of, sent, Bucket};
use support::common::{shared, wait_until};
use support::office::webhook;
use support::remote::LIMIT;

#[test]
fn a_copy_removes_and_sends_nothing_of_its_original() {
    let bucket = Bucket::new(shared(), 5);
    // Nobody listens at port 1.
    webhook(&bucket.app, "hook", "http://127.0.0.1:1/", "");
    let job = sent(&mut bucket.requester(), "'users', 'csv'");
    let key = assert_stored(&mut bucket.app.superuser(), &job).key;
    let tries =
        |job: &str| format!("SELECT max(tries)::text FROM acct_export_messages WHERE job_id = '{job}'");
    let copy = bucket.app.copy();
    let mut superuser = copy.superuser();
    let before = text(&mut superuser, &tries(&job));
    let mut client = copy.session(&copy.login, 0);
    client.execute("SELECT acct_export_delete($1::text::uuid)", &[&job]).unwrap();

    // The sender of the copy is about its own.
    let own = sent(&mut client, "'users', 'ndjson'");
    let own_key = key_of(&mut superuser, &own);
    client.execute("SELECT acct_export_delete($1::text::uuid)", &[&own]).unwrap();
    wait_until(LIMIT, "the copy's own object is removed", || is_gone(&bucket, &own_key));
    wait_until(LIMIT, "the copy's own message is tried again", || {
        text(&mut superuser, &tries(&own)).is_some_and(|tries| tries.parse::<i32>().unwrap() >= 2)
    });
    assert!(!is_gone(&bucket, &key));
    assert_eq!(text(&mut superuser, &tries(&job)), before);

    superuser.batch_execute("SELECT acct_export_adopt()").unwrap();
    wait_until(LIMIT, "the adopted object is removed", || is_gone(&bucket, &key));
    wait_until(LIMIT, "the adopted message is tried", || text(&mut superuser, &tries(&job)) != before);
}
