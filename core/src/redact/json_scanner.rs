//! One pass over a JSON text, without a tree: what has to go is cut out, all else stays byte for byte.
//!
//! Most documents have nothing to cut and cost no allocation. The grammar is that of RFC 8259, a little wider where it does
//! no harm (digits of numbers, letters after a backslash): what a reader may take for JSON is searched.

use super::scrub::{may_be_document, Care, Scrubber};
use super::{embedded, REDACTED};
use crate::error::{Error, Kind};
use crate::secret::named::{self, Naming, Role};
use crate::secret::Names;
use crate::value::escape::unescape;
use crate::value::json_string;
use crate::value::memory;

/// Levels of objects and arrays, those of documents inside strings included, that the stack is used for.
const DEEPEST: usize = 500;

/// The reason why a text was not walked to its end.
#[derive(Debug, PartialEq, Eq)]
pub enum Stop {
    Malformed,
    TooDeep,
    /// The output has become too large, or there is no memory for its copy.
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
    /// Bytes that were read to see what stands beside a value.
    looked: usize,
}

/// The number of times that a document may be read for that.
const MOST_LOOKS: usize = 16;

/// Bytes of the longest name of a value.
const LONGEST_NAME: usize = 512;

/// The names that an object gives to a value in it.
#[derive(Default)]
struct Beside {
    /// All members have been seen.
    looked: bool,
    /// A name that says so, of a value and of a content.
    of_value: Option<Box<str>>,
    of_content: Option<Box<str>>,
    /// It is a JSON Web Key.
    is_key: bool,
}

impl Beside {
    /// `text`: the string that is the member's value, if it is one; looked for where it says something.
    fn see<'t>(&mut self, role: Role, text: impl FnOnce() -> Option<&'t str>, names: &Names) {
        match role {
            Role::KeyType => self.is_key |= text().is_some(),
            Role::Name(naming) => {
                let Some(raw) = text() else { return };
                let name = unescape(raw);
                if self.of_value.is_none() && named::says_secret(names, &name, naming, Role::Value) {
                    self.of_value = Some((&*name).into());
                }
                if self.of_content.is_none() && named::says_secret(names, &name, naming, Role::Content) {
                    self.of_content = Some((&*name).into());
                }
            }
            _ => {}
        }
    }

    fn secret(&self, role: Role) -> Option<&str> {
        match role {
            Role::Content => self.of_content.as_deref(),
            _ => self.of_value.as_deref(),
        }
    }
}

type Step<T = ()> = Result<T, Stop>;

impl<'s, 'c, 't> Walk<'s, 'c, 't> {
    pub fn new(scrubber: &'s mut Scrubber, care: Care<'c>, text: &'t str) -> Self {
        Walk { scrubber, care, text, at: 0, copied: 0, out: Vec::new(), looked: 0 }
    }

    /// The text as it may leave; None: as it is.
    pub fn run(&mut self) -> Step<Option<String>> {
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
        self.clean()
    }

    /// The same of the one document that the text begins with; `length` says where it ends.
    pub fn first(&mut self) -> Step<Option<String>> {
        self.value()?;
        self.clean()
    }

    /// Bytes that were read.
    pub fn length(&self) -> usize {
        self.at.min(self.text.len())
    }

    /// The text that was read, as it may leave.
    fn clean(&mut self) -> Step<Option<String>> {
        if self.copied == 0 {
            return Ok(None);
        }
        self.keep(self.at)?;
        let clean = String::from_utf8(std::mem::take(&mut self.out));
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
                if let (Some(mask), true) = (self.care.mask, token != "null") {
                    let hidden = mask.of(token);
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
        // The members that name the value beside them; looked for where there is one.
        let mut beside = Beside::default();
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
            if (key.secret && (key.itself || !self.tells_nothing(key.counts)))
                || self.is_key_part(key.role, &mut beside)?
            {
                self.skip()?;
                self.cut(comma.unwrap_or(start), self.at)?;
                self.scrubber.removed.keys += 1;
            } else {
                if let (Some(comma), false) = (comma, stays) {
                    self.cut(comma, start)?;
                }
                stays = true;
                if key.personal && self.care.personal && !matches!(self.peek(), Some(b'n' | b't' | b'f')) {
                    beside.see(key.role, || self.text_ahead(), self.scrubber.names());
                    self.skip()?;
                    self.put(value, REDACTED)?;
                } else if self.is_named_secret(key.role, &mut beside)? {
                    self.skip()?;
                    self.put(value, REDACTED)?;
                    self.scrubber.removed.values += 1;
                } else {
                    beside.see(key.role, || self.text_ahead(), self.scrubber.names());
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

    /// True if the value ahead is one whose name stands beside it, before or behind, and is a secret's.
    fn is_named_secret(&mut self, role: Role, beside: &mut Beside) -> Step<bool> {
        if !matches!(role, Role::Value | Role::Content) {
            return Ok(false);
        }
        self.look_behind(beside)?;
        Ok(match beside.secret(role) {
            None => false,
            Some(name) => !self.is_telling_nothing(name),
        })
    }

    /// True if the member ahead is part of a private key.
    fn is_key_part(&mut self, role: Role, beside: &mut Beside) -> Step<bool> {
        if role != Role::KeyPart || self.peek() != Some(b'"') && self.peek() != Some(b'[') {
            return Ok(false);
        }
        self.look_behind(beside)?;
        Ok(beside.is_key)
    }

    /// Looks at the members that follow the value ahead, once for each object.
    fn look_behind(&mut self, beside: &mut Beside) -> Step {
        if std::mem::replace(&mut beside.looked, true) {
            return Ok(());
        }
        let here = self.at;
        loop {
            self.skip()?;
            self.blank();
            if !self.eats(b',') {
                break;
            }
            self.blank();
            let raw = self.string()?;
            let role = self.scrubber.judge(raw).role;
            self.blank();
            if !self.eats(b':') {
                return Err(Stop::Malformed);
            }
            self.blank();
            beside.see(role, || self.text_ahead(), self.scrubber.names());
        }
        // An object in an object in an object … each of which is read to its end before it is read.
        self.looked += self.at - here;
        if self.looked > self.text.len().saturating_mul(MOST_LOOKS) {
            return Err(Stop::TooDeep);
        }
        self.at = here;
        Ok(())
    }

    /// The inside of the string ahead, if one is.
    fn text_ahead(&self) -> Option<&'t str> {
        let rest = self.text.get(self.at + 1..).filter(|_| self.peek() == Some(b'"'))?;
        let end = rest.bytes().take(LONGEST_NAME).position(|byte| byte == b'"' || byte == b'\\')?;
        // A name with an escape in it is read all the same.
        if rest.as_bytes()[end] == b'"' {
            return Some(&rest[..end]);
        }
        let mut escaped = false;
        let end = rest.bytes().take(LONGEST_NAME).position(|byte| {
            let ends = byte == b'"' && !escaped;
            escaped = byte == b'\\' && !escaped;
            ends
        })?;
        Some(&rest[..end])
    }

    /// True if the scalar ahead tells no secret, whatever its name is.
    fn is_telling_nothing(&self, name: &str) -> bool {
        match self.peek() {
            Some(b't' | b'f' | b'n') => true,
            Some(b'"') => self.text_ahead().is_some_and(|text| named::tells_nothing(name, text)),
            Some(b'-' | b'0'..=b'9') => {
                let rest = &self.text[self.at..];
                let end = rest.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(rest.len());
                named::tells_nothing(name, &rest[..end])
            }
            _ => false,
        }
    }

    fn array(&mut self) -> Step {
        if self.eats(b']') {
            return Ok(());
        }
        let first = self.text_ahead();
        self.value()?;
        self.blank();
        if let (Some(b','), Some(first)) = (self.peek(), first) {
            self.second(first)?;
            self.blank();
        }
        loop {
            if self.eats(b']') {
                return Ok(());
            }
            if !self.eats(b',') {
                return Err(Stop::Malformed);
            }
            self.blank();
            self.value()?;
            self.blank();
        }
    }

    /// The second element of an array: of two, it may be the value of what the first one names.
    fn second(&mut self, first: &str) -> Step {
        self.at += 1;
        self.blank();
        let start = self.at;
        let first = unescape(first);
        if named::says_secret(self.scrubber.names(), &first, Naming::Any, Role::Value)
            && !self.is_another_name()
        {
            let tells_nothing = self.is_telling_nothing(&first);
            self.skip()?;
            self.blank();
            if self.peek() == Some(b']') && !tells_nothing {
                // Without the blanks behind it.
                let end = self.at;
                self.at = start;
                self.skip()?;
                self.put(start, REDACTED)?;
                self.at = end;
                self.scrubber.removed.values += 1;
                return Ok(());
            }
            self.at = start;
        }
        self.value()
    }

    /// True if the element ahead is a name as well: of a list of fields or methods, not a value.
    fn is_another_name(&mut self) -> bool {
        let Some(raw) = self.text_ahead() else { return false };
        let key = self.scrubber.judge(raw);
        let is_word = raw.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        is_word && (key.secret || key.personal)
    }

    /// A string may hold a document of its own.
    fn string_value(&mut self) -> Step {
        let start = self.at;
        let raw = self.string()?;
        if let Some(mask) = self.care.mask {
            let text = unescape(raw);
            let hidden = self.scrubber.text(&text, self.care.inside())?.unwrap_or_else(|| mask.of(&text));
            self.put(start, &hidden)?;
        } else if self.care.fragments
            || self.care.values
            || may_hold_document(raw)
            || (self.care.escapes && embedded::first(raw).is_some())
        {
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
        Ok(json_string::append(text.as_bytes(), &mut self.out)?)
    }

    fn cut(&mut self, from: usize, to: usize) -> Step {
        self.keep(from)?;
        self.copied = to;
        Ok(())
    }

    /// Copies what stays, up to here.
    fn keep(&mut self, to: usize) -> Step {
        let stays = &self.text.as_bytes()[self.copied..to];
        memory::reserve(&mut self.out, stays.len())?;
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

/// True if the inside of a string may be a document; an escape in front may hide anything.
fn may_hold_document(raw: &str) -> bool {
    raw.starts_with('\\') || may_be_document(raw) || raw.trim_start().starts_with('\\')
}
