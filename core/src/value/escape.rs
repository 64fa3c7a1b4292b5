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

/// A JSON text that `jsonb` can hold: NUL and halves of surrogate pairs, which `json` keeps as escapes and `jsonb` refuses with an
/// error that quotes them, become U+FFFD.
pub fn storable(json: &str) -> Cow<'_, str> {
    if !json.contains("\\u") {
        return Cow::Borrowed(json);
    }
    let mut out = String::with_capacity(json.len());
    let mut rest = json;
    while let Some((plain, escaped)) = rest.split_once('\\') {
        out.push_str(plain);
        let mut letters = escaped.chars();
        match letters.next() {
            Some('u') => {
                let (letter, after) = unicode(letters.as_str());
                if matches!(letter, '\0' | char::REPLACEMENT_CHARACTER) {
                    out.push(char::REPLACEMENT_CHARACTER);
                } else {
                    out.push('\\');
                    out.push_str(&escaped[..escaped.len() - after.len()]);
                }
                rest = after;
            }
            Some(other) => {
                out.push('\\');
                out.push(other);
                rest = letters.as_str();
            }
            None => rest = "",
        }
    }
    out.push_str(rest);
    Cow::Owned(out)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_jsonb_refuses_is_replaced() {
        for (json, wanted) in [
            (r#""plain""#, r#""plain""#),
            (r#""\u00e9 \n \\u0000 \ud83d\ude00""#, r#""\u00e9 \n \\u0000 \ud83d\ude00""#),
            (
                r#"{"a\u0000b": "\ud800", "c": "\udc00\ud800x"}"#,
                "{\"a\u{fffd}b\": \"\u{fffd}\", \"c\": \"\u{fffd}\u{fffd}x\"}",
            ),
        ] {
            assert_eq!(storable(json), wanted);
            assert!(serde_json::from_str::<serde_json::Value>(&storable(json)).is_ok());
        }
    }
}
