use super::super::message::tests::message;
use super::super::template::built_in;
use super::super::Channel;
use super::*;
use crate::foreign_server::Options;
use crate::foreign_server::Wrapper;

fn server(options: &[(&str, &str)]) -> Server {
    let mut all = vec![("host", "mail.example.com"), ("from", "Exports <no-reply@example.com>")];
    all.extend(options);
    let options: Options = all.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    Server { oid: 5, name: "mails".to_owned(), wrapper: Wrapper::Smtp, options, is_superusers: true }
}

fn made(message: &Message, server: &Server, template: &Template) -> Result<(Envelope, String)> {
    let words = Words { message, link: None, database: "app" };
    let mail = mail(message, server, template, &words)?;
    Ok((mail.envelope().clone(), String::from_utf8(mail.formatted()).unwrap()))
}

/// Headers by name, unfolded, and the text below them.
fn read(text: &str) -> (Vec<(String, String)>, String) {
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let headers = head.replace("\r\n ", " ");
    let pairs = headers.split("\r\n").map(|line| line.split_once(": ").unwrap());
    (pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(), body.to_owned())
}

#[test]
fn headers_are_those_of_an_automatic_mail() {
    let server = server(&[("reply_to", "help@example.com")]);
    let (envelope, text) =
        made(&message(Channel::Mail, "completed"), &server, &built_in("completed").unwrap()).unwrap();
    assert_eq!(envelope.from().unwrap().to_string(), "no-reply@example.com");
    assert_eq!(envelope.to().iter().map(ToString::to_string).collect::<Vec<_>>(), ["zoe@example.com"]);
    let (headers, body) = read(&text);
    let header =
        |name: &str| headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str());
    assert_eq!(header("From"), Some("Exports <no-reply@example.com>"));
    assert_eq!(header("To"), Some("zoe@example.com"));
    assert_eq!(header("Reply-To"), Some("help@example.com"));
    assert_eq!(header("Subject"), Some("Export complete: Users"));
    assert_eq!(header("Message-ID"), Some("<0190a1b2-0000-4000-8000-000000000001@example.com>"));
    assert_eq!(header("Auto-Submitted"), Some("auto-generated"));
    assert_eq!(header("Content-Type"), Some("text/plain; charset=utf-8"));
    assert!(header("Date").is_some());
    assert!(body.starts_with("Export complete!\r\n\r\nDataset:  Users\r\n"), "{body}");
    // The name of nobody, no tenant.
    assert!(!body.contains("zoe") && !body.contains("t1"));
}

#[test]
fn nothing_adds_a_header_or_a_recipient() {
    let mut hostile = message(Channel::Mail, "completed");
    hostile.event.title = Some("Users\r\nBcc: x@evil.example\r\n\r\nHello".to_owned());
    let (envelope, text) = made(&hostile, &server(&[]), &built_in("completed").unwrap()).unwrap();
    assert_eq!(envelope.to().len(), 1);
    let (headers, _) = read(&text);
    assert!(headers.iter().all(|(name, _)| name != "Bcc"), "{text}");

    for address in ["zoe@example.com\r\nRCPT TO:<x@evil.example>", "a@b.example, x@evil.example", "zoe", ""] {
        hostile.recipient = Some(address.to_owned());
        assert!(made(&hostile, &server(&[]), &built_in("completed").unwrap()).is_err(), "{address}");
    }
}

#[test]
fn other_letters_are_encoded() {
    let mut told = message(Channel::Mail, "completed");
    told.event.title = Some("Benützer \u{202e}".to_owned());
    let server = server(&[("from", "Expörts <no-reply@example.com>")]);
    let (_, text) = made(&told, &server, &built_in("completed").unwrap()).unwrap();
    assert!(text.is_ascii(), "{text}");
    let (headers, _) = read(&text);
    let subject = headers.iter().find(|(name, _)| name == "Subject").map(|(_, value)| value.as_str());
    assert!(subject.unwrap().contains("=?utf-8?"), "{subject:?}");
}

#[test]
fn no_password_goes_unprotected() {
    let secrets: Secrets = [("user", "u"), ("password", "p")].into_iter().collect();
    let protection = |options: &[(&str, &str)]| {
        account(&server(options), Some(&secrets)).map(|account| (account.protection, account.port))
    };
    assert_eq!(protection(&[]).unwrap(), (Protection::StartTls, 587));
    assert_eq!(protection(&[("tls", "tls")]).unwrap(), (Protection::Tls, 465));
    assert_eq!(protection(&[("tls", "starttls"), ("port", "25")]).unwrap(), (Protection::StartTls, 25));
    assert_eq!(protection(&[("tls", "none")]).unwrap_err().sqlstate(), "28000");
    for host in ["localhost", "127.0.0.1", "::1"] {
        assert_eq!(protection(&[("tls", "none"), ("host", host)]).unwrap(), (Protection::None, 25), "{host}");
    }
    for host in ["127.0.0.1.evil.example", "localhost.evil.example", "10.0.0.1"] {
        assert!(protection(&[("tls", "none"), ("host", host)]).is_err(), "{host}");
    }
    assert!(account(&server(&[("tls", "none")]), None).unwrap().credentials.is_none());
}
