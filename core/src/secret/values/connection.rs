//! Passwords in connection strings: of libpq (`host=… password=…`), ADO.NET and ODBC (`Server=…;Password=…`), Azure
//! (`AccountName=…;AccountKey=…`), and keys in lines of configuration.

use super::piece::{is_base64, is_well_mixed, run};
use std::ops::Range;

/// Keys whose value is the password.
const SECRET: &[&str] = &[
    "password",
    "passwd",
    "pwd",
    "sslpassword",
    "passphrase",
    "accountkey",
    "sharedaccesskey",
    "sharedaccesssignature",
    "sharedsecret",
    "accesskey",
    "secretkey",
    "clientsecret",
];

/// Keys that make a text a connection string.
const BESIDE: &[&str] = &[
    "host",
    "hostaddr",
    "dbname",
    "user",
    "username",
    "server",
    "datasource",
    "database",
    "initialcatalog",
    "uid",
    "userid",
    "port",
    "dsn",
    "driver",
    "endpoint",
    "accountname",
    "defaultendpointsprotocol",
    "sharedaccesskeyname",
    "addr",
    "address",
];

/// Keys whose value of forty characters of base64 is a secret wherever they stand.
const CLOUD: &[&str] =
    &["awssecretaccesskey", "awssecretkey", "secretaccesskey", "accountkey", "sharedaccesskey"];

/// The value behind the `=` here, if it is a password.
pub fn password(text: &str, at: usize) -> Option<Range<usize>> {
    let key = key_before(text, at);
    if key.is_empty() {
        return None;
    }
    let value = value(text, at + 1);
    let shown = &text[value.clone()];
    if shown.is_empty()
        || shown.bytes().all(|byte| byte == b'*')
        || shown.starts_with(['<', '$', '%'])
        || shown == "[redacted]"
    {
        return None;
    }
    if CLOUD.contains(&key.as_str())
        && shown.len() >= 40
        && shown.bytes().all(is_base64)
        && is_well_mixed(shown)
    {
        return Some(value);
    }
    (SECRET.contains(&key.as_str()) && is_beside_others(text)).then_some(value)
}

/// The key before a `=`, in small letters without blanks and underscores.
fn key_before(text: &str, at: usize) -> String {
    let before = text[..at].trim_end_matches(' ');
    let start = before
        .rfind(|letter: char| !(letter.is_ascii_alphanumeric() || matches!(letter, '_' | ' ')))
        .map_or(0, |place| place + before[place..].chars().next().map_or(1, char::len_utf8));
    let key = &before[start..];
    let plain = |key: &str| {
        key.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect()
    };
    // `Data Source`, `User Id`; of libpq the value before it ends with a blank.
    let last: String = plain(key.rsplit(' ').next().unwrap_or_default());
    let whole: String = plain(key);
    if SECRET.contains(&last.as_str()) || CLOUD.contains(&last.as_str()) {
        last
    } else {
        whole
    }
}

/// A quoted value without its quotes, or all up to a blank or a separator.
fn value(text: &str, at: usize) -> Range<usize> {
    let start = at + text[at..].len() - text[at..].trim_start_matches(' ').len();
    let bytes = text.as_bytes();
    match bytes.get(start) {
        Some(quote @ (b'\'' | b'"')) => {
            let mut end = start + 1;
            while let Some(byte) = bytes.get(end) {
                match byte {
                    b'\\' => end += 1,
                    byte if byte == quote => break,
                    _ => {}
                }
                end += 1;
            }
            start + 1..end.min(bytes.len())
        }
        _ => run(text, start, |byte| {
            !byte.is_ascii_whitespace() && !matches!(byte, b';' | b'"' | b'\'' | b'&' | b',')
        }),
    }
}

/// True if another key of a connection string is in the text.
fn is_beside_others(text: &str) -> bool {
    text.match_indices('=').any(|(at, _)| {
        let before = text[..at].trim_end_matches(' ');
        let start =
            before.rfind([';', ',', '\n', '"', '\'', '?', '&', '{', '(']).map_or(0, |place| place + 1);
        let key: String = before[start..]
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .map(|letter| letter.to_ascii_lowercase())
            .collect();
        let last: String = before[start..]
            .rsplit(' ')
            .next()
            .unwrap_or_default()
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .map(|letter| letter.to_ascii_lowercase())
            .collect();
        BESIDE.contains(&key.as_str()) || BESIDE.contains(&last.as_str())
    })
}
