//! Keys and digests in blocks: the number of rows, the bytes of their keys, each with its length before it, then the digests. Keys are much
//! alike and are packed well; digests are not packed at all.

use super::{varint, Digest};
use crate::error::{Error, Kind, Result};
use crate::value::memory;

/// A row of an earlier export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub key: String,
    pub digest: Digest,
}

/// The most rows of a block, and the bytes of keys with which one is full.
const MOST: usize = 4096;
const FULL: usize = 256 * 1024;

/// Rows on their way into blocks.
#[derive(Default)]
pub struct Block {
    rows: usize,
    keys: Vec<u8>,
    digests: Vec<u8>,
}

impl Block {
    /// Takes a row; true: the block is full.
    pub fn push(&mut self, key: &str, digest: &Digest) -> Result<bool> {
        memory::reserve(&mut self.keys, key.len() + 10)?;
        varint::append(key.len(), &mut self.keys);
        self.keys.extend_from_slice(key.as_bytes());
        self.digests.extend_from_slice(digest);
        self.rows += 1;
        Ok(self.rows == MOST || self.keys.len() >= FULL)
    }

    /// The bytes of the rows so far, in pieces, and none are left. Nothing, where there are no rows.
    pub fn take(&mut self, write: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        if self.rows == 0 {
            return Ok(());
        }
        let mut head = Vec::new();
        varint::append(self.rows, &mut head);
        varint::append(self.keys.len(), &mut head);
        write(&head)?;
        write(&self.keys)?;
        write(&self.digests)?;
        memory::reuse(&mut self.keys);
        memory::reuse(&mut self.digests);
        self.rows = 0;
        Ok(())
    }
}

/// Records of pieces of bytes that come one after the other, cut anywhere.
pub struct Records<F> {
    /// The next piece; None: there is none.
    next: F,
    held: Vec<u8>,
    /// The next key, the end of the keys, and the next digest, within what is held. The same: the block is read.
    key: usize,
    keys_end: usize,
    digest: usize,
    /// The end of the block.
    end: usize,
}

impl<F: FnMut() -> Result<Option<Vec<u8>>>> Records<F> {
    pub fn new(next: F) -> Self {
        Records { next, held: Vec::new(), key: 0, keys_end: 0, digest: 0, end: 0 }
    }

    /// The next record; None at the end.
    pub fn read(&mut self) -> Result<Option<Record>> {
        if self.key == self.keys_end && !self.open()? {
            return Ok(None);
        }
        let (length, rest) = varint::read(&self.held[self.key..self.keys_end]).ok_or_else(broken)?;
        let key = rest.get(..length).ok_or_else(broken)?;
        let key = std::str::from_utf8(key).map_err(|_| broken())?.to_owned();
        let digest =
            self.held.get(self.digest..).and_then(|held| held.first_chunk::<16>()).ok_or_else(broken)?;
        let record = Record { key, digest: *digest };
        self.key = self.keys_end - rest.len() + length;
        self.digest += 16;
        Ok(Some(record))
    }

    /// Gathers the next block; false: there is none.
    fn open(&mut self) -> Result<bool> {
        // As many digests as keys.
        if self.digest != self.end {
            return Err(broken());
        }
        self.held.drain(..self.end);
        self.end = 0;
        loop {
            if let Some((rows, keys, head)) = head(&self.held) {
                if rows == 0 || rows > MOST || keys < rows {
                    return Err(broken());
                }
                let whole = keys.checked_add(rows.checked_mul(16).ok_or_else(broken)?).ok_or_else(broken)?;
                if self.held.len() - head >= whole {
                    (self.key, self.keys_end, self.digest) = (head, head + keys, head + keys);
                    self.end = head + whole;
                    return Ok(true);
                }
            }
            // Two lengths have fewer bytes.
            if head(&self.held).is_none() && self.held.len() >= 20 {
                return Err(broken());
            }
            match (self.next)()? {
                Some(piece) => {
                    memory::reserve(&mut self.held, piece.len())?;
                    self.held.extend_from_slice(&piece);
                }
                None if self.held.is_empty() => {
                    (self.key, self.keys_end, self.digest, self.end) = (0, 0, 0, 0);
                    return Ok(false);
                }
                None => return Err(broken()),
            }
        }
    }
}

/// The number of rows, the bytes of keys, and the length of this head.
fn head(bytes: &[u8]) -> Option<(usize, usize, usize)> {
    let (rows, rest) = varint::read(bytes)?;
    let (keys, rest) = varint::read(rest)?;
    Some((rows, keys, bytes.len() - rest.len()))
}

fn broken() -> Error {
    Error::new(Kind::DataCorrupted, "the digests of an export are damaged")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(bytes: &[u8], piece: usize) -> Result<Vec<Record>> {
        let mut pieces = bytes.chunks(piece.max(1)).map(<[u8]>::to_vec);
        let mut records = Records::new(|| Ok(pieces.next()));
        let mut all = Vec::new();
        while let Some(record) = records.read()? {
            all.push(record);
        }
        Ok(all)
    }

    fn written(records: &[Record]) -> Vec<u8> {
        let (mut block, mut bytes) = (Block::default(), Vec::new());
        let mut write = |piece: &[u8]| {
            bytes.extend_from_slice(piece);
            Ok(())
        };
        for record in records {
            if block.push(&record.key, &record.digest).unwrap() {
                block.take(&mut write).unwrap();
            }
        }
        block.take(&mut write).unwrap();
        block.take(&mut write).unwrap();
        bytes
    }

    proptest! {
        #[test]
        fn what_was_appended_is_read(keys in proptest::collection::vec("\\PC{0,12}", 0..20), piece in 1usize..70) {
            let wanted: Vec<Record> =
                keys.into_iter().zip(0u8..).map(|(key, n)| Record { key, digest: [n; 16] }).collect();
            let bytes = written(&wanted);
            prop_assert_eq!(read(&bytes, piece).unwrap(), wanted);
            if !bytes.is_empty() {
                prop_assert!(read(&bytes[..bytes.len() - 1], piece).is_err());
            }
        }
    }

    proptest! {
        /// Whatever bytes there are, they are read or refused.
        #[test]
        fn damaged_blocks_are_errors(place in 0usize..400, flip in 1u8..=255, piece in 1usize..70) {
            let wanted: Vec<Record> = (0..9u8).map(|n| Record { key: format!("key {n}"), digest: [n; 16] }).collect();
            let mut bytes = written(&wanted);
            let place = place % bytes.len();
            bytes[place] ^= flip;
            // A digest that is another one, or a letter of a key, cannot be told; the number of rows stays.
            if let Ok(found) = read(&bytes, piece) {
                prop_assert_eq!(found.len(), wanted.len());
            }
        }
    }

    #[test]
    fn many_rows_and_long_keys() {
        let keys = (0..10_000).map(|n| n.to_string()).chain((0..9).map(|_| "x".repeat(100_000)));
        let wanted: Vec<Record> =
            keys.zip((0u8..=255).cycle()).map(|(key, n)| Record { key, digest: [n; 16] }).collect();
        let bytes = written(&wanted);
        assert_eq!(read(&bytes, 1 << 20).unwrap(), wanted);
    }
}
