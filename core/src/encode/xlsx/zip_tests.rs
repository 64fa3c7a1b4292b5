use std::fs::File;
use std::io::{self, Cursor, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::process::Command;

use flate2::write::DeflateEncoder;
use flate2::Compression;

use super::*;

fn packed(bytes: &[u8]) -> (Sizes, Vec<u8>) {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::new(6));
    encoder.write_all(bytes).unwrap();
    let packed = encoder.finish().unwrap();
    (Sizes { crc: crc32fast::hash(bytes), packed: packed.len() as u64, unpacked: bytes.len() as u64 }, packed)
}

/// An archive of a copied, a streamed and again a copied entry, as if so many bytes stood before it.
fn archive(offset: u64) -> Vec<u8> {
    let mut zip = Zip { offset, ..Zip::default() };
    let mut out = Vec::new();
    let (sizes, bytes) = packed(b"first");
    zip.copy("a.xml", sizes, &bytes, &mut out).unwrap();
    zip.open("b/streamed.xml", &mut out);
    let (sizes, bytes) = packed(&b"0123456789".repeat(100_000));
    out.extend_from_slice(&bytes);
    zip.close(sizes, &mut out).unwrap();
    let (sizes, bytes) = packed(b"");
    zip.copy("empty", sizes, &bytes, &mut out).unwrap();
    zip.end(&mut out).unwrap();
    out
}

/// Names, versions and contents as Python's zipfile reports them, which shares no code with ours.
fn by_python(path: &Path) -> String {
    let script = "import sys, zipfile\n\
                  with zipfile.ZipFile(sys.argv[1]) as z:\n\
                  \x20   assert z.testzip() is None\n\
                  \x20   print([(i.filename, i.extract_version, i.flag_bits, i.file_size, i.date_time[0]) for i in z.infolist()])";
    let output = Command::new("python3").args(["-c", script]).arg(path).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn others_read_it() {
    let bytes = archive(0);
    // No 64-bit record in a small file.
    assert!(!bytes.windows(4).any(|window| window == b"PK\x06\x06"));
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &bytes).unwrap();
    let wanted =
        "[('a.xml', 20, 0, 5, 1980), ('b/streamed.xml', 20, 8, 1000000, 1980), ('empty', 20, 0, 0, 1980)]\n";
    assert_eq!(by_python(file.path()), wanted);
    let mut reader = ::zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    let mut text = String::new();
    reader.by_name("b/streamed.xml").unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(text, "0123456789".repeat(100_000));
}

/// Real offsets: the file begins with a hole, which takes no room on the disk.
#[test]
fn beyond_four_gigabytes_the_directory_has_64_bits() {
    // The first one ends in the middle: entries on both sides of the limit.
    for hole in [(1 << 32) - 2_000, u64::from(u32::MAX) - 1, u64::from(u32::MAX), 1 << 32, 9 << 30] {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut writer = File::create(file.path()).unwrap();
        writer.seek(SeekFrom::Start(hole)).unwrap();
        writer.write_all(&archive(hole)).unwrap();
        let read = by_python(file.path());
        assert!(read.contains("('b/streamed.xml', ") && read.contains(", 8, 1000000, 1980)"), "{read}");
        // Nothing of it lies below the limit: all versions are 4.5.
        assert_eq!(!read.contains(", 20, "), hole >= u64::from(u32::MAX), "{read}");
        let mut reader =
            ::zip::ZipArchive::new(io::BufReader::new(File::open(file.path()).unwrap())).unwrap();
        assert_eq!(
            io::copy(&mut reader.by_name("b/streamed.xml").unwrap(), &mut io::sink()).unwrap(),
            1_000_000
        );
    }
}

#[test]
fn many_entries_need_64_bits_too() {
    let mut zip = Zip::default();
    let mut out = Vec::new();
    let (sizes, bytes) = packed(b"x");
    for number in 0..70_000 {
        zip.copy(&format!("{number}"), sizes, &bytes, &mut out).unwrap();
    }
    zip.end(&mut out).unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &out).unwrap();
    assert_eq!(by_python(file.path()).matches("', 20, 0, 1, 1980)").count(), 70_000);
}

#[test]
fn an_entry_too_large_is_an_error() {
    let limit = u64::from(u32::MAX);
    for (packed, unpacked, good) in
        [(1, limit - 1, true), (1, limit, false), (limit, 1, false), (limit * 2, limit * 2, false)]
    {
        let mut zip = Zip::default();
        let mut out = Vec::new();
        zip.open("a", &mut out);
        assert_eq!(zip.close(Sizes { crc: 0, packed, unpacked }, &mut out).is_ok(), good);
    }
    let nothing_open = Zip::default().close(packed(b"").0, &mut Vec::new()).unwrap_err();
    assert_eq!(nothing_open.kind, Kind::Internal);
}
