//! Table expressions of a query: relations, sub-selects, joins, functions, VALUES, WITH.

use super::flow::{Flow, RowFlow};
use super::joins::Joins;
use super::json::{is_of_a_name, OF_A_NAME};
use super::keys::{self, Key};
use super::rows;
use super::scope::{kind, target_of, width, Scope};
use super::tree::{Node, Struct};
use super::walk::{Walk, TOO_COMPLEX};
use crate::secret::reasons;

pub(super) const UNKNOWN: &str = reasons::UNKNOWN_QUERY;

impl<'t> Walk<'_, 't> {
    /// The value of each column of a stored query.
    #[cfg(test)]
    pub fn columns(&mut self, query: &'t Struct<'t>) -> Vec<Flow> {
        let scope = Scope { query, outer: None };
        (1..=width(query)).map(|place| self.column(&scope, place)).collect()
    }

    /// A stored query as a relation.
    pub fn relation(&mut self, query: &'t Struct<'t>) -> Traced {
        let scope = Scope { query, outer: None };
        let columns = (1..=width(query)).map(|place| TracedColumn {
            flow: self.column(&scope, place),
            origin: rows::origin(&scope, place, &self.facts),
            is_column: self.is_column_of_query(place, &scope),
        });
        Traced {
            columns: columns.collect(),
            rows: self.rows(&scope),
            single: rows::driver(&scope, &self.facts).is_some(),
            is_choice: self.is_choice(&scope),
            keys: keys::of_query(&scope, &self.facts),
        }
    }

    /// An expression over the columns of one relation, such as that of a generated column.
    pub fn alone(&mut self, expression: &'t Node<'t>, table: &'t Struct<'t>) -> Flow {
        self.expression(expression, &Scope { query: table, outer: None })
    }

    /// True if a secret decides no more than which of the rows of one table there are: not how often one comes, and not what
    /// stands in it. Outer joins whose condition is a secret would put NULL into columns.
    fn is_choice(&mut self, scope: &Scope<'_, 't>) -> bool {
        let Some(driver) = rows::driver(scope, &self.facts).filter(|_| rows::only_chooses(scope)) else {
            return false;
        };
        let Some(joins) = Joins::of(scope) else { return false };
        let keeps = joins.outer_conditions.iter().all(|on| self.expression(on, scope).bar.is_none())
            && joins.tables.iter().all(|table| *table == driver || self.is_kept(*table, scope));
        let table = scope.table(driver);
        keeps
            && match table.and_then(|table| table.number("rtekind")) {
                Some(kind::RELATION) => {
                    self.facts.world.is_choice(table.map_or(0, |table| table.oid("relid")))
                }
                _ => rows::below(driver, scope, |scope| self.is_choice(scope)).unwrap_or(false),
            }
    }

    /// True if no secret decides which row of a table expression is joined to a row of another.
    fn is_kept(&mut self, number: i64, scope: &Scope<'_, 't>) -> bool {
        self.table_rows(number, scope).chosen.bar.is_none()
    }

    /// The value of a column of a query, by its place from 1.
    fn column(&mut self, scope: &Scope<'_, 't>, place: i64) -> Flow {
        self.target(scope, place)
    }

    fn target(&mut self, scope: &Scope<'_, 't>, place: i64) -> Flow {
        if let Some(operation) = scope.query.get("setOperations").as_struct() {
            return self.of_branches(operation, scope, place);
        }
        match target_of(scope.query, place) {
            Some(target) => self.expression(target.get("expr"), scope),
            None => Flow::barred(UNKNOWN),
        }
    }

    /// UNION, INTERSECT, EXCEPT: the column of every branch.
    pub(super) fn of_branches(&mut self, node: &'t Struct<'t>, scope: &Scope<'_, 't>, place: i64) -> Flow {
        if node.label == "RANGETBLREF" {
            return self.table_column(node.number("rtindex").unwrap_or(0), place, scope);
        }
        if !self.descend() {
            return Flow::barred(TOO_COMPLEX);
        }
        let flow = ["larg", "rarg"]
            .iter()
            .map(|side| match node.get(side).as_struct() {
                Some(side) => self.of_branches(side, scope, place),
                None => Flow::barred(UNKNOWN),
            })
            .collect();
        self.ascend();
        flow
    }

    /// All that a query returns: its columns, and which rows there are in which order.
    pub(super) fn all_columns(&mut self, query: &'t Struct<'t>, outer: &Scope<'_, 't>) -> Flow {
        let scope = Scope { query, outer: Some(outer) };
        let columns: Flow = (1..=width(query)).map(|place| self.column(&scope, place)).collect();
        columns.and(self.rows(&scope).order)
    }

    pub(super) fn query(&mut self, node: &'t Node<'t>, outer: &Scope<'_, 't>) -> Flow {
        node.as_struct().map_or_else(|| Flow::barred(UNKNOWN), |query| self.all_columns(query, outer))
    }

    pub(super) fn variable(&mut self, node: &'t Struct<'t>, scope: &Scope<'_, 't>) -> Flow {
        match node.number("varattno") {
            Some(attnum) => self.column_of_variable(node, attnum, scope),
            None => Flow::barred(UNKNOWN),
        }
    }

    /// A column of the table expression that a variable is of; column 0 is the whole row.
    pub(super) fn column_of_variable(
        &mut self,
        node: &'t Struct<'t>,
        attnum: i64,
        scope: &Scope<'_, 't>,
    ) -> Flow {
        let Some(scope) = scope.up(node.number("varlevelsup").unwrap_or(0)) else {
            return Flow::barred(UNKNOWN);
        };
        self.table_column(node.number("varno").unwrap_or(0), attnum, scope)
    }

    fn table_column(&mut self, number: i64, attnum: i64, scope: &Scope<'_, 't>) -> Flow {
        let Some(table) = scope.table(number) else { return Flow::barred(UNKNOWN) };
        // ctid, tableoid and the like.
        if attnum < 0 {
            return Flow::plain();
        }
        let key = (std::ptr::from_ref(scope.query) as usize, number, attnum);
        if let Some(known) = self.known.get(&key) {
            return known.clone();
        }
        // A query that leads back to itself other than by WITH RECURSIVE does not exist; should one, it is barred.
        self.known.insert(key, Flow::barred(TOO_COMPLEX));
        let flow = if attnum == 0 { self.row(table, scope) } else { self.follow(table, attnum, scope) };
        self.known.insert(key, flow.clone());
        flow
    }

    fn follow(&mut self, table: &'t Struct<'t>, attnum: i64, scope: &Scope<'_, 't>) -> Flow {
        let nth =
            |list: &'t Node<'t>| usize::try_from(attnum - 1).ok().and_then(|index| list.items().get(index));
        match table.number("rtekind").unwrap_or(-1) {
            kind::RELATION => self.facts.world.column(table.oid("relid"), attnum),
            kind::SUBQUERY => match table.get("subquery").as_struct() {
                Some(query) => self.column(&Scope { query, outer: Some(scope) }, attnum),
                None => Flow::barred(UNKNOWN),
            },
            kind::JOIN | kind::GROUP => match nth(match table.number("rtekind") {
                Some(kind::JOIN) => table.get("joinaliasvars"),
                _ => table.get("groupexprs"),
            }) {
                Some(expression) => self.expression(expression, scope),
                None => Flow::barred(UNKNOWN),
            },
            kind::FUNCTION => self.function_column(table, attnum, scope),
            kind::TABLEFUNC => {
                let index = usize::try_from(attnum - 1).unwrap_or(usize::MAX);
                let json =
                    table.get("tablefunc").as_struct().and_then(|table| self.json_table(table, index, scope));
                json.unwrap_or_else(|| self.expression(table.get("tablefunc"), scope))
            }
            kind::VALUES => {
                let rows = table.get("values_lists").items().iter();
                rows.map(|row| {
                    nth(row).map_or_else(|| Flow::barred(UNKNOWN), |value| self.expression(value, scope))
                })
                .collect()
            }
            kind::CTE => self.with_column(table, attnum, scope),
            kind::RESULT => Flow::plain(),
            _ => Flow::barred(UNKNOWN),
        }
    }

    fn row(&mut self, table: &'t Struct<'t>, scope: &Scope<'_, 't>) -> Flow {
        if table.number("rtekind") == Some(kind::RELATION) {
            return self.facts.world.row(table.oid("relid"));
        }
        let names = table.get("eref").as_struct().map_or(0, |eref| eref.get("colnames").items().len());
        (1..=names as i64).map(|attnum| self.follow(table, attnum, scope)).collect()
    }

    /// A column of functions in FROM, which stand side by side; the last one may be their ordinality.
    fn function_column(&mut self, table: &'t Struct<'t>, attnum: i64, scope: &Scope<'_, 't>) -> Flow {
        let mut place = attnum;
        for function in table.get("functions").items().iter().filter_map(Node::as_struct) {
            let width = function.number("funccolcount").unwrap_or(0);
            if place <= width {
                return self.one_function_column(function, place, scope);
            }
            place -= width;
        }
        if table.is_true("funcordinality") {
            Flow::plain()
        } else {
            Flow::barred(UNKNOWN)
        }
    }

    fn one_function_column(&mut self, function: &'t Struct<'t>, place: i64, scope: &Scope<'_, 't>) -> Flow {
        let index = usize::try_from(place - 1).unwrap_or(usize::MAX);
        let call = function.get("funcexpr");
        let keyed = call.as_struct().filter(|call| {
            call.label == "FUNCEXPR" && self.facts.world.function(call.oid("funcid")).makes_columns_of_keys()
        });
        let Some(keyed) = keyed else { return self.expression(call, scope) };
        let name = function.get("funccolnames").items().get(index).and_then(Node::name);
        let type_oid = function.get("funccoltypes").items().get(index).and_then(Node::number).unwrap_or(0);
        let flow = self.expression(keyed.get("args"), scope);
        match name {
            Some(name) if is_of_a_name(&name) => Flow::maybe_barred(OF_A_NAME),
            Some(name) if !self.facts.world.is_secret_name(&name) => {
                self.of_type(flow, u32::try_from(type_oid).unwrap_or(0))
            }
            _ => Flow::barred(reasons::JSON_KEY),
        }
    }

    fn with_column(&mut self, table: &'t Struct<'t>, attnum: i64, scope: &Scope<'_, 't>) -> Flow {
        let Some((owner, with)) = scope.with(table) else { return Flow::barred(UNKNOWN) };
        let Some(query) = with.get("ctequery").as_struct() else { return Flow::barred(UNKNOWN) };
        let index = usize::try_from(attnum - 1).unwrap_or(usize::MAX);
        let columns = self.with_query(query, with.is_true("cterecursive"), owner).columns;
        // SEARCH and CYCLE add columns that are made of the others.
        columns.get(index).cloned().unwrap_or_else(|| columns.into_iter().collect())
    }

    pub(super) fn with_rows(&mut self, table: &'t Struct<'t>, scope: &Scope<'_, 't>) -> RowFlow {
        let Some((owner, with)) = scope.with(table) else { return RowFlow::barred(UNKNOWN) };
        match with.get("ctequery").as_struct() {
            Some(query) => self.with_query(query, with.is_true("cterecursive"), owner).rows,
            None => RowFlow::barred(UNKNOWN),
        }
    }

    /// A WITH query. One that refers to itself is followed until nothing new comes up: first with nothing assumed of its
    /// columns and rows, then with what the round before found.
    fn with_query(&mut self, query: &'t Struct<'t>, recursive: bool, owner: &Scope<'_, 't>) -> With {
        let key = std::ptr::from_ref(query) as usize;
        if let Some(known) = self.assumed.get(&key).or_else(|| self.with.get(&key)) {
            return known.clone();
        }
        let scope = Scope { query, outer: Some(owner) };
        let width = width(query);
        let columns = vec![Flow::plain(); usize::try_from(width).unwrap_or(0)];
        let mut with = With { columns, rows: RowFlow::default() };
        loop {
            if recursive {
                self.assumed.insert(key, with.clone());
                // Whatever was found so far may rest on the assumption of the round before.
                self.forget();
            }
            let columns: Vec<Flow> = (1..=width).map(|place| self.column(&scope, place)).collect();
            let found = With { columns, rows: self.rows(&scope) };
            let settled = found.rows.same(&with.rows)
                && found.columns.iter().zip(&with.columns).all(|(new, old)| new.same(old));
            with = found;
            if settled || !recursive {
                break;
            }
        }
        if recursive {
            self.assumed.remove(&key);
            self.forget();
        }
        self.with.insert(key, with.clone());
        with
    }

    fn forget(&mut self) {
        self.known.clear();
        self.with.clear();
        self.shapes.clear();
    }
}

/// The facts about a WITH query.
#[derive(Debug, Clone)]
pub struct With {
    columns: Vec<Flow>,
    rows: RowFlow,
}

/// The facts about a stored query.
pub struct Traced {
    pub columns: Vec<TracedColumn>,
    pub rows: RowFlow,
    /// Each of its rows is a row of one table, and no two are the same one.
    pub single: bool,
    /// A secret decides no more than which of these rows there are.
    pub is_choice: bool,
    pub keys: Vec<Key>,
}

pub struct TracedColumn {
    /// Of its values.
    pub flow: Flow,
    /// The column of a relation (oid, attribute number) that it is, where each row is one of that relation's.
    pub origin: Option<(u32, i64)>,
    /// It is a column of a table as it is.
    pub is_column: bool,
}
