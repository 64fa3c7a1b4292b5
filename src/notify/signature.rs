//! Signatures of Standard Webhooks (standardwebhooks.com, "Symmetric signatures"): who has the secret knows by them that a
//! request is ours, is of now and is unchanged.

use crate::error::{Error, Kind, Result};
use base64::prelude::{Engine, BASE64_STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The prefix of a secret whose rest is base64.
const PREFIX: &str = "whsec_";

/// The value of header `webhook-signature`. 28000 for a secret that says it is base64 and is not.
pub fn sign(secret: &str, id: &str, timestamp: u64, body: &[u8]) -> Result<String> {
    let unusable = || {
        Error::new(Kind::InvalidAuthorization, "invalid secret of the webhook")
            .hint("The text after whsec_ must be base64.")
    };
    let key = match secret.strip_prefix(PREFIX) {
        Some(encoded) => BASE64_STANDARD.decode(encoded).map_err(|_| unusable())?,
        None => secret.as_bytes().to_vec(),
    };
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).map_err(|_| unusable())?;
    mac.update(format!("{id}.{timestamp}.").as_bytes());
    mac.update(body);
    Ok(format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_the_standard_libraries_do() {
        // The vector of the reference implementations' tests.
        let signature = sign(
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            br#"{"test": 2432232314}"#,
        );
        assert_eq!(signature.unwrap(), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn other_secrets_are_taken_as_they_are() {
        let plain = sign("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "a", 1, b"x").unwrap();
        assert_ne!(plain, sign("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "a", 1, b"x").unwrap());
        let error = sign("whsec_no base64!", "a", 1, b"x").unwrap_err();
        assert_eq!(error.sqlstate(), "28000");
        assert!(!format!("{error:?}").contains("no base64!"));
    }
}
