//! Strings of JSON.

use super::memory;
use super::scan;
use crate::error::Result;

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Appends a string with its quotes, as serde_json and the server (`escape_json`, utils/adt/json.c) both write it: the two-letter
/// escapes where there are some, `\u00xx` for the other control characters, all else as it is. `text` is UTF-8.
///
/// Errors: those of [`memory`].
pub fn append(text: &[u8], out: &mut Vec<u8>) -> Result<()> {
    memory::reserve(out, text.len())?;
    out.push(b'"');
    let mut rest = text;
    while let Some(at) = scan::position(rest, |byte| (byte < 0x20) | (byte == b'"') | (byte == b'\\')) {
        out.extend_from_slice(&rest[..at]);
        escape(rest[at], out);
        rest = &rest[at + 1..];
        // An escape is longer than what it stands for.
        memory::reserve(out, rest.len())?;
    }
    out.extend_from_slice(rest);
    out.push(b'"');
    Ok(())
}

fn escape(byte: u8, out: &mut Vec<u8>) {
    let letter = match byte {
        0x08 => b'b',
        b'\t' => b't',
        b'\n' => b'n',
        0x0C => b'f',
        b'\r' => b'r',
        b'"' | b'\\' => byte,
        _ => {
            out.extend_from_slice(b"\\u00");
            out.extend_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
            return;
        }
    };
    out.extend_from_slice(&[b'\\', letter]);
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    fn ours(text: &str) -> String {
        let mut out = Vec::new();
        super::append(text.as_bytes(), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn each_character_as_serde_json_writes_it() {
        for letter in ('\0'..='\u{2100}').chain(['\u{fffe}', '\u{ffff}', '\u{1f600}']) {
            for text in [letter.to_string(), format!("sixteen letters {letter} and some more")] {
                assert_eq!(ours(&text), serde_json::to_string(&text).unwrap());
            }
        }
    }

    proptest! {
        #[test]
        fn texts_as_serde_json_writes_them(text in any::<String>(), odd in "[a-c\"\\\\\n\u{1}é]{0,80}") {
            prop_assert_eq!(ours(&text), serde_json::to_string(&text).unwrap());
            prop_assert_eq!(ours(&odd), serde_json::to_string(&odd).unwrap());
        }
    }
}
