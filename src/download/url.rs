//! `acct_export_url`: whoever has the URL may download the file for some time, without the database.

use super::file::{self, File};
use crate::audit;
use crate::error::{Error, Kind, Result};
use crate::job::record::record;
use crate::job::{commands, status, stored_object};
use crate::pg::identity::{self, Reader, Requester};
use serde_json::json;
use std::time::Duration;

/// The most that signatures of S3 allow: 7 days
/// (https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html).
const LONGEST: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// A presigned URL, valid for so many microseconds, but no longer than the file is kept.
///
/// Errors: 22023 for a time that is none or too long, 55000 for a file in the job table; those of `acct_export_file`; those of the store,
/// where credentials have to be fetched.
pub fn url(job: Option<&str>, number: Option<i32>, valid_for: i128) -> Result<String> {
    let wanted = Duration::from_micros(u64::try_from(valid_for).unwrap_or(0));
    if wanted < Duration::from_secs(1) || wanted > LONGEST {
        return Err(Error::invalid("valid_for is out of range")
            .hint("A URL is valid for 1 second at least and 7 days at most, which is the limit of S3."));
    }
    let way = "url";
    let file = file::find(job, number, way)?;
    let object = file.object.as_ref().ok_or_else(|| {
        Error::new(
            Kind::NotInPrerequisiteState,
            format!("the file of export job {} is in the job table and has no URL", file.job),
        )
        .hint("Read it with acct_export_file or acct_export_chunks, or export to a destination.")
    })?;
    let valid_for = within_retention(&file.job, wanted)?;
    let url = object.url(valid_for)?;
    file.tell_more(way, json!({ "valid_for": valid_for.as_secs() }))?;
    Ok(url)
}

fn within_retention(job: &str, wanted: Duration) -> Result<Duration> {
    let left: Option<i64> = identity::as_owner(|| status::seconds_left(job))?;
    let kept = Duration::from_secs(left.unwrap_or(0).max(1) as u64);
    Ok(Duration::from_secs(wanted.min(kept).as_secs()))
}

/// The inputs of a URL, used while no transaction is open: credentials of an instance are fetched over the network.
pub struct Ticket {
    file: File,
    valid_for: Duration,
}

impl Ticket {
    /// Tells the audit trail, of which it is the requester's doing.
    pub fn tell(&self) -> Result<()> {
        let file = &self.file;
        let detail = json!({ "file": file.stored.file, "bytes": file.stored.bytes, "way": "mail", "valid_for": self.valid_for.as_secs() });
        identity::as_owner(|| record(audit::DOWNLOADED, &file.job, detail))
    }

    pub fn url(&self) -> Result<String> {
        match &self.file.object {
            Some(object) => object.url(self.valid_for),
            None => Err(Error::new(Kind::Internal, "a file without an object has no URL")),
        }
    }
}

/// For a mail to who has asked for a job: one for each of its files in a bucket, with the rights that its requester has now. In a worker's
/// transaction, as nobody yet.
pub fn tickets(job: &str, wanted: Duration) -> Result<Vec<Ticket>> {
    let placed = identity::as_owner(|| stored_object::of_job(job))?;
    let (Some((context, login, files)), Some(seen)) = (placed, commands::look(job)?) else {
        return Ok(Vec::new());
    };
    let valid_for = within_retention(job, wanted)?;
    let asker = Requester { login, role: context.role_taken_on };
    asker.check(&context.login)?;
    let reader = Reader::working(seen.requested_by, asker, &context.settings);
    let mut tickets = Vec::new();
    for number in files {
        let Some(file) = file::load(job, number, &seen)? else { continue };
        identity::as_requester(&reader, || file::permitted(&file, &seen))?;
        file.object.as_ref().map_or(Ok(()), |object| object.open())?;
        tickets.push(Ticket { file, valid_for });
    }
    Ok(tickets)
}
