//! Removing what is ours of a key: the object, or an upload that did not come to its end.

use super::client;
use super::object::{ObjectToDelete, Removed};
use super::upload::{bad_key, MARK};
use super::{Shared, Store};
use crate::error::Result;
use crate::foreign_server::Wrapper;
use http::Method;
use object_store::client::HttpError;
use object_store::path::Path;
use object_store::signer::SignedUrlOptions;
use object_store::{Attribute, Error as StoreError, GetOptions, ObjectStoreExt};
use quick_xml::events::Event;
use std::time::Duration;

/// The longest duration of a request that is sent at once.
const SOON: Duration = Duration::from_secs(60);

impl Store {
    /// Removes the object if it bears our mark, and uploads of its key.
    pub fn remove(&self, object: &ObjectToDelete, watch: &mut dyn FnMut() -> Result<()>) -> Result<Removed> {
        self.has_credentials(watch)?;
        let (store, left) = (self.shared(), object.clone());
        let path = Path::parse(&left.key).map_err(|_| bad_key())?;
        if left.is_begun && self.wrapper() != Wrapper::Azure {
            self.abort_uploads(&left.key, watch)?;
        }
        self.thread().ask(async move { remove(store, path, left.mark).await }, watch)
    }

    /// Gives up uploads of this key that have not come to their end, of which object_store cannot list any. Azure forgets its own after a
    /// week. Credentials that may not list, and servers that cannot, leave them to the rules of the bucket.
    pub(super) fn abort_uploads(&self, key: &str, watch: &mut dyn FnMut() -> Result<()>) -> Result<()> {
        let (store, client, wanted) = (self.shared(), self.client(), key.to_owned());
        self.thread().ask(
            async move {
                let listing =
                    SignedUrlOptions::default().with_query([("uploads", ""), ("prefix", wanted.as_str())]);
                let url = store.signed_url_opts(Method::GET, &Path::default(), SOON, &listing).await?;
                let Some(answer) = asked(client.get(url)).await? else { return Ok(()) };
                let path = Path::parse(&wanted)?;
                for upload in listed(&client::text(answer).await.map_err(lost)?, &wanted) {
                    let options = SignedUrlOptions::default().with_query([("uploadId", upload.as_str())]);
                    let url = store.signed_url_opts(Method::DELETE, &path, SOON, &options).await?;
                    asked(client.delete(url)).await?;
                }
                Ok(())
            },
            watch,
        )
    }
}

/// The answer. None: there is no such thing, or it may not or cannot be asked for. Anything else is an error, to be tried again.
async fn asked(request: reqwest::RequestBuilder) -> object_store::Result<Option<reqwest::Response>> {
    let answer = request.send().await.map_err(|error| lost(client::failed(error)))?;
    match answer.status().as_u16() {
        200..=299 => Ok(Some(answer)),
        403 | 404 | 405 | 501 => Ok(None),
        status => Err(StoreError::Generic { store: "S3", source: format!("status {status}").into() }),
    }
}

fn lost(error: HttpError) -> StoreError {
    StoreError::Generic { store: "S3", source: Box::new(error) }
}

/// Nothing there to be removed is as well.
fn gone(outcome: object_store::Result<()>) -> object_store::Result<()> {
    match outcome {
        Err(StoreError::NotFound { .. }) => Ok(()),
        outcome => outcome,
    }
}

async fn remove(store: Shared, path: Path, mark: String) -> object_store::Result<Removed> {
    let options = GetOptions { head: true, ..GetOptions::default() };
    let found = match store.get_opts(&path, options).await {
        Ok(found) => found,
        Err(StoreError::NotFound { .. }) => return Ok(Removed::Nothing),
        Err(error) => return Err(error),
    };
    let theirs = found.attributes.get(&Attribute::Metadata(MARK.into()));
    if theirs.map(|theirs| theirs.as_ref()) != Some(mark.as_str()) {
        return Ok(Removed::Theirs);
    }
    gone(store.delete(&path).await)?;
    Ok(Removed::Ours)
}

/// Names of the uploads of exactly this key, of an answer to ListMultipartUploads.
fn listed(answer: &str, key: &str) -> Vec<String> {
    let mut reader = quick_xml::Reader::from_str(answer);
    let (mut names, mut element) = (Vec::new(), String::new());
    let (mut found, mut upload) = (String::new(), String::new());
    loop {
        match reader.read_event() {
            Ok(Event::Start(start)) => element = start.local_name().as_ref().to_owned(),
            Ok(Event::Text(part)) => {
                let text = match element.as_str() {
                    "Key" => &mut found,
                    "UploadId" => &mut upload,
                    _ => continue,
                };
                text.push_str(&part.xml10_content());
            }
            Ok(Event::End(end)) => {
                if end.local_name().as_ref() == "Upload" {
                    let (found, upload) = (std::mem::take(&mut found), std::mem::take(&mut upload));
                    if found == key && !upload.is_empty() {
                        names.push(upload);
                    }
                }
                element.clear();
            }
            Ok(Event::Eof) | Err(_) => return names,
            Ok(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uploads_of_the_key_are_found() {
        let answer = "<?xml version=\"1.0\"?><ListMultipartUploadsResult xmlns=\"x\"><Bucket>b</Bucket><KeyMarker></KeyMarker>\
            <Upload><Key>a/b.csv</Key><UploadId>one</UploadId><Initiator><ID>i</ID></Initiator></Upload>\
            <Upload><Key>a/b.csv2</Key><UploadId>two</UploadId></Upload>\
            <Upload><UploadId>three</UploadId><Key>a/b.csv</Key></Upload></ListMultipartUploadsResult>";
        assert_eq!(listed(answer, "a/b.csv"), ["one", "three"]);
        assert!(listed("no XML <", "a").is_empty());
    }
}
