//! Columns whose own name says too little, in tables whose name says the rest: `authtoken_token.key`, `totp_device.key`,
//! `sessions.data`, `email_confirmation.code`.

use super::model::{Class, Type};
use super::words::words;

/// Words of the names of tables that hold credentials, alone or within a word.
const TABLES: &[&str] = &[
    "token",
    "totp",
    "hotp",
    "otp",
    "session",
    "credential",
    "secret",
    "password",
    "apikey",
    "oauth",
    "grant",
    "confirmation",
    "verification",
    "webauthn",
    "passkey",
    "authenticator",
    "twofactor",
    "mfa",
    "socialapp",
];

/// Two words in a row that say the same.
const PAIRS: &[(&str, &str)] = &[
    ("api", "key"),
    ("api", "keys"),
    ("two", "factor"),
    ("second", "factor"),
    ("second", "factors"),
    ("recovery", "code"),
    ("recovery", "codes"),
    ("backup", "code"),
    ("backup", "codes"),
    ("auth", "code"),
    ("auth", "codes"),
];

/// Last words of columns that hold the credential there.
const COLUMNS: &[&str] = &[
    "key", "keys", "code", "codes", "value", "data", "digest", "config", "payload", "content", "blob",
    "parent",
];

/// Why such a column never leaves; None: it may.
pub fn column(table: &str, column: &str, ty: &Type) -> Option<String> {
    let could_hold = !matches!(
        ty.class,
        Class::Bool
            | Class::Date
            | Class::Timestamp
            | Class::Instant
            | Class::Time
            | Class::Interval
            | Class::Int
            | Class::Numeric
            | Class::Float
            | Class::Enum
    );
    let name = words(column);
    let is_short = name.len() <= 2 && name.last().is_some_and(|last| COLUMNS.contains(&last.as_str()));
    (could_hold && is_short && holds_credentials(table))
        .then(|| "the name of its table says that it holds a credential or a secret".to_owned())
}

fn holds_credentials(table: &str) -> bool {
    let words = words(table);
    // `grants` alone are what a user may use; one of OAuth is written with its client or device.
    let is_plain_grant = |word: &str| matches!(word, "grant" | "grants");
    words.iter().any(|word| !is_plain_grant(word) && TABLES.iter().any(|part| word.contains(part)))
        || words.windows(2).any(|pair| PAIRS.iter().any(|(a, b)| pair[0] == *a && pair[1] == *b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_class(class: Class) -> Type {
        Type::plain(1, "", class)
    }

    #[test]
    fn the_table_says_what_the_column_does_not() {
        for (table, name) in [
            ("authtoken_token", "key"),
            ("otp_totp_totpdevice", "key"),
            ("account_emailconfirmation", "key"),
            ("oauth2_provider_grant", "code"),
            ("oauth2_provider_devicegrant", "device_code"),
            ("knox_authtoken", "digest"),
            ("sessions", "value"),
            ("sessions", "payload"),
            ("user_second_factors", "data"),
            ("res_users_apikeys", "key"),
            ("api_key", "key"),
            ("identity_credentials", "config"),
            ("refresh_tokens", "parent"),
        ] {
            assert!(column(table, name, &of_class(Class::Text)).is_some(), "{table}.{name}");
        }
    }

    #[test]
    fn what_is_no_credential_passes() {
        for (table, name) in [
            ("users", "key"),
            ("users", "data"),
            ("grants", "data"),
            ("settings", "value"),
            ("oauth2_provider_grant", "code_challenge_method"),
            ("sessions", "user_agent"),
            ("event_search", "key"),
            ("state_events", "state_key"),
        ] {
            assert_eq!(column(table, name, &of_class(Class::Text)), None, "{table}.{name}");
        }
        assert_eq!(column("otp_totp_totpdevice", "key", &of_class(Class::Int)), None);
    }
}
