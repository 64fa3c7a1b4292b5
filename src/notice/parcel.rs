//! A message made ready: all that sending it needs, so that no transaction is open then.

use super::{not_built, Means, Message, Refusal, Sent};
use crate::destination::{self, Server, Wrapper};
use crate::error::{Error, Result};
use std::time::Duration;

/// What sends it, on a thread that knows nothing of the server.
pub type Post = Box<dyn FnOnce() -> Sent + Send>;

pub struct Parcel {
    pub post: Post,
    /// How long it may take at most.
    pub limit: Duration,
}

/// Makes a message ready, `link` in it if it is a mail, with the rights and the credentials that its requester has now. As the owner.
pub fn pack(message: &Message, link: Option<&str>) -> std::result::Result<Parcel, Refusal> {
    let server = server(message)?;
    match message.kind {
        #[cfg(feature = "smtp")]
        Means::Mail => super::mail::pack(message, &server, link),
        #[cfg(feature = "webhook")]
        Means::Webhook => super::webhook::pack(message, &server),
        #[allow(unreachable_patterns)] // what this build does not have
        means => Err(Refusal::for_good(not_built(means.name()))),
    }
}

fn server(message: &Message) -> std::result::Result<Server, Refusal> {
    let wrapper = match message.kind {
        Means::Mail => Wrapper::Smtp,
        Means::Webhook => Wrapper::Webhook,
    };
    let found = destination::by_oid(message.server)?.filter(|server| server.wrapper == wrapper);
    let server = found.ok_or_else(|| Refusal::for_good(Error::denied("the message's server is gone")))?;
    if !server.may_be_used_by(message.requested_by)? {
        return Err(Refusal::for_good(Error::denied(
            "the requester may not use the message's server any more",
        )));
    }
    Ok(server)
}

impl Parcel {
    /// Sends it; `watch` is asked from time to time whether to go on waiting.
    #[cfg(any(feature = "smtp", feature = "webhook"))]
    pub fn send(self, watch: &mut dyn FnMut() -> Result<()>) -> Sent {
        let (begin, limit) = (std::time::Instant::now(), self.limit);
        let mut watch = || match watch() {
            Ok(()) if begin.elapsed() >= limit => Err(super::unanswered()),
            outcome => outcome,
        };
        crate::network::away(self.post, &mut watch)?
    }

    #[cfg(not(any(feature = "smtp", feature = "webhook")))]
    pub fn send(self, _watch: &mut dyn FnMut() -> Result<()>) -> Sent {
        (self.post)()
    }
}
