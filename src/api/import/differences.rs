//! Rows of the workbook beside those of the database.

use super::super::session_read::Reading;
use super::columns::Columns;
use super::narrowed::narrowed;
use super::referred::refer;
use crate::catalog::reference::Reference;
use crate::encode::xlsx::INFO_SHEET;
use crate::encode::Kind;
use crate::error::Result;
use crate::import::compare::{self, Rule, Value};
use crate::import::info::Info;
use crate::import::problem::{quoted, Problems};
use crate::import::rows::Row;
use crate::import::workbook::{Given, Workbook};
use crate::model::Class;
use crate::model::ExportRequest;
use crate::pg::identity;
use crate::pg::zone::Zone;
use crate::pg::{query, sql, wait};
use crate::source::row_limit::RowLimit;
use std::collections::HashMap;
use std::ops::ControlFlow;

/// The key's place among the columns.
const KEY: usize = 0;

/// A row whose key was read, and its values; None: empty, or wrong in itself.
pub struct Known {
    pub sheet: usize,
    pub row: u32,
    pub values: Vec<Option<Value>>,
    is_in_database: bool,
}

/// Finds what differs, what would be new, and what refers to nothing.
#[allow(clippy::too_many_arguments)] // all that was read
pub fn find(
    reading: &Reading,
    asked: &ExportRequest,
    columns: &Columns<'_>,
    references: &[Reference],
    workbook: &Workbook,
    info: &Info,
    rows: Vec<Row>,
    names: &[String],
    problems: &mut Problems,
) -> Result<()> {
    let rules = rules(reading, columns, info)?;
    let zone = zone(info, &rules, names, problems);
    let clock = move |utc| zone.wall_clock(utc);
    let (mut known, by_key) = read(&rules, columns, workbook, &clock, rows, names, problems)?;
    refer(reading, asked, columns, references, &rules, &known, problems)?;
    compare_with_database(reading, asked, columns, &rules, &clock, &by_key, &mut known, problems)?;
    for row in known.iter().filter(|row| !row.is_in_database) {
        let place = Some(columns.shown(row.sheet, KEY));
        problems.add(Some(row.sheet), Some(row.row), place, "is not in the dataset: the row would be new");
    }
    Ok(())
}

fn rules(reading: &Reading, columns: &Columns<'_>, info: &Info) -> Result<Vec<Rule>> {
    let labels = |oid: u32| -> Result<Vec<String>> {
        identity::as_owner(|| {
            sql::documents(
                "SELECT to_jsonb(enumlabel) FROM pg_enum WHERE enumtypid = $1::oid",
                &[i64::from(oid).into()],
            )
        })
    };
    let rule = |(field, column): (&crate::model::Field, &crate::encode::Column)| {
        Ok(Rule {
            kind: column.kind,
            identifier: column.identifier,
            ty: field.ty.clone(),
            labels: if field.ty.class == Class::Enum { labels(field.ty.base)? } else { Vec::new() },
            separator: info.separator.clone().unwrap_or_else(|| ", ".to_owned()),
        })
    };
    columns.fields().zip(&reading.plan.columns).map(rule).collect()
}

/// On whose clock the workbook shows instants: its own, if it says so and has any.
fn zone(info: &Info, rules: &[Rule], names: &[String], problems: &mut Problems) -> Zone {
    let Some(name) = &info.time_zone else { return Zone::of_session() };
    let zone = Zone::named(name);
    if zone.is_none() && rules.iter().any(|rule| rule.kind == Kind::Instant) {
        let sheet = names.iter().position(|sheet| sheet == INFO_SHEET);
        let problem = format!("{} is no time zone: times are compared in the session's", quoted(name));
        problems.add(sheet, None, Some((0, "Time zone")), problem);
    }
    zone.unwrap_or_else(Zone::of_session)
}

/// The rows with their values as the fields have them, and where each key is. Tells of values and keys that are wrong.
fn read(
    rules: &[Rule],
    columns: &Columns<'_>,
    workbook: &Workbook,
    clock: compare::Clock<'_>,
    rows: Vec<Row>,
    names: &[String],
    problems: &mut Problems,
) -> Result<(Vec<Known>, HashMap<String, usize>)> {
    let serial = |number: f64| workbook.serial(number);
    let mut known: Vec<Known> = Vec::with_capacity(rows.len());
    let mut by_key: HashMap<String, usize> = HashMap::with_capacity(rows.len());
    for (count, row) in rows.into_iter().enumerate() {
        if count.is_multiple_of(1024) {
            wait::interrupted()?;
        }
        let has_key = row.cells.get(KEY).is_some_and(Option::is_some);
        let mut read_cell = |(place, (given, rule)): (usize, (Option<Given>, &Rule))| {
            let given = given?;
            compare::given(&given, rule, &serial, clock)
                .map_err(|problem| {
                    problems.add(
                        Some(row.sheet),
                        Some(row.row),
                        Some(columns.shown(row.sheet, place)),
                        problem,
                    )
                })
                .ok()
        };
        let values: Vec<Option<Value>> =
            row.cells.into_iter().zip(rules).enumerate().map(&mut read_cell).collect();
        let place = Some(columns.shown(row.sheet, KEY));
        let Some(key) = values.first().cloned().flatten() else {
            // The whole column is missing; this was reported once.
            if !has_key && columns.has(row.sheet, KEY) {
                problems.add(Some(row.sheet), Some(row.row), place, "is empty: the row cannot be found");
            }
            continue;
        };
        match by_key.entry(compare::key(key)) {
            std::collections::hash_map::Entry::Occupied(earlier) => {
                let first: &Known = &known[*earlier.get()];
                let elsewhere = names.get(first.sheet).filter(|_| first.sheet != row.sheet);
                let of = elsewhere.map(|sheet| format!(" of sheet {}", quoted(sheet))).unwrap_or_default();
                let problem = format!("{} is in row {}{of} already", quoted(earlier.key()), first.row + 1);
                problems.add(Some(row.sheet), Some(row.row), place, problem);
            }
            std::collections::hash_map::Entry::Vacant(free) => {
                free.insert(known.len());
                known.push(Known { sheet: row.sheet, row: row.row, values, is_in_database: false });
            }
        }
    }
    Ok((known, by_key))
}

/// Reads the dataset and compares the rows whose keys the workbook has. Only these count against the limits of exports: no
/// other row has any influence on the answer.
#[allow(clippy::too_many_arguments)] // all that was read
fn compare_with_database(
    reading: &Reading,
    asked: &ExportRequest,
    columns: &Columns<'_>,
    rules: &[Rule],
    clock: compare::Clock<'_>,
    by_key: &HashMap<String, usize>,
    known: &mut [Known],
    problems: &mut Problems,
) -> Result<()> {
    if by_key.is_empty() {
        return Ok(());
    }
    let dataset = &reading.loaded.dataset;
    let updated = dataset.updated_column.as_deref();
    let updated = columns.fields().position(|field| Some(field.name.as_str()) == updated);
    let row_limit = RowLimit::of(dataset, false);
    let narrowed = narrowed(reading, asked, by_key);
    let (plan, mut redactor) = (narrowed.as_ref().unwrap_or(&reading.plan), reading.redactor());
    let (mut scratch, mut count, mut matches, mut admitted) = (Vec::new(), 0_u64, 0_u64, true);
    reading.read(|| {
        query::for_each_row(&plan.sql, &plan.params, false, &mut |cells| {
            count += 1;
            if count.is_multiple_of(1024) {
                wait::interrupted()?;
            }
            redactor.apply(cells, &mut |cells| {
                let mut held = Vec::with_capacity(cells.len());
                for (cell, rule) in cells.iter().zip(rules) {
                    held.push(compare::held(cell, rule, clock, &mut scratch)?);
                    if held.len() == 1 {
                        // Most rows of a large dataset are none of the workbook's.
                        let key = held.first().cloned().flatten().map(compare::key);
                        if !key.is_some_and(|key| by_key.contains_key(&key)) {
                            return Ok(());
                        }
                    }
                }
                let index = held.first().cloned().flatten().and_then(|key| by_key.get(&compare::key(key)));
                let Some(row) = index.and_then(|index| known.get_mut(*index)) else { return Ok(()) };
                matches += 1;
                admitted = row_limit.check(matches)?;
                row.is_in_database = true;
                for (place, (given, held)) in row.values.iter().zip(&held).enumerate().skip(1) {
                    // An empty cell changes nothing.
                    let Some(given) = given else { continue };
                    if held.as_ref().is_some_and(|held| compare::same(held, given)) {
                        continue;
                    }
                    let is_newer = updated == Some(place)
                        && held.as_ref().is_some_and(|held| compare::is_later(held, given));
                    let problem = if is_newer {
                        "the row was changed after the export"
                    } else {
                        "differs from the database"
                    };
                    problems.add(
                        Some(row.sheet),
                        Some(row.row),
                        Some(columns.shown(row.sheet, place)),
                        problem,
                    );
                }
                Ok(())
            })?;
            Ok(if admitted { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
        })
    })?;
    if admitted {
        Ok(())
    } else {
        Err(row_limit.needs_approval())
    }
}
