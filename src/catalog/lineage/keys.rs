//! Keys of table expressions: columns that no two rows have in common.

use super::facts::Facts;
use super::relations::UniqueKey;
use super::rows;
use super::scope::{targets, Scope};
use super::tree::{Node, Struct};
use super::variables::own_column;
use std::collections::BTreeSet;

/// Columns of a table expression that no two of its rows have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Attribute numbers. None: there is one row at the most.
    pub columns: BTreeSet<i64>,
    /// No two rows have NULL in common either.
    pub identifies: bool,
}

impl From<&UniqueKey> for Key {
    fn from(key: &UniqueKey) -> Self {
        Key { columns: key.columns.iter().copied().collect(), identifies: key.identifies }
    }
}

/// The keys of a table expression by its number in the range table.
pub fn of_table(number: i64, scope: &Scope<'_, '_>, facts: &Facts<'_>) -> Vec<Key> {
    use super::scope::kind;
    let Some(table) = scope.table(number) else { return Vec::new() };
    match table.number("rtekind") {
        Some(kind::RELATION) => facts.world.keys(table.oid("relid")),
        Some(kind::SUBQUERY) => match table.get("subquery").as_struct() {
            Some(query) => of_query(&Scope { query, outer: Some(scope) }, facts),
            None => Vec::new(),
        },
        Some(kind::CTE) => match scope.with(table) {
            Some((owner, with)) if !with.is_true("cterecursive") => match with.get("ctequery").as_struct() {
                Some(query) => of_query(&Scope { query, outer: Some(owner) }, facts),
                None => Vec::new(),
            },
            _ => Vec::new(),
        },
        Some(kind::RESULT) => vec![Key { columns: BTreeSet::new(), identifies: true }],
        _ => Vec::new(),
    }
}

/// The keys of a query: what it groups by, and those of the table expression that each of its rows is a row of.
pub fn of_query(scope: &Scope<'_, '_>, facts: &Facts<'_>) -> Vec<Key> {
    facts.keys(scope, || found_keys(scope, facts))
}

fn found_keys(scope: &Scope<'_, '_>, facts: &Facts<'_>) -> Vec<Key> {
    let query = scope.query;
    if query.get("setOperations").as_struct().is_some()
        || query.is_true("hasTargetSRFs")
        || !query.get("groupingSets").items().is_empty()
    {
        return Vec::new();
    }
    let mut keys = Vec::new();
    let grouped = query.get("groupClause").items();
    if !grouped.is_empty() {
        keys.extend(places(query, grouped));
    } else if query.is_true("hasAggs") {
        keys.push(BTreeSet::new());
    }
    let distinct = query.get("distinctClause").items();
    if !distinct.is_empty() {
        keys.extend(places(query, distinct));
    }
    let mut keys: Vec<Key> = keys.into_iter().map(|columns| Key { columns, identifies: true }).collect();
    if let Some(driver) = rows::driver(scope, facts) {
        let columns: Vec<(i64, i64)> = targets(query)
            .filter_map(|target| {
                let (table, attnum) = own_column(target.get("expr"), scope)?;
                (table == driver).then_some((attnum, target.number("resno")?))
            })
            .collect();
        let place = |attnum: &i64| columns.iter().find(|(below, _)| below == attnum).map(|(_, place)| *place);
        for key in of_table(driver, scope, facts) {
            if let Some(columns) = key.columns.iter().map(place).collect() {
                keys.push(Key { columns, identifies: key.identifies });
            }
        }
    }
    keys
}

/// The columns of the result that clauses refer to; None where one of them is no column of it.
fn places(query: &Struct<'_>, clauses: &[Node<'_>]) -> Option<BTreeSet<i64>> {
    clauses
        .iter()
        .map(|clause| {
            let reference = clause.as_struct()?.number("tleSortGroupRef")?;
            targets(query).find(|target| target.number("ressortgroupref") == Some(reference))?.number("resno")
        })
        .collect()
}
