//! The rows of a query: what chooses them, how often each comes, and in which order.
//!
//! A secret that chooses rows puts no value into a column, but rows of another relation that are chosen by it can spell it out,
//! and so can their number and their order. So a choice counts like a value: for all that a query gives, and for the
//! aggregates and windows over its rows. See the module above for the one exception.

use super::flow::{Flow, RowFlow};
use super::joins::{Joins, Told};
use super::range::UNKNOWN;
use super::scope::{kind, width, Scope};
use super::tree::{Node, Struct};
use super::walk::{Walk, COMPARES_JSON, TOO_COMPLEX};

impl<'t> Walk<'_, 't> {
    /// The rows that a query gives.
    pub(super) fn rows(&mut self, scope: &Scope<'_, 't>) -> RowFlow {
        let chosen = self.chosen(scope);
        let order = self.order(scope).and(chosen.clone());
        RowFlow { chosen, order }
    }

    /// The choice of the rows that aggregates and windows see: FROM, WHERE and GROUP BY.
    pub(super) fn input(&mut self, scope: &Scope<'_, 't>) -> Flow {
        self.once(Part::Input, scope, |walk| {
            let mut flow = walk.conditions(scope.query.get("jointree"), scope);
            match Joins::of(scope) {
                Some(joins) => {
                    for table in &joins.tables {
                        flow = flow.and(walk.table_rows(*table, scope).chosen);
                    }
                }
                None => flow = flow.and(Flow::barred(UNKNOWN)),
            }
            let grouped = scope.referred(scope.query.get("groupClause"));
            flow.and(walk.compared(&grouped, scope)).deciding()
        })
    }

    /// The choice of the rows that a query gives: those of its input, HAVING, DISTINCT, LIMIT, set operations, and functions
    /// that return sets.
    pub(super) fn chosen(&mut self, scope: &Scope<'_, 't>) -> Flow {
        self.once(Part::Chosen, scope, |walk| {
            let query = scope.query;
            let mut flow = match query.get("setOperations").as_struct() {
                Some(operation) => walk.operation(operation, scope).chosen,
                None if is_one_row(query) => Flow::plain(),
                None => walk.input(scope),
            };
            for part in ["havingQual", "limitOffset", "limitCount"] {
                flow = flow.and(walk.expression(query.get(part), scope));
            }
            let distinct = scope.referred(query.get("distinctClause"));
            flow = flow.and(walk.compared(&distinct, scope));
            let is_limited =
                ["limitCount", "limitOffset"].iter().any(|part| query.get(part).as_struct().is_some());
            if is_limited || query.is_true("hasDistinctOn") {
                flow = flow.and(walk.order(scope));
            }
            if query.is_true("hasTargetSRFs") {
                flow = flow.and(walk.multiplied(query.get("targetList"), scope));
            }
            flow.deciding()
        })
    }

    /// The order in which rows leave a query.
    pub(super) fn order(&mut self, scope: &Scope<'_, 't>) -> Flow {
        let list = scope.referred(scope.query.get("sortClause"));
        if let Some(joins) = Joins::of(scope).filter(|joins| !joins.tables.is_empty()) {
            let mut told = Told::default();
            let telling = joins.telling(&list, true, &mut told, scope, &self.facts);
            if joins.tells_all(&told) {
                return self.each(&telling, scope);
            }
        }
        self.order_within(scope)
    }

    /// The order of rows anywhere within a query. The planner may sort early by whatever is asked for later, so that all that
    /// sorts, groups or joins counts, but for an order that tells all rows apart.
    pub(super) fn order_within(&mut self, scope: &Scope<'_, 't>) -> Flow {
        self.once(Part::Order, scope, |walk| {
            let query = scope.query;
            let mut flow = match query.get("setOperations").as_struct() {
                Some(operation) => {
                    let rows = walk.operation(operation, scope);
                    rows.chosen.and(rows.order)
                }
                // Hashing by a secret beside a key gives another order too.
                None => {
                    let grouped = scope.referred(query.get("groupClause"));
                    walk.input(scope).and(walk.each(&grouped, scope))
                }
            };
            let distinct = scope.referred(query.get("distinctClause"));
            flow = flow.and(walk.each(&distinct, scope));
            for table in Joins::of(scope).map(|joins| joins.tables).unwrap_or_default() {
                flow = flow.and(walk.table_rows(table, scope).order);
            }
            flow = flow.and(walk.expression(query.get("havingQual"), scope));
            let windows = query.get("windowClause").items().iter().filter_map(Node::as_struct);
            let windows =
                windows.flat_map(|window| [window.get("partitionClause"), window.get("orderClause")]);
            for clauses in windows.chain([query.get("sortClause")]) {
                let list = scope.referred(clauses);
                flow = flow.and(walk.in_order(&list, &mut Told::default(), scope).0);
            }
            for part in ["targetList", "havingQual"] {
                flow = flow.and(walk.sorted_arguments(query.get(part), scope));
            }
            flow.deciding()
        })
    }

    /// True if a row exists.
    pub(super) fn existence(&mut self, query: &'t Node<'t>, outer: &Scope<'_, 't>) -> Flow {
        match query.as_struct() {
            Some(query) => self.chosen(&Scope { query, outer: Some(outer) }),
            None => Flow::barred(UNKNOWN),
        }
    }

    /// Expressions by which rows are told apart, those left out that tell nothing beside a key among the others.
    pub(super) fn compared(&mut self, list: &[&'t Node<'t>], scope: &Scope<'_, 't>) -> Flow {
        let telling = match Joins::of(scope) {
            Some(joins) => joins.telling(list, false, &mut Told::default(), scope, &self.facts),
            None => list.to_vec(),
        };
        self.each(&telling, scope)
    }

    /// Expressions by which rows are sorted, and true if these tell all rows apart; `told` is what was told before.
    pub(super) fn in_order(
        &mut self,
        list: &[&'t Node<'t>],
        told: &mut Told,
        scope: &Scope<'_, 't>,
    ) -> (Flow, bool) {
        let Some(joins) = Joins::of(scope) else { return (self.each(list, scope), false) };
        let telling = joins.telling(list, true, told, scope, &self.facts);
        (self.each(&telling, scope), !joins.tables.is_empty() && joins.tells_all(told))
    }

    /// Each of these values is compared with others of its kind.
    pub(super) fn each(&mut self, list: &[&'t Node<'t>], scope: &Scope<'_, 't>) -> Flow {
        list.iter().map(|node| comparing(self.expression(node, scope))).collect()
    }

    /// UNION, INTERSECT, EXCEPT: the rows of every branch; all columns, where rows are compared.
    fn operation(&mut self, node: &'t Struct<'t>, scope: &Scope<'_, 't>) -> RowFlow {
        if node.label == "RANGETBLREF" {
            return self.table_rows(node.number("rtindex").unwrap_or(0), scope);
        }
        if !self.descend() {
            return RowFlow::barred(TOO_COMPLEX);
        }
        let mut rows = RowFlow::default();
        for side in ["larg", "rarg"] {
            let side = match node.get(side).as_struct() {
                Some(side) => self.operation(side, scope),
                None => RowFlow::barred(UNKNOWN),
            };
            rows.chosen = rows.chosen.and(side.chosen);
            rows.order = rows.order.and(side.order);
        }
        let keeps_all = node.number("op") == Some(UNION) && node.is_true("all");
        if !keeps_all {
            for place in 1..=width(scope.query) {
                let column = self.of_branches(node, scope, place);
                rows.chosen = rows.chosen.and(comparing(column));
            }
        }
        self.ascend();
        rows
    }

    /// The rows of a table expression in FROM.
    pub(super) fn table_rows(&mut self, number: i64, scope: &Scope<'_, 't>) -> RowFlow {
        let Some(table) = scope.table(number) else { return RowFlow::barred(UNKNOWN) };
        match table.number("rtekind").unwrap_or(-1) {
            kind::RELATION => {
                let mut rows = self.facts.world.rows(table.oid("relid"));
                rows.chosen = rows.chosen.and(self.expression(table.get("tablesample"), scope).deciding());
                rows
            }
            kind::SUBQUERY => match table.get("subquery").as_struct() {
                Some(query) => self.rows(&Scope { query, outer: Some(scope) }),
                None => RowFlow::barred(UNKNOWN),
            },
            kind::FUNCTION => {
                let functions = table.get("functions").items().iter().filter_map(Node::as_struct);
                let chosen =
                    functions.map(|function| self.multiplicity(function.get("funcexpr"), scope)).collect();
                RowFlow { chosen, order: Flow::plain() }
            }
            kind::TABLEFUNC => {
                let function = table.get("tablefunc");
                let is_json = |function: &&Struct<'t>| !function.get("colvalexprs").items().is_empty();
                let chosen = match function.as_struct().filter(is_json) {
                    Some(function) => self.json_table_rows(function, scope),
                    None => self.expression(function, scope).deciding(),
                };
                RowFlow { chosen, order: Flow::plain() }
            }
            kind::VALUES | kind::RESULT => RowFlow::default(),
            kind::CTE => self.with_rows(table, scope),
            _ => RowFlow::barred(UNKNOWN),
        }
    }

    /// Calls in a target list that return sets: each row comes as often as they say.
    fn multiplied(&mut self, node: &'t Node<'t>, scope: &Scope<'_, 't>) -> Flow {
        match node {
            Node::List(items) => items.iter().map(|item| self.multiplied(item, scope)).collect(),
            Node::Struct(call) if call.is_true("funcretset") || call.is_true("opretset") => {
                self.multiplicity(node, scope)
            }
            Node::Struct(node) if matches!(node.label, "SUBLINK" | "QUERY") => Flow::plain(),
            Node::Struct(_) if !self.descend() => Flow::barred(TOO_COMPLEX),
            Node::Struct(node) => {
                let flow = node.values().map(|value| self.multiplied(value, scope)).collect();
                self.ascend();
                flow
            }
            _ => Flow::plain(),
        }
    }

    /// The number of rows a function makes depends on its arguments. Their values reach its own columns.
    fn multiplicity(&mut self, call: &'t Node<'t>, scope: &Scope<'_, 't>) -> Flow {
        let is_known = |call: &&Struct<'t>| {
            call.label == "FUNCEXPR" && !self.is_unknown(&self.facts.world.function(call.oid("funcid")))
        };
        let flow = match call.as_struct().filter(is_known) {
            Some(call) => self.expression(call.get("args"), scope),
            None => self.expression(call, scope),
        };
        flow.deciding()
    }

    /// Conditions of WHERE and of joins, at all levels of FROM.
    fn conditions(&mut self, node: &'t Node<'t>, scope: &Scope<'_, 't>) -> Flow {
        match node {
            Node::List(items) => items.iter().map(|item| self.conditions(item, scope)).collect(),
            Node::Struct(_) if !self.descend() => Flow::barred(TOO_COMPLEX),
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

    fn once(&mut self, part: Part, scope: &Scope<'_, 't>, find: impl FnOnce(&mut Self) -> Flow) -> Flow {
        let key = (std::ptr::from_ref(scope.query) as usize, part);
        if let Some(known) = self.shapes.get(&key) {
            return known.clone();
        }
        // An order that depends on itself, by a window that is sorted by, adds nothing to what it depends on.
        self.shapes.insert(key, Flow::plain());
        let flow = if self.descend() {
            let flow = find(self);
            self.ascend();
            flow
        } else {
            Flow::barred(TOO_COMPLEX)
        };
        self.shapes.insert(key, flow.clone());
        flow
    }
}

/// Part of what is known of a query's rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    Input,
    Chosen,
    Order,
}

/// `SETOP_UNION` (nodes/parsenodes.h).
const UNION: i64 = 1;

/// True if an aggregate makes one row of all.
fn is_one_row(query: &Struct<'_>) -> bool {
    query.is_true("hasAggs")
        && query.get("groupClause").items().is_empty()
        && query.get("groupingSets").items().is_empty()
}

/// A value that is compared as a whole: JSON with all its secret keys, but for a text that a harmless key picked out.
pub(super) fn comparing(flow: Flow) -> Flow {
    let is_whole = flow.json && !flow.picked;
    let flow = flow.deciding();
    if is_whole {
        flow.and(Flow::maybe_barred(COMPARES_JSON))
    } else {
        flow
    }
}
