//! Removing objects that nobody wants: of files that are past their time or were deleted, and of uploads that did not come to their end.

use super::{as_owner, log};
use crate::destination;
use crate::error::Result;
use crate::job::object::{self, Doomed};
use crate::pg::report::{self, Failure};
use crate::pg::{wait, xact};
use crate::store::{Leftover, Store};

/// Removes the next one that is due. What fails is tried again later.
pub fn next() -> std::result::Result<(), Failure> {
    let Some(doomed) = as_owner(xact::Mode::ReadWrite, object::next_doomed)? else { return Ok(()) };
    let id = doomed.id;
    match remove(&doomed) {
        Ok(()) => as_owner(xact::Mode::ReadWrite, || object::forget(id)),
        Err(failure) => {
            log(&failure, &format!("removing the object of export {}", doomed.job));
            let (message, sqlstate) = failure.described();
            as_owner(xact::Mode::ReadWrite, || object::not_removed(id, &message, &sqlstate))
        }
    }
}

/// No transaction is open while the other side is waited for.
fn remove(doomed: &Doomed) -> std::result::Result<(), Failure> {
    let store = as_owner(xact::Mode::ReadWrite, || open(doomed))?;
    let told = |why: &str| {
        report::log(&format!("object {} of export {} stays in its bucket: {why}", doomed.key, doomed.job))
    };
    let Some(store) = store else {
        told("its foreign server was dropped");
        return Ok(());
    };
    let leftover = Leftover { key: doomed.key.clone(), mark: doomed.mark(), is_begun: doomed.is_begun };
    if !store.remove(&leftover, &mut wait::interrupted)? {
        told("another one has taken its place");
    }
    Ok(())
}

/// None: the server was dropped, and with it the way to the bucket.
fn open(doomed: &Doomed) -> Result<Option<Store>> {
    let Some(server) = destination::by_oid(doomed.server)? else { return Ok(None) };
    Store::open(&server, Some(&doomed.bucket), doomed.requested_by).map(Some)
}
