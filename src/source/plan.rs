//! The export's query: built from the catalogue and bound values, never from a requester's text.
//!
//! Built twice from the same things, when the job is asked for (so that every mistake shows there) and when it runs.

use super::shield::{Guard, Shield};
use crate::catalog::load::Loaded;
use crate::catalog::model::{Class, Dataset, Field, Treatment};
use crate::catalog::personal;
use crate::catalog::secrets::Names;
use crate::encode::{Column, Format, Kind, Options, Order};
use crate::error::{Error, Result};
use crate::job::context::{Context, Moment};
use crate::pg::{catalog, tuple};
use crate::request::filter::{self, quote_ident, Param, Value};
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
    pub params: Vec<Param>,
    pub columns: Vec<Column>,
    /// The place of the dataset's key among the columns; None: it is not there, or not as it is.
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
    keys_sql: String,
    /// Fields that were asked for by default or through a group and never leave, with the reason.
    pub left_out: Vec<(String, String)>,
}

impl Plan {
    pub fn shield(&self, key: Option<[u8; 32]>) -> Shield {
        Shield::new(&self.guards, &self.columns, self.names.clone(), key)
    }

    pub fn pseudonymises(&self) -> bool {
        self.guards.iter().any(|guard| guard.treatment == Treatment::Pseudonymise)
    }
}

/// Collects conditions and their parameters.
#[derive(Default)]
struct Where {
    conditions: Vec<String>,
    params: Vec<Param>,
    uses: Vec<String>,
    narrowed: BTreeSet<String>,
}

impl Where {
    fn compare(&mut self, field: &Field, operator: &'static str, sql_operator: &str, value: &str) {
        self.params.push(Param {
            type_oid: field.ty.base,
            type_name: field.ty.name.clone(),
            value: Value::One(value.to_owned()),
            field: field.name.clone(),
            operator,
        });
        self.conditions.push(format!("s.{} {sql_operator} ${}", quote_ident(&field.name), self.params.len()));
        self.uses.push(field.name.clone());
        self.narrowed.insert(field.name.clone());
    }
}

/// Rows that belong to those of another plan: what a companion may be held to.
pub struct RowsOf<'a> {
    pub dataset: &'a Dataset,
    pub plan: &'a Plan,
    /// The companion's field that holds the other dataset's key.
    pub field: &'a str,
}

impl RowsOf<'_> {
    /// The other plan's parameters come first, so that their numbers hold.
    fn narrow(&self, dataset: &Dataset, narrowing: &mut Where) -> Result<()> {
        let field = filter::comparable(dataset, self.field)?;
        // Which accounts there are tells of their keys.
        let key = filter::comparable(self.dataset, &self.dataset.key)?;
        if field.ty.base != key.ty.base {
            return Err(Error::invalid(format!(
                "field \"{}\" of dataset \"{}\" is of type {} and cannot match the key of dataset \"{}\", which is of type {}",
                field.name, dataset.name, field.ty.name, self.dataset.name, key.ty.name
            ))
            .hint("match names the field that holds the other dataset's key."));
        }
        narrowing.params.clone_from(&self.plan.params);
        narrowing.conditions.push(format!("s.{} IN ({})", quote_ident(&field.name), self.plan.keys_sql));
        narrowing.uses.push(field.name.clone());
        Ok(())
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
    let selection =
        select_fields(dataset, asked.fields.as_deref(), asked.include.as_deref(), asked.anonymise)?;
    let mut list = Vec::new();
    let mut columns = Vec::new();
    let mut guards = Vec::new();
    let mut key = None;
    let mut narrowing = Where::default();
    if let Some(rows_of) = rows_of {
        rows_of.narrow(dataset, &mut narrowing)?;
    }
    let outer_conditions = narrowing.conditions.len();
    for selected in &selection.fields {
        let Some(field) = dataset.field(&selected.name) else { continue };
        list.push(format!("s.{}", quote_ident(&field.name)));
        narrowing.uses.push(field.name.clone());
        if field.name == dataset.key && selected.treatment == Treatment::Keep {
            key = Some(columns.len());
        }
        columns.push(column(dataset, field, selected.treatment));
        guards.push(Guard {
            treatment: selected.treatment,
            personal_keys: asked.anonymise && field.on_anonymise == Treatment::Keep,
            json_text: field.json_text,
        });
    }
    tenant(dataset, asked, context, &mut narrowing)?;
    let tenant_conditions = narrowing.conditions.len();
    let without_tenant =
        |conditions: &[String]| [&conditions[..outer_conditions], &conditions[tenant_conditions..]].concat();
    period(dataset, asked, context, &mut narrowing)?;
    status(dataset, asked, &mut narrowing)?;
    if let Some(document) = &asked.filter {
        let is_secret = |key: &str| loaded.names.is_secret(key);
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
    let mut sql = select(&narrowing.conditions);
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
        params: narrowing.params,
        columns,
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

/// The tenant is a constant in the query: one shard, one partition, one index range.
fn tenant(dataset: &Dataset, asked: &Asked, context: &Context, narrowing: &mut Where) -> Result<()> {
    let (Some(name), false) = (&dataset.tenant_column, asked.all_tenants) else { return Ok(()) };
    // Without a tenant the guard in catalog::rights refuses; here an empty one matches nothing.
    let Some(tenant) = &context.tenant else {
        narrowing.conditions.push("false".to_owned());
        return Ok(());
    };
    let field = own_column(dataset, name)?;
    narrowing.compare(field, "tenant", "=", tenant);
    Ok(())
}

fn period(dataset: &Dataset, asked: &Asked, context: &Context, narrowing: &mut Where) -> Result<()> {
    let bounds = &context.bounds;
    if bounds.from.is_some() || bounds.until.is_some() {
        let field = dated_field(dataset, asked.period_field.as_deref(), "a period")?;
        bound(field, "ge", ">=", bounds.from.as_ref(), narrowing)?;
        bound(field, "lt", "<", bounds.until.as_ref(), narrowing)?;
    } else if asked.period_field.is_some() {
        dated_field(dataset, asked.period_field.as_deref(), "a period")?;
        return Err(Error::invalid("period_field is given without a period")
            .hint("Add period, start_date or end_date."));
    }
    if bounds.since.is_some() {
        let field = dated_field(dataset, None, "since")?;
        bound(field, "ge", ">=", bounds.since.as_ref(), narrowing)?;
    }
    Ok(())
}

fn bound(
    field: &Field,
    operator: &'static str,
    sql: &str,
    moment: Option<&Moment>,
    narrowing: &mut Where,
) -> Result<()> {
    if let Some(value) = moment.and_then(|moment| moment.as_type(field.ty.class)) {
        narrowing.compare(field, operator, sql, value);
    }
    Ok(())
}

/// The field that a period selects on.
fn dated_field<'a>(dataset: &'a Dataset, asked: Option<&str>, what: &str) -> Result<&'a Field> {
    let dated = |field: &&Field| {
        field.barred.is_none()
            && field.mask == Treatment::Keep
            && matches!(field.ty.class, Class::Date | Class::Timestamp | Class::Instant)
    };
    let known = || {
        let names: Vec<&str> = dataset.fields.iter().filter(dated).map(|field| field.name.as_str()).collect();
        if names.is_empty() {
            "It has no date field.".to_owned()
        } else {
            format!("Date fields: {}.", names.join(", "))
        }
    };
    let Some(name) = asked.or(dataset.created_column.as_deref()) else {
        return Err(Error::invalid(format!(
            "dataset \"{}\" has no created column, so {what} needs a field",
            dataset.name
        ))
        .hint(format!("Name one with period_field. {}", known())));
    };
    let field = dataset
        .field(name)
        .ok_or_else(|| Error::invalid(format!("unknown period_field \"{name}\"")).hint(known()))?;
    if let Some(reason) = &field.barred {
        return Err(Error::denied(format!("field \"{name}\" cannot be selected on: {reason}")).hint(known()));
    }
    if field.mask != Treatment::Keep {
        return Err(Error::denied(format!("field \"{name}\" cannot be selected on: its values are masked"))
            .hint(known()));
    }
    if !dated(&field) {
        return Err(Error::invalid(format!(
            "field \"{name}\" is of type {}, not a date or timestamp",
            field.ty.name
        ))
        .hint(known()));
    }
    Ok(field)
}

fn status(dataset: &Dataset, asked: &Asked, narrowing: &mut Where) -> Result<()> {
    let Some(name) = &dataset.status_column else { return Ok(()) };
    if dataset.disabled_values.is_empty() || asked.include_disabled == Some(true) {
        return Ok(());
    }
    let field = own_column(dataset, name)?;
    narrowing.params.push(Param {
        type_oid: TEXT,
        type_name: "text".to_owned(),
        value: Value::Many(dataset.disabled_values.clone()),
        field: field.name.clone(),
        operator: "in",
    });
    let status = filter::as_text(&format!("s.{}", quote_ident(&field.name)), &field.ty);
    narrowing.conditions.push(format!("({status} = ANY (${})) IS NOT TRUE", narrowing.params.len()));
    narrowing.uses.push(field.name.clone());
    Ok(())
}

/// Oid of `text` (pg_type.dat).
const TEXT: u32 = 25;

/// A column that the registration names; it may be renamed or dropped since.
fn own_column<'a>(dataset: &'a Dataset, name: &str) -> Result<&'a Field> {
    dataset.field(name).filter(|field| field.ty.oid != 0).ok_or_else(|| {
        Error::denied(format!("the source of dataset \"{}\" has no column \"{name}\" any more", dataset.name))
            .hint("Register the dataset again with acct_export_register.")
    })
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
