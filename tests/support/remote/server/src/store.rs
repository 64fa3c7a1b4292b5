//! s3s-fs with what it lacks: uploads in progress are listed, a bucket that is gone is missed by every operation, a
//! condition holds under concurrency, parts are those that were sent and come in with less ado, storage classes are taken and told, headers are
//! those that a presigned URL asks for, and a completed upload is put together by the kernel instead of being read and
//! hashed again.

use std::fs;

use futures::StreamExt;
use s3s::dto::*;
use s3s::{S3, S3Request, S3Response, S3Result, s3_error};
use s3s_fs::FileSystem;
use tokio::sync::Mutex;

use crate::disk::{Disk, internal};
use crate::part::Incoming;

pub struct Store {
    files: FileSystem,
    disk: Disk,
    /// Held from the look whether an object is there until it is.
    condition: Mutex<()>,
}

impl Store {
    pub fn new(root: &str) -> Result<Self, Box<dyn std::error::Error>> {
        let files = FileSystem::new(root).map_err(|e| format!("{root}: {e:?}"))?;
        Ok(Self { files, disk: Disk { root: fs::canonicalize(root)? }, condition: Mutex::new(()) })
    }
}

/// An operation of s3s-fs as it is, once the bucket is known to be there.
macro_rules! as_it_is {
    ($($operation:ident($input:ty) -> $output:ty;)*) => {$(
        fn $operation<'a: 'b, 'b>(
            &'a self,
            request: S3Request<$input>,
        ) -> std::pin::Pin<Box<dyn Future<Output = S3Result<S3Response<$output>>> + Send + 'b>>
        where
            Self: 'b,
        {
            Box::pin(async move {
                self.disk.bucket(&request.input.bucket)?;
                self.files.$operation(request).await
            })
        }
    )*};
}

#[async_trait::async_trait]
impl S3 for Store {
    as_it_is! {
        delete_bucket(DeleteBucketInput) -> DeleteBucketOutput;
        delete_object(DeleteObjectInput) -> DeleteObjectOutput;
        delete_objects(DeleteObjectsInput) -> DeleteObjectsOutput;
        get_bucket_location(GetBucketLocationInput) -> GetBucketLocationOutput;
        head_bucket(HeadBucketInput) -> HeadBucketOutput;
        list_objects(ListObjectsInput) -> ListObjectsOutput;
        list_objects_v2(ListObjectsV2Input) -> ListObjectsV2Output;
    }

    async fn create_bucket(
        &self,
        request: S3Request<CreateBucketInput>,
    ) -> S3Result<S3Response<CreateBucketOutput>> {
        self.files.create_bucket(request).await
    }

    async fn get_object(&self, request: S3Request<GetObjectInput>) -> S3Result<S3Response<GetObjectOutput>> {
        self.disk.bucket(&request.input.bucket)?;
        let disposition = request.input.response_content_disposition.clone();
        let kind = request.input.response_content_type.clone();
        let mut response = self.files.get_object(request).await?;
        let output = &mut response.output;
        output.content_disposition = disposition.or(output.content_disposition.take());
        output.content_type = kind.or(output.content_type.take());
        Ok(response)
    }

    async fn head_object(
        &self,
        request: S3Request<HeadObjectInput>,
    ) -> S3Result<S3Response<HeadObjectOutput>> {
        self.disk.bucket(&request.input.bucket)?;
        let kept = self.disk.about(&request.input.bucket, &request.input.key, "kept");
        let mut response = self.files.head_object(request).await?;
        let kept: [Option<String>; 2] =
            fs::read(kept).ok().and_then(|kept| serde_json::from_slice(&kept).ok()).unwrap_or_default();
        let [class, sse] = kept;
        // As of S3: the usual class is not mentioned.
        response.output.storage_class = class.filter(|class| class != StorageClass::STANDARD).map(Into::into);
        response.output.server_side_encryption = sse.map(Into::into);
        Ok(response)
    }

    async fn put_object(
        &self,
        mut request: S3Request<PutObjectInput>,
    ) -> S3Result<S3Response<PutObjectOutput>> {
        let input = &mut request.input;
        self.disk.bucket(&input.bucket)?;
        let conditional = input.if_none_match.is_some();
        let _turn = if conditional { Some(self.condition.lock().await) } else { None };
        let [now, kept] = ["put", "kept"].map(|what| self.disk.about(&input.bucket, &input.key, what));
        self.disk.remember(now.clone(), input.storage_class.take(), input.server_side_encryption.take())?;
        let response = self.files.put_object(request).await?;
        fs::rename(now, kept).map_err(internal)?;
        Ok(response)
    }

    async fn create_multipart_upload(
        &self,
        request: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        let CreateMultipartUploadInput { bucket, key, storage_class, server_side_encryption, .. } =
            request.input.clone();
        self.disk.bucket(&bucket)?;
        let response = self.files.create_multipart_upload(request).await?;
        let id = response.output.upload_id.as_deref().unwrap_or_default();
        let kept = self.disk.about(&bucket, &key, &format!("upload-{id}.kept"));
        self.disk.remember(kept, storage_class, server_side_encryption)?;
        Ok(response)
    }

    async fn upload_part(
        &self,
        request: S3Request<UploadPartInput>,
    ) -> S3Result<S3Response<UploadPartOutput>> {
        let UploadPartInput { bucket, upload_id, part_number, body, content_md5, .. } = request.input;
        self.disk.upload(&bucket, &upload_id)?;
        let mut body = body.ok_or_else(|| s3_error!(IncompleteBody))?;
        let mut part = Incoming::of(&self.disk, &upload_id, part_number)?;
        while let Some(bytes) = body.next().await {
            part.take(&bytes.map_err(|_| s3_error!(IncompleteBody))?)?;
        }
        let sum = part.end(content_md5.as_deref())?;
        Ok(S3Response::new(UploadPartOutput { e_tag: Some(ETag::Strong(sum)), ..Default::default() }))
    }

    async fn complete_multipart_upload(
        &self,
        request: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        let input = &request.input;
        self.disk.upload(&input.bucket, &input.upload_id)?;
        let target = self.disk.bucket(&input.bucket)?.join(&input.key);
        let _turn = self.condition.lock().await;
        if input.if_none_match.is_some() && target.exists() {
            return Err(s3_error!(PreconditionFailed));
        }
        let e_tag = tokio::task::block_in_place(|| self.disk.join(input, &target))?;
        Ok(S3Response::new(CompleteMultipartUploadOutput {
            bucket: Some(input.bucket.clone()),
            key: Some(input.key.clone()),
            e_tag: Some(ETag::Strong(e_tag)),
            ..Default::default()
        }))
    }

    async fn abort_multipart_upload(
        &self,
        request: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        let AbortMultipartUploadInput { bucket, key, upload_id, .. } = request.input.clone();
        self.disk.upload(&bucket, &upload_id)?;
        let response = self.files.abort_multipart_upload(request).await?;
        self.disk.forget(&bucket, &key, &upload_id)?;
        Ok(response)
    }

    async fn list_multipart_uploads(
        &self,
        request: S3Request<ListMultipartUploadsInput>,
    ) -> S3Result<S3Response<ListMultipartUploadsOutput>> {
        let input = request.input;
        self.disk.bucket(&input.bucket)?;
        let prefix = input.prefix.clone().unwrap_or_default();
        let mut found = self.disk.uploads().map_err(internal)?;
        found.retain(|(bucket, key, id)| {
            *bucket == input.bucket && key.starts_with(&prefix) && self.disk.started(id).exists()
        });
        found.sort();
        let uploads = found.into_iter().map(|(_, key, id)| MultipartUpload {
            initiated: fs::metadata(self.disk.started(&id))
                .and_then(|file| file.modified())
                .ok()
                .map(Timestamp::from),
            key: Some(key),
            upload_id: Some(id),
            ..Default::default()
        });
        Ok(S3Response::new(ListMultipartUploadsOutput {
            bucket: Some(input.bucket),
            prefix: input.prefix,
            is_truncated: Some(false),
            uploads: Some(uploads.collect()),
            ..Default::default()
        }))
    }
}
