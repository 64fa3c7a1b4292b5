//! Mails and webhooks about exports, taken by real servers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod mail;
mod mail_links;
mod mail_refused;
mod outbox;
mod schedules;
mod webhook;
