//! Values that are shown in part, or as something else that stands for them.

use crate::error::{Error, Kind, Result};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// How a value is disguised.
pub enum Disguise {
    /// The last four characters, as far as they are not the whole; the rest as `*`.
    Last4,
    /// HMAC-SHA-256 with the tenant's key, the first 128 bits in hex: the same value gives the same pseudonym within a
    /// tenant, and none elsewhere.
    Pseudonym(Hmac<Sha256>),
}

impl Disguise {
    /// Pseudonyms under a tenant's secret.
    pub fn pseudonyms(key: &[u8; 32]) -> Result<Disguise> {
        let mac = Hmac::<Sha256>::new_from_slice(key)
            .map_err(|_| Error::new(Kind::Internal, "no key for pseudonyms"))?;
        Ok(Disguise::Pseudonym(mac))
    }

    pub fn of(&self, text: &str) -> String {
        match self {
            Disguise::Last4 => {
                let count = text.chars().count();
                let hidden = if count > 4 { count - 4 } else { count };
                let letters = text.chars().enumerate();
                letters.map(|(place, letter)| if place < hidden { '*' } else { letter }).collect()
            }
            Disguise::Pseudonym(mac) => {
                let mut mac = mac.clone();
                mac.update(text.as_bytes());
                mac.finalize().into_bytes().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_four() {
        for (text, wanted) in
            [("+33612345678", "********5678"), ("12345", "*2345"), ("1234", "****"), ("", "")]
        {
            assert_eq!(Disguise::Last4.of(text), wanted);
        }
        assert_eq!(Disguise::Last4.of("ééééé"), "*éééé");
    }

    #[test]
    fn a_pseudonym_is_stable_and_tells_nothing() {
        let one = Disguise::pseudonyms(&[7; 32]).unwrap();
        assert_eq!(one.of("anna"), one.of("anna"));
        assert_ne!(one.of("anna"), one.of("berta"));
        assert_ne!(one.of("anna"), Disguise::pseudonyms(&[8; 32]).unwrap().of("anna"));
        assert!(one.of("anna").len() == 32 && !one.of("anna").contains("anna"));
    }
}
