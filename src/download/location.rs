//! The place of a file's bytes: chunks in the job table, or an object of a bucket.

use crate::error::{Error, Kind, Result};
use crate::foreign_server::{self, Server};
use crate::job::chunks;
use crate::job::stored_file::ObjectPlace;
use crate::object_store::Store;
use crate::pg::identity;
use crate::spool::CHUNK;
use std::cell::{OnceCell, RefCell};
use std::time::Duration;

/// Of an object so many chunks are read at a time.
const AHEAD: u64 = 8;

/// An object of a file.
pub struct Object {
    place: ObjectPlace,
    store: OnceCell<Store>,
    /// From which byte, and the bytes.
    ahead: RefCell<(u64, Vec<u8>)>,
}

impl Object {
    pub fn at(place: ObjectPlace) -> Object {
        Object { place, store: OnceCell::new(), ahead: RefCell::default() }
    }

    /// True if the caller may use the server that it is on. 42501 where not, 55000 where there is no such server any more.
    pub fn may_be_reached(&self) -> Result<()> {
        if self.server()?.may_be_used_by(identity::current_user())? {
            return Ok(());
        }
        Err(foreign_server::no_usage(&self.place.server_name))
    }

    fn server(&self) -> Result<Server> {
        foreign_server::by_oid(self.place.server)?.ok_or_else(|| {
            Error::new(
                Kind::NotInPrerequisiteState,
                format!(
                    "foreign server \"{}\" of the file does not exist any more",
                    self.place.server_name
                ),
            )
            .hint("The file may still be in its bucket. Otherwise request the export again with acct_export_start.")
        })
    }

    fn store(&self) -> Result<&Store> {
        if let Some(store) = self.store.get() {
            return Ok(store);
        }
        let store = Store::open(
            &self.server()?,
            Some(&self.place.bucket),
            self.place.requested_by,
            Some(self.place.mapping),
        )?;
        Ok(self.store.get_or_init(|| store))
    }

    /// Makes ready what needs the catalogue.
    pub fn open(&self) -> Result<()> {
        self.store().map(|_| ())
    }

    pub fn url(&self, valid_for: Duration) -> Result<String> {
        self.store()?.url(&self.place.key, valid_for)
    }

    /// A chunk as the job table would have it, from 1, of a file of so many bytes.
    fn chunk(&self, number: i64, bytes: u64) -> Result<Vec<u8>> {
        let from = (number.max(1) as u64 - 1) * CHUNK as u64;
        let length = bytes.saturating_sub(from).min(CHUNK as u64);
        let mut ahead = self.ahead.borrow_mut();
        let has = |ahead: &(u64, Vec<u8>)| ahead.0 <= from && from + length <= ahead.0 + ahead.1.len() as u64;
        if !has(&ahead) {
            let more = bytes.saturating_sub(from).min(AHEAD * CHUNK as u64);
            *ahead = (from, self.store()?.read(&self.place.key, &self.place.e_tag, from, more)?);
        }
        if !has(&ahead) {
            return Err(Error::new(
                Kind::DataCorrupted,
                "the object in the object store does not have the size of the file",
            ));
        }
        let start = (from - ahead.0) as usize;
        Ok(ahead.1.get(start..start + length as usize).unwrap_or_default().to_vec())
    }
}

/// One chunk of a file, from 1.
pub fn chunk(job: &str, file: i64, number: i64, bytes: i64, object: Option<&Object>) -> Result<Vec<u8>> {
    if let Some(object) = object {
        return object.chunk(number, bytes.max(0) as u64);
    }
    identity::as_owner(|| chunks::read(job, file, number))?.ok_or_else(|| {
        Error::new(
            Kind::NotInPrerequisiteState,
            format!("the file of export job {job} was deleted in the meantime"),
        )
        .hint("Request the export again with acct_export_start.")
    })
}
