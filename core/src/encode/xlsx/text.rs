//! Text that a worksheet can hold: no character that XML forbids, not more than a cell takes.
//!
//! A carriage return is written as the escape `_x000D_` (see `escape.rs`). Other control characters could be
//! escaped likewise (`_x0001_`), but many readers show that as it stands, so they are replaced here.

use crate::value::contains;
use std::borrow::Cow;

/// UTF-16 units that a cell takes ("Excel specifications and limits").
pub const MAX_UNITS: usize = 32_767;

/// Counts of changes made to texts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub truncated_cells: u64,
    pub replaced_characters: u64,
}

impl Counts {
    pub fn add(&mut self, more: Counts) {
        self.truncated_cells += more.truncated_cells;
        self.replaced_characters += more.replaced_characters;
    }
}

/// The text as the sheet can hold it: forbidden characters as U+FFFD, the end of an over-long text as `…`.
/// Counts both.
pub fn clean<'a>(text: &'a str, counts: &mut Counts) -> Cow<'a, str> {
    // A UTF-16 unit is one to three bytes of UTF-8, so most texts need no counting.
    let cut = if text.len() > MAX_UNITS { fitting(text) } else { None };
    let kept = cut.map_or(text, |end| &text[..end]);
    if cut.is_none() && !contains(kept.as_bytes(), is_suspect) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(kept.len() + '…'.len_utf8());
    for (at, character) in kept.char_indices() {
        let bad = match character {
            '\t' | '\n' => false,
            '\r' => ends_like_escape(&kept[..at]),
            '\0'..='\u{1F}' | '\u{FFFE}' | '\u{FFFF}' => true,
            _ => false,
        };
        out.push(if bad { char::REPLACEMENT_CHARACTER } else { character });
        counts.replaced_characters += u64::from(bad);
    }
    if cut.is_some() {
        out.push('…');
        counts.truncated_cells += 1;
    }
    Cow::Owned(out)
}

/// True if the byte may begin a character that needs a look; 0xEF begins U+F000 to U+FFFF.
#[inline]
fn is_suspect(byte: u8) -> bool {
    ((byte < 0x20) & (byte != b'\t') & (byte != b'\n')) | (byte == 0xEF)
}

/// The place to cut a text of more units than a cell takes, leaving room for the `…`.
fn fitting(text: &str) -> Option<usize> {
    let mut units = 0;
    let mut end = 0;
    for (at, character) in text.char_indices() {
        if units < MAX_UNITS {
            end = at;
        }
        units += character.len_utf16();
        if units > MAX_UNITS {
            return Some(end);
        }
    }
    None
}

/// A carriage return is written as `_x000D_`; after `_x0041` its first `_` would complete another
/// escape, and readers would see `Ax000D_`. The one text of which a carriage return cannot be part.
fn ends_like_escape(before: &str) -> bool {
    let bytes = before.as_bytes();
    match bytes.len().checked_sub(6).map(|start| &bytes[start..]) {
        Some([b'_', b'x', digits @ ..]) => digits.iter().all(u8::is_ascii_hexdigit),
        _ => false,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    fn cleaned(text: &str) -> (String, u64, u64) {
        let mut counts = Counts::default();
        let out = clean(text, &mut counts).into_owned();
        (out, counts.truncated_cells, counts.replaced_characters)
    }

    #[test]
    fn forbidden_characters_are_replaced_and_counted() {
        assert_eq!(
            cleaned("a\u{1}b\u{0}\u{FFFE}\u{FFFF}\u{1F}"),
            ("a\u{FFFD}b\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}".into(), 0, 5)
        );
        for text in
            ["", "plain", "tab\tline\ncr\r\n", "é… \u{F000}\u{FFFD}ｆ", "\u{7F}\u{85}", "😀", "_x0041_"]
        {
            assert_eq!(cleaned(text), (text.to_string(), 0, 0));
        }
        assert_eq!(cleaned("_x0041\r"), ("_x0041\u{FFFD}".into(), 0, 1));
        assert_eq!(cleaned("_x004G\r_x41\r"), ("_x004G\r_x41\r".into(), 0, 0));
    }

    #[test]
    fn the_limit_is_of_utf16_units() {
        let units = |text: &str| text.encode_utf16().count();
        for unit in ["a", "é", "€", "😀", "ab😀"] {
            for length in [32_760, 32_766, 32_767, 32_768, 32_769, 40_000] {
                let text: String = unit
                    .chars()
                    .cycle()
                    .scan(0, |sum, character| {
                        *sum += character.len_utf16();
                        (*sum <= length).then_some(character)
                    })
                    .collect();
                let (out, truncated, _) = cleaned(&text);
                if units(&text) <= MAX_UNITS {
                    assert_eq!((out, truncated), (text, 0));
                } else {
                    let kept = out.strip_suffix('…').unwrap();
                    assert!(text.starts_with(kept));
                    assert!((MAX_UNITS - 1..=MAX_UNITS).contains(&units(&out)));
                    assert_eq!(truncated, 1);
                }
            }
        }
    }
}
