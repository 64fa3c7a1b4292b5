//! The files of a job on their way into a bucket: after the last row was read and before anything is settled. No transaction is open
//! while the other side is waited for.

use super::as_owner;
use crate::destination::{self, Server};
use crate::error::Result;
use crate::job::object;
use crate::job::product::{File, Product};
use crate::job::queue::Claimed;
use crate::job::settle::{self, Placed};
use crate::pg::report::Failure;
use crate::pg::{progress, wait, xact};
use crate::store::{Store, Subject};
use std::time::{Duration, Instant};

/// How often it is looked whether somebody has cancelled the job.
const LOOK: Duration = Duration::from_secs(1);

/// A file that was recorded and is to be sent.
struct Begun {
    id: i64,
    subject: Subject,
}

/// Where a request's files go, if not into the job table; refused early where that may not be.
pub fn check(job: &Claimed) -> std::result::Result<(), Failure> {
    match &job.request.destination {
        None => Ok(()),
        Some(name) => as_owner(xact::Mode::ReadWrite, || open(job, name).map(|_| ())),
    }
}

fn open(job: &Claimed, name: &str) -> Result<(Server, Store)> {
    let server = destination::for_files(name, job.requested_by)?;
    let store = Store::open(&server, None, job.requested_by, None)?;
    Ok((server, store))
}

/// Stores the files; what became of each. None: they belong into the job table.
pub fn upload(job: &Claimed, product: &Product) -> Result<Option<Vec<Option<Placed>>>> {
    let Some(name) = &job.request.destination else { return Ok(None) };
    let (store, begun) =
        as_owner(xact::Mode::ReadWrite, || begin(job, name, product)).map_err(Failure::into_error)?;
    let (mut done, total) = (0, product.bytes());
    let mut looked = Instant::now();
    let mut placed = Vec::new();
    for (file, begun) in product.files.iter().zip(begun) {
        let (Some(begun), Some(spooled)) = (begun, &file.spooled) else {
            placed.push(None);
            continue;
        };
        let sent = store.sent();
        let mut most = 0;
        let mut watch = || {
            wait::interrupted()?;
            // What is sent again counts once.
            most = sent.bytes().min(spooled.bytes).max(most);
            progress::bytes(done + most, total);
            if looked.elapsed() < LOOK {
                return Ok(());
            }
            looked = Instant::now();
            as_owner(xact::Mode::ReadWrite, || settle::still_wanted(job)).map_err(Failure::into_error)
        };
        let e_tag = store.upload(&begun.subject, spooled.reader()?, sent.clone(), &mut watch)?;
        done += spooled.bytes;
        progress::bytes(done, total);
        placed.push(Some(Placed { id: begun.id, e_tag }));
    }
    Ok(Some(placed))
}

/// Records what is about to be stored.
fn begin(job: &Claimed, name: &str, product: &Product) -> Result<(Store, Vec<Option<Begun>>)> {
    let (server, store) = open(job, name)?;
    let record = |(number, file): (i64, &File)| {
        let Some(spooled) = &file.spooled else { return Ok(None) };
        let key = object::key(&server, job, &file.name);
        let subject = Subject {
            mark: object::mark(&job.id, job.attempts, number),
            name: file.name.clone(),
            media_type: file.media_type,
            bytes: spooled.bytes,
            key,
        };
        Ok(Some(Begun { id: object::begin(job, number, &server, &subject.key, store.mapping())?, subject }))
    };
    let begun = (1..).zip(&product.files).map(record).collect::<Result<_>>()?;
    Ok((store, begun))
}
