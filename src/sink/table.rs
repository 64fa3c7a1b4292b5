//! The job table as destination: the spool in chunks, within the caller's transaction.

use super::Spooled;
use crate::error::Result;
use crate::pg::sql::{self, Arg};
use crate::pg::{progress, wait};

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
