//! Removing objects that nobody wants: of files that are past their time or were deleted, and of uploads that did not come to their end.

use super::{as_owner, log, sender};
use crate::destination;
use crate::error::{Kind, Result};
use crate::job::object::{self, Doomed};
use crate::pg::report::{self, Failure};
use crate::pg::{wait, xact};
use crate::store::{Leftover, Removed, Store};

/// Seconds that a request may take, and be tried again: there are mails to be sent meanwhile, and other objects to be removed.
const PATIENCE: u32 = 20;

/// Removes the next one that is due; false: there is none. What fails is tried again later.
pub fn next() -> std::result::Result<bool, Failure> {
    let Some(doomed) = as_owner(xact::Mode::ReadWrite, object::next_doomed)? else { return Ok(false) };
    match remove(&doomed) {
        Ok(()) => as_owner(xact::Mode::ReadWrite, || object::forget(&doomed))?,
        Err(failure) => {
            if failure.sqlstate() == "57014" {
                sender::interrupt();
            }
            log(&failure, &format!("removing the object of export {}", doomed.job));
            let (message, sqlstate) = failure.described();
            let is_away = matches!(&failure, Failure::Ours(error) if error.kind == Kind::FdwUnreachable);
            as_owner(xact::Mode::ReadWrite, || object::not_removed(&doomed, &message, &sqlstate, is_away))?;
        }
    }
    Ok(true)
}

/// No transaction is open while the other side is waited for.
fn remove(doomed: &Doomed) -> std::result::Result<(), Failure> {
    let told = |why: &str| report::log(&format!("{} of export {}: {why}", doomed.uri, doomed.job));
    let Some(store) = as_owner(xact::Mode::ReadWrite, || open(doomed))? else {
        told("it stays in its bucket, as its foreign server was dropped");
        return Ok(());
    };
    let leftover = Leftover { key: doomed.key.clone(), mark: doomed.mark(), is_begun: doomed.is_begun };
    match store.remove(&leftover, &mut wait::interrupted)? {
        Removed::Nothing if !doomed.is_begun => {
            told("it was not there any more, or the server's options lead elsewhere")
        }
        Removed::Theirs => told("another object has taken its place and stays"),
        Removed::Ours | Removed::Nothing => {}
    }
    Ok(())
}

/// None: the server was dropped, and with it the way to the bucket.
fn open(doomed: &Doomed) -> Result<Option<Store>> {
    let Some(mut server) = destination::by_oid(doomed.server)? else { return Ok(None) };
    server.hurry(PATIENCE);
    Store::open(&server, Some(&doomed.bucket), doomed.requested_by, doomed.mapping).map(Some)
}
