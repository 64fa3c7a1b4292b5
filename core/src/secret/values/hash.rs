//! Password hashes as systems store them: crypt(3) and its modular format, PHC strings, LDAP, web frameworks, databases.

use super::piece::{is_hex, run};
use std::ops::Range;

/// Names between the first two `$`.
const CRYPT: &[&str] = &[
    "1",
    "2",
    "2a",
    "2b",
    "2x",
    "2y",
    "3",
    "5",
    "6",
    "7",
    "8",
    "9",
    "14",
    "y",
    "gy",
    "P",
    "H",
    "S",
    "apr1",
    "sha1",
    "md5",
    "sm3",
    "argon2i",
    "argon2d",
    "argon2id",
    "scrypt",
    "bcrypt",
    "bcrypt-sha256",
    "pbkdf2",
    "pbkdf2-sha1",
    "pbkdf2-sha256",
    "pbkdf2-sha512",
    "pbkdf2_sha256",
    "pbkdf2_sha512",
    "ml",
    "balloon",
];

/// Names before the first `$` or `:` (Django, Werkzeug), and of SCRAM as PostgreSQL and others store it.
pub(super) const NAMED: &[&str] = &[
    "pbkdf2_sha256",
    "pbkdf2_sha1",
    "pbkdf2_sha512",
    "pbkdf2",
    "argon2",
    "argon2id",
    "bcrypt",
    "bcrypt_sha256",
    "scrypt",
    "sha1",
    "md5",
    "unsalted_sha1",
    "unsalted_md5",
    "sha256",
    "sha512",
    "SCRAM-SHA-1",
    "SCRAM-SHA-256",
    "SCRAM-SHA-512",
];

/// Characters of the shortest last part: an MD5 of 128 bits in the base64 of crypt has 22.
const SHORTEST: usize = 20;

/// `$2b$12$…`, `$argon2id$v=19$…`, `$6$…`: what begins with the `$` here.
pub fn crypt(text: &str, at: usize) -> Option<Range<usize>> {
    let name = run(text, at + 1, |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    // Of portable PHP hashes the name is followed by one piece, as of all others by several.
    let is_known = CRYPT.contains(&&text[name.clone()]);
    (is_known && matches!(text.as_bytes().get(name.end), Some(b'$' | b','))).then_some(())?;
    hashed(text, at, name.end)
}

/// `pbkdf2_sha256$600000$…`, `scrypt:32768:8:1$…`, `SCRAM-SHA-256$4096:…`, `md5…`: what begins with the word here.
pub fn named(text: &str, at: usize) -> Option<Range<usize>> {
    let rest = &text[at..];
    if !rest.starts_with(['p', 'a', 'b', 's', 'm', 'u', 'S']) {
        return None;
    }
    if rest.starts_with("md5") {
        // As PostgreSQL keeps it.
        let digits = run(text, at + 3, |byte| byte.is_ascii_alphanumeric());
        if digits.len() == 32 && is_hex(&text[digits.clone()]) {
            return Some(at..digits.end);
        }
    }
    let name = run(text, at, |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    if !matches!(text.as_bytes().get(name.end), Some(b'$' | b':')) || !NAMED.contains(&&text[name.clone()]) {
        return None;
    }
    // Of Werkzeug: parameters behind colons.
    let parameters = run(text, name.end, |byte| byte.is_ascii_alphanumeric() || byte == b':');
    (text.as_bytes().get(parameters.end) == Some(&b'$')).then_some(())?;
    hashed(text, at, parameters.end)
}

/// All of the parts up to the last, which is long.
fn hashed(text: &str, start: usize, dollar: usize) -> Option<Range<usize>> {
    let parts = run(text, dollar, |byte| {
        byte.is_ascii_alphanumeric()
            || matches!(byte, b'$' | b'.' | b'/' | b'+' | b'=' | b',' | b':' | b'_' | b'-')
    });
    let parts = dollar..dollar + text[parts].trim_end_matches(['.', ',', ':', '-']).len();
    let (_, last) = text[parts.clone()].rsplit_once('$')?;
    // A last part of SCRAM is two keys with a colon between.
    let longest = last.split([':', ',']).map(str::len).max().unwrap_or(0);
    let is_number = last.bytes().all(|byte| byte.is_ascii_digit());
    (longest >= SHORTEST && !is_number).then_some(start..parts.end)
}

/// Schemes of LDAP and of Spring Security, in braces before the hash.
const SCHEMES: &[&str] =
    &["ssha", "sha", "smd5", "md5", "crypt", "pbkdf2", "argon2", "bcrypt", "scrypt", "x-"];

/// `{SSHA}…`, `{bcrypt}$2a$…`.
pub fn directory(text: &str, at: usize) -> Option<Range<usize>> {
    let name = run(text, at + 1, |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'@'));
    if name.len() > 24 || text.as_bytes().get(name.end) != Some(&b'}') {
        return None;
    }
    let scheme = text[name.clone()].to_ascii_lowercase();
    let known = SCHEMES.iter().find(|known| scheme.starts_with(**known))?;
    let hash = run(text, name.end + 1, |byte| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'.' | b'$' | b',' | b'-' | b'_')
    });
    let hash = hash.start..hash.start + text[hash].trim_end_matches(['.', ',', '-']).len();
    // crypt(3) with DES has 13 characters.
    let least = if *known == "crypt" { 13 } else { SHORTEST };
    (hash.len() >= least
        && text[hash.clone()].bytes().any(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase()))
    .then_some(at..hash.end)
}

/// `*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19`: `mysql_native_password`.
pub fn mysql(text: &str, at: usize) -> Option<Range<usize>> {
    let digits = run(text, at + 1, |byte| byte.is_ascii_alphanumeric());
    let is_hash = digits.len() == 40
        && text[digits.clone()].bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'A'..=b'F'));
    is_hash.then_some(at..digits.end)
}
