//! The task of the spool's thread: compress to gzip where that is requested, hash, cut into chunks, pack each chunk for the
//! job table, write. Plain data and a file; nothing of the server.
//!
//! Text files are kept as frames of Zstandard, one a chunk: a fifth of the bytes to store and of the write-ahead log, for
//! time of a second core. A chunk that would not shrink stays as it is.

use super::file::Frame;
use crate::error::{Error, Kind};
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Write};
use zstd::bulk::Compressor;

/// Bytes of content in a chunk, but for the last. Between 64 KiB and 1 MiB the size makes no difference (measured); larger
/// ones only cost memory.
pub const CHUNK: usize = 1024 * 1024;

/// The level at which a thread packs as fast as an export is read; its files are smaller by 40 parts in a hundred than LZ4's.
const LEVEL: i32 = 1;

/// The packing of an export's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    /// Compressed already.
    None,
    /// Delivered as they came, kept as frames of Zstandard.
    Zstd,
    /// Delivered as a gzip file.
    Gzip,
}

/// A file that is complete.
pub struct Written {
    pub file: File,
    pub frames: Vec<Frame>,
    pub bytes: u64,
    pub sha256: String,
}

/// Takes what an encoder made.
pub enum Writer {
    Plain(Box<Chunks>),
    Gzip(Box<GzEncoder<Chunks>>),
}

impl Writer {
    /// `limit`: bytes that the file may have.
    pub fn new(file: File, packing: Packing, limit: Option<u64>) -> io::Result<Writer> {
        let chunks = Chunks {
            file,
            packer: if packing == Packing::Zstd { Some(Compressor::new(LEVEL)?) } else { None },
            limit,
            hash: Sha256::new(),
            bytes: 0,
            pending: Vec::new(),
            packed: Vec::new(),
            in_file: 0,
            frames: Vec::new(),
        };
        Ok(match packing {
            // No name and no time in the header: the same rows give the same bytes.
            Packing::Gzip => Writer::Gzip(Box::new(GzEncoder::new(chunks, flate2::Compression::new(4)))),
            Packing::None | Packing::Zstd => Writer::Plain(Box::new(chunks)),
        })
    }

    pub fn finish(self) -> io::Result<Written> {
        match self {
            Writer::Plain(chunks) => chunks.finish(),
            Writer::Gzip(encoder) => encoder.finish()?.finish(),
        }
    }

    pub fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Writer::Plain(chunks) => chunks.write_all(bytes),
            Writer::Gzip(encoder) => encoder.write_all(bytes),
        }
    }
}

/// The content, hashed and cut.
pub struct Chunks {
    file: File,
    packer: Option<Compressor<'static>>,
    limit: Option<u64>,
    hash: Sha256,
    bytes: u64,
    /// The beginning of a chunk.
    pending: Vec<u8>,
    packed: Vec<u8>,
    in_file: u64,
    frames: Vec<Frame>,
}

impl Chunks {
    fn finish(mut self) -> io::Result<Written> {
        // An empty file has one empty chunk.
        if !self.pending.is_empty() || self.frames.is_empty() {
            let pending = std::mem::take(&mut self.pending);
            self.keep(&pending)?;
        }
        let sha256 = self.hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Written { file: self.file, frames: self.frames, bytes: self.bytes, sha256 })
    }

    fn keep(&mut self, chunk: &[u8]) -> io::Result<()> {
        let mut packed = std::mem::take(&mut self.packed);
        packed.clear();
        if let Some(packer) = &mut self.packer {
            packed
                .try_reserve(zstd::zstd_safe::compress_bound(chunk.len()))
                .map_err(|_| io::ErrorKind::OutOfMemory)?;
            packer.compress_to_buffer(chunk, &mut packed)?;
        }
        let is_packed = self.packer.is_some() && packed.len() < chunk.len();
        let stored = if is_packed { &packed } else { chunk };
        self.in_file += stored.len() as u64;
        if self.limit.is_some_and(|limit| self.in_file > limit) {
            return Err(io::Error::other(
                Error::new(
                    Kind::ConfigurationLimitExceeded,
                    "the export's spool file exceeds temp_file_limit",
                )
                .hint("Narrow the export, or let a superuser raise temp_file_limit."),
            ));
        }
        self.file.write_all(stored)?;
        self.frames.push(Frame { stored: stored.len(), content: chunk.len() });
        self.packed = packed;
        Ok(())
    }
}

impl Write for Chunks {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.pending.is_empty() && bytes.len() == CHUNK {
            self.keep(bytes)?;
        } else {
            let mut rest = bytes;
            while !rest.is_empty() {
                let (now, later) = rest.split_at(rest.len().min(CHUNK - self.pending.len()));
                self.pending.extend_from_slice(now);
                rest = later;
                if self.pending.len() == CHUNK {
                    let mut pending = std::mem::take(&mut self.pending);
                    self.keep(&pending)?;
                    pending.clear();
                    self.pending = pending;
                }
            }
        }
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The first bytes of a frame of Zstandard (RFC 8878, 3.1.1). No LZ4 block begins so: after two bytes of literals it would copy from more
/// than 252 bytes before.
const FRAME: [u8; 4] = [0x28, 0xB5, 0x2F, 0xFD];

/// The content of a chunk that was packed, by version 0.1 as an LZ4 block; None: it is neither.
pub fn unpacked(packed: &[u8], content: usize) -> Option<Vec<u8>> {
    if content > CHUNK {
        return None;
    }
    let bytes = match packed.starts_with(&FRAME) {
        true => zstd::bulk::decompress(packed, content).ok(),
        false => lz4_flex::block::decompress(packed, content).ok(),
    };
    bytes.filter(|bytes| bytes.len() == content)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::{Read, Seek, SeekFrom};

    fn written(packing: Packing, parts: &[Vec<u8>], limit: Option<u64>) -> io::Result<Written> {
        let mut writer = Writer::new(tempfile::tempfile().unwrap(), packing, limit)?;
        parts.iter().try_for_each(|part| writer.write_all(part))?;
        writer.finish()
    }

    fn content(mut written: Written) -> Vec<u8> {
        written.file.seek(SeekFrom::Start(0)).unwrap();
        let mut all = Vec::new();
        for frame in &written.frames {
            let mut stored = vec![0; frame.stored];
            written.file.read_exact(&mut stored).unwrap();
            all.extend(if frame.is_packed() { unpacked(&stored, frame.content).unwrap() } else { stored });
        }
        assert_eq!(written.bytes, all.len() as u64);
        assert_eq!(
            written.sha256,
            Sha256::digest(&all).iter().map(|byte| format!("{byte:02x}")).collect::<String>()
        );
        all
    }

    #[test]
    fn an_empty_file_has_one_empty_chunk() {
        let written = written(Packing::Zstd, &[], None).unwrap();
        assert_eq!(written.frames, [Frame { stored: 0, content: 0 }]);
        assert!(content(written).is_empty());
    }

    #[test]
    fn text_shrinks_and_noise_does_not_grow() {
        let text = vec![b"abc,def\r\n".repeat(300_000)];
        let packed = written(Packing::Zstd, &text, None).unwrap();
        assert!(
            packed.frames.len() == 3
                && packed.frames.iter().all(|frame| frame.is_packed() && frame.stored < 20_000)
        );
        assert_eq!(content(packed), text[0]);
        let mut noise = vec![0u8; CHUNK + 7];
        let mut state = 1u64;
        for byte in &mut noise {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            *byte = (state >> 56) as u8;
        }
        let kept = written(Packing::Zstd, &[noise.clone()], None).unwrap();
        assert_eq!(kept.frames, [Frame { stored: CHUNK, content: CHUNK }, Frame { stored: 7, content: 7 }]);
        assert_eq!(content(kept), noise);
    }

    #[test]
    fn the_limit_counts_what_is_written() {
        let text = vec![vec![b'x'; 3 * CHUNK]];
        assert!(written(Packing::Zstd, &text, Some(100_000)).is_ok());
        let error = written(Packing::None, &text, Some(100_000)).map(|_| ()).unwrap_err();
        assert_eq!(Error::from(error).sqlstate(), "53400");
    }

    #[test]
    fn chunks_of_version_0_1_are_unpacked() {
        let block = b"\x3Fabc\x03\x00\x03\x50bcabc";
        assert_eq!(unpacked(block, 30), Some(b"abc".repeat(10)));
        assert_eq!(unpacked(block, 29), None);
        let mut like_a_frame = FRAME.to_vec();
        like_a_frame.extend_from_slice(&[0; 40]);
        assert!(lz4_flex::block::decompress(&like_a_frame, CHUNK).is_err());
    }

    #[test]
    fn what_is_no_block_is_refused() {
        assert_eq!(unpacked(&FRAME, 100), None);
        assert_eq!(unpacked(b"\xff\xff\xff\xff", 100), None);
        assert_eq!(unpacked(b"", usize::MAX), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, cases: 24, ..ProptestConfig::default() })]

        #[test]
        fn what_goes_in_comes_out(parts in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..50), 1..60_000usize), 0..6)) {
            let parts: Vec<Vec<u8>> = parts.iter().map(|(unit, times)| unit.repeat(*times)).collect();
            let whole = parts.concat();
            for packing in [Packing::None, Packing::Zstd] {
                prop_assert!(content(written(packing, &parts, None).unwrap()) == whole);
            }
            let gzip = content(written(Packing::Gzip, &parts, None).unwrap());
            let mut back = Vec::new();
            flate2::read::GzDecoder::new(gzip.as_slice()).read_to_end(&mut back).unwrap();
            prop_assert!(back == whole);
        }
    }
}
