//! What chooses the rows of a query, and how often each comes: conditions, joins, limits, functions in FROM.
//!
//! A secret there puts no value into a column, but rows of another relation that are chosen by it can spell it out. So it
//! counts like a value, with one exception: a query that does no more than choose rows of one table, not made anew for
//! each row of another. That one tells which rows there are, and no more.

use super::flow::Flow;
use super::range::Scope;
use super::rows;
use super::tree::{Node, Struct};
use super::walk::Walk;

impl<'t> Walk<'_, 't> {
    /// The bar that what chooses the rows of a query puts on all of its columns.
    pub(super) fn shape(&mut self, scope: &Scope<'_, 't>) -> Flow {
        let is_choice = rows::of(scope.query).is_some_and(|rows| self.world.is_of_one_table(rows.relation));
        if is_choice && !scope.correlated {
            return Flow::plain();
        }
        let key = std::ptr::from_ref(scope.query) as usize;
        if let Some(known) = self.shapes.get(&key) {
            return known.clone();
        }
        // A query that refers to itself is chosen by what it was chosen by before.
        self.shapes.insert(key, Flow::plain());
        let mut flow = Flow { json: false, ..self.chosen_by(scope) };
        // What a query asks of the JSON in its own rows chooses among these and no others.
        if !scope.correlated {
            flow.bar = flow.bar.filter(|bar| !bar.maybe);
        }
        self.shapes.insert(key, flow.clone());
        flow
    }

    /// Whether a row exists.
    pub(super) fn existence(&mut self, query: &'t Node<'t>, outer: &Scope<'_, 't>) -> Flow {
        match query.as_struct() {
            Some(query) => self.shape(&Scope { query, outer: Some(outer), correlated: true }),
            None => Flow::barred(super::range::UNKNOWN),
        }
    }

    fn chosen_by(&mut self, scope: &Scope<'_, 't>) -> Flow {
        let query = scope.query;
        let mut flow = self.conditions(query.get("jointree"), scope);
        for part in ["havingQual", "limitOffset", "limitCount"] {
            flow = flow.and(self.expression(query.get(part), scope));
        }
        let limited = query.get("limitCount").as_struct().is_some()
            || query.get("limitOffset").as_struct().is_some()
            || query.is_true("hasDistinctOn");
        if limited {
            flow = flow.and(self.sorted_by(scope));
        }
        // The arguments of a function say how many rows it makes; what it makes of them is for its own columns.
        for table in query.get("rtable").items().iter().filter_map(Node::as_struct) {
            for function in table.get("functions").items().iter().filter_map(Node::as_struct) {
                if let Some(call) = function.get("funcexpr").as_struct() {
                    flow = flow.and(self.expression(call.get("args"), scope));
                }
            }
        }
        flow
    }

    /// Conditions of WHERE and of joins, at all levels of FROM.
    fn conditions(&mut self, node: &'t Node<'t>, scope: &Scope<'_, 't>) -> Flow {
        match node {
            Node::List(items) => items.iter().map(|item| self.conditions(item, scope)).collect(),
            Node::Struct(_) if !self.descend() => Flow::barred(super::walk::TOO_COMPLEX),
            Node::Struct(node) => {
                let below =
                    ["fromlist", "larg", "rarg"].iter().map(|side| self.conditions(node.get(side), scope));
                let below: Flow = below.collect();
                let flow = below.and(self.expression(node.get("quals"), scope));
                self.ascend();
                flow
            }
            _ => Flow::plain(),
        }
    }

    fn sorted_by(&mut self, scope: &Scope<'_, 't>) -> Flow {
        let clauses =
            ["sortClause", "distinctClause"].iter().flat_map(|clause| scope.query.get(clause).items());
        let references: Vec<Option<i64>> =
            clauses.filter_map(Node::as_struct).map(|clause| clause.number("tleSortGroupRef")).collect();
        let targets = scope.query.get("targetList").items().iter().filter_map(Node::as_struct);
        let meant =
            targets.filter(|target: &&Struct<'t>| references.contains(&target.number("ressortgroupref")));
        meant.map(|target| self.expression(target.get("expr"), scope)).collect()
    }
}
