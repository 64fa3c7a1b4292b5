//! Row security: a policy that reads a secret chooses the rows of its table by it, as a WHERE clause would.
//!
//! A policy's functions are not followed: where the name of the tenant comes from is not a matter of secrets. What counts are the
//! columns that its expression reads, of its own table and of those in its sub-selects. Policies apply to some roles only; it is judged
//! as if they applied to all.

use super::cache::Cache;
use super::flow::{Flow, RowFlow};
use super::functions::{Function, Kind};
use super::keys::Key;
use super::relations::{self, Relation};
use super::trace;
use super::tree::{self, Node};
use super::walk::{Walk, World};
use super::FIRST_USER_OID;
use crate::error::Result;
use std::collections::{BTreeSet, HashMap};

const UNREADABLE: &str = "the expression of a policy could not be read";

/// The rows that the policies of a table leave; plain where these read no secret. The tables that are traced are known by now.
pub fn rows(table: &Relation, known: &Cache<'_>) -> Result<RowFlow> {
    let mut chosen = Flow::plain();
    for (_, policy) in &table.policies {
        chosen = chosen.and(of_policy(table.oid, policy, known)?);
    }
    Ok(RowFlow { order: chosen.clone(), chosen })
}

fn of_policy(table: u32, policy: &str, known: &Cache<'_>) -> Result<Flow> {
    let scope = format!("{{QUERY :rtable ({{RANGETBLENTRY :rtekind 0 :relid {table}}})}}");
    let (Some(policy), Some(scope)) = (tree::read(policy), tree::read(&scope)) else {
        return Ok(Flow::barred(UNREADABLE));
    };
    let Some(scope) = scope.as_struct() else { return Ok(Flow::barred(UNREADABLE)) };
    let mut world = Tables { known, others: HashMap::new() };
    for oid in relations_in(&policy) {
        if !known.relations.contains_key(&oid) {
            world.others.insert(oid, columns(oid, known)?);
        }
    }
    Ok(Walk::new(&world).alone(&policy, scope).deciding())
}

/// The relations of the sub-selects in an expression.
fn relations_in(node: &Node<'_>) -> BTreeSet<u32> {
    match node {
        Node::List(items) => items.iter().flat_map(relations_in).collect(),
        Node::Struct(node) => {
            let own = Some(node.oid("relid")).filter(|oid| *oid >= FIRST_USER_OID);
            own.into_iter().chain(node.values().flat_map(relations_in)).collect()
        }
        _ => BTreeSet::new(),
    }
}

/// The columns of a relation that the source itself does not read.
fn columns(oid: u32, known: &Cache<'_>) -> Result<HashMap<i64, Flow>> {
    let all = relations::below(oid)?;
    let traced = trace::without_policies(&all, known.declared, known.names)?;
    let Some(relation) = all.first() else { return Ok(HashMap::new()) };
    let flow = |name: &String| match traced.fields.get(name) {
        Some(flow) => flow.seen_from_above(&relation.name, name),
        None => Flow::barred(UNREADABLE),
    };
    Ok(relation.columns.iter().map(|column| (column.attnum, flow(&column.name))).collect())
}

/// Tables as a policy sees them.
struct Tables<'k, 'd> {
    known: &'k Cache<'d>,
    others: HashMap<u32, HashMap<i64, Flow>>,
}

/// JSON is not taken apart: that a secret is in it counts where a constant key asks for it.
fn without_json(flow: Flow) -> Flow {
    Flow { json: false, picked: false, ..flow }
}

impl World for Tables<'_, '_> {
    fn column(&self, relation: u32, attnum: i64) -> Flow {
        if relation < FIRST_USER_OID {
            return Flow::plain();
        }
        let unknown = || Flow::barred("it comes from an unknown column");
        without_json(match self.others.get(&relation) {
            Some(columns) => columns.get(&attnum).cloned().unwrap_or_else(unknown),
            None => self.known.column(relation, attnum),
        })
    }

    fn row(&self, relation: u32) -> Flow {
        if relation < FIRST_USER_OID {
            return Flow::plain();
        }
        without_json(match self.others.get(&relation) {
            Some(columns) => columns.values().cloned().collect(),
            None => self.known.row(relation),
        })
    }

    fn function(&self, oid: u32) -> Function {
        let function = self.known.function(oid);
        let is_followed = function.kind == Kind::BuiltIn && !function.looks_elsewhere();
        if is_followed {
            function
        } else {
            Function { kind: Kind::Clean, ..function }
        }
    }

    fn is_json(&self, _: u32) -> bool {
        false
    }

    fn is_enum(&self, type_oid: u32) -> bool {
        self.known.is_enum(type_oid)
    }

    fn is_stack_deep(&self) -> bool {
        self.known.is_stack_deep()
    }

    fn rows(&self, _: u32) -> RowFlow {
        RowFlow::default()
    }

    fn is_single(&self, _: u32) -> bool {
        false
    }

    fn is_choice(&self, _: u32) -> bool {
        false
    }

    fn is_column(&self, relation: u32, attnum: i64) -> bool {
        self.others.contains_key(&relation) || self.known.is_column(relation, attnum)
    }

    fn keys(&self, _: u32) -> Vec<Key> {
        Vec::new()
    }

    fn is_secret_name(&self, name: &str) -> bool {
        self.known.is_secret_name(name)
    }
}
