//! Memory for what may be as large as a value of the server: asked for before it is used, and never without bound.
//!
//! A `Vec` or `String` that finds no memory to grow ends the process, and a backend that ends so takes all sessions of the
//! server with it. Whoever copies or encodes a value asks here first and has an error to pass on instead.

use crate::error::{Error, Kind, Result};

/// Bytes of a row at most, as it is read and as it is encoded. A line has to fit into one text, for which the server allocates
/// 1 GB less a byte (MaxAllocSize, utils/memutils.h), and that into one message to the client.
pub const LARGEST: usize = 0x3fff_ffff - 1024;

/// The allowance of every request: numbers, moments, quotes and delimiters need not ask.
const SMALL: usize = 64;

/// A buffer that has grown beyond is not kept for the next row.
const KEPT: usize = 1024 * 1024;

/// Makes room for `bytes` more. Errors: 54000 where that makes the row too large, 53200 where there is no memory.
#[inline]
pub fn reserve(out: &mut Vec<u8>, bytes: usize) -> Result<()> {
    if out.capacity() - out.len() >= bytes.saturating_add(SMALL) {
        return Ok(());
    }
    grow(out, bytes)
}

#[cold]
fn grow(out: &mut Vec<u8>, bytes: usize) -> Result<()> {
    let wanted = out.len().saturating_add(bytes).saturating_add(SMALL);
    if wanted > LARGEST {
        return Err(too_large());
    }
    // Twice as much, so that many small values are not as many moves.
    let target = wanted.max((out.len() * 2).min(LARGEST));
    out.try_reserve_exact(target - out.len()).map_err(|_| none_left())
}

/// True if so many bytes could be had. For libraries and small helpers that allocate by themselves, in proportion to a value.
pub fn probe(bytes: usize) -> Result<()> {
    if bytes <= KEPT {
        return Ok(());
    }
    Vec::<u8>::new().try_reserve_exact(bytes).map_err(|_| none_left())
}

/// Empties a buffer for the next row; what a huge row took is given back.
pub fn reuse(buffer: &mut Vec<u8>) {
    buffer.clear();
    if buffer.capacity() > KEPT {
        *buffer = Vec::new();
    }
}

/// 54000.
pub fn too_large() -> Error {
    Error::new(Kind::ProgramLimitExceeded, "a row of the export has more than 1 GB")
        .hint("Leave out its largest fields, by naming the others in fields, or the row, by a filter.")
}

fn none_left() -> Error {
    Error::new(Kind::OutOfMemory, "out of memory for a row of the export")
        .hint("Leave out its largest fields, by naming the others in fields, or the row, by a filter.")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn there_is_room_or_an_error() {
        let mut out = Vec::new();
        reserve(&mut out, 10).unwrap();
        assert!(out.capacity() >= 10 + SMALL);
        let before = out.capacity();
        reserve(&mut out, 10).unwrap();
        assert_eq!(out.capacity(), before);
        for bytes in [LARGEST, LARGEST - SMALL + 1, usize::MAX - 1, usize::MAX] {
            let error = reserve(&mut out, bytes).unwrap_err();
            assert_eq!((error.sqlstate(), out.capacity()), ("54000", before), "{bytes}");
        }
        // Present content counts already, and growth stops at the limit. (The memory is not touched.)
        out.resize(4096, 0);
        assert_eq!(reserve(&mut out, LARGEST - 4096).unwrap_err(), too_large());
        reserve(&mut out, LARGEST - 4096 - SMALL).unwrap();
        assert!(out.capacity() >= LARGEST);
    }

    #[test]
    fn growth_is_by_doubling() {
        let (mut out, mut moves, mut capacity) = (Vec::new(), 0, 0);
        for _ in 0..100_000 {
            reserve(&mut out, 8).unwrap();
            moves += usize::from(out.capacity() != capacity);
            capacity = out.capacity();
            out.extend_from_slice(b"12345678");
        }
        assert!(moves < 30, "{moves}");
    }

    #[test]
    fn memory_that_is_not_there_is_an_error() {
        // More than any address space has.
        assert_eq!(probe(isize::MAX as usize).unwrap_err().sqlstate(), "53200");
        assert_eq!(probe(usize::MAX).unwrap_err().sqlstate(), "53200");
        assert_eq!(probe(KEPT), Ok(()));
        assert_eq!(probe(KEPT + 1), Ok(()));
    }

    #[test]
    fn a_huge_row_is_not_kept() {
        let mut buffer = vec![1; KEPT];
        buffer.shrink_to_fit();
        reuse(&mut buffer);
        assert!(buffer.is_empty() && buffer.capacity() > 0);
        buffer.resize(KEPT + 1, 1);
        reuse(&mut buffer);
        assert_eq!((buffer.len(), buffer.capacity()), (0, 0));
    }
}
