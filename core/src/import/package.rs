//! The parts of a workbook, inflated within limits and packed anew for the library that reads them.
//!
//! The library is never given the file itself: its own unzipping could see other parts than were measured here. Styles and
//! themes are left out: nothing is needed of them, the fields of the database say what numbers are, and a small part of them
//! is large in the library's memory.

use std::io::{Cursor, Read, Write};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use super::{too_large, unreadable, Interrupted};
use crate::error::{Error, Kind, Result};

/// Bytes of the file, and of its XML once inflated.
pub const MAX_FILE: usize = 64 << 20;
const MAX_XML: u64 = 64 << 20;
/// Parts of the file.
const MAX_PARTS: usize = 1_000;
/// The library's largest memory use beside the XML: a string for each five bytes.
const IN_MEMORY: usize = 5;

/// Bytes of memory for each byte of a directory: an entry has 46 at least.
const FOR_DIRECTORY: usize = 20;

/// The parts that the library reads.
pub struct Package {
    pub bytes: Vec<u8>,
    /// Days are counted from 1904 and not from 1900.
    pub since_1904: bool,
}

/// Unpacks and packs again. 22023 for what is no xlsx file, 54000 for one that is too large, packed or unpacked.
pub fn repack(file: &[u8], interrupted: Interrupted) -> Result<Package> {
    if file.is_empty() {
        return Err(Error::invalid("the workbook is empty").hint("Give the bytes of an xlsx or CSV file."));
    }
    if file.len() > MAX_FILE {
        return Err(too_large("more than 64 MiB"));
    }
    known_kind(file)?;
    // Each part is told of in the directory at the end, which is read as a whole.
    if memchr_all(file, b"PK\x01\x02").nth(MAX_PARTS).is_some() {
        return Err(too_large("more than 1000 parts"));
    }
    // As many parts as a directory of this size could have, whatever there are, is what room is made for.
    memory_for(file.len() * FOR_DIRECTORY)?;
    let mut archive = ZipArchive::new(Cursor::new(file)).map_err(|_| unreadable())?;
    if archive.index_for_name("mimetype").is_some() {
        return Err(other("an OpenDocument file"));
    }
    if archive.index_for_name("xl/workbook.bin").is_some() {
        return Err(other("an xlsb workbook"));
    }
    if !archive.is_empty() && !archive.file_names().flatten().any(|name| is_part_of_workbook(&name)) {
        return Err(Error::invalid("the file is a ZIP archive of other files, not an xlsx file")
            .hint("Unpack it, and give the bytes of one workbook or CSV file."));
    }
    let mut package = ZipWriter::new(Cursor::new(Vec::new()));
    let (mut left, mut since_1904) = (MAX_XML, false);
    for index in 0..archive.len() {
        interrupted()?;
        let mut part = archive.by_index(index).map_err(|_| unreadable())?;
        let name = part.name().map_err(|_| unreadable())?.into_owned();
        if !is_read(&name) {
            continue;
        }
        let mut xml = Vec::new();
        // The sizes that the file states are not trusted.
        (&mut part).take(left + 1).read_to_end(&mut xml).map_err(|_| unreadable())?;
        left = left.checked_sub(xml.len() as u64).ok_or_else(|| too_large("more than 64 MiB of XML"))?;
        honest_counts(&xml)?;
        since_1904 |= counts_from_1904(&name, &xml);
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
        package.start_file(name, options).map_err(|_| unreadable())?;
        package.write_all(&xml).map_err(|_| unreadable())?;
    }
    let bytes = package.finish().map_err(|_| unreadable())?.into_inner();
    memory_for(bytes.len() * IN_MEMORY)?;
    Ok(Package { bytes, since_1904 })
}

/// 53200 where so much memory is not to be had: a library that finds none would end the server.
fn memory_for(bytes: usize) -> Result<()> {
    Vec::<u8>::new().try_reserve_exact(bytes).map_err(|_| {
        Error::new(Kind::OutOfMemory, "out of memory for the workbook")
            .hint("Check it in parts: fewer rows in each workbook.")
    })
}

/// Says what it is where it is something that people take for such a workbook.
fn known_kind(file: &[u8]) -> Result<()> {
    match file {
        [b'P', b'K', ..] => Ok(()),
        [0xD0, 0xCF, 0x11, 0xE0, ..] => Err(other("an xls workbook, or one with a password")),
        _ => Err(unreadable()),
    }
}

fn other(what: &str) -> Error {
    Error::invalid(format!("the workbook is {what}, not an xlsx file"))
        .hint("Save it as an Excel workbook (.xlsx), without a password.")
}

/// True for a name that workbooks have, and no archive of exports.
fn is_part_of_workbook(name: &str) -> bool {
    let name = name.to_lowercase().replace('\\', "/");
    name.starts_with("xl/") || name.starts_with("_rels/") || name == "[content_types].xml"
}

/// True if a part describes sheets, their cells or their strings.
fn is_read(name: &str) -> bool {
    let name = name.to_lowercase().replace('\\', "/");
    let xml = name.ends_with(".xml") || name.ends_with(".rels");
    let last = name.rsplit('/').next().unwrap_or_default();
    let unread =
        ["docprops/", "customxml/", "theme/", "drawings/", "charts/", "media/", "externallinks/", "pivot"];
    xml && last != "styles.xml" && last != "calcchain.xml" && !unread.iter().any(|part| name.contains(part))
}

/// The library makes room for as many strings as a table of strings says that it has (`uniqueCount`), and where there is no
/// such room the server would end. A count that is larger than the part is a lie.
fn honest_counts(xml: &[u8]) -> Result<()> {
    const NAME: &[u8] = b"uniqueCount";
    for at in memchr_all(xml, NAME) {
        let rest = &xml[at + NAME.len()..];
        let mut bytes = rest.iter().copied().skip_while(u8::is_ascii_whitespace);
        if bytes.next() != Some(b'=') {
            continue;
        }
        let mut bytes = bytes.skip_while(u8::is_ascii_whitespace);
        let Some(quote) = bytes.next() else { continue };
        let digits: Vec<u8> = bytes
            .take_while(|byte| *byte != quote)
            .skip_while(|byte| matches!(byte, b'0' | b'+'))
            .take(20)
            .collect();
        let count: Option<usize> =
            std::str::from_utf8(&digits).ok().and_then(|digits| digits.trim().parse().ok());
        let counts = digits.first().is_some_and(u8::is_ascii_digit);
        if counts && count.is_none_or(|count| count > xml.len()) {
            return Err(unreadable());
        }
    }
    Ok(())
}

fn memchr_all<'a>(bytes: &'a [u8], wanted: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
    bytes.windows(wanted.len()).enumerate().filter(move |(_, window)| *window == wanted).map(|(at, _)| at)
}

fn counts_from_1904(name: &str, xml: &[u8]) -> bool {
    let ends =
        |start: usize| ["=\"1\"", "=\"true\""].iter().any(|end| xml[start..].starts_with(end.as_bytes()));
    let word = b"date1904";
    name.to_lowercase().ends_with("workbook.xml") && memchr_all(xml, word).any(|at| ends(at + word.len()))
}
