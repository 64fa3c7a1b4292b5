//! Strings of JSON without their escapes (RFC 8259, section 7).

use std::borrow::Cow;

/// A string without its escapes. Halves of surrogate pairs, which `json` keeps, become U+FFFD.
pub fn unescape(raw: &str) -> Cow<'_, str> {
    if !raw.contains('\\') {
        return Cow::Borrowed(raw);
    }
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((plain, escaped)) = rest.split_once('\\') {
        text.push_str(plain);
        let mut letters = escaped.chars();
        match letters.next() {
            Some('u') => {
                let (letter, after) = unicode(letters.as_str());
                text.push(letter);
                rest = after;
                continue;
            }
            Some('b') => text.push('\u{8}'),
            Some('f') => text.push('\u{c}'),
            Some('n') => text.push('\n'),
            Some('r') => text.push('\r'),
            Some('t') => text.push('\t'),
            Some(other) => text.push(other),
            None => {}
        }
        rest = letters.as_str();
    }
    text.push_str(rest);
    Cow::Owned(text)
}

/// The character whose hexadecimal digits `text` begins with, and what follows.
fn unicode(text: &str) -> (char, &str) {
    let unit = |text: &str| text.get(..4).and_then(|digits| u16::from_str_radix(digits, 16).ok());
    let Some(first) = unit(text) else { return (char::REPLACEMENT_CHARACTER, text) };
    let after = &text[4..];
    if let Some(rest) = after.strip_prefix("\\u") {
        if let (0xD800..=0xDBFF, Some(second)) = (first, unit(rest)) {
            if let Some(Ok(letter)) = char::decode_utf16([first, second]).next() {
                return (letter, &rest[4..]);
            }
        }
    }
    (char::from_u32(u32::from(first)).unwrap_or(char::REPLACEMENT_CHARACTER), after)
}
