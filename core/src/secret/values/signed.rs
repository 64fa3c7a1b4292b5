//! Signed and encrypted tokens of JOSE: JWS of three parts (RFC 7515), JWE of five (RFC 7516).

use super::piece::{is_url_base64, run};
use std::ops::Range;

/// Bytes of the longest header that is decoded.
const LONGEST_HEADER: usize = 16 * 1024;

/// `{"`, `{ "` and `{` before a line break, in base64.
pub(super) const BEGINS: &[&str] = &["eyJ", "eyA", "ewo", "ewk", "ew0"];

/// The token that begins with the word here: a header of JSON that names an algorithm, and the parts behind it.
pub fn token(text: &str, at: usize) -> Option<Range<usize>> {
    let begins = || BEGINS.iter().any(|begin| text[at..].starts_with(begin));
    if text.as_bytes()[at] != b'e' || !begins() {
        return None;
    }
    let header = run(text, at, is_url_base64);
    let decoded = decode(&text[header.clone()])?;
    let is_header = decoded.starts_with(b"{")
        && ["\"alg\"", "\"enc\""].iter().any(|name| contains(&decoded, name.as_bytes()));
    if !is_header {
        return None;
    }
    // A third part may be empty where nothing is signed; a dot behind the last one ends a sentence.
    let most = if contains(&decoded, b"\"enc\"") { 5 } else { 3 };
    let unsigned = contains(&decoded, b"\"none\"");
    let mut end = header.end;
    let mut parts = 1;
    while parts < most && text.as_bytes().get(end) == Some(&b'.') {
        let part = run(text, end + 1, is_url_base64);
        let may_be_empty = most == 5 && parts == 1 || unsigned && parts == 2;
        if part.is_empty() && !may_be_empty {
            break;
        }
        end = part.end;
        parts += 1;
    }
    // Two parts are a token whose signature has been cut off: what it says is still there.
    (parts >= 2 && end - header.end > 4).then_some(at..end)
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

/// Base64 for URLs without padding.
fn decode(text: &str) -> Option<Vec<u8>> {
    if text.len() > LONGEST_HEADER {
        return None;
    }
    let mut out = Vec::with_capacity(text.len() * 3 / 4);
    let (mut word, mut bits) = (0u32, 0);
    for byte in text.bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'-' => 62,
            b'_' => 63,
            _ => return None,
        };
        word = (word << 6) | u32::from(value);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            out.push((word >> bits) as u8);
            word &= (1 << bits) - 1;
        }
    }
    Some(out)
}
