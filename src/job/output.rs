//! The output of a finished read, ready to be stored.

use super::digests::Digests;
use super::stored_file::FilePart;
use crate::spool::Spooled;

/// The files of one job, all of one snapshot.
pub struct ExportOutput {
    /// The dataset's own first, then its companions'.
    pub files: Vec<File>,
    /// Moment of the snapshot, microseconds since 2000-01-01 UTC.
    pub as_of: i64,
    /// Nothing in the files was committed later than this place in the write-ahead log (`pg_lsn`).
    pub wal_position: String,
    /// The first companion that could not be exported.
    pub failed: Option<Failed>,
    /// Of the dataset's own rows.
    pub digests: Option<Digests>,
}

/// The media type by which a file is known as an archive of several.
pub const ARCHIVE_TYPE: &str = "application/zip";

/// One file, or the place of one that could not be made.
pub struct File {
    /// The beginning of its name, from its title.
    pub stem: String,
    /// The end of its name: `csv.gz`.
    pub ending: String,
    /// With the moment of its data.
    pub name: String,
    pub media_type: &'static str,
    /// None: it could not be made.
    pub spooled: Option<Spooled>,
    /// The reason why it failed.
    pub failed: Option<Reason>,
    pub parts: Vec<FilePart>,
}

/// The reason why something could not be exported: the part of an error that may be kept.
#[derive(Debug, Clone)]
pub struct Reason {
    pub message: String,
    pub sqlstate: String,
}

/// A companion that could not be exported, though the dataset's own file could.
pub struct Failed {
    /// The number of the dataset: the dataset itself is 1.
    pub place: usize,
    pub reason: Reason,
}

impl File {
    /// Its name without the moment.
    pub fn plain_name(&self) -> String {
        format!("{}.{}", self.stem, self.ending)
    }

    pub fn rows(&self) -> u64 {
        self.parts.iter().map(|part| part.rows).sum()
    }
}

impl ExportOutput {
    pub fn rows(&self) -> u64 {
        self.files.iter().map(File::rows).sum()
    }

    pub fn bytes(&self) -> u64 {
        self.files.iter().filter_map(|file| file.spooled.as_ref()).map(|spooled| spooled.bytes).sum()
    }
}
