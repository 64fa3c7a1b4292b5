//! JSON values and texts without their secret keys, at every depth, and without what is personal where that is asked for.
//!
//! Documents inside strings are searched as well, and texts that are documents. What cannot be searched to its end does not
//! leave; it does not fail the export either, or a user could stop a whole tenant's exports with an attribute of their own.
//! Only what has no room does: 54000 and 53200, as for any row that is too large.

use super::disguise::Disguise;
use super::escape::unescape;
use super::walk::{Stop, Walk};
use super::{fragments, REDACTED};
use crate::catalog::personal::is_personal;
use crate::catalog::secrets::{counts, Names};
use crate::error::Result;
use crate::room;

/// How a value is searched.
#[derive(Clone, Copy, Default)]
pub struct Care<'c> {
    /// Values under personal keys are redacted.
    pub personal: bool,
    /// Texts may hold pieces of documents.
    pub fragments: bool,
    /// What becomes of every scalar of a document.
    pub disguise: Option<&'c Disguise>,
    /// Levels of objects and arrays around it.
    pub depth: usize,
    /// Strings around it that hold documents.
    pub strings: usize,
}

/// Documents in strings of documents that are searched; writers that encode twice by mistake are known, more often they
/// are not.
const MOST_STRINGS: usize = 8;

impl Care<'_> {
    /// The same for what stands in a string.
    pub fn inside(self) -> Self {
        Care { strings: self.strings + 1, ..self }
    }
}

/// What is known of a key.
#[derive(Clone, Copy)]
pub struct Key {
    pub secret: bool,
    /// A number under it tells no secret.
    pub counts: bool,
    pub personal: bool,
}

/// Remembers keys, which repeat from row to row; boundedly, for documents whose keys are data: each has one place, and
/// drives out who was there.
pub struct Scrubber {
    names: Names,
    known: Vec<Option<(Box<str>, Key)>>,
}

/// Places for keys, and the longest that is remembered.
const PLACES: usize = 1024;
const LONGEST: usize = 64;

/// A key that has more bytes is none that could be read for what it means: it counts as a secret's.
const LONGEST_NAME: usize = 64 * 1024;

/// Copies of a value that may be made on the way, beside the document that leaves.
const COPIES: usize = 4;

impl Scrubber {
    pub fn new(names: Names) -> Scrubber {
        Scrubber { names, known: vec![None; PLACES] }
    }

    /// The document as it may leave; None: as it is.
    pub fn json(&mut self, json: &str, care: Care<'_>) -> Result<Option<String>> {
        room::probe(json.len().saturating_mul(COPIES))?;
        match Walk::new(self, care, json).run() {
            Ok(clean) => Ok(clean),
            Err(Stop::Failed(error)) => Err(error),
            Err(Stop::Malformed | Stop::TooDeep) => Ok(Some(format!("\"{REDACTED}\""))),
        }
    }

    /// The same for a text, which may be a document, or hold pieces of some.
    pub fn text(&mut self, text: &str, care: Care<'_>) -> Result<Option<String>> {
        let mut fragments = care.fragments;
        if may_be_document(text) {
            if care.strings > MOST_STRINGS {
                return Ok(Some(REDACTED.to_owned()));
            }
            room::probe(text.len().saturating_mul(COPIES))?;
            match Walk::new(self, care, text.trim_matches(is_blank)).run() {
                Ok(clean) => return Ok(clean),
                Err(Stop::Failed(error)) => return Err(error),
                Err(Stop::TooDeep) => return Ok(Some(REDACTED.to_owned())),
                // Cut off, or in a dialect: what began as a document may have keys.
                Err(Stop::Malformed) => fragments = true,
            }
        }
        if fragments && self.may_hold_secret(text, care.personal) {
            return Ok(Some(REDACTED.to_owned()));
        }
        Ok(None)
    }

    fn may_hold_secret(&mut self, text: &str, personal: bool) -> bool {
        fragments::any_key(text, &mut |name| {
            let key = self.known(name);
            key.secret || (personal && key.personal)
        })
    }

    /// What a key is, given as it stands between its quotes.
    pub fn judge(&mut self, raw: &str) -> Key {
        self.known(&unescape(raw))
    }

    fn known(&mut self, name: &str) -> Key {
        let place = place(name);
        match self.known.get(place) {
            Some(Some((known, key))) if **known == *name => return *key,
            _ => {}
        }
        if name.len() > LONGEST_NAME {
            return Key { secret: true, counts: false, personal: true };
        }
        let secret = self.names.is_secret(name);
        let key = Key { secret, counts: secret && counts(name), personal: is_personal(name) };
        if let (Some(known), true) = (self.known.get_mut(place), name.len() <= LONGEST) {
            *known = Some((name.into(), key));
        }
        key
    }
}

/// A key's place: by its length, its first eight bytes and its last.
fn place(name: &str) -> usize {
    let bytes = name.as_bytes();
    let (first, last) = match (bytes.first_chunk(), bytes.last_chunk()) {
        (Some(first), Some(last)) => (u64::from_le_bytes(*first), u64::from_le_bytes(*last)),
        _ => (bytes.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)), 0),
    };
    let mixed = (first ^ last.rotate_left(31) ^ bytes.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 54) as usize % PLACES
}

/// Whether a text begins as a document does that may have keys. One look at the first byte of most texts.
#[inline]
pub fn may_be_document(text: &str) -> bool {
    match text.as_bytes().first() {
        Some(b'{' | b'[' | b'"') => true,
        Some(b'\t'..=b'\r' | b' ' | 0x80..) if text.starts_with(is_blank) => {
            text.trim_start_matches(is_blank).starts_with(['{', '[', '"'])
        }
        _ => false,
    }
}

/// White space and the byte order mark, which some readers pass over.
fn is_blank(letter: char) -> bool {
    letter.is_whitespace() || letter == '\u{feff}'
}

#[cfg(test)]
#[path = "scrub_tests.rs"]
mod tests;
