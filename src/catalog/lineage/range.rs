//! Table expressions of a query: relations, sub-selects, joins, functions, VALUES, WITH.

use super::flow::Flow;
use super::tree::{Node, Struct};
use super::walk::{Walk, TOO_COMPLEX};

/// A query and those around it.
pub struct Scope<'s, 't> {
    pub query: &'t Struct<'t>,
    pub outer: Option<&'s Scope<'s, 't>>,
    /// It may be made anew for each row of a query around it.
    pub correlated: bool,
}

impl<'s, 't> Scope<'s, 't> {
    fn up(&self, levels: i64) -> Option<&Scope<'s, 't>> {
        let mut scope = self;
        for _ in 0..levels {
            scope = scope.outer?;
        }
        Some(scope)
    }

    pub(super) fn table(&self, number: i64) -> Option<&'t Struct<'t>> {
        self.query.get("rtable").items().get(usize::try_from(number).ok()?.checked_sub(1)?)?.as_struct()
    }
}

/// Kinds of table expressions (RTEKind, nodes/parsenodes.h).
mod kind {
    pub const RELATION: i64 = 0;
    pub const SUBQUERY: i64 = 1;
    pub const JOIN: i64 = 2;
    pub const FUNCTION: i64 = 3;
    pub const TABLEFUNC: i64 = 4;
    pub const VALUES: i64 = 5;
    pub const CTE: i64 = 6;
    pub const RESULT: i64 = 8;
    pub const GROUP: i64 = 9;
}

pub(super) const UNKNOWN: &str = "the query of the view is not understood";

impl<'t> Walk<'_, 't> {
    /// What each column of a stored query is made of.
    pub fn columns(&mut self, query: &'t Struct<'t>) -> Vec<Flow> {
        let scope = Scope { query, outer: None, correlated: false };
        (1..=width(query)).map(|place| self.column(&scope, place)).collect()
    }

    /// An expression over the columns of one relation, such as that of a generated column.
    pub fn alone(&mut self, expression: &'t Node<'t>, table: &'t Struct<'t>) -> Flow {
        self.expression(expression, &Scope { query: table, outer: None, correlated: false })
    }

    /// A column of a query, by its place from 1.
    fn column(&mut self, scope: &Scope<'_, 't>, place: i64) -> Flow {
        let shape = self.shape(scope);
        self.target(scope, place).and(shape)
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
    fn of_branches(&mut self, node: &'t Struct<'t>, scope: &Scope<'_, 't>, place: i64) -> Flow {
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

    /// All that a query returns.
    pub(super) fn all_columns(&mut self, query: &'t Struct<'t>, outer: &Scope<'_, 't>) -> Flow {
        let scope = Scope { query, outer: Some(outer), correlated: true };
        (1..=width(query)).map(|place| self.column(&scope, place)).collect()
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
            kind::RELATION => self.world.column(table.oid("relid"), attnum),
            kind::SUBQUERY => match table.get("subquery").as_struct() {
                Some(query) => {
                    let correlated = scope.correlated || table.is_true("lateral");
                    self.column(&Scope { query, outer: Some(scope), correlated }, attnum)
                }
                None => Flow::barred(UNKNOWN),
            },
            kind::JOIN => nth(table.get("joinaliasvars"))
                .map_or_else(|| Flow::barred(UNKNOWN), |alias| self.expression(alias, scope)),
            kind::GROUP => nth(table.get("groupexprs"))
                .map_or_else(|| Flow::barred(UNKNOWN), |grouped| self.expression(grouped, scope)),
            kind::FUNCTION => self.function_column(table, attnum, scope),
            kind::TABLEFUNC => self.expression(table.get("tablefunc"), scope),
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
            return self.world.row(table.oid("relid"));
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
            call.label == "FUNCEXPR" && self.world.function(call.oid("funcid")).makes_columns_of_keys()
        });
        let Some(keyed) = keyed else { return self.expression(call, scope) };
        let name = function.get("funccolnames").items().get(index).and_then(Node::name);
        let type_oid = function.get("funccoltypes").items().get(index).and_then(Node::number).unwrap_or(0);
        let flow = self.expression(keyed.get("args"), scope);
        match name {
            Some(name) if !self.world.is_secret_name(&name) => {
                self.of_type(flow, u32::try_from(type_oid).unwrap_or(0))
            }
            _ => Flow::barred(
                "it is picked out of JSON by a key that says that it holds a credential or a secret",
            ),
        }
    }

    fn with_column(&mut self, table: &'t Struct<'t>, attnum: i64, scope: &Scope<'_, 't>) -> Flow {
        let owner = scope.up(table.number("ctelevelsup").unwrap_or(0));
        let name = table.get("ctename").name();
        let found = owner.and_then(|owner| {
            let with = owner.query.get("cteList").items().iter().filter_map(Node::as_struct);
            let named = with.into_iter().find(|with| with.get("ctename").name() == name)?;
            Some((owner, named))
        });
        let Some((owner, with)) = found else { return Flow::barred(UNKNOWN) };
        let Some(query) = with.get("ctequery").as_struct() else { return Flow::barred(UNKNOWN) };
        let index = usize::try_from(attnum - 1).unwrap_or(usize::MAX);
        let key = std::ptr::from_ref(query) as usize;
        let known = self.assumed.get(&key).or_else(|| self.with.get(&key));
        let columns = match known {
            Some(columns) => columns.clone(),
            None => self.with_query(key, query, with.is_true("cterecursive"), owner),
        };
        // SEARCH and CYCLE add columns that are made of the others.
        columns.get(index).cloned().unwrap_or_else(|| columns.into_iter().collect())
    }

    /// All columns of a WITH query. One that refers to itself is followed until nothing new comes up: first with nothing
    /// assumed of its columns, then with what the round before found.
    fn with_query(
        &mut self,
        key: usize,
        query: &'t Struct<'t>,
        recursive: bool,
        owner: &Scope<'_, 't>,
    ) -> Vec<Flow> {
        let scope = Scope { query, outer: Some(owner), correlated: owner.correlated };
        let width = width(query);
        let mut columns = vec![Flow::plain(); usize::try_from(width).unwrap_or(0)];
        loop {
            if recursive {
                self.assumed.insert(key, columns.clone());
                // Whatever was found so far may rest on the assumption of the round before.
                self.known.clear();
                self.with.clear();
                self.shapes.clear();
            }
            let found: Vec<Flow> = (1..=width).map(|place| self.column(&scope, place)).collect();
            let settled = found.iter().zip(&columns).all(|(new, old)| new.same(old));
            columns = found;
            if settled || !recursive {
                break;
            }
        }
        if recursive {
            self.assumed.remove(&key);
            self.known.clear();
            self.with.clear();
            self.shapes.clear();
        }
        self.with.insert(key, columns.clone());
        columns
    }
}

/// Target entries that are columns of the result.
fn targets<'t>(query: &'t Struct<'t>) -> impl Iterator<Item = &'t Struct<'t>> {
    let all = query.get("targetList").items().iter().filter_map(Node::as_struct);
    all.filter(|target| !target.is_true("resjunk"))
}

/// The target entry of a place, where it stands as a rule.
fn target_of<'t>(query: &'t Struct<'t>, place: i64) -> Option<&'t Struct<'t>> {
    let is_meant = |target: &&Struct<'t>| target.number("resno") == Some(place) && !target.is_true("resjunk");
    let index = usize::try_from(place - 1).ok()?;
    let there = query.get("targetList").items().get(index).and_then(Node::as_struct).filter(is_meant);
    there.or_else(|| targets(query).find(is_meant))
}

fn width(query: &Struct<'_>) -> i64 {
    let targets = query.get("targetList").items().iter().filter_map(Node::as_struct);
    targets.filter(|target| !target.is_true("resjunk")).count() as i64
}
