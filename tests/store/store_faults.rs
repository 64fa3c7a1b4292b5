//! A bad way to the bucket: what passes is overcome and what does not is told, without a byte left and without a secret.

use support::jobs;

use postgres::{Client, NoTls};
use support::asking::{refusal, refused, status};
use support::bucket::{assert_fails, assert_whole, failed, key_of, noise, send, sent, Bucket, FAST, MIB};
use support::common::{shared, wait_until};
use support::jobs::assert_tidy;
use support::remote::{Behaviour, LIMIT};

/// Datasets whose CSV goes in one request, and in two parts.
const BOTH: [&str; 2] = ["users", "noise"];

fn bucket(options: &str) -> Bucket {
    let bucket = Bucket::with(shared(), 5, options);
    noise(&bucket.app, 9);
    bucket
}

/// The job completes, although it was put to the test.
#[track_caller]
fn assert_overcome(bucket: &Bucket, client: &mut Client, job: &str) {
    assert_whole(bucket, client, job);
    assert!(bucket.proxy.is_over(), "it was not put to the test");
}

#[test]
fn nobody_listens() {
    let bucket = bucket(FAST);
    let mut client = bucket.requester();
    bucket.proxy.set(Behaviour::Refuse);
    for dataset in BOTH {
        let job = send(&mut client, &format!("'{dataset}', 'csv'"));
        assert_fails(&bucket, &mut client, &job, "HV00N", "could not connect");
    }
    assert_eq!(bucket.s3.keys(), Vec::<String>::new());
}

/// The first connection is tried as soon as the object is recorded.
#[test]
fn nobody_listens_for_a_while() {
    let bucket = bucket("");
    let (mut client, mut superuser) = (bucket.requester(), bucket.app.superuser());
    for dataset in BOTH {
        bucket.proxy.set(Behaviour::Refuse);
        let job = send(&mut client, &format!("'{dataset}', 'csv'"));
        key_of(&mut superuser, &job);
        assert_eq!(jobs::text(&status(&mut client, &job), "stage"), Some("storing"));
        bucket.proxy.set(Behaviour::Pass);
        assert_overcome(&bucket, &mut client, &job);
    }
}

#[test]
fn a_reset_in_the_middle() {
    let bucket = bucket("");
    let mut client = bucket.requester();
    for (dataset, bytes) in [("users", 100), ("noise", MIB)] {
        bucket.proxy.set_for("PUT", "/exports/", Behaviour::ResetAfter { bytes, times: 2 });
        let job = send(&mut client, &format!("'{dataset}', 'csv'"));
        assert_overcome(&bucket, &mut client, &job);
    }
}

/// The store has done what it was asked for, and nobody heard of it: asked again it refuses, and it is ours all the same.
#[test]
fn a_lost_answer() {
    let bucket = bucket("");
    let mut client = bucket.requester();
    for (dataset, method, part) in [
        ("users", "PUT", "/exports/"),
        ("users", "HEAD", "/exports/"),
        ("noise", "PUT", "partNumber=2"),
        ("noise", "POST", "uploadId="),
        ("noise", "HEAD", "/exports/"),
    ] {
        eprintln!("{dataset}: {method} {part}");
        bucket.proxy.set_for(method, part, Behaviour::LoseAnswer { times: 1 });
        let job = send(&mut client, &format!("'{dataset}', 'csv'"));
        assert_overcome(&bucket, &mut client, &job);
    }
}

/// The store has begun an upload and nobody has heard of its name: it is given up when the file is there by another.
#[test]
fn a_lost_name() {
    let bucket = bucket("");
    let mut client = bucket.requester();
    bucket.proxy.set_for("POST", "uploads", Behaviour::LoseAnswer { times: 1 });
    let job = sent(&mut client, "'noise', 'csv'");
    assert!(bucket.proxy.is_over());
    assert_whole(&bucket, &mut client, &job);
    assert_eq!(bucket.s3.uploads(), []);
}

#[test]
fn storms_that_pass() {
    let bucket = bucket("");
    let mut client = bucket.requester();
    for (dataset, method, part) in [
        ("users", "PUT", "/exports/"),
        ("noise", "POST", "uploads"),
        ("noise", "PUT", "partNumber="),
        ("noise", "POST", "uploadId="),
    ] {
        for storm in
            [Behaviour::s3_error(503, "SlowDown", 3), Behaviour::answer(500, 2), Behaviour::answer(429, 1)]
        {
            bucket.proxy.set_for(method, part, storm);
            let job = send(&mut client, &format!("'{dataset}', 'csv'"));
            assert_overcome(&bucket, &mut client, &job);
        }
    }
}

#[test]
fn storms_that_do_not() {
    let bucket = bucket(FAST);
    let mut client = bucket.requester();
    for (dataset, method, part, storm, named) in [
        ("users", "PUT", "/exports/", Behaviour::s3_error(503, "SlowDown", u32::MAX), "(SlowDown)"),
        ("noise", "POST", "uploads", Behaviour::answer(500, u32::MAX), "the object store failed"),
        (
            "noise",
            "PUT",
            "partNumber=2",
            Behaviour::s3_error(500, "InternalError", u32::MAX),
            "(InternalError)",
        ),
        (
            "noise",
            "POST",
            "uploadId=",
            Behaviour::s3_error(503, "ServiceUnavailable", u32::MAX),
            "(ServiceUnavailable)",
        ),
    ] {
        bucket.proxy.set_for(method, part, storm);
        let job = send(&mut client, &format!("'{dataset}', 'csv'"));
        assert_fails(&bucket, &mut client, &job, "HV000", named);
        bucket.proxy.set(Behaviour::Pass);
    }
    assert_eq!(bucket.s3.keys(), Vec::<String>::new());
    assert_tidy(&mut bucket.app.superuser(), shared());
}

/// A store's message may be written for others: only its code is reported.
#[test]
fn words_of_the_store_are_not_told() {
    let bucket = bucket(FAST);
    let mut client = bucket.requester();
    let said = "<Error><Code>Odd</Code><Message>QUOTED</Message><StringToSign>QUOTED</StringToSign></Error>";
    for (status, body) in [(400, said), (409, said), (400, "QUOTED"), (400, "<Code>QUOTED and more</Code>")] {
        let answer = Behaviour::Answer { status, body: body.to_owned(), times: u32::MAX };
        bucket.proxy.set_for("PUT", "/exports/", answer);
        let job = send(&mut client, "'users', 'csv'");
        let (error, _) = failed(&mut client, &job);
        assert!(!error.contains("QUOTED"), "{status}: {error}");
        assert_eq!(error.contains("(Odd)"), body == said, "{status}: {error}");
    }
    assert!(!shared().log().contains("QUOTED"));
}

/// Bytes that the store has are counted while the rest is on its way.
#[test]
fn progress_moves_while_it_is_slow() {
    let bucket = Bucket::new(shared(), 5);
    noise(&bucket.app, 57);
    let mut client = bucket.requester();
    bucket.proxy.set_for("PUT", "partNumber=", Behaviour::Hold);
    let job = send(&mut client, "'noise', 'csv'");
    let mut told = |wanted: &dyn Fn(i64, i64) -> bool, what: &str| -> (i64, i64) {
        let mut now = (0, 0);
        wait_until(LIMIT, what, || {
            let row = status(&mut client, &job);
            now = (row.get("bytes_done"), row.get::<_, Option<i64>>("bytes_total").unwrap_or_default());
            let at_it = jobs::text(&row, "stage") == Some("storing") && wanted(now.0, now.1);
            if at_it {
                let mega = |bytes: i64| format!("{:.1}MB", bytes as f64 / 1e6);
                let message = format!("Downloading: {} / {}", mega(now.0), mega(now.1));
                assert_eq!(jobs::text(&row, "message"), Some(message.as_str()));
                assert!((90..100).contains(&row.get::<_, i32>("percent")));
            }
            at_it
        });
        now
    };
    let (_, total) = told(&|done, total| done < total / 2 && total > 0, "hardly any of it has left");
    assert!(total > 57 * MIB as i64, "{total}");
    // All but one part.
    bucket.proxy.set_for("PUT", "partNumber=2&", Behaviour::Hold);
    told(&|done, total| (total - 8 * MIB as i64..total).contains(&done), "all but one part is there");
    // That one comes slowly, and is there before it would have been slow for long.
    bucket.proxy.set_for("PUT", "partNumber=2&", Behaviour::Slow(4 * MIB));
    assert_whole(&bucket, &mut bucket.requester(), &job);
    assert_eq!(bucket.proxy.count("PUT", "partNumber="), 8, "none was sent twice");
}

/// A read passes the same bad connection.
#[test]
fn reading_has_its_troubles_too() {
    let bucket = bucket(FAST);
    let mut client = bucket.requester();
    let job = sent(&mut client, "'noise', 'csv'");
    let read = format!("SELECT acct_export_file('{job}')");
    for trouble in [
        Behaviour::LoseAnswer { times: 2 },
        Behaviour::s3_error(503, "SlowDown", 2),
        Behaviour::answer(500, 1),
    ] {
        bucket.proxy.set_for("GET", "/exports/", trouble);
        assert_overcome(&bucket, &mut client, &job);
    }
    bucket.proxy.set(Behaviour::Refuse);
    refused(&mut client, &read, "HV00N", "could not connect", "endpoint");
    bucket.proxy.set(Behaviour::Pass);
    bucket.proxy.set_for("GET", "/exports/", Behaviour::s3_error(500, "InternalError", u32::MAX));
    refused(&mut client, &read, "HV000", "(InternalError)", "");
    // Whoever waits for the store can be stopped, and goes on.
    let before = bucket.proxy.count("GET", &job);
    bucket.proxy.set_for("GET", "/exports/", Behaviour::Hold);
    let token = client.cancel_token();
    let waiting = std::thread::spawn(move || (refusal(&mut client, &read), client));
    wait_until(LIMIT, "the store is asked", || bucket.proxy.count("GET", &job) > before);
    token.cancel_query(NoTls).unwrap();
    let (error, mut client) = waiting.join().unwrap();
    assert_eq!(error.sqlstate, "57014", "{error:?}");
    bucket.proxy.set(Behaviour::Pass);
    assert_whole(&bucket, &mut client, &job);
}
