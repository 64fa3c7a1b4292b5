//! Text as it stands between two tags of a worksheet.
//!
//! `&`, `<` and `>` become entities; a carriage return, which XML would turn into a line feed, becomes
//! `_x000D_`, and what looks like such an escape gets its underscore escaped (`_x0041_` becomes
//! `_x005F_x0041_`; ECMA-376 part 1, 22.9.2.19). Other characters that need a look are [`clean`]'s.

use super::text::{clean, Counts, MAX_UNITS};

/// Bytes that one byte of text becomes at most: `_x000D_`, `_x005F_`.
pub const MOST: usize = 7;

/// The action for a byte: none, escaping, or a call of [`clean`] first.
const ESCAPE: u8 = 1;
const CLEAN: u8 = 2;
const NEEDS: [u8; 256] = {
    let mut needs = [0; 256];
    let mut byte = 0;
    while byte < 0x20 {
        if byte != b'\t' as usize && byte != b'\n' as usize {
            needs[byte] = ESCAPE | CLEAN;
        }
        byte += 1;
    }
    needs[b'&' as usize] = ESCAPE;
    needs[b'<' as usize] = ESCAPE;
    needs[b'>' as usize] = ESCAPE;
    needs[b'_' as usize] = ESCAPE;
    // Begins U+F000 to U+FFFF, of which two are forbidden.
    needs[0xEF] = CLEAN;
    needs
};

/// Appends a text of any length and content.
pub fn text(text: &str, counts: &mut Counts, out: &mut Vec<u8>) {
    let needs = text.bytes().fold(0, |needs, byte| needs | NEEDS[usize::from(byte)]);
    if needs & CLEAN != 0 || text.len() > MAX_UNITS {
        escape(clean(text, counts).as_bytes(), out);
    } else if needs & ESCAPE != 0 {
        escape(text.as_bytes(), out);
    } else {
        out.extend_from_slice(text.as_bytes());
    }
}

/// Would XML drop white space at an end of it?
pub fn must_be_preserved(text: &str) -> bool {
    let white = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t' | b'\n'));
    white(text.as_bytes().first()) || white(text.as_bytes().last())
}

fn escape(text: &[u8], out: &mut Vec<u8>) {
    let mut copied = 0;
    for (at, byte) in text.iter().enumerate() {
        let replacement: &[u8] = match byte {
            b'&' => b"&amp;",
            b'<' => b"&lt;",
            b'>' => b"&gt;",
            b'\r' => b"_x000D_",
            b'_' if begins_escape(&text[at..]) => b"_x005F_",
            _ => continue,
        };
        out.extend_from_slice(&text[copied..at]);
        out.extend_from_slice(replacement);
        copied = at + 1;
    }
    out.extend_from_slice(&text[copied..]);
}

fn begins_escape(text: &[u8]) -> bool {
    match text {
        [b'_', b'x', a, b, c, d, b'_', ..] => [a, b, c, d].into_iter().all(u8::is_ascii_hexdigit),
        _ => false,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn what_is_escaped() {
        let escaped = |given: &str| {
            let mut out = Vec::new();
            text(given, &mut Counts::default(), &mut out);
            String::from_utf8(out).unwrap()
        };
        for (given, wanted) in [
            ("plain\ttext\n", "plain\ttext\n"),
            ("a<b>&c\"'", "a&lt;b&gt;&amp;c\"'"),
            ("\r\n", "_x000D_\n"),
            ("_x0041_", "_x005F_x0041_"),
            ("_x0041_x0042_", "_x005F_x0041_x005F_x0042_"),
            ("_x004_ _x00410 __x00aF_", "_x004_ _x00410 __x005F_x00aF_"),
            ("_x00é_", "_x00é_"),
            ("\u{1}ｆ\u{FFFF}", "\u{FFFD}ｆ\u{FFFD}"),
        ] {
            assert_eq!(escaped(given), wanted);
        }
        let worst = "\r".repeat(MAX_UNITS);
        assert_eq!(escaped(&worst).len(), MOST * MAX_UNITS);
    }

    #[test]
    fn white_space_at_the_ends() {
        for text in [" a", "a ", "\ta", "a\n", " "] {
            assert!(must_be_preserved(text));
        }
        for text in ["", "a b", "\u{A0}a", "a\r"] {
            assert!(!must_be_preserved(text));
        }
    }
}
