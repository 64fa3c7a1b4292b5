//! The text of a key: of one column its value, of several the array that PostgreSQL writes of their values.

use std::borrow::Cow;

/// The text of a key with these values.
pub fn joined<'a>(values: &[&'a str]) -> Cow<'a, str> {
    match values {
        [value] => Cow::Borrowed(value),
        values => Cow::Owned(array(values)),
    }
}

/// The values of a key of so many columns; None: the text is none of such a key.
pub fn values(text: &str, columns: usize) -> Option<Vec<Cow<'_, str>>> {
    if columns == 1 {
        return Some(vec![Cow::Borrowed(text)]);
    }
    let values = elements(text)?;
    (values.len() == columns).then(|| values.into_iter().map(Cow::Owned).collect())
}

/// The names of the columns of a key, as they are kept: one name, or an array of them.
pub fn of_names(names: &[String]) -> String {
    match names {
        [name] if !is_array(name) => name.clone(),
        names => array(&names.iter().map(String::as_str).collect::<Vec<_>>()),
    }
}

/// The names that [`of_names`] wrote.
pub fn names(text: &str) -> Vec<String> {
    let all = if is_array(text) { elements(text) } else { None };
    all.unwrap_or_else(|| vec![text.to_owned()])
}

/// True if a text looks like an array.
pub fn is_array(text: &str) -> bool {
    text.starts_with('{') && text.ends_with('}')
}

/// For `#[serde(with)]`: names as one text.
pub mod as_text {
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(names: &[String], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&super::of_names(names))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
        String::deserialize(deserializer).map(|text| super::names(&text))
    }
}

/// An array of texts as the server writes it.
fn array(values: &[&str]) -> String {
    let mut text = String::from("{");
    for (place, value) in values.iter().enumerate() {
        if place > 0 {
            text.push(',');
        }
        if is_plain(value) {
            text.push_str(value);
            continue;
        }
        text.push('"');
        for letter in value.chars() {
            if letter == '"' || letter == '\\' {
                text.push('\\');
            }
            text.push(letter);
        }
        text.push('"');
    }
    text.push('}');
    text
}

/// True if an element needs no quotes (array_out, arrayfuncs.c).
fn is_plain(value: &str) -> bool {
    let quotes = |letter: char| matches!(letter, '"' | '\\' | '{' | '}' | ',') || is_space(letter);
    !value.is_empty() && !value.eq_ignore_ascii_case("null") && !value.contains(quotes)
}

fn is_space(letter: char) -> bool {
    matches!(letter, ' ' | '\t' | '\n' | '\r' | '\u{b}' | '\u{c}')
}

/// The elements of an array of one dimension, as the server reads it; None: it is none, or one of them is NULL.
pub fn elements(text: &str) -> Option<Vec<String>> {
    let inner = text.trim_matches(is_space).strip_prefix('{')?;
    let mut letters = inner.chars().peekable();
    let mut values = Vec::new();
    loop {
        while letters.next_if(|letter| is_space(*letter)).is_some() {}
        let (mut value, mut is_quoted) = (String::new(), false);
        // Spaces at the end of an element that is not quoted.
        let mut spaces = 0;
        let end = loop {
            match letters.next()? {
                '"' if value.is_empty() && !is_quoted => {
                    is_quoted = true;
                    loop {
                        match letters.next()? {
                            '"' => break,
                            '\\' => value.push(letters.next()?),
                            letter => value.push(letter),
                        }
                    }
                }
                end @ (',' | '}') => break end,
                '"' | '{' => return None,
                letter if is_quoted && is_space(letter) => {}
                _ if is_quoted => return None,
                '\\' => {
                    value.push(letters.next()?);
                    spaces = 0;
                }
                letter => {
                    value.push(letter);
                    spaces = if is_space(letter) { spaces + 1 } else { 0 };
                }
            }
        };
        value.truncate(value.len() - spaces);
        if !is_quoted && (value.is_empty() || value.eq_ignore_ascii_case("null")) {
            return None;
        }
        values.push(value);
        if end == '}' {
            return letters.next().is_none().then_some(values);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_value_is_its_own_text() {
        assert_eq!(joined(&["{a,b}"]), "{a,b}");
        assert_eq!(values("{a,b}", 1).unwrap(), ["{a,b}"]);
        assert_eq!(values("", 1).unwrap(), [""]);
    }

    #[test]
    fn several_are_written_as_the_server_writes_an_array() {
        assert_eq!(joined(&["w1", "7"]), "{w1,7}");
        assert_eq!(
            joined(&["a b", "", "NULL", "a\"b\\", "{x}", "ä"]),
            r#"{"a b","","NULL","a\"b\\","{x}",ä}"#
        );
    }

    #[test]
    fn other_spellings_of_an_array_are_read() {
        for text in ["{w1,7}", " { w1 , 7 } ", r#"{"w1","7"}"#, r"{\w1,7}", r#"{ "w1" ,7}"#] {
            assert_eq!(values(text, 2).unwrap(), ["w1", "7"], "{text}");
        }
        assert_eq!(values(r#"{"NULL",7}"#, 2).unwrap(), ["NULL", "7"]);
        for text in [
            "",
            "w1",
            "{w1}",
            "{w1,7,8}",
            "{w1,NULL}",
            "{w1,}",
            "{,}",
            "{}",
            "{w1,7",
            "{w1,7}}",
            "{{a,b}}",
            r#"{"a"b,c}"#,
            "w1,7",
        ] {
            assert_eq!(values(text, 2), None, "{text}");
        }
    }

    #[test]
    fn names_are_read_as_they_were_written() {
        for (kept, text) in [
            (vec!["id"], "id"),
            (vec!["workspace_id", "user_id"], "{workspace_id,user_id}"),
            (vec!["{odd}"], r#"{"{odd}"}"#),
            (vec!["a,b"], "a,b"),
        ] {
            let kept: Vec<String> = kept.into_iter().map(str::to_owned).collect();
            assert_eq!(of_names(&kept), text);
            assert_eq!(names(text), kept);
        }
        assert_eq!(names(r#"{a"b}"#), [r#"{a"b}"#], "none of ours");
    }

    proptest! {
        #[test]
        fn any_values_are_read_back(given in prop::collection::vec(".{0,9}", 2..5)) {
            let given: Vec<&str> = given.iter().map(String::as_str).collect();
            let text = joined(&given).into_owned();
            prop_assert_eq!(values(&text, given.len()).unwrap(), given);
        }
    }
}
