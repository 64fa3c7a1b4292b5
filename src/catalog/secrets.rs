//! What is secret by its name or type: the one list, for columns and for keys of JSON values alike.
//!
//! A name is split into words at `_`, `-`, blanks, digits and changes of case, and is secret when a word, or two words
//! in a row, stand in the list. Dates, booleans and counts tell no secret (`password_changed_at`, `mfa_enabled`,
//! `mfa_factor_count`), which [`column`] knows by type.

use super::model::{Class, Type};

/// Words that make a name secret wherever they stand.
const WORDS: &[&str] = &[
    "password",
    "pass",
    "passwords",
    "passwd",
    "passphrase",
    "passcode",
    "pwd",
    "pw",
    "pin",
    "hash",
    "hashes",
    "hashed",
    "salt",
    "secret",
    "secrets",
    "token",
    "tokens",
    "jwt",
    "bearer",
    "otp",
    "totp",
    "hotp",
    "seed",
    "apikey",
    "privatekey",
    "secretkey",
    "credential",
    "credentials",
    "webauthn",
    "fido",
    "passkey",
    "session",
    "sessions",
    "sessionid",
    "cookie",
    "cookies",
    "nonce",
    "bcrypt",
    "scrypt",
    "argon",
    "pbkdf",
    "csrf",
    "authtoken",
    "accesstoken",
    "refreshtoken",
    "passwordhash",
    "clientsecret",
];

/// Parts that make a word secret wherever they stand in it: names that are written without a separator.
const PARTS: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "passwort",
    "kennwort",
    "apikey",
    "authkey",
    "secretkey",
    "privatekey",
    "accesskey",
    "accesstoken",
    "refreshtoken",
    "authtoken",
    "recoverycode",
    "backupcode",
];

/// Pairs of words that make a name secret together.
const PAIRS: &[(&str, &str)] = &[
    ("api", "key"),
    ("api", "keys"),
    ("private", "key"),
    ("private", "keys"),
    ("secret", "key"),
    ("signing", "key"),
    ("encryption", "key"),
    ("access", "key"),
    ("auth", "key"),
    ("ssh", "key"),
    ("recovery", "code"),
    ("recovery", "codes"),
    ("backup", "code"),
    ("backup", "codes"),
    ("security", "answer"),
    ("reset", "code"),
    ("verification", "code"),
    ("mfa", "key"),
    ("pass", "word"),
    ("pass", "phrase"),
];

/// Whether a name is one of a secret.
pub fn is_secret_name(name: &str) -> bool {
    let words = words(name);
    words.iter().any(|word| WORDS.contains(&word.as_str()) || PARTS.iter().any(|part| word.contains(part)))
        || words.windows(2).any(|pair| PAIRS.iter().any(|(a, b)| pair[0] == *a && pair[1] == *b))
}

/// Why a column never leaves; None: it may.
pub fn column(name: &str, ty: &Type) -> Option<String> {
    if ty.opaque.is_some() {
        return ty.opaque.clone();
    }
    let class = ty.class;
    let tells_nothing = matches!(
        class,
        Class::Bool
            | Class::Date
            | Class::Timestamp
            | Class::Instant
            | Class::Int
            | Class::Numeric
            | Class::Float
    );
    // A number is a count (mfa_factor_count) unless its name says that it is the secret itself.
    let counts = words(name).iter().any(|word| {
        matches!(word.as_str(), "count" | "counts" | "total" | "age" | "version" | "attempts" | "length")
    });
    let number = matches!(class, Class::Int | Class::Numeric | Class::Float);
    if is_secret_name(name) && (!tells_nothing || (number && !counts)) {
        return Some("its name says that it holds a credential or a secret".to_owned());
    }
    None
}

/// Whether a name is one of an identifier or a phone number, whose digits are no quantity: text in a spreadsheet.
pub fn is_identifier_name(name: &str) -> bool {
    let words = words(name);
    let whole = ["phone", "telephone", "mobile", "fax", "msisdn", "zip", "postcode", "iban", "ssn"];
    words.last().is_some_and(|word| matches!(word.as_str(), "id" | "uuid" | "identifier"))
        || words.iter().any(|word| whole.contains(&word.as_str()))
}

/// Lower-case words of a snake_case, kebab-case or camelCase name.
pub(super) fn words(name: &str) -> Vec<String> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets_are_found() {
        for name in [
            "password",
            "password_hash",
            "passwordHash",
            "PASSWORD",
            "user_pwd",
            "api_token",
            "apiKey",
            "API_KEY",
            "totp_secret",
            "otp2",
            "refreshToken",
            "JWTToken",
            "recovery_codes",
            "webauthn_credentials",
            "session_key",
            "salt",
            "client-secret",
            "private key",
            "hashed",
            "Password1",
            "userpassword",
            "rolpassword",
            "pass",
            "authkey",
        ] {
            assert!(is_secret_name(name), "{name}");
        }
    }

    #[test]
    fn ordinary_names_pass() {
        for name in [
            "email",
            "name",
            "key",
            "user_key",
            "compass",
            "passport_number",
            "hashtag",
            "shopping",
            "tokenised_at_x",
            "code",
            "postal_code",
            "secretary",
            "pinned",
            "api_version",
            "private",
            "description",
            "salted_caramel",
        ] {
            assert!(!is_secret_name(name), "{name}");
        }
    }

    #[test]
    fn dates_booleans_and_counts_tell_no_secret() {
        let ty = |class| Type { oid: 1, name: String::new(), class, element: None, opaque: None };
        assert_eq!(column("password_changed_at", &ty(Class::Instant)), None);
        assert_eq!(column("mfa_secret_set", &ty(Class::Bool)), None);
        assert_eq!(column("session_count", &ty(Class::Int)), None);
        assert!(column("pin", &ty(Class::Int)).is_some());
        assert!(column("password", &ty(Class::Text)).is_some());
        let bytes = Type { opaque: Some("type bytea may hold a secret".into()), ..ty(Class::Other) };
        assert!(column("avatar", &bytes).is_some());
    }
}
