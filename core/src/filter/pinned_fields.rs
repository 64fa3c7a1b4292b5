//! The fields that a filter pins to values, for a policy's `require_filter`.
//!
//! A comparison with a value does, and being NULL; `ne`, `pr` and not being NULL leave nearly every row, as does an empty text
//! beside `co`, `sw`, `ew` or an order. Beside `or` every branch has to, within `not` nothing does.

use super::ast::{Node, Operator, Resolved, Test};
use std::collections::BTreeSet;

/// Names of the fields that every row which passes was compared on.
pub fn narrowed(node: &Node<Resolved<'_>>) -> BTreeSet<String> {
    match node {
        Node::All(nodes) => nodes.iter().flat_map(narrowed).collect(),
        Node::Any(nodes) => {
            let mut branches = nodes.iter().map(narrowed);
            let first = branches.next().unwrap_or_default();
            branches.fold(first, |all, branch| &all & &branch)
        }
        Node::Not(_) => BTreeSet::new(),
        Node::Leaf(leaf) if narrows(leaf) => BTreeSet::from([leaf.field.name.clone()]),
        Node::Leaf(_) => BTreeSet::new(),
    }
}

fn narrows(leaf: &Resolved<'_>) -> bool {
    match &leaf.test {
        Test::Null { is } => *is,
        Test::Present { .. } => false,
        Test::Compare { value, .. } => match leaf.operator {
            Operator::Eq => true,
            Operator::Ne => false,
            _ => !value.is_empty(),
        },
        Test::OneOf { .. } => true,
        Test::Element(element) => !narrowed(element).is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{check, fixture, parse};
    use super::*;
    use serde_json::json;

    fn fields(filter: serde_json::Value) -> Vec<String> {
        let dataset = fixture::dataset();
        let parsed = parse(&filter).unwrap();
        narrowed(&check(&parsed, &dataset, &fixture::is_secret).unwrap()).into_iter().collect()
    }

    #[test]
    fn comparisons_with_a_value() {
        assert_eq!(fields(json!({})), Vec::<String>::new());
        assert_eq!(fields(json!({ "email": "x", "age": { "gt": 3 } })), ["age", "email"]);
        for test in [json!(null), json!([]), json!([null, "x"]), json!({ "ew": "@x" }), json!("")] {
            assert_eq!(fields(json!({ "email": test })), ["email"], "{test}");
        }
        assert_eq!(fields(json!({ "created_after": "2025-01-01" })), ["created_at"]);
        assert_eq!(fields(json!({ "attributes.department": "x" })), ["attributes"]);
        assert_eq!(fields(json!({ "attributes": { "any": { "type": "x" } } })), ["attributes"]);
        assert_eq!(fields(json!({ "email": { "ne": "x", "sw": "y" } })), ["email"]);
    }

    #[test]
    fn what_leaves_nearly_every_row() {
        for test in [
            json!({ "ne": "x" }),
            json!({ "ne": null }),
            json!({ "pr": true }),
            json!({ "pr": false }),
            json!({ "sw": "" }),
            json!({ "co": "", "ci": true }),
            json!({ "ge": "" }),
        ] {
            assert_eq!(fields(json!({ "email": test })), Vec::<String>::new(), "{test}");
        }
    }

    #[test]
    fn connectives() {
        assert_eq!(fields(json!({ "not": { "email": { "ne": "x" } } })), Vec::<String>::new());
        assert_eq!(fields(json!({ "or": [{ "email": "x" }, { "age": 1 }] })), Vec::<String>::new());
        assert_eq!(fields(json!({ "or": [{ "email": "x" }, { "age": 1, "email": "y" }] })), ["email"]);
        assert_eq!(fields(json!({ "or": [{ "email": "x" }] })), ["email"]);
        let nested =
            json!({ "and": [{ "or": [{ "email": "x" }, { "not": { "email": "x" } }] }, { "age": 1 }] });
        assert_eq!(fields(nested), ["age"]);
    }
}
