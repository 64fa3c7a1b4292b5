//! Names in words, and the words that names of secrets are made of.

/// Words that make a name secret wherever they stand.
#[rustfmt::skip]
pub(super) const WORDS: &[&str] = &[
    "password", "pass", "passwords", "passwd", "passphrase", "passcode", "passcodes", "pwd", "pw", "pin", "pincode", "psk",
    "hash", "hashes", "hashed", "salt", "secret", "secrets", "token", "tokens", "jwt", "bearer", "macaroon", "macaroons",
    "otp", "totp", "hotp", "otpauth", "seed", "apikey", "privatekey", "secretkey", "pushkey", "keystore", "keytab",
    "credential", "credentials", "webauthn", "fido", "passkey", "passkeys", "pkce", "cvv", "cvc",
    "session", "sessions", "sessionid", "cookie", "cookies", "nonce", "bcrypt", "scrypt", "argon", "pbkdf", "csrf", "xsrf",
    "authtoken", "accesstoken", "refreshtoken", "passwordhash", "passhash", "pwhash", "nthash", "lmhash", "tokenhash", "clientsecret", "authcode",
    "mnemonic", "pem", "privkey", "sessionkey", "sessiondata", "htpasswd",
];

/// Parts that make a word secret wherever they stand in it: names that are written without a separator.
#[rustfmt::skip]
pub(super) const PARTS: &[&str] = &[
    "password", "passwd", "passphrase", "passwort", "kennwort", "motdepasse", "contrasena", "contraseña", "wachtwoord",
    "apikey", "authkey", "secretkey", "privatekey", "accesskey", "accesstoken", "refreshtoken", "authtoken",
    "recoverycode", "backupcode", "sessionid", "sessid",
];

/// Ends that make a word secret: `idtoken`, `appsecret`.
pub(super) const ENDS: &[&str] = &["token", "tokens", "secret", "secrets", "pwd"];

/// Words that are secret where they are the whole name: a session's id and data, as session stores call them, and the
/// header.
pub(super) const WHOLE: &[&str] = &["sid", "sess", "authorization"];

/// Pairs of words that make a name secret together.
#[rustfmt::skip]
pub(super) const PAIRS: &[(&str, &str)] = &[
    ("api", "key"), ("api", "keys"), ("private", "key"), ("private", "keys"), ("secret", "key"), ("secret", "keys"),
    ("signing", "key"), ("signing", "keys"), ("encryption", "key"), ("encryption", "keys"), ("access", "key"),
    ("access", "keys"), ("auth", "key"), ("auth", "keys"), ("ssh", "key"), ("ssh", "keys"), ("mfa", "key"), ("hmac", "key"),
    ("certificate", "key"), ("cert", "key"), ("host", "key"), ("push", "key"), ("master", "key"), ("shared", "key"), ("recovery", "key"), ("recovery", "keys"), ("activation", "key"),
    ("confirmation", "key"), ("reset", "key"), ("stream", "key"), ("principal", "key"), ("key", "handle"), ("key", "material"),
    ("recovery", "code"), ("recovery", "codes"), ("backup", "code"), ("backup", "codes"), ("migrated", "codes"),
    ("scratch", "code"), ("scratch", "codes"), ("reset", "code"), ("verification", "code"), ("confirmation", "code"),
    ("activation", "code"), ("authorization", "code"), ("auth", "code"), ("auth", "codes"), ("access", "code"),
    ("login", "code"), ("device", "code"), ("security", "code"), ("mfa", "code"), ("mfa", "codes"), ("tfa", "code"),
    ("factor", "code"), ("factor", "codes"), ("fa", "code"), ("fa", "codes"), ("sms", "code"), ("email", "code"),
    ("code", "verifier"), ("srp", "verifier"), ("oauth", "verifier"), ("oauth", "code"),
    ("security", "answer"), ("security", "answers"), ("recovery", "answer"), ("recovery", "phrase"), ("mnemonic", "phrase"),
    ("remember", "digest"), ("activation", "digest"), ("reset", "digest"), ("security", "stamp"), ("magic", "link"),
    ("login", "link"), ("reset", "link"), ("saml", "assertion"), ("saml", "response"), ("client", "assertion"),
    ("proxy", "authorization"), ("connection", "string"), ("connect", "sid"), ("u", "f"),
    ("pass", "word"), ("pass", "phrase"), ("pass", "code"), ("de", "passe"),
];

/// Lower-case words of a snake_case, kebab-case or camelCase name: split at whatever is no letter and at changes of case.
pub fn words(name: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut before = ' ';
    let mut letters = name.chars().peekable();
    while let Some(letter) = letters.next() {
        let next_is_lower = letters.peek().is_some_and(|next| next.is_lowercase());
        let new_word =
            letter.is_uppercase() && (before.is_lowercase() || (before.is_uppercase() && next_is_lower));
        if (new_word || !letter.is_alphabetic()) && !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        if letter.is_alphabetic() {
            word.extend(letter.to_lowercase());
        }
        before = letter;
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}
