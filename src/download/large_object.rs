//! `acct_export_large_object`: a large object of the caller's own, for psql's `\lo_export`.

use super::file;
use crate::error::{Error, Kind, Result};
use crate::pg::sql::{self, Arg};
use crate::pg::wait;

/// Copies the file; the object's oid. The caller owns it and unlinks it.
pub fn large_object(job: Option<&str>, number: Option<i32>) -> Result<u32> {
    let file = file::open(job, number, "large object")?;
    let internal = || Error::new(Kind::Internal, "no large object was made");
    let object: i64 =
        sql::change("SELECT to_jsonb(pg_catalog.lo_create(0)::bigint)", &[])?.ok_or_else(internal)?;
    let mut offset = 0i64;
    for chunk in 1..=file.stored.chunks {
        let bytes = file.chunk(chunk)?;
        sql::run(
            "SELECT pg_catalog.lo_put($1::oid, $2, $3)",
            &[object.into(), offset.into(), Arg::Bytes(&bytes)],
        )?;
        offset += bytes.len() as i64;
        wait::check_interrupts();
    }
    u32::try_from(object).map_err(|_| internal())
}
