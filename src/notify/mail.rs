//! A mail: what is in it, and handing it to its server.

use super::prepared::PreparedMessage;
use super::template::Template;
use super::words::Words;
use super::{mail_server, templates, Message, SendError, Sent};
use crate::error::{Error, Kind, Result};
use crate::foreign_server::{self, Secrets, Server};
use crate::network::{errors, tls};
use crate::pg::catalog;
use lettre::address::Envelope;
use lettre::message::header::{ContentType, HeaderName, HeaderValue, MessageId};
use lettre::message::Mailbox;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{Certificate, SmtpConnection, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::Error as SmtpError;
use lettre::Address;
use std::net::IpAddr;
use std::time::Duration;

const CONNECT_TIMEOUT: u32 = 10;
/// Steps of a conversation with a server, each of which may take as long as connecting.
const STEPS: u32 = 12;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protection {
    StartTls,
    Tls,
    None,
}

/// The account on a server.
struct Account {
    host: String,
    port: u16,
    protection: Protection,
    sslrootcert: Option<String>,
    timeout: Duration,
    credentials: Option<Credentials>,
}

pub fn pack(
    message: &Message,
    server: &Server,
    link: Option<&str>,
) -> std::result::Result<PreparedMessage, SendError> {
    let recipient = message.recipient.as_deref().unwrap_or_default();
    if !mail_server::sends_to(server.option("allowed_domains"), recipient) {
        let error = Error::denied("the mail server does not allow the domain of the address any more");
        return Err(SendError::for_good(error));
    }
    let words = Words { message, link, database: &catalog::database_name() };
    let untold = || SendError::for_good(Error::new(Kind::Internal, "there is no mail about this outcome"));
    let template = templates::in_force(&message.event.status)?.ok_or_else(untold)?;
    let mail = mail(message, server, &template, &words).map_err(SendError::for_good)?;
    let account = account(server, foreign_server::credentials(server, message.requested_by)?.as_ref())
        .map_err(SendError::for_good)?;
    let limit = account.timeout * STEPS;
    let (envelope, text) = (mail.envelope().clone(), mail.formatted());
    Ok(PreparedMessage { post: Box::new(move || account.post(&envelope, &text)), limit })
}

/// The mail in full. Its Message-ID is the same at each try.
fn mail(
    message: &Message,
    server: &Server,
    template: &Template,
    words: &Words<'_>,
) -> Result<lettre::Message> {
    let unfit = |what: &'static str| {
        move || Error::new(Kind::FdwError, format!("could not make a mail: invalid {what}"))
    };
    let from = server.option("from").and_then(sender).ok_or_else(unfit("option \"from\""))?;
    let to = message.recipient.as_deref().and_then(address).ok_or_else(unfit("address"))?;
    let id = format!("<{}@{}>", message.id, from.email.domain());
    let mut builder = lettre::Message::builder()
        .from(from)
        .to(Mailbox::new(None, to))
        .subject(template.subject(&|word| words.value(word)))
        .header(MessageId::from(id))
        .header(ContentType::TEXT_PLAIN);
    if let Some(reply_to) = server.option("reply_to").and_then(sender) {
        builder = builder.reply_to(reply_to);
    }
    // RFC 3834, section 5: so that nobody's absence is answered to it.
    let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
    builder = builder.raw_header(HeaderValue::new(automatic, "auto-generated".to_owned()));
    builder.body(template.body(&|word| words.value(word))).map_err(|_| unfit("headers")())
}

/// One bare address. It is checked once more: the library takes some that it cannot write.
fn address(text: &str) -> Option<Address> {
    foreign_server::mailbox(text).ok()?;
    text.parse().ok()
}

/// The same, or one with a name: `Name <user@example.com>`.
fn sender(text: &str) -> Option<Mailbox> {
    match text.strip_suffix('>').and_then(|rest| rest.rsplit_once('<')) {
        Some((name, _)) if name.chars().any(char::is_control) => None,
        Some((name, bare)) => {
            Some(Mailbox::new(Some(name.trim().to_owned()).filter(|name| !name.is_empty()), address(bare)?))
        }
        None => Some(Mailbox::new(None, address(text)?)),
    }
}

/// 28000 for a password that would be read on the way.
fn account(server: &Server, secrets: Option<&Secrets>) -> Result<Account> {
    let (protection, port) = match server.option("tls") {
        Some("tls") => (Protection::Tls, 465),
        Some("none") => (Protection::None, 25),
        _ => (Protection::StartTls, 587),
    };
    let host = server.option("host").unwrap_or_default().to_owned();
    let pair = secrets.and_then(|secrets| Some((secrets.get("user")?, secrets.get("password")?)));
    if pair.is_some() && protection == Protection::None && !is_loopback(&host) {
        return Err(Error::new(Kind::InvalidAuthorization, "cannot send a password without TLS")
            .hint("Set option tls of the mail server to starttls or tls."));
    }
    Ok(Account {
        host,
        port: server.number("port", port).try_into().unwrap_or_default(),
        protection,
        sslrootcert: server.option("sslrootcert").map(str::to_owned),
        timeout: Duration::from_secs(server.number("connect_timeout", CONNECT_TIMEOUT).into()),
        credentials: pair.map(|(user, password)| Credentials::new(user.to_owned(), password.to_owned())),
    })
}

fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

impl Account {
    fn post(self, envelope: &Envelope, text: &[u8]) -> Sent {
        let name = ClientId::default();
        let tls = self.tls()?;
        let wrapper = tls.as_ref().filter(|_| self.protection == Protection::Tls);
        let address = (self.host.as_str(), self.port);
        let mut server = SmtpConnection::connect(address, Some(self.timeout), &name, wrapper, None)
            .map_err(|error| send_error(&error))?;
        let outcome = self.talk(&mut server, &name, tls.as_ref(), envelope, text);
        // Also QUIT, whose answer changes nothing any more.
        server.abort();
        outcome
    }

    fn talk(
        &self,
        server: &mut SmtpConnection,
        name: &ClientId,
        tls: Option<&TlsParameters>,
        envelope: &Envelope,
        text: &[u8],
    ) -> Sent {
        if let (Protection::StartTls, Some(tls)) = (self.protection, tls) {
            if !server.can_starttls() {
                return Err(SendError::for_now(Error::new(
                    Kind::FdwError,
                    "the mail server does not support STARTTLS",
                )));
            }
            server.starttls(tls, name).map_err(|error| send_error(&error))?;
        }
        if let Some(credentials) = &self.credentials {
            let mechanisms = [Mechanism::Plain, Mechanism::Login];
            if server.server_info().get_auth_mechanism(&mechanisms).is_none() {
                let error = Error::new(Kind::FdwError, "the mail server does not support login by password");
                return Err(SendError::for_now(error));
            }
            server.auth(&mechanisms, credentials).map_err(|error| send_error(&error))?;
        }
        server.send(envelope, text).map(|_| ()).map_err(|error| send_error(&error))
    }

    fn tls(&self) -> Result<Option<TlsParameters>> {
        if self.protection == Protection::None {
            return Ok(None);
        }
        tls::ready();
        let mut builder = TlsParameters::builder(self.host.clone());
        if let Some(path) = &self.sslrootcert {
            let roots = Certificate::from_pem(&tls::roots(path)?).map_err(|_| tls::no_roots())?;
            builder = builder.add_root_certificate(roots);
        }
        let unusable = |_| Error::new(Kind::FdwError, "could not set up TLS");
        builder.build_rustls().map(Some).map_err(unusable)
    }
}

/// The number of a server's answer is told, its text is not: it may quote the address. What it refuses for good is given up.
fn send_error(error: &SmtpError) -> SendError {
    let Some(code) = error.status() else {
        return SendError::for_now(errors::of(error, "mail server"));
    };
    let code = code.to_string();
    let kind_and_words = match code.as_str() {
        // RFC 4954, section 6.
        "530" | "534" | "535" | "538" => (Kind::InvalidAuthorization, "refused the credentials"),
        _ if error.is_permanent() => (Kind::FdwError, "refused the mail"),
        _ => (Kind::FdwError, "temporarily refused the mail"),
    };
    let (kind, words) = kind_and_words;
    let told = Error::new(kind, format!("the mail server {words} (answer {code})"));
    SendError { error: told, is_final: error.is_permanent() }
}

#[cfg(test)]
#[path = "mail_tests.rs"]
mod tests;
