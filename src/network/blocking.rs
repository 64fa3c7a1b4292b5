//! A thread that does something slow while the process's own one waits.

use crate::error::{Error, Kind, Result};
use crate::pg::wait;
use crate::value::thread;
#[cfg(any(feature = "smtp", feature = "webhook"))]
use std::sync::mpsc::sync_channel;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

/// The time between two polls: from the first to the longest.
const LOOK: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(50));

/// Starts a thread for the network.
pub fn start(work: impl FnOnce() + Send + 'static) -> Result<()> {
    thread::spawn("acct_export net", work)
        .map_err(|_| Error::new(Kind::OutOfMemory, "could not start a thread for the network"))?;
    Ok(())
}

/// Runs `work` on a thread of its own and waits for it, as `awaited` does.
#[cfg(any(feature = "smtp", feature = "webhook"))]
pub fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
    watch: &mut dyn FnMut() -> Result<()>,
) -> Result<T> {
    let (done, outcome) = sync_channel(1);
    start(move || {
        // Nobody waits for it any more when the wait was ended.
        let _ = done.send(work());
    })?;
    awaited(&outcome, watch)
}

/// Waits for what a thread gives. `watch` is asked from time to time; its error ends the wait, and the thread is left to itself: it ends
/// by its own time limits, or with the process.
pub fn awaited<T>(outcome: &Receiver<T>, watch: &mut dyn FnMut() -> Result<()>) -> Result<T> {
    let mut pause = LOOK.0;
    loop {
        watch()?;
        match outcome.recv_timeout(pause) {
            Ok(value) => return Ok(value),
            Err(RecvTimeoutError::Timeout) => pause = (pause * 2).min(LOOK.1),
            Err(RecvTimeoutError::Disconnected) => {
                return Err(Error::new(Kind::Internal, "a thread for the network ended early"))
            }
        }
        // The death of the postmaster ends the process here.
        wait::for_latch(Duration::ZERO);
    }
}
