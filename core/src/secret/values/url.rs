//! Secrets in URLs: a password before the host (RFC 3986, section 3.2.1), parameters that sign or log in, webhooks whose path is the
//! credential.

use super::piece::run;
use std::ops::Range;

/// Parameters whose value is a secret.
const SECRET: &[&str] = &[
    "password",
    "passwd",
    "pwd",
    "sslpassword",
    "access_token",
    "refresh_token",
    "id_token",
    "auth_token",
    "private_token",
    "client_secret",
    "api_key",
    "apikey",
    "x-amz-signature",
    "x-amz-security-token",
    "x-amz-credential",
    "x-goog-signature",
    "x-goog-credential",
];

/// Those whose value is one if it is long.
const IF_LONG: &[&str] = &["token", "sig", "signature", "secret", "jwt", "auth"];

/// Hosts and paths of webhooks: what follows is the credential.
const WEBHOOKS: &[&str] = &[
    "hooks.slack.com/services/",
    "hooks.slack.com/workflows/",
    "hooks.slack.com/triggers/",
    "discord.com/api/webhooks/",
    "discordapp.com/api/webhooks/",
    ".webhook.office.com/webhookb2/",
    "outlook.office.com/webhook/",
    "hooks.zapier.com/hooks/catch/",
    "hooks.chime.aws/incomingwebhooks/",
];

/// Secrets of the URL whose `://` is here, and where the search goes on.
pub fn secrets(text: &str, at: usize) -> (Vec<Range<usize>>, usize) {
    let rest = at + 3;
    let url =
        run(text, rest, |byte| byte > b' ' && !matches!(byte, b'"' | b'<' | b'>' | b'`' | b'\\' | 0x7f));
    let scheme = scheme_before(text, at);
    let mut found = Vec::new();
    if scheme.is_empty() || url.is_empty() {
        return (found, rest);
    }
    let mut go_on = rest;
    if let Some((password, end)) = password(text, &url) {
        found.extend(password);
        go_on = end;
    }
    // All of them have the word in their host or path.
    let has_hook = text.as_bytes()[url.clone()].windows(4).any(|piece| piece == b"hook");
    for hook in WEBHOOKS.iter().filter(|_| has_hook) {
        if let Some(place) = text[url.clone()].find(hook) {
            let path = url.start + place + hook.len();
            let end = run(text, path, |byte| {
                byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'_' | b'@' | b'%')
            })
            .end;
            if end - path >= 16 {
                found.push(path..end.min(url.end));
                return (found, end.max(go_on));
            }
        }
    }
    found.extend(parameters(text, &url, scheme));
    (found, go_on)
}

fn scheme_before(text: &str, at: usize) -> &str {
    let bytes = text.as_bytes();
    let mut start = at;
    while start > 0
        && (bytes[start - 1].is_ascii_alphanumeric() || matches!(bytes[start - 1], b'+' | b'-' | b'.'))
    {
        start -= 1;
    }
    text[start..at].trim_start_matches(|letter: char| !letter.is_ascii_alphabetic())
}

/// The password of `user:password@host`, and where the host begins; the user alone may be a token, which is found as one.
fn password(text: &str, url: &Range<usize>) -> Option<(Option<Range<usize>>, usize)> {
    let all = &text[url.clone()];
    let authority = &all[..all.find(['/', '?', '#']).unwrap_or(all.len())];
    let sign = match authority.rfind('@') {
        Some(sign) => sign,
        // A password with a slash that nobody has encoded: what follows the colon is no port.
        None => {
            let (_, port) = authority.split_once(':')?;
            let is_port = port.bytes().all(|byte| byte.is_ascii_digit());
            if is_port || authority.starts_with('[') {
                return None;
            }
            all.find('@')?
        }
    };
    let colon = all[..sign].find(':')?;
    let password = &all[colon + 1..sign];
    let is_placeholder = password.is_empty()
        || password.bytes().all(|byte| byte == b'*')
        || ["${", "{{", "{", "<", "%s", "$(", "[redacted"].iter().any(|begin| password.starts_with(begin));
    let range = url.start + colon + 1..url.start + sign;
    Some(((!is_placeholder).then_some(range), url.start + sign + 1))
}

/// Values of parameters in the query and the fragment.
fn parameters(text: &str, url: &Range<usize>, scheme: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let all = &text[url.clone()];
    let Some(query) = all.find(['?', '#', ';']) else { return found };
    let mut at = url.start + query + 1;
    while at < url.end {
        let end = at + text[at..url.end].find(['&', '#', ';', '?']).unwrap_or(url.end - at);
        if let Some((name, value)) = text[at..end].split_once('=') {
            let value = value.trim_end_matches([')', ',', '.', '\'', ']', '}']);
            let start = at + name.len() + 1;
            let name = name.trim_start_matches("amp;").to_ascii_lowercase();
            let is_secret = !value.is_empty() && SECRET.contains(&name.as_str())
                || (value.len() >= 16 || scheme.eq_ignore_ascii_case("otpauth"))
                    && IF_LONG.contains(&name.as_str());
            let is_shown = value.bytes().all(|byte| byte == b'*') || value.starts_with(['<', '{', '$', '[']);
            if is_secret && !is_shown {
                found.push(start..start + value.len());
            }
        }
        at = end + 1;
    }
    found
}
