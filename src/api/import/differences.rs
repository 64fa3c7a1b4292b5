//! Differences between rows of a file and those of the database.

use super::super::session_read::Reading;
use super::columns::Columns;
use super::comparison::Known;
use super::keys::Keys;
use super::narrowed::narrowed;
use crate::error::Result;
use crate::import::compare::{self, Form, Rule, Value};
use crate::import::csv::lists::Separator;
use crate::import::csv::nulls::Nulls;
use crate::model::{Class, ExportRequest};
use crate::pg::{query, wait};
use crate::source::row_limit::RowLimit;
use crate::value::Kind;
use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::ControlFlow;

/// A cell that differs: the places of its row and its column.
pub struct Difference {
    pub row: usize,
    pub place: usize,
    pub problem: Cow<'static, str>,
}

pub struct Differences<'a> {
    pub reading: &'a Reading,
    pub asked: &'a ExportRequest,
    pub columns: &'a Columns<'a>,
    pub rules: &'a [Rule],
    pub form: Form<'a>,
    pub clock: compare::Clock<'a>,
}

const DIFFERS: Cow<'static, str> = Cow::Borrowed("differs from the database");
const CHANGED: Cow<'static, str> = Cow::Borrowed("the row was changed after the export");

impl Differences<'_> {
    /// Reads the dataset and compares the rows whose keys the file has. Only these count against the limits of exports: no
    /// other row has any influence on the answer. `by_key`: where each row is, by the canonical text of its key; `matches`: the rows
    /// that were found, also in earlier batches.
    pub fn find(
        &self,
        by_key: &HashMap<String, usize>,
        keys: &mut Keys,
        known: &mut [Known],
        matches: &mut u64,
        separator: &mut Separator,
        nulls: &mut Nulls,
    ) -> Result<Vec<Difference>> {
        let mut found = Vec::new();
        if by_key.is_empty() {
            return Ok(found);
        }
        let dataset = &self.reading.loaded.dataset;
        let updated = dataset.updated_column.as_deref();
        let updated = self.columns.fields().position(|field| Some(field.name.as_str()) == updated);
        let row_limit = RowLimit::of(dataset, false);
        let key_width = self.columns.key_width();
        let written: Vec<Cow<'_, str>> = match keys.are_exact() {
            true => by_key.keys().map(|key| Cow::Borrowed(key.as_str())).collect(),
            false => {
                let keys = known.iter().filter_map(|row| compare::row_key(&row.values, key_width));
                keys.map(Cow::Owned).collect()
            }
        };
        let narrowed = narrowed(self.reading, self.asked, &written, keys);
        drop(written);
        let (plan, mut redactor) = (narrowed.as_ref().unwrap_or(&self.reading.plan), self.reading.redactor());
        let (mut scratch, mut count, mut admitted) = (Vec::new(), 0_u64, true);
        // Lists that differ unless the file has another separator, with those of the database.
        let mut lists: Vec<(usize, usize, String)> = Vec::new();
        // Texts of a CSV file where the database has NULL.
        let mut beside_null: Vec<(usize, usize)> = Vec::new();
        self.reading.read(|| {
            query::for_each_row(&plan.sql, &plan.params, false, &mut |cells| {
                count += 1;
                if count.is_multiple_of(1024) {
                    wait::interrupted()?;
                }
                redactor.apply(cells, &mut |cells| {
                    let mut held = Vec::with_capacity(cells.len());
                    let mut found_at = None;
                    for (cell, rule) in cells.iter().zip(self.rules) {
                        held.push(self.form.held(cell, rule, self.clock, &mut scratch)?);
                        if held.len() == key_width {
                            // Most rows of a large dataset are none of the file's.
                            let Some(key) = compare::row_key(&held, key_width) else { return Ok(()) };
                            found_at = by_key.get(&keys.canonical(key)?).copied();
                            if found_at.is_none() {
                                return Ok(());
                            }
                        }
                    }
                    let Some(index) = found_at else { return Ok(()) };
                    let Some(row) = known.get_mut(index) else { return Ok(()) };
                    *matches += 1;
                    admitted = row_limit.check(*matches)?;
                    row.is_in_database = true;
                    self.forget_empty_ends(row, &held);
                    for (place, (value, held)) in row.values.iter_mut().zip(&held).enumerate().skip(key_width)
                    {
                        // An empty cell changes nothing.
                        let Some(given) = &*value else {
                            let is_there = self.is_csv() && self.columns.has(row.sheet, place);
                            if held.is_none() && is_there && self.has_no_empty_value(place) {
                                nulls.see_empty();
                            }
                            continue;
                        };
                        if let (Value::Unfit { problem, .. }, Some(_)) = (given, held) {
                            let problem = Cow::Owned(problem.clone());
                            found.push(Difference { row: index, place, problem });
                            continue;
                        }
                        if let (Value::List(readings), Some(Value::Texts(forms))) = (given, held) {
                            if let Some(form) = forms.iter().find(|form| separator.is_same(readings, form)) {
                                separator.learn(readings, form);
                                continue;
                            }
                        }
                        let own = match held {
                            Some(Value::Text(own)) => Some(own),
                            Some(Value::Texts(forms)) => forms.first(),
                            _ => None,
                        };
                        if let (Value::List(readings), Some(held)) = (given, own) {
                            if separator.learn(readings, held) {
                                continue;
                            }
                            if is_as_long(readings, held) {
                                lists.push((index, place, held.clone()));
                            } else {
                                found.push(Difference { row: index, place, problem: DIFFERS });
                            }
                            continue;
                        }
                        if !self.form.differs(held.as_ref(), given) {
                            // It may be a text for NULL, which refers to nothing.
                            if held.is_none() {
                                *value = None;
                            }
                            continue;
                        }
                        if let (true, Some(text), None) = (self.is_csv(), given.as_written(), held) {
                            nulls.see(text, place, matches!(given, Value::Unfit { .. }));
                            beside_null.push((index, place));
                            continue;
                        }
                        let is_newer = updated == Some(place)
                            && held.as_ref().is_some_and(|held| compare::is_later(held, given));
                        let problem = if is_newer { CHANGED } else { DIFFERS };
                        found.push(Difference { row: index, place, problem });
                    }
                    Ok(())
                })?;
                Ok(if admitted { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
            })
        })?;
        if !admitted {
            return Err(row_limit.needs_approval());
        }
        separator.settle();
        for (row, place, held) in lists {
            let given = known.get(row).and_then(|known| known.values.get(place)?.as_ref());
            let Some(Value::List(readings)) = given else { continue };
            if !separator.is_same(readings, &held) {
                found.push(Difference { row, place, problem: DIFFERS });
            }
        }
        nulls.settle();
        for (row, place) in beside_null {
            let Some(value) = known.get_mut(row).and_then(|known| known.values.get_mut(place)) else {
                continue;
            };
            let problem = match &*value {
                Some(given) if given.as_written().is_some_and(|text| nulls.is_null(text)) => {
                    *value = None;
                    continue;
                }
                Some(Value::Unfit { problem, .. }) => Cow::Owned(problem.clone()),
                _ => DIFFERS,
            };
            found.push(Difference { row, place, problem });
        }
        Ok(found)
    }

    fn is_csv(&self) -> bool {
        matches!(self.form, Form::Csv(_))
    }

    /// True for a type without an empty text and without an empty list.
    fn has_no_empty_value(&self, place: usize) -> bool {
        self.rules.get(place).is_some_and(|rule| match rule.kind {
            Kind::List | Kind::Mixed => false,
            Kind::Text => matches!(rule.ty.class, Class::Enum | Class::Uuid),
            _ => true,
        })
    }

    /// Spreadsheets leave out the separators behind a row's last value: such a row is as long as the others if the database
    /// has nothing there either.
    fn forget_empty_ends(&self, row: &mut Known, held: &[Option<Value>]) {
        let Some(fields) = row.fields else { return };
        let is_lost = |(place, held): (usize, &Option<Value>)| {
            let column = self.columns.shown(row.sheet, place).0;
            held.is_some() && self.columns.has(row.sheet, place) && column >= fields
        };
        if !held.iter().enumerate().any(is_lost) {
            row.fields = None;
        }
    }
}

/// False where the list of the database is so long that no separator makes it the same: it need not be kept.
fn is_as_long(readings: &[String], held: &str) -> bool {
    readings.iter().any(|list| held.len() / 4 <= list.len())
}
