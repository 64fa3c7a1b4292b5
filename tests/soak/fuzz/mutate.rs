//! Mutations of texts, of bytes, and of the parts of a workbook.

use std::io::{Cursor, Read, Write};

use support::random::Random;
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

/// Pieces that grammars of filters, JSON, cron expressions, CSV and XML take for something else.
const PIECES: [&str; 40] = [
    "{",
    "}",
    "[",
    "]",
    "\"",
    "'",
    "\\",
    ":",
    ",",
    ".",
    "(",
    ")",
    "*",
    "-",
    "/",
    "#",
    "%",
    "$1",
    "0",
    "-1",
    "1e999",
    "99999999999999999999",
    "null",
    "true",
    "NaN",
    " and ",
    " or ",
    "not ",
    " eq ",
    "\\u0000",
    "\\ud800",
    "\u{202e}",
    "é",
    "\u{1f600}",
    "--",
    ";",
    "\n",
    "\t",
    "infinity",
    "desc nulls last",
];

/// The text with one to three changes.
pub fn mutated_text(text: &str, random: &mut Random) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    for _ in 0..1 + random.below(3) {
        let place = random.below(letters.len() + 1);
        let end = (place + 1 + random.below(8)).min(letters.len());
        match random.below(6) {
            0 => drop(letters.drain(place..end)),
            1 => drop(letters.splice(place..place, random.text(&PIECES).chars())),
            2 => drop(letters.splice(place..end, random.text(&PIECES).chars())),
            3 => {
                let copy = letters[place..end].repeat(1 + random.below(40));
                letters.splice(place..place, copy);
            }
            4 if end > place + 1 => letters.swap(place, end - 1),
            _ => {
                // Any letter but NUL, which the protocol of the server ends texts with.
                let letter = char::from_u32(1 + random.number() % 0x11_0000).unwrap_or('\u{fffd}');
                letters.insert(place, letter);
            }
        }
    }
    letters.into_iter().filter(|letter| *letter != '\0').collect()
}

/// The bytes with one to four changes.
pub fn mutated_bytes(bytes: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..1 + random.below(4) {
        let place = random.below(bytes.len() + 1);
        let end = (place + 1 + random.below(64)).min(bytes.len());
        match random.below(6) {
            0 => drop(bytes.drain(place..end)),
            1 => bytes.truncate(place),
            2 => {
                let copy = bytes[place..end].repeat(1 + random.below(200));
                bytes.splice(place..place, copy);
            }
            3 => drop(bytes.splice(place..end, random.text(&PIECES).bytes())),
            4 => bytes.insert(place, random.number() as u8),
            _ => {
                if let Some(byte) = bytes.get_mut(place) {
                    *byte ^= 1 << random.below(8);
                }
            }
        }
    }
    bytes
}

/// The workbook with one of its parts changed, left out or doubled, and a valid archive around it.
pub fn mutated_workbook(workbook: &[u8], random: &mut Random) -> Vec<u8> {
    let mut archive = ZipArchive::new(Cursor::new(workbook)).unwrap();
    let changed = random.below(archive.len());
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for index in 0..archive.len() {
        let mut part = archive.by_index(index).unwrap();
        let (mut name, mut bytes) = (part.name().unwrap().into_owned(), Vec::new());
        part.read_to_end(&mut bytes).unwrap();
        if index == changed {
            match random.below(12) {
                0 => continue,
                1 => name = mutated_text(&name, random),
                2 => bytes = mutated_bytes(&bytes, random),
                _ => bytes = mutated_text(&String::from_utf8_lossy(&bytes), random).into_bytes(),
            }
        }
        writer.start_file(name, SimpleFileOptions::default()).unwrap();
        writer.write_all(&bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}
