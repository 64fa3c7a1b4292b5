//! `acct_export_preview`: what an export would hold, before anybody asks for it.

use super::session_read::{watched, Manner, Reading};
use super::start::Selection;
use crate::audit;
use crate::catalog::settings_read;
use crate::encode::{encoder, Cell, Format, Setup};
use crate::error::{Error, Result};
use crate::job::session::Session;
use crate::model::ExportRequest;
use crate::pg::argument::Jsonb;
use crate::pg::report::{Report, Reported};
use crate::pg::{catalog, identity, query};
use crate::source::estimate;
use crate::source::resolved_period::ResolvedPeriod;
use crate::source::row_limit::RowLimit;
use crate::value::shown;
use crate::value::storable;
use pgrx::datum::{Date, JsonB, TimestampWithTimeZone};
use pgrx::prelude::*;
use serde_json::{json, Map, Value};
use std::ops::ControlFlow;

/// Rows that are shown.
const SHOWN: usize = 5;

struct Preview {
    columns: Vec<String>,
    rows_estimated: Option<i64>,
    rows_exact: Option<i64>,
    sample: Value,
    barred: Value,
    scope: Value,
}

impl Preview {
    fn of(mut asked: ExportRequest) -> Result<Preview> {
        let count = counts(&std::mem::take(&mut asked.options))?;
        watched(&asked, Format::Ndjson, "preview", || {
            let reading = Reading::of(&asked, Format::Ndjson, Manner::AtOnce)?;
            let plan = &reading.plan;
            reading.tell(audit::PREVIEWED, &asked, json!({ "count": count }))?;
            // As a job of this request captures it, so that its number of rows is found.
            let reads_login = settings_read::reads_login(&reading.loaded.lineage)?;
            let session = Session::capture(reading.tenants.iter().cloned(), reads_login);
            let print = asked.rows_print(&session.reader(identity::current_user()));
            let rows_estimated = estimate::of_preview(plan, &print, |count| reading.read(count))?;
            let rows_exact = if count {
                Some(reading.read(|| query::count(&plan.sql, &plan.params, None))?)
            } else {
                None
            };
            // No more rows are looked at than may be seen.
            let unapproved = RowLimit::of(&reading.loaded.dataset, false).unapproved();
            let layout = reading.layout(Format::Csv, unapproved)?;
            let barred: Map<String, Value> = plan
                .left_out
                .iter()
                .map(|(field, reason)| (field.clone(), Value::from(reason.as_str())))
                .collect();
            Ok(Preview {
                columns: layout.columns().iter().map(|column| column.name.clone()).collect(),
                rows_estimated,
                rows_exact,
                sample: first_rows(&reading)?,
                barred: Value::Object(barred),
                scope: scope(&reading, &asked),
            })
        })
    }
}

/// The one option.
fn counts(options: &Map<String, Value>) -> Result<bool> {
    let hint = "Options of a preview: count, true or false.";
    if let Some(name) = options.keys().find(|name| *name != "count") {
        return Err(Error::invalid(format!("unknown option {} of a preview", shown(name))).hint(hint));
    }
    match options.get("count") {
        None => Ok(false),
        Some(Value::Bool(count)) => Ok(*count),
        Some(_) => Err(Error::invalid("option \"count\" must be true or false").hint(hint)),
    }
}

/// The first rows that the query finds, as the export would hold them: through the same masks and the same encoder. No more than
/// leave without approval.
fn first_rows(reading: &Reading) -> Result<Value> {
    let setup = Setup::default();
    let layout = reading.plan.outline(Format::Ndjson);
    let mut encoder = encoder(Format::Ndjson, &reading.options, layout.columns(), setup)?;
    let mut redactor = reading.redactor();
    let mut rows = Vec::new();
    let unapproved = RowLimit::of(&reading.loaded.dataset, false).unapproved();
    let most = unapproved.map_or(SHOWN, |most| SHOWN.min(most as usize));
    if most == 0 {
        return Ok(Value::Array(rows));
    }
    let mut take = |cells: &[Cell<'_>]| {
        let mut line = Vec::new();
        redactor.apply(cells, &mut |cells| layout.row(cells, &mut |cells| encoder.row(cells, &mut line)))?;
        // A document nested deeper than a reader goes is not shown.
        let text = String::from_utf8_lossy(&line);
        rows.push(serde_json::from_str(&storable(&text)).unwrap_or(Value::Null));
        Ok(if rows.len() < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
    };
    reading.read(|| {
        let stream = reading.open(Format::Ndjson)?;
        stream.fetch(&mut take)?;
        stream.close();
        Ok(())
    })?;
    Ok(Value::Array(rows))
}

/// The owners of the rows, and the rule that enforces it.
fn scope(reading: &Reading, asked: &ExportRequest) -> Value {
    let role = identity::current_user();
    let guarded: Vec<&str> = reading
        .loaded
        .lineage
        .base_tables()
        .filter(|table| catalog::row_security_active(table.oid, role))
        .map(|table| table.name.as_str())
        .collect();
    let is_by_tenant = reading.loaded.dataset.tenant_column.is_some();
    let mut scope = json!({
        "role": identity::role_name(role),
        "tenant": reading.context.tenant.text().filter(|_| !asked.all_tenants && is_by_tenant),
        "all_tenants": asked.all_tenants,
        "row_security": guarded,
        "companions": reading.plan.companions,
    });
    if let Some(period) = ResolvedPeriod::of(&reading.plan, &reading.context, &reading.loaded.dataset) {
        scope["period"] = json!({
            "field": period.field, "from": period.from, "before": period.before, "rows_without_date": "left out",
        });
    }
    if let Some(disabled) = reading.plan.disabled.in_words() {
        scope["disabled_rows"] = json!(disabled);
    }
    scope
}

/// Previews an export: its columns, the number of rows, the first of them masked as they would be, the fields left out with reasons, and
/// whose rows they are. Stores nothing.
///
/// `options`: `{"count": true}` counts the rows. Errors: as `acct_export_ndjson`.
#[pg_extern(volatile, parallel_unsafe)]
#[allow(clippy::too_many_arguments, clippy::type_complexity)] // one for each argument in SQL
fn acct_export_preview(
    dataset: Option<String>,
    period: default!(Option<String>, "NULL"),
    start_date: default!(Option<Date>, "NULL"),
    end_date: default!(Option<Date>, "NULL"),
    period_field: default!(Option<String>, "NULL"),
    since: default!(Option<TimestampWithTimeZone>, "NULL"),
    filter: default!(Option<Jsonb>, "NULL"),
    fields: default!(Option<Vec<Option<String>>>, "NULL"),
    include: default!(Option<Vec<Option<String>>>, "NULL"),
    include_disabled: default!(Option<bool>, "NULL"),
    anonymise: default!(Option<bool>, "false"),
    all_tenants: default!(Option<bool>, "false"),
    options: default!(Option<Jsonb>, "'{}'"),
) -> std::result::Result<
    TableIterator<
        'static,
        (
            name!(columns, Vec<String>),
            name!(rows_estimated, Option<i64>),
            name!(rows_exact, Option<i64>),
            name!(sample, JsonB),
            name!(barred, JsonB),
            name!(scope, JsonB),
        ),
    >,
    Report,
> {
    let selection = Selection {
        dataset,
        period,
        start_date,
        end_date,
        period_field,
        since,
        filter,
        fields,
        include,
        include_disabled,
        anonymise,
        all_tenants,
        options,
    };
    let preview = Preview::of(selection.into_asked().reported()?).reported()?;
    Ok(TableIterator::once((
        preview.columns,
        preview.rows_estimated,
        preview.rows_exact,
        JsonB(preview.sample),
        JsonB(preview.barred),
        JsonB(preview.scope),
    )))
}
