//! The formula guard: texts of a csv that a spreadsheet would run get a `'` in front, and lose it again when they are read back.
//!
//! A formula begins where a cell begins. A reader that splits a line at another separator than the file's, or that ends a row
//! at a line break within quotes, sees more beginnings than the file has: behind each `,` `;` tab `|` and each line break. The
//! quotes of csv do not help there, because such a reader has not seen them open. A reader that splits at the file's own delimiter
//! sees them, so that nothing begins behind that one.
//!
//! Invariants: `guarded` and `unguarded` are inverse for every text, guarded ones included (`'=1` becomes `''=1`); no guarded
//! text has a beginning whose first visible character starts a formula.

use std::borrow::Cow;

/// Separators of values in the files that spreadsheets open.
#[inline]
pub fn is_separator(byte: u8) -> bool {
    (byte == b',') | (byte == b';') | (byte == b'\t') | (byte == b'|')
}

/// The grammar of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Plain,
    /// Only what stands in strings is guarded: the rest is grammar, and a `'` would break it.
    Json,
}

/// The text with its guards, and `None` where it needs none. `delimiter`: of the file.
pub fn guarded(text: &str, form: Form, delimiter: u8) -> Option<String> {
    let front = form == Form::Plain && is_formula(text) || form == Form::Json && is_formula_of_json(text);
    let mut places = Inner::of(text, form, delimiter);
    let first = places.next();
    if !front && first.is_none() {
        return None;
    }
    let mut out = String::with_capacity(text.len() + 8);
    if front {
        out.push('\'');
    }
    let mut copied = 0;
    for place in first.into_iter().chain(places) {
        out.push_str(&text[copied..place.insert]);
        out.push('\'');
        copied = place.insert;
    }
    out.push_str(&text[copied..]);
    Some(out)
}

/// The text without its guards.
pub fn unguarded(text: &str, form: Form, delimiter: u8) -> Cow<'_, str> {
    if !text.contains('\'') {
        return Cow::Borrowed(text);
    }
    let mut out = String::new();
    let mut copied = 0;
    for place in Inner::of(text, form, delimiter).filter(|place| place.quotes > 0) {
        out.push_str(&text[copied..place.insert]);
        copied = place.insert + 1;
    }
    let inner = if copied == 0 {
        Cow::Borrowed(text)
    } else {
        out.push_str(&text[copied..]);
        Cow::Owned(out)
    };
    match inner.strip_prefix('\'') {
        Some(rest) if form == Form::Plain && is_formula(rest) => Cow::Owned(rest.to_owned()),
        Some(rest) if form == Form::Json && is_formula_of_json(rest) => Cow::Owned(rest.to_owned()),
        _ => inner,
    }
}

/// True if a spreadsheet that opens this text in a csv would run it.
///
/// The starts of formulas are those that OWASP lists under "CSV Injection": `=`, `+`, `-`, `@`, tab and carriage return. White
/// space and invisible characters before the first four are passed over, as some programs do. The full-width and small forms
/// count too: a spreadsheet under an East Asian locale reads them as the plain ones, and no name or address begins with them.
/// Plain numbers and phone numbers are no danger. A text that looks like a guarded one counts, so that it can be read back.
#[inline]
pub fn is_formula(text: &str) -> bool {
    match text.as_bytes().first() {
        None => false,
        Some(byte) if SHOWS[usize::from(*byte)] => false,
        Some(_) => {
            let text = text.trim_start_matches('\'');
            text.starts_with(['\t', '\r']) || {
                let visible = text.trim_start_matches(is_invisible);
                begins(visible) && !is_harmless(visible)
            }
        }
    }
}

/// First bytes of characters that show and start no formula: letters and digits, and those of most alphabets beyond ASCII. The other
/// bytes begin white space, marks and what is invisible as well.
static SHOWS: [bool; 256] = {
    let mut shows = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        let is_letter = (byte as u8).is_ascii_alphanumeric();
        let is_lead = matches!(byte as u8, 0xC3..=0xCC | 0xCE..=0xD7 | 0xD9..=0xDF | 0xE4..=0xEE);
        shows[byte] = is_letter || is_lead;
        byte += 1;
    }
    shows
};

/// A document begins with a bracket, a quote, a digit or a word; a number may have a sign.
fn is_formula_of_json(text: &str) -> bool {
    let visible = text.trim_start_matches('\'').trim_start_matches(is_invisible);
    begins(visible) && !is_harmless(visible)
}

/// True if a text may need guards, found in one pass over its bytes: most have no such character.
#[inline]
pub fn may_hold(text: &[u8]) -> bool {
    crate::value::contains(text, is_mark)
}

/// `=`, `+`, `-`, `@`, and the first byte of the full-width and small forms.
#[inline]
fn is_mark(byte: u8) -> bool {
    (byte == b'=') | (byte == b'+') | (byte == b'-') | (byte == b'@') | (byte == 0xEF)
}

fn begins(text: &str) -> bool {
    text.starts_with(is_start)
}

fn is_start(letter: char) -> bool {
    matches!(
        letter,
        '=' | '+'
            | '-'
            | '@'
            | '\u{FF1D}'
            | '\u{FF0B}'
            | '\u{FF0D}'
            | '\u{FF20}'
            | '\u{FE66}'
            | '\u{FE62}'
            | '\u{FE63}'
            | '\u{FE6B}'
    )
}

/// White space, control characters, and those of Unicode that show nothing: the byte order mark, joiners, direction marks, fillers.
fn is_invisible(letter: char) -> bool {
    letter.is_whitespace()
        || letter.is_control()
        || matches!(letter,
            '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{3164}' | '\u{FEFF}' | '\u{FFA0}'
            | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}'
            | '\u{FE00}'..='\u{FE0F}' | '\u{FFF9}'..='\u{FFFB}' | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}')
}

/// A beginning within a text, behind a separator or a line break.
struct Place {
    /// The place of its guard: in front of the formula's first character, and of quotes that look like guards.
    insert: usize,
    /// Quotes that look like guards.
    quotes: usize,
}

/// The beginnings that have to be guarded, in their order.
struct Inner<'t> {
    text: &'t str,
    form: Form,
    delimiter: u8,
    at: usize,
    /// Of a document: up to here its strings are counted, and whether one is open.
    counted: usize,
    in_string: bool,
}

impl<'t> Inner<'t> {
    fn of(text: &'t str, form: Form, delimiter: u8) -> Inner<'t> {
        Inner { text, form, delimiter, at: 0, counted: 0, in_string: false }
    }

    /// The beginning whose first visible character is at `mark`.
    fn place(&mut self, mark: usize) -> Option<Place> {
        let before = &self.text[..mark];
        let unquoted = before.trim_end_matches('\'');
        let mut separator = None;
        for letter in unquoted.chars().rev() {
            if matches!(letter, ',' | ';' | '\t' | '|' | '\n' | '\r') && letter != char::from(self.delimiter)
            {
                separator = Some(letter);
                break;
            }
            // A quote opens nothing for a reader that is within quotes already.
            if letter != '"' && !is_invisible(letter) {
                break;
            }
        }
        let separator = separator?;
        if self.form == Form::Json && !self.is_in_string(mark) {
            return None;
        }
        let rest = &self.text[mark..];
        if !begins(rest) || is_harmless(&rest[..self.extent(rest, separator)]) {
            return None;
        }
        Some(Place { insert: unquoted.len(), quotes: before.len() - unquoted.len() })
    }

    /// The end of such a cell: at the next separator of its kind, at a line break; that of a document with its string, behind which
    /// no operator can follow.
    fn extent(&self, rest: &str, separator: char) -> usize {
        let ends = |letter: char| match letter {
            '\n' | '\r' => true,
            '"' => self.form == Form::Json,
            letter => letter == separator,
        };
        rest.find(ends).unwrap_or(rest.len())
    }

    fn is_in_string(&mut self, at: usize) -> bool {
        let bytes = self.text.as_bytes();
        while self.counted < at {
            match bytes[self.counted] {
                b'"' => self.in_string = !self.in_string,
                b'\\' if self.in_string => self.counted += 1,
                _ => {}
            }
            self.counted += 1;
        }
        self.in_string
    }
}

impl Iterator for Inner<'_> {
    type Item = Place;

    fn next(&mut self) -> Option<Place> {
        loop {
            let found = crate::value::position(&self.text.as_bytes()[self.at..], is_mark)?;
            let mark = self.at + found;
            self.at = mark + 1;
            // Most have a letter or a digit before them.
            let is_within = mark == 0 || self.text.as_bytes()[mark - 1].is_ascii_alphanumeric();
            // 0xEF begins a character, so the place is one at which a text can be cut.
            if let (false, Some(place)) = (is_within, self.place(mark)) {
                return Some(place);
            }
        }
    }
}

/// Numbers and phone numbers: whatever reads them finds nothing to run.
fn is_harmless(text: &str) -> bool {
    // Most texts that begin with a sign are phone numbers.
    is_phone(text) || is_number(text)
}

/// `-42`, `+1.5e3`, `-1,234.50`, `-1.234,50`, `-5 %`, `-$12.50`: a sign or none, digits with or without signs between them, of a
/// currency or of a share, an exponent.
fn is_number(text: &str) -> bool {
    let text = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    if let Some(exponent) = exponent {
        let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent).trim_end();
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return false;
        }
    }
    let is_of_number = |letter: char| {
        letter.is_ascii_digit()
            || matches!(
                letter,
                '.' | ',' | ' ' | '\u{A0}' | '\u{2009}' | '\u{202F}' | '%' | '‰' | '$' | '£' | '¥'
            )
            || matches!(letter, '\u{20A0}'..='\u{20CF}')
    };
    mantissa.contains(|letter: char| letter.is_ascii_digit()) && mantissa.chars().all(is_of_number)
}

/// `+33 (0)1 23-45.67`: `+`, then digits and what people put between them.
fn is_phone(text: &str) -> bool {
    let Some(rest) = text.strip_prefix('+') else { return false };
    let is_between = |byte: u8| matches!(byte, b' ' | b'-' | b'/' | b'(' | b')' | b'.');
    let (mut digits, mut others) = (0, 0);
    for byte in rest.bytes() {
        digits += usize::from(byte.is_ascii_digit());
        others += usize::from(!byte.is_ascii_digit() && !is_between(byte));
    }
    // A space that is not to be broken has two bytes.
    digits > 0 && (others == 0 || others == 2 * rest.matches('\u{A0}').count())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
#[path = "formula_tests.rs"]
mod tests;
