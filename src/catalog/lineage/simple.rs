//! What a single expression is, without a look at where its columns come from.

use super::tree::{Node, Struct};

/// The text of a constant key, or of a constant list of keys; other bytes of the value come as characters that are in no
/// name. None: it is none.
pub fn constant(node: &Node<'_>) -> Option<String> {
    let node = node.as_struct()?;
    match node.label {
        "CONST" => Some(match node.get("constvalue") {
            Node::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            _ => String::new(),
        }),
        "ARRAYEXPR" => node
            .get("elements")
            .items()
            .iter()
            .map(constant)
            .collect::<Option<Vec<_>>>()
            .map(|keys| keys.join(" ")),
        "RELABELTYPE" | "COLLATEEXPR" | "COERCETODOMAIN" | "COERCEVIAIO" | "ARRAYCOERCEEXPR" => {
            constant(node.get("arg"))
        }
        _ => None,
    }
}

/// Whether an expression is no more than a column or a constant, or a list of them.
pub fn is_bare(node: &Node<'_>) -> bool {
    match node {
        Node::List(items) => items.iter().all(is_bare),
        Node::Struct(node) => match node.label {
            "VAR" | "CONST" => true,
            "TARGETENTRY" => is_bare(node.get("expr")),
            "RELABELTYPE" | "COLLATEEXPR" => is_bare(node.get("arg")),
            _ => false,
        },
        _ => true,
    }
}

/// A constant text without characters: all that it has is its length word.
pub fn is_empty_text(node: &Node<'_>) -> bool {
    let constant = node.as_struct().filter(|node| node.label == "CONST");
    constant.is_some_and(|node| matches!(node.get("constvalue"), Node::Bytes(bytes) if bytes.len() == 4))
}

/// Whether an expression is a sub-select of a column.
pub fn looks_up(node: &Node<'_>) -> bool {
    let query = node
        .as_struct()
        .filter(|node| node.label == "SUBLINK")
        .and_then(|node| node.get("subselect").as_struct());
    query.is_some_and(|query| {
        is_bare(query.get("targetList")) && query.get("setOperations").as_struct().is_none()
    })
}

/// text, varchar, char and arrays of them (pg_type.dat).
pub fn keeps_text(type_oid: u32) -> bool {
    matches!(type_oid, 25 | 1042 | 1043 | 1009 | 1014 | 1015)
}

/// The type of a simple expression; 0 where it is not told.
pub fn result_of(node: &Struct<'_>) -> u32 {
    ["vartype", "consttype", "funcresulttype", "opresulttype", "resulttype"]
        .iter()
        .map(|field| node.oid(field))
        .find(|oid| *oid != 0)
        .unwrap_or(0)
}
