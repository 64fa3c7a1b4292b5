//! A query and those around it: what its variables and its WITH queries refer to.

use super::tree::{Node, Struct};

/// A query and the query around it.
pub struct Scope<'s, 't> {
    pub query: &'t Struct<'t>,
    pub outer: Option<&'s Scope<'s, 't>>,
}

/// Kinds of table expressions (RTEKind, nodes/parsenodes.h).
pub mod kind {
    pub const RELATION: i64 = 0;
    pub const SUBQUERY: i64 = 1;
    pub const JOIN: i64 = 2;
    pub const FUNCTION: i64 = 3;
    pub const TABLEFUNC: i64 = 4;
    pub const VALUES: i64 = 5;
    pub const CTE: i64 = 6;
    pub const RESULT: i64 = 8;
    /// From PostgreSQL 18 on.
    pub const GROUP: i64 = 9;
}

/// True for table expressions whose columns stand for expressions over others.
pub fn is_alias(rtekind: i64) -> bool {
    matches!(rtekind, kind::JOIN | kind::GROUP)
}

impl<'s, 't> Scope<'s, 't> {
    /// The query this many levels up.
    pub fn up(&self, levels: i64) -> Option<&Scope<'s, 't>> {
        let mut scope = self;
        for _ in 0..levels {
            scope = scope.outer?;
        }
        Some(scope)
    }

    /// A table expression by its number from 1.
    pub fn table(&self, number: i64) -> Option<&'t Struct<'t>> {
        self.query.get("rtable").items().get(usize::try_from(number).ok()?.checked_sub(1)?)?.as_struct()
    }

    /// The WITH query that a table expression reads, and the query that it belongs to.
    pub fn with(&self, table: &Struct<'t>) -> Option<(&Scope<'s, 't>, &'t Struct<'t>)> {
        let owner = self.up(table.number("ctelevelsup").unwrap_or(0))?;
        let name = table.get("ctename").name();
        let mut with = owner.query.get("cteList").items().iter().filter_map(Node::as_struct);
        Some((owner, with.find(|with| with.get("ctename").name() == name)?))
    }

    /// The expression that a column of a join or of GROUP BY stands for.
    pub fn stands_for(&self, number: i64, attnum: i64) -> Option<&'t Node<'t>> {
        let table = self.table(number)?;
        let list = match table.number("rtekind")? {
            kind::JOIN => table.get("joinaliasvars"),
            kind::GROUP => table.get("groupexprs"),
            _ => return None,
        };
        list.items().get(usize::try_from(attnum - 1).ok()?)
    }

    /// The expressions of the target list that clauses of GROUP BY, ORDER BY and the like refer to, in their order.
    pub fn referred(&self, clauses: &Node<'t>) -> Vec<&'t Node<'t>> {
        let all = || self.query.get("targetList").items().iter().filter_map(Node::as_struct);
        let references =
            clauses.items().iter().filter_map(|clause| clause.as_struct()?.number("tleSortGroupRef"));
        references
            .flat_map(|reference| {
                all().filter(move |target| target.number("ressortgroupref") == Some(reference))
            })
            .map(|target| target.get("expr"))
            .collect()
    }
}

/// Target entries that are columns of the result.
pub fn targets<'t>(query: &'t Struct<'t>) -> impl Iterator<Item = &'t Struct<'t>> {
    let all = query.get("targetList").items().iter().filter_map(Node::as_struct);
    all.filter(|target| !target.is_true("resjunk"))
}

/// The target entry of a place, where it stands as a rule.
pub fn target_of<'t>(query: &'t Struct<'t>, place: i64) -> Option<&'t Struct<'t>> {
    let is_meant = |target: &&Struct<'t>| target.number("resno") == Some(place) && !target.is_true("resjunk");
    let index = usize::try_from(place - 1).ok()?;
    let there = query.get("targetList").items().get(index).and_then(Node::as_struct).filter(is_meant);
    there.or_else(|| targets(query).find(is_meant))
}

/// The number of columns of the result.
pub fn width(query: &Struct<'_>) -> i64 {
    let all = query.get("targetList").items().iter().filter_map(Node::as_struct);
    all.filter(|target| !target.is_true("resjunk")).count() as i64
}
