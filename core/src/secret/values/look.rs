//! The first look at a text, for every value of an export: a few instructions for each sixteen bytes.
//!
//! Every form that [`super::find`] knows has one of these: a run of twenty characters as tokens, hashes and keys have them; `:/`, as a
//! URL has it; `=`, as a connection string has it; `T}`, as `{CRYPT}` has it.

use super::beginning::may_begin;

/// Characters of a run that may be a token, a hash or a part of a key.
pub const LONG: usize = 20;

/// Bytes that are looked at together, and one more.
const STEP: usize = 16;
const BLOCK: usize = STEP + 1;

/// Shorter texts are none of the forms.
pub const SHORTEST: usize = BLOCK;

/// True if a text has to be searched.
#[inline]
pub fn may_hold(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() >= BLOCK && (has_sign::<false>(bytes) || may_begin_in_run(bytes))
}

/// The same for a text of at least [`SHORTEST`] bytes that may have documents in it as well, which begin with a bracket, in one pass.
#[inline]
pub fn may_hold_or_embed(text: &str) -> bool {
    let bytes = text.as_bytes();
    has_sign::<true>(bytes) || may_begin_in_run(bytes)
}

/// The same for a text that is plain, as [`crate::value::Look`] has it: it has no sign.
#[inline]
pub fn may_hold_plain(text: &str) -> bool {
    text.len() >= LONG && may_begin_in_run(text.as_bytes())
}

#[inline]
fn may_begin_in_run(bytes: &[u8]) -> bool {
    has_run(bytes) && may_begin(bytes)
}

/// `:/`, `=`, and escapes of JSON that may stand for one of them.
#[inline]
fn has_sign<const BRACKETS: bool>(bytes: &[u8]) -> bool {
    // The last block overlaps the one before it.
    let Some(last) = bytes.last_chunk::<BLOCK>() else { return false };
    let mut at = 0;
    while at + BLOCK <= bytes.len() {
        if bytes[at..].first_chunk::<BLOCK>().is_some_and(any::<BLOCK, BRACKETS>) {
            return true;
        }
        at += STEP;
    }
    any::<BLOCK, BRACKETS>(last)
}

#[inline]
fn any<const N: usize, const BRACKETS: bool>(block: &[u8; N]) -> bool {
    let is_bracket = |byte: u8| BRACKETS & ((byte == b'{') | (byte == b'['));
    let mut found = (block[N - 1] == b'=') | is_bracket(block[N - 1]);
    for index in 0..N - 1 {
        found |= is_sign(block[index], block[index + 1]) | is_bracket(block[index]);
    }
    found
}

#[inline]
fn is_sign(one: u8, next: u8) -> bool {
    (one == b'=')
        | ((next == b'}') & ((one == b'T') | (one == b't')))
        | ((one == b':') & ((next == b'/') | (next == b'\\')))
        | ((one == b'\\') & (next == b'u'))
}

/// A run of that length covers every twentieth byte once: the bytes between are looked at only where one of those is of a run.
#[inline]
fn has_run(bytes: &[u8]) -> bool {
    let mut at = LONG - 1;
    while at < bytes.len() {
        if is_of_run(bytes[at]) {
            let before = bytes[at + 1 - LONG..at].iter().rev().take_while(|byte| is_of_run(**byte)).count();
            let after = bytes[at + 1..].iter().take(LONG).take_while(|byte| is_of_run(**byte)).count();
            if before + 1 + after >= LONG {
                return true;
            }
        }
        at += LONG;
    }
    false
}

#[inline]
fn is_of_run(byte: u8) -> bool {
    IS_OF_RUN[usize::from(byte)]
}

static IS_OF_RUN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        let letter = byte as u8;
        table[byte] =
            letter.is_ascii_alphanumeric() || matches!(letter, b'_' | b'-' | b'+' | b'/' | b'.' | b'$');
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::has_sign;
    use crate::value::Look;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_plain_text_has_no_sign(text in "([a-z é]|[:=T}t{\\[\\\\u/]|\\PC){17,60}") {
            prop_assert!(!Look::at(text.as_bytes()).plain || !has_sign::<true>(text.as_bytes()));
        }
    }
}
