//! Mails that are refused where they are asked for, and those that are given up later.
#![cfg(feature = "smtp")]

use support::asking;

use support::asking::{completed, refusal, refused, start, text};
use support::common::{shared, unique, wait_for_job};
use support::office::{app, exported, given_up, is_nowhere, mail, mail_server, mails_by, sent, ADDRESS};
use support::remote::{Behaviour, Proxy, Smtp};

fn asking_for(address: &str) -> String {
    format!(
        "SELECT acct_export_start('users', 'csv', notify_email => '{}')::text",
        address.replace('\'', "''")
    )
}

#[test]
fn one_address_and_nothing_else() {
    let (app, smtp) = (app(), Smtp::start());
    mails_by(&app, &smtp);
    let mut client = app.session(&app.login, 0);
    for address in [
        "",
        "zoe",
        "@example.com",
        "zoe@",
        "zoe@example.com, x@evil.example",
        "Zoe <zoe@example.com>",
        "zoe@example.com\nBcc: x@evil.example",
        "zoe@example.com\r\nRCPT TO:<x@evil.example>",
        "zoe@exam ple.com",
        "zoe@example.com>",
    ] {
        let error = refused(&mut client, &asking_for(address), "22023", "notify_email", "user@example.com");
        assert_eq!(error.message, "invalid e-mail address in notify_email");
        assert!(error.detail.is_none());
    }
    assert_eq!(text(&mut client, "SELECT count(*)::text FROM acct_export_jobs").as_deref(), Some("0"));
}

#[test]
fn usage_says_who_may_have_mails() {
    let (app, smtp) = (app(), Smtp::start());
    let mut client = app.session(&app.login, 0);
    refused(&mut client, &asking_for(ADDRESS), "42501", "mail server", "GRANT USAGE ON FOREIGN SERVER");
    mails_by(&app, &smtp);
    let mut superuser = app.superuser();
    superuser.batch_execute(&format!("REVOKE USAGE ON FOREIGN SERVER mails FROM {}", app.login)).unwrap();
    refused(&mut client, &asking_for(ADDRESS), "42501", "mail server", "GRANT USAGE ON FOREIGN SERVER");
    // By membership, too.
    let group = unique("mailers");
    superuser
        .batch_execute(&format!(
            "CREATE ROLE {group}; GRANT USAGE ON FOREIGN SERVER mails TO {group}; GRANT {group} TO {}",
            app.login
        ))
        .unwrap();
    let job = exported(&mut client, "'users', 'csv'");
    sent(&mut client, &job);
}

/// A right that is gone by the end of the job is the message's failure, not the job's.
#[test]
fn usage_counts_when_it_is_told() {
    let (app, smtp) = (app(), Smtp::start());
    mails_by(&app, &smtp);
    let mut client = app.session(&app.login, 0);
    let gate = asking::Gate::close(&app);
    let job = start(&mut client, &format!("'users', 'csv', notify_email => '{ADDRESS}'"));
    app.superuser()
        .batch_execute(&format!("REVOKE USAGE ON FOREIGN SERVER mails FROM {}", app.login))
        .unwrap();
    gate.open();
    assert_eq!(wait_for_job(&mut client, &job).get::<_, String>("status"), "completed");
    let (code, error, tries) = given_up(&mut client, &job);
    assert_eq!((code.as_str(), tries), ("42501", 0), "{error}");
    assert!(smtp.mails().is_empty());
}

#[test]
fn of_several_servers_the_setting_names_one() {
    let (app, smtp) = (app(), Smtp::start());
    mails_by(&app, &smtp);
    mail_server(
        &app,
        "others",
        smtp.port_starttls(),
        &format!(", sslrootcert '{}'", smtp.ca_file().display()),
        &smtp,
    );
    refused(
        &mut app.session(&app.login, 0),
        &asking_for(ADDRESS),
        "55000",
        "acct_export.mail_server",
        "mails, others",
    );
    let set = |to: &str| {
        app.superuser()
            .batch_execute(&format!("ALTER DATABASE {} SET acct_export.mail_server = '{to}'", app.db))
            .unwrap()
    };
    set("elsewhere");
    refused(
        &mut app.session(&app.login, 0),
        &asking_for(ADDRESS),
        "42501",
        "acct_export.mail_server",
        "mails, others",
    );
    set("others");
    let mut client = app.session(&app.login, 0);
    let job = exported(&mut client, "'users', 'csv'");
    assert_eq!(sent(&mut client, &job).get::<_, String>("server"), "others");
    assert_eq!(refusal(&mut client, "SET acct_export.mail_server = 'mails'").sqlstate, "42501");
}

#[test]
fn allowed_domains_are_all_that_it_sends_to() {
    let (app, smtp) = (app(), Smtp::start());
    mails_by(&app, &smtp);
    app.superuser()
        .batch_execute("ALTER SERVER mails OPTIONS (ADD allowed_domains 'corp.example, Example.COM')")
        .unwrap();
    let mut client = app.session(&app.login, 0);
    for address in ["zoe@elsewhere.example", "zoe@example.com.evil.example", "zoe@sub.example.com"] {
        refused(&mut client, &asking_for(address), "42501", "mails", "allowed_domains");
    }
    let job = exported(&mut client, "'users', 'csv'");
    sent(&mut client, &job);
}

#[test]
fn a_wrong_password_is_given_up() {
    let (app, smtp) = (app(), Smtp::start());
    let log_from = shared().log().len();
    mails_by(&app, &smtp);
    app.superuser()
        .batch_execute(
            "ALTER USER MAPPING FOR PUBLIC SERVER mails OPTIONS (SET password 'not-the-pass-word')",
        )
        .unwrap();
    let mut client = app.session(&app.login, 0);
    let job = exported(&mut client, "'users', 'csv'");
    let (code, error, tries) = given_up(&mut client, &job);
    assert_eq!((code.as_str(), tries), ("28000", 1), "{error}");
    assert_eq!(error, "the mail server refused the credentials (answer 535)");
    assert_eq!(asking::status(&mut client, &job).get::<_, String>("status"), "completed");
    is_nowhere(&app, "not-the-pass-word", log_from);
    let line = format!("the mail about export {job} was not sent and will not be tried again (28000)");
    assert!(shared().log()[log_from..].contains(&line));
    // Statements of the sessions of other tests, which the server logs with their errors, are theirs.
    let log = shared().log();
    let mut ours =
        log[log_from..].lines().filter(|line| !line.contains("STATEMENT:") && !line.starts_with('\t'));
    assert!(!ours.any(|line| line.contains("zoe@")));
}

/// The mapping of the role itself counts before that of PUBLIC.
#[test]
fn a_role_has_credentials_of_its_own() {
    let (app, smtp) = (app(), Smtp::start());
    mails_by(&app, &smtp);
    app.superuser()
        .batch_execute(&format!(
            "ALTER USER MAPPING FOR PUBLIC SERVER mails OPTIONS (SET password 'wrong');
             CREATE USER MAPPING FOR {} SERVER mails OPTIONS (user '{}', password '{}')",
            app.login, smtp.user, smtp.password
        ))
        .unwrap();
    let mut client = app.session(&app.login, 0);
    let job = exported(&mut client, "'users', 'csv'");
    sent(&mut client, &job);
}

#[test]
fn what_the_server_refuses_is_given_up_and_what_it_puts_off_is_not() {
    let (app, smtp) = (app(), Smtp::start());
    mails_by(&app, &smtp);
    app.superuser().batch_execute("ALTER SERVER mails OPTIONS (ADD retry_timeout '2')").unwrap();
    let mut client = app.session(&app.login, 0);
    for (address, tried, answer) in
        [("refused@example.com", 1..=1, "550"), ("later@example.com", 2..=4, "451")]
    {
        let job = start(&mut client, &format!("'users', 'csv', notify_email => '{address}'"));
        wait_for_job(&mut client, &job);
        let (code, error, tries) = given_up(&mut client, &job);
        assert_eq!(code, "HV000", "{error}");
        assert!(error.contains(answer) && !error.contains(address), "{error}");
        assert!(tried.contains(&tries), "{address}: {tries}");
    }
    assert!(smtp.mails().is_empty());
}

/// The authority that signed the server's certificate is in no list of the system's.
#[test]
fn a_certificate_that_nobody_vouches_for() {
    let (app, smtp) = (app(), Smtp::start());
    let log_from = shared().log().len();
    mail_server(&app, "mails", smtp.port_starttls(), ", retry_timeout '1'", &smtp);
    let mut client = app.session(&app.login, 0);
    let job = exported(&mut client, "'users', 'csv'");
    let (code, error, _) = given_up(&mut client, &job);
    assert_eq!(code, "HV00N");
    assert!(error.starts_with("the certificate of the mail server is not trusted"), "{error}");
    assert!(error.contains("sslrootcert"), "{error}");
    // Not even the user's name was sent: what exim logs of a login is not there.
    assert!(!smtp.log().contains("A="), "{}", smtp.log());
    is_nowhere(&app, &smtp.password, log_from);
    app.superuser()
        .batch_execute(&format!(
            "ALTER SERVER mails OPTIONS (ADD sslrootcert '{}')",
            smtp.ca_file().display()
        ))
        .unwrap();
    let job = exported(&mut client, "'users', 'ndjson'");
    sent(&mut client, &job);
    mail(&smtp, &job);
}

/// Without TLS the server offers no login; and elsewhere than on loopback a password is not even tried.
#[test]
fn no_password_goes_without_tls() {
    let (app, smtp) = (app(), Smtp::start());
    let options = ", tls 'none', retry_timeout '1'";
    mail_server(&app, "mails", smtp.port_starttls(), options, &smtp);
    let mut client = app.session(&app.login, 0);
    let job = exported(&mut client, "'users', 'csv'");
    assert_eq!(given_up(&mut client, &job).1, "the mail server does not support login by password");
    // An address of the documentation's, which is nobody's.
    app.superuser().batch_execute("ALTER SERVER mails OPTIONS (SET host '192.0.2.1')").unwrap();
    let job = exported(&mut client, "'users', 'ndjson'");
    let (code, error, tries) = given_up(&mut client, &job);
    assert_eq!((code.as_str(), tries), ("28000", 1));
    assert!(error.starts_with("cannot send a password without TLS"), "{error}");
}

/// Somebody on the way who takes STARTTLS out of the greeting gets neither password nor mail.
#[test]
fn starttls_is_not_given_up_when_it_is_not_offered() {
    let app = app();
    let smtp = Smtp::start();
    let plain = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = plain.local_addr().unwrap().port();
    let heard = std::thread::spawn(move || {
        use std::io::{BufRead, BufReader, Write};
        let (mut client, _) = plain.accept().unwrap();
        client.write_all(b"220 plain.example ESMTP\r\n").unwrap();
        let mut heard = Vec::new();
        for line in BufReader::new(client.try_clone().unwrap()).lines().map_while(Result::ok) {
            let answer: &[u8] = match line.split(' ').next() {
                Some("EHLO") => b"250-plain.example\r\n250 AUTH PLAIN LOGIN\r\n",
                Some("QUIT") => b"221 bye\r\n",
                _ => b"250 go on\r\n",
            };
            heard.push(line);
            if client.write_all(answer).is_err() {
                break;
            }
        }
        heard
    });
    mail_server(&app, "mails", port, ", retry_timeout '1'", &smtp);
    let mut client = app.session(&app.login, 0);
    let job = exported(&mut client, "'users', 'csv'");
    let heard = heard.join().unwrap();
    assert!(heard.iter().all(|line| line.starts_with("EHLO") || line == "QUIT"), "{heard:?}");
    given_up(&mut client, &job);
}

/// A server that accepts and says nothing holds up no job, and is not waited for for ever.
#[test]
fn a_server_that_says_nothing() {
    let (app, smtp) = (app(), Smtp::start());
    let proxy = Proxy::bytes(&format!("127.0.0.1:{}", smtp.port_starttls()));
    proxy.set(Behaviour::Hold);
    let options = ", connect_timeout '1', retry_timeout '1'";
    mail_server(&app, "mails", proxy.port(), options, &smtp);
    let mut client = app.session(&app.login, 0);
    let job = exported(&mut client, "'users', 'csv'");
    let (code, error, _) = given_up(&mut client, &job);
    assert_eq!((code.as_str(), error.as_str()), ("HV00N", "the mail server did not answer in time"));
    completed(&mut client, "'users', 'ndjson'");
}
