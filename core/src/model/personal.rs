//! Personal data by its name: e-mail addresses, names of people, phone numbers; for columns when they are registered, and
//! for keys of JSON values when an export is anonymised. And names of identifiers, whose digits are no quantity.

use super::{Class, Treatment};
use crate::secret::words;

/// Words of a name that make it personal.
#[rustfmt::skip]
const PERSONAL: &[&str] = &[
    "email", "emails", "mail", "name", "names", "firstname", "lastname", "fullname", "surname", "forename", "nickname",
    "username", "displayname", "phone", "phones", "telephone", "tel", "mobile", "cell", "fax", "msisdn",
];

/// True if a name is one of an e-mail address, a person's name or a phone number. A key or an id (`user_name_id`) is none,
/// unless it is an e-mail address or a phone number itself.
pub fn is_personal(name: &str) -> bool {
    judge(name, false)
}

/// The default treatment of a column in an anonymised export: personal ones are redacted, the
/// key, ids and all else kept. A yes, a no or a moment (`email_verified`, `phone_verified_at`) is no address and no name.
pub fn on_anonymise(name: &str, class: Class, key: &[String]) -> Treatment {
    let tells_nothing = matches!(class, Class::Bool | Class::Date | Class::Timestamp | Class::Instant);
    if !tells_nothing && judge(name, key.iter().any(|key| key == name)) {
        Treatment::Redact
    } else {
        Treatment::Keep
    }
}

fn judge(name: &str, is_key: bool) -> bool {
    let words = words(name);
    let has = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
    let is_id = is_key || words.last().is_some_and(|word| matches!(word.as_str(), "id" | "uuid" | "key"));
    if is_id {
        has(&["email", "emails", "mail", "phone", "mobile"])
    } else {
        has(PERSONAL)
    }
}

/// True if a name is one of an identifier or a phone number: text in a spreadsheet.
pub fn is_identifier(name: &str) -> bool {
    let words = words(name);
    let whole = ["phone", "telephone", "mobile", "fax", "msisdn", "zip", "postcode", "iban", "ssn"];
    is_id(name) || words.iter().any(|word| whole.contains(&word.as_str()))
}

/// True if a name is one of an id (`user_id`, `externalId`).
pub fn is_id(name: &str) -> bool {
    words(name).last().is_some_and(|word| matches!(word.as_str(), "id" | "uuid" | "identifier"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_known_by_name() {
        for name in [
            "email",
            "workEmail",
            "first_name",
            "name",
            "phoneNumber",
            "mobile",
            "email_id",
            "E-Mail",
            "userName",
        ] {
            assert!(is_personal(name), "{name}");
        }
        for name in ["id", "name_id", "user_name_key", "department", "hostname", "city", "mailbox_size", ""] {
            assert!(!is_personal(name), "{name}");
        }
        for (name, class, key, wanted) in [
            ("username", Class::Text, "username", Treatment::Keep),
            ("email", Class::Text, "email", Treatment::Redact),
            ("username", Class::Text, "id", Treatment::Redact),
            ("phone", Class::Int, "id", Treatment::Redact),
            ("email_verified", Class::Bool, "id", Treatment::Keep),
            ("email_verified", Class::Text, "id", Treatment::Redact),
            ("phone_verified_at", Class::Instant, "id", Treatment::Keep),
        ] {
            assert_eq!(on_anonymise(name, class, &[key.to_owned()]), wanted, "{name}");
        }
    }
}
