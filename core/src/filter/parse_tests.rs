use super::*;
use crate::filter::limits::MAX_CONDITIONS;
use serde_json::json;

fn leaf(name: &str, operator: Operator, operand: Operand, ci: bool) -> Node<Condition> {
    Node::Leaf(Condition { name: name.into(), operator, word: operator.name(), operand, ci })
}

fn text(value: &str) -> Scalar {
    Scalar::Text(value.into())
}

fn refused(document: Value, sqlstate: &str, message: &str) -> Error {
    let error = parse(&document).unwrap_err();
    assert_eq!((error.kind.sqlstate(), error.message.as_str()), (sqlstate, message), "{document}");
    error
}

#[test]
fn shorthands() {
    let one = |value: Scalar| Operand::One(value);
    assert_eq!(parse(&json!({ "a": "x" })).unwrap(), leaf("a", Operator::Eq, one(text("x")), false));
    assert_eq!(
        parse(&json!({ "a": true })).unwrap(),
        leaf("a", Operator::Eq, one(Scalar::Bool(true)), false)
    );
    assert_eq!(parse(&json!({ "a": null })).unwrap(), leaf("a", Operator::Eq, one(Scalar::Null), false));
    let list = Operand::Many(vec![text("x"), Scalar::Null]);
    assert_eq!(parse(&json!({ "a": ["x", null] })).unwrap(), leaf("a", Operator::In, list, false));
    assert_eq!(parse(&json!({})).unwrap(), Node::All(Vec::new()));
}

#[test]
fn numbers_keep_their_digits() {
    let document: Value = serde_json::from_str(r#"{"a": 123456789012345678901234567890.10}"#).unwrap();
    let number = Scalar::Number("123456789012345678901234567890.10".into());
    assert_eq!(parse(&document).unwrap(), leaf("a", Operator::Eq, Operand::One(number), false));
}

#[test]
fn every_operator_and_ci() {
    for operator in Operator::ALL.into_iter().filter(|operator| *operator != Operator::Any) {
        let document = json!({ "a": { operator.name(): "x", "ci": true } });
        assert_eq!(parse(&document).unwrap(), leaf("a", operator, Operand::One(text("x")), true));
    }
    assert_eq!(
        parse(&json!({ "a": { "ge": "x", "lt": "y", "ci": false } })).unwrap(),
        Node::All(vec![
            leaf("a", Operator::Ge, Operand::One(text("x")), false),
            leaf("a", Operator::Lt, Operand::One(text("y")), false),
        ])
    );
}

/// The operators of the seeds' console, each as the conditions of SCIM that it stands for.
#[test]
fn synonyms() {
    let said = |word: &'static str, operator: Operator, operand: Scalar| {
        Node::Leaf(Condition { name: "a".into(), operator, word, operand: Operand::One(operand), ci: true })
    };
    let not = |node| Node::Not(Box::new(node));
    for (word, operator) in [
        ("is", Operator::Eq),
        ("is_not", Operator::Ne),
        ("contains", Operator::Co),
        ("starts_with", Operator::Sw),
        ("ends_with", Operator::Ew),
        ("from", Operator::Ge),
        ("to", Operator::Le),
    ] {
        assert_eq!(
            parse(&json!({ "a": { word: "x", "ci": true } })).unwrap(),
            said(word, operator, text("x"))
        );
    }
    let without = parse(&json!({ "a": { "does_not_contain": "x", "ci": true } })).unwrap();
    assert_eq!(without, not(said("does_not_contain", Operator::Co, text("x"))));
    for (word, operator, given) in [
        ("has_any_value", Operator::Pr, true),
        ("is_unknown", Operator::Pr, false),
        ("checked", Operator::Eq, true),
        ("unchecked", Operator::Eq, false),
    ] {
        let leaf = || said(word, operator, Scalar::Bool(given));
        assert_eq!(parse(&json!({ "a": { word: true, "ci": true } })).unwrap(), leaf());
        assert_eq!(parse(&json!({ "a": { word: false, "ci": true } })).unwrap(), not(leaf()));
    }
}

#[test]
fn elements() {
    let inner = leaf("b", Operator::Co, Operand::One(text("x")), true);
    let element = |inner| leaf("a", Operator::Any, Operand::Element(Box::new(inner)), false);
    assert_eq!(
        parse(&json!({ "a": { "any": { "b": { "co": "x", "ci": true } } } })).unwrap(),
        element(inner.clone())
    );
    assert_eq!(
        parse(&json!({ "a": { "any": { "or": [{ "a": { "any": { "b": { "co": "x", "ci": true } } } }, { "b": 1 }] } } })).unwrap(),
        element(Node::Any(vec![
            element(inner),
            leaf("b", Operator::Eq, Operand::One(Scalar::Number("1".into())), false)
        ]))
    );
}

#[test]
fn connectives_nest() {
    let a = || leaf("a", Operator::Eq, Operand::One(text("x")), false);
    let document =
        json!({ "or": [{ "a": "x" }, { "not": { "and": [{ "a": "x" }, { "a": "x" }] } }], "a": "x" });
    assert_eq!(
        parse(&document).unwrap(),
        Node::All(vec![Node::Any(vec![a(), Node::Not(Box::new(Node::All(vec![a(), a()])))]), a()])
    );
}

#[test]
fn what_is_no_filter() {
    for document in [json!(null), json!([]), json!("x"), json!(1)] {
        let error = parse(&document).unwrap_err();
        assert_eq!(error.kind.sqlstate(), "22023");
        assert!(error.message.starts_with("the filter must be a JSON object, not "), "{}", error.message);
        assert!(error.hint.is_some());
    }
    refused(json!({ "or": {} }), "22023", "\"or\" in the filter takes an array, not an object");
    refused(json!({ "or": [] }), "22023", "\"or\" in the filter must not be empty");
    refused(json!({ "and": [1] }), "22023", "\"and\" in the filter must contain objects, not a number");
    refused(
        json!({ "or": [{ "a": 1 }, {}] }),
        "22023",
        "\"or\" in the filter must not contain an empty object",
    );
    refused(json!({ "not": [] }), "22023", "\"not\" in the filter must contain objects, not an array");
    refused(json!({ "not": {} }), "22023", "\"not\" in the filter must not contain an empty object");
    refused(json!({ "a": {} }), "22023", "field \"a\" in the filter has no operator");
    refused(json!({ "a": { "ci": true } }), "22023", "field \"a\" in the filter has no operator");
    refused(
        json!({ "a": { "eq": 1, "ci": 1 } }),
        "22023",
        "\"ci\" of field \"a\" in the filter must be true or false, not a number",
    );
    let error = refused(
        json!({ "a": { "EQ": 1 } }),
        "22023",
        "unknown operator \"EQ\" for field \"a\" in the filter",
    );
    let hint = error.hint.unwrap();
    assert!(
        hint.starts_with(
            "Known operators: eq, ne, co, sw, ew, gt, ge, lt, le, pr, in, any; synonyms: is, is_not, "
        ),
        "{hint}"
    );
    assert!(hint.ends_with(", from, to."), "{hint}");
    for word in ["checked", "unchecked", "is_unknown", "has_any_value"] {
        let message =
            format!("operator {word} of field \"a\" in the filter needs true or false, not a string");
        assert!(refused(json!({ "a": { word: "yes" } }), "22023", &message).hint.unwrap().contains(word));
    }
    refused(json!({ "a": { "any": {} } }), "22023", "\"any\" in the filter must not contain an empty object");
    refused(
        json!({ "a": { "any": [1] } }),
        "22023",
        "operator any of field \"a\" in the filter needs an object, not an array",
    );
}

#[test]
fn limits() {
    let conditions = |count: usize| json!({ "or": vec![json!({ "a": 1 }); count] });
    assert!(parse(&conditions(MAX_CONDITIONS)).is_ok());
    refused(conditions(MAX_CONDITIONS + 1), "54000", "the filter has more than 1000 conditions");
    assert!(parse(&json!({ "a": vec![1; 100_000] })).is_ok());
    let deep = (0..100).fold(json!({ "a": 1 }), |inner, _| json!({ "not": inner }));
    refused(deep, "54000", "the filter is nested deeper than 64 levels");
    refused(json!({ "a": "x".repeat(2_000_000) }), "54000", "the filter is larger than 1 MB");
}

/// Deeper than serde_json reads: the walk must not use the stack. Dropping such a value would, so it is
/// leaked.
#[test]
fn depth_beyond_any_parser() {
    let deep = (0..200_000).fold(json!({}), |inner, _| Value::Array(vec![inner]));
    assert_eq!(parse(&deep).unwrap_err().kind.sqlstate(), "54000");
    std::mem::forget(deep);
}

#[test]
fn operators_are_no_keys_of_an_element() {
    for element in [json!({ "eq": "de" }), json!({ "sw": "d", "ci": true }), json!({ "ge": 1, "lt": 3 })] {
        let error = parse(&json!({ "attributes.languages": { "any": element } })).unwrap_err();
        assert_eq!(error.kind.sqlstate(), "22023", "{element}");
        assert!(error.message.contains("needs keys of an element"), "{}", error.message);
    }
    // Beside a key they are keys themselves.
    assert!(parse(&json!({ "attributes.languages": { "any": { "in": "x", "type": "y" } } })).is_ok());
}
