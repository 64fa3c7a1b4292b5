//! Texts that are JSON documents, as the export looks for them: their secret keys do not leave, so that no comparison may
//! answer questions about them. Such a text equals nothing and contains nothing, like a JSON object under a path.

/// True if an operand could be such a text, or its beginning as far as a value: a key's value comes after a colon, in a
/// string in a string maybe an escaped one.
pub fn is_document(operand: &str) -> bool {
    let begins = operand.trim_start_matches(|letter: char| letter.is_whitespace() || letter == '\u{feff}');
    begins.starts_with(['{', '[', '"']) && begins.contains([':', '\\'])
}

/// A condition that holds for all other values of `text` (SQL): blanks are those of Unicode, as above.
pub fn guard(text: &str) -> String {
    const DOCUMENT: &str = r#"^[\u0009-\u000d\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff]*[{\["].*[:\\]"#;
    format!("{text} COLLATE \"C\" !~ '{DOCUMENT}'")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_known_by_their_beginning() {
        for text in ["{\"a\":1}", " {\"a\":", "\u{feff}[{\"a\" : 1", "\"{\\\"a", "\u{2003}{:"] {
            assert!(is_document(text), "{text}");
        }
        for text in ["", "a {\"b\":1}", "x", "'[:", "1:", "\"", "[1, 2]", "{\"a", "\"quoted\""] {
            assert!(!is_document(text), "{text}");
        }
    }
}
