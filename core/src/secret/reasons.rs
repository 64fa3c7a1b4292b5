//! The reasons why columns are barred, where they are told to people and stored with exemptions.
//!
//! An exemption lifts the bar with the reason that was stored when it was declared. A reason that is reworded keeps its earlier
//! text in `EARLIER`, so that exemptions of earlier versions go on holding.

use super::classify;

pub const NAME: &str = "its name indicates a credential or a secret";
pub const COLUMN_OPTIONS: &str = "its options indicate a credential or a secret";
pub const DECLARED: &str = "it was declared to contain a secret";
pub const INHERITANCE: &str = "it contains a secret, or is generated, in a parent or child of its table";
pub const JSON_KEY: &str = "it is extracted from JSON by a key that indicates a credential or a secret";
pub const JSON_KEY_OF_VALUE: &str =
    "it is extracted from JSON by a key whose value may be a secret, depending on a name beside it";
pub const JSON_KEY_OF_DATA: &str = "it is extracted from JSON by a key that is computed from data";
pub const JSON_PARTS: &str = "it extracts parts of JSON in a way that may expose a secret";
pub const JSON_COMPARED: &str = "it compares JSON as a whole, including its secret keys";
/// After the name of the column.
pub const WITHOUT_NAME: &str =
    "whose values may be secrets depending on a name in the same row, without that name";
pub const UNKNOWN_QUERY: &str = "the query of the view cannot be analyzed";

/// Texts of earlier versions, each with the present one.
const EARLIER: [(&str, &str); 24] = [
    ("its name says that it holds a credential or a secret", NAME),
    ("its options say that it holds a credential or a secret", COLUMN_OPTIONS),
    ("it was declared to hold a secret", DECLARED),
    ("a table above or below in its inheritance tree keeps a secret in it, or generates it", INHERITANCE),
    ("it is picked out of JSON by a key that says that it holds a credential or a secret", JSON_KEY),
    (
        "it is picked out of JSON by a key whose value may be a secret by the name beside it",
        JSON_KEY_OF_VALUE,
    ),
    ("it is picked out of JSON by a key that only the data knows", JSON_KEY_OF_DATA),
    ("it takes JSON apart in a way that could bring out a secret", JSON_PARTS),
    ("it compares JSON as a whole, secret keys and all", JSON_COMPARED),
    ("whose rows say by their name what is a secret, without that name", WITHOUT_NAME),
    ("the query of the view is not understood", UNKNOWN_QUERY),
    ("the name of its table says that it holds a credential or a secret", classify::BY_TABLE),
    ("it is a text in a table of credentials, and nothing says that it is none", classify::BY_DEFAULT),
    ("it is a key or a code, and its name does not say that it is harmless", classify::UNNAMED),
    ("it is the id of a session, a token or a code, which is the credential itself", classify::BY_ID),
    ("it holds the settings of a connection, which have its credentials in them", classify::SETTINGS),
    ("the address of a webhook lets whoever knows it use it", classify::HOOK),
    ("messages that are sent to people hold links and codes that log in", classify::MAIL),
    ("the columns beside it say that it is part of an encrypted value", classify::ENCRYPTED),
    ("the columns beside it say that it is a wrapped key, or what is encrypted with one", classify::WRAPPED),
    ("it stands beside a public key or a certificate, whose private key it holds", classify::PRIVATE_KEY),
    ("the secret beside it says that it belongs to one", classify::STATE),
    ("the columns beside it say that it is a key that lets in", classify::ACCESS_KEY),
    ("the columns beside it say that it is a code that can be used once", classify::ONE_TIME),
];

/// A stored reason with its present text. The reason of a view's column ends with that of the column that it comes from.
pub fn current(stored: String) -> String {
    let found = EARLIER.iter().find_map(|(earlier, now)| Some((stored.strip_suffix(earlier)?, now)));
    found.map(|(from, now)| format!("{from}{now}")).unwrap_or(stored)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_of_earlier_versions() {
        let told = |stored: &str| current(stored.to_owned());
        assert_eq!(told("its name says that it holds a credential or a secret"), NAME);
        assert_eq!(
            told("it comes from app.people.api_key: its name says that it holds a credential or a secret"),
            format!("it comes from app.people.api_key: {NAME}")
        );
        for other in
            ["", "type bytea may hold a secret", "its name says that it holds a credential or a secret."]
        {
            assert_eq!(told(other), other);
        }
    }

    #[test]
    fn each_has_one_present_text() {
        for (place, (earlier, now)) in EARLIER.iter().enumerate() {
            assert_eq!(current((*earlier).to_owned()), *now);
            assert_eq!(current((*now).to_owned()), *now);
            assert!(EARLIER[..place].iter().all(|(_, other)| other != now), "{now}");
        }
    }
}
