//! Values that are shown in part, or as something else that stands for them.

use crate::error::{Error, Kind, Result};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The mask of a value.
pub enum Mask {
    /// The last four characters, no more than half of all and none of four or less; the rest as `*`. Of a phone number or another
    /// text of digits the digits count.
    Last4,
    /// HMAC-SHA-256 with the tenant's key, the first 128 bits in hex: the same value gives the same pseudonym within a
    /// tenant, and none elsewhere.
    Pseudonym(Hmac<Sha256>),
}

impl Mask {
    /// Pseudonyms under a tenant's secret.
    pub fn pseudonyms(key: &[u8; 32]) -> Result<Mask> {
        let mac = Hmac::<Sha256>::new_from_slice(key)
            .map_err(|_| Error::new(Kind::Internal, "no key for pseudonyms"))?;
        Ok(Mask::Pseudonym(mac))
    }

    pub fn of(&self, text: &str) -> String {
        match self {
            Mask::Last4 => last4(text),
            Mask::Pseudonym(mac) => {
                let mut mac = mac.clone();
                mac.update(text.as_bytes());
                mac.finalize().into_bytes().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
            }
        }
    }
}

fn last4(text: &str) -> String {
    let by_digits = is_digits(text);
    let counts = |letter: &char| !by_digits || letter.is_numeric();
    let count = text.chars().filter(counts).count();
    let shown = if count > 4 { (count / 2).min(4) } else { 0 };
    let mut hidden = count - shown;
    let hide = |letter: char| {
        // Characters between hidden digits are hidden as well, so that only the length shows.
        let hides = hidden > 0 || shown == 0;
        hidden -= usize::from(hidden > 0 && counts(&letter));
        if hides {
            '*'
        } else {
            letter
        }
    };
    let masked: String = text.chars().map(hide).collect();
    // Blanks and brackets behind the last hidden digit belong to it.
    match masked.rfind('*') {
        Some(last) if by_digits && shown > 0 => {
            let (front, end) = masked.split_at(last + 1);
            let digits = end.trim_start_matches(|letter: char| !letter.is_numeric());
            let between = end.chars().count() - digits.chars().count();
            format!("{front}{}{digits}", "*".repeat(between))
        }
        _ => masked,
    }
}

/// A phone number, a card number: digits, and what people put between them. A date is none.
fn is_digits(text: &str) -> bool {
    let is_date = |bytes: &[u8]| bytes.get(4) == Some(&b'-') && bytes.get(7) == Some(&b'-');
    text.contains(|letter: char| letter.is_numeric())
        && text
            .chars()
            .all(|letter| letter.is_numeric() || letter.is_whitespace() || "+-/().".contains(letter))
        && !is_date(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_four() {
        for (text, wanted) in [
            ("+33612345678", "********5678"),
            ("+49 123 45 67", "********45 67"),
            ("(030) 123-456", "********3-456"),
            ("12 34 5", "****4 5"),
            ("12345 ()", "***45 ()"),
            ("anna.schmidt", "********midt"),
            ("abcdefg", "****efg"),
            ("12345", "***45"),
            ("1234", "****"),
            ("", ""),
        ] {
            assert_eq!(Mask::Last4.of(text), wanted);
        }
        assert_eq!(Mask::Last4.of("ééééé"), "***éé");
    }

    #[test]
    fn no_more_than_half_is_shown() {
        for length in 0..20 {
            for text in [
                "x".repeat(length),
                "7".repeat(length),
                "7 ".repeat(length),
                " 7-".repeat(length),
                "7x".repeat(length),
            ] {
                let masked = Mask::Last4.of(&text);
                let shown = |text: &str| text.chars().filter(|letter| letter.is_alphanumeric()).count();
                assert_eq!(masked.chars().count(), text.chars().count());
                assert!(shown(&masked) <= 4 && shown(&masked) * 2 <= shown(&text), "{text}: {masked}");
            }
        }
    }

    #[test]
    fn a_pseudonym_is_stable_and_tells_nothing() {
        let one = Mask::pseudonyms(&[7; 32]).unwrap();
        assert_eq!(one.of("anna"), one.of("anna"));
        assert_ne!(one.of("anna"), one.of("berta"));
        assert_ne!(one.of("anna"), Mask::pseudonyms(&[8; 32]).unwrap().of("anna"));
        assert!(one.of("anna").len() == 32 && !one.of("anna").contains("anna"));
    }
}
