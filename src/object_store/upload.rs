//! A file on its way into a bucket.
//!
//! Small files go in one request, others in parts of which a few are on their way at a time; each is signed with its hash, so the store
//! takes none that was changed on the way. Nothing that is there already is overwritten. When all is there, the object is looked at again.

use super::client::Meter;
use super::multipart::{self, Parts};
use super::object::NewObject;
use super::{errors, Shared, Store};
use crate::error::{Error, Kind, Result};
use crate::foreign_server::Wrapper;
use crate::spool::Reader;
use bytes::Bytes;
use futures_util::stream::FuturesUnordered;
use futures_util::StreamExt;
use object_store::path::Path;
use object_store::{
    Attribute, Attributes, Error as StoreError, GetOptions, MultipartUpload, ObjectStoreExt, PutMode,
    PutMultipartOptions, PutOptions, PutPayload,
};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::time::Duration;

/// Metadata by which an object is known as this file of this job (`x-amz-meta-acctexport`).
pub(super) const MARK: &str = "acctexport";

/// The longest time for aborting an upload.
const ABORTING: Duration = Duration::from_secs(10);

/// The progress of an upload, for the thread that waits.
pub struct Sent {
    bytes: AtomicU64,
    under_way: Meter,
}

impl Sent {
    /// Bytes that the store has, or that have left for it. Less than before where something has to be sent again.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed) + self.under_way.load(Ordering::Relaxed)
    }
}

impl Store {
    /// For an upload that is about to begin.
    pub fn sent(&self) -> Arc<Sent> {
        Arc::new(Sent { bytes: AtomicU64::default(), under_way: self.meter() })
    }

    /// Stores the file; the ETag of its object. `watch` is asked from time to time, and its error ends it: what was begun is left, for
    /// `remove`.
    ///
    /// Errors: 58P02 where there is another object of this key, HV00N, HV000, 28000 and 58P01 of the store, 58030 of the spool, XX001
    /// where the object is not what was sent.
    pub fn upload(
        &self,
        new_object: &NewObject,
        spool: Reader,
        sent: Arc<Sent>,
        watch: &mut dyn FnMut() -> Result<()>,
    ) -> Result<String> {
        self.has_credentials(watch)?;
        let work = Work {
            store: self.shared(),
            path: Path::parse(&new_object.key).map_err(|_| bad_key())?,
            attributes: self.attributes(new_object),
            new_object: new_object.clone(),
            sent,
            is_conditional: self.wrapper() == Wrapper::S3,
            has_stable_tags: self.wrapper() == Wrapper::S3,
        };
        let e_tag = self.thread().ask(
            async move {
                let put = match multipart::of(work.new_object.bytes) {
                    None => work.whole(spool).await,
                    Some(parts) => work.in_parts(parts, spool).await,
                };
                work.verified(put).await
            },
            watch,
        )?;
        if self.has_lost_uploads() {
            // The file is there; what cannot be given up now is left to the rules of the bucket.
            match self.abort_uploads(&new_object.key, watch) {
                Err(error) if error.is_cancel() => return Err(error),
                _ => {}
            }
        }
        e_tag.ok_or_else(|| {
            Error::new(Kind::DataCorrupted, "the object in the object store is not the file that was sent")
                .hint("Request the export again with acct_export_start.")
        })
    }

    fn attributes(&self, new_object: &NewObject) -> Attributes {
        let mut attributes = Attributes::new();
        attributes.insert(Attribute::ContentType, new_object.media_type.into());
        attributes.insert(Attribute::ContentDisposition, disposition(&new_object.name).into());
        attributes.insert(Attribute::Metadata(MARK.into()), new_object.mark.clone().into());
        if let Some(class) = self.storage_class() {
            attributes.insert(Attribute::StorageClass, class.to_owned().into());
        }
        attributes
    }
}

pub(super) fn bad_key() -> Error {
    Error::new(Kind::Internal, "the key of an object cannot be written")
}

/// RFC 6266. Names of files are of letters, digits, dots and hyphens (request/name.rs); anything else is left out.
fn disposition(name: &str) -> String {
    let name: String =
        name.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_')).collect();
    format!("attachment; filename=\"{name}\"")
}

struct Work {
    store: Shared,
    path: Path,
    attributes: Attributes,
    new_object: NewObject,
    sent: Arc<Sent>,
    /// The store takes no upload in parts to its end where there is an object.
    is_conditional: bool,
    /// Whatever tells the ETag of an object tells the same.
    has_stable_tags: bool,
}

impl Work {
    /// In one request. The store's ETag, if it gave one.
    async fn whole(&self, mut spool: Reader) -> object_store::Result<Option<String>> {
        let payload = piece(&mut spool, self.new_object.bytes)?;
        let options = PutOptions {
            mode: PutMode::Create,
            attributes: self.attributes.clone(),
            ..PutOptions::default()
        };
        let put = self.store.put_opts(&self.path, payload, options).await?;
        self.sent.bytes.fetch_add(self.new_object.bytes, Ordering::Relaxed);
        Ok(put.e_tag)
    }

    async fn in_parts(&self, parts: Parts, mut spool: Reader) -> object_store::Result<Option<String>> {
        if !self.is_conditional && self.store.head(&self.path).await.is_ok() {
            let source = "found before the upload".into();
            return Err(StoreError::AlreadyExists { path: String::new(), source });
        }
        let options =
            PutMultipartOptions { attributes: self.attributes.clone(), ..PutMultipartOptions::default() };
        let mut upload = self.store.put_multipart_opts(&self.path, options).await?;
        let outcome = match self.send(parts, &mut spool, upload.as_mut()).await {
            Ok(()) => upload.complete().await,
            Err(error) => Err(error),
        };
        if outcome.is_err() {
            // A leftover of this failure is found later, as a leftover of a crash is (worker/object_cleanup.rs).
            let _ = tokio::time::timeout(ABORTING, upload.abort()).await;
        }
        Ok(outcome?.e_tag)
    }

    async fn send(
        &self,
        parts: Parts,
        spool: &mut Reader,
        upload: &mut dyn MultipartUpload,
    ) -> object_store::Result<()> {
        let mut under_way = FuturesUnordered::new();
        let mut left = self.new_object.bytes;
        loop {
            while left > 0 && under_way.len() < parts.at_once {
                let size = left.min(parts.size);
                // Parts have their numbers in the order of these calls.
                let part = upload.put_part(piece(spool, size)?);
                under_way.push(async move { part.await.map(|()| size) });
                left -= size;
            }
            let Some(sent) = under_way.next().await else { return Ok(()) };
            self.sent.bytes.fetch_add(sent?, Ordering::Relaxed);
        }
    }

    /// The ETag of the object as it is now, if it is what was sent: marked as ours, of this size, with the ETag that the store gave.
    async fn verified(
        &self,
        put: object_store::Result<Option<String>>,
    ) -> object_store::Result<Option<String>> {
        let given = match put {
            Ok(e_tag) => e_tag,
            // An answer may have been lost: asked again, the store has it already, or has no such upload any more.
            Err(
                error @ (StoreError::AlreadyExists { .. }
                | StoreError::Precondition { .. }
                | StoreError::NotFound { .. }),
            ) => {
                return match self.look().await {
                    Ok(Some(e_tag)) => Ok(Some(e_tag)),
                    _ => Err(error),
                };
            }
            Err(error) => return Err(error),
        };
        let found = self.look().await?;
        let given = given.filter(|_| self.has_stable_tags);
        Ok(found.filter(|found| given.is_none_or(|given| errors::plain(&given) == errors::plain(found))))
    }

    /// The ETag of what is there, if it is ours and whole.
    async fn look(&self) -> object_store::Result<Option<String>> {
        let options = GetOptions { head: true, ..GetOptions::default() };
        let found = self.store.get_opts(&self.path, options).await?;
        let mark =
            found.attributes.get(&Attribute::Metadata(MARK.into())).map(|mark| mark.as_ref().to_owned());
        let ours = mark.as_deref() == Some(&self.new_object.mark) && found.meta.size == self.new_object.bytes;
        Ok(found.meta.e_tag.filter(|_| ours))
    }
}

/// The next bytes of the spool.
fn piece(spool: &mut Reader, size: u64) -> object_store::Result<PutPayload> {
    let read =
        |error: std::io::Error| StoreError::Generic { store: "spool", source: Box::new(Error::from(error)) };
    let mut chunks: Vec<Bytes> = Vec::new();
    let mut left = size as usize;
    while left > 0 {
        let chunk = spool.read(left).map_err(read)?;
        left -= chunk.len();
        chunks.push(chunk.into());
    }
    Ok(chunks.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_within_their_quotes() {
        assert_eq!(
            disposition("users-20261121-080230.csv"),
            "attachment; filename=\"users-20261121-080230.csv\""
        );
        assert_eq!(disposition("a\"b\r\nX: y\\.csv"), "attachment; filename=\"abXy.csv\"");
    }
}
