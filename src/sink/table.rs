//! The job table as destination: the spool in chunks, within the caller's transaction.

use super::Spooled;
use crate::error::Result;
use crate::pg::sql::{self, Arg};
use crate::pg::{progress, wait};

/// Bytes of a chunk. Between 64 KiB and 1 MiB the size makes no difference (measured); larger ones only cost memory.
pub const CHUNK: usize = 1024 * 1024;

/// Writes all chunks of a file. As the extension's owner.
pub fn store(job: &str, file: i64, spooled: &mut Spooled) -> Result<()> {
    let mut buffer = vec![0; CHUNK];
    let mut done = 0u64;
    let mut number = 0i64;
    loop {
        let filled = spooled.read(&mut buffer)?;
        if filled == 0 && number > 0 {
            return Ok(());
        }
        number += 1;
        sql::run(
            "INSERT INTO acct_export.chunk (job, file, chunk, data) VALUES ($1::uuid, $2, $3, $4)",
            &[job.into(), file.into(), number.into(), Arg::Bytes(&buffer[..filled])],
        )?;
        done += filled as u64;
        progress::bytes(done, spooled.bytes);
        wait::check_interrupts();
        if filled < CHUNK {
            return Ok(());
        }
    }
}
