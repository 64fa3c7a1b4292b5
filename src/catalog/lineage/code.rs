//! The code that makes a column of a view, as a hash: an exemption holds for what the column was when it was declared.
//!
//! The hash is of the stored queries (pg_node_tree), which name relations, columns, functions and operators by OID and number: new
//! names change nothing. Of the view's own query only the column's expression counts among the targets, so a view may get more
//! columns. Functions of users count with their definition.

use super::relations::{self, Column, Relation};
use super::tree::{self, Node, Struct};
use crate::catalog::declared::Exemption;
use crate::error::Result;
use crate::pg::{identity, sql};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

const FUNCTIONS: &str = "
SELECT to_jsonb(acct_export.function_hash(f.oid))
  FROM (SELECT DISTINCT d.refobjid AS oid
          FROM jsonb_array_elements_text($1::jsonb) AS v(oid)
          JOIN pg_rewrite r ON r.ev_class = v.oid::oid AND r.ev_type = '1'
          JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid AND d.refclassid = 'pg_proc'::regclass) f
 ORDER BY f.oid";

/// True if an exemption lifts this bar of a column: it was made for this bar, and a column of a view is the one that was exempted
/// as long as the same code makes it.
pub(super) fn lifts(
    all: &[Relation],
    relation: &Relation,
    column: &Column,
    exemption: &Exemption,
    reason: &str,
) -> bool {
    if exemption.reason != reason {
        return false;
    }
    if relation.kind != "v" {
        return true;
    }
    let code = of_column(all, relation.oid, column.attnum);
    matches!(code, Ok(Some(code)) if exemption.code.as_deref() == Some(code.as_str()))
}

/// Hash of the code of a column. None: the relation is no view, or its query cannot be read.
pub fn of_column(relations: &[Relation], relation: u32, attnum: i64) -> Result<Option<String>> {
    let views = views_below(relations, relation);
    if !views.contains(&relation) {
        return Ok(None);
    }
    let mut hash = Sha256::new();
    for view in &views {
        let text = relations::query(*view)?.unwrap_or_default();
        let tree = tree::read(&text);
        let query = tree.as_ref().and_then(|rule| rule.items().first()).and_then(Node::as_struct);
        let Some(query) = query else { return Ok(None) };
        let mut canonical = view.to_string();
        let target = (*view == relation).then_some(attnum);
        write_query(query, target, &mut canonical);
        hash.update(canonical);
    }
    let list = serde_json::json!(views.iter().map(u32::to_string).collect::<Vec<_>>()).to_string();
    let functions: Vec<Option<String>> = identity::as_owner(|| sql::documents(FUNCTIONS, &[(&list).into()]))?;
    functions.iter().for_each(|function| hash.update(function.as_deref().unwrap_or("-")));
    Ok(Some(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()))
}

/// The relation and all that it reads, as far as they are views.
fn views_below(relations: &[Relation], relation: u32) -> BTreeSet<u32> {
    let (mut found, mut left) = (BTreeSet::new(), vec![relation]);
    while let Some(oid) = left.pop() {
        let view = relations.iter().find(|known| known.oid == oid && known.kind == "v");
        if let Some(view) = view.filter(|view| found.insert(view.oid)) {
            left.extend(&view.reads);
        }
    }
    found
}

/// A query without the targets that others are made of: those by which rows are sorted or grouped stay.
fn write_query(query: &Struct<'_>, target: Option<i64>, into: &mut String) {
    // Columns of a set operation are columns of all of its parts.
    let target = target.filter(|_| matches!(query.get("setOperations"), Node::Nothing));
    write_struct(query, into, &|field, value, into| {
        let (Some(attnum), "targetList") = (target, field) else { return false };
        for entry in value.items().iter().filter_map(Node::as_struct) {
            if entry.number("resno") == Some(attnum) || entry.number("ressortgroupref") != Some(0) {
                write_struct(entry, into, &|_, _, _| false);
            }
        }
        true
    });
}

/// Fields without influence on values: places in the text of the statement, rights, the names of a relation's columns.
fn is_beside(node: &Struct<'_>, field: &str) -> bool {
    match field {
        "location" | "stmt_location" | "stmt_len" | "selectedCols" | "insertedCols" | "updatedCols"
        | "extraUpdatedCols" | "requiredPerms" | "checkAsUser" | "perminfoindex" | "rteperminfos"
        | "resname" => true,
        "eref" | "alias" => node.label == "RANGETBLENTRY" && node.number("rtekind") == Some(0),
        _ => false,
    }
}

/// Writes a field in another way, and says that it did.
type Otherwise<'a> = &'a dyn Fn(&str, &Node<'_>, &mut String) -> bool;

fn write_struct(node: &Struct<'_>, into: &mut String, otherwise: Otherwise<'_>) {
    into.push('{');
    into.push_str(node.label);
    for (field, value) in node.fields().filter(|(field, _)| !is_beside(node, field)) {
        into.push(' ');
        into.push_str(field);
        into.push('=');
        if !otherwise(field, value, into) {
            write(value, into);
        }
    }
    into.push('}');
}

fn write(node: &Node<'_>, into: &mut String) {
    match node {
        Node::Nothing => into.push_str("<>"),
        Node::Token(token) => {
            into.push(' ');
            into.push_str(token);
        }
        Node::Bytes(bytes) => into.push_str(&format!("{bytes:?}")),
        Node::List(items) => {
            into.push('(');
            items.iter().for_each(|item| write(item, into));
            into.push(')');
        }
        Node::Struct(node) => write_struct(node, into, &|_, _, _| false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(targets: &str, rest: &str, attnum: i64) -> String {
        let text = format!("{{QUERY :commandType 1 :targetList ({targets}) {rest} :setOperations <>}}");
        let tree = tree::read(&text).unwrap();
        let mut into = String::new();
        write_query(tree.as_struct().unwrap(), Some(attnum), &mut into);
        into
    }

    fn target(number: i64, column: i64, sorted: i64) -> String {
        format!(
            "{{TARGETENTRY :expr {{VAR :varno 1 :varattno {column} :location 7}} :resno {number} :resname a :ressortgroupref {sorted}}}"
        )
    }

    #[test]
    fn other_targets_do_not_count_unless_rows_are_sorted_or_grouped_by_them() {
        let one = written(&target(1, 3, 0), "", 1);
        assert_eq!(written(&format!("{} {}", target(1, 3, 0), target(2, 4, 0)), "", 1), one);
        assert_ne!(written(&format!("{} {}", target(1, 3, 0), target(2, 4, 1)), "", 1), one);
        assert_ne!(written(&target(1, 4, 0), "", 1), one);
        assert_ne!(written(&target(1, 3, 0), ":hasAggs true", 1), one);
        assert_eq!(written(&target(1, 3, 0).replace("location 7", "location 9"), "", 1), one);
    }

    #[test]
    fn names_of_a_relations_columns_do_not_count() {
        let table = |name: &str, oid: u32| {
            format!(":rtable ({{RANGETBLENTRY :eref {{ALIAS :aliasname t :colnames (\"{name}\")}} :rtekind 0 :relid {oid}}})")
        };
        let one = written("", &table("a", 7), 1);
        assert_eq!(written("", &table("b", 7), 1), one);
        assert_ne!(written("", &table("a", 8), 1), one);
    }
}
