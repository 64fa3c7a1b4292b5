//! The kind of a file, before its records are read: a workbook or text, its encoding, its separator.

use super::records::{not_text, not_utf8, Records};
use super::{empty, header};
use crate::error::{Error, Result};
use crate::import::headers::{matched, Match};
use crate::import::Interrupted;
use crate::model::Field;

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";
/// Separators that spreadsheets write; the first one of several that fit is taken.
const USUAL: &[u8] = b",;\t|";
/// Bytes in which the separator is looked for.
const SAMPLE: usize = 256 * 1024;
/// Records that are tried with a separator.
const TRIED: usize = 100;

/// True for a workbook, and for what is read as one so that its error says what it is: a ZIP archive, an older workbook, nothing.
pub fn is_workbook(file: &[u8]) -> bool {
    matches!(
        file,
        [] | [b'P', b'K', 3, 4, ..]
            | [b'P', b'K', 5, 6, ..]
            | [b'P', b'K', 7, 8, ..]
            | [0xD0, 0xCF, 0x11, 0xE0, ..]
    )
}

/// The records of a file, and the separator that a first line `sep=;` declares.
pub fn text(file: &[u8]) -> Result<(&[u8], Option<u8>)> {
    match file {
        [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] => return Err(utf_16()),
        [0x1F, 0x8B, ..] => {
            return Err(Error::invalid("the file is compressed with gzip").hint("Uncompress it first."))
        }
        _ => {}
    }
    let sample = &file[..file.len().min(1_024)];
    if sample.contains(&0) {
        return Err(if is_utf_16(sample) { utf_16() } else { not_text() });
    }
    let bytes = file.strip_prefix(BYTE_ORDER_MARK).unwrap_or(file);
    let (declared, bytes) = match declared(bytes) {
        Some((delimiter, rest)) => (Some(delimiter), rest),
        None => (None, bytes),
    };
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(empty());
    }
    Ok((bytes, declared))
}

fn utf_16() -> Error {
    not_utf8().detail("It seems to be in UTF-16.")
}

/// Half of the bytes of a text in UTF-16 are NUL where it has Latin letters, all at even or all at odd places.
fn is_utf_16(sample: &[u8]) -> bool {
    let nul = |odd: usize| sample.iter().skip(odd).step_by(2).filter(|byte| **byte == 0).count();
    let (even, odd) = (nul(0), nul(1));
    (even == 0 || odd == 0) && (even + odd) * 3 >= sample.len()
}

/// The separator of a line `sep=;`, in quotes or not, and what follows the line. Excel reads it, and shows no row of it.
fn declared(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let line = bytes.strip_prefix(b"\"").unwrap_or(bytes);
    let (word, rest) = line.split_at_checked(4)?;
    let (delimiter, rest) = rest.split_first()?;
    if !word.eq_ignore_ascii_case(b"sep=")
        || !delimiter.is_ascii()
        || matches!(delimiter, b'"' | b'\r' | b'\n')
    {
        return None;
    }
    let rest = if line.len() < bytes.len() { rest.strip_prefix(b"\"")? } else { rest };
    match rest {
        [b'\r', b'\n', rest @ ..] | [b'\r' | b'\n', rest @ ..] => Some((*delimiter, rest)),
        _ => None,
    }
}

/// The separator by which most columns of the header are fields, and the number of these. Of several the one by which the
/// records have as many fields as the header.
pub fn delimiter(
    bytes: &[u8],
    declared: Option<u8>,
    fields: &[Field],
    interrupted: Interrupted,
) -> Result<(u8, usize)> {
    let sample = &bytes[..bytes.len().min(SAMPLE)];
    let is_cut = sample.len() < bytes.len();
    let trial = |delimiter: u8| trial(sample, is_cut, delimiter, fields, interrupted);
    if let Some(delimiter) = declared {
        return Ok((delimiter, trial(delimiter)?.0));
    }
    let (mut best, mut known, mut uneven) = (USUAL[0], 0, usize::MAX);
    for &delimiter in USUAL {
        let found = trial(delimiter)?;
        if found.0 > known || (found.0 == known && found.1 < uneven) {
            (best, known, uneven) = (delimiter, found.0, found.1);
        }
    }
    // Exports may have any other separator; it has to make more of the header known.
    let line = sample.split(|byte| matches!(byte, b'\r' | b'\n')).next().unwrap_or_default();
    let mut others: Vec<u8> = line.to_vec();
    others.retain(|byte| {
        (byte.is_ascii_punctuation() || *byte < 0x21) && !USUAL.contains(byte) && *byte != b'"'
    });
    others.sort_unstable();
    others.dedup();
    for delimiter in others {
        let found = trial(delimiter)?;
        if found.0 > known {
            (best, known) = (delimiter, found.0);
        }
    }
    Ok((best, known))
}

/// The number of known columns, and of records that have another number of fields than the header.
fn trial(
    sample: &[u8],
    is_cut: bool,
    delimiter: u8,
    fields: &[Field],
    interrupted: Interrupted,
) -> Result<(usize, usize)> {
    interrupted()?;
    let mut records = Records::new(sample, delimiter, interrupted);
    // The end of the sample may be within a value.
    if !matches!(records.read(), Ok(Some(_))) {
        return Ok((0, usize::MAX));
    }
    let (header, width) = header(&records);
    let known = matched(&header, fields, &std::collections::BTreeMap::new())
        .iter()
        .filter(|found| matches!(found, Match::Field(_)))
        .count();
    let (mut uneven, mut last) = (0, false);
    for _ in 0..TRIED {
        match records.read() {
            Ok(Some(_)) => {
                uneven += usize::from(last);
                last = records.record().len() != width;
            }
            Ok(None) if !is_cut => {
                uneven += usize::from(last);
                break;
            }
            _ => break,
        }
    }
    Ok((known, uneven))
}

/// 22023 where a file of which no column is known looks like one of another kind.
pub fn no_other_kind(bytes: &[u8]) -> Result<()> {
    let kind = match bytes.trim_ascii_start().first() {
        Some(b'{' | b'[') => "JSON",
        Some(b'<') => "XML or HTML",
        _ => return Ok(()),
    };
    Err(Error::invalid(format!("the file is {kind}, not a CSV file"))
        .hint("Give the bytes of an xlsx or CSV file whose first row has the labels of the columns."))
}
