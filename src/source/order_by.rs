//! The order of an export's rows, and the headers that come with it in a request.

use super::where_clause::own_column;
use crate::catalog::key::is_proven;
use crate::catalog::load::Loaded;
use crate::encode::Order;
use crate::error::{Error, Result};
use crate::model::{ExportRequest, Field, SortKey};
use crate::request::sorting;
use crate::value::quote_ident;
use std::collections::BTreeMap;

/// The order and the headers that a request asks for.
pub struct Form {
    pub order: Order,
    /// By the names of fields.
    pub labels: BTreeMap<String, String>,
}

impl Form {
    /// With the headers of the registration.
    pub fn in_order(order: Order) -> Form {
        Form { order, labels: BTreeMap::new() }
    }
}

/// The ORDER BY of a query.
pub struct OrderBy<'d> {
    /// Columns of the source, with their directions.
    terms: Vec<(&'d str, &'static str)>,
    /// In the order of the key alone: its fields, and whether NULL is a value of theirs. In another order rows of one key are no
    /// neighbours.
    pub key: Option<Vec<(&'d Field, bool)>>,
}

impl<'d> OrderBy<'d> {
    /// None: the rows come as the source gives them. An order that comes from a secret does not leave, whatever was asked for.
    pub fn of(loaded: &'d Loaded, asked: &ExportRequest, order: &Order) -> Result<Option<OrderBy<'d>>> {
        let sorted = match order {
            Order::By(keys) => sorting::fields(&loaded.dataset, keys, asked.anonymise)?,
            Order::None if !loaded.lineage.is_sorted_by_secret() => return Ok(None),
            Order::Key | Order::None => Vec::new(),
        };
        let mut terms: Vec<(&str, &str)> =
            sorted.iter().map(|(field, key)| (field.column.as_str(), direction(key))).collect();
        let key = key_columns(loaded, asked)?;
        let is_sorted = |field: &Field| sorted.iter().any(|(known, _)| known.name == field.name);
        let last = key.iter().filter(|(field, _)| !is_sorted(field));
        terms.extend(last.map(|(field, _)| (field.column.as_str(), "")));
        Ok(Some(OrderBy { terms, key: sorted.is_empty().then_some(key) }))
    }

    /// Columns that it names.
    pub fn columns(&self) -> impl Iterator<Item = &'d str> + '_ {
        self.terms.iter().map(|(column, _)| *column)
    }

    pub fn sql(&self) -> String {
        let term = |(column, direction): &(&str, &str)| format!("s.{}{direction}", quote_ident(column));
        format!(" ORDER BY {}", self.terms.iter().map(term).collect::<Vec<_>>().join(", "))
    }
}

/// The direction of a sort, as far as it is not the server's default.
fn direction(key: &SortKey) -> &'static str {
    match (key.descending, key.nulls_first) {
        (false, false) => "",
        (false, true) => " NULLS FIRST",
        (true, true) => " DESC",
        (true, false) => " DESC NULLS LAST",
    }
}

/// The columns by which rows are ordered and each is another one, and whether NULL is a value of theirs. Where the rows of all tenants
/// are read, a key that is unique within a tenant is one together with the tenant.
fn key_columns<'d>(loaded: &'d Loaded, asked: &ExportRequest) -> Result<Vec<(&'d Field, bool)>> {
    let dataset = &loaded.dataset;
    let mut columns = Vec::with_capacity(dataset.key.len() + 1);
    for name in &dataset.key {
        let field = own_column(dataset, name)?;
        if let Some(reason) = &field.barred {
            return Err(Error::denied(format!(
                "dataset \"{}\" cannot be exported in the order of its key \"{}\": {reason}",
                dataset.name, field.name
            ))
            .hint("Register the dataset with another key."));
        }
        columns.push((field, false));
    }
    let key: Vec<&str> = columns.iter().map(|(field, _)| field.column.as_str()).collect();
    if let (Some(tenant), true) = (&dataset.tenant_column, asked.all_tenants) {
        if !dataset.is_key(tenant) && !is_proven(&loaded.lineage, &key, None)? {
            columns.push((own_column(dataset, tenant)?, true));
        }
    }
    Ok(columns)
}
