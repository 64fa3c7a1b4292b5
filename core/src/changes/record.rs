//! Keys and digests in a row: the length of the key in four bytes, the key, sixteen bytes of digest.

use super::Digest;
use crate::error::{Error, Kind, Result};
use crate::value::memory;

/// A row of an earlier export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub key: String,
    pub digest: Digest,
}

/// Appends a record.
pub fn append(key: &str, digest: &Digest, out: &mut Vec<u8>) -> Result<()> {
    let length = u32::try_from(key.len())
        .map_err(|_| Error::new(Kind::ProgramLimitExceeded, "a key has more than 4 GB"))?;
    memory::reserve(out, key.len() + 20)?;
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(key.as_bytes());
    out.extend_from_slice(digest);
    Ok(())
}

/// Records of pieces of bytes that come one after the other, cut anywhere.
pub struct Records<F> {
    /// The next piece; None: there is none.
    next: F,
    held: Vec<u8>,
    at: usize,
}

impl<F: FnMut() -> Result<Option<Vec<u8>>>> Records<F> {
    pub fn new(next: F) -> Self {
        Records { next, held: Vec::new(), at: 0 }
    }

    /// The next record; None at the end.
    pub fn read(&mut self) -> Result<Option<Record>> {
        loop {
            let held = &self.held[self.at..];
            if let Some((length, rest)) = held.split_first_chunk::<4>() {
                let length = u32::from_le_bytes(*length) as usize;
                if let Some((key, digest)) = rest.split_at_checked(length) {
                    if let Some((digest, _)) = digest.split_first_chunk::<16>() {
                        let key = std::str::from_utf8(key).map_err(|_| broken())?.to_owned();
                        let record = Record { key, digest: *digest };
                        self.at += 4 + length + 16;
                        return Ok(Some(record));
                    }
                }
            }
            match (self.next)()? {
                Some(piece) => {
                    self.held.drain(..self.at);
                    self.at = 0;
                    memory::reserve(&mut self.held, piece.len())?;
                    self.held.extend_from_slice(&piece);
                }
                None if self.at == self.held.len() => return Ok(None),
                None => return Err(broken()),
            }
        }
    }
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

    proptest! {
        #[test]
        fn what_was_appended_is_read(keys in proptest::collection::vec("\\PC{0,12}", 0..20), piece in 1usize..70) {
            let mut bytes = Vec::new();
            let wanted: Vec<Record> =
                keys.into_iter().zip(0u8..).map(|(key, n)| Record { key, digest: [n; 16] }).collect();
            for record in &wanted {
                append(&record.key, &record.digest, &mut bytes).unwrap();
            }
            prop_assert_eq!(read(&bytes, piece).unwrap(), wanted);
            if !bytes.is_empty() {
                prop_assert!(read(&bytes[..bytes.len() - 1], piece).is_err());
            }
        }
    }
}
