//! Secrets that show by their value, whatever the column or the key is called: private keys, password hashes, signed tokens,
//! passwords in URLs and connection strings, keys of clouds and code forges.
//!
//! Only unmistakable forms are found. A name, a note, an e-mail address, an id, a checksum or a picture in base64
//! passes. A text is searched in two steps: [`may_hold`] is a cheap look that most texts do not pass; [`find`] knows the
//! forms, and runs on what is left.

mod beginning;
mod connection;
mod hash;
mod key;
mod look;
mod piece;
mod signed;
mod token;
mod url;

pub use look::{may_hold, may_hold_or_embed, may_hold_plain, LONG, SHORTEST};

use std::ops::Range;

/// The secrets in a text, in their order, as ranges of bytes that can be cut out.
pub fn find(text: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let secret = match bytes[at] {
            b'$' => hash::crypt(text, at),
            b'{' => hash::directory(text, at),
            b'*' => hash::mysql(text, at),
            b'-' => key::armoured(text, at),
            b'=' => connection::password(text, at),
            b':' if text[at..].starts_with("://") => {
                let (secrets, end) = url::secrets(text, at);
                found.extend(secrets);
                at = end;
                continue;
            }
            b':' => token::telegram(text, at),
            byte if piece::is_of_word(byte) => match word(text, at) {
                // Nothing begins in the rest of the word.
                None => {
                    at = piece::run(text, at, piece::is_of_word).end;
                    continue;
                }
                secret => secret,
            },
            _ => None,
        };
        match secret {
            Some(secret) => {
                at = secret.end.max(at + 1);
                found.push(secret);
            }
            None => at += 1,
        }
    }
    if !found.is_empty() {
        token::beside_key_ids(text, &mut found);
    }
    merged(found)
}

/// The text without its secrets, `marker` in the place of each; None: it has none.
pub fn redact(text: &str, marker: &str) -> Option<(String, usize)> {
    let found = find(text);
    if found.is_empty() {
        return None;
    }
    let mut out = String::with_capacity(text.len());
    let mut copied = 0;
    for secret in &found {
        out.push_str(&text[copied..secret.start]);
        out.push_str(marker);
        copied = secret.end;
    }
    out.push_str(&text[copied..]);
    Some((out, found.len()))
}

/// The forms that begin like a word, where one begins.
fn word(text: &str, at: usize) -> Option<Range<usize>> {
    if text.as_bytes()[at] == b'_' || !piece::begins(text.as_bytes(), at) {
        return None;
    }
    token::prefixed(text, at)
        .or_else(|| signed::token(text, at))
        .or_else(|| hash::named(text, at))
        .or_else(|| key::bare(text, at))
}

/// In their order, without overlaps.
fn merged(mut found: Vec<Range<usize>>) -> Vec<Range<usize>> {
    found.sort_by_key(|secret| secret.start);
    let mut merged: Vec<Range<usize>> = Vec::with_capacity(found.len());
    for secret in found {
        match merged.last_mut() {
            Some(last) if secret.start <= last.end => last.end = last.end.max(secret.end),
            _ => merged.push(secret),
        }
    }
    merged
}

#[cfg(test)]
mod tests;
