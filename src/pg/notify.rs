//! Notifications of the server.

use pgrx::datum::IntoDatum;
use pgrx::{direct_function_call, pg_sys};

/// Sends at the commit, as pg_notify does in SQL, without a statement to plan.
pub fn notify(channel: &str, payload: &str) {
    // SAFETY: the function takes two texts, and returns nothing.
    unsafe { direct_function_call::<()>(pg_sys::pg_notify, &[channel.into_datum(), payload.into_datum()]) };
}
