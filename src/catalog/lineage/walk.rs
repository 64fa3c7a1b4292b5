//! From the columns of a query down to the columns of the relations that it reads.
//!
//! An expression is made of all that is in it: columns, functions, what its sub-selects return. Aggregates, windows and
//! sub-selects are also made of what chooses and sorts their rows. What this code does not know is barred.

use super::expressions::{constant, keeps_text, result_of, written, written_constant};
use super::facts::Facts;
use super::flow::{Flow, RowFlow};
use super::functions::{tells_nothing, Function, Kind};
use super::json::{is_of_a_name, OF_A_NAME};
use super::keys::Key;
use super::range::{With, UNKNOWN};
use super::scope::Scope;
use super::shape::{comparing, Part};
use super::tree::{Node, Struct};
use crate::secret::reasons;
use std::collections::HashMap;

/// The catalog look-ups that the walk needs.
pub trait World {
    /// A column of a relation, as a view above sees it.
    fn column(&self, relation: u32, attnum: i64) -> Flow;
    /// All columns of a relation together.
    fn row(&self, relation: u32) -> Flow;
    fn function(&self, oid: u32) -> Function;
    /// json, jsonb, hstore and arrays of them.
    fn is_json(&self, type_oid: u32) -> bool;
    fn is_enum(&self, type_oid: u32) -> bool;
    /// True if the stack has no room for more.
    fn is_stack_deep(&self) -> bool;
    /// The rows of a relation: of a table plain, of a view those of its query.
    fn rows(&self, relation: u32) -> RowFlow;
    /// True if the rows of a relation are rows of one table, each once.
    fn is_single(&self, relation: u32) -> bool;
    /// True if a secret decides no more than which of these rows there are.
    fn is_choice(&self, relation: u32) -> bool;
    /// True if a column of a relation (0: each of them) is a column of a table as it is, and not generated.
    fn is_column(&self, relation: u32, attnum: i64) -> bool;
    /// The columns of a relation that hold the names of what the values of a column are.
    fn named_by(&self, _relation: u32, _attnum: i64) -> Vec<i64> {
        Vec::new()
    }
    /// True if the rows of a relation as JSON have such names beside such values.
    fn is_named_in_json(&self, _relation: u32) -> bool {
        false
    }
    /// Columns that no two rows of a relation have in common.
    fn keys(&self, relation: u32) -> Vec<Key>;
    /// True if a key of this name holds a secret.
    fn is_secret_name(&self, name: &str) -> bool;
}

/// A walk over one stored query.
pub struct Walk<'w, 't> {
    pub(super) facts: Facts<'w>,
    /// Columns of table expressions that were followed: query (by its place in memory), table expression, column.
    pub(super) known: HashMap<(usize, i64, i64), Flow>,
    /// Columns of WITH queries: those that were followed, and what is assumed of those that refer to themselves.
    pub(super) with: HashMap<usize, With>,
    pub(super) assumed: HashMap<usize, With>,
    /// The flow that chooses and sorts the rows of a query (by its place in memory).
    pub(super) shapes: HashMap<(usize, Part), Flow>,
    /// Columns of table expressions that were looked at: true for those that are columns of tables.
    pub(super) columns_of_tables: HashMap<(usize, i64, i64), bool>,
    steps: u32,
    depth: u32,
    _tree: std::marker::PhantomData<&'t ()>,
}

/// Beyond these a query is not followed.
const MOST_STEPS: u32 = 5_000_000;
const DEEPEST: u32 = 2000;

pub(super) const TOO_COMPLEX: &str = "the view is too complex for its values to be traced";
pub(super) const TAKES_APART: &str = reasons::JSON_PARTS;
pub(super) const COMPARES_JSON: &str = reasons::JSON_COMPARED;

impl<'w, 't> Walk<'w, 't> {
    pub fn new(world: &'w dyn World) -> Self {
        Walk {
            facts: Facts::of(world),
            known: HashMap::new(),
            with: HashMap::new(),
            assumed: HashMap::new(),
            shapes: HashMap::new(),
            columns_of_tables: HashMap::new(),
            steps: 0,
            depth: 0,
            _tree: std::marker::PhantomData,
        }
    }

    /// The flow into an expression's value.
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
        let may = self.steps <= MOST_STEPS && self.depth < DEEPEST && !self.facts.world.is_stack_deep();
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
            // JSON in which no word is a secret's name has no secret key.
            "CONST" if self.is_harmless_constant(node) => Flow::plain(),
            "CONST" => self.of_type(Flow::plain(), node.oid("consttype")),
            "SQLVALUEFUNCTION" | "CASETESTEXPR" | "COERCETODOMAINVALUE" | "GROUPINGFUNC" => Flow::plain(),
            // A column may be tested for a value; an expression would answer a guess.
            "NULLTEST" if self.is_column(node.get("arg"), scope) => Flow::plain(),
            "NULLTEST" => match self.looked_up(node.get("arg"), scope) {
                Some(query) => self.existence(query, scope),
                None => self.expression(node.get("arg"), scope).deciding(),
            },
            // The existence of a row depends on what chooses it.
            "SUBLINK" if node.number("subLinkType") == Some(EXISTS) => {
                self.existence(node.get("subselect"), scope)
            }
            "SUBLINK" => {
                let test = self.expression(node.get("testexpr"), scope);
                let flow = test.and(self.query(node.get("subselect"), scope));
                match node.number("subLinkType") {
                    Some(EXPRESSION | ARRAY) => flow,
                    _ => flow.deciding(),
                }
            }
            // A column of the sub-select in the test of IN, ANY and ALL: the sub-select counts as a whole.
            "PARAM" if node.number("paramkind") == Some(PARAM_SUBLINK) => Flow::plain(),
            "QUERY" => self.all_columns(node, scope),
            "TARGETENTRY" => self.expression(node.get("expr"), scope),
            "FUNCEXPR" => self.call(node, "funcid", node.oid("funcresulttype"), scope),
            "OPEXPR" if self.asks_for_emptiness(node, scope) => Flow::plain(),
            "OPEXPR" => self.call(node, "opfuncid", node.oid("opresulttype"), scope),
            // Its value is that of its first operand.
            "NULLIFEXPR" => {
                let compared = self.call(node, "opfuncid", BOOLEAN, scope);
                compared.and(self.inside(node, scope))
            }
            "DISTINCTEXPR" | "SCALARARRAYOPEXPR" => self.call(node, "opfuncid", BOOLEAN, scope),
            "AGGREF" => self.aggregate(node, scope),
            "WINDOWFUNC" => self.window_function(node, scope),
            "FIELDSELECT" => self.field(node, scope),
            "SUBSCRIPTINGREF" => self.subscript(node, scope),
            // JSON's text read as a range or a row would lose the quotes of its keys.
            "COERCEVIAIO" | "ARRAYCOERCEEXPR" => {
                let flow = self.inside(node, scope);
                self.coerced(flow, node.oid("resulttype"))
            }
            "BOOLEXPR" | "BOOLEANTEST" => self.inside(node, scope).deciding(),
            "ROWCOMPAREEXPR" => comparing(self.inside(node, scope)),
            "RELABELTYPE" | "COLLATEEXPR" | "COERCETODOMAIN" | "CONVERTROWTYPEEXPR" | "NAMEDARGEXPR"
            | "ROWEXPR" | "ARRAYEXPR" | "COALESCEEXPR" | "CASEEXPR" | "CASEWHEN" => self.inside(node, scope),
            "MINMAXEXPR" => {
                let flow = self.inside(node, scope);
                flow.clone().and(comparing(flow))
            }
            // From PostgreSQL 16 on.
            "JSONCONSTRUCTOREXPR" => self.json_constructor(node, scope),
            "JSONISPREDICATE" => self.expression(node.get("expr"), scope).deciding(),
            // The same value twice, as it came and as JSON.
            "JSONVALUEEXPR" | "JSONBEHAVIOR" => self.inside(node, scope),
            "JSONFORMAT" | "JSONRETURNING" => Flow::plain(),
            // From PostgreSQL 17 on.
            "JSONEXPR" => self.json_query(node, scope),
            // Parts of other nodes that hold no more than what is in them.
            "SORTGROUPCLAUSE" | "TABLESAMPLECLAUSE" => self.inside(node, scope),
            "XMLEXPR" | "TABLEFUNC" => {
                let flow = self.inside(node, scope);
                if flow.json {
                    flow.and(Flow::maybe_barred(TAKES_APART))
                } else {
                    flow
                }
            }
            _ => Flow::barred(UNKNOWN),
        }
    }

    /// All that is in a node.
    pub(super) fn inside(&mut self, node: &'t Struct<'t>, scope: &Scope<'_, 't>) -> Flow {
        node.values().map(|value| self.expression(value, scope)).collect()
    }

    /// The flow limited by a type: a JSON value has its keys; a value of a small type has no room for them.
    pub(super) fn of_type(&self, flow: Flow, type_oid: u32) -> Flow {
        let is_json = self.facts.world.is_json(type_oid);
        let json = is_json || (flow.json && !self.is_small(type_oid));
        Flow { json, picked: json && flow.picked && !is_json, ..flow }
    }

    /// The same of a value that becomes one of another type: JSON is found again in text, and in no other form of it.
    pub(super) fn coerced(&self, flow: Flow, type_oid: u32) -> Flow {
        let is_found = keeps_text(type_oid) || self.is_small(type_oid) || self.facts.world.is_json(type_oid);
        if !flow.json || is_found {
            return self.of_type(flow, type_oid);
        }
        flow.and(Flow::maybe_barred(TAKES_APART))
    }

    /// True if values of a type are too small for a secret.
    fn is_small(&self, type_oid: u32) -> bool {
        tells_nothing(type_oid) || self.facts.world.is_enum(type_oid)
    }

    /// True if a function could get its result elsewhere than from its arguments.
    pub(super) fn is_unknown(&self, function: &Function) -> bool {
        function.kind == Kind::Opaque || (function.kind == Kind::BuiltIn && function.looks_elsewhere())
    }

    pub(super) fn call(
        &mut self,
        node: &'t Struct<'t>,
        field: &str,
        result: u32,
        scope: &Scope<'_, 't>,
    ) -> Flow {
        let function = self.facts.world.function(node.oid(field));
        let args = node.get("args");
        if function.name == "count" && function.kind == Kind::BuiltIn {
            // The number of values of a column tells their presence; that of different values tells more.
            let filter = self.expression(node.get("aggfilter"), scope);
            let is_plain = node.get("aggdistinct").items().is_empty() && self.is_column(args, scope);
            let counted = if is_plain { Flow::plain() } else { self.expression(args, scope) };
            return filter.and(counted).deciding();
        }
        let arguments = self.inside(node, scope);
        let is_paired = arguments.bar.as_ref().is_some_and(|bar| bar.paired);
        let arguments =
            if is_paired && function.kind == Kind::BuiltIn && self.keeps_names(&function, node, scope) {
                arguments.with_name()
            } else {
                arguments
            };
        if self.is_unknown(&function) {
            let reason = format!("it comes through function {}, which could read a secret", function.name);
            return self.of_type(arguments.and(Flow::barred(reason)), result);
        }
        if function.kind == Kind::BuiltIn && function.compares() {
            return self.comparison(&function, args, arguments);
        }
        let arguments = if function.kind == Kind::BuiltIn && function.follows_path() {
            let flow = arguments.and(args.items().get(1).map_or_else(Flow::plain, |path| self.path(path)));
            Flow { picked: flow.json, ..flow }
        } else if function.picks_by_key() {
            let keys = self.keys(args.items().get(1..).unwrap_or_default());
            arguments.and(keys)
        } else if function.gives_keys() {
            arguments.deciding()
        } else if arguments.json && function.kind == Kind::BuiltIn {
            let count = args.items().len();
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
        let picked = arguments.picked || (function.kind == Kind::BuiltIn && function.picks_text());
        self.of_type(Flow { picked, ..arguments }, result)
    }

    /// A comparison of JSON. One with a constant that has no secret key is answered without the secrets in it: a value that
    /// has some is not equal to it, and contains it for other reasons.
    fn comparison(&self, function: &Function, args: &Node<'t>, arguments: Flow) -> Flow {
        if function.contains() {
            let [left, right] = args.items() else { return comparing(arguments) };
            let part = if function.name == "jsonb_contained" { left } else { right };
            return if self.is_harmless(part) { arguments.deciding() } else { comparing(arguments) };
        }
        if function.is_equality() && args.items().iter().any(|arg| self.is_harmless(arg)) {
            return arguments.deciding();
        }
        comparing(arguments)
    }

    /// True for a constant in which no word is a secret's name.
    fn is_harmless(&self, node: &Node<'t>) -> bool {
        written(node).is_some_and(|text| !self.facts.world.is_secret_name(&text))
    }

    fn is_harmless_constant(&self, node: &Struct<'t>) -> bool {
        written_constant(node).is_some_and(|text| !self.facts.world.is_secret_name(&text))
    }

    /// Keys by which a value is picked out of JSON: constants, and no secret's name.
    fn keys(&self, keys: &[Node<'t>]) -> Flow {
        keys.iter()
            .map(|key| match constant(key) {
                Some(text) if self.facts.world.is_secret_name(&text) => Flow::barred(reasons::JSON_KEY),
                Some(text) if is_of_a_name(&text) => Flow::maybe_barred(OF_A_NAME),
                Some(_) => Flow::plain(),
                None => Flow::maybe_barred(reasons::JSON_KEY_OF_DATA),
            })
            .collect()
    }

    fn subscript(&mut self, node: &'t Struct<'t>, scope: &Scope<'_, 't>) -> Flow {
        let flow = self.inside(node, scope);
        let is_element = |key: &&Node<'t>| key.as_struct().is_none_or(|key| result_of(key) != INTEGER);
        let flow = if self.facts.world.is_json(node.oid("refcontainertype")) && node.oid("refelemtype") == 0 {
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
}

/// SubLinkType and ParamKind (nodes/primnodes.h).
const EXISTS: i64 = 0;
pub(super) const EXPRESSION: i64 = 4;
const ARRAY: i64 = 6;
const PARAM_SUBLINK: i64 = 2;
/// Oids of `bool` and `int4` (pg_type.dat).
const BOOLEAN: u32 = 16;
const INTEGER: u32 = 23;

#[cfg(test)]
#[path = "walk_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "versions_tests.rs"]
mod versions_tests;
