//! In place of the object stores where the extension was built without feature `s3`: whatever is asked is refused.

#![allow(dead_code)] // what is made ready for a store is read by none

#[path = "object.rs"]
mod object;

pub use object::{NewObject, ObjectToDelete, Removed};

use crate::error::{Error, Kind, Result};
use crate::foreign_server::Server;
use crate::spool::Reader;
use std::sync::Arc;
use std::time::Duration;

pub enum Store {}

pub struct Sent;

impl Sent {
    pub fn bytes(&self) -> u64 {
        0
    }
}

impl Store {
    pub fn open(
        _server: &Server,
        _bucket: Option<&str>,
        _role: u32,
        _stored_with: Option<u32>,
    ) -> Result<Store> {
        Err(Error::new(
            Kind::FeatureNotSupported,
            "this build of pg_acctexport has no support for object stores",
        )
        .hint("Build it with feature s3."))
    }

    pub fn mapping(&self) -> u32 {
        match *self {}
    }

    pub fn sent(&self) -> Arc<Sent> {
        match *self {}
    }

    pub fn upload(
        &self,
        _new_object: &NewObject,
        _spool: Reader,
        _sent: Arc<Sent>,
        _watch: &mut dyn FnMut() -> Result<()>,
    ) -> Result<String> {
        match *self {}
    }

    pub fn read(&self, _key: &str, _e_tag: &str, _from: u64, _length: u64) -> Result<Vec<u8>> {
        match *self {}
    }

    pub fn remove(
        &self,
        _object: &ObjectToDelete,
        _watch: &mut dyn FnMut() -> Result<()>,
    ) -> Result<Removed> {
        match *self {}
    }

    pub fn url(&self, _key: &str, _valid_for: Duration) -> Result<String> {
        match *self {}
    }
}
