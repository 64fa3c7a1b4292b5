//! The package: a zip file that is written from front to back.
//!
//! Entries are either streamed (their sizes follow them, in a data descriptor) or copied as they were packed
//! elsewhere. All numbers are from PKWARE's APPNOTE.TXT 6.3.10, whose sections are named. Each entry bears
//! zip's first day as its date.
//!
//! Invariants: an entry stays below 4 GiB, packed and unpacked; whoever writes sees to it and an error says
//! so otherwise. A streamed entry that grows beyond cannot be told at its head, and Excel takes it for
//! damaged unless the head says so (found for Apache POI, pull request 154), while heads that say so
//! always are refused by other programs. The whole file may be larger: then the directory has its 64-bit
//! form.

use crate::error::{Error, Kind, Result};

/// Deflate, 4.4.5.
const DEFLATED: u16 = 8;
/// General purpose bit 3, 4.4.4: sizes follow the data.
const STREAMED: u16 = 1 << 3;
/// Version 2.0 for deflate, 4.5 for what needs 64 bits; 4.4.3.
const VERSION: u16 = 20;
const VERSION_64: u16 = 45;
/// 1980-01-01 00:00, 4.4.6.
const TIME: u16 = 0;
const DATE: u16 = 1 << 5 | 1;
/// The marker for a number that is found in its 64-bit form.
const MARK_32: u32 = u32::MAX;
const MARK_16: u16 = u16::MAX;

/// Checksum and sizes of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    pub crc: u32,
    pub packed: u64,
    pub unpacked: u64,
}

/// The archive so far: what has been appended to the caller's buffers.
#[derive(Default)]
pub struct Zip {
    offset: u64,
    entries: Vec<Entry>,
    /// Name and place of the streamed entry that is not closed yet.
    open: Option<(String, u64)>,
}

struct Entry {
    name: String,
    flags: u16,
    crc: u32,
    packed: u32,
    unpacked: u32,
    offset: u64,
}

impl Zip {
    /// Begins a streamed entry: the caller appends its packed bytes, and closes it.
    pub fn open(&mut self, name: &str, out: &mut Vec<u8>) {
        self.open = Some((name.to_owned(), self.offset));
        self.local_header(name, STREAMED, 0, 0, 0, out);
    }

    /// Ends the streamed entry. 4.3.9.
    pub fn close(&mut self, sizes: Sizes, out: &mut Vec<u8>) -> Result<()> {
        let Some((name, offset)) = self.open.take() else {
            return Err(Error::new(Kind::Internal, "no part of the workbook is open"));
        };
        self.offset += sizes.packed;
        let before = out.len();
        let entry = Entry::new(name, STREAMED, sizes, offset)?;
        put32(out, 0x0807_4b50);
        put32(out, entry.crc);
        put32(out, entry.packed);
        put32(out, entry.unpacked);
        self.entries.push(entry);
        self.grown(before, out);
        Ok(())
    }

    /// A whole entry, packed already.
    pub fn copy(&mut self, name: &str, sizes: Sizes, packed: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let entry = Entry::new(name.to_owned(), 0, sizes, self.offset)?;
        self.local_header(name, 0, entry.crc, entry.packed, entry.unpacked, out);
        let before = out.len();
        out.extend_from_slice(packed);
        self.entries.push(entry);
        self.grown(before, out);
        Ok(())
    }

    /// The directory, and the end of the file.
    pub fn end(mut self, out: &mut Vec<u8>) -> Result<()> {
        let start = self.offset;
        let before = out.len();
        for entry in &self.entries {
            entry.directory_header(out);
        }
        self.grown(before, out);
        let size = self.offset - start;
        let count = self.entries.len() as u64;
        // The small form has room for one less than its marks.
        let small = (u16::try_from(count), u32::try_from(size), u32::try_from(start));
        let (count_16, size_32, start_32) = match small {
            (Ok(count), Ok(size), Ok(start)) if count < MARK_16 && size < MARK_32 && start < MARK_32 => {
                (count, size, start)
            }
            _ => {
                end_64(count, size, start, self.offset, out);
                (MARK_16, MARK_32, MARK_32)
            }
        };
        // End of central directory, 4.3.16: this disk is the only one.
        put32(out, 0x0605_4b50);
        put16(out, 0);
        put16(out, 0);
        put16(out, count_16);
        put16(out, count_16);
        put32(out, size_32);
        put32(out, start_32);
        put16(out, 0);
        Ok(())
    }

    /// 4.3.7.
    fn local_header(
        &mut self,
        name: &str,
        flags: u16,
        crc: u32,
        packed: u32,
        unpacked: u32,
        out: &mut Vec<u8>,
    ) {
        let before = out.len();
        put32(out, 0x0403_4b50);
        put16(out, version(self.offset));
        common(out, flags, crc, packed, unpacked, name);
        put16(out, 0);
        out.extend_from_slice(name.as_bytes());
        self.grown(before, out);
    }

    /// Counts what was appended.
    fn grown(&mut self, before: usize, out: &[u8]) {
        self.offset += (out.len() - before) as u64;
    }
}

impl Entry {
    fn new(name: String, flags: u16, sizes: Sizes, offset: u64) -> Result<Entry> {
        match (u32::try_from(sizes.packed), u32::try_from(sizes.unpacked)) {
            (Ok(packed), Ok(unpacked)) if packed < MARK_32 && unpacked < MARK_32 => {
                Ok(Entry { name, flags, crc: sizes.crc, packed, unpacked, offset })
            }
            _ => Err(Error::new(Kind::Internal, "a part of the workbook has more than 4 GiB")),
        }
    }

    /// 4.3.12; the 64-bit offset is an extra field, 4.5.3.
    fn directory_header(&self, out: &mut Vec<u8>) {
        let offset = u32::try_from(self.offset).ok().filter(|offset| *offset < MARK_32);
        put32(out, 0x0201_4b50);
        put16(out, version(self.offset));
        put16(out, version(self.offset));
        common(out, self.flags, self.crc, self.packed, self.unpacked, &self.name);
        put16(out, if offset.is_some() { 0 } else { 12 });
        // No comment, first disk, no attributes.
        put16(out, 0);
        put16(out, 0);
        put16(out, 0);
        put32(out, 0);
        put32(out, offset.unwrap_or(MARK_32));
        out.extend_from_slice(self.name.as_bytes());
        if offset.is_none() {
            put16(out, 1);
            put16(out, 8);
            put64(out, self.offset);
        }
    }
}

/// The version that a reader needs for an entry at this place.
fn version(offset: u64) -> u16 {
    if offset < u64::from(MARK_32) {
        VERSION
    } else {
        VERSION_64
    }
}

/// The common middle of both headers: flags to the length of the name.
fn common(out: &mut Vec<u8>, flags: u16, crc: u32, packed: u32, unpacked: u32, name: &str) {
    put16(out, flags);
    put16(out, DEFLATED);
    put16(out, TIME);
    put16(out, DATE);
    put32(out, crc);
    put32(out, packed);
    put32(out, unpacked);
    // Names of parts are short and plain ASCII.
    put16(out, name.len() as u16);
}

/// The 64-bit end record and its locator, 4.3.14 and 4.3.15.
fn end_64(count: u64, size: u64, start: u64, here: u64, out: &mut Vec<u8>) {
    put32(out, 0x0606_4b50);
    // The rest of the record.
    put64(out, 44);
    put16(out, VERSION_64);
    put16(out, VERSION_64);
    put32(out, 0);
    put32(out, 0);
    put64(out, count);
    put64(out, count);
    put64(out, size);
    put64(out, start);
    put32(out, 0x0706_4b50);
    put32(out, 0);
    put64(out, here);
    put32(out, 1);
}

fn put16(out: &mut Vec<u8>, value: u16) {
    out.extend_from_slice(&value.to_le_bytes());
}

fn put32(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_le_bytes());
}

fn put64(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(&value.to_le_bytes());
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
#[path = "zip_tests.rs"]
mod tests;
