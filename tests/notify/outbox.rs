//! The outbox and its sender: one process, nothing lost, nothing kept for ever; and the texts of mails.
#![cfg(all(feature = "smtp", feature = "webhook"))]

use support::asking;

use support::asking::{completed, refusal, refused, start, text};
use support::common::{done, shared, wait_for_job, wait_until, Cluster, ClusterOptions, TwoTenants};
use support::office::{app, exported, given_up, mail, mails_by, sender, sent, webhook, ADDRESS, LIMIT};
use support::remote::{Behaviour, Hook, Proxy, Smtp};

fn senders(app: &TwoTenants) -> String {
    let count = "SELECT count(*)::text FROM pg_stat_activity WHERE backend_type = 'pg_acctexport sender' AND datname = current_database()";
    text(&mut app.superuser(), count).unwrap()
}

#[test]
fn the_sender_ends_when_all_is_sent_and_comes_back() {
    let (app, hook) = (app(), Hook::start());
    webhook(&app, "hook", &hook.url("/"), "");
    let mut client = app.session(&app.login, 0);
    for format in ["csv", "ndjson", "json"] {
        let job = completed(&mut client, &format!("'users', '{format}'"));
        sent(&mut client, &job);
        wait_until(LIMIT, "the sender ends", || senders(&app) == "0");
    }
    assert_eq!(hook.posted().len(), 3);
}

/// One that waits for its next try takes what comes in meanwhile.
#[test]
fn a_sender_that_waits_is_woken() {
    let (app, hook) = (app(), Hook::start());
    webhook(&app, "hook", &hook.url("/"), "");
    webhook(&app, "slow", &hook.url("/slow"), "");
    let mut superuser = app.superuser();
    // Nobody listens at port 1; its next try is a minute off.
    superuser
        .batch_execute("ALTER SERVER slow OPTIONS (SET url 'http://127.0.0.1:1/', SET retry_interval '60')")
        .unwrap();
    let mut client = app.session(&app.login, 0);
    completed(&mut client, "'users', 'csv'");
    let tried = "SELECT count(*)::text FROM acct_export_messages WHERE server = 'slow' AND tries = 1 AND error_code = 'HV00N'";
    wait_until(LIMIT, "the other one is tried", || text(&mut client, tried).as_deref() == Some("1"));
    let pid = sender(&app);
    // A cancel request has nothing to end there.
    superuser.execute("SELECT pg_cancel_backend($1)", &[&pid]).unwrap();
    let job = completed(&mut client, "'users', 'ndjson'");
    wait_until(LIMIT, "the new one is sent", || {
        hook.posted().iter().any(|posted| String::from_utf8_lossy(&posted.body).contains(&job))
    });
    assert_eq!(sender(&app), pid);
    assert_eq!(senders(&app), "1");
    // Other messages for the dead server wait with the first, untried.
    let waits = format!("SELECT (next_try_at > now())::text || tries FROM acct_export_messages WHERE server = 'slow' AND job_id = '{job}'");
    assert_eq!(text(&mut client, &waits).as_deref(), Some("true0"));
    // It leaves when the extension does.
    superuser.batch_execute("DROP EXTENSION pg_acctexport CASCADE").unwrap();
    superuser.execute("SELECT pg_terminate_backend($1)", &[&pid]).unwrap();
    wait_until(LIMIT, "the sender is gone", || senders(&app) == "0");
}

/// A cancel request ends the try, not the message.
#[test]
fn a_try_that_is_cancelled_is_made_again() {
    let (app, hook) = (app(), Hook::start());
    let proxy = Proxy::http(&hook.address());
    proxy.set(Behaviour::Hold);
    webhook(&app, "hook", &proxy.endpoint(), "");
    let mut client = app.session(&app.login, 0);
    let job = completed(&mut client, "'users', 'csv'");
    wait_until(LIMIT, "it is being sent", || {
        text(&mut client, "SELECT max(tries)::text FROM acct_export_messages").as_deref() == Some("1")
    });
    let pid = sender(&app);
    wait_until(LIMIT, "the request is out", || proxy.connections() > 0);
    app.superuser().execute("SELECT pg_cancel_backend($1)", &[&pid]).unwrap();
    let cancelled = "SELECT count(*)::text FROM acct_export_messages WHERE error_code = '57014'";
    wait_until(LIMIT, "the try has failed", || text(&mut client, cancelled).as_deref() == Some("1"));
    proxy.set(Behaviour::Pass);
    sent(&mut client, &job);
    assert!(hook.posted().iter().any(|posted| String::from_utf8_lossy(&posted.body).contains(&job)));
}

/// Without the launcher nobody comes by: the sender stays for as long as there is something to be tried again.
#[test]
fn without_the_library_preloaded() {
    let cluster: &'static Cluster = Box::leak(Box::new(Cluster::start(ClusterOptions::default())));
    let app = TwoTenants::with_users(cluster, 3);
    let hook = Hook::start();
    hook.answer(503);
    webhook(&app, "hook", &hook.url("/"), "");
    let mut client = app.session(&app.login, 0);
    let job = completed(&mut client, "'users', 'csv'");
    wait_until(LIMIT, "it was tried twice", || hook.posted().len() == 2);
    hook.answer(204);
    sent(&mut client, &job);
}

/// A server that went down with messages in the outbox sends them when it is up again.
#[test]
fn a_crash_of_the_server_loses_no_message() {
    let cluster: &'static Cluster = Box::leak(Box::new(Cluster::start(ClusterOptions::preloaded())));
    let app = TwoTenants::with_users(cluster, 3);
    let hook = Hook::start();
    hook.answer(503);
    webhook(&app, "hook", &hook.url("/"), "");
    let job = {
        let mut client = app.session(&app.login, 0);
        let job = completed(&mut client, "'users', 'csv'");
        wait_until(LIMIT, "it was tried", || !hook.posted().is_empty());
        job
    };
    cluster.stop_immediate();
    hook.answer(204);
    cluster.restart();
    sent(&mut app.session(&app.login, 0), &job);
}

#[test]
fn messages_are_kept_as_long_as_job_records() {
    let (app, hook) = (app(), Hook::start());
    webhook(&app, "hook", &hook.url("/"), "");
    let mut client = app.session(&app.login, 0);
    let job = completed(&mut client, "'users', 'csv'");
    sent(&mut client, &job);
    let count = "SELECT count(*)::text FROM acct_export.outbox";
    let mut superuser = app.superuser();
    superuser.batch_execute("SELECT acct_export_purge()").unwrap();
    assert_eq!(text(&mut superuser, count).as_deref(), Some("1"));
    superuser.batch_execute("SET acct_export.history = '0'; SELECT acct_export_purge()").unwrap();
    assert_eq!(text(&mut superuser, count).as_deref(), Some("0"));
}

#[test]
fn a_server_that_is_dropped_takes_its_messages_along() {
    let (app, hook) = (app(), Hook::start());
    hook.answer(503);
    webhook(&app, "hook", &hook.url("/"), "");
    let mut client = app.session(&app.login, 0);
    let job = completed(&mut client, "'users', 'csv'");
    wait_until(LIMIT, "it was tried", || !hook.posted().is_empty());
    app.superuser().batch_execute("DROP SERVER hook CASCADE").unwrap();
    let (code, error, _) = given_up(&mut client, &job);
    assert_eq!(
        (code.as_str(), error.as_str()),
        ("42501", "the foreign server of the message does not exist any more")
    );
}

#[test]
fn superusers_write_the_mails() {
    let (app, smtp) = (app(), Smtp::start());
    mails_by(&app, &smtp);
    let mut superuser = app.superuser();
    let set = "SELECT acct_export_set_template('completed', 'Fertig: {title} für {database}', E'Grüße,\\n{rows} Zeilen.\\nHier: {link}\\n.\\nEnde {job}')";
    assert_eq!(refusal(&mut app.session(&app.login, 0), set).sqlstate, "42501");
    superuser
        .batch_execute(&format!("GRANT EXECUTE ON FUNCTION acct_export_set_template TO {}", app.login))
        .unwrap();
    refused(&mut app.session(&app.login, 0), set, "42501", "superuser", "");
    superuser.batch_execute(set).unwrap();
    let mut client = app.session(&app.login, 0);
    let job = exported(&mut client, "'users', 'csv'");
    sent(&mut client, &job);
    let told = mail(&smtp, &job);
    assert_eq!(told.header("subject"), format!("Fertig: Users für {}", app.db));
    // The line of the link that there is not is gone, and one with a lone dot ends no mail.
    let rows = asking::status(&mut client, &job).get::<_, i64>("rows_done");
    assert_eq!(told.body.trim_end(), format!("Grüße,\n{rows} Zeilen.\n.\nEnde {job}"));

    let row = superuser
        .query_one("SELECT subject, is_set FROM acct_export_templates WHERE name = 'completed'", &[])
        .unwrap();
    assert_eq!((row.get::<_, &str>(0), row.get(1)), ("Fertig: {title} für {database}", true));
    superuser.batch_execute("SELECT acct_export_set_template('completed')").unwrap();
    let row = superuser
        .query_one("SELECT subject, is_set FROM acct_export_templates WHERE name = 'completed'", &[])
        .unwrap();
    assert_eq!((row.get::<_, &str>(0), row.get(1)), ("Export complete: {title}", false));
    let set = "SELECT string_agg(detail->>'template', ',') FROM acct_export_audit WHERE event = 'user.bulk_export.template_set'";
    assert_eq!(text(&mut superuser, set).as_deref(), Some("completed,completed"));
}

/// A dump keeps them, and nothing of the outbox.
#[test]
fn a_dump_keeps_the_texts() {
    let app = app();
    app.superuser()
        .batch_execute("SELECT acct_export_set_template('failed', 'It went wrong: {title}')")
        .unwrap();
    let dump = String::from_utf8(done(shared().client("pg_dump").arg(&app.db)).stdout).unwrap();
    assert!(dump.contains("COPY acct_export.template") && dump.contains("It went wrong: {title}"));
    assert!(!dump.contains("COPY acct_export.outbox"));
}

#[test]
fn texts_that_make_no_mail() {
    let app = app();
    let mut superuser = app.superuser();
    for (arguments, named, hint) in [
        ("'cancelled', 'x', 'y'", "mail template \"cancelled\"", "completed_with_errors"),
        ("NULL, 'x', 'y'", "mail template", "completed_with_errors"),
        ("'failed', E'x\\nBcc: x@evil.example'", "subject", "one line"),
        ("'failed', ' '", "subject", "one line"),
        ("'failed', '{recipient}'", "{recipient}", "{job}, {dataset}"),
        ("'failed', body => 'Dear {name}'", "{name}", "{job}, {dataset}"),
        ("'failed', body => E'a\\x01b'", "body", "line breaks"),
    ] {
        refused(
            &mut superuser,
            &format!("SELECT acct_export_set_template({arguments})"),
            "22023",
            named,
            hint,
        );
    }
    assert_eq!(text(&mut superuser, "SELECT count(*)::text FROM acct_export.template").as_deref(), Some("0"));
}

/// A title of the time before titles were checked.
#[test]
fn a_title_adds_no_header() {
    let (app, smtp) = (app(), Smtp::start());
    mails_by(&app, &smtp);
    app.superuser()
        .batch_execute("UPDATE acct_export.dataset SET title = E'Users\\r\\nBcc: x@evil.example\\r\\n\\r\\nHello' WHERE dataset = 'users'")
        .unwrap();
    let mut client = app.session(&app.login, 0);
    let job = start(&mut client, &format!("'users', 'csv', notify_email => '{ADDRESS}'"));
    wait_for_job(&mut client, &job);
    sent(&mut client, &job);
    let told = mail(&smtp, &job);
    assert!(told.all("bcc").is_empty(), "{told:?}");
    assert_eq!(told.header("envelope-to"), ADDRESS);
    assert!(told.header("subject").contains("Bcc: x@evil.example"));
}
