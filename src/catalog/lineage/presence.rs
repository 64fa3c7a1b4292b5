//! Tests for the presence of a value: `column IS NULL`, `column <> ''`, `count(column)`.
//!
//! A column of a table may be tested although it holds a secret: that a person has a password is no secret. An expression may
//! not: `nullif(password_hash, 'x') IS NULL` answers a guess. So a variable may be tested only where it stands for a column of
//! a table, through all sub-selects, joins, WITH queries and views on the way.

use super::expressions::is_empty_text;
use super::functions::Kind;
use super::scope::{kind, target_of, targets, Scope};
use super::tree::{Node, Struct};
use super::walk::Walk;

impl<'t> Walk<'_, 't> {
    /// True if an expression is no more than a column of a table or a constant, or a list of them.
    pub(super) fn is_column(&mut self, node: &'t Node<'t>, scope: &Scope<'_, 't>) -> bool {
        match node {
            Node::List(items) => items.iter().all(|item| self.is_column(item, scope)),
            Node::Struct(node) => match node.label {
                "VAR" => match (scope.up(node.number("varlevelsup").unwrap_or(0)), node.number("varattno")) {
                    (Some(scope), Some(attnum)) => {
                        self.is_column_of(node.number("varno").unwrap_or(0), attnum, scope)
                    }
                    _ => false,
                },
                "CONST" => true,
                "TARGETENTRY" => self.is_column(node.get("expr"), scope),
                "RELABELTYPE" | "COLLATEEXPR" => self.is_column(node.get("arg"), scope),
                _ => false,
            },
            Node::Nothing | Node::Token(_) | Node::Bytes(_) => true,
        }
    }

    /// True if a column of a table expression (0: each of them) is a column of a table.
    fn is_column_of(&mut self, number: i64, attnum: i64, scope: &Scope<'_, 't>) -> bool {
        let key = (std::ptr::from_ref(scope.query) as usize, number, attnum);
        if let Some(known) = self.columns_of_tables.get(&key) {
            return *known;
        }
        self.columns_of_tables.insert(key, false);
        let is_column = self.descend() && {
            let found = self.find_column(number, attnum, scope);
            self.ascend();
            found
        };
        self.columns_of_tables.insert(key, is_column);
        is_column
    }

    fn find_column(&mut self, number: i64, attnum: i64, scope: &Scope<'_, 't>) -> bool {
        let Some(table) = scope.table(number) else { return false };
        match table.number("rtekind").unwrap_or(-1) {
            // ctid, tableoid and the like are never NULL.
            kind::RELATION => attnum < 0 || self.facts.world.is_column(table.oid("relid"), attnum),
            kind::SUBQUERY => match table.get("subquery").as_struct() {
                Some(query) => self.is_column_of_query(attnum, &Scope { query, outer: Some(scope) }),
                None => false,
            },
            kind::JOIN | kind::GROUP => {
                scope.stands_for(number, attnum).is_some_and(|node| self.is_column(node, scope))
            }
            kind::VALUES => {
                let place = usize::try_from(attnum - 1).ok();
                let rows = table.get("values_lists").items();
                rows.iter().all(|row| {
                    place
                        .and_then(|place| row.items().get(place))
                        .is_some_and(|node| self.is_column(node, scope))
                })
            }
            kind::CTE => match scope.with(table) {
                Some((owner, with)) if !with.is_true("cterecursive") => {
                    match with.get("ctequery").as_struct() {
                        Some(query) => self.is_column_of_query(attnum, &Scope { query, outer: Some(owner) }),
                        None => false,
                    }
                }
                _ => false,
            },
            _ => false,
        }
    }

    /// The same for a column of a query; 0: each of them.
    pub(super) fn is_column_of_query(&mut self, place: i64, scope: &Scope<'_, 't>) -> bool {
        if place == 0 {
            let places: Vec<Option<i64>> =
                targets(scope.query).map(|target| target.number("resno")).collect();
            return places
                .into_iter()
                .all(|place| place.is_some_and(|place| place > 0 && self.is_column_of_query(place, scope)));
        }
        match scope.query.get("setOperations").as_struct() {
            Some(operation) => self.is_column_of_branches(operation, place, scope),
            None => match target_of(scope.query, place) {
                Some(target) => self.is_column(target.get("expr"), scope),
                None => false,
            },
        }
    }

    fn is_column_of_branches(&mut self, node: &'t Struct<'t>, place: i64, scope: &Scope<'_, 't>) -> bool {
        if node.label == "RANGETBLREF" {
            return self.is_column_of(node.number("rtindex").unwrap_or(0), place, scope);
        }
        self.descend() && {
            let sides = ["larg", "rarg"].map(|side| node.get(side).as_struct());
            let are = sides
                .into_iter()
                .all(|side| side.is_some_and(|side| self.is_column_of_branches(side, place, scope)));
            self.ascend();
            are
        }
    }

    /// The query of an expression that is a sub-select of columns of tables.
    pub(super) fn looked_up(&mut self, node: &'t Node<'t>, scope: &Scope<'_, 't>) -> Option<&'t Node<'t>> {
        let link = node.as_struct().filter(|node| {
            node.label == "SUBLINK" && node.number("subLinkType") == Some(super::walk::EXPRESSION)
        })?;
        let query = link.get("subselect").as_struct()?;
        let inner = Scope { query, outer: Some(scope) };
        (query.get("setOperations").as_struct().is_none() && self.is_column(query.get("targetList"), &inner))
            .then(|| link.get("subselect"))
    }

    /// `column = ''` or `<> ''`.
    pub(super) fn asks_for_emptiness(&mut self, node: &'t Struct<'t>, scope: &Scope<'_, 't>) -> bool {
        let function = self.facts.world.function(node.oid("opfuncid"));
        let args = node.get("args").items();
        function.kind == Kind::BuiltIn
            && matches!(function.name.as_str(), "texteq" | "textne")
            && args.iter().any(is_empty_text)
            && args.iter().all(|arg| self.is_column(arg, scope))
    }
}
