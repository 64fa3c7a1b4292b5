//! Private keys: armoured as in PEM, OpenSSH, PGP and PuTTY, and the bare base64 of them.

use super::piece::{is_base64, run};
use std::ops::Range;

/// `-----BEGIN … PRIVATE KEY-----` to its end, whatever stands for its line breaks; cut off, to the end of the text.
pub fn armoured(text: &str, at: usize) -> Option<Range<usize>> {
    let dashes = run(text, at, |byte| byte == b'-');
    if dashes.len() < 4 {
        return None;
    }
    let rest = text[dashes.end..].trim_start_matches(' ').strip_prefix("BEGIN ")?;
    // SSH2 has four dashes and a blank.
    let label = &rest[..rest.find('-')?];
    if !label.contains("PRIVATE KEY") || label.len() > 64 {
        return None;
    }
    let body = text.len() - rest.len() + label.len();
    let end = text[body..].find("END ").and_then(|end| {
        let end = body + end + 4;
        let closing = end + text[end..].find('-')?;
        Some(run(text, closing, |byte| byte == b'-').end)
    });
    Some(at..end.unwrap_or(text.len()))
}

/// The beginnings of private keys in base64: the first bytes hold the type.
pub(super) const BEGINS: &[&str] = &[
    // PKCS #8 of X25519, Ed25519 and Ed448; of elliptic curves; SEC1.
    "MC4CAQAwBQYDK2V",
    "MEcCAQAwBQYDK2V",
    "MFECAQEwBQYDK2V",
    "MIGHAgEAMBMGByqGSM49",
    "MIGTAgEAMBMGByqGSM49",
    "MIG2AgEAMBAGByqGSM49",
    "MIHuAgEAMBAGByqGSM49",
    "MHcCAQEEI",
    "MIGkAgEBBD",
    "MIHcAgEBBE",
    // OpenSSH.
    "b3BlbnNzaC1rZXktdjE",
];

/// The beginning of a key of PuTTY.
pub(super) const PUTTY: &str = "PuTTY-User-Key-File-";

/// The beginning of a key of RSA in base64: a sequence, its length in two bytes.
pub(super) const RSA: &str = "MII";

/// Base64 of a private key without its armour, and a key of PuTTY.
pub fn bare(text: &str, at: usize) -> Option<Range<usize>> {
    let rest = &text[at..];
    if rest.starts_with(PUTTY) && rest.contains("Private-Lines:") {
        return Some(at..text.len());
    }
    if !rest.starts_with(['M', 'b']) {
        return None;
    }
    let body = run(text, at, is_base64);
    let key = &text[body.clone()];
    let is_private = BEGINS.iter().any(|begin| key.starts_with(begin)) && key.len() >= 60 || is_rsa(key);
    is_private.then(|| at..lines(text, body.end))
}

/// The end of the lines of base64 that follow, however they are broken.
fn lines(text: &str, end: usize) -> usize {
    let mut end = end;
    loop {
        let rest = &text[end..];
        let Some(line) = ["\r\n", "\n", "\\r\\n", "\\n"].iter().find_map(|breaks| rest.strip_prefix(breaks))
        else {
            return end;
        };
        let next = run(text, text.len() - line.len(), is_base64);
        // A word is none.
        if next.len() < 16 && !text[next.clone()].ends_with('=') {
            return end;
        }
        end = next.end;
    }
}

/// PKCS #1 (version, modulus) and PKCS #8 (version, algorithm, octets): a public key has no version.
fn is_rsa(key: &str) -> bool {
    let start = key.get(..60).unwrap_or_default();
    start.starts_with(RSA)
        && (start[..16].contains("IBAAKC")
            || start[..16].contains("IBAAKB")
            || start.contains("IBADANBgkqhkiG9w0BAQEFAASC"))
}
