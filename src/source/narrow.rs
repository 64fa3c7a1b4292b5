//! Which rows an export reads: conditions of SQL over columns of the catalogue and bound values.

use super::plan::Plan;
use crate::catalog::model::{Class, Dataset, Field, Treatment};
use crate::error::{Error, Result};
use crate::job::context::{Context, Moment};
use crate::request::filter::{self, quote_ident, Param, Value};
use crate::request::Asked;
use std::collections::BTreeSet;

/// Collects conditions and their parameters.
#[derive(Default)]
pub struct Where {
    pub conditions: Vec<String>,
    pub params: Vec<Param>,
    /// Columns that they name.
    pub uses: Vec<String>,
    /// Fields that they hold to values.
    pub narrowed: BTreeSet<String>,
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
    pub fn narrow(&self, dataset: &Dataset, narrowing: &mut Where) -> Result<()> {
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

/// The tenant is a constant in the query: one shard, one partition, one index range.
pub fn tenant(dataset: &Dataset, asked: &Asked, context: &Context, narrowing: &mut Where) -> Result<()> {
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

/// The period, and `since`.
pub fn period(dataset: &Dataset, asked: &Asked, context: &Context, narrowing: &mut Where) -> Result<()> {
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

/// Disabled rows are left out where nobody asks for them.
pub fn status(dataset: &Dataset, asked: &Asked, narrowing: &mut Where) -> Result<()> {
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
pub fn own_column<'a>(dataset: &'a Dataset, name: &str) -> Result<&'a Field> {
    dataset.field(name).filter(|field| field.ty.oid != 0).ok_or_else(|| {
        Error::denied(format!("the source of dataset \"{}\" has no column \"{name}\" any more", dataset.name))
            .hint("Register the dataset again with acct_export_register.")
    })
}
