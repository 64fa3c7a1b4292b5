//! Properties of a single expression, without a look at the source of its columns.

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

/// A constant text without characters: all that it has is its length word.
pub fn is_empty_text(node: &Node<'_>) -> bool {
    let constant = node.as_struct().filter(|node| node.label == "CONST");
    constant.is_some_and(|node| matches!(node.get("constvalue"), Node::Bytes(bytes) if bytes.len() == 4))
}

/// The text of a constant value, JSON as it is written. None: it is none, or NULL.
pub fn written(node: &Node<'_>) -> Option<String> {
    let node = node.as_struct()?;
    match node.label {
        "CONST" => written_constant(node),
        "RELABELTYPE" | "COLLATEEXPR" | "COERCETODOMAIN" => written(node.get("arg")),
        _ => None,
    }
}

/// The same of a CONST node.
pub fn written_constant(constant: &Struct<'_>) -> Option<String> {
    match constant.get("constvalue") {
        Node::Bytes(bytes) if constant.oid("consttype") == JSONB => {
            let mut text = Vec::new();
            crate::pg::jsonb::append(bytes.get(4..)?, &mut text)?;
            String::from_utf8(text).ok()
        }
        Node::Bytes(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        _ => None,
    }
}

/// Oid of `jsonb` (pg_type.dat).
const JSONB: u32 = 3802;

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
