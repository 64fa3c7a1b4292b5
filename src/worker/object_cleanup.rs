//! Removing objects that nobody wants: of files that are past their time or were deleted, and of uploads that did not come to their end.

use super::{as_owner, log, outbox_worker};
use crate::error::{Kind, Result};
use crate::foreign_server;
use crate::job::stored_object::{self, MarkedObject};
use crate::object_store::{ObjectToDelete, Removed, Store};
use crate::pg::report::{self, Failure};
use crate::pg::{wait, xact};

/// Seconds that a request may take, and be tried again: there are mails to be sent meanwhile, and other objects to be removed.
const PATIENCE: u32 = 20;

/// Removes the next one that is due; false: there is none. What fails is tried again later.
pub fn next() -> std::result::Result<bool, Failure> {
    let Some(marked) = as_owner(xact::Mode::ReadWrite, stored_object::next_marked)? else { return Ok(false) };
    match remove(&marked) {
        Ok(()) => as_owner(xact::Mode::ReadWrite, || stored_object::forget(&marked))?,
        Err(failure) => {
            if failure.is_cancel() {
                outbox_worker::interrupt();
            }
            log(&failure, &format!("removing the object of export {}", marked.job));
            let (message, sqlstate) = failure.described();
            let is_away = matches!(&failure, Failure::Ours(error) if error.kind == Kind::FdwUnreachable);
            as_owner(xact::Mode::ReadWrite, || {
                stored_object::not_removed(&marked, &message, &sqlstate, is_away)
            })?;
        }
    }
    Ok(true)
}

/// No transaction is open while the other side is waited for.
fn remove(marked: &MarkedObject) -> std::result::Result<(), Failure> {
    let told = |why: &str| report::log(&format!("{} of export {}: {why}", marked.uri, marked.job));
    let Some(store) = as_owner(xact::Mode::ReadWrite, || open(marked))? else {
        told("it stays in its bucket, as its foreign server was dropped");
        return Ok(());
    };
    let object = ObjectToDelete { key: marked.key.clone(), mark: marked.mark(), is_begun: marked.is_begun };
    match store.remove(&object, &mut wait::interrupted)? {
        Removed::Nothing if !marked.is_begun => {
            told("it was not there any more, or the server's options lead elsewhere")
        }
        Removed::Theirs => told("another object has taken its place and stays"),
        Removed::Ours | Removed::Nothing => {}
    }
    Ok(())
}

/// None: the server was dropped, and with it the way to the bucket.
fn open(marked: &MarkedObject) -> Result<Option<Store>> {
    let Some(mut server) = foreign_server::by_oid(marked.server)? else { return Ok(None) };
    server.hurry(PATIENCE);
    Store::open(&server, Some(&marked.bucket), marked.requested_by, marked.mapping).map(Some)
}
