use super::super::{fixture, parse};
use super::tests::{accepted, refused};
use super::*;
use serde_json::{json, Value};

#[test]
fn elements() {
    assert!(accepted(json!({ "attributes": { "any": { "type": "work", "a.b": { "gt": 1 } } } })));
    assert!(accepted(
        json!({ "raw.list": { "any": { "not": { "l": { "any": { "value": ["x", null] } } } } } })
    ));
    refused(
        json!({ "attributes.x": { "any": { "a.token": "x" } } }),
        "42501",
        "key \"token\" of path \"attributes.x.a.token\" is never exported",
    );
    refused(
        json!({ "attributes": { "any": { "l": { "any": { "or": [{ "a": 1 }, { "password": null }] } } } } }),
        "42501",
        "key \"password\" of path \"attributes.l.password\" is never exported",
    );
    refused(
        json!({ "attributes.token": { "any": { "a": 1 } } }),
        "42501",
        "key \"token\" of path \"attributes.token\" is never exported",
    );
    refused(
        json!({ "attributes": { "any": { "a..b": 1 } } }),
        "22023",
        "path \"attributes.a..b\" in the filter has an empty or invalid key",
    );
    refused(
        json!({ "pin": { "any": { "a": 1 } } }),
        "42501",
        "field \"pin\" cannot be filtered on: it holds a credential",
    );
    refused(
        json!({ "roles": { "any": { "value": "x" } } }),
        "22023",
        "operator any cannot be used on field \"roles\" of type text[] in the filter",
    );
    // Names in an element are keys: no stand-ins, no fields.
    assert!(accepted(json!({ "attributes": { "any": { "created_after": { "lt": "x" }, "pin": 1 } } })));
    // A long name is not copied for each condition in it.
    let conditions: Vec<Value> = (0..900).map(|index| json!({ index.to_string(): 1 })).collect();
    let filter =
        parse(&json!({ format!("attributes.{}", "x".repeat(900_000)): { "any": { "or": conditions } } }))
            .unwrap();
    let dataset = fixture::dataset();
    let Node::Leaf(leaf) = check(&filter, &dataset, &fixture::is_secret).unwrap() else { panic!("one leaf") };
    let Test::Element(inner) = leaf.test else { panic!("an element") };
    let Node::Any(leaves) = *inner else { panic!("or") };
    assert!(leaves.iter().all(|node| matches!(node, Node::Leaf(leaf) if leaf.name.len() < 100)));
}

/// RFC 7643, section 3.1: the key is case-exact, so that its index serves.
#[test]
fn the_key_is_compared_exactly() {
    let mut dataset = fixture::dataset();
    dataset.key = vec!["login".into()];
    for (name, ci) in [("login", false), ("email", true), ("attributes.login", true)] {
        let filter = parse(&json!({ name: { "eq": "x", "ci": true } })).unwrap();
        let Node::Leaf(leaf) = check(&filter, &dataset, &fixture::is_secret).unwrap() else {
            panic!("one leaf")
        };
        assert_eq!(leaf.ci, ci, "{name}");
    }
}
