//! Names that say by themselves that a value is a credential.

use super::name_words::{
    ABOUT, AUTHS, BEHIND_KEY, CODES, CONTENT, ENDS, KEYS, LINKS, PARTS, STRONG, THINGS, WHOLE,
};
use super::words::Words;

/// True if a name is one of a credential or a secret, whatever it stands beside.
pub(super) fn is_secret(name: &Words) -> bool {
    is_credential(name) && !is_about(name)
}

/// The same without regard to the end of the name: `password_policy`, `token_count` have to do with one.
pub(super) fn is_credential(name: &Words) -> bool {
    if is_public(name) {
        return false;
    }
    name.has_any(STRONG)
        || name.iter().any(|word| {
            PARTS.iter().any(|part| word.contains(part)) || ENDS.iter().any(|end| word.ends_with(end))
        })
        || WHOLE.contains(&name.joined().as_str())
        || is_pass(name)
        || is_encrypted(name)
        || is_key(name)
        || is_code(name)
        || is_hash(name)
        || is_session(name)
        || is_other(name)
}

/// The public half of a pair, and what may be shown of a certificate.
fn is_public(name: &Words) -> bool {
    const PUBLIC: &[&str] = &["public", "pub", "publickey", "pubkey", "publishable"];
    const NOT: &[&str] = &["private", "priv", "secret", "password", "token", "otp", "pin", "encrypted"];
    let is_certificate = name.last_is(&["certificate", "cert", "pem", "fingerprint"])
        && name.has_any(&["certificate", "cert", "ca", "public"]);
    (name.has_any(PUBLIC) || is_certificate) && !name.has_any(NOT)
}

/// The end of the name says that the value is about a credential.
fn is_about(name: &Words) -> bool {
    // Those that a person has set up, with their keys.
    if name.last() == "provider" && is_factor(name) {
        return false;
    }
    if name.last_is(&["url", "uri", "endpoint"]) {
        return !name.has_any(LINKS);
    }
    // `token_endpoint_auth_signing_alg`, `otp_policy_type`, `password_expiry_email_template`.
    // The id of a key, and of a credential of another table.
    if name.last() == "id"
        && (name.has_pair("key", "id") || name.has_pair("credential", "id") && name.len() > 2)
    {
        return true;
    }
    // Rows of another table, which are about credentials: `password_method_id`, `token_reference_id`.
    if name.len() > 2
        && name.last_is(&["id", "uuid"])
        && name.before(name.last()).is_some_and(|thing| THINGS.contains(&thing))
    {
        return true;
    }
    if name.len() > 1 && (name.last_is(ABOUT) || name.has_any(&["policy", "endpoint"])) {
        return true;
    }
    // `is_secret`, `has_token`; and tokens of other kinds: of a page, of a row's version.
    if name.len() > 1
        && ["is", "has", "must", "require", "requires", "allow", "can", "should"].contains(&name.first())
        || name.last() == "token" && name.has_any(&["concurrency", "page", "cursor", "continuation"])
    {
        return true;
    }
    // A user's name is not a secret's: `totp_username`, and `credential_device` is a kind.
    name.last_is(&["username", "aaguid", "hostname"])
}

/// `pass` and `pin` where they are the value: at the end, or before what is stored of it.
fn is_pass(name: &Words) -> bool {
    const STORED: &[&str] = &[
        "hash",
        "code",
        "word",
        "phrase",
        "salt",
        "key",
        "encrypted",
        "digest",
        "enc",
        "md",
        "sha",
        "crypt",
        "hint",
        "history",
        "wd",
        "cod",
    ];
    ["pass", "pin"].iter().any(|word| match name.after(word) {
        None => name.last() == *word,
        Some(next) => STORED.contains(&next),
    }) || (name.last() == "seed"
        || name.has_any(&["seed"]) && name.has_any(&["phrase", "word", "secret", "hash", "encrypted"]))
        || name.has_pair("de", "passe")
}

/// Values that are encrypted, and what they were encrypted with.
fn is_encrypted(name: &Words) -> bool {
    const MARKS: &[&str] =
        &["encrypted", "enc", "wrapped", "sealed", "encryptedkey", "crypted", "crypt", "decryption"];
    name.len() > 1 && name.has_any(MARKS)
        || name.has_pair("cipher", "text")
        || name.len() > 1 && name.last() == "iv"
}

fn is_key(name: &Words) -> bool {
    if !name.has("key") {
        return false;
    }
    if name.before("key") == Some("integration") {
        return false;
    }
    let is_one = name.last() == "key"
        || name.after("key").is_some_and(|next| BEHIND_KEY.contains(&next) || next == "encrypted");
    (is_one && name.iter().take_while(|word| *word != "key").any(|word| KEYS.contains(&word)))
        || name.has_pair("key", "handle")
        || name.has_pair("key", "material")
        || name.has_pair("key", "password")
}

fn is_code(name: &Words) -> bool {
    name.has("code")
        && (name.last() == "code"
            || name.after("code").is_some_and(|next| {
                matches!(
                    next,
                    "hash" | "hmac" | "digest" | "encrypted" | "salt" | "value" | "plain" | "signature"
                )
            }))
        && name.before("code").is_some_and(|word| CODES.contains(&word))
}

fn is_hash(name: &Words) -> bool {
    const HASHES: &[&str] = &["hash", "digest", "hmac"];
    if !name.has_any(HASHES) {
        return false;
    }
    // `digest_frequency`, `digest_email`: a mail of news.
    if name.first() == "digest" && name.len() > 1
        || name.has("digest") && name.len() > 1 && !digest_of_credential(name)
    {
        return false;
    }
    !name.is("digest") && !name.has_any(CONTENT)
}

fn digest_of_credential(name: &Words) -> bool {
    name.has_any(&[
        "remember",
        "activation",
        "reset",
        "code",
        "key",
        "pin",
        "recovery",
        "backup",
        "magic",
        "login",
        "confirmation",
        "answer",
        "link",
    ])
}

fn is_session(name: &Words) -> bool {
    // Recordings, lengths and times of sessions are none.
    const OTHER: &[&str] = &[
        "recording",
        "record",
        "replay",
        "duration",
        "length",
        "start",
        "end",
        "started",
        "ended",
        "place",
        "room",
        "speaker",
        "training",
        "chat",
        "topic",
        "index",
    ];
    name.has("session") && !name.has_any(OTHER)
        || matches!(name.joined().as_str(), "sess id" | "sess key" | "sess data")
}

/// Answers, links, stamps, headers, connection strings, recovery phrases.
fn is_other(name: &Words) -> bool {
    const PAIRS: &[(&str, &str)] = &[
        ("security", "answer"),
        ("secret", "answer"),
        ("recovery", "answer"),
        ("challenge", "answer"),
        ("security", "response"),
        ("recovery", "phrase"),
        ("backup", "phrase"),
        ("recovery", "word"),
        ("security", "stamp"),
        ("magic", "link"),
        ("login", "link"),
        ("reset", "link"),
        ("invite", "link"),
        ("invitation", "link"),
        ("activation", "link"),
        ("confirmation", "link"),
        ("invite", "url"),
        ("webhook", "url"),
        ("webhook", "uri"),
        ("incoming", "webhook"),
        ("slack", "webhook"),
        ("discord", "webhook"),
        ("team", "webhook"),
        ("saml", "assertion"),
        ("saml", "response"),
        ("proxy", "authorization"),
        ("connection", "string"),
        ("connection", "url"),
        ("connection", "uri"),
        ("database", "url"),
        ("database", "uri"),
        ("sqlalchemy", "uri"),
        ("u", "f"),
        ("access", "hash"),
        ("reset", "uuid"),
        ("reset", "id"),
        ("reset", "hash"),
        ("activation", "hash"),
        ("activation", "id"),
        ("activation", "uuid"),
        ("session", "blob"),
        ("secure", "identifier"),
        ("secure", "value"),
        ("signed", "url"),
        ("presigned", "url"),
        ("sensitive", "config"),
        ("sensitive", "data"),
        ("secure", "setting"),
        ("secure", "json"),
        ("pre", "shared"),
        ("recovery", "kit"),
        ("bearer", "auth"),
        ("basic", "auth"),
        ("sso", "ticket"),
        ("login", "ticket"),
        ("service", "ticket"),
        ("auth", "ticket"),
        ("access", "ticket"),
        ("authentication", "string"),
        ("oauth", "refresh"),
    ];
    PAIRS.iter().any(|(first, second)| name.has_pair(first, second))
        || is_response(name)
        || is_authorization(name)
        || is_address(name)
        || name.len() > 1 && name.last() == "private"
        || name.len() == 2
            && name.last() == "auth"
            && ["push", "webpush", "basic", "http", "proxy"].contains(&name.first())
        || name.has_any(&["kdf", "srp"]) && name.last_is(&["param", "parameter", "config", "setting", "data"])
        || is_factor(name)
        || is_passkey(name)
        || matches!(
            name.joined().as_str(),
            "service account" | "service account json" | "invite id" | "invitation id"
        )
        || name.after("auth").is_some_and(|next| AUTHS.contains(&next))
        || name.last() == "pem" && !name.has_any(&["ca", "cert", "certificate"])
        || name.is("remember")
        || name.last() == "remember"
}

/// Addresses that log in whoever opens them, and those with a password in them.
fn is_address(name: &Words) -> bool {
    #[rustfmt::skip]
    const FIRST: &[&str] = &[
        "magic", "sas", "otpauth", "provisioning", "redis", "amqp", "mongo", "mongodb", "postgre", "postgresql", "mysql", "smtp", "database", "db",
        "broker", "jdbc", "sqlalchemy", "connection", "onetime",
    ];
    name.last_is(&["url", "uri", "link"]) && (name.has_any(FIRST) || name.has_pair("one", "time"))
}

/// The secret of a second factor.
fn is_factor(name: &Words) -> bool {
    #[rustfmt::skip]
    const HELD: &[&str] = &[
        "verification", "setting", "config", "data", "account", "factor", "authenticator", "info", "state",
        "device", "backup", "recovery", "key", "value",
        "app", "provider",
    ];
    let is_second = name.has_any(&["mfa", "tfa"])
        || ["two", "second", "multi"]
            .iter()
            .any(|word| name.has_pair(word, "factor") || name.has_pair(word, "fa"))
        || name.first() == "fa";
    is_second && (name.last_is(HELD) || name.has_any(&["remember"])) || name.has_pair("recovery", "backup")
}

/// The registered keys of a person: documents and handles, not what is said of them.
fn is_passkey(name: &Words) -> bool {
    const HELD: &[&str] = &[
        "key",
        "data",
        "handle",
        "challenge",
        "config",
        "device",
        "registration",
        "blob",
        "authenticator",
        "session",
        "state",
    ];
    let is_one =
        |word: &str| name.last() == word || name.after(word).is_some_and(|next| HELD.contains(&next));
    ["webauthn", "fido", "passkey"].iter().any(|word| is_one(word))
        || name.has_pair("web", "authn") && name.last_is(HELD)
}

/// Answers of the other end of a login: a code, tokens, an assertion.
fn is_response(name: &Words) -> bool {
    const LOGINS: &[&str] = &["auth", "authentication", "token", "oauth", "oidc", "login", "sso"];
    name.last() == "response" && name.before("response").is_some_and(|word| LOGINS.contains(&word))
        || name.joined() == "code response"
}

/// `authorization` anywhere: the header, the code. Ids and kinds of authorizations are none.
fn is_authorization(name: &Words) -> bool {
    name.has_any(&["authorization", "authorisation"])
        && !name.last_is(&["id", "uuid", "server", "model", "status", "expression", "by", "time"])
}
