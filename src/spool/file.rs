//! The temporary file of a running export: bounded memory whatever the size, gone with its process.
//!
//! The file has no name from the start (O_TMPFILE, or unlinked at once), so a crash leaves nothing behind. Buffers are handed
//! to a thread that hashes, packs and writes them while the next rows are read; it touches these buffers and the file
//! and nothing else. An error of it comes back with the next buffer, or at the end.

use super::line::Line;
use super::packed::{Packing, Writer, Written, CHUNK};
use crate::changes::Hashing;
use crate::error::{Error, Kind, Result};
use crate::pg::{catalog, wait};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

/// A spool that is written.
pub struct Spool {
    line: Line<Written>,
    current: Vec<u8>,
}

impl Spool {
    /// Makes the file in `directory` and starts the thread.
    pub fn create(directory: &Path, packing: Packing) -> Result<Spool> {
        let file = tempfile::tempfile_in(directory)?;
        let writer = Writer::new(file, packing, catalog::temp_file_limit())?;
        Ok(Spool { line: Line::start(writer, Writer::write_all, Writer::finish)?, current: Vec::new() })
    }

    /// The same for rows whose digests the thread makes.
    pub fn of_digests(directory: &Path, hashing: Hashing) -> Result<Spool> {
        let file = tempfile::tempfile_in(directory)?;
        let writer = Writer::new(file, Packing::Zstd, catalog::temp_file_limit())?;
        let line = Line::start(
            (hashing, writer),
            |(hashing, writer), rows| {
                let taken = hashing.take(rows, &mut |block| Ok(writer.write_all(block)?));
                taken.map_err(io::Error::other)
            },
            |(mut hashing, mut writer)| {
                let taken = hashing.finish(&mut |block| Ok(writer.write_all(block)?));
                taken.map_err(io::Error::other)?;
                writer.finish()
            },
        )?;
        Ok(Spool { line, current: Vec::new() })
    }

    /// Ends the file and makes it ready to be read.
    pub fn finish(mut self) -> Result<Spooled> {
        if !self.current.is_empty() {
            self.hand_over()?;
        }
        let Written { mut file, frames, bytes, sha256 } = self.line.finish()?;
        file.seek(SeekFrom::Start(0))?;
        Ok(Spooled { file, frames, next: 0, bytes, sha256 })
    }

    /// Gives the filled buffer to the thread. A waiting cancel ends the write with an error, deep inside whatever library
    /// writes.
    fn hand_over(&mut self) -> io::Result<()> {
        wait::interrupted().map_err(io::Error::other)?;
        self.line.send(std::mem::take(&mut self.current)).map_err(io::Error::other)
    }
}

impl Write for Spool {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.current.capacity() == 0 {
            self.current = self.line.buffer();
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

/// A spool that is complete.
pub struct Spooled {
    file: File,
    frames: Vec<Frame>,
    /// The number of frames that were read.
    next: usize,
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
    /// True if it is compressed.
    pub fn is_packed(&self) -> bool {
        self.stored < self.content
    }
}

impl Spooled {
    /// Puts the next chunk into `buffer`; None at the end.
    pub fn next(&mut self, buffer: &mut Vec<u8>) -> Result<Option<Frame>> {
        let Some(frame) = self.frames.get(self.next).copied() else { return Ok(None) };
        buffer.resize(frame.stored, 0);
        self.file.read_exact(buffer)?;
        self.next += 1;
        Ok(Some(frame))
    }

    /// Begins anew with the first chunk.
    pub fn rewind(&mut self) -> Result<()> {
        self.file.seek(SeekFrom::Start(0))?;
        self.next = 0;
        Ok(())
    }

    /// Reads the content of a spool that was not packed, on whatever thread, while this one keeps its place.
    pub fn reader(&self) -> Result<Reader> {
        if self.frames.iter().any(Frame::is_packed) {
            return Err(Error::new(Kind::Internal, "a packed spool cannot be read as it is"));
        }
        Ok(Reader { file: self.file.try_clone()?, place: 0 })
    }
}

/// The content of a spool, from its beginning.
#[cfg_attr(not(feature = "s3"), allow(dead_code))]
pub struct Reader {
    file: File,
    place: u64,
}

#[cfg_attr(not(feature = "s3"), allow(dead_code))]
impl Reader {
    /// The next bytes, a chunk at most, and never more than there are.
    pub fn read(&mut self, most: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; most.min(CHUNK)];
        self.file.read_exact_at(&mut bytes, self.place)?;
        self.place += bytes.len() as u64;
        Ok(bytes)
    }
}
