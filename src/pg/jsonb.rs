//! Text from the server's form of a `jsonb` (utils/jsonb.h), as its output function writes it, without the iterator, the copies
//! and the buffers of `JsonbToCString`, which take three times as long.
//!
//! Bytes in, bytes out, nothing of the server: what does not look as it should, and what is nested very deeply, is `None`, and
//! is left to the server; so is what finds no room, and the server says so.

use super::numeric;
use crate::encode::json_string;
use crate::value::memory;

/// Levels that the stack is used for.
const DEEPEST: usize = 200;

/// Header of a container.
const COUNT: u32 = 0x0FFF_FFFF;
const SCALAR: u32 = 0x1000_0000;
const OBJECT: u32 = 0x2000_0000;

/// An entry: an end or a length, and what lies there.
const END_OR_LENGTH: u32 = 0x0FFF_FFFF;
const KIND: u32 = 0x7000_0000;
const HAS_END: u32 = 0x8000_0000;

/// Appends the text. `value`: the bytes after the varlena header.
pub fn append(value: &[u8], out: &mut Vec<u8>) -> Option<()> {
    // Of numbers inside, the headers are read as on little-endian machines.
    if cfg!(target_endian = "big") {
        return None;
    }
    container(value, DEEPEST, out)
}

fn container(bytes: &[u8], deeper: usize, out: &mut Vec<u8>) -> Option<()> {
    let header = word(bytes)?;
    let count = (header & COUNT) as usize;
    if header & OBJECT != 0 {
        // All keys, then all values.
        let mut keys = Entries::new(bytes, 2 * count)?;
        let mut values = keys.clone();
        for _ in 0..count {
            values.next()?;
        }
        out.push(b'{');
        for index in 0..count {
            if index > 0 {
                out.extend_from_slice(b", ");
            }
            json_string(keys.next()?.bytes, out).ok()?;
            out.extend_from_slice(b": ");
            values.next()?.append(deeper, out)?;
        }
        out.push(b'}');
        return Some(());
    }
    let mut elements = Entries::new(bytes, count)?;
    if header & SCALAR != 0 {
        return elements.next()?.append(deeper, out);
    }
    out.push(b'[');
    for index in 0..count {
        if index > 0 {
            out.extend_from_slice(b", ");
        }
        elements.next()?.append(deeper, out)?;
    }
    out.push(b']');
    Some(())
}

/// The entries of a container, from its first.
#[derive(Clone)]
struct Entries<'b> {
    entries: &'b [u8],
    data: &'b [u8],
    /// The end of the data of the entry before.
    end: usize,
}

impl<'b> Entries<'b> {
    fn new(container: &'b [u8], count: usize) -> Option<Self> {
        let (entries, data) = container.get(4..)?.split_at_checked(4 * count)?;
        Some(Entries { entries, data, end: 0 })
    }

    fn next(&mut self) -> Option<Entry<'b>> {
        let entry = word(self.entries)?;
        self.entries = &self.entries[4..];
        let start = self.end;
        let length = (entry & END_OR_LENGTH) as usize;
        self.end = if entry & HAS_END != 0 { length } else { start + length };
        Some(Entry {
            kind: entry & KIND,
            bytes: self.data.get(start..self.end)?,
            padding: start.next_multiple_of(4) - start,
        })
    }
}

struct Entry<'b> {
    kind: u32,
    bytes: &'b [u8],
    /// Before numbers and containers.
    padding: usize,
}

impl Entry<'_> {
    fn append(&self, deeper: usize, out: &mut Vec<u8>) -> Option<()> {
        memory::reserve(out, 0).ok()?;
        match self.kind {
            0x0000_0000 => json_string(self.bytes, out).ok()?,
            0x1000_0000 => number(self.bytes.get(self.padding..)?, out)?,
            0x2000_0000 => out.extend_from_slice(b"false"),
            0x3000_0000 => out.extend_from_slice(b"true"),
            0x4000_0000 => out.extend_from_slice(b"null"),
            0x5000_0000 => container(self.bytes.get(self.padding..)?, deeper.checked_sub(1)?, out)?,
            _ => return None,
        }
        Some(())
    }
}

/// A `numeric` with its varlena header, of four bytes or of one (varatt.h, little-endian).
fn number(bytes: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let first = *bytes.first()?;
    let (header, size) =
        if first & 1 == 1 { (1, usize::from(first >> 1)) } else { (4, (word(bytes)? >> 2) as usize) };
    numeric::append(bytes.get(header..size)?, out)
}

fn word(bytes: &[u8]) -> Option<u32> {
    Some(u32::from_ne_bytes(*bytes.first_chunk()?))
}
