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
    let mut buffer = Vec::new();
    let mut number = 0i64;
    progress::bytes(all.done, all.total);
    while let Some(frame) = spooled.next(&mut buffer)? {
        number += 1;
        let unpacked = frame.is_packed().then_some(frame.content as i64);
        sql::run(
            "INSERT INTO acct_export.chunk (job, file, chunk, unpacked, data) VALUES ($1::uuid, $2, $3, $4, $5)",
            &[job.into(), file.into(), number.into(), Arg::Int(unpacked), Arg::Bytes(&buffer)],
        )?;
        all.done += frame.content as u64;
        progress::bytes(all.done, all.total);
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
    let (content, data) = stored.split_first_chunk::<4>().ok_or_else(broken)?;
    match u32::from_be_bytes(*content) {
        0 => Ok(Some(data.to_vec())),
        content => spool::unpacked(data, content as usize).ok_or_else(broken).map(Some),
    }
}
