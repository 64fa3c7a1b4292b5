//! Files in the job tables: the spool in chunks, written within the caller's transaction and read one at a time.

use crate::error::{Error, Kind, Result};
use crate::pg::sql::{self, Arg};
use crate::pg::{progress, wait};
use crate::spool::{self, Spooled};

/// Bytes of all files of a job.
pub struct Progress {
    pub done: u64,
    pub total: u64,
}

/// Writes all chunks of a file. As the extension's owner.
pub fn store(job: &str, file: i64, spooled: &mut Spooled, all: &mut Progress) -> Result<()> {
    progress::bytes(all.done, all.total);
    each(spooled, &mut |chunk| {
        sql::run(
            "INSERT INTO acct_export.chunk (job, file, chunk, unpacked, data) VALUES ($1::uuid, $2, $3, $4, $5)",
            &[job.into(), file.into(), chunk.number.into(), Arg::Int(chunk.unpacked), Arg::Bytes(chunk.data)],
        )?;
        all.done += chunk.bytes;
        progress::bytes(all.done, all.total);
        Ok(())
    })
}

/// A chunk as it is stored.
pub(super) struct Chunk<'a> {
    /// From 1.
    pub number: i64,
    /// Bytes of content where `data` is compressed.
    pub unpacked: Option<i64>,
    pub data: &'a [u8],
    /// Bytes of content.
    bytes: u64,
}

/// Gives the chunks of a spool, which was rewound, to `store`.
pub(super) fn each(spooled: &mut Spooled, store: &mut dyn FnMut(Chunk<'_>) -> Result<()>) -> Result<()> {
    let mut data = Vec::new();
    let mut number = 0;
    while let Some(frame) = spooled.next(&mut data)? {
        number += 1;
        let unpacked = frame.is_packed().then_some(frame.content as i64);
        store(Chunk { number, unpacked, data: &data, bytes: frame.content as u64 })?;
        wait::check_interrupts();
    }
    Ok(())
}

/// A chunk after the size of its content, in four bytes, if it is packed; after zeros if it is not.
const STORED: &str = "
SELECT int4send(coalesce(unpacked, 0)) || data FROM acct_export.chunk WHERE job = $1::uuid AND file = $2 AND chunk = $3";

/// The content of one chunk, from 1; None: the file was deleted. As the owner.
pub fn read(job: &str, file: i64, number: i64) -> Result<Option<Vec<u8>>> {
    let Some(stored) = sql::bytes(STORED, &[job.into(), file.into(), number.into()])? else {
        return Ok(None);
    };
    let broken =
        || Error::new(Kind::Internal, format!("chunk {number} of export job {job} cannot be unpacked"));
    content(&stored).ok_or_else(broken).map(Some)
}

/// The content of a chunk that stands after its size, as in [`STORED`]; None: it cannot be unpacked.
pub(super) fn content(stored: &[u8]) -> Option<Vec<u8>> {
    let (size, data) = stored.split_first_chunk::<4>()?;
    match u32::from_be_bytes(*size) {
        0 => Some(data.to_vec()),
        size => spool::unpacked(data, size as usize),
    }
}
