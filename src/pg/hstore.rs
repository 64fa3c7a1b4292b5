//! hstore as JSON: its output text (`hstore_out`, contrib/hstore/hstore_io.c) becomes an object of strings and nulls.

/// None: the text is not what `hstore_out` writes.
pub fn to_json(text: &str) -> Option<String> {
    let mut json = String::with_capacity(text.len() + 2);
    json.push('{');
    let mut rest = text;
    while !rest.is_empty() {
        if json.len() > 1 {
            rest = rest.strip_prefix(", ")?;
            json.push(',');
        }
        rest = quoted(rest, &mut json)?.strip_prefix("=>")?;
        json.push(':');
        rest = match rest.strip_prefix("NULL") {
            Some(after) => {
                json.push_str("null");
                after
            }
            None => quoted(rest, &mut json)?,
        };
    }
    json.push('}');
    Some(json)
}

/// Appends the string that `text` begins with, and gives what follows. A backslash stands before `"` and `\` (`cpw`).
fn quoted<'t>(text: &'t str, json: &mut String) -> Option<&'t str> {
    let mut letters = text.strip_prefix('"')?.chars();
    let mut plain = String::new();
    loop {
        match letters.next()? {
            '"' => break,
            '\\' => plain.push(letters.next().filter(|letter| matches!(letter, '"' | '\\'))?),
            letter => plain.push(letter),
        }
    }
    json.push_str(&serde_json::Value::from(plain).to_string());
    Some(letters.as_str())
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
            assert_eq!(to_json(text).unwrap_or_default(), wanted, "{text}");
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
            assert_eq!(to_json(text), None, "{text}");
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
            let json = to_json(&written.join(", ")).unwrap();
            let read: std::collections::BTreeMap<String, Option<String>> = serde_json::from_str(&json).unwrap();
            prop_assert_eq!(read, pairs);
        }

        #[test]
        fn no_text_breaks_it(text in r#"[\\"=>a, NUL]{0,20}"#) {
            if let Some(json) = to_json(&text) {
                prop_assert!(serde_json::from_str::<serde_json::Value>(&json).is_ok());
            }
        }
    }
}
