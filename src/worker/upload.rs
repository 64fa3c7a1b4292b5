//! The files of a job on their way into a bucket: after the last row was read and before anything is settled. No transaction is open
//! while the other side is waited for.

use super::as_owner;
use super::patience::{patiently, still_wanted};
use crate::error::Result;
use crate::foreign_server::{self, Server};
use crate::job::finish::Placed;
use crate::job::output::{ExportOutput, File};
use crate::job::queue::Claimed;
use crate::job::stored_object;
use crate::object_store::{NewObject, Store};
use crate::pg::report::Failure;
use crate::pg::{progress, wait, xact};
use std::time::{Duration, Instant};

/// The interval of checks for a cancel request.
const LOOK: Duration = Duration::from_secs(1);

/// A file that was recorded and is to be sent.
struct Begun {
    id: i64,
    new_object: NewObject,
}

/// The destination of a request's files, if it is not the job table; refused early where it is not allowed.
pub fn check(job: &Claimed) -> std::result::Result<(), Failure> {
    match &job.request.destination {
        None => Ok(()),
        Some(name) => as_owner(xact::Mode::ReadWrite, || open(job, name).map(|_| ())),
    }
}

fn open(job: &Claimed, name: &str) -> Result<(Server, Store)> {
    let server = foreign_server::for_files(name, job.requested_by)?;
    let store = Store::open(&server, None, job.requested_by, None)?;
    Ok((server, store))
}

/// Stores the files; what became of each. None: they belong into the job table.
pub fn upload(
    job: &Claimed,
    output: &ExportOutput,
) -> std::result::Result<Option<Vec<Option<Placed>>>, Failure> {
    let Some(name) = &job.request.destination else { return Ok(None) };
    let (store, begun) = patiently(job, || begin(job, name, output))?;
    let (mut done, total) = (0, output.bytes());
    let mut looked = Instant::now();
    let mut placed = Vec::new();
    for (file, begun) in output.files.iter().zip(begun) {
        let (Some(begun), Some(spooled)) = (begun, &file.spooled) else {
            placed.push(None);
            continue;
        };
        let sent = store.sent();
        let mut most = 0;
        let mut watch = || {
            wait::interrupted()?;
            // Bytes that are sent again count once.
            most = sent.bytes().min(spooled.bytes).max(most);
            progress::bytes(done + most, total);
            if looked.elapsed() < LOOK {
                return Ok(());
            }
            looked = Instant::now();
            still_wanted(job).map_err(Failure::into_error)
        };
        let e_tag = store.upload(&begun.new_object, spooled.reader()?, sent.clone(), &mut watch)?;
        done += spooled.bytes;
        progress::bytes(done, total);
        placed.push(Some(Placed { id: begun.id, e_tag }));
    }
    Ok(Some(placed))
}

/// Records what is about to be stored.
fn begin(job: &Claimed, name: &str, output: &ExportOutput) -> Result<(Store, Vec<Option<Begun>>)> {
    let (server, store) = open(job, name)?;
    let record = |(number, file): (i64, &File)| {
        let Some(spooled) = &file.spooled else { return Ok(None) };
        let key = stored_object::key(&server, job, &file.name);
        let new_object = NewObject {
            mark: stored_object::mark(&job.id, job.run, number),
            name: file.name.clone(),
            media_type: file.media_type,
            bytes: spooled.bytes,
            key,
        };
        Ok(Some(Begun {
            id: stored_object::begin(job, number, &server, &new_object.key, store.mapping())?,
            new_object,
        }))
    };
    let begun = (1..).zip(&output.files).map(record).collect::<Result<_>>()?;
    Ok((store, begun))
}
