//! Pieces of texts: runs of characters, and what they look like.

use std::ops::Range;

/// True if a word begins here: the byte before is of no word.
pub fn begins(bytes: &[u8], at: usize) -> bool {
    at == 0 || !(bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_')
}

/// The run from here on of bytes that are `wanted`.
pub fn run(text: &str, at: usize, wanted: impl Fn(u8) -> bool) -> Range<usize> {
    let bytes = text.as_bytes().get(at..).unwrap_or_default();
    let length = bytes.iter().position(|byte| !wanted(*byte)).unwrap_or(bytes.len());
    at..at + length
}

/// Of base64 for URLs.
pub fn is_url_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

/// Of base64.
pub fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')
}

/// True if a piece has a letter and a digit in it, as random ones of some length have.
pub fn is_mixed(piece: &str) -> bool {
    piece.bytes().any(|byte| byte.is_ascii_digit()) && piece.bytes().any(|byte| byte.is_ascii_alphabetic())
}

/// True if it has small letters, capitals and digits.
pub fn is_well_mixed(piece: &str) -> bool {
    is_mixed(piece)
        && piece.bytes().any(|byte| byte.is_ascii_lowercase())
        && piece.bytes().any(|byte| byte.is_ascii_uppercase())
}

pub fn is_hex(piece: &str) -> bool {
    piece.bytes().all(|byte| byte.is_ascii_hexdigit())
}
