//! By which server a role's mails go.

use super::not_built;
use crate::error::{Error, Kind, Result};
use crate::foreign_server::{self, mailbox, Server, Wrapper};
use crate::settings;

/// The mail server of a role for an address: the one on which it has USAGE, or of several the one that `acct_export.mail_server`
/// names. 22023 for what is no address, 42501 where there is no such server or it does not send there, 55000 where nothing says
/// which.
pub fn of(role: u32, address: &str) -> Result<Server> {
    if !cfg!(feature = "smtp") {
        return Err(
            not_built("mail").hint("Leave notify_email out and LISTEN acct_export, or use acct_export_wait.")
        );
    }
    mailbox(address).map_err(|rule| Error::invalid("invalid e-mail address in notify_email").hint(rule))?;
    let server = choose(foreign_server::usable(Wrapper::Smtp, role)?, &settings::mail_server())?;
    if !sends_to(server.option("allowed_domains"), address) {
        return Err(Error::denied(format!(
            "mail server \"{}\" does not allow the domain of notify_email",
            server.name
        ))
        .hint("Option allowed_domains of the server lists the allowed domains."));
    }
    Ok(server)
}

fn choose(mut usable: Vec<Server>, named: &str) -> Result<Server> {
    if let [_] = usable.as_slice() {
        return Ok(usable.swap_remove(0));
    }
    if usable.is_empty() {
        return Err(Error::denied("there is no mail server that the requester may use").hint(
            "Create one with CREATE SERVER ... FOREIGN DATA WRAPPER acct_export_smtp, and GRANT USAGE ON FOREIGN SERVER to the requester.",
        ));
    }
    let names: Vec<&str> = usable.iter().map(|server| server.name.as_str()).collect();
    let names = names.join(", ");
    match usable.into_iter().find(|server| server.name == named) {
        Some(server) => Ok(server),
        None if named.is_empty() => Err(Error::new(
            Kind::NotInPrerequisiteState,
            "acct_export.mail_server must be set if the requester may use several mail servers",
        )
        .hint(format!("Use ALTER DATABASE ... SET acct_export.mail_server with one of {names}."))),
        None => Err(Error::denied("the requester may not use the mail server in acct_export.mail_server")
            .hint(format!("Mail servers that the requester may use: {names}."))),
    }
}

/// True if the domain of an address is one of those listed; none listed: all.
pub fn sends_to(domains: Option<&str>, address: &str) -> bool {
    let Some(domains) = domains else { return true };
    let Some((_, domain)) = address.rsplit_once('@') else { return false };
    domains.split(',').any(|allowed| allowed.trim().eq_ignore_ascii_case(domain))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn server(name: &str) -> Server {
        Server {
            oid: 1,
            name: name.to_owned(),
            wrapper: Wrapper::Smtp,
            options: BTreeMap::new(),
            is_superusers: true,
        }
    }

    #[test]
    fn one_is_taken_and_of_several_the_named_one() {
        assert_eq!(choose(vec![server("a")], "").unwrap().name, "a");
        assert_eq!(choose(vec![server("a")], "other").unwrap().name, "a");
        assert_eq!(choose(vec![server("a"), server("b")], "b").unwrap().name, "b");
        assert_eq!(choose(vec![], "b").unwrap_err().sqlstate(), "42501");
        let undecided = choose(vec![server("a"), server("b")], "").unwrap_err();
        assert_eq!(undecided.sqlstate(), "55000");
        assert!(undecided.hint.unwrap().contains("a, b"));
        assert_eq!(choose(vec![server("a"), server("b")], "c").unwrap_err().sqlstate(), "42501");
    }

    #[test]
    fn domains_are_compared_whole() {
        assert!(sends_to(None, "a@anywhere.example"));
        assert!(sends_to(Some("b.example, Example.COM"), "a@example.com"));
        for outside in ["a@evil-example.com", "a@sub.example.com", "a@example.com.evil.org", "example.com"] {
            assert!(!sends_to(Some("example.com"), outside), "{outside}");
        }
    }
}
