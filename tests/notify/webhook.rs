//! Events to webhooks: what they hold, by whom they are signed, who gets them.
#![cfg(feature = "webhook")]

use support::asking;

use std::io::Write;
use std::process::{Command, Stdio};

use postgres::Client;
use serde_json::{json, Value};
use support::asking::{completed, start, text, wait_for_status, Gate};
use support::common::{shared, wait_for_job, wait_until, TwoTenants};
use support::office::{app, given_up, is_nowhere, sent, webhook, LIMIT, SIGNING_SECRET};
use support::remote::{Hook, Posted, S3};

/// Bodies of what came about a job.
fn told(hook: &Hook, job: &str) -> Vec<Value> {
    let bodies =
        hook.posted().into_iter().map(|posted| serde_json::from_slice::<Value>(&posted.body).unwrap());
    bodies.filter(|event| event["subject"] == job).collect()
}

fn events(hook: &Hook, job: &str) -> Vec<String> {
    told(hook, job).iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect()
}

/// By Python's own hmac, as the standard says: over id, timestamp and body with dots between.
fn signature(posted: &Posted, secret: &str) -> String {
    const SCRIPT: &str = "import base64, hashlib, hmac, sys
key, message = sys.argv[1].encode(), sys.stdin.buffer.read()
if key.startswith(b'whsec_'): key = base64.b64decode(key[6:])
print('v1,' + base64.b64encode(hmac.new(key, message, hashlib.sha256).digest()).decode())";
    let header = |name| posted.header(name).unwrap();
    let mut message = format!("{}.{}.", header("webhook-id"), header("webhook-timestamp")).into_bytes();
    message.extend_from_slice(&posted.body);
    let mut python = Command::new("python3");
    python.args(["-c", SCRIPT, secret]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut python = python.spawn().unwrap();
    python.stdin.take().unwrap().write_all(&message).unwrap();
    String::from_utf8(python.wait_with_output().unwrap().stdout).unwrap().trim().to_owned()
}

fn cancelled(app: &TwoTenants, client: &mut Client) -> String {
    let gate = Gate::close(app);
    let job = start(client, "'users', 'csv'");
    wait_for_status(client, &job, "running");
    client.execute("SELECT acct_export_cancel($1::text::uuid)", &[&job]).unwrap();
    wait_for_job(client, &job);
    gate.open();
    job
}

#[test]
fn the_event_is_a_cloud_event_signed_by_the_standard() {
    let (app, hook) = (app(), Hook::start());
    let log_from = shared().log().len();
    webhook(&app, "hook", &hook.url("/exports?from=db"), "");
    let mut client = app.session(&app.login, 0);
    client.batch_execute("SET app.user_id = 'anna.actor'").unwrap();
    let job = completed(
        &mut client,
        "'users', 'csv', filter => '{\"status\":\"active\"}', reason => 'for the auditors'",
    );
    let row = sent(&mut client, &job);
    assert_eq!(
        (row.get::<_, String>("kind"), row.get::<_, String>("server")),
        ("webhook".to_owned(), "hook".to_owned())
    );

    let posted = hook.posted();
    let [posted] = posted.as_slice() else { panic!("{posted:?}") };
    assert_eq!((posted.method.as_str(), posted.path.as_str()), ("POST", "/exports?from=db"));
    assert!(posted.header("content-type").unwrap().starts_with("application/cloudevents+json"));
    let event: Value = serde_json::from_slice(&posted.body).unwrap();
    assert_eq!(event["specversion"], "1.0");
    assert_eq!(event["type"], "pg_acctexport.export.completed");
    assert_eq!(event["source"], format!("/pg_acctexport/{}", app.db));
    assert_eq!(event["subject"], job);
    assert_eq!(event["datacontenttype"], "application/json");
    assert_eq!(posted.header("webhook-id"), event["id"].as_str());
    let document = text(&mut client, &format!("SELECT acct_export_job('{job}')::text")).unwrap();
    let document: Value = serde_json::from_str(&document).unwrap();
    let (data, file) = (&event["data"], &document["files"][0]);
    assert_eq!(
        [
            &data["job"],
            &data["dataset"],
            &data["format"],
            &data["status"],
            &data["tenant"],
            &data["rows"],
            &data["bytes"]
        ],
        [
            &json!(job),
            &json!("users"),
            &json!("csv"),
            &json!("completed"),
            &json!(app.tenants[0]),
            &document["rows_done"],
            &document["bytes_done"]
        ]
    );
    assert_eq!(data["error_code"], Value::Null);
    for member in ["file", "name", "media_type", "rows", "bytes", "sha256"] {
        assert_eq!(data["files"][0][member], file[member], "{member}");
    }
    for moment in ["created_at", "finished_at", "expires_at"] {
        let same = format!(
            "SELECT ('{}'::timestamptz = '{}'::timestamptz)::text",
            data[moment].as_str().unwrap(),
            document[moment].as_str().unwrap()
        );
        assert_eq!(text(&mut client, &same).as_deref(), Some("true"), "{moment}");
    }
    // Nobody's name, no filter, no reason.
    let body = String::from_utf8_lossy(&posted.body);
    for personal in ["anna", "active", "auditors", app.login.as_str(), "filter"] {
        assert!(!body.contains(personal), "{personal}: {body}");
    }

    assert_eq!(posted.header("webhook-signature"), Some(signature(posted, SIGNING_SECRET).as_str()));
    let age = format!(
        "SELECT (extract(epoch FROM now()) - {} BETWEEN -5 AND 120)::text",
        posted.header("webhook-timestamp").unwrap()
    );
    assert_eq!(text(&mut client, &age).as_deref(), Some("true"));
    is_nowhere(&app, "a secret to sign with", log_from);
}

#[test]
fn a_secret_in_the_standards_form() {
    let (app, hook) = (app(), Hook::start());
    webhook(&app, "hook", &hook.url("/"), "");
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    app.superuser()
        .batch_execute(&format!("ALTER USER MAPPING FOR PUBLIC SERVER hook OPTIONS (SET secret '{secret}')"))
        .unwrap();
    let mut client = app.session(&app.login, 0);
    // One of the requester's own does not keep the receiver from believing what is told of them.
    let own = "CREATE USER MAPPING FOR CURRENT_USER SERVER hook OPTIONS (secret 'nobody else has this')";
    client.batch_execute(own).unwrap();
    let job = completed(&mut client, "'users', 'csv'");
    sent(&mut client, &job);
    let posted = &hook.posted()[0];
    assert_eq!(posted.header("webhook-signature"), Some(signature(posted, secret).as_str()));
}

#[test]
fn what_becomes_of_a_job_is_told_as_it_is_asked_for() {
    let (app, all, bad) = (app(), Hook::start(), Hook::start());
    webhook(&app, "hook", &all.url("/"), "");
    webhook(&app, "bad_news", &bad.url("/"), ", events 'failed, completed_with_errors'");
    let mut client = app.session(&app.login, 0);
    let well = completed(&mut client, "'users', 'csv'");
    let badly = start(&mut client, "'broken', 'csv'");
    wait_for_job(&mut client, &badly);
    let in_part = start(&mut client, "'users', 'csv', include => '{broken}'");
    wait_for_job(&mut client, &in_part);
    let stopped = cancelled(&app, &mut client);
    client.execute("SELECT acct_export_delete($1::text::uuid)", &[&well]).unwrap();
    let settled = "SELECT count(*)::text FROM acct_export_messages WHERE sent_at IS NOT NULL";
    wait_until(LIMIT, "all is told", || text(&mut client, settled).as_deref() == Some("7"));
    let told_as = |event: &str| format!("pg_acctexport.export.{event}");
    assert_eq!(events(&all, &well), [told_as("completed"), told_as("expired")]);
    assert_eq!(events(&all, &badly), [told_as("failed")]);
    assert_eq!(events(&all, &in_part), [told_as("completed_with_errors")]);
    assert_eq!(events(&all, &stopped), [told_as("cancelled")]);
    assert_eq!((events(&bad, &badly).len(), events(&bad, &in_part).len(), bad.posted().len()), (1, 1, 2));
    let event = &told(&bad, &in_part)[0]["data"];
    assert_eq!((&event["error_code"], &event["failed_part"]), (&json!("22012"), &json!("Odd shares")));
    assert_eq!(
        (&event["files"][1]["status"], &event["files"][1]["sha256"]),
        (&json!("failed"), &Value::Null)
    );
}

#[test]
fn usage_decides_whose_exports_are_told() {
    let (app, hook) = (app(), Hook::start());
    webhook(&app, "hook", &hook.url("/"), "");
    let mut other = app.session(&app.nologin, 0);
    completed(&mut other, "'users', 'csv'");
    let mut client = app.session(&app.login, 0);
    let job = completed(&mut client, "'users', 'csv'");
    sent(&mut client, &job);
    assert_eq!(hook.posted().len(), 1);
    // The other role sees nothing of it, and so does another tenant.
    for mut stranger in [app.session(&app.nologin, 0), app.session(&app.login, 1)] {
        let seen = text(&mut stranger, "SELECT count(*)::text FROM acct_export_messages");
        assert_eq!(seen.as_deref(), Some("0"));
    }
    // A right that is withdrawn before it is sent counts as well.
    hook.answer(503);
    let job = completed(&mut client, "'users', 'ndjson'");
    wait_until(LIMIT, "it was tried", || hook.posted().len() > 1);
    app.superuser()
        .batch_execute(&format!("REVOKE USAGE ON FOREIGN SERVER hook FROM {}", app.login))
        .unwrap();
    assert_eq!(given_up(&mut client, &job).0, "42501");
}

#[test]
fn errors_are_tried_again_and_refusals_are_not() {
    let (app, hook) = (app(), Hook::start());
    webhook(&app, "hook", &hook.url("/"), "");
    let mut client = app.session(&app.login, 0);
    hook.answer(500);
    let job = completed(&mut client, "'users', 'csv'");
    wait_until(LIMIT, "it was tried twice", || hook.posted().len() == 2);
    hook.answer(200);
    let row = sent(&mut client, &job);
    let posted = hook.posted();
    assert_eq!(row.get::<_, i32>("tries"), posted.len() as i32);
    // One event: its id stays, and each try is signed for its own time.
    assert!(posted.iter().all(|one| one.header("webhook-id") == posted[0].header("webhook-id")));
    assert!(posted
        .iter()
        .all(|one| one.header("webhook-signature") == Some(&signature(one, SIGNING_SECRET))));

    for (status, format) in [(410, "ndjson"), (301, "json"), (401, "xlsx")] {
        hook.answer(status);
        let job = completed(&mut client, &format!("'users', '{format}'"));
        let (code, error, tries) = given_up(&mut client, &job);
        assert_eq!((code.as_str(), tries), ("HV000", 1), "{error}");
        assert!(error.contains(&status.to_string()), "{error}");
        assert_eq!(asking::status(&mut client, &job).get::<_, String>("status"), "completed");
    }
}

#[test]
fn nothing_is_sent_unsigned() {
    let (app, hook) = (app(), Hook::start());
    webhook(&app, "hook", &hook.url("/"), "");
    app.superuser().batch_execute("DROP USER MAPPING FOR PUBLIC SERVER hook").unwrap();
    let mut client = app.session(&app.login, 0);
    let job = completed(&mut client, "'users', 'csv'");
    let (code, error, _) = given_up(&mut client, &job);
    assert_eq!(code, "28000");
    assert!(error.contains("CREATE USER MAPPING"), "{error}");
    assert!(hook.posted().is_empty());
}

/// Behind TLS is a server that refuses what it is POSTed: its answer comes where its certificate is believed, and only there.
#[test]
fn a_certificate_that_nobody_vouches_for() {
    let (app, server) = (app(), S3::start_tls());
    assert!(server.endpoint().starts_with("https://"));
    webhook(&app, "hook", server.endpoint(), ", retry_timeout '1'");
    let mut client = app.session(&app.login, 0);
    let job = completed(&mut client, "'users', 'csv'");
    let (code, error, _) = given_up(&mut client, &job);
    assert_eq!(code, "HV00N");
    assert!(error.starts_with("the certificate of the webhook is not trusted"), "{error}");
    app.superuser()
        .batch_execute(&format!(
            "ALTER SERVER hook OPTIONS (ADD sslrootcert '{}')",
            server.ca_file().display()
        ))
        .unwrap();
    let job = completed(&mut client, "'users', 'ndjson'");
    let (code, error, _) = given_up(&mut client, &job);
    assert_eq!(code, "HV000");
    assert!(error.starts_with("the webhook answered with status "), "{error}");
}

/// One that takes the connection and says nothing.
#[test]
fn a_server_that_says_nothing() {
    let app = app();
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", silent.local_addr().unwrap());
    webhook(&app, "hook", &url, ", request_timeout '1', retry_timeout '1'");
    let mut client = app.session(&app.login, 0);
    let job = completed(&mut client, "'users', 'csv'");
    let (code, error, _) = given_up(&mut client, &job);
    assert_eq!((code.as_str(), error.as_str()), ("HV00N", "the server did not answer in time"));
}
