//! Documents in the midst of texts: `saved {"password": "…"} at noon`.

use crate::value::position;

/// The place at which a document with keys or pairs may begin: a bracket before a quote or another bracket.
#[inline]
pub fn first(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = 0;
    loop {
        at += position(&bytes[at..], is_bracket)?;
        let behind = bytes[at + 1..].iter().find(|byte| !byte.is_ascii_whitespace());
        if matches!(behind, Some(b'"' | b'{' | b'[' | b'\\')) {
            return Some(at);
        }
        at += 1;
    }
}

#[inline]
pub fn is_bracket(byte: u8) -> bool {
    (byte == b'{') | (byte == b'[')
}

#[cfg(test)]
mod tests {
    use super::first;

    #[test]
    fn brackets_before_quotes() {
        for (text, wanted) in [
            ("x {\"a\": 1}", Some(2)),
            ("[draft] [ \"a\"]", Some(8)),
            ("[[1]]", Some(0)),
            ("{a} [1, 2] (x)", None),
            ("[", None),
            ("", None),
        ] {
            assert_eq!(first(text), wanted, "{text}");
        }
    }
}
