//! Words that names in tables of accounts are made of, for taking apart what is written without separators.

use std::collections::HashSet;
use std::sync::LazyLock;

/// Words of names that hold secrets, and words that stand beside them.
#[rustfmt::skip]
const WORDS: &[&str] = &[
    // Credentials.
    "password", "passwd", "passphrase", "passcode", "pass", "pwd", "pin", "psk", "secret", "token", "jwt",
    "jwk", "bearer", "macaroon",
    "otp", "totp", "hotp", "otpauth", "salt", "seed", "nonce", "hash", "digest", "hmac", "signature",
    "credential", "creds", "passkey",
    "webauthn", "fido", "pkce", "cookie", "session", "csrf", "xsrf", "mnemonic", "pem", "keytab", "keystore",
    "keypair", "verifier",
    "assertion", "cipher", "ciphertext", "cleartext", "plaintext", "encrypted", "encryption", "decryption",
    "wrapped", "sealed", "hashed", "salted",
    "key", "code", "cert", "certificate", "license", "licence", "ticket", "bcrypt", "scrypt", "argon", "pbkdf",
    "dsn",
    // Beside them.
    "api", "app", "auth", "authn", "authz", "authentication", "authenticator", "authorization", "authorisation",
    "access", "account", "action", "activation", "admin",
    "application", "approval", "backup", "bind", "bot", "broker", "callback", "challenge", "change", "check",
    "client", "config",
    "configuration", "confirm", "confirmation", "connect", "connection", "connector", "consumer", "csc",
    "current", "custom", "data", "database", "default", "delete", "deploy", "device", "dev",
    "db", "email", "entry", "exchange", "external", "factor", "feed", "file", "forgot", "ftp", "grant", "guest",
    "header", "host", "hook", "id", "identity", "imap",
    "index", "internal", "invitation", "invite", "issue", "join", "last", "ldap", "link", "list", "local",
    "lock", "login", "logon", "logout", "lookup", "magic", "mail",
    "master", "member", "mfa", "mobile", "name", "new", "next", "node", "oauth", "oidc", "old", "one", "openid",
    "opt", "org", "otc", "owner", "page", "parent",
    "phone", "plugin", "portal", "previous", "prev", "private", "priv", "profile", "project", "protected",
    "provider", "proxy", "public", "push", "query", "radius", "recover", "recovery",
    "redirect", "refresh", "register", "registration", "relay", "remember", "remote", "replay", "request",
    "reset", "response", "role", "root", "route", "rsa", "saml", "scim", "scope", "scratch", "security",
    "sent", "server", "service", "setting", "share", "shared", "sign", "signed", "signing", "signup", "signin",
    "single", "site", "smtp", "sms", "sns", "social", "source", "ssh", "ssl", "sso",
    "state", "static", "status", "store", "stream", "string", "subject", "support", "symmetric", "sync",
    "system", "table", "target", "team", "tenant", "temp", "temporary", "time", "tls",
    "two", "type", "unlock", "update", "upload", "uri", "url", "usage", "use", "user", "uid", "uuid", "value",
    "verification", "verify", "web", "webhook", "wifi", "workspace", "xml",
    "box", "bucket", "buyer", "cloud", "customer", "employee", "gateway", "git", "merchant", "my", "partner",
    "payment", "pool", "staff", "student", "vendor", "vpn", "wallet", "worker",
    "info", "personal", "incoming", "outgoing", "organization", "organisation", "lost", "basic", "hmac", "crypto",
    "usertoken", "wrapping", "signed", "public", "hashes", "history", "cred",
    "at", "by", "created", "updated", "expires", "expiry", "count", "date", "number", "enabled", "used", "ip",
    "iv", "tag", "kdf",
    "attribute", "property", "option", "meta", "parameter", "variable", "field", "field", "content", "payload",
    "body", "lifespan", "timeout", "policy", "algorithm", "method",
];

/// Words that would come apart into those above, and mean something else.
#[rustfmt::skip]
const WHOLE: &[&str] = &[
    "hashtag", "keyword", "keyboard", "keynote", "passport", "postcode", "postalcode", "zipcode", "barcode",
    "qrcode", "codelist", "hashtags", "signal",
    "bypass", "hostname", "username", "filename", "nickname", "surname", "codename", "typename", "pinned",
    "assign", "design", "resign", "website", "webpage", "timestamp",
    "usermail", "template", "address", "sidebar", "keycloak", "signature", "onetime", "keyspace", "datacode",
    "unicode",
    "userkey", "sharekey",
];

/// [`WORDS`], to be asked for parts of words.
static KNOWN: LazyLock<HashSet<&'static str>> = LazyLock::new(|| WORDS.iter().copied().collect());

/// True if a word is one of a name and stays as it is.
pub(super) fn is_known(word: &str) -> bool {
    KNOWN.contains(word) || WHOLE.contains(&word)
}

/// Words that are segments only at the end of a compound: `smtppw`.
const TAILS: &[&str] = &["pw", "pwd", "pin", "pass", "salt", "iv", "ids", "id", "sid"];
/// Words that are segments only at its beginning: `pwhash`, `pinhash`.
const HEADS: &[&str] = &["pw", "pin", "nt", "lm", "id", "is", "rp", "sa", "fs"];
/// Words that are too short, or too common within others, to be segments anywhere.
const NEVER_INSIDE: &[&str] =
    &["pin", "pass", "iv", "at", "by", "id", "ip", "my", "use", "opt", "one", "two", "tag", "key"];

/// Segments of a word that is made of words without separators; None: it is not.
pub(super) fn segments(word: &str) -> Option<Vec<String>> {
    if !(4..=48).contains(&word.len()) || !word.is_ascii() || is_known(word) {
        return None;
    }
    // best[end]: the fewest segments that end there, and where the last of them begins.
    let mut best: Vec<Option<(usize, usize)>> = vec![None; word.len() + 1];
    best[0] = Some((0, 0));
    for end in 1..=word.len() {
        for start in (0..end).rev() {
            let Some((count, _)) = best[start] else { continue };
            if end - start > LONGEST {
                continue;
            }
            let part = &word[start..end];
            if is_segment(part, start == 0, end == word.len())
                && best[end].is_none_or(|(known, _)| count + 1 < known)
            {
                best[end] = Some((count + 1, start));
            }
        }
    }
    let mut parts = Vec::new();
    let mut end = word.len();
    while end > 0 {
        let (_, start) = best[end]?;
        parts.push(word[start..end].to_owned());
        end = start;
    }
    parts.reverse();
    (parts.len() > 1).then_some(parts)
}

/// Letters of the longest word above, in the plural.
const LONGEST: usize = 15;

fn is_segment(part: &str, first: bool, last: bool) -> bool {
    if (first && HEADS.contains(&part)) || (last && TAILS.contains(&part)) {
        return true;
    }
    let known = |word: &str| KNOWN.contains(word) && (first || last || !NEVER_INSIDE.contains(&word));
    known(part) || part.strip_suffix('s').is_some_and(|singular| singular.len() > 2 && known(singular))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compounds_come_apart() {
        for (word, wanted) in [
            ("hashedpassword", "hashed password"),
            ("clientsecret", "client secret"),
            ("smtppw", "smtp pw"),
            ("pwhash", "pw hash"),
            ("authtoken", "auth token"),
            ("emailconfirmation", "email confirmation"),
            ("totpdevice", "totp device"),
            ("mfasecret", "mfa secret"),
            ("dbpass", "db pass"),
            ("userpin", "user pin"),
            ("refreshtokens", "refresh tokens"),
            ("configkey", "config key"),
        ] {
            assert_eq!(segments(word).map(|parts| parts.join(" ")).as_deref(), Some(wanted), "{word}");
        }
    }

    #[test]
    fn other_words_stay_whole() {
        for word in
            "password compass passport shipping secretary hashtag monkey turkey keyboard opinion trespass encompass tokenised \
             author authority postcode barcode passenger hostname description spinning pinned coupon keyword bypass timestamp"
                .split_whitespace()
        {
            assert_eq!(segments(word), None, "{word}");
        }
    }
}
