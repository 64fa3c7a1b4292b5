//! Properties of every document and every SCIM string: no panic, and SQL made of nothing but placeholders and known
//! columns.

use super::ast::Operator;
use super::{compile, fixture, parse, scim, synonym, Value as Bound};
use proptest::prelude::*;
use serde_json::{Map, Value};

/// Part of every text that stands for the requester's; no column and no SQL of ours holds it.
const SENTINEL: &str = "zqx";

fn hostile() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(format!("{SENTINEL}'; DROP TABLE t; --")),
        Just(format!("{SENTINEL}\") OR (1=1")),
        Just(format!("$1 {SENTINEL} %_\\")),
        Just(format!("{SENTINEL}\u{0}é")),
        any::<String>().prop_map(|text| format!("{SENTINEL}{text}")),
        any::<i64>().prop_map(|number| format!("77{SENTINEL}{number}")),
    ]
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        hostile().prop_map(Value::from),
    ]
}

/// Keys that mean something, with a few that do not.
fn key() -> impl Strategy<Value = String> {
    let fields: Vec<String> = fixture::FIELDS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let words =
        ["or", "and", "not", "created_after", "created_before", "updated_after", "pin", "attributes.token"];
    prop_oneof![
        6 => prop::sample::select(fields),
        3 => prop::sample::select(words.to_vec()).prop_map(str::to_owned),
        2 => hostile().prop_map(|text| format!("attributes.{text}")),
        1 => hostile(),
    ]
}

/// Operators beside a field, mostly such that it takes.
fn test() -> impl Strategy<Value = Value> {
    let operators: Vec<&str> =
        Operator::ALL.iter().map(|operator| operator.name()).chain(synonym::names()).collect();
    let element_key = prop_oneof![Just("value".to_owned()), Just("a.b".to_owned()), hostile()];
    let element = prop::collection::vec((element_key, scalar()), 1..3)
        .prop_map(|entries| serde_json::json!({ "any": object_of(entries) }));
    prop_oneof![
        2 => scalar(),
        2 => prop::collection::vec(scalar(), 0..4).prop_map(Value::from),
        1 => element,
        3 => (prop::sample::select(operators), scalar(), any::<bool>()).prop_map(|(operator, value, ci)| {
            let value = match operator {
                "pr" | "has_any_value" | "is_unknown" | "checked" | "unchecked" => Value::from(ci),
                "in" => Value::from(vec![value]),
                _ => value,
            };
            serde_json::json!({ operator: value, "ci": ci })
        }),
    ]
}

fn object_of(entries: Vec<(String, Value)>) -> Value {
    Value::Object(entries.into_iter().collect::<Map<String, Value>>())
}

fn document() -> impl Strategy<Value = Value> {
    let flat = prop::collection::vec((key(), test()), 1..3).prop_map(object_of);
    flat.prop_recursive(5, 48, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..4).prop_map(|items| serde_json::json!({ "or": items })),
            prop::collection::vec(inner.clone(), 1..4).prop_map(|items| serde_json::json!({ "and": items })),
            inner.clone().prop_map(|item| serde_json::json!({ "not": item })),
            prop::collection::vec((key(), inner), 0..3).prop_map(object_of),
        ]
    })
}

/// Any JSON at all.
fn anything() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(8, 64, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((any::<String>(), inner), 0..6).prop_map(object_of),
        ]
    })
}

/// Parentheses outside quotes close in order; no quote stays open.
fn is_balanced(sql: &str) -> bool {
    let mut open = 0usize;
    let mut quote = None;
    for character in sql.chars() {
        match (quote, character) {
            (Some(mark), _) if character == mark => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(character),
            (None, '(') => open += 1,
            (None, ')') if open == 0 => return false,
            (None, ')') => open -= 1,
            (None, _) => {}
        }
    }
    open == 0 && quote.is_none()
}

/// The numbers of all placeholders, each once, sorted.
fn placeholders(sql: &str) -> Vec<usize> {
    // The one path of JSON that the SQL spells out itself.
    let sql = sql.replace("'$[*]'", "");
    let mut numbers: Vec<usize> = sql
        .split('$')
        .skip(1)
        .map(|rest| rest.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap())
        .collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}

fn holds(document: &Value, first: usize) -> bool {
    let dataset = fixture::dataset();
    let clause = match compile(document, &dataset, first, &fixture::is_secret, "shown") {
        Ok(clause) => clause,
        Err(error) => {
            assert!(matches!(error.kind.sqlstate(), "22023" | "42501" | "54000"), "{error:?}");
            assert!(error.message.len() < 1_000, "{}", error.message);
            return false;
        }
    };
    assert!(is_balanced(&clause.sql), "{}", clause.sql);
    assert!(!clause.sql.contains(SENTINEL), "{}", clause.sql);
    let expected: Vec<usize> = (first..first + clause.params.len()).collect();
    assert_eq!(placeholders(&clause.sql), expected, "{}", clause.sql);
    for param in &clause.params {
        let texts = match &param.value {
            Bound::One(text) => std::slice::from_ref(text),
            Bound::Many(texts) => texts,
        };
        assert!(texts.iter().all(|text| !text.contains('\0')), "{param:?}");
    }
    true
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn likely_documents(document in document(), first in 1usize..2_000) {
        holds(&document, first);
    }

    #[test]
    fn any_document(document in anything()) {
        holds(&document, 1);
    }

    #[test]
    fn any_text_that_is_json(text in any::<String>()) {
        if let Ok(document) = serde_json::from_str(&text) {
            holds(&document, 1);
        }
    }

    #[test]
    fn scim_strings_mean_what_they_were_made_of((text, expected) in scim_filter()) {
        prop_assert_eq!(scim::document(&text).unwrap(), expected);
    }

    #[test]
    fn any_scim_string(words in prop::collection::vec(scim_word(), 0..20), text in any::<String>()) {
        for text in [words.concat(), words.join(" "), text] {
            match scim::document(&text) {
                Ok(document) => {
                    parse(&document).unwrap();
                    holds(&document, 1);
                }
                Err(error) => {
                    assert!(matches!(error.kind.sqlstate(), "22023" | "54000"), "{error:?}");
                    assert!(!format!("{error:?}").contains(SENTINEL), "{error:?}");
                }
            }
        }
    }
}

/// Pieces of SCIM strings, in whatever order.
fn scim_word() -> impl Strategy<Value = String> {
    let words = [
        "(",
        ")",
        "[",
        "]",
        ".",
        "not",
        "and",
        "or",
        "pr",
        "eq",
        "co",
        "gt",
        "email",
        "attributes",
        "attributes.a",
        "id",
        "urn:x:2.0:",
        "null",
        "true",
        "-1.5e3",
        " ",
        "\"",
        "\\",
        "\"x\"",
    ];
    prop_oneof![
        9 => prop::sample::select(words.to_vec()).prop_map(str::to_owned),
        1 => Just(SENTINEL.to_owned()),
    ]
}

/// A SCIM string and the document that it stands for.
fn scim_filter() -> impl Strategy<Value = (String, Value)> {
    let operators = ["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"];
    let value = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(|text| Value::from(text.replace('\0', ""))),
    ];
    let path = prop::sample::select(vec!["email", "attributes.a.b", "name.familyName", "größe"]);
    let urn = prop::sample::select(vec!["", "urn:ietf:params:scim:schemas:core:2.0:User:"]);
    let compared = (path.clone(), urn, prop::sample::select(operators.to_vec()), value, any::<bool>())
        .prop_map(|(path, urn, operator, value, upper)| {
            let typed = if upper { operator.to_uppercase() } else { operator.to_owned() };
            let text = format!("{urn}{path} {typed} {value}");
            let test = match value {
                Value::String(_) => serde_json::json!({ operator: value, "ci": true }),
                _ => serde_json::json!({ operator: value }),
            };
            (text, serde_json::json!({ path: test }))
        });
    let present =
        path.clone().prop_map(|path| (format!("{path} PR"), serde_json::json!({ path: { "pr": true } })));
    prop_oneof![3 => compared, 1 => present].prop_recursive(4, 24, 4, move |inner| {
        let many = prop::collection::vec(inner.clone(), 2..4);
        let joined = |word: &'static str| {
            move |parts: Vec<(String, Value)>| {
                // Each in parentheses: precedence has tests of its own.
                let text: Vec<String> = parts.iter().map(|(text, _)| format!("({text})")).collect();
                let documents: Vec<&Value> = parts.iter().map(|(_, document)| document).collect();
                (text.join(&format!(" {word} ")), serde_json::json!({ word: documents }))
            }
        };
        prop_oneof![
            many.clone().prop_map(joined("and")),
            many.prop_map(joined("or")),
            inner.clone().prop_map(|(text, document)| (
                format!("not ({text})"),
                serde_json::json!({ "not": document })
            )),
            (path.clone(), inner).prop_map(|(path, (text, document))| {
                (format!("{path}[{text}]"), serde_json::json!({ path: { "any": document } }))
            }),
        ]
    })
}

/// The properties above would hold for a generator whose documents are all refused.
#[test]
fn the_generator_reaches_sql() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let accepted = (0..500)
        .filter(|_| {
            let tree = document().new_tree(&mut runner).unwrap();
            holds(&tree.current(), 1)
        })
        .count();
    assert!(accepted > 50, "{accepted} of 500");
}
