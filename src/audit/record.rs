//! Events that are written in the transaction of what they tell of.

use super::{autonomous, hash_chain, on_rollback, By, Event};
use crate::error::Result;
use crate::pg::{identity, xact};
use serde_json::Value;

/// An event without a job. As the owner.
pub fn record_plain(event: Event) -> Result<()> {
    event.row().insert()?;
    hash_chain::at_commit();
    Ok(())
}

/// Event of a change of a dataset's catalog entries: its registration, fields, policy, references, companions. By the caller;
/// `detail` holds what was given, without values of rows. To be called after the change, in the same transaction.
pub fn catalog_change(event: &'static str, dataset: &str, detail: Value) -> Result<()> {
    let mut event = Event::new(event, By::caller(), detail);
    event.dataset = Some(dataset.to_owned());
    identity::as_owner(|| record_plain(event))
}

/// Event of bytes that leave the server before the transaction ends: it is there whatever becomes of the transaction. To be
/// called before the first byte. In a READ ONLY transaction an audit worker writes it at once; on a standby it goes to the log.
pub fn left(event: Event) -> Result<()> {
    if !xact::may_write() {
        autonomous::tell(&event.bounded());
        return Ok(());
    }
    identity::as_owner(|| event.row().insert())?;
    hash_chain::at_commit();
    on_rollback::keep(event);
    Ok(())
}
