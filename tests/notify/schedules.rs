//! Mails and webhooks about exports that schedules start, and about those that they cannot start.
#![cfg(all(feature = "smtp", feature = "webhook"))]

use postgres::Client;
use serde_json::Value;
use support::asking::text;
use support::common::{wait_for_job, wait_until, TwoTenants};
use support::office::{app, mail, mails_by, webhook, ADDRESS, LIMIT};
use support::remote::{Hook, Smtp};

/// Has the one schedule start its export; the job.
fn run(app: &TwoTenants, before: &str) -> String {
    let mut superuser = app.superuser();
    superuser.batch_execute("UPDATE acct_export.saved SET next_run_at = now() - interval '1 hour'").unwrap();
    let mut job = String::new();
    wait_until(LIMIT, "it is started", || {
        superuser.batch_execute("SELECT acct_export_run_due()").unwrap();
        job = text(&mut superuser, "SELECT last_job::text FROM acct_export_saved").unwrap_or_default();
        !job.is_empty() && job != before
    });
    job
}

fn posted(hook: &Hook, job: &str) -> Value {
    let mut event = Value::Null;
    wait_until(LIMIT, "the webhook is posted", || {
        let all = hook.posted();
        let mut of_job = all.iter().map(|posted| serde_json::from_slice::<Value>(&posted.body).unwrap());
        event = of_job.rfind(|event| event["subject"] == job).unwrap_or_default();
        !event.is_null()
    });
    event
}

fn save(client: &mut Client, more: &str) {
    client
        .batch_execute(&format!(
            "SELECT acct_export_save('nightly', 'users', 'csv', fields => '{{id,email}}', notify_email => '{ADDRESS}'{more}, replace => true);
             SELECT acct_export_schedule('nightly', '0 3 1 1 *', 'UTC')"
        ))
        .unwrap();
}

#[test]
fn all_of_them_are_told() {
    let (app, smtp, hook) = (app(), Smtp::start(), Hook::start());
    mails_by(&app, &smtp);
    webhook(&app, "hook", &hook.url("/"), "");
    let mut client = app.session(&app.login, 0);
    save(&mut client, "");
    let done = run(&app, "");
    assert_eq!(wait_for_job(&mut client, &done).get::<_, &str>("status"), "completed");
    let told = mail(&smtp, &done);
    assert_eq!(told.header("subject"), "Export complete: Users");
    assert!(!told.body.contains("Schedule"), "{}", told.body);
    let event = posted(&hook, &done);
    assert_eq!(event["type"], "pg_acctexport.export.completed");
    assert_eq!(event["data"].get("schedule"), None);

    // It cannot be started this time, and not the next time either: its digests are gone.
    save(&mut client, &format!(r#", options => '{{"changes_since": "{done}"}}'"#));
    client.execute("SELECT acct_export_delete($1::text::uuid)", &[&done]).unwrap();
    let failed = run(&app, &done);
    let told = mail(&smtp, &failed);
    assert_eq!(told.header("subject"), "Export failed: Users");
    for line in ["Schedule: nightly (goes on at its next time)", "Error:    55000", "Reason:   export job"] {
        assert!(told.body.contains(line), "{line}: {}", told.body);
    }
    let event = posted(&hook, &failed);
    assert_eq!(
        (&event["data"]["schedule"]["name"], &event["data"]["schedule"]["disabled"]),
        (&"nightly".into(), &false.into())
    );

    // A field that it needs is barred.
    save(&mut client, "");
    app.superuser()
        .batch_execute("SELECT acct_export_secret_column('app.users', 'email', 'private now')")
        .unwrap();
    let disabled = run(&app, &failed);
    let told = mail(&smtp, &disabled);
    for line in [
        "Schedule: nightly (disabled until it is set again with acct_export_schedule)",
        "Error:    42501",
        "Reason:   field \"email\"",
    ] {
        assert!(told.body.contains(line), "{line}: {}", told.body);
    }
    let schedule = &posted(&hook, &disabled)["data"]["schedule"];
    assert_eq!(schedule["disabled"], true);
    assert!(schedule["reason"].as_str().unwrap().contains("\"email\""), "{schedule}");
    let seen = text(&mut client, "SELECT disabled_reason FROM acct_export_saved");
    assert_eq!(seen.as_deref(), schedule["reason"].as_str());
}
