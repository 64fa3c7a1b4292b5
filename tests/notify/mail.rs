//! Mails about the outcome of exports, taken by Debian's exim.
#![cfg(feature = "smtp")]

use support::asking;
use support::office;

use support::asking::{completed, start, text, wait_for_status, Gate};
use support::common::{shared, wait_for_job, wait_until};
use support::office::{
    app, exported, is_nowhere, mail, mails, mails_by, mails_through, message, sender, sent, ADDRESS, LIMIT,
};
use support::remote::{Behaviour, Proxy, Smtp};

#[test]
fn success_is_told_with_what_came_out() {
    let (app, smtp) = (app(), Smtp::start());
    let log_from = shared().log().len();
    mails_by(&app, &smtp);
    app.superuser()
        .batch_execute(
            "ALTER SERVER mails OPTIONS (ADD reply_to 'help@example.com', ADD link 'https://app.example.com/exports/{job}')",
        )
        .unwrap();
    let mut client = app.session(&app.login, 0);
    let job = exported(&mut client, "'users', 'csv', filter => '{\"status\":\"active\"}'");
    let told = sent(&mut client, &job);
    let row = |name| told.get::<_, Option<String>>(name);
    assert_eq!(
        [row("kind"), row("server"), row("recipient"), row("event")].map(Option::unwrap),
        ["mail", "mails", ADDRESS, "completed"]
    );
    assert_eq!(told.get::<_, i32>("tries"), 1);

    let mail = mail(&smtp, &job);
    assert_eq!(mail.header("from"), "Account exports <no-reply@example.com>");
    assert_eq!(mail.header("to"), ADDRESS);
    assert_eq!(mail.header("envelope-to"), ADDRESS);
    assert_eq!(mail.header("return-path"), "<no-reply@example.com>");
    assert_eq!(mail.header("reply-to"), "help@example.com");
    assert_eq!(mail.header("subject"), "Export complete: Users");
    assert_eq!(mail.header("auto-submitted"), "auto-generated");
    let id = text(&mut app.superuser(), "SELECT id::text FROM acct_export.outbox").unwrap();
    assert_eq!(mail.header("message-id"), format!("<{id}@example.com>"));
    assert!(!mail.header("date").is_empty());

    let status = asking::status(&mut client, &job);
    let rows: i64 = status.get("rows_done");
    assert!(rows > 0);
    let until = text(
        &mut client,
        &format!("SELECT to_char(expires_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI \"UTC\"') FROM acct_export_status('{job}')"),
    )
    .unwrap();
    for wanted in [
        "Export complete!".to_owned(),
        "Dataset:  Users".to_owned(),
        format!("Rows:     {rows}"),
        "Files:    1".to_owned(),
        format!("Size:     {} bytes", status.get::<_, i64>("bytes_done")),
        format!("Kept:     until {until}"),
        format!("Job:      {job}"),
        format!("Get it here: https://app.example.com/exports/{job}"),
    ] {
        assert!(mail.body.contains(&wanted), "{wanted}: {}", mail.body);
    }
    // No filter, no actor, no tenant, no name of a file, nothing of the rows.
    for personal in ["zoe", "active", &app.tenants[0], ".csv", "@a.example", &app.login] {
        assert!(!mail.body.contains(personal), "{personal}: {}", mail.body);
    }
    is_nowhere(&app, &smtp.password, log_from);
    is_nowhere(&app, "Get it here", log_from);
}

#[test]
fn failure_is_told_with_the_sentence_and_the_job() {
    let (app, smtp) = (app(), Smtp::start());
    mails_by(&app, &smtp);
    let mut client = app.session(&app.login, 0);
    let job = exported(&mut client, "'broken', 'csv'");
    sent(&mut client, &job);
    let mail = mail(&smtp, &job);
    assert_eq!(mail.header("subject"), "Export failed: Odd shares");
    assert!(mail.body.starts_with("Export failed. Please try again.\n"), "{}", mail.body);
    assert!(mail.body.contains(&job) && mail.body.contains("Error:    22012"), "{}", mail.body);
    assert!(mail.body.contains(&format!("SELECT * FROM acct_export_status('{job}');")));
}

#[test]
fn a_companion_that_failed_is_named() {
    let (app, smtp) = (app(), Smtp::start());
    mails_by(&app, &smtp);
    let mut client = app.session(&app.login, 0);
    let job = exported(&mut client, "'users', 'csv', include => '{broken}'");
    sent(&mut client, &job);
    let mail = mail(&smtp, &job);
    assert_eq!(mail.header("subject"), "Export incomplete: Odd shares export failed");
    assert!(
        mail.body.starts_with("Odd shares export failed. The other files are available.\n"),
        "{}",
        mail.body
    );
    assert!(mail.body.contains("Files:    1\n") && mail.body.contains("Error:    22012"), "{}", mail.body);
}

#[test]
fn none_is_sent_unless_somebody_asked() {
    let (app, smtp) = (app(), Smtp::start());
    mails_by(&app, &smtp);
    let mut client = app.session(&app.login, 0);
    completed(&mut client, "'users', 'csv'");
    // And who cancels an export knows of it.
    let gate = Gate::close(&app);
    let job = start(&mut client, &format!("'users', 'csv', notify_email => '{ADDRESS}'"));
    wait_for_status(&mut client, &job, "running");
    client.execute("SELECT acct_export_cancel($1::text::uuid)", &[&job]).unwrap();
    wait_for_job(&mut client, &job);
    gate.open();
    let told = text(&mut app.superuser(), "SELECT count(*)::text FROM acct_export.outbox");
    assert_eq!(told.as_deref(), Some("0"));
    assert_eq!(smtp.mails().len(), 0);
}

#[test]
fn tls_from_the_first_byte() {
    let (app, smtp) = (app(), Smtp::start());
    let options = format!(", tls 'tls', sslrootcert '{}'", smtp.ca_file().display());
    office::mail_server(&app, "mails", smtp.port_tls(), &options, &smtp);
    let mut client = app.session(&app.login, 0);
    let job = exported(&mut client, "'users', 'csv'");
    sent(&mut client, &job);
    mail(&smtp, &job);
}

#[test]
fn a_server_that_is_down_gets_it_later_and_once() {
    let (app, smtp) = (app(), Smtp::start());
    let proxy = Proxy::bytes(&format!("127.0.0.1:{}", smtp.port_starttls()));
    proxy.set(Behaviour::Refuse);
    mails_through(&app, &smtp, proxy.port());
    let mut client = app.session(&app.login, 0);
    let job = exported(&mut client, "'users', 'csv'");
    let failed = format!("the mail about export {job} was not sent and will be tried again (HV00N)");
    wait_until(LIMIT, "three tries have failed", || shared().log().matches(&failed).count() == 3);
    proxy.set(Behaviour::Pass);
    let told = sent(&mut client, &job);
    assert!(told.get::<_, i32>("tries") >= 4);
    mail(&smtp, &job);
    // The job knows nothing of all that.
    assert_eq!(asking::status(&mut client, &job).get::<_, String>("status"), "completed");
}

/// At least once: the mail is taken, and the sender goes down before it hears of that.
#[test]
fn a_sender_that_is_killed_sends_again() {
    let (app, smtp) = (app(), Smtp::start());
    let proxy = Proxy::bytes(&format!("127.0.0.1:{}", smtp.port_starttls()));
    proxy.set(Behaviour::Hold);
    mails_through(&app, &smtp, proxy.port());
    let mut client = app.session(&app.login, 0);
    let job = exported(&mut client, "'users', 'csv'");
    let tries = format!("SELECT tries::text FROM acct_export_messages WHERE job_id = '{job}'");
    wait_until(LIMIT, "it is being sent", || text(&mut client, &tries).as_deref() == Some("1"));
    let pid = sender(&app);
    let idle = format!("SELECT (state <> 'idle in transaction' AND backend_xmin IS NULL AND query LIKE 'mail about export %')::text FROM pg_stat_activity WHERE pid = {pid}");
    // The try is committed before it is shown as what the process does.
    wait_until(LIMIT, "no transaction is open meanwhile", || {
        text(&mut app.superuser(), &idle).as_deref() == Some("true")
    });
    app.superuser().execute("SELECT pg_terminate_backend($1)", &[&pid]).unwrap();
    let gone = format!("SELECT count(*)::text FROM pg_stat_activity WHERE pid = {pid}");
    wait_until(LIMIT, "the sender is gone", || text(&mut client, &gone).as_deref() == Some("0"));
    proxy.set(Behaviour::Pass);
    // Looking at a job starts another where something is due.
    wait_until(LIMIT, "it is sent after all", || {
        asking::status(&mut client, &job);
        text(&mut client, &format!("SELECT count(*)::text FROM acct_export_messages WHERE job_id = '{job}' AND sent_at IS NOT NULL")).as_deref() == Some("1")
    });
    assert!(message(&mut client, &job).get::<_, i32>("tries") >= 2);
    mail(&smtp, &job);
}

#[test]
fn a_mail_whose_receipt_was_lost_comes_twice_with_one_id() {
    let (app, smtp) = (app(), Smtp::start());
    mails_by(&app, &smtp);
    let mut client = app.session(&app.login, 0);
    let job = exported(&mut client, "'users', 'csv'");
    sent(&mut client, &job);
    // The state that a sender leaves that went down between the server's answer and its own commit.
    app.superuser()
        .batch_execute("UPDATE acct_export.outbox SET sent_at = NULL, next_try_at = clock_timestamp()")
        .unwrap();
    asking::status(&mut client, &job);
    wait_until(LIMIT, "it comes again", || mails(&smtp, &job).len() == 2);
    let ids = mails(&smtp, &job).iter().map(|mail| mail.header("message-id").to_owned()).collect::<Vec<_>>();
    assert_eq!(ids[0], ids[1]);
}

#[test]
fn what_is_rolled_back_is_not_told() {
    let (app, smtp) = (app(), Smtp::start());
    mails_by(&app, &smtp);
    app.superuser().batch_execute(&format!("ALTER DATABASE {} SET acct_export.async = off", app.db)).unwrap();
    let mut client = app.session(&app.login, 0);
    client.batch_execute("BEGIN").unwrap();
    let undone = start(&mut client, &format!("'users', 'csv', notify_email => '{ADDRESS}'"));
    client.batch_execute("ROLLBACK; BEGIN").unwrap();
    // Done in the session itself: told at its commit.
    let job = start(&mut client, &format!("'users', 'csv', notify_email => '{ADDRESS}'"));
    let told = "SELECT count(*)::text FROM acct_export_messages";
    assert_eq!(text(&mut client, told).as_deref(), Some("1"));
    assert_eq!(smtp.mails().len(), 0);
    client.batch_execute("COMMIT").unwrap();
    sent(&mut client, &job);
    mail(&smtp, &job);
    assert!(mails(&smtp, &undone).is_empty());
}

/// Somebody else asks again, who may see more: the first one's address gets nothing.
#[test]
fn a_retry_by_somebody_else_sends_none() {
    let (app, smtp) = (app(), Smtp::start());
    mails_by(&app, &smtp);
    let mut client = app.session(&app.login, 0);
    let job = exported(&mut client, "'broken', 'csv'");
    sent(&mut client, &job);
    let asked = |client: &mut postgres::Client, job: &str| {
        text(client, &format!("SELECT acct_export_job('{job}') #>> '{{request,notify_email}}'"))
    };
    let mut superuser = app.superuser();
    let (login, manager) = (&app.login, &app.nologin);
    superuser
        .batch_execute(&format!(
            "GRANT {login} TO {manager}; SET app.tenant_id = '{}'; SET ROLE {manager}",
            app.tenants[0]
        ))
        .unwrap();
    let theirs = text(&mut superuser, &format!("SELECT acct_export_retry('{job}')::text")).unwrap();
    assert_eq!(asked(&mut superuser, &theirs), None);
    let own = text(&mut client, &format!("SELECT acct_export_retry('{job}')::text")).unwrap();
    assert_eq!(asked(&mut client, &own).as_deref(), Some(ADDRESS));
}
