//! The sender: one process of a database that does what is to be done to other servers after a commit. It waits for what is to be
//! tried again soon, and ends when nothing is.

use super::{as_owner, is_installed, log, sweep};
use crate::error::{Error, Kind, Result};
use crate::job::object;
use crate::job::outbox::{self, Claimed};
use crate::notice::{link, pack, Means, Message, Refusal, Sent};
use crate::pg::lock::Lock;
use crate::pg::report::{self, Failure};
use crate::pg::{guc, wait, worker, xact};
use crate::settings;
use std::time::Duration;

/// One kind of work. Both are asked as the owner or run without a transaction, in turn.
struct Duty {
    /// How long until something is due; None: there is nothing.
    next: fn() -> Result<Option<Duration>>,
    /// Does the next thing that is due; false: it could not be had at this moment.
    turn: fn() -> std::result::Result<bool, Failure>,
}

const DUTIES: [Duty; 2] =
    [Duty { next: outbox::next_due, turn: send_next }, Duty { next: object::next_due, turn: sweep::next }];

/// Whether there is something to do, now or so soon that a sender would wait for it, and background work is not paused. As the owner.
pub fn is_wanted() -> Result<bool> {
    Ok(settings::max_workers() > 0 && soonest()?.is_some_and(|pause| pause <= patience()))
}

/// How long it waits for something to become due. Where no launcher comes by, as long as there is anything.
fn patience() -> Duration {
    if worker::is_preloaded() {
        Duration::from_secs(300)
    } else {
        Duration::MAX
    }
}

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
        // What came in between found a sender that was about to leave.
        let wanted = is_installed() && as_owner(xact::Mode::ReadWrite, is_wanted).unwrap_or(false);
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

fn soonest() -> Result<Option<Duration>> {
    let due = DUTIES.iter().map(|duty| (duty.next)()).collect::<Result<Vec<_>>>()?;
    Ok(due.into_iter().flatten().min())
}

/// One turn of each duty; whether one had something to do.
fn turn() -> std::result::Result<bool, Failure> {
    DUTIES.iter().try_fold(false, |done, duty| Ok((duty.turn)()? || done))
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
    let parcel = packed.map_err(unready)??;
    let sent = parcel.send(&mut wait::interrupted);
    if matches!(&sent, Err(refusal) if refusal.error.kind == Kind::QueryCanceled) {
        interrupt();
    }
    sent
}

fn unready(failure: Failure) -> Refusal {
    Refusal::for_now(match failure {
        Failure::Ours(error) => error,
        Failure::Server(server) => Error {
            server_state: Some(server.sqlstate),
            ..Error::new(Kind::Internal, "the message could not be made ready")
        },
    })
}

/// Where to fetch what a mail tells of. Without one it is sent as well: whoever has lost the right to read the file, or cannot be given
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
        log(&failure, "talking to another server");
    }
}

fn record(claimed: &Claimed, outcome: &Sent) -> std::result::Result<(), Failure> {
    let message = &claimed.message;
    let what = match message.kind {
        Means::Mail => "mail",
        Means::Webhook => "event",
    };
    match outcome {
        Ok(()) => as_owner(xact::Mode::ReadWrite, || outbox::sent(message)),
        Err(refusal) => {
            let given_up = as_owner(xact::Mode::ReadWrite, || outbox::failed(claimed, refusal))?;
            let end =
                if given_up { "was not sent and is given up" } else { "was not sent and is tried again" };
            report::log(&format!(
                "the {what} about export {} {end} ({})",
                message.job,
                refusal.error.sqlstate()
            ));
            Ok(())
        }
    }
}
