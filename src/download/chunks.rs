//! `acct_export_chunks`: one chunk at each call.

use super::file::File;
use crate::pg::report;

/// Chunks from the first to the last, with their numbers.
pub struct Chunks {
    file: File,
    next: i64,
}

impl Chunks {
    pub fn new(file: File) -> Chunks {
        Chunks { file, next: 1 }
    }
}

impl Iterator for Chunks {
    type Item = (i32, Vec<u8>);

    fn next(&mut self) -> Option<Self::Item> {
        if self.next > self.file.stored.chunks {
            return None;
        }
        let number = self.next;
        self.next += 1;
        let bytes = self.file.chunk(number).unwrap_or_else(|error| report::raise(error));
        Some((number as i32, bytes))
    }
}
