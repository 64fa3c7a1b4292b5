//! Mails with links: URLs of files in a bucket, for who may read them, or a page of the application.
#![cfg(all(feature = "s3", feature = "smtp"))]

use support::asking;

use support::bucket::{curl, destination, files, mapping, sha256, Keys};
use support::common::{shared, wait_until, TwoTenants};
use support::office::{app, exported, mail, mails_by, mails_through, sent, LIMIT};
use support::remote::{Behaviour, Proxy, Smtp, S3};
use support::told::{detail, told};

/// The application with a mail server and a bucket.
fn scene() -> (TwoTenants, Smtp, S3) {
    let (app, smtp, s3) = (app(), Smtp::start(), S3::start());
    destination(&app, &s3.bucket, s3.endpoint(), "");
    mapping(&app, &Keys { id: &s3.access_key, secret: &s3.secret_key });
    (app, smtp, s3)
}

fn urls(body: &str) -> Vec<&str> {
    body.split_whitespace().filter(|word| word.starts_with("http")).collect()
}

#[test]
fn whoever_reads_the_mail_gets_the_file() {
    let (app, smtp, _s3) = scene();
    mails_by(&app, &smtp);
    app.superuser().batch_execute("ALTER SERVER mails OPTIONS (ADD url_valid_for '7200')").unwrap();
    let mut client = app.session(&app.login, 0);
    let job = exported(&mut client, "'users', 'csv', destination => 'exports'");
    sent(&mut client, &job);
    let mail = mail(&smtp, &job);
    let found = urls(&mail.body);
    assert_eq!(found.len(), 1, "{}", mail.body);
    assert!(found[0].contains("X-Amz-Expires=7200"), "{}", found[0]);
    let dir = tempfile::tempdir().unwrap();
    let (status, body) = curl(found[0], &[], dir.path());
    assert_eq!(status, 200);
    assert_eq!(sha256(&body), files(&mut client, &job)[0]["sha256"].as_str().unwrap());
    // In the trail it is the requester's.
    let events = told(&mut app.superuser(), "downloaded");
    assert_eq!(events.len(), 1);
    let (role, detail) = (events[0].get::<_, String>("role"), detail(&events[0]));
    assert_eq!(
        (role.as_str(), &detail["way"], &detail["valid_for"]),
        (app.login.as_str(), &"mail".into(), &7200.into())
    );
    // The outbox has no URL: it is made when the mail is.
    let kept: String =
        app.superuser().query_one("SELECT event::text FROM acct_export.outbox", &[]).unwrap().get(0);
    assert!(!kept.contains("X-Amz"), "{kept}");
    assert!(!shared().log().contains("X-Amz-Signature"));
}

#[test]
fn a_line_for_each_file() {
    let (app, smtp, _s3) = scene();
    mails_by(&app, &smtp);
    app.superuser()
        .batch_execute(&format!(
            "CREATE VIEW app.names WITH (security_invoker = true) AS SELECT id, tenant_id, name FROM app.users;
             GRANT SELECT ON app.names TO {};
             SELECT acct_export_register('names', 'app.names', 'id', tenant_column => 'tenant_id');
             SELECT acct_export_register('users', 'app.users', 'id', tenant_column => 'tenant_id', companions => '{{names}}', replace => true)",
            app.login
        ))
        .unwrap();
    let mut client = app.session(&app.login, 0);
    let job = exported(&mut client, "'users', 'csv', include => '{names}', destination => 'exports'");
    sent(&mut client, &job);
    let mail = mail(&smtp, &job);
    let dir = tempfile::tempdir().unwrap();
    let fetched: Vec<String> =
        urls(&mail.body).iter().map(|url| sha256(&curl(url, &[], dir.path()).1)).collect();
    let stored: Vec<String> =
        files(&mut client, &job).iter().map(|file| file["sha256"].as_str().unwrap().to_owned()).collect();
    assert_eq!(fetched, stored);
}

/// Between the export and the mail the requester has lost a right: the mail tells of the export, and how to read it is the database's.
#[test]
fn none_for_who_may_not_read_the_file_any_more() {
    let (app, smtp, _s3) = scene();
    let login = &app.login;
    for lost in [
        format!("REVOKE SELECT ON app.users FROM {login}"),
        format!("REVOKE USAGE ON FOREIGN SERVER exports FROM {login}"),
    ] {
        let proxy = Proxy::bytes(&format!("127.0.0.1:{}", smtp.port_starttls()));
        proxy.set(Behaviour::Refuse);
        mails_through(&app, &smtp, proxy.port());
        let mut client = app.session(&app.login, 0);
        let job = exported(&mut client, "'users', 'csv', destination => 'exports'");
        let mut superuser = app.superuser();
        wait_until(LIMIT, "a try has failed", || {
            let tried =
                "SELECT tries > 0 AND error IS NOT NULL FROM acct_export.outbox WHERE job = $1::text::uuid";
            superuser.query_one(tried, &[&job]).unwrap().get(0)
        });
        superuser.batch_execute(&lost).unwrap();
        proxy.set(Behaviour::Pass);
        sent(&mut superuser, &job);
        let mail = mail(&smtp, &job);
        assert!(
            urls(&mail.body).is_empty() && mail.body.contains("Export complete!"),
            "{lost}: {}",
            mail.body
        );
        superuser
            .batch_execute(&format!(
                "GRANT SELECT ON app.users TO {login}; GRANT USAGE ON FOREIGN SERVER exports TO {login};
                 DROP SERVER mails CASCADE"
            ))
            .unwrap();
    }
}

#[test]
fn a_page_of_the_application_or_nothing() {
    let (app, smtp, _s3) = scene();
    mails_by(&app, &smtp);
    let mut client = app.session(&app.login, 0);
    for (option, wanted) in [
        ("ADD link 'https://app.example.com/exports/{job}'", Some("https://app.example.com/exports/")),
        ("DROP link, ADD url_valid_for '0'", None),
    ] {
        app.superuser().batch_execute(&format!("ALTER SERVER mails OPTIONS ({option})")).unwrap();
        let job = exported(&mut client, "'users', 'csv', destination => 'exports'");
        sent(&mut client, &job);
        let mail = mail(&smtp, &job);
        let wanted: Vec<String> = wanted.iter().map(|page| format!("{page}{job}")).collect();
        assert_eq!(urls(&mail.body), wanted, "{}", mail.body);
    }
}

/// Code of others that decides who may read a file runs in the one process that sends everybody's mails: not for long, and what it
/// lets go of is noticed.
#[test]
fn code_of_others_holds_up_nobody() {
    let (app, smtp, _s3) = scene();
    let proxy = Proxy::bytes(&format!("127.0.0.1:{}", smtp.port_starttls()));
    proxy.set(Behaviour::Refuse);
    mails_through(&app, &smtp, proxy.port());
    let (mut superuser, login) = (app.superuser(), &app.login);
    superuser
        .batch_execute(&format!(
            "CREATE TABLE app.mood (slow boolean); INSERT INTO app.mood VALUES (false); GRANT SELECT ON app.mood TO {login};
             CREATE FUNCTION app.decide(request jsonb) RETURNS boolean LANGUAGE plpgsql AS $$
             BEGIN
                 IF (SELECT slow FROM app.mood) THEN PERFORM pg_advisory_unlock_all(); PERFORM pg_sleep(3600); END IF;
                 RETURN true;
             END $$;
             SELECT acct_export_register('users', 'app.users', 'id', tenant_column => 'tenant_id', authorize => 'app.decide(jsonb)', replace => true)"
        ))
        .unwrap();
    let mut client = app.session(&app.login, 0);
    let job = exported(&mut client, "'users', 'csv', destination => 'exports'");
    wait_until(LIMIT, "a try has failed", || {
        let tried =
            "SELECT tries > 0 AND error IS NOT NULL FROM acct_export.outbox WHERE job = $1::text::uuid";
        superuser.query_one(tried, &[&job]).unwrap().get(0)
    });
    superuser.batch_execute("UPDATE app.mood SET slow = true").unwrap();
    proxy.set(Behaviour::Pass);
    wait_until(LIMIT, "the mail is sent all the same", || {
        // As whoever follows a job: starts a sender where the one before has lost its lock.
        asking::status(&mut superuser, &job);
        let sent = "SELECT sent_at IS NOT NULL FROM acct_export.outbox WHERE job = $1::text::uuid";
        superuser.query_one(sent, &[&job]).unwrap().get(0)
    });
    assert!(urls(&mail(&smtp, &job).body).is_empty());
}
