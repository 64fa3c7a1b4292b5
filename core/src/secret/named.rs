//! Values whose meaning stands beside them: a row or an object with a name and a value (`smtp.password`), a pair of both, the members
//! of a JSON Web Key.
//!
//! The same rules hold for the columns of a table and for the members of an object. [`Names`] judges the name itself.

use super::names::{counts, Names};
use super::vocabulary;
use super::words::words;

/// The role of a column or a member among those beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Other,
    /// It may hold the name of a setting.
    Name(Naming),
    /// It holds the value of what a name beside it says.
    Value,
    /// The same where the name is one of a setting: most contents are values of nothing.
    Content,
    /// A member of a private or symmetric key where `kty` stands beside it (RFC 7518, sections 6.2 to 6.4).
    KeyPart,
    /// `kty`.
    KeyType,
}

/// The certainty that a text is the name of a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Naming {
    /// `key`, `setting`, `attribute`: of nothing else.
    Setting,
    /// `name`, `type`, `id`: people and kinds have them too.
    Any,
}

const SETTING: &[&str] = &[
    "key",
    "attribute",
    "attr",
    "setting",
    "param",
    "parameter",
    "property",
    "prop",
    "option",
    "variable",
    "var",
    "field",
    "header",
];
const ANY: &[&str] = &["name", "type", "id", "identifier", "label", "slug", "kind", "code", "title"];
const VALUE: &[&str] = &["value", "values", "val"];
const CONTENT: &[&str] = &["data", "content", "contents", "text", "config", "payload", "body"];

/// The role of a column or a member by its name.
pub fn role(name: &str) -> Role {
    match name {
        "kty" => return Role::KeyType,
        "d" | "p" | "q" | "dp" | "dq" | "qi" | "oth" | "k" => return Role::KeyPart,
        _ => {}
    }
    // Longer names are sentences.
    if name.len() > 64 {
        return Role::Other;
    }
    let mut words = words(name);
    // `configkey`, `metavalue`
    if let Some(parts) =
        words.first().filter(|_| words.len() == 1).and_then(|word| vocabulary::segments(word))
    {
        words = parts;
    }
    let is = |list: &[&str], word: &String| list.contains(&word.as_str());
    match words.as_slice() {
        words if words.len() <= 3 && words.iter().any(|word| is(VALUE, word)) => Role::Value,
        // `last_synced_file_value`.
        [.., word] if words.len() <= 5 && is(VALUE, word) => Role::Value,
        [word] if is(CONTENT, word) => Role::Content,
        [word] | [_, word] if is(SETTING, word) => Role::Name(Naming::Setting),
        [word] | [_, word] if is(ANY, word) => Role::Name(Naming::Any),
        // `setting_name`, `option_key_name`.
        [.., word] if words.len() == 3 && matches!(word.as_str(), "name" | "key") => Role::Name(Naming::Any),
        _ => Role::Other,
    }
}

/// The longest name of a setting, in bytes and in words: what is longer is a sentence.
const LONGEST: usize = 128;
const MOST_WORDS: usize = 8;

/// True if a name says that the value beside it is a secret.
pub fn says_secret(names: &Names, name: &str, naming: Naming, value: Role) -> bool {
    if name.is_empty() || name.len() > LONGEST {
        return false;
    }
    // The name beside a content is one of a setting if it looks like one.
    if value == Role::Content && (naming == Naming::Any || name.contains(char::is_whitespace)) {
        return false;
    }
    words(name).len() <= MOST_WORDS && names.is_secret(name)
}

/// True for a value of that name that is no secret: a yes or a no, nothing, a number that counts.
pub fn tells_nothing(name: &str, value: &str) -> bool {
    let value = value.trim();
    let is_choice = ["", "true", "false", "null", "none", "yes", "no", "on", "off", "enabled", "disabled"]
        .iter()
        .any(|choice| value.eq_ignore_ascii_case(choice));
    let is_number = value.len() <= 12 && value.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    is_choice || is_number && (counts(name) || measures(name))
}

/// True if a number of this name is a measure.
fn measures(name: &str) -> bool {
    const LAST: &[&str] = &[
        "days",
        "hours",
        "minutes",
        "seconds",
        "ms",
        "ttl",
        "interval",
        "timeout",
        "window",
        "digits",
        "expiry",
        "lifetime",
        "lifespan",
        "retries",
        "rounds",
        "iterations",
        "cost",
        "period",
        "max",
        "min",
    ];
    words(name).last().is_some_and(|last| LAST.contains(&last.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles() {
        for (name, wanted) in [
            ("value", Role::Value),
            ("Value", Role::Value),
            ("setting_value", Role::Value),
            ("valueText", Role::Value),
            ("last_synced_file_value", Role::Value),
            ("val", Role::Value),
            ("data", Role::Content),
            ("key", Role::Name(Naming::Setting)),
            ("meta_key", Role::Name(Naming::Setting)),
            ("name", Role::Name(Naming::Any)),
            ("setting_name", Role::Name(Naming::Any)),
            ("type", Role::Name(Naming::Any)),
            ("kty", Role::KeyType),
            ("d", Role::KeyPart),
            ("email", Role::Other),
            ("evaluation", Role::Other),
            ("user_data", Role::Other),
            ("the_value_of_a_thing", Role::Other),
        ] {
            assert_eq!(role(name), wanted, "{name}");
        }
    }

    #[test]
    fn names_say_what_values_are() {
        let names = Names::with(&["badge_no".to_owned()]);
        for name in ["password", "smtp.password", "SMTP Password", "csrf_token", "API-Key", "badgeNo"] {
            assert!(says_secret(&names, name, Naming::Any, Role::Value), "{name}");
        }
        assert!(says_secret(&names, "smtp.password", Naming::Setting, Role::Content));
        for name in [
            "",
            "smtp.host",
            "department",
            &"password ".repeat(20),
            "How can I reset the password of my account here",
        ] {
            assert!(!says_secret(&names, name, Naming::Setting, Role::Value), "{name}");
        }
        assert!(!says_secret(&names, "Password policy", Naming::Setting, Role::Content));
        assert!(!says_secret(&names, "password_changed", Naming::Any, Role::Content));
        for (name, value) in
            [("password", "true"), ("token", ""), ("min_password_length", "8"), ("token_ttl", "3600")]
        {
            assert!(tells_nothing(name, value), "{name}");
        }
        for (name, value) in [("password", "x"), ("pin", "1234"), ("min_password_length", "eight")] {
            assert!(!tells_nothing(name, value), "{name}");
        }
    }
}
