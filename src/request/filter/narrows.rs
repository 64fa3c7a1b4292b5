//! Which fields a filter really narrows the export by: for the policy that requires a filter on some
//! (contract, section 12).
//!
//! Being mentioned is not enough: `{"or": [{"store": 1}, {"id": {"pr": true}}]}` names `store` and gives
//! every row. A field counts when no row can pass without a positive test on it.

use super::ast::{Node, Operator, Resolved, Test};

/// The fields that every row of the result was tested on, sorted, each once.
///
/// Counted are `eq`, `in`, the orderings and patterns with a text; not `ne`, `pr`, anything inside `not`, a
/// path into a JSON field, and in an `or` only what all of its branches test.
pub fn narrowed_fields<'d>(node: &Node<Resolved<'d>>) -> Vec<&'d str> {
    let mut names = match node {
        Node::All(nodes) => nodes.iter().flat_map(narrowed_fields).collect(),
        Node::Any(nodes) => {
            let mut branches = nodes.iter().map(narrowed_fields);
            let mut common = branches.next().unwrap_or_default();
            for branch in branches {
                common.retain(|name| branch.contains(name));
            }
            common
        }
        Node::Not(_) => Vec::new(),
        Node::Leaf(leaf) if narrows(leaf) => vec![leaf.field.name.as_str()],
        Node::Leaf(_) => Vec::new(),
    };
    names.sort_unstable();
    names.dedup();
    names
}

fn narrows(leaf: &Resolved<'_>) -> bool {
    if !leaf.path.is_empty() {
        return false;
    }
    match &leaf.test {
        Test::Null { is } => *is,
        Test::Present { .. } => false,
        Test::OneOf { .. } => true,
        // Every text contains the empty one.
        Test::Compare { value, .. } => match leaf.operator {
            Operator::Ne => false,
            Operator::Co | Operator::Sw | Operator::Ew => !value.is_empty(),
            _ => true,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::super::{check, fixture, parse};
    use super::*;
    use serde_json::json;

    fn narrowed(filter: serde_json::Value) -> Vec<String> {
        let dataset = fixture::dataset();
        let checked = check(&parse(&filter).unwrap(), &dataset, &fixture::is_secret).unwrap();
        narrowed_fields(&checked).into_iter().map(str::to_owned).collect()
    }

    #[test]
    fn only_what_every_row_was_tested_on() {
        assert_eq!(narrowed(json!({})), [""; 0]);
        assert_eq!(
            narrowed(json!({ "id": 1, "email": { "sw": "a" }, "created_after": "2025-01-01" })),
            ["created_at", "email", "id"]
        );
        assert_eq!(narrowed(json!({ "or": [{ "id": 1 }, { "email": { "pr": true } }] })), [""; 0]);
        assert_eq!(narrowed(json!({ "or": [{ "id": 1, "email": "x" }, { "id": [2] }] })), ["id"]);
        assert_eq!(narrowed(json!({ "not": { "id": 1 } })), [""; 0]);
        assert_eq!(
            narrowed(json!({ "id": { "ne": 1 }, "email": { "co": "" }, "attributes.a": "b" })),
            [""; 0]
        );
    }
}
