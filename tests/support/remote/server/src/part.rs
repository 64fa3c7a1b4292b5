//! A part on its way in: hashed and written as it comes, and there only when it is whole.

use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use base64_simd::STANDARD;
use md5::{Digest, Md5};
use s3s::{S3Result, s3_error};

use crate::disk::{Disk, hex, internal};

pub struct Incoming {
    file: File,
    sum: Md5,
    /// The place until it is whole.
    path: PathBuf,
    part: PathBuf,
    sum_file: PathBuf,
}

impl Incoming {
    pub fn of(disk: &Disk, id: &str, number: i32) -> S3Result<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        // Two of the same number may come at once: a client that gave up on the first.
        let path = disk.sum(id, number).with_extension(NEXT.fetch_add(1, Ordering::Relaxed).to_string());
        let file = File::create(&path).map_err(internal)?;
        let (part, sum_file) = (disk.part(id, number), disk.sum(id, number));
        Ok(Self { file, sum: Md5::new(), path, part, sum_file })
    }

    pub fn take(&mut self, bytes: &[u8]) -> S3Result<()> {
        self.sum.update(bytes);
        self.file.write_all(bytes).map_err(internal)
    }

    /// The MD5, which is what the client said if it said anything.
    pub fn end(mut self, told: Option<&str>) -> S3Result<String> {
        let sum = self.sum.finalize_reset();
        if told.is_some_and(|told| told != STANDARD.encode_to_string(sum)) {
            return Err(s3_error!(BadDigest));
        }
        fs::rename(&self.path, &self.part).map_err(internal)?;
        let sum = hex(&sum);
        fs::write(&self.sum_file, &sum).map_err(internal)?;
        Ok(sum)
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}
