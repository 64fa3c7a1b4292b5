//! Pieces of texts: runs of characters, and what they look like.

use std::ops::Range;

/// True if a word begins here: the byte before is of no word.
pub fn begins(bytes: &[u8], at: usize) -> bool {
    at == 0 || !is_of_word(bytes[at - 1])
}

/// True for letters, digits and `_`.
#[inline]
pub fn is_of_word(byte: u8) -> bool {
    IS_OF_WORD[usize::from(byte)]
}

static IS_OF_WORD: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = (byte as u8).is_ascii_alphanumeric() || byte as u8 == b'_';
        byte += 1;
    }
    table
};

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
