//! Messages about the outcome of jobs: mails to who asked for one, events to webhooks.
//!
//! Invariants: a message tells what became of a job and of its files, and holds no filter, no actor and nothing of the rows; it is
//! sent while no transaction is open; its text and the credentials are in no log line and no statement. Whose messages may go by a
//! server is asked when the job is asked for, when the message is made and when it is sent.

mod event;
pub mod mail_server;
mod message;
mod prepared;
mod retry;
mod template;
pub mod templates;
mod words;

#[cfg(feature = "smtp")]
mod mail;
#[cfg(feature = "webhook")]
mod signature;
#[cfg(feature = "webhook")]
mod webhook;

pub use message::{Channel, Message};
pub use prepared::pack;
pub use retry::Retry;

use crate::error::{Error, Kind, Result};
use crate::foreign_server::{self, Server, Wrapper};
use crate::model::{ExportRequest, JobStatus};
use crate::pg::identity;

/// The reason why a message was not sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SendError {
    pub error: Error,
    /// Trying again would not help.
    pub is_final: bool,
}

impl SendError {
    pub fn for_good(error: Error) -> SendError {
        SendError { error, is_final: true }
    }

    pub fn for_now(error: Error) -> SendError {
        SendError { error, is_final: false }
    }
}

impl From<Error> for SendError {
    fn from(error: Error) -> Self {
        SendError::for_now(error)
    }
}

pub type Sent = std::result::Result<(), SendError>;

/// True if the caller may have a mail sent where the request asks for one.
pub fn check(asked: &ExportRequest) -> Result<()> {
    match &asked.notify_email {
        Some(address) => mail_server::of(identity::current_user(), address).map(|_| ()),
        None => Ok(()),
    }
}

/// True if a change of a job to this status is told by any means.
pub fn is_told(status: JobStatus) -> bool {
    lists(EVENTS, status)
}

/// Events that a webhook gets unless its option `events` says others.
const EVENTS: &str = "completed,completed_with_errors,failed,cancelled,expired";

/// The webhooks that are told of a change of a job of this role.
pub fn webhooks(role: u32, status: JobStatus) -> Result<Vec<Server>> {
    if !cfg!(feature = "webhook") {
        return Ok(Vec::new());
    }
    let mut servers = foreign_server::usable(Wrapper::Webhook, role)?;
    servers.retain(|server| lists(server.option("events").unwrap_or(EVENTS), status));
    Ok(servers)
}

fn lists(events: &str, status: JobStatus) -> bool {
    events.split(',').any(|event| event.trim() == status.as_str())
}

/// 0A000, of a build that cannot do it.
fn not_built(what: &str) -> Error {
    Error::new(Kind::FeatureNotSupported, format!("this build of pg_acctexport does not support {what}"))
}

/// HV00N.
#[cfg(any(feature = "smtp", feature = "webhook"))]
fn unanswered() -> Error {
    Error::new(Kind::FdwUnreachable, "the server did not answer in time")
}
