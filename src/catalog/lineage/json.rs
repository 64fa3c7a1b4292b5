//! SQL/JSON: constructors, predicates, queries and JSON_TABLE (PostgreSQL 16 and 17), and paths into JSON.
//!
//! A constructor is made of its arguments and keeps their keys. A query is made of the document that a path leads into; the path
//! has to be a constant without filters and wildcards, and none of its keys the name of a secret.

use super::flow::Flow;
use super::scope::Scope;
use super::tree::{Node, Struct};
use super::walk::{Walk, TAKES_APART};
use crate::secret::named::{self, Role};
use crate::secret::reasons;

impl<'t> Walk<'_, 't> {
    /// `JSON_OBJECT`, `JSON_ARRAY`, their aggregates, `JSON`, `JSON_SCALAR`, `JSON_SERIALIZE`.
    pub(super) fn json_constructor(&mut self, node: &'t Struct<'t>, scope: &Scope<'_, 't>) -> Flow {
        let parts = ["args", "func", "coercion"];
        let flow = parts.iter().map(|part| self.expression(node.get(part), scope)).collect();
        self.coerced(flow, returned(node))
    }

    /// `JSON_EXISTS`, `JSON_QUERY`, `JSON_VALUE`, and the document of `JSON_TABLE`.
    pub(super) fn json_query(&mut self, node: &'t Struct<'t>, scope: &Scope<'_, 't>) -> Flow {
        // JsonExprOp (nodes/primnodes.h).
        const EXISTS: i64 = 0;
        const TABLE: i64 = 3;
        let parts = ["formatted_expr", "passing_values", "on_empty", "on_error"];
        let flow: Flow = parts.iter().map(|part| self.expression(node.get(part), scope)).collect();
        // The paths of JSON_TABLE stand in its plan.
        let is_table = node.number("op") == Some(TABLE) && matches!(node.get("path_spec"), Node::Nothing);
        let flow = if is_table { flow } else { flow.and(self.path(node.get("path_spec"))) };
        if node.number("op") == Some(EXISTS) {
            return flow.deciding();
        }
        let picked = flow.json;
        self.coerced(Flow { picked, ..flow }, returned(node))
    }

    /// A column of `JSON_TABLE`, by its index; None: it is no `JSON_TABLE`.
    pub(super) fn json_table(
        &mut self,
        table: &'t Struct<'t>,
        index: usize,
        scope: &Scope<'_, 't>,
    ) -> Option<Flow> {
        let columns = table.get("colvalexprs").items();
        if columns.is_empty() {
            return None;
        }
        let type_oid = table.get("coltypes").items().get(index).and_then(Node::number).unwrap_or(0);
        let column = columns.get(index).map(|column| self.expression(column, scope));
        let flow = self.json_table_rows(table, scope).and(column.unwrap_or_else(Flow::plain));
        // The value of a column is JSON until it is of the column's type.
        let document = self.expression(table.get("docexpr"), scope);
        Some(self.coerced(document.and(flow), u32::try_from(type_oid).unwrap_or(0)))
    }

    /// The inputs that determine how many rows a `JSON_TABLE` makes: the document, and the paths of its rows.
    pub(super) fn json_table_rows(&mut self, table: &'t Struct<'t>, scope: &Scope<'_, 't>) -> Flow {
        let document = self.expression(table.get("docexpr"), scope);
        let passed = self.expression(table.get("passingvalexprs"), scope);
        document.and(passed).and(self.paths(table.get("plan"))).deciding()
    }

    /// The paths in the plan of a `JSON_TABLE`, nested ones too.
    fn paths(&self, node: &'t Node<'t>) -> Flow {
        match node {
            Node::List(items) => items.iter().map(|item| self.paths(item)).collect(),
            Node::Struct(inner) if inner.label == "CONST" => self.path(node),
            Node::Struct(inner) => inner.values().map(|value| self.paths(value)).collect(),
            _ => Flow::plain(),
        }
    }

    /// A path into JSON that leads to nothing secret.
    pub(super) fn path(&self, node: &Node<'t>) -> Flow {
        let constant = node.as_struct().filter(|node| node.label == "CONST");
        let keys = constant.and_then(|node| match node.get("constvalue") {
            Node::Bytes(bytes) => keys_of_path(bytes),
            _ => None,
        });
        match keys {
            None => Flow::maybe_barred(TAKES_APART),
            Some(keys) if keys.iter().any(|key| self.facts.world.is_secret_name(key)) => {
                Flow::barred(reasons::JSON_KEY)
            }
            Some(keys) if keys.iter().any(|key| is_of_a_name(key)) => Flow::maybe_barred(OF_A_NAME),
            Some(_) => Flow::plain(),
        }
    }
}

pub(super) const OF_A_NAME: &str = reasons::JSON_KEY_OF_VALUE;

/// True for a key such as `value`: a member beside it may be the name of a setting, which does not come along.
pub(super) fn is_of_a_name(key: &str) -> bool {
    named::role(key) == Role::Value
}

/// The type that RETURNING names; 0 where there is none.
fn returned(node: &Struct<'_>) -> u32 {
    node.get("returning").as_struct().map_or(0, |returning| returning.oid("typid"))
}

/// The keys of a `jsonpath` that does no more than follow keys and elements: `$.a[*].b[0]` (utils/adt/jsonpath.c). None: it
/// does more, or it does not read as one.
fn keys_of_path(value: &[u8]) -> Option<Vec<String>> {
    // JsonPathItemType (utils/jsonpath.h).
    const NUMERIC: u8 = 2;
    const ANY_ELEMENT: u8 = 21;
    const ELEMENTS: u8 = 23;
    const KEY: u8 = 25;
    const ROOT: u8 = 27;
    // Behind the varlena header and the version.
    let items = value.get(8..)?;
    let word = |place: usize| -> Option<usize> {
        let bytes = items.get(place..)?.first_chunk()?;
        usize::try_from(i32::from_le_bytes(*bytes)).ok()
    };
    let mut keys = Vec::new();
    let mut place = 0;
    loop {
        let kind = *items.get(place)?;
        // The kind, filled up to a word; the way to the next item; what the item holds.
        let start = (place + 1).next_multiple_of(4);
        let next = word(start)?;
        let content = start + 4;
        match kind {
            ROOT if place == 0 => {}
            ANY_ELEMENT => {}
            KEY => {
                let length = word(content)?;
                let key = items.get(content + 4..(content + 4).checked_add(length)?)?;
                keys.push(String::from_utf8(key.to_vec()).ok()?);
            }
            ELEMENTS => {
                let count = word(content)?;
                for end in 0..count.checked_mul(2)? {
                    let way = word(content + 4 + 4 * end)?;
                    let is_upper = end % 2 == 1;
                    if !(is_upper && way == 0) && *items.get(place + way)? != NUMERIC {
                        return None;
                    }
                }
            }
            _ => return None,
        }
        if next == 0 {
            return Some(keys);
        }
        place = place.checked_add(next)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(items: &[(u8, &[u8])]) -> Vec<u8> {
        let mut bytes = vec![0; 8];
        for (place, (kind, content)) in items.iter().enumerate() {
            let is_last = place + 1 == items.len();
            let size = (8 + content.len()).next_multiple_of(4) as i32;
            bytes.extend([*kind, 0, 0, 0]);
            bytes.extend(if is_last { 0 } else { size }.to_le_bytes());
            bytes.extend(*content);
            bytes.resize(bytes.len().next_multiple_of(4), 0);
        }
        bytes
    }

    #[test]
    fn plain_paths_have_keys() {
        assert_eq!(keys_of_path(&path(&[(27, b"")])), Some(vec![]));
        let keys = path(&[(27, b""), (25, b"\x02\0\0\0ab\0"), (21, b""), (25, b"\x01\0\0\0c\0")]);
        assert_eq!(keys_of_path(&keys), Some(vec!["ab".to_owned(), "c".to_owned()]));
    }

    #[test]
    fn other_paths_have_none() {
        for kind in [0, 8, 22, 24, 26, 28, 29, 255] {
            assert_eq!(keys_of_path(&path(&[(27, b""), (kind, b"")])), None, "{kind}");
        }
        assert_eq!(keys_of_path(&path(&[(25, b"\x01\0\0\0a\0")])), Some(vec!["a".to_owned()]));
        for bytes in [
            &[][..],
            &[0; 8],
            &[0, 0, 0, 0, 0, 0, 0, 0, 27],
            &[0, 0, 0, 0, 0, 0, 0, 0, 25, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 127],
        ] {
            assert_eq!(keys_of_path(bytes), None);
        }
    }
}
