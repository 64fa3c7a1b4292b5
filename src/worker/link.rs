//! The place where a mail's reader fetches the files.

use crate::download::{self, Ticket};
use crate::error::Result;
use crate::foreign_server;
use crate::job::outbox;
use crate::notify::{Channel, Message};
use crate::pg::identity;
use std::time::Duration;

/// Seconds that a URL of a bucket is valid, unless option `url_valid_for` says otherwise: a day.
const VALID_FOR: u32 = 86_400;

pub enum Link {
    /// A page of the application (option `link` of the mail server).
    Page(String),
    /// Objects, of which URLs are made when the mail is.
    Objects(Vec<Ticket>),
}

/// None: there is nothing to fetch, or no way but the database. In a worker's transaction, as nobody yet.
pub fn of(message: &Message) -> Result<Option<Link>> {
    if message.kind != Channel::Mail || message.event.files.is_empty() {
        return Ok(None);
    }
    let Some(server) = foreign_server::by_oid(message.server)? else { return Ok(None) };
    if let Some(page) = server.option("link") {
        return Ok(Some(Link::Page(page.replace("{job}", &message.job))));
    }
    match server.number("url_valid_for", VALID_FOR) {
        0 => Ok(None),
        seconds => {
            let tickets = download::tickets(&message.job, Duration::from_secs(seconds.into()))?;
            // Once, however often it has to be sent.
            if !tickets.is_empty() && identity::as_owner(|| outbox::begins_with_links(message))? {
                tickets.iter().try_for_each(Ticket::tell)?;
            }
            Ok(Some(Link::Objects(tickets))
                .filter(|link| !matches!(link, Link::Objects(none) if none.is_empty())))
        }
    }
}

impl Link {
    /// A line each. While no transaction is open.
    pub fn text(&self) -> Result<String> {
        match self {
            Link::Page(page) => Ok(page.clone()),
            Link::Objects(tickets) => {
                let urls = tickets.iter().map(Ticket::url).collect::<Result<Vec<_>>>()?;
                Ok(urls.join("\n"))
            }
        }
    }
}
