//! The walk from the base tables up to the source: what is known of each column of each relation on the way.

use super::flow::Flow;
use super::known::{Known, Seen, SeenColumn};
use super::relations::{self, Relation};
use super::rows;
use super::tree::{self, Node, Struct};
use super::walk::Walk;
use super::FIRST_USER_OID;
use crate::catalog::declared::Declared;
use crate::catalog::secrets::Names;
use crate::error::Result;
use std::cell::RefCell;
use std::collections::HashMap;

/// What came out for the source.
pub struct Traced {
    pub fields: HashMap<String, Flow>,
    /// By name: the column of a table that a column of the source is, where each row of the source is one of the table's.
    pub origins: HashMap<String, Origin>,
    /// A view and the system catalog that it reads.
    pub catalog: Option<(String, String)>,
}

/// A column of a table.
#[derive(Debug, Clone)]
pub struct Origin {
    pub table: u32,
    pub column: String,
}

/// Traces the relations (the source first); a view comes after all that it reads.
pub fn trace(relations: &[Relation], declared: &Declared, names: &Names) -> Result<Traced> {
    let mut known = Known {
        declared,
        names,
        relations: HashMap::new(),
        functions: RefCell::default(),
        types: RefCell::default(),
    };
    let mut catalog = None;
    let mut left: Vec<&Relation> = relations.iter().collect();
    while !left.is_empty() {
        let (ready, later): (Vec<&Relation>, Vec<&Relation>) = left
            .into_iter()
            .partition(|relation| relation.reads.iter().all(|read| known.relations.contains_key(read)));
        if ready.is_empty() {
            break; // views cannot read each other in a circle; what is left stays unknown, and barred
        }
        for relation in ready {
            let seen = if relation.kind == "v" {
                view(relation, &known, &mut catalog)?
            } else {
                table(relation, &known)
            };
            known.relations.insert(relation.oid, seen);
        }
        left = later;
    }
    let mut traced = Traced { fields: HashMap::new(), origins: HashMap::new(), catalog };
    let source = relations.first().and_then(|source| known.relations.remove(&source.oid));
    for column in source.map(|seen| seen.columns).unwrap_or_default() {
        traced.origins.extend(column.origin.map(|origin| (column.name.clone(), origin)));
        traced.fields.insert(column.name, column.flow);
    }
    Ok(traced)
}

fn table(table: &Relation, known: &Known<'_>) -> Seen {
    let columns = table.columns.iter().map(|column| SeenColumn {
        attnum: column.attnum,
        name: column.name.clone(),
        flow: known.base(table, column),
        origin: Some(Origin { table: table.oid, column: column.name.clone() }),
    });
    Seen { name: table.name.clone(), one_table: true, columns: columns.collect() }
}

/// Bytes of a stored query beyond which it is not read; its tree takes some ten times as much memory.
const LARGEST: usize = 32 * 1024 * 1024;

/// The columns of a view are those of its query, in order: none of a view's columns can be dropped.
fn view(view: &Relation, known: &Known<'_>, catalog: &mut Option<(String, String)>) -> Result<Seen> {
    let text = relations::query(view.oid)?.unwrap_or_default();
    let tree = if text.len() <= LARGEST { tree::read(&text) } else { None };
    let query = tree.as_ref().and_then(|rule| rule.items().first()).and_then(Node::as_struct);
    let query = query.filter(|query| query.label == "QUERY");
    if let (Some(query), None) = (query, &catalog) {
        *catalog = system_catalog(query).map(|oid| {
            (view.name.clone(), crate::pg::catalog::relation_name(oid).unwrap_or_else(|| oid.to_string()))
        });
    }
    let mut flows = query.map(|query| Walk::new(known).columns(query)).unwrap_or_default();
    flows.resize(view.columns.len(), Flow::barred("the query of its view could not be read"));
    let rows = query.and_then(rows::of);
    let below = rows.as_ref().and_then(|rows| known.relations.get(&rows.relation));
    let origin = |index: usize| {
        let attnum = rows.as_ref()?.column(query?, index)?;
        below?.column(attnum)?.origin.clone()
    };
    let columns = view.columns.iter().zip(flows).enumerate().map(|(index, (column, flow))| SeenColumn {
        attnum: column.attnum,
        name: column.name.clone(),
        flow: known.judged(view, column, flow),
        origin: origin(index),
    });
    let one_table = below.is_some_and(|below| below.one_table);
    Ok(Seen { name: view.name.clone(), one_table, columns: columns.collect() })
}

/// A system catalog among the relations of a query, at any depth of it.
fn system_catalog(node: &Struct<'_>) -> Option<u32> {
    let mut left: Vec<&Struct<'_>> = vec![node];
    while let Some(node) = left.pop() {
        let oid = node.oid("relid");
        if oid > 0 && oid < FIRST_USER_OID {
            return Some(oid);
        }
        let mut lists: Vec<&Node<'_>> = node.values().collect();
        while let Some(value) = lists.pop() {
            match value {
                Node::Struct(inner) => left.push(inner),
                Node::List(items) => lists.extend(items),
                _ => {}
            }
        }
    }
    None
}
