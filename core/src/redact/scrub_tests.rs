use super::*;
use proptest::prelude::*;
use serde_json::{json, Value};

fn scrubber() -> Scrubber {
    Scrubber::new(Names::with(&["badge_no".into()]))
}

fn json(text: &str) -> String {
    scrubber().json(text, Care::default()).unwrap().unwrap_or_else(|| text.to_owned())
}

fn text(text: &str) -> String {
    scrubber().text(text, Care::default()).unwrap().unwrap_or_else(|| text.to_owned())
}

fn personal(text: &str) -> String {
    let care = Care { personal: true, ..Care::default() };
    scrubber().json(text, care).unwrap().unwrap_or_else(|| text.to_owned())
}

fn made_of_json(text: &str) -> String {
    let care = Care { fragments: true, ..Care::default() };
    scrubber().text(text, care).unwrap().unwrap_or_else(|| text.to_owned())
}

#[test]
fn secret_members_are_cut_out_and_all_else_stays_as_it_was() {
    for (document, wanted) in [
        (r#"{"a": 1.50, "password": "x", "b": 2}"#, r#"{"a": 1.50, "b": 2}"#),
        (r#"{"password": "x", "b": 2}"#, r#"{"b": 2}"#),
        (r#"{"token":"x","pin":"1","b":2,"otp":"3"}"#, r#"{"b":2}"#),
        (r#"{"a": 1, "password": {"x": [1, "}]"]}}"#, r#"{"a": 1}"#),
        (r#"{"password": "x"}"#, "{}"),
        (r#"[{"token":"1","a":2},{"password":3,"b":[{"otp":4}]}]"#, r#"[{"a":2},{"b":[{}]}]"#),
        (
            r#"{"n":1.50,"big":123456789012345678901234567890,"token":0}"#,
            r#"{"n":1.50,"big":123456789012345678901234567890}"#,
        ),
        (r#"{"a":1,"a":2,"badgeNo":"x"}"#, r#"{"a":1,"a":2}"#),
        (r#"{"pass\u0077ord":"x","a":"\ud800"}"#, r#"{"a":"\ud800"}"#),
        (r#"{"pin":"\"}","a":"\\"}"#, r#"{"a":"\\"}"#),
    ] {
        assert_eq!(json(document), wanted);
    }
    for same in [
        r#"{"$serde_json::private::Number":"1"}"#,
        r#" {"a": 1} "#,
        r#""text""#,
        "-1.5e3",
        "null",
        "{}",
        "[ ]",
        r#"{"mfa_secret_set": true, "password": null, "session_count": 3, "token": false}"#,
    ] {
        assert_eq!(scrubber().json(same, Care::default()).unwrap(), None, "{same}");
    }
}

#[test]
fn documents_in_strings_are_searched() {
    assert_eq!(json(r#"{"meta":"{\"password\":\"x\",\"a\":1}"}"#), r#"{"meta":"{\"a\":1}"}"#);
    assert_eq!(json(r#"["\n\u007b\"token\":\"x\"}"]"#), r#"["{}"]"#);
    assert_eq!(json(r#""{\"token\":\"x\"}""#), r#""{}""#);
    let mut document = r#"{"token":"x","a":1}"#.to_owned();
    for level in 0..12 {
        document = json!({ "a": document }).to_string();
        let clean = json(&document);
        assert!(!clean.contains("token"), "{level}");
        assert_eq!(clean.contains(REDACTED), level >= 8, "{level}");
    }
}

#[test]
fn texts_that_are_documents_are_searched() {
    for (document, wanted) in [
        (r#"{"password":"x","a":1}"#, r#"{"a":1}"#),
        (" \n[{\"token\":\"x\"}]\n", "[{}]"),
        ("\u{feff}{\"token\":\"x\"}", "{}"),
        (r#""{\"token\":\"x\"}""#, r#""{}""#),
        ("{\"a\":1}\n{\"token\":\"x\"}[2]", "{\"a\":1}\n{}[2]"),
    ] {
        assert_eq!(text(document), wanted);
    }
    for same in [
        "",
        "x",
        "{",
        "[1,5)",
        "[draft] x",
        "{password:1}",
        "{\"a\":1} x",
        "  x",
        "\"quoted\" x",
        "{\"a\":1}",
        "é",
    ] {
        assert_eq!(scrubber().text(same, Care::default()).unwrap(), None, "{same}");
    }
    // A text that begins as a document and does not end as one may hold keys all the same: cut off, or as Python writes it.
    for cut in [
        "{\"password\": ",
        "{\"password\":\"x\",\"a\":\"b",
        "[{\"password\":\"x\"} ok",
        "{\"password\":\"x\",}",
    ] {
        assert_eq!(scrubber().text(cut, Care::default()).unwrap().as_deref(), Some(REDACTED), "{cut}");
    }
    assert_eq!(
        scrubber().text("{\"password\":\"x\",\"a\":NaN}", Care::default()).unwrap().as_deref(),
        Some("{\"a\":NaN}")
    );
}

/// Documents in the midst of texts, whole or cut off.
#[test]
fn documents_in_texts_are_searched() {
    for (given, wanted) in [
        (r#"saved {"password": "x", "a": 1} at noon"#, r#"saved {"a": 1} at noon"#),
        (r#"(draft) {"token":"x"} and [{"pin":"1"}], {"a":2}"#, r#"(draft) {} and [{}], {"a":2}"#),
        (r#"x {"a": "y {\"otp\": \"1\"} z"}"#, r#"x {"a": "y {} z"}"#),
        (r#"see [["a", 1], {"secret": {"b": [1]}}]."#, r#"see [["a", 1], {}]."#),
    ] {
        assert_eq!(text(given), wanted);
    }
    // A text that begins as a document and is none to its end leaves whole or not at all.
    assert_eq!(text(r#"{"a": 1} then {"pin": "1"}"#), REDACTED);
    assert_eq!(text(r#"x {"a": 1, "password": "x"#), REDACTED);
    for same in
        ["x {\"a\": 1", "[[Link]] and [[Other]] {{template}}", "x [\"a\", 1] {\"b\": []}", "a {b} [c]"]
    {
        assert_eq!(scrubber().text(same, Care::default()).unwrap(), None, "{same}");
    }
    // Broken off again and again: it ends, and nothing leaves.
    let broken = "x ".to_owned() + &"{\"a\":[\"b\",".repeat(20_000);
    assert_eq!(text(&broken), REDACTED);
    let links = "[[Link]] ".repeat(20_000);
    assert_eq!(text(&links), links);
}

#[test]
fn names_and_values_in_documents() {
    for (document, wanted) in [
        (r#"{"name":"csrf_token","value":"x"}"#, r#"{"name":"csrf_token","value":"[redacted]"}"#),
        (r#"{"value":"x","name":"csrf_token"}"#, r#"{"value":"[redacted]","name":"csrf_token"}"#),
        (
            r#"{"value" : {"a":[1]} , "b":2, "type":"password"}"#,
            r#"{"value" : "[redacted]" , "b":2, "type":"password"}"#,
        ),
        (
            r#"[{"key":"smtp.password","value":"x"},{"key":"smtp.host","value":"y"}]"#,
            r#"[{"key":"smtp.password","value":"[redacted]"},{"key":"smtp.host","value":"y"}]"#,
        ),
        (
            r#"{"attributes":{"name":"password","type":"password","value":"x"}}"#,
            r#"{"attributes":{"name":"password","type":"password","value":"[redacted]"}}"#,
        ),
        (
            r#"{"setting_name":"api_key","setting_value":"x","old_value":"y"}"#,
            r#"{"setting_name":"api_key","setting_value":"[redacted]","old_value":"[redacted]"}"#,
        ),
        (r#"{"key":"client_secret","data":"x"}"#, r#"{"key":"client_secret","data":"[redacted]"}"#),
        (
            r#"{"na\u006de":"p\u0061ssword","value":"x"}"#,
            r#"{"na\u006de":"p\u0061ssword","value":"[redacted]"}"#,
        ),
        (r#"["password", "x"]"#, r#"["password", "[redacted]"]"#),
        (r#"{"a":[["password","x" ],["user","y"]]}"#, r#"{"a":[["password","[redacted]" ],["user","y"]]}"#),
        (
            r#"{"a":"{\"name\":\"pin\",\"value\":\"1234\"}"}"#,
            r#"{"a":"{\"name\":\"pin\",\"value\":\"[redacted]\"}"}"#,
        ),
        (r#"{"kty":"RSA","n":"x","e":"AQAB","d":"y","p":"z"}"#, r#"{"kty":"RSA","n":"x","e":"AQAB"}"#),
        (
            r#"{"keys":[{"k":"y","alg":"HS256","kty":"oct"},{"kty":"EC","x":"1","y":"2"}]}"#,
            r#"{"keys":[{"alg":"HS256","kty":"oct"},{"kty":"EC","x":"1","y":"2"}]}"#,
        ),
    ] {
        assert_eq!(json(document), wanted);
    }
    for same in [
        r#"{"name":"Anna","value":"x"}"#,
        r#"{"name":"How do I reset the password of my own account?","value":"x"}"#,
        r#"{"type":"password_changed","data":{"ip":"::1"}}"#,
        r#"{"name":"password_required","value":true}"#,
        r#"{"name":"min_password_length","value":"8"}"#,
        r#"{"amr":["pwd","otp"],"methods":["password","token"]}"#,
        r#"["password","email"]"#,
        r#"["password","x","y"]"#,
        r#"["password"]"#,
        r#"{"d":"x","k":"y","q":"z"}"#,
        r#"{"value":1,"unit":"kg"}"#,
    ] {
        assert_eq!(scrubber().json(same, Care::default()).unwrap(), None, "{same}");
    }
    let nested = format!("{}1{}", r#"{"value":"#.repeat(400), "}".repeat(400));
    assert!(json(&nested).len() <= nested.len());
}

#[test]
fn secrets_by_their_value_in_documents_and_texts() {
    let key = "-----BEGIN PRIVATE KEY-----\\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\\n-----END PRIVATE KEY-----";
    assert_eq!(json(&format!(r#"{{"a": "{key}", "b": [1]}}"#)), r#"{"a": "[redacted]", "b": [1]}"#);
    assert_eq!(json(r#"["https:\/\/anna:xyz@host.d"]"#), r#"["https://anna:[redacted]@host.d"]"#);
    assert_eq!(
        json(r#"{"link": "redis://:xyz@host1", "n": 1}"#),
        r#"{"link": "redis://:[redacted]@host1", "n": 1}"#
    );
    assert_eq!(text("x redis://:xyz@host1 {\"pin\":\"1\"}"), "x redis://:[redacted]@host1 {}");
    let care = Care { mask: Some(&Mask::Last4), ..Care::default() };
    assert_eq!(
        scrubber().json(r#"["a redis://:geheim@host1234"]"#, care).unwrap().unwrap(),
        format!("[\"{}1234\"]", "*".repeat("a redis://:[redacted]@host".len()))
    );
    let mut scrubber = scrubber();
    scrubber
        .json(r#"{"pin": "1", "a": "redis://:xyz@host1", "b": ["token", "Y"]}"#, Care::default())
        .unwrap();
    assert_eq!(scrubber.take_removed(), Removed { keys: 1, values: 2 });
    assert_eq!(scrubber.take_removed(), Removed::default());
}

#[test]
fn what_is_too_deep_does_not_leave() {
    let deep = |levels: usize| format!("{}{}{}", "[".repeat(levels), r#"{"token":"1"}"#, "]".repeat(levels));
    assert_eq!(json(&deep(400)), deep(400).replace(r#""token":"1""#, ""));
    assert_eq!(json(&deep(600)), r#""[redacted]""#);
    assert_eq!(text(&deep(600)), REDACTED);
    assert_eq!(json("{\"a\":"), r#""[redacted]""#);
    let many = serde_json::to_string(&deep(300)).unwrap();
    assert!(!json(&format!("{}{many}{}", "[".repeat(300), "]".repeat(300))).contains("token"));
}

/// A key of megabytes is not taken apart, and is not remembered.
#[test]
fn a_key_that_is_too_long_to_be_one_is_a_secrets() {
    let long = |length: usize| format!(r#"{{"{}":"x","a":1}}"#, "k_".repeat(length / 2));
    assert_eq!(json(&long(64 * 1024)), long(64 * 1024));
    for length in [64 * 1024 + 2, 20_000_000] {
        assert_eq!(json(&long(length)), r#"{"a":1}"#);
    }
}

#[test]
fn what_is_personal_is_redacted_null_and_booleans_stay() {
    assert_eq!(
        personal(
            r#"{"email": "a@b.c", "email_verified": true, "name": {"first": "A"}, "phones": [1], "x": {"mobile": null, "userName": 7}, "name_id": 1}"#
        ),
        r#"{"email": "[redacted]", "email_verified": true, "name": "[redacted]", "phones": "[redacted]", "x": {"mobile": null, "userName": "[redacted]"}, "name_id": 1}"#
    );
    assert_eq!(
        personal(r#"{"token":"x","email":"y","a":"{\"name\":\"z\"}"}"#),
        r#"{"email":"[redacted]","a":"{\"name\":\"[redacted]\"}"}"#
    );
}

#[test]
fn scalars_are_disguised_and_the_structure_kept() {
    let care = Care { mask: Some(&Mask::Last4), ..Care::default() };
    let document =
        r#"{"a": "abcdef", "b": [12345, true, null], "pin": "1", "c": "{\"d\":\"\u00e9bcdef\"}", "e": {}}"#;
    assert_eq!(
        scrubber().json(document, care).unwrap().unwrap(),
        r#"{"a": "***def", "b": ["***45", "****", null], "c": "{\"d\":\"***def\"}", "e": {}}"#
    );
    assert_eq!(scrubber().json("null", care).unwrap(), None);
}

#[test]
fn texts_made_of_documents() {
    assert_eq!(made_of_json(r#"x {"password": "v"}"#), REDACTED);
    assert_eq!(made_of_json(r#"{"password": "v", "a": 1}"#), r#"{"a": 1}"#);
    assert_eq!(made_of_json(r#"{"a": "x {\"password\": \"v\"}"}"#), r#"{"a": "[redacted]"}"#);
    assert_eq!(made_of_json(r#"x {"a": "v"}"#), r#"x {"a": "v"}"#);
    let care = Care { fragments: true, personal: true, ..Care::default() };
    assert_eq!(scrubber().text(r#"x {"email": "v"}"#, care).unwrap().as_deref(), Some(REDACTED));
}

/// A plain tree without its secrets.
fn drop_secrets(value: &mut Value) {
    let names = Names::standard();
    match value {
        Value::Object(object) => {
            object.retain(|key, value| !names.is_secret(key) || value.is_null() || value.is_boolean());
            object.values_mut().for_each(drop_secrets);
        }
        Value::Array(array) => array.iter_mut().for_each(drop_secrets),
        _ => {}
    }
}

fn documents(leaf: impl Strategy<Value = Value> + Clone + 'static) -> impl Strategy<Value = Value> {
    let key = prop_oneof![Just("password".to_owned()), Just("apiKey".to_owned()), "[a-z]{1,5}", ".{0,3}"];
    leaf.prop_recursive(6, 64, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((key.clone(), inner), 0..6)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

fn leaves() -> impl Strategy<Value = Value> + Clone {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        // Nothing in it looks like a part of a document, which is searched by other rules.
        "[^\\[{\"\\\\]{0,20}".prop_map(Value::from)
    ]
}

/// One way in which SQL wraps a document up in a text.
fn wrapped(text: &str, how: u8) -> String {
    match how % 7 {
        0 => serde_json::to_string(text).unwrap(),
        1 => format!("\"{}\"", text.replace('"', "\"\"")),
        2 => format!("{{{}}}", serde_json::to_string(text).unwrap()),
        3 => format!("(1,\"{}\",x)", text.replace('"', "\"\"").replace('\\', "\\\\")),
        4 => format!("note: {text}, {text}"),
        5 => text.replace(':', " : ").replace('{', "{\n  "),
        _ => format!("[{text}] {text}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// The walk leaves just what is left of a tree.
    #[test]
    fn walk_and_tree_agree(value in documents(leaves()), pretty: bool) {
        let mut clean = value.clone();
        drop_secrets(&mut clean);
        let document = if pretty { serde_json::to_string_pretty(&value).unwrap() } else { value.to_string() };
        prop_assert_eq!(serde_json::from_str::<Value>(&json(&document)).unwrap(), clean);
    }

    /// A string is read as it was written.
    #[test]
    fn escapes(string in ".*") {
        let written = serde_json::to_string(&string).unwrap();
        prop_assert_eq!(unescape(&written[1..written.len() - 1]), string.as_str());
        let units: String = string.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
        prop_assert_eq!(unescape(&units), string.as_str());
    }

    /// Whatever a text looks like, it is walked to an end.
    #[test]
    fn no_text_breaks_the_walk(near in r#"[\[\]{}",:a1\\u \n-]{0,40}"#, far in ".*") {
        for text in [near, far] {
            for care in [Care::default(), Care { fragments: true, personal: true, ..Care::default() }] {
                let _ = scrubber().json(&text, care);
                let _ = scrubber().text(&text, care);
            }
        }
    }

    /// However a document is put into a text, a secret in it is not in what leaves.
    #[test]
    fn no_concatenation_carries_a_secret(
        around in documents(Just(json!("x"))),
        key in prop_oneof![Just("password"), Just("apiKey"), Just("my password \"really\""), Just("badge_no"), Just("a\ttoken")],
        escaped: bool,
        hows in prop::collection::vec(any::<u8>(), 0..5),
        (before, after) in prop_oneof![Just((String::new(), String::new())), (".{0,8}", ".{0,8}")],
    ) {
        let key = if escaped {
            format!("\"{}\"", key.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect::<String>())
        } else {
            serde_json::to_string(key).unwrap()
        };
        let document = format!(r#"{{"a": {around}, {key}: {{"v": ["S3CR3T"]}}, "b": 1}}"#);
        let text = hows.iter().fold(document, |text, how| wrapped(&text, *how));
        let text = format!("{before}{text}{after}");
        prop_assert!(!made_of_json(&text).contains("S3CR3T"), "{}", text);
    }
}
