//! A stored file as a stream that can be sought in: what reads an export back. One chunk is in memory at a time.

use super::file::File;
use crate::spool::CHUNK;
use std::io::{self, Read, Seek, SeekFrom};

pub struct Content {
    file: File,
    position: u64,
    /// The chunk that was read last, from 1, and its content.
    chunk: (i64, Vec<u8>),
}

impl Content {
    pub fn new(file: File) -> Content {
        Content { file, position: 0, chunk: (0, Vec::new()) }
    }

    fn size(&self) -> u64 {
        self.file.stored.bytes.max(0) as u64
    }
}

impl Read for Content {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.position >= self.size() {
            return Ok(0);
        }
        // All chunks but the last are of the same size.
        let (before, offset) = (self.position / CHUNK as u64, (self.position % CHUNK as u64) as usize);
        let number = before as i64 + 1;
        if self.chunk.0 != number {
            self.chunk = (number, self.file.chunk(number).map_err(io::Error::other)?);
        }
        let rest = self.chunk.1.get(offset..).unwrap_or_default();
        let taken = rest.len().min(buffer.len());
        buffer[..taken].copy_from_slice(&rest[..taken]);
        self.position += taken as u64;
        Ok(taken)
    }
}

impl Seek for Content {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let place = match to {
            SeekFrom::Start(place) => Some(place),
            SeekFrom::End(offset) => self.size().checked_add_signed(offset),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
        };
        self.position = place.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.position)
    }
}
