//! JSON values and texts without their secret keys, at every depth, and without what is personal where that is asked for.
//!
//! Documents inside strings are searched as well, texts that are documents, and documents in the midst of texts; every text for
//! secrets that show by their value. What cannot be searched to its end does not
//! leave; it does not fail the export either, or a user could stop a whole tenant's exports with an attribute of their own.
//! Only what has no room does: 54000 and 53200, as for any row that is too large.

use super::json_scanner::{Stop, Walk};
use super::mask::Mask;
use super::{embedded, fragments, open_json, REDACTED};
use crate::error::{Error, Kind, Result};
use crate::model::personal::is_personal;
use crate::secret::named::{self, Naming, Role};
use crate::secret::{counts, values, Names};
use crate::value::escape::unescape;
use crate::value::{contains, memory};

/// The way a value is searched.
#[derive(Clone, Copy, Default)]
pub struct Care<'c> {
    /// Values under personal keys are redacted.
    pub personal: bool,
    /// Texts may hold pieces of documents.
    pub fragments: bool,
    /// The mask of every scalar of a document.
    pub mask: Option<&'c Mask>,
    /// Levels of objects and arrays around it.
    pub depth: usize,
    /// Strings around it that hold documents.
    pub strings: usize,
    /// Strings of the document are searched for secrets: one look at the whole has found something.
    pub(super) values: bool,
    /// Strings of the document may hold documents: there is an escape in it.
    pub(super) escapes: bool,
}

/// Counts of removed secrets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Removed {
    /// Members of documents whose keys are names of secrets.
    pub keys: u64,
    /// Secrets by their value, or by the name beside them, and what could not be searched.
    pub values: u64,
}

impl Removed {
    pub fn all(&self) -> u64 {
        self.keys + self.values
    }

    pub fn any(&self) -> bool {
        self.all() > 0
    }
}

/// Documents in strings of documents that are searched; writers that encode twice by mistake are known, more often they
/// are not.
const MOST_STRINGS: usize = 8;

impl Care<'_> {
    /// The same for this document.
    fn of(self, json: &str) -> Self {
        Care { values: values::may_hold(json), escapes: json.contains('\\'), ..self }
    }

    /// True if nothing but a key, or a document in a string, can be the reason to cut something out.
    fn is_plain(&self) -> bool {
        !(self.personal || self.fragments || self.values || self.escapes) && self.mask.is_none()
    }

    /// The same for what stands in a string.
    pub fn inside(self) -> Self {
        Care { strings: self.strings + 1, ..self }
    }
}

/// The facts about a key.
#[derive(Clone, Copy)]
pub struct Key {
    pub secret: bool,
    /// It is one itself, whatever its value is.
    pub itself: bool,
    /// A number under it tells no secret.
    pub counts: bool,
    pub personal: bool,
    /// Its role among the keys beside it.
    pub role: Role,
}

/// Remembers keys, which repeat from row to row; boundedly, for documents whose keys are data: each has one place, and
/// drives out who was there.
pub struct Scrubber {
    names: Names,
    known: Vec<Option<(Box<str>, Key)>>,
    /// Since it was last asked.
    pub(super) removed: Removed,
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
        Scrubber { names, known: vec![None; PLACES], removed: Removed::default() }
    }

    /// The secrets that were removed since the last call.
    pub fn take_removed(&mut self) -> Removed {
        std::mem::take(&mut self.removed)
    }

    pub fn names(&self) -> &Names {
        &self.names
    }

    /// The document as it may leave; None: as it is.
    pub fn json(&mut self, json: &str, care: Care<'_>) -> Result<Option<String>> {
        let care = care.of(json);
        if care.is_plain() && open_json::is_open(json, self) {
            return Ok(None);
        }
        self.walked(json, care)
    }

    pub(super) fn walked(&mut self, json: &str, care: Care<'_>) -> Result<Option<String>> {
        memory::probe(json.len().saturating_mul(COPIES))?;
        match Walk::new(self, care, json).run() {
            Ok(clean) => Ok(clean),
            Err(Stop::Failed(error)) => Err(error),
            Err(Stop::Malformed | Stop::TooDeep) => Ok(Some(format!("\"{}\"", self.all()))),
        }
    }

    /// The same for a text, which may be a document or a secret, or hold some.
    pub fn text(&mut self, text: &str, care: Care<'_>) -> Result<Option<String>> {
        let mut fragments = care.fragments;
        if may_be_document(text) {
            if care.strings > MOST_STRINGS {
                return Ok(Some(self.all()));
            }
            memory::probe(text.len().saturating_mul(COPIES))?;
            let before = self.removed;
            match Walk::new(self, care.of(text), text.trim_matches(is_blank)).run() {
                Ok(clean) => return Ok(clean),
                Err(Stop::Failed(error)) => return Err(error),
                Err(Stop::TooDeep) => return Ok(Some(self.all())),
                // Cut off, or in a dialect: what began as a document may have keys.
                Err(Stop::Malformed) => fragments = true,
            }
            self.removed = before;
        }
        if fragments && self.may_hold_secret(text, care.personal) {
            return Ok(Some(self.all()));
        }
        let clean = self.pieces(text, Care { mask: None, ..care })?;
        Ok(match (care.mask, clean) {
            (Some(mask), clean) => Some(mask.of(clean.as_deref().unwrap_or(text))),
            (None, clean) => clean,
        })
    }

    /// A text that is no document: without what documents in it and secrets among its words have to lose.
    fn pieces(&mut self, text: &str, care: Care<'_>) -> Result<Option<String>> {
        let embedded = match embedded::first(text) {
            Some(at) => self.embedded(text, at, care)?,
            None => None,
        };
        let searched = embedded.as_deref().unwrap_or(text);
        if !values::may_hold(searched) {
            return Ok(embedded);
        }
        memory::probe(searched.len().saturating_mul(COPIES))?;
        match values::redact(searched, REDACTED) {
            Some((clean, count)) => {
                self.removed.values += count as u64;
                Ok(Some(clean))
            }
            None => Ok(embedded),
        }
    }

    /// The same for the documents that begin at `at` or behind it.
    fn embedded(&mut self, text: &str, at: usize, care: Care<'_>) -> Result<Option<String>> {
        if care.strings > MOST_STRINGS {
            return Ok(Some(self.all()));
        }
        memory::probe(text.len().saturating_mul(COPIES))?;
        let mut out: Vec<u8> = Vec::new();
        let (mut copied, mut next) = (0, Some(at));
        // Bytes that may be read in vain, by which whoever breaks off documents again and again is stopped.
        let mut vain = text.len().saturating_mul(COPIES) + LONGEST_NAME;
        let mut has_failed = false;
        while let Some(at) = next {
            let before = self.removed;
            let document = &text[at..];
            let mut walk = Walk::new(self, care.of(document), document);
            let outcome = walk.first();
            let length = walk.length();
            let clean = match outcome {
                Ok(clean) => clean,
                Err(Stop::Failed(error)) => return Err(error),
                Err(Stop::TooDeep) => return Ok(Some(self.all())),
                Err(Stop::Malformed) => {
                    self.removed = before;
                    // Cut off: its keys are looked for, once for all that follow.
                    let holds = !std::mem::replace(&mut has_failed, true)
                        && self.may_hold_secret(document, care.personal);
                    if holds || length > vain {
                        return Ok(Some(self.all()));
                    }
                    vain -= length;
                    next = embedded::first(&document[1..]).map(|found| at + 1 + found);
                    continue;
                }
            };
            let end = at + length;
            if let Some(clean) = clean {
                memory::reserve(&mut out, at - copied + clean.len())?;
                out.extend_from_slice(&text.as_bytes()[copied..at]);
                out.extend_from_slice(clean.as_bytes());
                copied = end;
            }
            next = embedded::first(&text[end..]).map(|found| end + found);
        }
        if copied == 0 {
            return Ok(None);
        }
        memory::reserve(&mut out, text.len() - copied)?;
        out.extend_from_slice(&text.as_bytes()[copied..]);
        let out = String::from_utf8(out);
        out.map(Some).map_err(|_| Error::new(Kind::Internal, "a text is not valid UTF-8"))
    }

    /// In the place of a text that does not leave.
    fn all(&mut self) -> String {
        self.removed.values += 1;
        REDACTED.to_owned()
    }

    fn may_hold_secret(&mut self, text: &str, personal: bool) -> bool {
        fragments::any_key(text, &mut |name| {
            let key = self.known(name);
            key.secret || (personal && key.personal)
        })
    }

    /// True if a name says that the value beside it is a secret. Names repeat from row to row as keys do.
    pub fn says_secret(&mut self, name: &str, naming: Naming, value: Role) -> bool {
        self.known(name).secret && named::says_secret(&self.names, name, naming, value)
    }

    /// Judges a key, given as it stands between its quotes.
    pub fn judge(&mut self, raw: &str) -> Key {
        self.known(&unescape(raw))
    }

    /// Judges a key without escapes.
    pub(super) fn known(&mut self, name: &str) -> Key {
        let place = place(name);
        match self.known.get(place) {
            Some(Some((known, key))) if **known == *name => return *key,
            _ => {}
        }
        if name.len() > LONGEST_NAME {
            return Key { secret: true, itself: false, counts: false, personal: true, role: Role::Other };
        }
        // A key may be a secret by itself: documents whose keys are data have it in the place of a value.
        let is_value = values::may_hold(name) && !values::find(name).is_empty();
        let secret = is_value || self.names.is_secret(name);
        let key = Key {
            secret,
            itself: is_value,
            counts: secret && counts(name),
            personal: is_personal(name),
            role: named::role(name),
        };
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

/// True if a text has to be searched at all.
#[inline]
pub fn may_hold(text: &str) -> bool {
    may_be_document(text)
        || if text.len() < values::SHORTEST {
            contains(text.as_bytes(), embedded::is_bracket) && embedded::first(text).is_some()
        } else {
            values::may_hold_or_embed(text)
        }
}

/// True if a text begins as a document does that may have keys. One look at the first byte of most texts.
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
