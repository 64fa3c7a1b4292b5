//! What a finished read hands over to be stored.

use crate::decode::Shape;
use crate::sink::Spooled;
use serde::Serialize;

/// The files of one job, all of one snapshot.
pub struct Product {
    /// The dataset's own first, then its companions'.
    pub files: Vec<File>,
    /// Moment of the snapshot, microseconds since 2000-01-01 UTC.
    pub as_of: i64,
    /// Nothing in the files was committed later than this place in the write-ahead log (`pg_lsn`).
    pub wal_position: String,
    /// The first companion that could not be exported.
    pub failed: Option<Failed>,
}

/// The media type by which a file is known as an archive of several.
pub const ARCHIVE_TYPE: &str = "application/zip";

/// One file, or the place of one that could not be made.
pub struct File {
    /// What its name begins with, of its title.
    pub stem: String,
    /// What its name ends with: `csv.gz`.
    pub ending: String,
    /// With the moment of its data.
    pub name: String,
    pub media_type: &'static str,
    /// None: it could not be made.
    pub spooled: Option<Spooled>,
    /// Why it could not.
    pub failed: Option<Reason>,
    pub parts: Vec<FilePart>,
}

/// Why something could not be exported: what may be kept of an error.
#[derive(Debug, Clone)]
pub struct Reason {
    pub message: String,
    pub sqlstate: String,
}

/// Rows of one dataset in a file: what reading it later asks rights for, and how it is read back.
#[derive(Debug, Serialize)]
pub struct FilePart {
    pub dataset: String,
    /// Oid of the relation that it was.
    pub source: u32,
    pub fields: Vec<String>,
    pub rows: u64,
    pub shape: Shape,
}

/// A companion that could not be exported, though the dataset's own file could.
pub struct Failed {
    /// Which one: the dataset itself is 1.
    pub place: usize,
    pub reason: Reason,
}

impl File {
    pub fn rows(&self) -> u64 {
        self.parts.iter().map(|part| part.rows).sum()
    }
}

impl Product {
    pub fn rows(&self) -> u64 {
        self.files.iter().map(File::rows).sum()
    }

    pub fn bytes(&self) -> u64 {
        self.files.iter().filter_map(|file| file.spooled.as_ref()).map(|spooled| spooled.bytes).sum()
    }
}
