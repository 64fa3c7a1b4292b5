//! Finding a file that may be read.

use super::location::{self, Object};
use crate::audit::denials::{self, Attempt};
use crate::audit::{self, By, Event};
use crate::catalog::rights::{self, Columns};
use crate::error::{Error, Kind, Result};
use crate::job::stored_file::{self, FilePart, StoredFile};
use crate::job::{commands, status};
use crate::model::JobStatus;
use crate::pg::{identity, xact};
use crate::request::companions;
use crate::source::references;
use serde_json::{json, Value};
use sha2::{Digest, Sha256};

/// A stored file that may be read.
pub struct File {
    pub job: String,
    dataset: String,
    tenant: Option<String>,
    pub stored: StoredFile,
    /// None: it is in the job table.
    pub(super) object: Option<Object>,
}

/// A bytea is a value of up to 1 GB, and twice that as the text that psql reads: beyond half of it, not as one value.
const LARGEST_BYTEA: i64 = 512 * 1024 * 1024;

/// Checks that the caller may read the file now, and writes the audit event. P0002 for a job that is not visible, 55000
/// for one without a file (yet, or any more), 42501 where the caller has lost a right, 25006 where nothing can be written.
pub fn open(job: Option<&str>, file: Option<i32>, way: &str) -> Result<File> {
    let file = find(job, file, way)?;
    file.tell(way)?;
    Ok(file)
}

/// The same without the event: nothing may leave before `tell`.
pub(super) fn find(job: Option<&str>, file: Option<i32>, way: &str) -> Result<File> {
    let job = status::given(job)?;
    let number = i64::from(file.ok_or_else(|| Error::invalid("file must not be null"))?);
    let (action, detail) = ("download", json!({ "file": number, "way": way }));
    let seen = commands::find_for(job, action, detail.clone())?;
    has_files(job, &seen)?;
    let attempt = || Attempt { action, dataset: &seen.dataset, job: Some(job), detail };
    let found = load(job, number, &seen)?.ok_or_else(|| {
        Error::invalid(format!("export job {job} has no file {number}")).hint("Files count from 1.")
    })?;
    denials::watch(attempt, || permitted(&found, &seen))?;
    xact::require_write("read an export's file, which is audited,")?;
    if found.stored.status != "stored" {
        let message = format!("file {number} of export job {job} is {}", found.stored.status);
        return Err(state(message).hint(match found.stored.status.as_str() {
            "failed" => {
                "See the error with acct_export_status, and request the export again with acct_export_retry."
            }
            _ => "Request the export again with acct_export_start.",
        }));
    }
    Ok(found)
}

/// A file, whoever asks. None: there is none of this number.
pub(super) fn load(job: &str, number: i64, seen: &commands::JobSummary) -> Result<Option<File>> {
    let found = identity::as_owner(|| stored_file::load(job, number))?;
    Ok(found.map(|mut stored| File {
        job: job.to_owned(),
        dataset: seen.dataset.clone(),
        tenant: seen.tenant.clone(),
        object: stored.object.take().map(Object::at),
        stored,
    }))
}

/// True if the current user may read it now.
pub(super) fn permitted(file: &File, seen: &commands::JobSummary) -> Result<()> {
    if file.stored.parts.is_empty() {
        // A manifest: it describes the request and holds no row.
        let columns = Columns { source: None, fields: &[], attnums: &[] };
        rights::at_download(&seen.dataset, &columns, &seen.request)?;
    }
    file.stored.parts.iter().try_for_each(|part| may_read(part, seen))?;
    file.object.as_ref().map_or(Ok(()), Object::may_be_reached)
}

/// The rights on each dataset that is in the file, as they are now; and on those whose values are listed beside it.
fn may_read(part: &FilePart, seen: &commands::JobSummary) -> Result<()> {
    let companion;
    let asked = if part.dataset == seen.dataset {
        &seen.request
    } else {
        companion = companions::companion(&seen.request, &part.dataset)?;
        &companion.asked
    };
    let columns = Columns { source: Some(part.source), fields: &part.fields, attnums: &part.attnums };
    rights::at_download(&part.dataset, &columns, asked)?;
    part.shape.references.iter().try_for_each(|listed| {
        let asked = references::request(listed, asked, false);
        let columns = Columns { source: None, fields: std::slice::from_ref(&listed.field), attnums: &[] };
        rights::at_download(&listed.dataset, &columns, &asked)
    })
}

fn state(message: String) -> Error {
    Error::new(Kind::NotInPrerequisiteState, message)
}

fn has_files(job: &str, seen: &commands::JobSummary) -> Result<()> {
    match seen.status {
        JobStatus::Completed | JobStatus::CompletedWithErrors => Ok(()),
        JobStatus::Expired => Err(state(format!("the file of export job {job} has expired or was deleted"))
            .hint("Request the export again with acct_export_start.")),
        JobStatus::Failed | JobStatus::Cancelled => {
            Err(state(format!("export job {job} is {} and has no file", seen.status))
                .hint("See the error with acct_export_status, and request the export again with acct_export_retry."))
        }
        JobStatus::AwaitingApproval => {
            Err(state(format!("export job {job} is not finished: awaiting_approval"))
                .hint("A member of the approver roles in the policy of the dataset can approve it with acct_export_approve."))
        }
        other @ (JobStatus::Queued | JobStatus::Running) => {
            Err(state(format!("export job {job} is not finished: {other}"))
                .hint("Wait for it with acct_export_wait."))
        }
    }
}

/// `acct_export_file`: the whole file. 54000 for one that is too large for a value.
pub fn whole(job: Option<&str>, number: Option<i32>) -> Result<Vec<u8>> {
    let way = "bytea";
    let file = find(job, number, way)?;
    if file.stored.bytes > LARGEST_BYTEA {
        return Err(Error::new(
            Kind::ProgramLimitExceeded,
            format!("the file has {} bytes, too many for one bytea value", file.stored.bytes),
        )
        .hint("Read it with acct_export_chunks or acct_export_large_object, or export to a destination."));
    }
    // A failed allocation of this size is an ERROR, not the end of the process.
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(file.stored.bytes.max(0) as usize).map_err(|_| {
        Error::new(Kind::OutOfMemory, format!("out of memory for a file of {} bytes", file.stored.bytes))
            .hint("Read it with acct_export_chunks.")
    })?;
    file.tell(way)?;
    for chunk in 1..=file.stored.chunks {
        bytes.extend(file.chunk(chunk)?);
    }
    if !file.is_as_stored(&bytes) {
        return Err(Error::new(
            Kind::DataCorrupted,
            "the object in the object store is not the file that was stored",
        )
        .hint("Request the export again with acct_export_start."));
    }
    Ok(bytes)
}

impl File {
    /// The event, before the first byte.
    pub(super) fn tell(&self, way: &str) -> Result<()> {
        self.tell_more(way, json!({}))
    }

    /// The same with more of it.
    pub(super) fn tell_more(&self, way: &str, more: Value) -> Result<()> {
        let mut detail = json!({ "file": self.stored.file, "bytes": self.stored.bytes, "way": way });
        if let (Value::Object(detail), Value::Object(more)) = (&mut detail, more) {
            detail.extend(more);
        }
        let mut event = Event::new(audit::DOWNLOADED, By::caller(), detail);
        event.job = Some(self.job.clone());
        event.dataset = Some(self.dataset.clone());
        event.tenant.clone_from(&self.tenant);
        audit::left(event)
    }

    /// One chunk, from 1.
    pub fn chunk(&self, number: i64) -> Result<Vec<u8>> {
        location::chunk(&self.job, self.stored.file, number, self.stored.bytes, self.object.as_ref())
    }

    /// True if these bytes, all of it, are what was stored. Of a bucket somebody else has the keys too.
    fn is_as_stored(&self, bytes: &[u8]) -> bool {
        let sha256 = || Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        self.object.is_none() || self.stored.sha256.as_ref().is_some_and(|stored| *stored == sha256())
    }
}
