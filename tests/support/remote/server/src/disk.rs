//! The files beside the buckets. Their names are those of s3s-fs 0.14.1, to which Cargo.toml holds; `.sum-…` and
//! `….kept.json` are added.

use std::fs::{self, OpenOptions};
use std::io::{self, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use base64_simd::URL_SAFE_NO_PAD;
use md5::{Digest, Md5};
use s3s::dto::*;
use s3s::{S3Result, s3_error};

pub struct Disk {
    pub root: PathBuf,
}

impl Disk {
    pub fn bucket(&self, bucket: &str) -> S3Result<PathBuf> {
        let path = self.root.join(bucket);
        if path.is_dir() { Ok(path) } else { Err(s3_error!(NoSuchBucket)) }
    }

    pub fn upload(&self, bucket: &str, id: &str) -> S3Result<()> {
        self.bucket(bucket)?;
        // An id is a UUID: nothing else gets into a path.
        let is_id = id.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
        if is_id && self.started(id).exists() { Ok(()) } else { Err(s3_error!(NoSuchUpload)) }
    }

    pub fn started(&self, id: &str) -> PathBuf {
        self.root.join(format!(".upload-{id}.json"))
    }

    pub fn part(&self, id: &str, number: i32) -> PathBuf {
        self.root.join(format!(".upload_id-{id}.part-{number}"))
    }

    /// The MD5 of a part, which s3s-fs forgets.
    pub fn sum(&self, id: &str, number: i32) -> PathBuf {
        self.root.join(format!(".sum-{id}.{number}.md5"))
    }

    /// Forgets an upload that has ended, which s3s-fs keeps.
    pub fn forget(&self, bucket: &str, key: &str, id: &str) -> S3Result<()> {
        let _ = fs::remove_file(self.about(bucket, key, &format!("upload-{id}.kept")));
        let prefix = format!(".sum-{id}.");
        for entry in fs::read_dir(&self.root).map_err(internal)? {
            let entry = entry.map_err(internal)?;
            if entry.file_name().to_str().is_some_and(|name| name.starts_with(&prefix)) {
                fs::remove_file(entry.path()).map_err(internal)?;
            }
        }
        Ok(())
    }

    /// Storage class and encryption, which s3s-fs either refuses or forgets; nothing is done about either.
    pub fn remember(
        &self,
        file: PathBuf,
        class: Option<StorageClass>,
        sse: Option<ServerSideEncryption>,
    ) -> S3Result<()> {
        const CLASSES: [&str; 7] = [
            StorageClass::STANDARD,
            StorageClass::STANDARD_IA,
            StorageClass::ONEZONE_IA,
            StorageClass::INTELLIGENT_TIERING,
            StorageClass::GLACIER_IR,
            StorageClass::GLACIER,
            StorageClass::DEEP_ARCHIVE,
        ];
        if class.as_ref().is_some_and(|class| !CLASSES.contains(&class.as_str())) {
            return Err(s3_error!(InvalidStorageClass));
        }
        let [class, sse] = [class.map(|it| it.as_str().to_owned()), sse.map(|it| it.as_str().to_owned())];
        fs::write(file, serde_json::json!([class, sse]).to_string()).map_err(internal)
    }

    /// The file with the facts about an object, or about an upload that will be one.
    pub fn about(&self, bucket: &str, key: &str, what: &str) -> PathBuf {
        let [bucket, key] = [bucket, key].map(|name| URL_SAFE_NO_PAD.encode_to_string(name));
        self.root.join(format!(".bucket-{bucket}.object-{key}.{what}.json"))
    }

    /// All uploads in progress: bucket, key, id.
    pub fn uploads(&self) -> io::Result<Vec<(String, String, String)>> {
        let decode = |text: &str| String::from_utf8(URL_SAFE_NO_PAD.decode_to_vec(text).ok()?).ok();
        let parse = |name: &str| {
            let (bucket, rest) = name.strip_prefix(".bucket-")?.split_once(".object-")?;
            let (key, id) = rest.strip_suffix(".metadata.json")?.split_once(".upload-")?;
            Some((decode(bucket)?, decode(key)?, id.to_owned()))
        };
        let names = fs::read_dir(&self.root)?.map(|entry| Ok(entry?.file_name()));
        let names = names.collect::<io::Result<Vec<_>>>()?;
        Ok(names.iter().filter_map(|name| parse(name.to_str()?)).collect())
    }

    /// Makes the parts one file. The first becomes it, the others are appended.
    pub fn join(&self, input: &CompleteMultipartUploadInput, target: &Path) -> S3Result<String> {
        let id = &input.upload_id;
        let parts =
            input.multipart_upload.as_ref().and_then(|upload| upload.parts.as_deref()).unwrap_or_default();
        let numbers: Vec<i32> = parts.iter().filter_map(|part| part.part_number).collect();
        if numbers.is_empty() || numbers.len() != parts.len() {
            return Err(s3_error!(MalformedXML));
        }
        if !numbers.is_sorted_by(|a, b| a < b) {
            return Err(s3_error!(InvalidPartOrder));
        }
        let mut sums = Md5::new();
        for (part, number) in parts.iter().zip(&numbers) {
            let sum = fs::read_to_string(self.sum(id, *number)).map_err(|_| s3_error!(InvalidPart))?;
            if part.e_tag.as_ref().is_none_or(|given| given.value() != sum) {
                return Err(s3_error!(InvalidPart));
            }
            let size = fs::metadata(self.part(id, *number)).map_err(internal)?.len();
            if size < 5 << 20 && *number != numbers[numbers.len() - 1] {
                return Err(s3_error!(EntityTooSmall));
            }
            sums.update(unhex(&sum));
        }
        let whole = self.part(id, numbers[0]);
        let mut file = OpenOptions::new().write(true).open(&whole).map_err(internal)?;
        file.seek(SeekFrom::End(0)).map_err(internal)?;
        for number in &numbers[1..] {
            let part = self.part(id, *number);
            fs::File::open(&part).and_then(|mut part| io::copy(&mut part, &mut file)).map_err(internal)?;
            fs::remove_file(part).map_err(internal)?;
        }
        let e_tag = format!("{}-{}", hex(&sums.finalize()), numbers.len());
        let e_tag_json = serde_json::json!({ "e_tag": e_tag }).to_string();
        let (bucket, key) = (&input.bucket, &input.key);
        fs::write(self.about(bucket, key, "internal"), e_tag_json).map_err(internal)?;
        for what in ["metadata", "kept"] {
            let file = self.about(bucket, key, &format!("upload-{id}.{what}"));
            fs::rename(file, self.about(bucket, key, what)).map_err(internal)?;
        }
        fs::create_dir_all(target.parent().unwrap_or(target)).map_err(internal)?;
        fs::rename(whole, target).map_err(internal)?;
        fs::remove_file(self.started(id)).map_err(internal)?;
        self.forget(bucket, key, id)?;
        Ok(e_tag)
    }
}

pub fn internal(error: io::Error) -> s3s::S3Error {
    s3_error!(error, InternalError)
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let digits = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap_or_default();
    (0..text.len() / 2).map(|i| digits(2 * i)).collect()
}
