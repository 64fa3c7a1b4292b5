//! The sender: one process of a database that does what is to be done to other servers after a commit. It waits for what is to be
//! tried again soon, and ends when nothing is.

use super::{as_owner, is_installed, link, log, object_cleanup};
use crate::error::{Error, Kind};
use crate::job::outbox::{self, Claimed};
use crate::job::wake::{is_sender_wanted, patience, soonest};
use crate::notify::{pack, Channel, Message, SendError, Sent};
use crate::pg::lock::Lock;
use crate::pg::report::{self, Failure};
use crate::pg::{guc, wait, worker, xact};
use crate::settings;
use std::time::Duration;

/// The kinds of work, in turn; their times are in `job::wake`. Each does the next thing that is due; false: it could not be had at
/// this moment.
const DUTIES: [fn() -> std::result::Result<bool, Failure>; 2] = [send_next, object_cleanup::next];

/// For finding out whether a mail may have a link.
const LINKING: Duration = Duration::from_secs(10);

/// Before what somebody else holds is asked for again.
const BUSY: Duration = Duration::from_secs(1);

/// Longest sleep at a time: after it the extension may be gone.
const NAP: Duration = Duration::from_secs(60);

/// The life of a sender process, after it has connected.
pub fn work() {
    if !is_installed() {
        return;
    }
    loop {
        if !Lock::Sender.try_acquire() {
            return wake_other();
        }
        let outcome = work_off();
        if Lock::Sender.is_held() {
            Lock::Sender.release();
        }
        if let Err(failure) = outcome {
            return log(&failure, "sending messages");
        }
        // Messages that came in between found a sender that was about to leave.
        let wanted = is_installed() && as_owner(xact::Mode::ReadWrite, is_sender_wanted).unwrap_or(false);
        if !wanted {
            return;
        }
    }
}

/// The sender that holds the lock may be waiting for something later than what this one was started for.
fn wake_other() {
    let holder = xact::transaction(xact::Mode::ReadWrite, || Lock::Sender.holder());
    if let Ok(Some(pid)) = holder {
        wait::wake(pid);
    }
}

/// Works until nothing is due soon.
fn work_off() -> std::result::Result<(), Failure> {
    loop {
        worker::reload_if_asked();
        match as_owner(xact::Mode::ReadWrite, soonest)? {
            Some(pause) if pause.is_zero() => {
                if !turn()? {
                    nap(BUSY);
                }
            }
            Some(pause) if pause <= patience() => nap(pause.min(NAP)),
            _ => return Ok(()),
        }
        // The lock is lost where code that decides who may read a file called pg_advisory_unlock_all.
        if !is_installed() || settings::max_workers() == 0 || !Lock::Sender.is_held() {
            return Ok(());
        }
    }
}

fn nap(pause: Duration) {
    wait::for_latch(pause);
    if wait::interrupted().is_err() {
        interrupt();
    }
}

/// One turn of each duty; whether one had something to do.
fn turn() -> std::result::Result<bool, Failure> {
    DUTIES.iter().try_fold(false, |done, duty| Ok(duty()? || done))
}

fn send_next() -> std::result::Result<bool, Failure> {
    let Some(claimed) = as_owner(xact::Mode::ReadWrite, outbox::claim)? else { return Ok(false) };
    worker::report_activity(Some(&format!(
        "{} about export {}",
        claimed.message.kind.name(),
        claimed.message.job
    )));
    let outcome = send(&claimed);
    let recorded = record(&claimed, &outcome);
    worker::report_activity(None);
    recorded.map(|()| true)
}

/// No transaction is open while it is sent.
fn send(claimed: &Claimed) -> Sent {
    let message = &claimed.message;
    let link = link_of(message);
    let packed = as_owner(xact::Mode::ReadWrite, || Ok(pack(message, link.as_deref())));
    let prepared = packed.map_err(unready)??;
    let sent = prepared.send(&mut wait::interrupted);
    if matches!(&sent, Err(send_error) if send_error.error.is_cancel()) {
        interrupt();
    }
    sent
}

fn unready(failure: Failure) -> SendError {
    SendError::for_now(match failure {
        Failure::Ours(error) => error,
        Failure::Server(server) => Error {
            server_state: Some(server.sqlstate),
            ..Error::new(Kind::Internal, "could not prepare the message")
        },
    })
}

/// The link to the files of a mail. Without one it is sent as well: whoever has lost the right to read the file, or cannot be given
/// a URL now, is told to ask the database.
fn link_of(message: &Message) -> Option<String> {
    // Code that decides who may read a file runs here, and has as long as that may take.
    wait::arm_timeout(LINKING);
    let link = xact::transaction(xact::Mode::ReadWrite, || {
        let scope = guc::Scope::open();
        scope.set("lock_timeout", "5s", guc::Rights::Superuser);
        link::of(message)
    });
    wait::arm_timeout(Duration::ZERO);
    let text = link.and_then(|link| Ok(link.map(|link| link.text()).transpose()?));
    text.unwrap_or_else(|failure| {
        log(&failure, &format!("the link in the mail about export {}", message.job));
        None
    })
}

/// Ends the process if that is what was asked for, and takes note of a cancel request, which ended the try.
pub(super) fn interrupt() {
    let acted_on = xact::transaction(xact::Mode::ReadWrite, || {
        wait::check_interrupts();
        Ok(())
    });
    if let Err(failure) = acted_on {
        log(&failure, "the connection to another server");
    }
}

fn record(claimed: &Claimed, outcome: &Sent) -> std::result::Result<(), Failure> {
    let message = &claimed.message;
    let what = match message.kind {
        Channel::Mail => "mail",
        Channel::Webhook => "event",
    };
    match outcome {
        Ok(()) => as_owner(xact::Mode::ReadWrite, || outbox::sent(message)),
        Err(send_error) => {
            let given_up = as_owner(xact::Mode::ReadWrite, || outbox::failed(claimed, send_error))?;
            let end = if given_up {
                "was not sent and will not be tried again"
            } else {
                "was not sent and will be tried again"
            };
            report::log(&format!(
                "the {what} about export {} {end} ({})",
                message.job,
                send_error.error.sqlstate()
            ));
            Ok(())
        }
    }
}
