//! Queries whose rows are rows of one table expression, some of them or all, each once: what is unique below is unique above.

use super::facts::Facts;
use super::joins::Joins;
use super::scope::{kind, target_of, Scope};
use super::tree::Node;
use super::variables::own_column;
use std::collections::BTreeSet;

/// The table expression in FROM of which each row of a query is a row, and no two the same one. The others add columns to
/// it: there is one row of theirs at the most for each of its rows.
pub fn driver(scope: &Scope<'_, '_>, facts: &Facts<'_>) -> Option<i64> {
    facts.driver(scope, || found_driver(scope, facts))
}

fn found_driver(scope: &Scope<'_, '_>, facts: &Facts<'_>) -> Option<i64> {
    let query = scope.query;
    let grouped = !query.get("groupClause").items().is_empty();
    if query.get("setOperations").as_struct().is_some()
        || query.is_true("hasTargetSRFs")
        || !query.get("groupingSets").items().is_empty()
        || (query.is_true("hasAggs") && !grouped)
    {
        return None;
    }
    let joins = Joins::of(scope)?;
    let candidates = joins.tables.iter().copied().filter(|table| !joins.nullable.contains(table));
    candidates.into_iter().find(|candidate| {
        let mut known = BTreeSet::from([*candidate]);
        is_single(*candidate, scope, facts) && {
            joins.complete(&mut known, scope, facts);
            joins.tables.iter().all(|table| known.contains(table))
        }
    })
}

/// True if the rows of a table expression are rows of one table, each once.
fn is_single(number: i64, scope: &Scope<'_, '_>, facts: &Facts<'_>) -> bool {
    let Some(table) = scope.table(number) else { return false };
    if table.is_true("lateral") {
        return false;
    }
    match table.number("rtekind") {
        Some(kind::RELATION) => facts.world.is_single(table.oid("relid")),
        _ => below(number, scope, |scope| driver(scope, facts).is_some()).unwrap_or(false),
    }
}

/// Looks at the query of a sub-select or of WITH that a table expression is.
pub fn below<'t, T>(number: i64, scope: &Scope<'_, 't>, look: impl FnOnce(&Scope<'_, 't>) -> T) -> Option<T> {
    let table = scope.table(number)?;
    match table.number("rtekind")? {
        kind::SUBQUERY => {
            let query = table.get("subquery").as_struct()?;
            Some(look(&Scope { query, outer: Some(scope) }))
        }
        kind::CTE => {
            let (owner, with) = scope.with(table).filter(|(_, with)| !with.is_true("cterecursive"))?;
            let query = with.get("ctequery").as_struct()?;
            Some(look(&Scope { query, outer: Some(owner) }))
        }
        _ => None,
    }
}

/// The column of a relation (oid, attribute number) that a column of the result is as it is, where each row of the result is
/// one of that relation's.
pub fn origin(scope: &Scope<'_, '_>, place: i64, facts: &Facts<'_>) -> Option<(u32, i64)> {
    let driver = driver(scope, facts)?;
    let (table, attnum) = own_column(target_of(scope.query, place)?.get("expr"), scope)?;
    if table != driver {
        return None;
    }
    let relation = scope.table(driver)?;
    match relation.number("rtekind")? {
        kind::RELATION => Some((relation.oid("relid"), attnum)),
        _ => below(driver, scope, |scope| origin(scope, attnum, facts))?,
    }
}

/// True if a query does no more than choose among the rows that it reads and join columns to them: no group, no limit.
pub fn only_chooses(scope: &Scope<'_, '_>) -> bool {
    let query = scope.query;
    let lists = ["groupClause", "distinctClause"];
    lists.iter().all(|list| query.get(list).items().is_empty())
        && ["limitCount", "limitOffset", "havingQual"]
            .iter()
            .all(|part| matches!(query.get(part), Node::Nothing))
        && !query.is_true("hasAggs")
}
