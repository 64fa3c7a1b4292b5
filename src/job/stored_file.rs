//! A stored file: one type for who writes its row and who reads it.

use super::manifest::{ArchiveMember, Selection};
use crate::error::Result;
use crate::model::{Shape, Treatment};
use crate::pg::sql;
use crate::spool::CHUNK;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The row of a file, and where its bytes are.
#[derive(Deserialize)]
pub struct StoredFile {
    /// Its number among the files of its job, from 1.
    pub file: i64,
    pub bytes: i64,
    pub chunks: i64,
    /// `stored`, `failed` or what became of it since.
    pub status: String,
    pub sha256: Option<String>,
    /// None: it is in the job tables.
    pub object: Option<ObjectPlace>,
    pub media_type: String,
    pub parts: Vec<FilePart>,
}

/// The object of a bucket that a file is in.
#[derive(Deserialize)]
pub struct ObjectPlace {
    pub server: u32,
    pub server_name: String,
    pub bucket: String,
    pub key: String,
    pub e_tag: String,
    pub requested_by: u32,
    pub mapping: u32,
}

/// Rows of one dataset in a file: what reading it later asks rights for, and how it is read back.
#[derive(Debug, Serialize, Deserialize)]
pub struct FilePart {
    pub dataset: String,
    /// Oid of the relation that it was.
    pub source: u32,
    pub fields: Vec<String>,
    /// Attribute numbers of the fields' columns in that relation.
    pub attnums: Vec<i16>,
    /// Of the fields that are masked, for everybody or in this export.
    pub masks: BTreeMap<String, Treatment>,
    pub rows: u64,
    /// Secrets that were taken out of the values of fields, how many.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub redacted: BTreeMap<String, u64>,
    pub shape: Shape,
    #[serde(default)]
    pub selection: Selection,
    /// Of an archive: the file that these rows are in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<ArchiveMember>,
}

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

/// A file, whoever asks. None: the job has no file of this number. As the owner.
pub fn load(job: &str, number: i64) -> Result<Option<StoredFile>> {
    sql::document(FILE, &[job.into(), number.into(), (CHUNK as i64).into()])
}
