//! A text cell, and what one look at all its bytes has told: most texts are plain, and leave as they are in every format.

use super::scan::{gathered, BLOCK};
use std::fmt;
use std::ops::Deref;

/// The result of one look at the bytes of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// All bytes are ASCII.
    pub ascii: bool,
    /// No byte has to be quoted or escaped in CSV or JSON, none is a separator of values, and none is a sign of a document, a URL, a
    /// connection string or an escape.
    pub plain: bool,
}

/// A text with what is known of its bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Text<'a> {
    text: &'a str,
    plain: bool,
}

impl<'a> Text<'a> {
    pub fn new(text: &'a str) -> Text<'a> {
        Text::seen(text, Look::at(text.as_bytes()))
    }

    /// `look`: at the same bytes.
    #[inline]
    pub fn seen(text: &'a str, look: Look) -> Text<'a> {
        debug_assert_eq!(look, Look::at(text.as_bytes()));
        Text { text, plain: look.plain }
    }

    #[inline]
    pub fn as_str(self) -> &'a str {
        self.text
    }

    /// See [`Look::plain`].
    #[inline]
    pub fn is_plain(self) -> bool {
        self.plain
    }
}

impl fmt::Debug for Text<'_> {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text.fmt(to)
    }
}

impl Deref for Text<'_> {
    type Target = str;

    #[inline]
    fn deref(&self) -> &str {
        self.text
    }
}

impl Look {
    /// One pass, in which no step depends on a byte: the compiler makes vector instructions of it.
    #[inline]
    pub fn at(bytes: &[u8]) -> Look {
        let mut seen = BitsSeen::default();
        let Some(last) = bytes.last_chunk::<BLOCK>() else {
            seen.add(&gathered(bytes, b'a'));
            return seen.look();
        };
        for block in bytes.as_chunks::<BLOCK>().0 {
            seen.add(block);
        }
        // Some of its bytes once more.
        seen.add(last);
        seen.look()
    }
}

/// The bits that were seen at each place of a block.
#[derive(Default)]
struct BitsSeen {
    high: [u8; BLOCK],
    marks: [u8; BLOCK],
}

impl BitsSeen {
    #[inline]
    fn add(&mut self, block: &[u8; BLOCK]) {
        for ((byte, high), marks) in block.iter().zip(&mut self.high).zip(&mut self.marks) {
            *high |= byte;
            *marks |= u8::from(is_mark(*byte));
        }
    }

    #[inline]
    fn look(&self) -> Look {
        let any = |bytes: &[u8; BLOCK]| bytes.iter().fold(0, |all, byte| all | byte);
        Look { ascii: any(&self.high) < 0x80, plain: any(&self.marks) == 0 }
    }
}

/// Control characters, `"`, `,`, `:`, `;`, `=`, `[`, `\`, `]`, `{`, `|`, `}`.
#[inline]
fn is_mark(byte: u8) -> bool {
    (byte < 0x20)
        | (byte == b'"')
        | (byte == b',')
        | (byte & 0xFE == b':')
        | (byte == b'=')
        | ((byte | 0x20).wrapping_sub(b'{') < 3)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// By the definition.
    fn plainly(bytes: &[u8]) -> Look {
        let is_mark = |byte: &u8| *byte < b' ' || b"\",:;=[\\]{|}".contains(byte);
        Look { ascii: bytes.is_ascii(), plain: !bytes.iter().any(is_mark) }
    }

    #[test]
    fn each_byte_at_each_place() {
        for length in 1..50 {
            for place in 0..length {
                for byte in 0..=255 {
                    let mut bytes = vec![b'x'; length];
                    bytes[place] = byte;
                    assert_eq!(Look::at(&bytes), plainly(&bytes), "{byte} at {place} of {length}");
                }
            }
        }
        assert_eq!(Look::at(b""), Look { ascii: true, plain: true });
    }

    proptest! {
        #[test]
        fn as_the_definition_says(text in any::<String>(), odd in "[a-zé:;,]{0,70}") {
            for text in [text, odd] {
                prop_assert_eq!(Look::at(text.as_bytes()), plainly(text.as_bytes()));
            }
        }
    }
}
