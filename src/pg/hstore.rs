//! hstore as JSON: its output text (`hstore_out`, contrib/hstore/hstore_io.c) becomes an object of strings and nulls.

use crate::encode::json_string;
use crate::error::{Error, Kind, Result};
use crate::value::memory;

/// None: the text is not what `hstore_out` writes.
pub fn to_json(text: &str) -> Result<Option<String>> {
    let mut json = Vec::new();
    memory::reserve(&mut json, text.len())?;
    match object(text, &mut json) {
        Ok(()) => String::from_utf8(json)
            .map(Some)
            .map_err(|_| Error::new(Kind::Internal, "an hstore is not valid UTF-8")),
        Err(Stop::Malformed) => Ok(None),
        Err(Stop::Failed(error)) => Err(error),
    }
}

/// The reason why a text was not read to its end.
enum Stop {
    Malformed,
    Failed(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Stop {
        Stop::Failed(error)
    }
}

fn object(text: &str, json: &mut Vec<u8>) -> std::result::Result<(), Stop> {
    json.push(b'{');
    let mut rest = text;
    while !rest.is_empty() {
        memory::reserve(json, 0)?;
        if json.len() > 1 {
            rest = rest.strip_prefix(", ").ok_or(Stop::Malformed)?;
            json.push(b',');
        }
        rest = quoted(rest, json)?.strip_prefix("=>").ok_or(Stop::Malformed)?;
        json.push(b':');
        rest = match rest.strip_prefix("NULL") {
            Some(after) => {
                json.extend_from_slice(b"null");
                after
            }
            None => quoted(rest, json)?,
        };
    }
    json.push(b'}');
    Ok(())
}

/// Appends the string that `text` begins with, and gives what follows. A backslash stands before `"` and `\` (`cpw`).
fn quoted<'t>(text: &'t str, json: &mut Vec<u8>) -> std::result::Result<&'t str, Stop> {
    let (plain, rest) = unquoted(text)?.ok_or(Stop::Malformed)?;
    json_string(plain.as_bytes(), json)?;
    Ok(rest)
}

/// The string that `text` begins with, and what follows.
fn unquoted(text: &str) -> Result<Option<(String, &str)>> {
    let Some(inside) = text.strip_prefix('"') else { return Ok(None) };
    let mut escaped = false;
    let end = inside.bytes().position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    });
    let Some((inside, rest)) = end.and_then(|end| Some((inside.get(..end)?, inside.get(end + 1..)?))) else {
        return Ok(None);
    };
    memory::probe(inside.len())?;
    let mut plain = String::with_capacity(inside.len());
    let mut letters = inside.chars();
    while let Some(letter) = letters.next() {
        plain.push(match (letter, letter == '\\') {
            (letter, false) => letter,
            (_, true) => match letters.next() {
                Some(letter @ ('"' | '\\')) => letter,
                _ => return Ok(None),
            },
        });
    }
    Ok(Some((plain, rest)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn as_the_server_writes_it() {
        for (text, wanted) in [
            ("", "{}"),
            (r#""a"=>"1""#, r#"{"a":"1"}"#),
            (r#""a"=>NULL, "b"=>"NULL""#, r#"{"a":null,"b":"NULL"}"#),
            (r#""q\"q"=>"b\\", ""=>"", "é, =>"=>"x"#, ""),
            (r#""q\"q"=>"b\\", ""=>"", "é, =>"=>"x""#, r#"{"q\"q":"b\\","":"","é, =>":"x"}"#),
        ] {
            assert_eq!(to_json(text).unwrap().unwrap_or_default(), wanted, "{text}");
        }
        for text in [
            r#"a=>1"#,
            r#""a"=>"1","b"=>"2""#,
            r#""a"=>"1", "#,
            r#""a"=>nULL"#,
            r#""a""#,
            r#""a\n"=>"1""#,
            " ",
        ] {
            assert_eq!(to_json(text).unwrap(), None, "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn every_pair_arrives(pairs in prop::collection::btree_map(".*", prop::option::of(".*"), 0..5)) {
            let escaped = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
            let written: Vec<String> = pairs
                .iter()
                .map(|(key, value)| {
                    format!("{}=>{}", escaped(key), value.as_ref().map_or("NULL".into(), |value| escaped(value)))
                })
                .collect();
            let json = to_json(&written.join(", ")).unwrap().unwrap();
            let read: std::collections::BTreeMap<String, Option<String>> = serde_json::from_str(&json).unwrap();
            prop_assert_eq!(read, pairs);
        }

        #[test]
        fn no_text_breaks_it(text in r#"[\\"=>a, NUL]{0,20}"#) {
            if let Some(json) = to_json(&text).unwrap() {
                prop_assert!(serde_json::from_str::<serde_json::Value>(&json).is_ok());
            }
        }
    }
}
