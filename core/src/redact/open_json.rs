//! Finds JSON texts that may leave as they are, in one quick pass: all of their keys are known not to name secrets, and no string in
//! them can be a secret.
//!
//! The pass accepts well-formed documents of no great depth without escapes, which most are. [`super::json_scanner`] walks all others.

use super::scrub::{may_be_document, Scrubber};
use crate::secret::named::Role;

/// Levels of objects and arrays. The walk gives up documents that it would have to read more than sixteen times.
const DEEPEST: usize = 16;

/// Something ahead in a document.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ahead {
    Value,
    /// The first element of an array, or its end.
    FirstElement,
    Key,
    /// The first key of an object, or its end.
    FirstKey,
    /// A comma or the end of what is open.
    Behind,
}

/// True if all of a document may leave as it is, where no string in it is a secret by its value, has an escape, or is personal. False
/// says nothing.
pub fn is_open(text: &str, scrubber: &mut Scrubber) -> bool {
    let bytes = text.as_bytes();
    // A bit for each level: 1 is an object.
    let (mut levels, mut depth) = (0u32, 0);
    // Roles of keys that are more than themselves beside another one.
    let (mut names, mut named, mut key_type, mut key_part) = (false, false, false, false);
    let mut ahead = Ahead::Value;
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b' ' | b'\n' | b'\t' | b'\r' => at += 1,
            b'"' => {
                let Some(length) = bytes[at + 1..].iter().position(|byte| *byte == b'"') else {
                    return false;
                };
                let inside = &text[at + 1..at + 1 + length];
                at += length + 2;
                match ahead {
                    Ahead::Key | Ahead::FirstKey => {
                        let key = scrubber.known(inside);
                        if key.secret {
                            return false;
                        }
                        match key.role {
                            Role::Other => {}
                            Role::Name(_) => names = true,
                            Role::Value | Role::Content => named = true,
                            Role::KeyType => key_type = true,
                            Role::KeyPart => key_part = true,
                        }
                        while matches!(bytes.get(at), Some(b' ' | b'\n' | b'\t' | b'\r')) {
                            at += 1;
                        }
                        if bytes.get(at) != Some(&b':') {
                            return false;
                        }
                        at += 1;
                        ahead = Ahead::Value;
                    }
                    Ahead::Value if !may_be_document(inside) => ahead = Ahead::Behind,
                    // The first of an array may be the name of the second.
                    _ => return false,
                }
            }
            b'{' | b'[' if depth < DEEPEST && matches!(ahead, Ahead::Value | Ahead::FirstElement) => {
                levels = levels << 1 | u32::from(byte == b'{');
                depth += 1;
                ahead = if byte == b'{' { Ahead::FirstKey } else { Ahead::FirstElement };
                at += 1;
            }
            b'}' | b']' => {
                let is_object = byte == b'}';
                let empty = if is_object { Ahead::FirstKey } else { Ahead::FirstElement };
                if depth == 0 || (levels & 1 == 1) != is_object || (ahead != Ahead::Behind && ahead != empty)
                {
                    return false;
                }
                levels >>= 1;
                depth -= 1;
                ahead = Ahead::Behind;
                at += 1;
            }
            b',' if ahead == Ahead::Behind && depth > 0 => {
                ahead = if levels & 1 == 1 { Ahead::Key } else { Ahead::Value };
                at += 1;
            }
            _ if matches!(ahead, Ahead::Value | Ahead::FirstElement) => {
                let Some(length) = scalar(&bytes[at..]) else { return false };
                at += length;
                ahead = Ahead::Behind;
            }
            _ => return false,
        }
    }
    depth == 0 && ahead == Ahead::Behind && !(names && named) && !(key_type && key_part)
}

/// The length of a number or a word that a text begins with; None: it begins with neither.
fn scalar(bytes: &[u8]) -> Option<usize> {
    let is_of_number = |byte: &u8| {
        byte.is_ascii_digit()
            | (*byte == b'-')
            | (*byte == b'+')
            | (*byte == b'.')
            | (*byte == b'e')
            | (*byte == b'E')
    };
    if bytes.first().is_some_and(|first| first.is_ascii_digit() | (*first == b'-')) {
        return Some(bytes.iter().position(|byte| !is_of_number(byte)).unwrap_or(bytes.len()));
    }
    [&b"true"[..], b"false", b"null"].into_iter().find(|word| bytes.starts_with(word)).map(<[u8]>::len)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::scrub::Care;
    use super::*;
    use crate::secret::Names;
    use proptest::prelude::*;

    fn scrubber() -> Scrubber {
        Scrubber::new(Names::standard().clone())
    }

    #[test]
    fn most_documents_are_open() {
        for text in [
            r#"{"department": "Продажи", "cost_center": 17, "manager": "user.1", "remote": false, "list": [1, 2.5e3, null, {}], "o": {"x": []}}"#,
            "true",
            " [ ] ",
            "-12",
            "\"plain\"",
            r#"{"name": "csrf_token", "n": 1}"#,
            r#"{"value": "x"}"#,
            r#"{"kty": "RSA", "n": "x"}"#,
        ] {
            assert!(is_open(text, &mut scrubber()), "{text}");
        }
    }

    #[test]
    fn others_are_walked() {
        for text in [
            r#"{"password": "x"}"#,
            r#"{"a": [{"api_key": "x"}]}"#,
            r#"{"name": "csrf_token", "value": "x"}"#,
            r#"["password", "x"]"#,
            r#"{"kty": "RSA", "d": "x"}"#,
            r#"{"a": "{\"password\": 1}"}"#,
            r#"{"a": "[{'password': 1}]"}"#,
            r#"{"a": 1"#,
            r#"{"a" 1}"#,
            r#"{"a": 1,}"#,
            r#"{"a": 1]"#,
            r#"[1}"#,
            r#"{"a": 1} {"b": 2}"#,
            r#"{a: 1}"#,
            "",
            "tru",
            "[,]",
        ] {
            assert!(!is_open(text, &mut scrubber()), "{text}");
        }
        assert!(!is_open(&"[".repeat(DEEPEST + 1), &mut scrubber()));
        assert!(is_open(&("[".repeat(DEEPEST) + &"]".repeat(DEEPEST)), &mut scrubber()));
    }

    /// Pieces that documents are made of, well-formed or not.
    fn document() -> impl Strategy<Value = String> {
        let piece = prop::sample::select(vec![
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            " ",
            "\"a\"",
            "\"password\"",
            "\"name\"",
            "\"value\"",
            "\"{}\"",
            "\"key\"",
            "1",
            "true",
            "null",
            "\"a\":",
            "\"api_token\":",
            "\"kty\":",
            "\"d\":",
            "\\",
            "\"",
        ]);
        prop::collection::vec(piece, 0..14).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        /// The walk changes nothing of what is open.
        #[test]
        fn as_the_walk(text in document()) {
            let mut scrubber = scrubber();
            if !text.contains('\\') && is_open(&text, &mut scrubber) {
                prop_assert_eq!(scrubber.walked(&text, Care::default()).unwrap(), None);
                prop_assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok(), "{}", text);
            }
        }
    }
}
