//! Buffers on their way to a thread that writes them, and back.
//!
//! A few go round and round, so memory stays level and the one who fills waits where the thread is slower. What holds: an
//! error of the thread, or its panic, comes back with the next buffer, or at the end; nobody waits for a thread that is gone.

use super::packed::CHUNK;
use crate::error::{Error, Kind, Result};
use crate::value::thread;
use std::io;
use std::sync::mpsc::{sync_channel, Receiver, SyncSender};
use std::thread::JoinHandle;

/// Buffers that go round: one is filled, one worked on, the others wait.
const BUFFERS: usize = 4;

/// The way to a thread that makes a `T` of all buffers.
pub struct Line<T> {
    /// None once the thread has ended.
    ends: Option<Ends<T>>,
    made: usize,
}

struct Ends<T> {
    todo: SyncSender<Vec<u8>>,
    spare: Receiver<Vec<u8>>,
    thread: JoinHandle<io::Result<T>>,
}

impl<T: Send + 'static> Line<T> {
    /// Starts the thread: `take` each buffer, and at the end `finish`.
    pub fn start<W: Send + 'static>(
        mut writer: W,
        take: fn(&mut W, &[u8]) -> io::Result<()>,
        finish: fn(W) -> io::Result<T>,
    ) -> Result<Line<T>> {
        let (todo, filled) = sync_channel::<Vec<u8>>(BUFFERS);
        let (emptied, spare) = sync_channel(BUFFERS);
        let work = move || {
            for mut buffer in filled {
                take(&mut writer, &buffer)?;
                buffer.clear();
                // Nobody waits for it any more when the export has failed.
                let _ = emptied.try_send(buffer);
            }
            finish(writer)
        };
        let thread = thread::spawn("acct_export spool", work).map_err(|_| {
            Error::new(Kind::OutOfMemory, "could not start the thread that writes the spool file")
        })?;
        Ok(Line { ends: Some(Ends { todo, spare, thread }), made: 0 })
    }

    /// A buffer to fill: one that came back, or a new one as long as there are few.
    pub fn buffer(&mut self) -> Vec<u8> {
        let returned = match self.ends.as_ref().map(|ends| (ends, ends.spare.try_recv())) {
            Some((_, Ok(buffer))) => Some(buffer),
            // The thread has all of them: it gives one back, or has ended and tells why at the next send.
            Some((ends, Err(_))) if self.made >= BUFFERS => ends.spare.recv().ok(),
            _ => None,
        };
        returned.unwrap_or_else(|| {
            self.made += 1;
            Vec::with_capacity(CHUNK)
        })
    }

    /// Gives a filled buffer to the thread.
    pub fn send(&mut self, full: Vec<u8>) -> Result<()> {
        if self.ends.as_ref().is_some_and(|ends| ends.todo.send(full).is_ok()) {
            return Ok(());
        }
        self.end().and_then(|_| Err(gone()))
    }

    /// Waits for the thread, which ends after the few buffers that it has.
    pub fn finish(mut self) -> Result<T> {
        self.end()?.ok_or_else(gone)
    }

    fn end(&mut self) -> Result<Option<T>> {
        let Some(Ends { todo, spare, thread }) = self.ends.take() else { return Ok(None) };
        drop((todo, spare));
        match thread.join() {
            Ok(Ok(done)) => Ok(Some(done)),
            Ok(Err(error)) => Err(error.into()),
            Err(_) => Err(gone()),
        }
    }
}

impl<T> Drop for Line<T> {
    fn drop(&mut self) {
        if let Some(Ends { todo, spare, thread }) = self.ends.take() {
            drop((todo, spare));
            // The fault was reported, or nobody waits for it any more.
            let _ = thread.join();
        }
    }
}

fn gone() -> Error {
    Error::new(Kind::Internal, "the thread that writes the spool file has failed")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
#[path = "line_tests.rs"]
mod tests;
