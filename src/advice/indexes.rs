//! Indexes that an export would use and that are not there: for the tenant's rows, for the order by key, for periods.
//!
//! The rule: an index serves when it is valid, not partial, a B-tree in the column's own order, and when the column leads
//! it or follows the tenant column that leads it. A tenant is also found by a hash index. Only tables of some size count,
//! and only fields that are plain columns of one table.

use super::{size, Advice};
use crate::catalog::load::Loaded;
use crate::error::Result;
use crate::pg::{catalog, identity, sql};
use serde::Deserialize;

/// Of a partitioned table, an index is valid once all partitions have theirs. An expression, another collation and another
/// operator class than the type's own give NULL.
const INDEXES: &str = "
SELECT jsonb_build_object('method', m.amname, 'columns', (
           SELECT jsonb_agg(a.attname ORDER BY n)
             FROM generate_series(0, i.indnkeyatts - 1) AS n
             LEFT JOIN pg_opclass o ON o.oid = i.indclass[n]
             LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[n]
                                     AND i.indcollation[n] = a.attcollation AND o.opcdefault))
  FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_am m ON m.oid = x.relam
 WHERE i.indrelid = $1::oid AND i.indisvalid AND i.indpred IS NULL";

#[derive(Debug, Deserialize)]
struct Index {
    method: String,
    columns: Vec<Option<String>>,
}

/// A condition that no index serves, in words, and the columns of an index that would.
type Missing<'a> = (String, Vec<&'a str>);

/// Columns of one table by what an export does with them.
#[derive(Debug, Default)]
struct Wanted<'a> {
    tenant: Option<&'a str>,
    /// The columns of the key; none: they are not all of this table.
    key: Vec<&'a str>,
    /// Selected on by a period or `since`.
    dates: Vec<&'a str>,
}

pub fn missing(loaded: &Loaded) -> Result<Vec<Advice>> {
    let dataset = &loaded.dataset;
    let dates = [&dataset.created_column, &dataset.updated_column].into_iter().flatten();
    let columns = dataset.tenant_column.iter().chain(&dataset.key).chain(dates);
    // True if each row of the source is one row of a table: a column of it tells which table.
    let Some(origin) = columns.into_iter().find_map(|field| loaded.lineage.origin(dataset.column(field)))
    else {
        return Ok(Vec::new());
    };
    let tables = &mut loaded.lineage.base_tables();
    let Some(table) = tables.find(|table| table.oid == origin.table && table.kind != "f") else {
        return Ok(Vec::new());
    };
    if size::are_few([table.oid])? {
        return Ok(Vec::new());
    }
    let indexes: Vec<Index> = identity::as_owner(|| sql::documents(INDEXES, &[i64::from(table.oid).into()]))?;
    let found = Wanted::of(loaded).missing(&indexes).into_iter();
    Ok(found.map(|(what, columns)| advice(&table.name, &what, &columns)).collect())
}

impl<'a> Wanted<'a> {
    fn of(loaded: &'a Loaded) -> Wanted<'a> {
        let dataset = &loaded.dataset;
        let below = |field: &String| {
            loaded.lineage.origin(dataset.column(field)).map(|origin| origin.column.as_str())
        };
        let dates = [&dataset.created_column, &dataset.updated_column].into_iter().flatten();
        let mut dates: Vec<&str> = dates.filter_map(below).collect();
        dates.dedup();
        let key: Option<Vec<&str>> = dataset.key.iter().map(below).collect();
        let tenant = dataset.tenant_column.as_ref().and_then(below);
        Wanted { tenant, key: key.unwrap_or_default(), dates }
    }

    /// True if an index gives rows in the order of these columns: all of them, or a tenant's.
    fn is_served(&self, columns: &[&str], indexes: &[Index]) -> bool {
        let within: Vec<&str> =
            columns.iter().copied().filter(|column| Some(*column) != self.tenant).collect();
        let begins = |index: &[Option<String>], with: &[&str]| {
            index.len() >= with.len()
                && index.iter().zip(with).all(|(own, column)| own.as_deref() == Some(column))
        };
        indexes.iter().filter(|index| index.method == "btree").any(|index| {
            let is_of_tenant =
                |first: &Option<String>| self.tenant.is_some() && first.as_deref() == self.tenant;
            begins(&index.columns, columns)
                || index
                    .columns
                    .split_first()
                    .is_some_and(|(first, rest)| is_of_tenant(first) && begins(rest, &within))
        })
    }

    fn finds_tenant(&self, tenant: &str, indexes: &[Index]) -> bool {
        let is_fit = |index: &&Index| matches!(index.method.as_str(), "btree" | "hash");
        let leads = |index: &Index| matches!(index.columns.first(), Some(Some(first)) if first == tenant);
        indexes.iter().filter(is_fit).any(leads)
    }

    /// An index for each column without one; one serves tenant and key.
    fn missing(&self, indexes: &[Index]) -> Vec<Missing<'a>> {
        let mut found = Vec::new();
        let is_unserved = !self.key.is_empty() && !self.is_served(&self.key, indexes);
        let key = self.key.join(", ");
        match (self.tenant.filter(|tenant| !self.finds_tenant(tenant, indexes)), is_unserved) {
            (Some(tenant), true) if !self.key.contains(&tenant) => {
                let what = format!("the tenant column \"{tenant}\" and the key \"{key}\"");
                found.push((what, self.by(&self.key)));
            }
            (Some(tenant), _) => {
                let what = format!("the tenant column \"{tenant}\"");
                found.push((what, self.by(&self.key)));
            }
            (None, true) => {
                let what = format!("the key \"{key}\", which orders exports");
                found.push((what, self.by(&self.key)));
            }
            (None, false) => {}
        }
        for date in self.dates.iter().filter(|date| !self.is_served(&[date], indexes)) {
            let what = format!("column \"{date}\", which a period selects on");
            found.push((what, self.by(&[date])));
        }
        found
    }

    /// The columns within a tenant.
    fn by(&self, columns: &[&'a str]) -> Vec<&'a str> {
        let within = columns.iter().copied().filter(|column| Some(*column) != self.tenant);
        self.tenant.into_iter().chain(within).collect()
    }
}

fn advice(table: &str, what: &str, columns: &[&str]) -> Advice {
    let columns: Vec<String> = columns.iter().map(|column| catalog::quoted(column)).collect();
    Advice {
        advice: format!("table {table} has no index on {what}"),
        hint: format!("CREATE INDEX ON {table} ({});", columns.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted() -> Wanted<'static> {
        Wanted { tenant: Some("tenant"), key: vec!["id"], dates: Vec::new() }
    }

    /// `method: column column`; `-` stands for an expression.
    fn indexes(texts: &[&str]) -> Vec<Index> {
        let index = |text: &&str| {
            let (method, columns) = text.split_once(": ").unwrap();
            let column = |name: &str| Some(name.to_owned()).filter(|name| name != "-");
            Index { method: method.to_owned(), columns: columns.split(' ').map(column).collect() }
        };
        texts.iter().map(index).collect()
    }

    fn hints(wanted: &Wanted<'_>, texts: &[&str]) -> Vec<String> {
        wanted.missing(&indexes(texts)).into_iter().map(|(_, columns)| columns.join(", ")).collect()
    }

    #[test]
    fn one_index_serves_tenant_and_key() {
        let both = ["tenant, id"];
        for lacking in [
            &[][..],
            &["btree: id"],
            &["gin: tenant", "hash: id"],
            &["btree: - tenant", "btree: - id"],
            &["brin: tenant id"],
        ] {
            assert_eq!(hints(&wanted(), lacking), both, "{lacking:?}");
        }
        assert!(hints(&wanted(), &["btree: tenant id"]).is_empty());
        assert!(hints(&wanted(), &["btree: tenant other", "btree: id other"]).is_empty());
        assert!(hints(&wanted(), &["hash: tenant", "btree: id"]).is_empty());
        assert_eq!(hints(&wanted(), &["btree: tenant other id"]), both);
    }

    #[test]
    fn a_period_is_served_within_the_tenant_or_without() {
        let wanted = Wanted { dates: vec!["made", "changed"], ..wanted() };
        assert_eq!(hints(&wanted, &["btree: tenant id", "btree: made"]), ["tenant, changed"]);
        assert!(hints(&wanted, &["btree: tenant made", "btree: tenant changed", "btree: id"]).is_empty());
    }

    #[test]
    fn an_index_has_the_columns_of_a_key_in_its_order() {
        let pair = Wanted { key: vec!["team", "member"], ..wanted() };
        assert!(hints(&pair, &["btree: tenant team member"]).is_empty());
        assert_eq!(hints(&pair, &["btree: tenant member team"]), ["tenant, team, member"]);
        assert_eq!(hints(&pair, &["btree: tenant team"]), ["tenant, team, member"]);
        let within = Wanted { key: vec!["tenant", "member"], ..wanted() };
        assert!(hints(&within, &["btree: tenant member"]).is_empty());
        assert_eq!(hints(&within, &[]), ["tenant, member"]);
    }

    #[test]
    fn without_a_tenant_nothing_leads_the_column() {
        let wanted = Wanted { tenant: None, ..wanted() };
        assert_eq!(hints(&wanted, &["btree: - id", "btree: tenant id"]), ["id"]);
        assert!(hints(&wanted, &["btree: id"]).is_empty());
        assert!(hints(&Wanted::default(), &[]).is_empty());
    }
}
