//! Keys in texts that are no document but were made out of one: `'note: ' || attributes::text`, `concat(…)`, an array of
//! documents printed as text.
//!
//! A key is what ends in a quote before `:` (JSON) or `=>` (hstore), however often it was escaped: `"key":`, `\"key\" :`,
//! `""key"":`, `&quot;key&quot;:`. Pieces that begin within a key or a value (`substr`) cannot be told from anything else: who
//! marks a field as made out of JSON has to bar those.

/// The longest key that is looked for; a longer one counts as barred.
const LONGEST: usize = 128;

/// True if the text has a key that `is_barred`, or one that cannot be read.
pub fn any_key(text: &str, is_barred: &mut dyn FnMut(&str) -> bool) -> bool {
    // `"` and `:` themselves written as escapes: nothing that PostgreSQL does.
    if text.contains("\\u0022") || text.contains("\\u003") {
        return true;
    }
    text.match_indices([':', '=']).any(|(at, mark)| {
        let is_key = mark == ":" || text[at + 1..].starts_with('>') || text[at + 1..].starts_with("&gt;");
        is_key && key_before(&text[..at]).is_some_and(|key| key.is_barred(is_barred))
    })
}

/// The text before a closing quote.
struct Before<'t>(&'t str);

/// None: no quote ends there, so it is no key.
fn key_before(text: &str) -> Option<Before<'_>> {
    let text = without_blanks(text);
    let entity =
        ["&quot;", "&#34;", "&#x22;", "&apos;", "&#39;"].iter().find_map(|quote| text.strip_suffix(quote));
    let key = entity.unwrap_or_else(|| text.trim_end_matches(['"', '\'', '\\']));
    (key.len() < text.len()).then_some(Before(key))
}

impl Before<'_> {
    fn is_barred(&self, is_barred: &mut dyn FnMut(&str) -> bool) -> bool {
        let mut from = self.0.len().saturating_sub(LONGEST);
        while !self.0.is_char_boundary(from) {
            from += 1;
        }
        let near = &self.0[from..];
        // From the opening quote, or from the member's beginning: a key may hold quotes, or commas and brackets.
        let Some((_, quoted)) = near.rsplit_once(['"', '\'', ';']) else { return true };
        let member = near.rsplit_once(['{', '}', '[', ']', ',']).map_or(near, |(_, member)| member);
        [quoted, member].iter().any(|key| key.contains("\\u") || is_barred(&without_escapes(key)))
    }
}

/// Without white space at the end, also where it is escaped itself: `"key"\n :`.
fn without_blanks(text: &str) -> &str {
    let mut text = text.trim_end();
    while let Some(escaped) = text.strip_suffix(['n', 'r', 't']).filter(|rest| rest.ends_with('\\')) {
        text = escaped.trim_end_matches('\\').trim_end();
    }
    text
}

/// With a blank for each escape such as `\n` or `\\t`, whose letter is none of the key's.
fn without_escapes(key: &str) -> String {
    let mut plain = String::with_capacity(key.len());
    let mut escaped = false;
    for letter in key.chars() {
        if escaped && matches!(letter, 'b' | 'f' | 'n' | 'r' | 't' | '/') || letter == '\\' {
            plain.push(' ');
        } else {
            plain.push(letter);
        }
        escaped = letter == '\\';
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> bool {
        any_key(text, &mut |key| crate::secret::Names::standard().is_secret(key))
    }

    #[test]
    fn keys_of_secrets_are_found_however_escaped() {
        for text in [
            r#"x {"password": "v"}"#,
            r#"x {"a": 1, "apiKey" : "v"}"#,
            r#"{"{\"password\":\"v\"}"}"#,
            r#"{"{\\\"password\\\": 1}"}"#,
            r#"("{""password"": ""v""}")"#,
            "x {\"password\"\n\t:\"v\"}",
            r#"x {\n  \"password\"\n :\t\"v\"}"#,
            r#"x "password"=>"v""#,
            r#"x \"password\"=>\"v\""#,
            r#"x "password"=&gt;"v""#,
            r#"x {&quot;password&quot;:&quot;v&quot;}"#,
            r#"x {"pass\u0077ord":1}"#,
            r#"x {"a,password":1}"#,
            r#"x {"my\"password":1}"#,
            r#"x {"pass\"word":1}"#,
            r#"x {"\tpin":1}"#,
            r#"x {"a\/pin":1}"#,
            r#"x {\u0022pin\u0022:1}"#,
            r#"word": "v"}"#,
        ] {
            assert!(found(text), "{text}");
        }
        assert!(found(&format!("x {{\"{}\":1}}", "k".repeat(600))));
    }

    #[test]
    fn other_texts_pass() {
        for text in [
            "",
            "Session starts at 10:30",
            "password: see the manual",
            r#"x {"a": "the password is in the safe", "b": [1, 2]}"#,
            r#"he said "no": fine"#,
            "a => b",
            r#"x "a"=>"1", "b"=>NULL"#,
        ] {
            assert!(!found(text), "{text}");
        }
    }
}
