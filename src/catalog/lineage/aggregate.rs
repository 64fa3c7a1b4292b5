//! Aggregates and window functions: values that are made of several rows.

use super::flow::Flow;
use super::functions::Kind;
use super::joins::Told;
use super::range::UNKNOWN;
use super::scope::Scope;
use super::shape::comparing;
use super::tree::{Node, Struct};
use super::walk::{Walk, TOO_COMPLEX};

impl<'t> Walk<'_, 't> {
    /// An aggregate is made of its arguments, of the rows that there are, and, most often, of their order.
    pub(super) fn aggregate(&mut self, node: &'t Struct<'t>, scope: &Scope<'_, 't>) -> Flow {
        let Some(level) = scope.up(node.number("agglevelsup").unwrap_or(0)) else {
            return Flow::barred(UNKNOWN);
        };
        let result = node.oid("aggtype");
        let value = self.call(node, "aggfnoid", result, scope).and(self.compared_arguments(node, scope));
        let chosen = self.input(level);
        if self.ignores_order(node.oid("aggfnoid"), result) {
            return value.and(chosen);
        }
        value.and(chosen).and(self.order_within(level))
    }

    /// A window function also depends on what parts and sorts its rows: a rank exports an order.
    pub(super) fn window_function(&mut self, node: &'t Struct<'t>, scope: &Scope<'_, 't>) -> Flow {
        let result = node.oid("wintype");
        let mut flow = self.call(node, "winfnoid", result, scope).and(self.compared_arguments(node, scope));
        flow = flow.and(self.input(scope));
        flow = flow.and(self.expression(scope.query.get("havingQual"), scope).deciding());
        let clauses = scope.query.get("windowClause").items().iter().filter_map(Node::as_struct);
        let mut is_total = false;
        let mut is_sorted = false;
        for clause in clauses.filter(|clause| clause.number("winref") == node.number("winref")) {
            for offset in ["startOffset", "endOffset"] {
                flow = flow.and(self.expression(clause.get(offset), scope).deciding());
            }
            let partition = scope.referred(clause.get("partitionClause"));
            let order = scope.referred(clause.get("orderClause"));
            flow = flow.and(self.compared(&partition, scope));
            let mut told = Told::default();
            self.in_order(&partition, &mut told, scope);
            let (sorted, total) = self.in_order(&order, &mut told, scope);
            flow = flow.and(sorted);
            is_total |= total;
            is_sorted |= !order.is_empty();
        }
        let needs_order = is_sorted || !self.ignores_order(node.oid("winfnoid"), result);
        if needs_order && !is_total {
            flow = flow.and(self.order_within(scope));
        }
        flow
    }

    /// DISTINCT and ORDER BY within an aggregate, `min` and `max` compare its arguments.
    fn compared_arguments(&mut self, node: &'t Struct<'t>, scope: &Scope<'_, 't>) -> Flow {
        let function = self.facts.world.function(node.oid("aggfnoid").max(node.oid("winfnoid")));
        let is_extreme = function.kind == Kind::BuiltIn && matches!(function.name.as_str(), "min" | "max");
        if is_extreme {
            return comparing(self.expression(node.get("args"), scope));
        }
        self.sorting_arguments(node, scope)
    }

    /// The arguments that DISTINCT or ORDER BY within an aggregate name; the others are not compared.
    fn sorting_arguments(&mut self, node: &'t Struct<'t>, scope: &Scope<'_, 't>) -> Flow {
        // Window functions have neither.
        if ["aggdistinct", "aggorder"].iter().all(|list| node.get(list).items().is_empty()) {
            return Flow::plain();
        }
        let arguments = node.get("args").items().iter();
        let sorting = arguments.filter(|argument| {
            let entry = argument.as_struct().filter(|entry| entry.label == "TARGETENTRY");
            // An argument of another shape is not known, and counts.
            entry.is_none_or(|entry| entry.number("ressortgroupref") != Some(0))
        });
        sorting.map(|argument| comparing(self.expression(argument, scope))).collect()
    }

    /// Arguments of aggregates by which rows are sorted before they come to any aggregate of the query.
    pub(super) fn sorted_arguments(&mut self, node: &'t Node<'t>, scope: &Scope<'_, 't>) -> Flow {
        match node {
            Node::List(items) => items.iter().map(|item| self.sorted_arguments(item, scope)).collect(),
            Node::Struct(node) if matches!(node.label, "SUBLINK" | "QUERY") => Flow::plain(),
            Node::Struct(node) if node.label == "AGGREF" => self.sorting_arguments(node, scope),
            Node::Struct(_) if !self.descend() => Flow::barred(TOO_COMPLEX),
            Node::Struct(node) => {
                let flow = node.values().map(|value| self.sorted_arguments(value, scope)).collect();
                self.ascend();
                flow
            }
            _ => Flow::plain(),
        }
    }

    /// True if an aggregate gives the same for the same rows in any order. Sums of floating-point numbers do not.
    fn ignores_order(&self, function: u32, result: u32) -> bool {
        const FLOAT4: u32 = 700;
        const FLOAT8: u32 = 701;
        let function = self.facts.world.function(function);
        function.kind == Kind::BuiltIn
            && match function.name.as_str() {
                "count" | "min" | "max" | "bool_and" | "bool_or" | "every" | "bit_and" | "bit_or"
                | "bit_xor" => true,
                "sum" | "avg" => !matches!(result, FLOAT4 | FLOAT8),
                _ => false,
            }
    }
}
