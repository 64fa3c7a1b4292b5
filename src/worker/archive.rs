//! All files of a job in one ZIP archive (option `archive`). Made of the complete spools, so no snapshot is held.

use super::file_builder::LONGEST_STEM;
use crate::error::{Error, Kind, Result};
use crate::job::manifest::{ArchiveMember, FILE_NAME};
use crate::job::output::{ExportOutput, File, ARCHIVE_TYPE};
use crate::job::stored_file::FilePart;
use crate::pg::wait;
use crate::request::slug;
use crate::settings;
use crate::source::moment::Moment;
use crate::spool::{Packing, Spool};
use chrono::{Datelike, Timelike};
use std::io::Write;
use zip::result::ZipError;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// Puts the files that were made, and their manifest, into one. `title` names it; what is reproducible has no date. `check` is
/// called from time to time, and an error of it ends the work.
pub fn archive(
    output: &mut ExportOutput,
    title: &str,
    (manifest, reproducible): (&[u8], bool),
    check: &mut dyn FnMut() -> Result<()>,
) -> Result<()> {
    let moment = Moment::at(output.as_of);
    let spool = Spool::create(&settings::spool_directory()?, Packing::None)?;
    let mut zip = ZipWriter::new_stream(spool);
    let mut parts = Vec::new();
    let (mut chunk, mut chunks) = (Vec::new(), 0u64);
    for file in std::mem::take(&mut output.files) {
        let name = file.plain_name();
        let Some(mut spooled) = file.spooled else { continue };
        // Workbooks are compressed themselves, but of what is stored as it is a reader of streams does not find the end.
        let level = if file.ending == "xlsx" { 1 } else { 6 };
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .compression_level(Some(level))
            .large_file(spooled.bytes >= LARGE)
            .last_modified_time(if reproducible { zip::DateTime::default() } else { date(&moment) });
        let member = ArchiveMember {
            name: name.clone(),
            media_type: file.media_type.to_owned(),
            bytes: spooled.bytes,
            sha256: spooled.sha256.clone(),
        };
        zip.start_file(name, options).map_err(failed)?;
        while spooled.next(&mut chunk)?.is_some() {
            chunks += 1;
            if chunks.is_multiple_of(CHECKED) {
                check()?;
            }
            wait::interrupted()?;
            zip.write_all(&chunk)?;
        }
        parts.extend(file.parts.into_iter().map(|part| FilePart { member: Some(member.clone()), ..part }));
    }
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(if reproducible { zip::DateTime::default() } else { date(&moment) });
    zip.start_file(FILE_NAME, options).map_err(failed)?;
    zip.write_all(manifest)?;
    let stem = slug(title, LONGEST_STEM);
    let spool = zip.finish().map_err(failed)?.into_inner();
    output.files = vec![File {
        name: moment.file_name(&stem, ENDING),
        stem,
        ending: ENDING.to_owned(),
        media_type: ARCHIVE_TYPE,
        spooled: Some(spool.finish()?),
        failed: None,
        parts,
    }];
    Ok(())
}

/// From so many bytes on a file gets fields of 64 bits: what cannot be compressed grows, and may not grow over 4 GiB without.
const LARGE: u64 = 0xf000_0000;

/// Chunks of 1 MiB between two looks whether the job was cancelled.
const CHECKED: u64 = 16;

const ENDING: &str = "zip";

/// In UTC; the format knows years from 1980 to 2107.
fn date(moment: &Moment) -> zip::DateTime {
    let utc = &moment.utc;
    let year = u16::try_from(utc.year()).unwrap_or_default();
    let part = |value: u32| value as u8;
    zip::DateTime::from_date_and_time(
        year,
        part(utc.month()),
        part(utc.day()),
        part(utc.hour()),
        part(utc.minute()),
        part(utc.second()),
    )
    .unwrap_or_default()
}

fn failed(error: ZipError) -> Error {
    match error {
        ZipError::Io(error) => error.into(),
        _ => Error::new(Kind::Internal, "the archive library refuses a file"),
    }
}
