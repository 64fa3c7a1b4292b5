//! The export's query: built from the catalogue and bound values, never from a requester's text.
//!
//! Built twice from the same things, when the job is asked for (so that every mistake shows there) and when it runs.

use super::narrow::{self, own_column, RowsOf, Where};
use super::shield::{Guard, Shield};
use super::take::Take;
use crate::catalog::load::Loaded;
use crate::catalog::model::{Dataset, Field, Treatment};
use crate::catalog::personal;
use crate::catalog::secrets::Names;
use crate::encode::{Column, Format, Kind, Options, Order};
use crate::error::{Error, Result};
use crate::job::context::Context;
use crate::pg::{catalog, tuple};
use crate::request::filter::{self, quote_ident, Param};
use crate::request::{select_fields, Asked};
use std::collections::BTreeSet;

/// Everything that is needed to read and encode.
pub struct Plan {
    pub sql: String,
    /// The same for an estimate of the number of rows: without the order, and without the tenant, which the policies ask
    /// for as well; both together would count its selectivity twice.
    pub estimate_sql: String,
    /// The same, order and all, of a tenant of average size: for the planner, where no tenant is set. Never to be read.
    pub average_sql: String,
    /// The same without the order.
    pub unordered_sql: String,
    pub params: Vec<Param>,
    /// What is read: one of each field.
    pub columns: Vec<Column>,
    /// What is written of it.
    pub takes: Vec<Take>,
    /// The place of the dataset's key among these columns; None: it is not there, or not as it is.
    pub key: Option<usize>,
    guards: Vec<Guard>,
    names: Names,
    /// Columns of the source that the query names, for the check of rights.
    pub uses: Vec<String>,
    /// Fields that the request holds to values, by its filter, its period or its tenant.
    pub narrowed: BTreeSet<String>,
    /// Datasets that ride along, in the order asked.
    pub companions: Vec<String>,
    /// Keys of the rows, as a query that stands in another one; its parameters are the first of that one.
    pub(super) keys_sql: String,
    /// Fields that were asked for by default or through a group and never leave, with the reason.
    pub left_out: Vec<(String, String)>,
}

impl Plan {
    pub fn shield(&self, key: Option<[u8; 32]>) -> Shield {
        Shield::new(&self.guards, &self.columns, self.names.clone(), key)
    }

    /// Of some of the columns, in this order.
    pub fn shield_of(&self, places: &[usize], key: Option<[u8; 32]>) -> Shield {
        let guards: Vec<Guard> = places.iter().map(|place| self.guards[*place]).collect();
        let columns: Vec<Column> = places.iter().map(|place| self.columns[*place].clone()).collect();
        Shield::new(&guards, &columns, self.names.clone(), key)
    }

    pub fn names(&self) -> &Names {
        &self.names
    }

    pub fn pseudonymises(&self) -> bool {
        self.guards.iter().any(|guard| guard.treatment == Treatment::Pseudonymise)
    }
}

/// Builds the plan. Errors as of contract section 9: 22023 for what is unknown or does not fit, 42501 for what is barred.
pub fn build(
    loaded: &Loaded,
    asked: &Asked,
    context: &Context,
    options: &Options,
    default_order: Order,
    rows_of: Option<&RowsOf<'_>>,
) -> Result<Plan> {
    let dataset = &loaded.dataset;
    let include = still_included(dataset, asked, context);
    let mut selection = select_fields(dataset, asked.fields.as_deref(), include.as_deref(), asked.anonymise)?;
    if !context.included.is_empty() {
        selection.companions.clone_from(&context.included);
    }
    let mut list = Vec::new();
    let (mut columns, mut takes) = (Vec::new(), Vec::new());
    let mut guards = Vec::new();
    let mut key = None;
    let mut narrowing = Where::default();
    if let Some(rows_of) = rows_of {
        rows_of.narrow(dataset, &mut narrowing)?;
    }
    let outer_conditions = narrowing.conditions.len();
    let is_secret = |key: &str| loaded.names.is_secret(key);
    for selected in &selection.fields {
        let Some(field) = dataset.field(&selected.name) else { continue };
        let known = columns.iter().position(|column: &Column| column.name == field.name);
        let read = column(dataset, field, selected.treatment);
        let place = known.unwrap_or(columns.len());
        takes.push(Take::of((place, &read), field, selected, &is_secret, &mut selection.left_out)?);
        // Another part of it is read already.
        if known.is_some() {
            continue;
        }
        list.push(format!("s.{}", quote_ident(&field.name)));
        narrowing.uses.push(field.name.clone());
        if field.name == dataset.key && selected.treatment == Treatment::Keep {
            key = Some(columns.len());
        }
        columns.push(read);
        guards.push(Guard {
            treatment: selected.treatment,
            personal_keys: asked.anonymise && field.on_anonymise == Treatment::Keep,
            json_text: field.json_text,
        });
    }
    narrow::tenant(dataset, asked, context, &mut narrowing)?;
    let tenant_conditions = narrowing.conditions.len();
    let without_tenant =
        |conditions: &[String]| [&conditions[..outer_conditions], &conditions[tenant_conditions..]].concat();
    narrow::period(dataset, asked, context, &mut narrowing)?;
    narrow::status(dataset, asked, &mut narrowing)?;
    if let Some(document) = &asked.filter {
        let clause = filter::compile(document, dataset, narrowing.params.len() + 1, &is_secret)?;
        narrowing.uses.extend(clause.columns);
        narrowing.narrowed.extend(clause.narrowed);
        narrowing.conditions.push(format!("({})", clause.sql));
        narrowing.params.extend(clause.params);
    }

    let relation = catalog::relation_name(dataset.source).ok_or_else(|| {
        Error::denied(format!("the source of dataset \"{}\" does not exist any more", dataset.name))
    })?;
    let select_list = |list: &str, conditions: &[String]| {
        let all = if conditions.is_empty() {
            String::new()
        } else {
            format!(" WHERE {}", conditions.join(" AND "))
        };
        format!("SELECT {list} FROM {relation} AS s{all}")
    };
    let list = list.join(", ");
    let select = |conditions: &[String]| select_list(&list, conditions);
    let keys_sql = select_list(&format!("s.{}", quote_ident(&dataset.key)), &narrowing.conditions);
    let unordered_sql = select(&narrowing.conditions);
    let mut sql = unordered_sql.clone();
    let estimate_sql = select(&without_tenant(&narrowing.conditions));
    let mut average_sql = match &dataset.tenant_column {
        None => sql.clone(),
        Some(tenant) => {
            // Which one it is the planner does not know, so it reckons with an average share (var_eq_non_const, selfuncs.c).
            let tenant = quote_ident(tenant);
            let any = format!("s.{tenant} = (SELECT t.{tenant} FROM {relation} AS t LIMIT 1)");
            select(&[vec![any], without_tenant(&narrowing.conditions)].concat())
        }
    };
    if options.order.unwrap_or(default_order) == Order::Key {
        let key = own_column(dataset, &dataset.key)?;
        if let Some(reason) = &key.barred {
            return Err(Error::denied(format!(
                "dataset \"{}\" cannot be exported in the order of its key \"{}\": {reason}",
                dataset.name, key.name
            ))
            .hint("Register the dataset with another key."));
        }
        let order = format!(" ORDER BY s.{}", quote_ident(&key.name));
        sql.push_str(&order);
        average_sql.push_str(&order);
        narrowing.uses.push(key.name.clone());
    }
    Ok(Plan {
        sql,
        estimate_sql,
        average_sql,
        unordered_sql,
        params: narrowing.params,
        columns,
        takes,
        key,
        guards,
        names: loaded.names.clone(),
        uses: narrowing.uses,
        narrowed: narrowing.narrowed,
        companions: selection.companions,
        keys_sql,
        left_out: selection.left_out,
    })
}

/// What is to be included, without what was a companion when it was asked and is none any more: that fails when its turn comes,
/// and not the whole export.
fn still_included(dataset: &Dataset, asked: &Asked, context: &Context) -> Option<Vec<Option<String>>> {
    let is_gone = |name: &str| {
        context.included.iter().any(|included| included == name)
            && !dataset.companions.iter().any(|companion| companion == name)
            && !dataset.fields.iter().any(|field| field.in_group.as_deref() == Some(name))
    };
    let include = asked.include.as_ref()?.iter();
    Some(include.filter(|name| !name.as_deref().is_some_and(is_gone)).cloned().collect())
}

fn column(dataset: &Dataset, field: &Field, treatment: Treatment) -> Column {
    let kind = match (treatment, tuple::kind_of(field.ty.oid)) {
        (Treatment::Keep, kind) => kind,
        // Treated element by element, leaf by leaf.
        (_, Kind::List) => Kind::List,
        (Treatment::Last4 | Treatment::Pseudonymise, Kind::Json) => Kind::Json,
        _ => Kind::Text,
    };
    Column {
        name: field.name.clone(),
        label: field.label.clone(),
        kind,
        identifier: field.name == dataset.key || personal::is_identifier(&field.name),
        json_path: field.json_path.clone(),
    }
}

/// Checks that a format knows an option set, with the defaults of jobs or streams.
pub fn options(asked: &Asked, format: Format) -> Result<Options> {
    Options::parse(format, &serde_json::Value::Object(asked.options.clone()))
}
