//! A message made ready: all that sending it needs, so that no transaction is open then.

use super::{not_built, Channel, Message, SendError, Sent};
use crate::error::{Error, Result};
use crate::foreign_server::{self, Server, Wrapper};
use std::time::Duration;

/// The function that sends it, on a thread that makes no call of the server.
pub type Post = Box<dyn FnOnce() -> Sent + Send>;

pub struct PreparedMessage {
    pub post: Post,
    /// The longest time it may take.
    pub limit: Duration,
}

/// Makes a message ready, `link` in it if it is a mail, with the rights and the credentials that its requester has now. As the owner.
pub fn pack(message: &Message, link: Option<&str>) -> std::result::Result<PreparedMessage, SendError> {
    let server = server(message)?;
    match message.kind {
        #[cfg(feature = "smtp")]
        Channel::Mail => super::mail::pack(message, &server, link),
        #[cfg(feature = "webhook")]
        Channel::Webhook => super::webhook::pack(message, &server),
        #[allow(unreachable_patterns)] // what this build does not have
        channel => Err(SendError::for_good(not_built(channel.name()))),
    }
}

fn server(message: &Message) -> std::result::Result<Server, SendError> {
    let wrapper = match message.kind {
        Channel::Mail => Wrapper::Smtp,
        Channel::Webhook => Wrapper::Webhook,
    };
    let found = foreign_server::by_oid(message.server)?.filter(|server| server.wrapper == wrapper);
    let server = found.ok_or_else(|| {
        SendError::for_good(Error::denied("the foreign server of the message does not exist any more"))
    })?;
    if !server.may_be_used_by(message.requested_by)? {
        return Err(SendError::for_good(Error::denied(
            "the requester may not use the foreign server of the message any more",
        )));
    }
    Ok(server)
}

impl PreparedMessage {
    /// Sends it; `watch` is asked from time to time whether to go on waiting.
    #[cfg(any(feature = "smtp", feature = "webhook"))]
    pub fn send(self, watch: &mut dyn FnMut() -> Result<()>) -> Sent {
        let (begin, limit) = (std::time::Instant::now(), self.limit);
        let mut watch = || match watch() {
            Ok(()) if begin.elapsed() >= limit => Err(super::unanswered()),
            outcome => outcome,
        };
        crate::network::off_thread(self.post, &mut watch)?
    }

    #[cfg(not(any(feature = "smtp", feature = "webhook")))]
    pub fn send(self, _watch: &mut dyn FnMut() -> Result<()>) -> Sent {
        (self.post)()
    }
}
