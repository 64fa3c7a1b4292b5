//! The walk from the base tables up to the source: what is known of each column of each relation on the way.

use super::cache::{Cache, CachedColumn, CachedRelation};
use super::flow::{Flow, RowFlow};
use super::keys::Key;
use super::named::{self, Trail};
use super::policies;
use super::range::Traced as Query;
use super::relations::{self, Relation};
use super::tree::{self, Node, Struct};
use super::verdicts::Verdicts;
use super::walk::Walk;
use super::FIRST_USER_OID;
use crate::catalog::declared::Declared;
use crate::error::Result;
use crate::model::NamedBy;
use crate::secret::Names;
use std::cell::RefCell;
use std::collections::HashMap;

/// The result for the source.
pub struct Traced {
    pub fields: HashMap<String, Flow>,
    /// By name: the column of a table that a column of the source is, where each row of the source is one of the table's.
    pub origins: HashMap<String, Origin>,
    /// Each row of the source is a row of one table, and no two are the same one.
    pub single: bool,
    /// The order in which the source gives its rows depends on a secret.
    pub is_sorted_by_secret: bool,
    /// By name: the columns of the source that name what the values of another one are.
    pub named: HashMap<String, NamedBy>,
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
    traced(relations, declared, names, true)
}

/// The same where all rows of each table are seen: what a policy reads.
pub fn without_policies(relations: &[Relation], declared: &Declared, names: &Names) -> Result<Traced> {
    traced(relations, declared, names, false)
}

fn traced(relations: &[Relation], declared: &Declared, names: &Names, with_policies: bool) -> Result<Traced> {
    let mut known = Cache {
        declared,
        names,
        all: relations,
        relations: HashMap::new(),
        functions: RefCell::default(),
        types: RefCell::default(),
        verdicts: Verdicts::default(),
    };
    let (mut left, tables): (Vec<&Relation>, Vec<&Relation>) =
        relations.iter().partition(|relation| relation.kind == "v");
    for relation in &tables {
        let seen = table(relation, &known);
        known.relations.insert(relation.oid, seen);
    }
    for relation in tables.iter().filter(|table| with_policies && !table.policies.is_empty()) {
        let rows = policies::rows(relation, &known)?;
        if let Some(seen) = known.relations.get_mut(&relation.oid) {
            seen.rows = rows;
        }
    }
    let mut catalog = None;
    while !left.is_empty() {
        let (ready, later): (Vec<&Relation>, Vec<&Relation>) = left
            .into_iter()
            .partition(|relation| relation.reads.iter().all(|read| known.relations.contains_key(read)));
        if ready.is_empty() {
            break; // views cannot read each other in a circle; what is left stays unknown, and barred
        }
        for relation in ready {
            let seen = view(relation, &known, &mut catalog)?;
            known.relations.insert(relation.oid, seen);
        }
        left = later;
    }
    let source = relations.first().and_then(|source| Some((source, known.relations.remove(&source.oid)?)));
    let mut traced = Traced {
        fields: HashMap::new(),
        origins: HashMap::new(),
        single: source.as_ref().is_some_and(|(_, seen)| seen.single),
        is_sorted_by_secret: source.as_ref().is_some_and(|(_, seen)| seen.rows.order.bar.is_some()),
        named: HashMap::new(),
        catalog,
    };
    let Some((source, seen)) = source else { return Ok(traced) };
    let named: Vec<Option<NamedBy>> =
        seen.columns.iter().map(|value| named::by(value, &seen.columns)).collect();
    for ((column, defined), named_by) in seen.columns.into_iter().zip(&source.columns).zip(named) {
        // Rows that a secret chooses, counts or multiplies bar all fields, but for a mere choice of rows.
        let flow = if seen.is_choice || seen.rows.chosen.bar.is_none() {
            column.flow
        } else {
            known.judged(source, defined, column.flow.and(seen.rows.chosen.clone()))
        };
        // A value without the name of its row.
        let flow = match (&column.value, &named_by) {
            (Some(_), None) => {
                let base = column.trail.as_ref().and_then(|trail| {
                    let (table, attnum) = trail.column();
                    let table = known.relations.get(&table)?;
                    Some((&table.name, &table.column(attnum)?.name))
                });
                // The source itself is not among the relations any more.
                let (relation, name) = base.unwrap_or((&seen.name, &column.name));
                let bar = Flow::barred(named::reason(relation, name));
                known.judged(source, defined, flow.and(bar))
            }
            _ => flow,
        };
        traced.named.extend(named_by.map(|named_by| (column.name.clone(), named_by)));
        traced.origins.extend(column.origin.map(|origin| (column.name.clone(), origin)));
        traced.fields.insert(column.name, flow);
    }
    Ok(traced)
}

fn table(table: &Relation, known: &Cache<'_>) -> CachedRelation {
    let mut values = named::of_table(table, &|type_oid| known.type_of(type_oid));
    let columns = table.columns.iter().map(|column| CachedColumn {
        trail: Some(Trail::of_table(table.oid, column.attnum)),
        // An exemption says that no value of the column is a secret, whatever its row is called.
        value: values
            .remove(&column.attnum)
            .filter(|_| known.declared.exemption(table.oid, column.attnum).is_none()),
        attnum: column.attnum,
        name: column.name.clone(),
        flow: known.base(table, column),
        origin: Some(Origin { table: table.oid, column: column.name.clone() }),
        is_column: table.generated(&column.name).is_none() && !table.is_secret_elsewhere(&column.name),
    });
    CachedRelation {
        name: table.name.clone(),
        single: true,
        is_choice: true,
        rows: RowFlow::default(),
        keys: table.keys.iter().map(Key::from).collect(),
        columns: columns.collect(),
    }
}

/// Bytes of a stored query beyond which it is not read; its tree takes some ten times as much memory.
const LARGEST: usize = 32 * 1024 * 1024;

/// The columns of a view are those of its query, in order: none of a view's columns can be dropped.
fn view(
    view: &Relation,
    known: &Cache<'_>,
    catalog: &mut Option<(String, String)>,
) -> Result<CachedRelation> {
    let text = relations::query(view.oid)?.unwrap_or_default();
    let tree = if text.len() <= LARGEST { tree::read(&text) } else { None };
    let query = tree.as_ref().and_then(|rule| rule.items().first()).and_then(Node::as_struct);
    let query = query.filter(|query| query.label == "QUERY");
    if let (Some(query), None) = (query, &catalog) {
        *catalog = system_catalog(query).map(|oid| {
            (view.name.clone(), crate::pg::catalog::relation_name(oid).unwrap_or_else(|| oid.to_string()))
        });
    }
    const UNREADABLE: &str = "the query of its view could not be read";
    let walked = query.map(|query| Walk::new(known).relation(query));
    let single = walked.as_ref().is_some_and(|query| query.single);
    let is_choice = walked.as_ref().is_some_and(|query| query.is_choice);
    let (rows, keys, columns) = match walked {
        Some(Query { rows, keys, columns, .. }) => (rows, keys, columns),
        None => (RowFlow::barred(UNREADABLE), Vec::new(), Vec::new()),
    };
    let mut columns = columns.into_iter();
    let columns = (1..).zip(&view.columns).map(|(place, column)| {
        let (trail, value) =
            query.map(|query| named::passed(query, place, view.oid, known)).unwrap_or_default();
        let found = columns.next();
        let origin = found
            .as_ref()
            .and_then(|found| found.origin)
            .and_then(|(relation, attnum)| known.relations.get(&relation)?.column(attnum)?.origin.clone());
        let is_column = found.as_ref().is_some_and(|found| found.is_column);
        let flow = found.map_or_else(|| Flow::barred(UNREADABLE), |found| found.flow);
        let flow = if value.is_some() { flow.with_name() } else { flow };
        CachedColumn {
            attnum: column.attnum,
            name: column.name.clone(),
            flow: known.judged(view, column, flow),
            origin,
            is_column,
            trail,
            value,
        }
    });
    Ok(CachedRelation { name: view.name.clone(), single, is_choice, rows, keys, columns: columns.collect() })
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
