//! The second look at a text, where the first one has found a long run: true if a form may begin in it.
//!
//! An id, a file's name or a domain of twenty characters is such a run, and none of the forms: they begin with a word of a known
//! prefix, or with a sign.

use super::piece::is_of_word;
use super::{hash, key, signed, token};

/// True if [`super::find`] may find something: a few instructions for each byte.
pub fn may_begin(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    while let [byte, behind @ ..] = rest {
        rest = behind;
        let begins = match CLASSES[usize::from(*byte)] {
            Class::Other => false,
            Class::Sign => true,
            Class::Dash => behind.first() == Some(&b'-'),
            Class::Word => {
                let length = behind.iter().take_while(|byte| is_of_word(**byte)).count();
                rest = &behind[length..];
                behind.first().is_some_and(|next| follows(*byte, *next))
            }
        };
        if begins {
            return true;
        }
    }
    false
}

#[derive(Clone, Copy, PartialEq)]
enum Class {
    Other,
    /// Forms begin here, or an escape hides where.
    Sign,
    /// Several begin the armour of a key.
    Dash,
    Word,
}

/// By the first byte of a prefix, the bytes that may be its second, as bits.
const PAIRS: [u128; 128] = {
    let mut pairs = token::second_bytes();
    let lists = [hash::NAMED, key::BEGINS, signed::BEGINS, &[key::PUTTY, key::RSA]];
    let mut list = 0;
    while list < lists.len() {
        let mut index = 0;
        while index < lists[list].len() {
            let prefix = lists[list][index].as_bytes();
            pairs[prefix[0] as usize] |= 1 << prefix[1];
            index += 1;
        }
        list += 1;
    }
    pairs
};

static CLASSES: [Class; 256] = {
    let mut classes = [Class::Other; 256];
    let mut byte = 0;
    while byte < 128 {
        if byte == b'_' || byte.is_ascii_alphanumeric() {
            classes[byte as usize] = Class::Word;
        }
        byte += 1;
    }
    classes[b'-' as usize] = Class::Dash;
    let signs = b"$*{=:\\";
    let mut index = 0;
    while index < signs.len() {
        classes[signs[index] as usize] = Class::Sign;
        index += 1;
    }
    classes
};

#[inline]
fn follows(byte: u8, next: u8) -> bool {
    next < 128 && PAIRS[usize::from(byte & 127)] >> next & 1 == 1
}

#[cfg(test)]
mod tests {
    use super::may_begin;
    use crate::secret::values::find;
    use proptest::prelude::*;

    #[test]
    fn ids_names_of_files_and_domains_are_none() {
        for text in [
            "usr_9F3C0A7B12D4E56F8890ABCDEF",
            "4f7a1b2c-0000-4000-8000-000000000000",
            "quarterly-report-of-the-board.pdf",
            "mail.department.college.example",
            "Donaudampfschifffahrtsgesellschaft",
        ] {
            assert!(!may_begin(text.as_bytes()), "{text}");
        }
    }

    proptest! {
        #[test]
        fn nothing_is_found_where_nothing_begins(
            text in "[a-zA-Z0-9_.+/$-]{0,4}([ @é-]|ghp_|sk-|eyJ|MII|PuTTY-|md5|\\*|-----BEGIN PRIVATE KEY-----|[a-zA-Z0-9]{32,48}){1,6}",
        ) {
            prop_assert!(find(&text).is_empty() || may_begin(text.as_bytes()), "{}", text);
        }
    }
}
