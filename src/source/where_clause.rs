//! The rows that an export reads: conditions of SQL over columns of the catalog and bound values.

use super::plan::Plan;
use crate::catalog::{companion, disabled};
use crate::error::{Error, Result};
use crate::filter::{self, Param, Value};
use crate::job::captured_session::{CapturedSession, Moment};
use crate::model::ExportRequest;
use crate::model::{Class, Dataset, Field, Treatment};
use crate::pg::types;
use crate::tenant;
use crate::value::shown;
use crate::value::{key_text, quote_ident};
use std::collections::BTreeSet;

/// Collects conditions and their parameters.
#[derive(Default)]
pub struct WhereClause {
    pub conditions: Vec<String>,
    pub params: Vec<Param>,
    /// Columns that they name.
    pub uses: Vec<String>,
    /// Fields that they hold to values.
    pub narrowed: BTreeSet<String>,
}

impl WhereClause {
    fn compare(&mut self, field: &Field, operator: &'static str, sql_operator: &str, value: &str) {
        let column = format!("s.{}", quote_ident(&field.column));
        self.compare_to(field, operator, (&column, sql_operator), value);
    }

    fn compare_to(
        &mut self,
        field: &Field,
        operator: &'static str,
        (column, sql_operator): (&str, &str),
        value: &str,
    ) {
        self.params.push(Param {
            type_oid: field.ty.base,
            type_name: field.ty.name.clone(),
            value: Value::One(value.to_owned()),
            field: field.name.clone(),
            operator,
        });
        self.conditions.push(format!("{column} {sql_operator} ${}", self.params.len()));
        self.uses.push(field.column.clone());
        self.narrowed.insert(field.name.clone());
    }
}

/// Rows that belong to those of other plans: what a companion may be held to.
pub struct KeyMatch<'a> {
    /// A row of one of them suffices. None: all rows.
    pub owners: Vec<Owner<'a>>,
    /// The parameters of all of them.
    pub params: Vec<Param>,
}

/// A plan whose rows other rows belong to.
pub struct Owner<'a> {
    pub dataset: &'a Dataset,
    pub plan: &'a Plan,
    /// The companion's fields that hold the dataset's key, in its order.
    pub fields: &'a [String],
}

impl KeyMatch<'_> {
    /// The other plans' parameters come first, so that their numbers hold.
    pub fn narrow(&self, dataset: &Dataset, narrowing: &mut WhereClause) -> Result<()> {
        narrowing.params.clone_from(&self.params);
        let conditions: Vec<String> =
            self.owners.iter().map(|owner| owner.condition(dataset, narrowing)).collect::<Result<_>>()?;
        match conditions.as_slice() {
            [] => {}
            [condition] => narrowing.conditions.push(condition.clone()),
            conditions => narrowing.conditions.push(format!("({})", conditions.join(" OR "))),
        }
        Ok(())
    }

    /// The names of the datasets, and the fields, for people; None: it is held to no rows.
    pub fn described(&self) -> Option<(String, String)> {
        let owners = || self.owners.iter();
        let datasets: Vec<&str> = owners().map(|owner| owner.dataset.name.as_str()).collect();
        let fields: Vec<String> = owners().map(|owner| key_text::of_names(owner.fields)).collect();
        (!datasets.is_empty()).then(|| (datasets.join(", "), fields.join(", ")))
    }
}

impl Owner<'_> {
    fn condition(&self, dataset: &Dataset, narrowing: &mut WhereClause) -> Result<String> {
        companion::can_match(self.dataset, dataset, self.fields)?;
        let mut columns = Vec::with_capacity(self.fields.len());
        for field in self.fields {
            let field = filter::comparable(dataset, field)?;
            columns.push(format!("s.{}", quote_ident(&field.column)));
            narrowing.uses.push(field.column.clone());
        }
        let row = match columns.as_slice() {
            [column] => column.clone(),
            columns => format!("({})", columns.join(", ")),
        };
        Ok(format!("{row} IN ({})", self.plan.keys_sql))
    }
}

/// The tenant is a constant in the query: one shard, one partition, one index range.
pub fn tenant(
    dataset: &Dataset,
    asked: &ExportRequest,
    context: &CapturedSession,
    narrowing: &mut WhereClause,
) -> Result<()> {
    let (Some(name), false) = (&dataset.tenant_column, asked.all_tenants) else { return Ok(()) };
    // Without a tenant the guard in catalog::rights refuses; here an empty one matches nothing.
    let Some(tenant) = &context.tenant.set else {
        narrowing.conditions.push("false".to_owned());
        return Ok(());
    };
    let field = own_column(dataset, name)?;
    let (column, equals) = tenant::equality(&field.ty, &format!("s.{}", quote_ident(&field.column)))?;
    narrowing.compare_to(field, "tenant", (&column, &equals), tenant);
    Ok(())
}

/// The period, and `since`; the field that they select on.
pub fn period(
    dataset: &Dataset,
    asked: &ExportRequest,
    context: &CapturedSession,
    narrowing: &mut WhereClause,
) -> Result<Option<String>> {
    let bounds = &context.bounds;
    let mut dated = None;
    if bounds.from.is_some() || bounds.until.is_some() {
        let field = dated_field(dataset, asked.period_field.as_deref(), "a period")?;
        bound(field, "ge", ">=", bounds.from.as_ref(), narrowing)?;
        bound(field, "lt", "<", bounds.until.as_ref(), narrowing)?;
        dated = Some(field.name.clone());
    } else if asked.period_field.is_some() && bounds.since.is_none() {
        dated_field(dataset, asked.period_field.as_deref(), "a period")?;
        return Err(
            Error::invalid("period_field needs a period").hint("Add period, start_date, end_date or since.")
        );
    }
    if bounds.since.is_some() {
        let field = dated_field(dataset, asked.period_field.as_deref(), "since")?;
        bound(field, "ge", ">=", bounds.since.as_ref(), narrowing)?;
        dated = Some(field.name.clone());
    }
    Ok(dated)
}

fn bound(
    field: &Field,
    operator: &'static str,
    sql: &str,
    moment: Option<&Moment>,
    narrowing: &mut WhereClause,
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
            "dataset \"{}\" has no created column, so {what} needs period_field",
            dataset.name
        ))
        .hint(format!("Give a date field with period_field. {}", known())));
    };
    let field = dataset
        .field(name)
        .ok_or_else(|| Error::invalid(format!("unknown period_field \"{name}\"")).hint(known()))?;
    if let Some(reason) = &field.barred {
        return Err(
            Error::denied(format!("field \"{name}\" cannot be used for a period: {reason}")).hint(known())
        );
    }
    if field.mask != Treatment::Keep {
        return Err(Error::denied(format!(
            "field \"{name}\" cannot be used for a period: its values are masked"
        ))
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

/// The rows of disabled accounts in an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DisabledRows {
    /// The dataset has no disabled values.
    Unknown,
    LeftOut,
    Included,
    /// The request's filter names the status and decides by itself.
    AsFiltered,
}

impl DisabledRows {
    /// `filtered`: columns that the request's filter names.
    pub fn of(dataset: &Dataset, asked: &ExportRequest, filtered: &[String]) -> DisabledRows {
        let Some(status) = dataset.status_column.as_ref().filter(|_| !dataset.disabled_values.is_empty())
        else {
            return DisabledRows::Unknown;
        };
        let column = dataset.field(status).map_or(status, |field| &field.column);
        match asked.include_disabled {
            _ if filtered.contains(column) => DisabledRows::AsFiltered,
            Some(true) => DisabledRows::Included,
            _ => DisabledRows::LeftOut,
        }
    }

    /// In words; None: the dataset has no disabled values.
    pub fn in_words(self) -> Option<&'static str> {
        match self {
            DisabledRows::Unknown => None,
            DisabledRows::LeftOut => Some("left out"),
            DisabledRows::Included => Some("included"),
            DisabledRows::AsFiltered => Some("as the filter says"),
        }
    }
}

/// Leaves the rows of disabled accounts out.
pub fn without_disabled(dataset: &Dataset, narrowing: &mut WhereClause) -> Result<()> {
    let Some(name) = &dataset.status_column else { return Ok(()) };
    let field = own_column(dataset, name)?;
    if let Some(value) =
        dataset.disabled_values.iter().find(|value| !types::may_have_label(field.ty.base, value))
    {
        return Err(Error::denied(format!(
            "disabled value {} of dataset {} is not a label of type {} any more",
            shown(value),
            shown(&dataset.name),
            field.ty.name
        ))
        .hint(format!(
            "SELECT acct_export_alter({}, disabled_values => '{{…}}'); with the labels of disabled rows.",
            crate::value::quote_literal(&dataset.name)
        )));
    }
    let column = format!("s.{}", quote_ident(&field.column));
    let (type_oid, type_name, value) = match disabled::is_typed(&field.ty) {
        true => (field.ty.base, field.ty.name.clone(), column),
        false => (TEXT, "text".to_owned(), filter::as_text(&column, &field.ty)),
    };
    narrowing.params.push(Param {
        type_oid,
        type_name,
        value: Value::Many(dataset.disabled_values.clone()),
        field: field.name.clone(),
        operator: "in",
    });
    let bound = narrowing.params.len();
    let is_disabled = match filter::is_citext(&field.ty) {
        true => format!("lower({value}) = ANY (ARRAY(SELECT lower(u.v) FROM unnest(${bound}) AS u(v)))"),
        false => format!("{value} = ANY (${bound})"),
    };
    narrowing.conditions.push(format!("({is_disabled}) IS NOT TRUE"));
    narrowing.uses.push(field.column.clone());
    Ok(())
}

/// Oid of `text` (pg_type.dat).
const TEXT: u32 = 25;

/// A column that the registration names; it may be renamed or dropped since.
pub fn own_column<'a>(dataset: &'a Dataset, name: &str) -> Result<&'a Field> {
    dataset.field(name).filter(|field| field.ty.oid != 0).ok_or_else(|| {
        Error::denied(format!("the source of dataset \"{}\" has no column \"{name}\" any more", dataset.name))
            .hint(format!(
                "Set another one: SELECT acct_export_alter({}, …);",
                crate::value::quote_literal(&dataset.name)
            ))
    })
}
