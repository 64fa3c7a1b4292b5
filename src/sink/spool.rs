//! The temporary file of a running export: bounded memory whatever the size, gone with its process.
//!
//! The file has no name from the start (O_TMPFILE, or unlinked at once), so a crash leaves nothing behind. Buffers are handed
//! to a thread that hashes, packs and writes them while the next rows are read; it touches these buffers and the file
//! and nothing else. An error of it comes back with the next buffer, or at the end.

use super::packed::{Packing, Writer, Written, CHUNK};
use crate::error::{Error, Kind, Result};
use crate::pg::{catalog, thread, wait};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::mpsc::{sync_channel, Receiver, SyncSender};
use std::thread::JoinHandle;

/// Buffers that go round: one is filled, one worked on, the others wait.
const BUFFERS: usize = 4;

/// A spool that is written.
pub struct Spool {
    /// None once the thread has ended.
    line: Option<Line>,
    current: Vec<u8>,
    made: usize,
}

struct Line {
    todo: SyncSender<Vec<u8>>,
    spare: Receiver<Vec<u8>>,
    thread: JoinHandle<io::Result<Written>>,
}

impl Spool {
    /// Makes the file in `directory` and starts the thread.
    pub fn create(directory: &Path, packing: Packing) -> Result<Spool> {
        let file = tempfile::tempfile_in(directory)?;
        let mut writer = Writer::new(file, packing, catalog::temp_file_limit());
        let (todo, filled) = sync_channel::<Vec<u8>>(BUFFERS);
        let (emptied, spare) = sync_channel(BUFFERS);
        let work = move || {
            for mut buffer in filled {
                writer.write_all(&buffer)?;
                buffer.clear();
                // Nobody waits for it any more when the export has failed.
                let _ = emptied.try_send(buffer);
            }
            writer.finish()
        };
        let thread = thread::spawn("acct_export spool", work).map_err(|_| {
            Error::new(Kind::OutOfMemory, "could not start the thread that writes the spool file")
        })?;
        Ok(Spool { line: Some(Line { todo, spare, thread }), current: Vec::new(), made: 0 })
    }

    /// Ends the file and makes it ready to be read.
    pub fn finish(mut self) -> Result<Spooled> {
        if !self.current.is_empty() {
            self.hand_over()?;
        }
        let written = self.end()?.ok_or_else(gone)?;
        let Written { mut file, frames, bytes, sha256 } = written;
        file.seek(SeekFrom::Start(0))?;
        Ok(Spooled { file, frames: frames.into_iter(), bytes, sha256 })
    }

    /// Gives the filled buffer to the thread. A waiting cancel ends the write with an error, deep inside whatever library
    /// writes.
    fn hand_over(&mut self) -> io::Result<()> {
        wait::interrupted().map_err(io::Error::other)?;
        let full = std::mem::take(&mut self.current);
        let sent = self.line.as_ref().is_some_and(|line| line.todo.send(full).is_ok());
        if !sent {
            return match self.end() {
                Err(error) => Err(io::Error::other(error)),
                Ok(_) => Err(io::Error::other(gone())),
            };
        }
        Ok(())
    }

    /// A buffer to fill: one that came back, or a new one as long as there are few.
    fn refill(&mut self) {
        let Some(line) = &self.line else { return };
        let returned = match line.spare.try_recv() {
            Ok(buffer) => Some(buffer),
            Err(_) if self.made < BUFFERS => None,
            // The thread has all of them: it gives one back, or has ended and tells why at the next send.
            Err(_) => line.spare.recv().ok(),
        };
        self.current = returned.unwrap_or_else(|| {
            self.made += 1;
            Vec::with_capacity(CHUNK)
        });
    }

    /// Waits for the thread, which ends after the few buffers that it has.
    fn end(&mut self) -> Result<Option<Written>> {
        let Some(Line { todo, spare, thread }) = self.line.take() else { return Ok(None) };
        drop((todo, spare));
        match thread.join() {
            Ok(Ok(written)) => Ok(Some(written)),
            Ok(Err(error)) => Err(error.into()),
            Err(_) => Err(gone()),
        }
    }
}

impl Write for Spool {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.current.capacity() == 0 {
            self.refill();
        }
        let taken = bytes.len().min(CHUNK - self.current.len());
        self.current.extend_from_slice(&bytes[..taken]);
        if self.current.len() == CHUNK {
            self.hand_over()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        // What went wrong has been told, or nobody asks any more.
        let _ = self.end();
    }
}

fn gone() -> Error {
    Error::new(Kind::Internal, "the thread that writes the spool file has failed")
}

/// A spool that is complete.
pub struct Spooled {
    file: File,
    frames: std::vec::IntoIter<Frame>,
    /// Of the content, as it will be delivered.
    pub bytes: u64,
    /// Of the content, in hex.
    pub sha256: String,
}

/// One chunk as it lies in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    /// Bytes in the file.
    pub stored: usize,
    /// Bytes of the content.
    pub content: usize,
}

impl Frame {
    /// Whether it is an LZ4 block.
    pub fn is_packed(&self) -> bool {
        self.stored < self.content
    }
}

impl Spooled {
    /// Puts the next chunk into `buffer`; None at the end.
    pub fn next(&mut self, buffer: &mut Vec<u8>) -> Result<Option<Frame>> {
        let Some(frame) = self.frames.next() else { return Ok(None) };
        buffer.resize(frame.stored, 0);
        self.file.read_exact(buffer)?;
        Ok(Some(frame))
    }
}
