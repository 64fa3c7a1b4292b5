//! The proxy of the other tests does to connections what it says, and the mail server refuses what it must refuse.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;

use support::common::{done, python, wait_until};
use support::remote::{curl, curl_fails, Behaviour, Hook, Proxy, Smtp, LIMIT};

/// A server behind a proxy, and a URL at the proxy.
fn proxied() -> (Hook, Proxy, String) {
    let hook = Hook::start();
    let proxy = Proxy::http(&hook.address());
    let url = format!("{}/event?n=1", proxy.endpoint());
    (hook, proxy, url)
}

#[test]
fn the_proxy_passes_refuses_and_answers() {
    let (hook, proxy, url) = proxied();
    assert_eq!(curl(&url, &["--data", "body", "--header", "X-Mark: m"]).0, 204);
    let posted = hook.posted();
    assert_eq!((posted[0].path.as_str(), posted[0].body.as_slice()), ("/event?n=1", b"body".as_slice()));
    assert_eq!(posted[0].header("x-mark"), Some("m"));
    assert_eq!(
        posted[0].header("host"),
        Some(url[7..].split('/').next().unwrap()),
        "the Host is the client's"
    );

    proxy.set(Behaviour::Refuse);
    assert_eq!(curl_fails(&url, &[]), 7);
    proxy.set(Behaviour::s3_error(503, "SlowDown", 2));
    for _ in 0..2 {
        let (status, said) = curl(&url, &["--data", "body"]);
        assert!(status == 503 && said.contains("<Code>SlowDown</Code>"), "{status} {said}");
    }
    assert!(proxy.is_over());
    hook.answer(500);
    assert_eq!(curl(&url, &["--data", "body"]).0, 500);
    assert_eq!((proxy.count("POST", "/event"), hook.posted().len()), (4, 2));

    proxy.set_for("PUT", "/event", Behaviour::answer(403, 1));
    assert_eq!(curl(&url, &["--data", "body"]).0, 500);
    assert_eq!(curl(&url, &["--data", "body", "--request", "PUT"]).0, 403);
}

#[test]
fn the_proxy_resets() {
    let (hook, proxy, url) = proxied();
    let big = "x".repeat(100_000);
    proxy.set(Behaviour::ResetAfter { bytes: 50_000, times: 1 });
    assert_eq!(curl(&url, &["--data", "short"]).0, 204);
    assert!([55, 56].contains(&curl_fails(&url, &["--data", &big, "--header", "Expect:"])));
    assert!(proxy.is_over());
    assert_eq!(curl(&url, &["--data", &big]).0, 204);
    assert_eq!(hook.posted().len(), 2, "half a request is none");

    proxy.set(Behaviour::LoseAnswer { times: 1 });
    assert_eq!(curl_fails(&url, &["--data", "body"]), 56);
    assert_eq!(hook.posted().len(), 3, "the server has it all the same");
    assert_eq!(curl(&url, &["--data", "body"]).0, 204);
}

#[test]
fn the_proxy_holds_and_slows_down() {
    let (hook, proxy, url) = proxied();
    proxy.set(Behaviour::Hold);
    let waiting = std::thread::spawn(move || curl(&url, &["--data", "body"]).0);
    wait_until(LIMIT, "the request comes to the proxy", || proxy.count("POST", "/event") == 1);
    assert!(hook.posted().is_empty() && !waiting.is_finished());
    // So slow that it would take an hour.
    proxy.set(Behaviour::Slow(1));
    assert!(!waiting.is_finished());
    proxy.set(Behaviour::Pass);
    assert_eq!(waiting.join().unwrap(), 204);
    assert_eq!(hook.posted().len(), 1);
}

/// Python's smtplib sends a mail by tests/support/remote/mail.py.
fn mail(smtp: &Smtp, port: u16, way: &str, password: &str, to: &str) -> String {
    let mut command = Command::new(python::with_packages());
    command.arg("-B").arg(support::project().join("tests/support/remote/mail.py"));
    command.args([&port.to_string(), way]).arg(smtp.ca_file()).args([&smtp.user, password, to]);
    String::from_utf8(done(&mut command).stdout).unwrap().trim().to_owned()
}

#[test]
fn the_mail_server_takes_mail_over_tls_with_a_password() {
    let smtp = Smtp::start();
    let (starttls, tls) = (smtp.port_starttls(), smtp.port_tls());
    let try_ = |port, way: &str, password: &str, to: &str| mail(&smtp, port, way, password, to);
    assert_eq!(try_(starttls, "plain", "", "a@x.example"), "550 relay not permitted");
    assert_eq!(try_(starttls, "plain", &smtp.password, "a@x.example"), "no authentication offered");
    assert_eq!(try_(starttls, "starttls", "", "a@x.example"), "550 relay not permitted");
    assert_eq!(try_(starttls, "starttls", "wrong", "a@x.example"), "535 Incorrect authentication data");
    assert_eq!(try_(starttls, "untrusted", &smtp.password, "a@x.example"), "certificate refused");
    assert_eq!(try_(tls, "tls", &smtp.password, "refused@x.example"), "550 no such mailbox");
    assert_eq!(try_(tls, "tls", &smtp.password, "later@x.example"), "451 try again later");
    assert!(smtp.mails().is_empty());
    assert_eq!(try_(starttls, "starttls", &smtp.password, "a@x.example"), "sent");
    assert_eq!(try_(tls, "tls", &smtp.password, "b@x.example"), "sent");
    wait_until(LIMIT, "both mails are there", || smtp.mails().len() == 2);
    let mut mails = smtp.mails();
    mails.sort_by_key(|mail| mail.contains("Envelope-to: b@x.example"));
    assert!(mails[0].contains("Envelope-to: a@x.example"), "{}", mails[0]);
    assert!(mails[1].contains("Envelope-to: b@x.example"), "{}", mails[1]);
    for mail in &mails {
        assert!(mail.contains("Return-path: <from@x.example>"), "{mail}");
        assert!(mail.contains("Subject: =?utf-8?q?gr=C3=BC=C3=9Fe?=") && mail.contains("the text"), "{mail}");
    }
}

#[test]
fn the_mail_server_goes_and_comes_back() {
    let smtp = Smtp::start();
    let proxy = Proxy::bytes(&format!("127.0.0.1:{}", smtp.port_starttls()));
    assert_eq!(mail(&smtp, proxy.port(), "starttls", &smtp.password, "a@x.example"), "sent");
    smtp.stop();
    assert_eq!(mail(&smtp, smtp.port_starttls(), "starttls", &smtp.password, "a@x.example"), "refused");
    smtp.start_again();
    assert_eq!(mail(&smtp, smtp.port_starttls(), "starttls", &smtp.password, "b@x.example"), "sent");
    wait_until(LIMIT, "the mails are there", || smtp.mails().len() == 2);
    // A greeting, which the server sends of its own.
    let mut session = TcpStream::connect(("127.0.0.1", proxy.port())).unwrap();
    session.write_all(b"QUIT\r\n").unwrap();
    let mut said = String::new();
    session.read_to_string(&mut said).unwrap();
    assert!(said.starts_with("220 ") && said.contains("221 "), "{said}");
}
