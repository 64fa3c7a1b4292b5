//! Finding a file that may be read.

use super::place::{self, Object};
use crate::audit::denied::{self, Attempt};
use crate::audit::{self, By, Event};
use crate::catalog::rights;
use crate::decode::Shape;
use crate::error::{Error, Kind, Result};
use crate::job::{manage, status};
use crate::pg::{identity, sql, xact};
use crate::request::companions;
use crate::sink::CHUNK;
use crate::source::references;
use serde::Deserialize;
use serde_json::{json, Value};
use sha2::{Digest, Sha256};

/// A stored file.
#[derive(Deserialize)]
pub struct File {
    #[serde(skip)]
    pub job: String,
    #[serde(skip)]
    dataset: String,
    #[serde(skip)]
    tenant: Option<String>,
    pub file: i64,
    pub bytes: i64,
    pub chunks: i64,
    status: String,
    sha256: Option<String>,
    /// None: it is in the job table.
    pub(super) object: Option<Object>,
    pub media_type: String,
    pub parts: Vec<FilePart>,
}

/// Rows of one dataset in a file.
#[derive(Debug, Deserialize)]
pub struct FilePart {
    pub dataset: String,
    source: u32,
    fields: Vec<String>,
    pub shape: Shape,
}

/// A bytea is a value of up to 1 GB, and twice that as the text that psql reads: beyond half of it, not as one value.
const LARGEST_BYTEA: i64 = 512 * 1024 * 1024;

const FILE: &str = "
SELECT jsonb_build_object('file', f.file, 'bytes', f.bytes, 'status', f.status, 'media_type', f.media_type,
           'parts', f.parts, 'sha256', f.sha256, 'object', o.object,
           'chunks', CASE WHEN o.object IS NOT NULL THEN greatest((f.bytes + $3 - 1) / $3, 1)
                     ELSE (SELECT count(*) FROM acct_export.chunk c WHERE c.job = f.job AND c.file = f.file) END)
  FROM acct_export.file f
  LEFT JOIN LATERAL (
       SELECT jsonb_build_object('server', server::bigint, 'server_name', server_name, 'bucket', bucket, 'key', key,
                  'e_tag', e_tag, 'requested_by', requested_by::bigint,
                  'mapping', mapping::bigint) AS object
         FROM acct_export.object o WHERE o.job = f.job AND o.file = f.file AND o.status = 'stored') o ON true
 WHERE f.job = $1::uuid AND f.file = $2";

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
    let seen = manage::find_for(job, action, detail.clone())?;
    has_files(job, &seen)?;
    let attempt = || Attempt { action, dataset: &seen.dataset, job: Some(job), detail };
    let found = load(job, number, &seen)?.ok_or_else(|| {
        Error::invalid(format!("export job {job} has no file {number}")).hint("Files count from 1.")
    })?;
    denied::watch(attempt, || permitted(&found, &seen))?;
    xact::require_write("read an export's file, which is audited,")?;
    if found.status != "stored" {
        let message = format!("file {number} of export job {job} is {}", found.status);
        return Err(state(message).hint(match found.status.as_str() {
            "failed" => "acct_export_status says why; acct_export_retry asks for all of it again.",
            _ => "Ask for it again with acct_export_start.",
        }));
    }
    Ok(found)
}

/// A file, whoever asks. None: there is none of this number.
pub(super) fn load(job: &str, number: i64, seen: &manage::Seen) -> Result<Option<File>> {
    let args = [job.into(), number.into(), (CHUNK as i64).into()];
    let found: Option<File> = identity::as_owner(|| sql::document(FILE, &args))?;
    Ok(found.map(|file| File {
        job: job.to_owned(),
        dataset: seen.dataset.clone(),
        tenant: seen.tenant.clone(),
        ..file
    }))
}

/// Whether the current user may read it now.
pub(super) fn permitted(file: &File, seen: &manage::Seen) -> Result<()> {
    file.parts.iter().try_for_each(|part| may_read(part, seen))?;
    file.object.as_ref().map_or(Ok(()), Object::may_be_reached)
}

/// The rights on each dataset that is in the file, as they are now; and on those whose values are listed beside it.
fn may_read(part: &FilePart, seen: &manage::Seen) -> Result<()> {
    let companion;
    let asked = if part.dataset == seen.dataset {
        &seen.request
    } else {
        companion = companions::companion(&seen.request, &part.dataset)?;
        &companion.asked
    };
    rights::at_download(&part.dataset, Some(part.source), &part.fields, asked)?;
    part.shape.references.iter().try_for_each(|listed| {
        let asked = references::request(listed, asked, false);
        rights::at_download(&listed.dataset, None, std::slice::from_ref(&listed.field), &asked)
    })
}

fn state(message: String) -> Error {
    Error::new(Kind::NotInPrerequisiteState, message)
}

fn has_files(job: &str, seen: &manage::Seen) -> Result<()> {
    match seen.status.as_str() {
        "completed" | "completed_with_errors" => Ok(()),
        "expired" => Err(state(format!("the file of export job {job} has expired or was deleted"))
            .hint("Ask for it again with acct_export_start.")),
        "failed" | "cancelled" => Err(state(format!("export job {job} is {} and has no file", seen.status))
            .hint("See its error with acct_export_status; acct_export_retry asks again.")),
        "awaiting_approval" => Err(state(format!("export job {job} is not finished: awaiting_approval"))
            .hint("Somebody whom the dataset's policy names approves it with acct_export_approve.")),
        other => Err(state(format!("export job {job} is not finished: {other}"))
            .hint("Wait for it with acct_export_wait.")),
    }
}

/// `acct_export_file`: the whole file. 54000 for one that is too large for a value.
pub fn whole(job: Option<&str>, number: Option<i32>) -> Result<Vec<u8>> {
    let way = "bytea";
    let file = find(job, number, way)?;
    if file.bytes > LARGEST_BYTEA {
        return Err(Error::new(
            Kind::ProgramLimitExceeded,
            format!("the file has {} bytes, too many for one bytea value", file.bytes),
        )
        .hint("Read it with acct_export_chunks or acct_export_large_object, or export to a destination."));
    }
    // A failed allocation of this size is an ERROR, not the end of the process.
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(file.bytes.max(0) as usize).map_err(|_| {
        Error::new(Kind::OutOfMemory, format!("no memory for a file of {} bytes", file.bytes))
            .hint("Read it with acct_export_chunks.")
    })?;
    file.tell(way)?;
    for chunk in 1..=file.chunks {
        bytes.extend(file.chunk(chunk)?);
    }
    if !file.is_as_stored(&bytes) {
        return Err(Error::new(Kind::DataCorrupted, "the object in the store is not what was stored")
            .hint("Ask for the export again."));
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
        let mut detail = json!({ "file": self.file, "bytes": self.bytes, "way": way });
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
        place::chunk(&self.job, self.file, number, self.bytes, self.object.as_ref())
    }

    /// Whether these bytes, all of it, are what was stored. Of a bucket somebody else has the keys too.
    fn is_as_stored(&self, bytes: &[u8]) -> bool {
        let sha256 = || Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        self.object.is_none() || self.sha256.as_ref().is_some_and(|stored| *stored == sha256())
    }
}
