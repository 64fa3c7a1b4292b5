//! The temporary file of a running export: bounded memory whatever the size, gone with its process.
//!
//! The file has no name from the start (O_TMPFILE, or unlinked at once), so a crash leaves nothing behind. Bytes are
//! counted and hashed on their way in.

use crate::encode::Compression;
use crate::error::{Error, Kind, Result};
use crate::pg::{catalog, wait};
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;

/// How much is gathered before it is written.
const BUFFER: usize = 256 * 1024;

/// A spool that is written.
pub struct Spool {
    target: Target,
}

enum Target {
    Plain(BufWriter<Hashing>),
    Gzip(Box<GzEncoder<BufWriter<Hashing>>>),
}

impl Spool {
    /// Makes the file in `directory`.
    pub fn create(directory: &Path, compression: Option<Compression>) -> Result<Spool> {
        let file = tempfile::tempfile_in(directory)?;
        let hashing = Hashing { file, hash: Sha256::new(), bytes: 0, limit: catalog::temp_file_limit() };
        let buffered = BufWriter::with_capacity(BUFFER, hashing);
        let target = match compression {
            None => Target::Plain(buffered),
            // No name and no time in the header: the same rows give the same bytes.
            Some(Compression::Gzip) => {
                Target::Gzip(Box::new(GzEncoder::new(buffered, flate2::Compression::new(4))))
            }
        };
        Ok(Spool { target })
    }

    /// Ends the file and makes it ready to be read.
    pub fn finish(self) -> Result<Spooled> {
        let buffered = match self.target {
            Target::Plain(buffered) => buffered,
            Target::Gzip(encoder) => encoder.finish()?,
        };
        let Hashing { mut file, hash, bytes, .. } =
            buffered.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.seek(SeekFrom::Start(0))?;
        let sha256 = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Spooled { file, bytes, sha256 })
    }
}

impl Write for Spool {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.target {
            Target::Plain(target) => target.write(bytes),
            Target::Gzip(target) => target.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.target {
            Target::Plain(target) => target.flush(),
            Target::Gzip(target) => target.flush(),
        }
    }
}

/// The file with its counters. A waiting cancel ends the write with an error, deep inside whatever library writes.
struct Hashing {
    file: File,
    hash: Sha256,
    bytes: u64,
    limit: Option<u64>,
}

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        wait::interrupted().map_err(io::Error::other)?;
        if self.limit.is_some_and(|limit| self.bytes + bytes.len() as u64 > limit) {
            return Err(io::Error::other(
                Error::new(
                    Kind::ConfigurationLimitExceeded,
                    "the export's spool file exceeds temp_file_limit",
                )
                .hint("Narrow the export, or let a superuser raise temp_file_limit."),
            ));
        }
        let written = self.file.write(bytes)?;
        self.hash.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// A spool that is complete.
pub struct Spooled {
    file: File,
    pub bytes: u64,
    /// Hex.
    pub sha256: String,
}

impl Spooled {
    /// Fills `buffer` as far as the file goes; the number of bytes, 0 at the end.
    pub fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.file.read(&mut buffer[filled..])? {
                0 => break,
                count => filled += count,
            }
        }
        Ok(filled)
    }
}
