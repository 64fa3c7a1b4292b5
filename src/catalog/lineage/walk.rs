//! From the columns of a query down to the columns of the relations that it reads.
//!
//! An expression is made of all that is in it: columns, functions, what its sub-selects return. What chooses rows (WHERE,
//! joins, EXISTS) puts no value into a column and does not count. Whatever this code does not know counts with all that
//! is in it; where it cannot follow, the value is barred.

use super::flow::Flow;
use super::functions::{tells_nothing, Function, Kind};
use super::range::Scope;
use super::simple::{constant, is_bare, is_empty_text, keeps_text, looks_up, result_of};
use super::tree::{Node, Struct};
use std::collections::HashMap;

/// What the walk asks of the catalogue.
pub trait World {
    /// A column of a relation, as a view above sees it.
    fn column(&self, relation: u32, attnum: i64) -> Flow;
    /// All columns of a relation together.
    fn row(&self, relation: u32) -> Flow;
    fn function(&self, oid: u32) -> Function;
    /// json, jsonb, hstore and arrays of them.
    fn is_json(&self, type_oid: u32) -> bool;
    fn is_enum(&self, type_oid: u32) -> bool;
    /// Whether the stack has no room for more.
    fn is_stack_deep(&self) -> bool;
    /// Whether the rows of a relation are rows of one table, each once.
    fn is_of_one_table(&self, relation: u32) -> bool;
    /// Whether a key of this name holds a secret.
    fn is_secret_name(&self, name: &str) -> bool;
}

/// A walk over one stored query.
pub struct Walk<'w, 't> {
    pub(super) world: &'w dyn World,
    /// Columns of table expressions that were followed: query (by its place in memory), table expression, column.
    pub(super) known: HashMap<(usize, i64, i64), Flow>,
    /// Columns of WITH queries: those that were followed, and what is assumed of those that refer to themselves.
    pub(super) with: HashMap<usize, Vec<Flow>>,
    pub(super) assumed: HashMap<usize, Vec<Flow>>,
    /// What chooses the rows of a query (by its place in memory).
    pub(super) shapes: HashMap<usize, Flow>,
    steps: u32,
    depth: u32,
    _tree: std::marker::PhantomData<&'t ()>,
}

/// Beyond these a query is not followed.
const MOST_STEPS: u32 = 5_000_000;
const DEEPEST: u32 = 2000;

pub(super) const TOO_COMPLEX: &str = "the view is too complex for its values to be traced";
const TAKES_APART: &str = "it takes JSON apart in a way that could bring out a secret";

impl<'w, 't> Walk<'w, 't> {
    pub fn new(world: &'w dyn World) -> Self {
        Walk {
            world,
            known: HashMap::new(),
            with: HashMap::new(),
            assumed: HashMap::new(),
            shapes: HashMap::new(),
            steps: 0,
            depth: 0,
            _tree: std::marker::PhantomData,
        }
    }

    /// What an expression's value is made of.
    pub(super) fn expression(&mut self, node: &'t Node<'t>, scope: &Scope<'_, 't>) -> Flow {
        match node {
            Node::Struct(node) => {
                if !self.descend() {
                    return Flow::barred(TOO_COMPLEX);
                }
                let flow = self.structure(node, scope);
                self.ascend();
                flow
            }
            Node::List(items) => items.iter().map(|item| self.expression(item, scope)).collect(),
            Node::Nothing | Node::Token(_) | Node::Bytes(_) => Flow::plain(),
        }
    }

    /// One level down; false: no further.
    pub(super) fn descend(&mut self) -> bool {
        self.steps += 1;
        let may = self.steps <= MOST_STEPS && self.depth < DEEPEST && !self.world.is_stack_deep();
        self.depth += u32::from(may);
        may
    }

    pub(super) fn ascend(&mut self) {
        self.depth -= 1;
    }

    fn structure(&mut self, node: &'t Struct<'t>, scope: &Scope<'_, 't>) -> Flow {
        match node.label {
            "VAR" => {
                let flow = self.variable(node, scope);
                self.of_type(flow, node.oid("vartype"))
            }
            "CONST" => self.of_type(Flow::plain(), node.oid("consttype")),
            "SQLVALUEFUNCTION" | "CASETESTEXPR" | "COERCETODOMAINVALUE" | "GROUPINGFUNC" => Flow::plain(),
            // Whether a column has a value tells none; whether an expression has one may.
            "NULLTEST" if is_bare(node.get("arg")) => Flow::plain(),
            "NULLTEST" if looks_up(node.get("arg")) => {
                let arg = node.get("arg").as_struct().map_or(&Node::Nothing, |arg| arg.get("subselect"));
                self.existence(arg, scope)
            }
            "NULLTEST" => Flow { json: false, ..self.expression(node.get("arg"), scope) },
            // Whether there is a row tells what chooses it.
            "SUBLINK" if node.number("subLinkType") == Some(EXISTS) => {
                self.existence(node.get("subselect"), scope)
            }
            "SUBLINK" => {
                let test = self.expression(node.get("testexpr"), scope);
                test.and(self.query(node.get("subselect"), scope))
            }
            "QUERY" => self.all_columns(node, scope),
            "TARGETENTRY" => self.expression(node.get("expr"), scope),
            "FUNCEXPR" => self.call(node, "funcid", node.oid("funcresulttype"), scope),
            // Whether there is a text at all tells none.
            "OPEXPR" if self.asks_for_emptiness(node) => Flow::plain(),
            "OPEXPR" => self.call(node, "opfuncid", node.oid("opresulttype"), scope),
            // Its value is that of its first operand.
            "NULLIFEXPR" => {
                let compared = self.call(node, "opfuncid", BOOLEAN, scope);
                compared.and(self.inside(node, scope))
            }
            "DISTINCTEXPR" | "SCALARARRAYOPEXPR" => self.call(node, "opfuncid", BOOLEAN, scope),
            "AGGREF" => self.call(node, "aggfnoid", node.oid("aggtype"), scope),
            "WINDOWFUNC" => {
                let flow = self.call(node, "winfnoid", node.oid("wintype"), scope);
                flow.and(self.window(node.number("winref"), scope))
            }
            "FIELDSELECT" => self.field(node, scope),
            "SUBSCRIPTINGREF" => self.subscript(node, scope),
            // JSON's text read as a range or a row would lose the quotes of its keys.
            "COERCEVIAIO" | "ARRAYCOERCEEXPR" => {
                let flow = self.inside(node, scope);
                let result = node.oid("resulttype");
                if flow.json && !keeps_text(result) && !self.is_small(result) && !self.world.is_json(result) {
                    return flow.and(Flow::maybe_barred(TAKES_APART));
                }
                self.of_type(flow, result)
            }
            "BOOLEXPR" | "BOOLEANTEST" | "ROWCOMPAREEXPR" => Flow { json: false, ..self.inside(node, scope) },
            "RELABELTYPE" | "COLLATEEXPR" | "COERCETODOMAIN" | "CONVERTROWTYPEEXPR" | "NAMEDARGEXPR"
            | "ROWEXPR" | "ARRAYEXPR" | "COALESCEEXPR" | "MINMAXEXPR" | "CASEEXPR" | "CASEWHEN" => {
                self.inside(node, scope)
            }
            _ => {
                let flow = self.inside(node, scope);
                if flow.json {
                    flow.and(Flow::maybe_barred(TAKES_APART))
                } else {
                    flow
                }
            }
        }
    }

    /// All that is in a node.
    fn inside(&mut self, node: &'t Struct<'t>, scope: &Scope<'_, 't>) -> Flow {
        node.values().map(|value| self.expression(value, scope)).collect()
    }

    /// What a type says of a value: one of JSON has its keys; one of a small type has no room for them.
    pub(super) fn of_type(&self, flow: Flow, type_oid: u32) -> Flow {
        let json = self.world.is_json(type_oid) || (flow.json && !self.is_small(type_oid));
        Flow { json, ..flow }
    }

    /// Whether values of a type are too small for a secret.
    fn is_small(&self, type_oid: u32) -> bool {
        tells_nothing(type_oid) || self.world.is_enum(type_oid)
    }

    fn call(&mut self, node: &'t Struct<'t>, field: &str, result: u32, scope: &Scope<'_, 't>) -> Flow {
        let function = self.world.function(node.oid(field));
        if function.name == "count" && function.kind == Kind::BuiltIn {
            // What is counted tells nothing, which rows are does.
            let filter = self.expression(node.get("aggfilter"), scope);
            let counted = if is_bare(node.get("args")) {
                Flow::plain()
            } else {
                self.expression(node.get("args"), scope)
            };
            return Flow { json: false, ..filter.and(counted) };
        }
        let arguments = self.inside(node, scope);
        let unknown =
            function.kind == Kind::Opaque || (function.kind == Kind::BuiltIn && function.looks_elsewhere());
        if unknown {
            let reason = format!("it comes through function {}, which could read a secret", function.name);
            return self.of_type(arguments.and(Flow::barred(reason)), result);
        }
        let arguments = if function.picks_by_key() {
            arguments.and(self.keys(node.get("args").items().get(1..).unwrap_or_default()))
        } else if function.gives_keys() {
            Flow { json: false, ..arguments }
        } else if arguments.json && function.kind == Kind::BuiltIn {
            let count = node.get("args").items().len();
            let whole =
                if self.is_small(result) { function.tells_little() } else { function.keeps_json(count) };
            if whole {
                arguments
            } else {
                arguments.and(Flow::maybe_barred(TAKES_APART))
            }
        } else {
            arguments
        };
        self.of_type(arguments, result)
    }

    /// `column = ''` or `<> ''`.
    fn asks_for_emptiness(&self, node: &Struct<'t>) -> bool {
        let function = self.world.function(node.oid("opfuncid"));
        let args = node.get("args").items();
        function.kind == Kind::BuiltIn
            && matches!(function.name.as_str(), "texteq" | "textne")
            && args.iter().all(is_bare)
            && args.iter().any(is_empty_text)
    }

    /// Keys by which a value is picked out of JSON: constants, and no secret's name.
    fn keys(&self, keys: &[Node<'t>]) -> Flow {
        keys.iter()
            .map(|key| match constant(key) {
                Some(text) if self.world.is_secret_name(&text) => Flow::barred(
                    "it is picked out of JSON by a key that says that it holds a credential or a secret",
                ),
                Some(_) => Flow::plain(),
                None => Flow::maybe_barred("it is picked out of JSON by a key that only the data knows"),
            })
            .collect()
    }

    fn subscript(&mut self, node: &'t Struct<'t>, scope: &Scope<'_, 't>) -> Flow {
        let flow = self.inside(node, scope);
        let is_element = |key: &&Node<'t>| key.as_struct().is_none_or(|key| result_of(key) != INTEGER);
        let flow = if self.world.is_json(node.oid("refcontainertype")) && node.oid("refelemtype") == 0 {
            let keys = node.get("refupperindexpr").items().iter().filter(is_element);
            keys.map(|key| self.keys(std::slice::from_ref(key))).collect::<Flow>().and(flow)
        } else {
            flow
        };
        self.of_type(flow, node.oid("refrestype"))
    }

    /// A field of a row: of a table's row that very column.
    fn field(&mut self, node: &'t Struct<'t>, scope: &Scope<'_, 't>) -> Flow {
        let row =
            node.get("arg").as_struct().filter(|arg| arg.label == "VAR" && arg.number("varattno") == Some(0));
        let flow = match (row, node.number("fieldnum")) {
            (Some(row), Some(attnum)) => self.column_of_variable(row, attnum, scope),
            _ => self.inside(node, scope),
        };
        self.of_type(flow, node.oid("resulttype"))
    }

    /// What orders and parts the rows of a window: a rank tells the order.
    fn window(&mut self, reference: Option<i64>, scope: &Scope<'_, 't>) -> Flow {
        let clauses = scope.query.get("windowClause").items().iter().filter_map(Node::as_struct);
        let targets = scope.query.get("targetList").items();
        let mut flow = Flow::plain();
        for clause in clauses.filter(|clause| clause.number("winref") == reference) {
            for offset in ["startOffset", "endOffset"] {
                flow = flow.and(self.expression(clause.get(offset), scope));
            }
            let by = clause.get("partitionClause").items().iter().chain(clause.get("orderClause").items());
            for reference in by.filter_map(|by| by.as_struct()?.number("tleSortGroupRef")) {
                let is_meant = |target: &&Node<'t>| {
                    target
                        .as_struct()
                        .is_some_and(|target| target.number("ressortgroupref") == Some(reference))
                };
                for target in targets.iter().filter(is_meant) {
                    flow = flow.and(Flow { json: false, ..self.expression(target, scope) });
                }
            }
        }
        flow
    }
}

/// `EXISTS_SUBLINK` (nodes/primnodes.h).
const EXISTS: i64 = 0;
/// Oids of `bool` and `int4` (pg_type.dat).
const BOOLEAN: u32 = 16;
const INTEGER: u32 = 23;

#[cfg(test)]
#[path = "walk_tests.rs"]
mod tests;
