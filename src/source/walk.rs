//! One pass over a JSON text, without a tree: what has to go is cut out, all else stays byte for byte.
//!
//! Most documents have nothing to cut and cost no allocation. The grammar is that of RFC 8259, a little wider where it does
//! no harm (digits of numbers, letters after a backslash): what a reader may take for JSON is searched.

use super::escape::unescape;
use super::scrub::{may_be_document, Care, Scrubber};
use super::REDACTED;
use crate::encode::json_string;
use crate::error::{Error, Kind};
use crate::room;

/// Levels of objects and arrays, those of documents inside strings included, that the stack is used for.
const DEEPEST: usize = 500;

/// Why a text was not walked to its end.
#[derive(Debug, PartialEq, Eq)]
pub enum Stop {
    Malformed,
    TooDeep,
    /// What may leave has become too large, or for its copy there is no memory.
    Failed(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Stop {
        Stop::Failed(error)
    }
}

pub struct Walk<'s, 'c, 't> {
    scrubber: &'s mut Scrubber,
    care: Care<'c>,
    text: &'t str,
    at: usize,
    /// Up to here the text is in `out`, or has been cut.
    copied: usize,
    out: Vec<u8>,
}

type Step<T = ()> = Result<T, Stop>;

impl<'s, 'c, 't> Walk<'s, 'c, 't> {
    pub fn new(scrubber: &'s mut Scrubber, care: Care<'c>, text: &'t str) -> Self {
        Walk { scrubber, care, text, at: 0, copied: 0, out: Vec::new() }
    }

    /// The text as it may leave; None: as it is.
    pub fn run(mut self) -> Step<Option<String>> {
        loop {
            self.blank();
            self.value()?;
            self.blank();
            // Documents in a row, as logs have them, are searched as well.
            match self.peek() {
                None => break,
                Some(b'{' | b'[') => {}
                Some(_) => return Err(Stop::Malformed),
            }
        }
        if self.copied == 0 {
            return Ok(None);
        }
        self.keep(self.text.len())?;
        let clean = String::from_utf8(self.out);
        clean.map(Some).map_err(|_| Error::new(Kind::Internal, "a document is not valid UTF-8").into())
    }

    fn value(&mut self) -> Step {
        match self.peek() {
            Some(b'{') => self.nested(Self::object),
            Some(b'[') => self.nested(Self::array),
            Some(b'"') => self.string_value(),
            _ => {
                let start = self.at;
                let token = self.scalar()?;
                if let (Some(disguise), true) = (self.care.disguise, token != "null") {
                    let hidden = disguise.of(token);
                    self.put(start, &hidden)?;
                }
                Ok(())
            }
        }
    }

    fn nested(&mut self, inside: fn(&mut Self) -> Step) -> Step {
        if self.care.depth >= DEEPEST {
            return Err(Stop::TooDeep);
        }
        self.care.depth += 1;
        self.at += 1;
        self.blank();
        inside(self)?;
        self.care.depth -= 1;
        Ok(())
    }

    fn object(&mut self) -> Step {
        // The comma before this member, and whether one before it stays.
        let (mut comma, mut stays) = (None, false);
        if self.eats(b'}') {
            return Ok(());
        }
        loop {
            let start = self.at;
            let raw = self.string()?;
            let key = self.scrubber.judge(raw);
            self.blank();
            if !self.eats(b':') {
                return Err(Stop::Malformed);
            }
            self.blank();
            let value = self.at;
            if key.secret && !self.tells_nothing(key.counts) {
                self.skip()?;
                self.cut(comma.unwrap_or(start), self.at)?;
            } else {
                if let (Some(comma), false) = (comma, stays) {
                    self.cut(comma, start)?;
                }
                stays = true;
                if key.personal && self.care.personal && !matches!(self.peek(), Some(b'n' | b't' | b'f')) {
                    self.skip()?;
                    self.put(value, REDACTED)?;
                } else {
                    self.value()?;
                }
            }
            self.blank();
            comma = Some(self.at);
            if self.eats(b'}') {
                return Ok(());
            }
            if !self.eats(b',') {
                return Err(Stop::Malformed);
            }
            self.blank();
        }
    }

    fn array(&mut self) -> Step {
        if self.eats(b']') {
            return Ok(());
        }
        loop {
            self.value()?;
            self.blank();
            if self.eats(b']') {
                return Ok(());
            }
            if !self.eats(b',') {
                return Err(Stop::Malformed);
            }
            self.blank();
        }
    }

    /// A string may hold a document of its own.
    fn string_value(&mut self) -> Step {
        let start = self.at;
        let raw = self.string()?;
        if let Some(disguise) = self.care.disguise {
            let text = unescape(raw);
            let hidden = self.scrubber.text(&text, self.care.inside())?.unwrap_or_else(|| disguise.of(&text));
            self.put(start, &hidden)?;
        } else if self.care.fragments || may_hold_document(raw) {
            if let Some(clean) = self.scrubber.text(&unescape(raw), self.care.inside())? {
                self.put(start, &clean)?;
            }
        }
        Ok(())
    }

    /// `true`, `false` and `null` tell no secret, nor does a number that counts.
    fn tells_nothing(&self, counts: bool) -> bool {
        match self.peek() {
            Some(b't' | b'f' | b'n') => true,
            Some(b'-' | b'0'..=b'9') => counts,
            _ => false,
        }
    }

    /// Passes over a value that is not looked at.
    fn skip(&mut self) -> Step {
        let mut open = 0usize;
        loop {
            match self.peek() {
                Some(b'"') => drop(self.string()?),
                Some(b'{' | b'[') => {
                    open += 1;
                    self.at += 1;
                }
                Some(b'}' | b']') if open > 0 => {
                    open -= 1;
                    self.at += 1;
                }
                Some(b',' | b':') if open > 0 => self.at += 1,
                _ => drop(self.scalar()?),
            }
            if open == 0 {
                return Ok(());
            }
            self.blank();
        }
    }

    /// Replaces what was read since `start` by a string.
    fn put(&mut self, start: usize, text: &str) -> Step {
        self.cut(start, self.at)?;
        Ok(json_string(text.as_bytes(), &mut self.out)?)
    }

    fn cut(&mut self, from: usize, to: usize) -> Step {
        self.keep(from)?;
        self.copied = to;
        Ok(())
    }

    /// Copies what stays, up to here.
    fn keep(&mut self, to: usize) -> Step {
        let stays = &self.text.as_bytes()[self.copied..to];
        room::more(&mut self.out, stays.len())?;
        self.out.extend_from_slice(stays);
        Ok(())
    }

    /// The inside of a string, escapes and all.
    fn string(&mut self) -> Step<&'t str> {
        if !self.eats(b'"') {
            return Err(Stop::Malformed);
        }
        let bytes = self.text.as_bytes();
        let start = self.at;
        let mut end = start;
        loop {
            match bytes.get(end) {
                Some(b'"') => break,
                Some(b'\\') => end += 2,
                Some(_) => end += 1,
                None => return Err(Stop::Malformed),
            }
        }
        self.at = end + 1;
        Ok(&self.text[start..end])
    }

    fn scalar(&mut self) -> Step<&'t str> {
        let rest = &self.text[self.at..];
        let end = rest
            .bytes()
            .position(|byte| !byte.is_ascii_alphanumeric() && !matches!(byte, b'+' | b'-' | b'.'))
            .unwrap_or(rest.len());
        let token = &rest[..end];
        let number = token.starts_with(|first: char| first == '-' || first.is_ascii_digit())
            && token.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
        if !number && !matches!(token, "true" | "false" | "null" | "NaN" | "Infinity" | "-Infinity") {
            return Err(Stop::Malformed);
        }
        self.at += end;
        Ok(token)
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn eats(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn blank(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }
}

/// Whether the inside of a string may be a document; an escape in front may hide anything.
fn may_hold_document(raw: &str) -> bool {
    raw.starts_with('\\') || may_be_document(raw) || raw.trim_start().starts_with('\\')
}
