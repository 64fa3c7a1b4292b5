//! The rows of a file beside those of the database, all at once or in batches.

use super::super::session_read::Reading;
use super::columns::Columns;
use super::differences::Differences;
use super::keys::Keys;
use super::referred::refer;
use crate::catalog::reference::Reference;
use crate::encode::xlsx::INFO_SHEET;
use crate::encode::Kind;
use crate::error::Result;
use crate::import::compare::{self, Form, Rule, Value};
use crate::import::csv::lists::Separator;
use crate::import::csv::nulls::Nulls;
use crate::import::info::Info;
use crate::import::problem::{quoted, uneven, Problems};
use crate::import::rows::Row;
use crate::import::workbook::Given;
use crate::model::{Class, ExportRequest};
use crate::pg::zone::Zone;
use crate::pg::{identity, sql, wait};
use crate::value::TextForm;
use sha2::{Digest, Sha256};
use std::collections::HashMap;

/// The place of the key's first field among the columns.
const KEY: usize = 0;

/// A row whose key was read, and its values; None: empty, or wrong in itself.
pub struct Known {
    pub sheet: usize,
    pub row: u32,
    pub values: Vec<Option<Value>>,
    /// The number of fields, where a CSV file has fewer than its header.
    pub fields: Option<usize>,
    pub is_in_database: bool,
}

/// All that comparing takes, and what batches before have left.
pub struct Comparison<'a> {
    reading: &'a Reading,
    asked: &'a ExportRequest,
    columns: &'a Columns<'a>,
    references: &'a [Reference],
    names: &'a [String],
    rules: Vec<Rule>,
    keys: Keys,
    zone: Zone,
    /// The rows of earlier batches, by digests of their keys.
    earlier: HashMap<[u8; 16], (usize, u32)>,
    /// Rows that were found in the database.
    matches: u64,
    separator: Separator,
    nulls: Nulls,
}

impl<'a> Comparison<'a> {
    pub fn of(
        reading: &'a Reading,
        asked: &'a ExportRequest,
        columns: &'a Columns<'a>,
        references: &'a [Reference],
        info: &Info,
        names: &'a [String],
        problems: &mut Problems,
    ) -> Result<Comparison<'a>> {
        let rules = rules(reading, columns, info)?;
        let zone = zone(info, &rules, names, problems);
        let keys = Keys::of(&reading.loaded.dataset);
        let (earlier, separator, nulls) = (HashMap::new(), Separator::default(), Nulls::default());
        Ok(Comparison {
            reading,
            asked,
            columns,
            references,
            names,
            rules,
            keys,
            zone,
            earlier,
            matches: 0,
            separator,
            nulls,
        })
    }

    /// Finds what differs, what would be new, and what refers to nothing.
    pub fn compare(&mut self, form: Form<'_>, rows: Vec<Row>, problems: &mut Problems) -> Result<()> {
        let zone = self.zone;
        let clock = move |utc| zone.wall_clock(utc);
        let (mut known, by_key) = self.read(form, &clock, rows, problems)?;
        let differences = Differences {
            reading: self.reading,
            asked: self.asked,
            columns: self.columns,
            rules: &self.rules,
            form,
            clock: &clock,
        };
        let (matches, separator, nulls) = (&mut self.matches, &mut self.separator, &mut self.nulls);
        let found = differences.find(&by_key, &mut self.keys, &mut known, matches, separator, nulls)?;
        self.settle_lists(&mut known);
        refer(self.reading, self.asked, self.columns, self.references, &self.rules, &known, problems)?;
        for difference in found {
            let Some(row) = known.get(difference.row) else { continue };
            let column = Some(self.columns.shown(row.sheet, difference.place));
            problems.add(Some(row.sheet), Some(row.row), column, difference.problem);
        }
        for row in known.iter().filter(|row| !row.is_in_database) {
            let place = Some(self.columns.shown(row.sheet, KEY));
            problems.add(
                Some(row.sheet),
                Some(row.row),
                place,
                "is not in the dataset: the row would be new",
            );
            self.tell_unfit((row.sheet, row.row), &row.values, problems);
        }
        if let Form::Csv(dialect) = form {
            for row in &known {
                if let Some(fields) = row.fields {
                    problems.add(Some(row.sheet), Some(row.row), None, uneven(fields, dialect.width));
                }
            }
            let digests = by_key.iter().map(|(key, index)| (digest(key), &known[*index]));
            self.earlier.extend(digests.map(|(digest, row)| (digest, (row.sheet, row.row))));
        }
        Ok(())
    }

    /// The rows with their values as the fields have them, and where each key is, by its canonical text. Tells of values and keys
    /// that are wrong.
    fn read(
        &mut self,
        form: Form<'_>,
        clock: compare::Clock<'_>,
        rows: Vec<Row>,
        problems: &mut Problems,
    ) -> Result<(Vec<Known>, HashMap<String, usize>)> {
        let columns = self.columns;
        let mut known: Vec<Known> = Vec::with_capacity(rows.len());
        let mut by_key: HashMap<String, usize> = HashMap::with_capacity(rows.len());
        for (count, row) in rows.into_iter().enumerate() {
            if count.is_multiple_of(1024) {
                wait::interrupted()?;
            }
            let empty =
                (KEY..columns.key_width()).find(|place| row.cells.get(*place).is_none_or(Option::is_none));
            let mut read_cell = |(place, (given, rule)): (usize, (Option<Given>, &Rule))| {
                let mut wrong = |problem: String| {
                    let column = Some(columns.shown(row.sheet, place));
                    problems.add(Some(row.sheet), Some(row.row), column, problem);
                };
                let given = given?;
                match form.given(&given, place, rule, clock) {
                    Ok(value) => value,
                    Err(problem) if place < columns.key_width() => {
                        wrong(problem);
                        None
                    }
                    Err(problem) => form.unfit(&given, problem).map_err(wrong).ok(),
                }
            };
            let values: Vec<Option<Value>> =
                row.cells.into_iter().zip(&self.rules).enumerate().map(&mut read_cell).collect();
            let place = Some(columns.shown(row.sheet, KEY));
            let Some(key) = compare::row_key(&values, columns.key_width()) else {
                // A whole column that is missing was reported once.
                if let Some(empty) = empty.filter(|empty| columns.has(row.sheet, *empty)) {
                    let place = Some(columns.shown(row.sheet, empty));
                    problems.add(
                        Some(row.sheet),
                        Some(row.row),
                        place,
                        "is empty; the row cannot be identified",
                    );
                }
                self.tell_unfit((row.sheet, row.row), &values, problems);
                continue;
            };
            let canonical = self.keys.canonical(key.clone())?;
            let first =
                by_key.get(&canonical).and_then(|index| known.get(*index)).map(|row| (row.sheet, row.row));
            let first = first.or_else(|| match self.earlier.is_empty() {
                true => None,
                false => self.earlier.get(&digest(&canonical)).copied(),
            });
            match first {
                Some((sheet, first)) => {
                    let elsewhere = self.names.get(sheet).filter(|_| sheet != row.sheet);
                    let of =
                        elsewhere.map(|sheet| format!(" of sheet {}", quoted(sheet))).unwrap_or_default();
                    let problem = format!("{} is already in row {}{of}", quoted(&key), first + 1);
                    problems.add(Some(row.sheet), Some(row.row), place, problem);
                    self.tell_unfit((row.sheet, row.row), &values, problems);
                }
                None => {
                    by_key.insert(canonical, known.len());
                    let Row { sheet, row, fields, .. } = row;
                    known.push(Known { sheet, row, values, fields, is_in_database: false });
                }
            }
        }
        Ok((known, by_key))
    }

    /// Tells of values that do not fit, of a row that is not compared.
    fn tell_unfit(&self, (sheet, row): (usize, u32), values: &[Option<Value>], problems: &mut Problems) {
        for (place, value) in values.iter().enumerate() {
            let Some(Value::Unfit { text, problem }) = value else { continue };
            if !self.nulls.is_null(text) {
                let place = Some(self.columns.shown(sheet, place));
                problems.add(Some(sheet), Some(row), place, problem.clone());
            }
        }
    }

    /// Lists in the default form, now that the separator of the file is known.
    fn settle_lists(&mut self, known: &mut [Known]) {
        self.separator.settle();
        for value in known.iter_mut().flat_map(|row| &mut row.values) {
            if let Some(Value::List(readings)) = value {
                *value = Some(Value::Text(self.separator.as_list(readings)));
            }
        }
    }
}

fn digest(key: &str) -> [u8; 16] {
    let mut short = [0; 16];
    short.copy_from_slice(&Sha256::digest(key.as_bytes())[..16]);
    short
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
            form: TextForm { local_times: info.has_local_texts, ..TextForm::default() },
        })
    };
    columns.fields().zip(&reading.plan.columns).map(rule).collect()
}

/// On whose clock the file shows instants: its own, if it names one and has any.
fn zone(info: &Info, rules: &[Rule], names: &[String], problems: &mut Problems) -> Zone {
    let Some(name) = &info.time_zone else { return Zone::of_session() };
    let zone = Zone::named(name);
    if zone.is_none() && rules.iter().any(|rule| rule.kind == Kind::Instant) {
        let sheet = names.iter().position(|sheet| sheet == INFO_SHEET);
        let problem = format!(
            "{} is not a time zone; times are compared in the time zone of the session",
            quoted(name)
        );
        problems.add(sheet, None, Some((0, "Time zone")), problem);
    }
    zone.unwrap_or_else(Zone::of_session)
}
