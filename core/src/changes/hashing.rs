//! Rows on their way to blocks, whose digests another thread makes.

use super::{varint, Block, Digest, Digester};
use crate::error::{Error, Kind, Result};
use crate::value::memory;

/// A row's values, or their digest.
pub enum Row<'r> {
    /// Its values, of which the digest has to be made.
    Values(&'r [u8]),
    Digest(&'r Digest),
}

/// Appends a row, to be taken by [`Hashing`].
pub fn append_row(key: &str, row: Row<'_>, out: &mut Vec<u8>) -> Result<()> {
    let (length, bytes) = match row {
        Row::Values(values) => (values.len() + 1, values),
        Row::Digest(digest) => (0, digest.as_slice()),
    };
    memory::reserve(out, key.len() + bytes.len() + 20)?;
    varint::append(key.len(), out);
    out.extend_from_slice(key.as_bytes());
    varint::append(length, out);
    out.extend_from_slice(bytes);
    Ok(())
}

/// Takes the rows and makes blocks of them.
pub struct Hashing {
    digester: Digester,
    /// The beginning of a row.
    held: Vec<u8>,
    block: Block,
}

impl Hashing {
    pub fn new(digester: Digester) -> Hashing {
        Hashing { digester, held: Vec::new(), block: Block::default() }
    }

    /// Takes bytes of rows, cut anywhere, and hands on those of blocks.
    pub fn take(&mut self, bytes: &[u8], write: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        memory::reserve(&mut self.held, bytes.len())?;
        self.held.extend_from_slice(bytes);
        let mut at = 0;
        while let Some((key, row, rest)) = row(&self.held[at..]) {
            let digest = match row {
                Row::Values(values) => self.digester.of(values)?,
                Row::Digest(digest) => *digest,
            };
            let key = std::str::from_utf8(key).map_err(|_| broken())?;
            if self.block.push(key, &digest)? {
                self.block.take(write)?;
            }
            at = self.held.len() - rest.len();
        }
        self.held.drain(..at);
        if self.held.is_empty() {
            memory::reuse(&mut self.held);
        }
        Ok(())
    }

    /// The last rows.
    pub fn finish(&mut self, write: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        if !self.held.is_empty() {
            return Err(broken());
        }
        self.block.take(write)
    }
}

/// The key of the first row, the row, and the bytes behind it; None: it is not there to its end.
fn row(bytes: &[u8]) -> Option<(&[u8], Row<'_>, &[u8])> {
    let (length, rest) = varint::read(bytes)?;
    let (key, rest) = rest.split_at_checked(length)?;
    let (length, rest) = varint::read(rest)?;
    match length.checked_sub(1) {
        Some(length) => {
            let (values, rest) = rest.split_at_checked(length)?;
            Some((key, Row::Values(values), rest))
        }
        None => {
            let (digest, rest) = rest.split_first_chunk::<16>()?;
            Some((key, Row::Digest(digest), rest))
        }
    }
}

fn broken() -> Error {
    Error::new(Kind::Internal, "rows for digests are cut off")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::{Record, Records};
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn digests_are_those_of_the_rows(
            rows in proptest::collection::vec(("\\PC{0,9}", proptest::collection::vec(any::<u8>(), 0..40), any::<bool>()), 0..30),
            piece in 1usize..50,
        ) {
            let digester = || Digester::new(&[7; 32]).unwrap();
            let (mut bytes, mut wanted) = (Vec::new(), Vec::new());
            for (key, values, is_known) in &rows {
                let digest = digester().of(values).unwrap();
                let row = if *is_known { Row::Digest(&digest) } else { Row::Values(values) };
                append_row(key, row, &mut bytes).unwrap();
                wanted.push(Record { key: key.clone(), digest });
            }
            let (mut hashing, mut blocks) = (Hashing::new(digester()), Vec::new());
            let mut write = |piece: &[u8]| { blocks.extend_from_slice(piece); Ok(()) };
            for piece in bytes.chunks(piece) {
                hashing.take(piece, &mut write).unwrap();
            }
            hashing.finish(&mut write).unwrap();
            let mut blocks = Some(blocks);
            let mut records = Records::new(|| Ok(blocks.take()));
            let mut found = Vec::new();
            while let Some(record) = records.read().unwrap() {
                found.push(record);
            }
            prop_assert_eq!(found, wanted);
        }
    }

    #[test]
    fn a_row_that_is_cut_off_is_an_error() {
        let mut bytes = Vec::new();
        append_row("key", Row::Values(b"values"), &mut bytes).unwrap();
        let mut hashing = Hashing::new(Digester::new(&[7; 32]).unwrap());
        hashing.take(&bytes[..bytes.len() - 1], &mut |_| Ok(())).unwrap();
        assert_eq!(hashing.finish(&mut |_| Ok(())).unwrap_err().kind, Kind::Internal);
    }
}
