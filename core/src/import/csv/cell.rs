//! A cell of a CSV file beside the value of the database, by the rules of workbooks where these make sense for text.
//!
//! The text that an export writes is the measure (`encode::csv`); the form in which spreadsheets save it again is taken as the same
//! where it can mean nothing else.

use std::borrow::Cow;

use super::dialect::{is_fraction, Dialect};
use super::moment::{exact, local, local_time, DayOrder, Exact, Moment, Precision};
use crate::encode::formula::{unguarded, Form};
use crate::encode::xlsx::text::{clean, Counts};
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::import::compare::{self, on_clock, same, Clock, Rule, Value};
use crate::import::moments;
use crate::import::problem::quoted;
use crate::import::several::as_list;
use crate::import::workbook::Given;
use crate::model::Class;
use crate::value::{memory, time, Cell, Grid, Kind, Lists, TextForm};

/// Texts for NULL that no value of another type than text can be; option `null_as` may be any.
const NULLS: [&str; 5] = ["NULL", "\\N", "(NULL)", "<NULL>", "[NULL]"];

/// The booleans of spreadsheets in languages other than English.
const BOOLEANS: [(&str, &str); 14] = [
    ("WAHR", "FALSCH"),
    ("VRAI", "FAUX"),
    ("VERDADERO", "FALSO"),
    ("VERDADEIRO", "FALSO"),
    ("VERO", "FALSO"),
    ("WAAR", "ONWAAR"),
    ("PRAWDA", "FAŁSZ"),
    ("PRAVDA", "NEPRAVDA"),
    ("SANN", "FALSK"),
    ("SANT", "FALSKT"),
    ("SAND", "FALSK"),
    ("TOSI", "EPÄTOSI"),
    ("IGAZ", "HAMIS"),
    ("ИСТИНА", "ЛОЖЬ"),
];

/// Values of cells that hold an error, as spreadsheets write them.
const ERRORS: [&str; 7] = ["#N/A", "#NULL!", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!"];

/// The value of the database as a CSV shows it; None: an empty field.
pub fn held(cell: &Cell<'_>, rule: &Rule, clock: Clock<'_>, scratch: &mut Vec<u8>) -> Result<Option<Value>> {
    let moment = |utc, local| Value::Exact(Moment { utc, local, precision: Precision::Microsecond });
    Ok(match *cell {
        Cell::Null => None,
        Cell::Timestamp(micros) => Some(moment(None, micros)),
        Cell::Instant { utc, .. } => Some(moment(Some(utc), clock(utc))),
        Cell::Text(text) if text.is_empty() => None,
        Cell::Text(text) => Some(Value::Text(lines(text.as_str()).into_owned())),
        Cell::Json(text) => Some(Value::Text(lines(text).into_owned())),
        Cell::List(items) | Cell::Grid(&Grid { items, .. }) => {
            let own = list(items, TextForm::default(), scratch)?;
            let other = match other_form(rule) {
                None => None,
                Some(form) => {
                    let items: Vec<Cell<'_>> = items.iter().map(|item| on_clock(item, clock)).collect();
                    Some(list(&items, form, scratch)?).filter(|other| *other != own)
                }
            };
            match other {
                _ if own.is_empty() => None,
                None => Some(Value::Text(own)),
                Some(other) => Some(Value::Texts(vec![own, other])),
            }
        }
        _ => compare::held(cell, rule, clock, scratch)?,
    })
}

/// The other form that an export may have for a list of this field: moments on a wall clock, numbers with a decimal comma.
fn other_form(rule: &Rule) -> Option<TextForm> {
    match rule.ty.element.as_deref()?.class {
        Class::Timestamp | Class::Instant => Some(TextForm { local_times: true, ..TextForm::default() }),
        Class::Numeric | Class::Float => Some(TextForm { decimal_comma: true, ..TextForm::default() }),
        _ => None,
    }
}

fn list(items: &[Cell<'_>], form: TextForm, scratch: &mut Vec<u8>) -> Result<String> {
    memory::reuse(scratch);
    Lists { form, ..Lists::default() }.append(&Cell::List(items), scratch)?;
    let list =
        std::str::from_utf8(scratch).map_err(|_| Error::new(ErrorKind::Internal, "a value is not UTF-8"))?;
    Ok(as_list(&lines(list), ","))
}

/// The value of a field, or what is wrong with it; None: it stands for NULL, which changes nothing. `place`: of the column.
pub fn given(
    text: &str,
    place: usize,
    rule: &Rule,
    dialect: &Dialect,
    clock: Clock<'_>,
) -> std::result::Result<Option<Value>, String> {
    let trimmed = text.trim();
    let is_text = matches!(rule.kind, Kind::Text | Kind::Json | Kind::List | Kind::Mixed);
    if !is_text && ERRORS.contains(&trimmed) {
        return Err("contains an error".to_owned());
    }
    if !is_text && trimmed.starts_with('=') {
        return Err("is a formula without a value".to_owned());
    }
    let found = match rule.kind {
        Kind::Bool => boolean(trimmed),
        Kind::Int => whole(trimmed, rule),
        Kind::Float | Kind::Numeric => number(trimmed, rule, dialect),
        Kind::Date => day(trimmed, place, dialect),
        Kind::Timestamp | Kind::Instant => moment(trimmed, place, rule.kind, dialect, clock),
        Kind::List => Ok(Value::List(list_readings(text, dialect.delimiter))),
        Kind::Text | Kind::Json | Kind::Mixed => words(text, rule, dialect.delimiter),
    };
    match found {
        Ok(Value::List(readings)) if readings.iter().any(|list| as_list(list, ",").is_empty()) => Ok(None),
        Err(_) if is_null(trimmed) => Ok(None),
        found => found.map(Some),
    }
}

/// True for nothing but separators of lists: all elements are blank, which is no list, as in [`as_list`].
fn is_blank_list(text: &str) -> bool {
    text.chars().all(|letter| letter.is_whitespace() || matches!(letter, ',' | ';' | '|' | '/'))
}

/// True if the database's value differs. `held` of None is NULL or empty.
pub fn differs(held: Option<&Value>, given: &Value) -> bool {
    match (held, given) {
        (None, Value::Text(text)) => !is_null(text),
        (None, Value::Texts(readings)) => !readings.iter().any(|text| is_null(text)),
        (None, Value::List(readings)) => !readings.iter().any(|text| is_null(text) || is_blank_list(text)),
        (None, _) => true,
        // A workbook that was saved as CSV has the ends of long texts cut off.
        (Some(Value::Text(held)), Value::Text(given)) if given.ends_with('…') && held.len() > given.len() => {
            clean(held, &mut Counts::default()) != given.as_str()
        }
        (Some(held), given) => !same(held, given),
    }
}

fn is_null(text: &str) -> bool {
    NULLS.iter().any(|null| text.eq_ignore_ascii_case(null))
}

fn boolean(text: &str) -> std::result::Result<Value, String> {
    let word = text.to_uppercase();
    let value = match text {
        "1" => Some(true),
        "0" => Some(false),
        _ if BOOLEANS.iter().any(|(yes, _)| *yes == word) => Some(true),
        _ if BOOLEANS.iter().any(|(_, no)| *no == word) => Some(false),
        _ => None,
    };
    value.map_or_else(|| compare::boolean(&Given::Text(text.to_owned())), |value| Ok(Value::Bool(value)))
}

fn whole(text: &str, rule: &Rule) -> std::result::Result<Value, String> {
    let given = match text.parse::<f64>() {
        // A spreadsheet writes large numbers with an exponent.
        Ok(number) if number.is_finite() && text.contains(['.', 'e', 'E']) => Given::Number(number),
        _ => Given::Text(text.to_owned()),
    };
    compare::whole(&given, rule)
}

fn number(text: &str, rule: &Rule, dialect: &Dialect) -> std::result::Result<Value, String> {
    if dialect.decimal_comma && is_fraction(text, b',') {
        return compare::number(&Given::Text(text.replacen(',', ".", 1)), rule);
    }
    compare::number(&Given::Text(text.to_owned()), rule)
}

/// The problem of a day whose day and month may be either.
fn unclear(text: &str) -> String {
    format!("{} is ambiguous: day and month cannot be distinguished; write it as YYYY-MM-DD", quoted(text))
}

fn day(text: &str, place: usize, dialect: &Dialect) -> std::result::Result<Value, String> {
    let iso = |text: &str| moments::day(&Given::Text(text.to_owned()), &|serial| serial);
    match (dialect.order(place), local(text)) {
        (Some(order), Some(found)) if found.time == 0 && exact(text).is_none() => match found.days(order) {
            Some(days) => Ok(moments::of_days(days, text)),
            None if found.order == DayOrder::Unknown && order == DayOrder::Unknown => Err(unclear(text)),
            None => iso(text),
        },
        _ => iso(text),
    }
}

fn moment(
    text: &str,
    place: usize,
    kind: Kind,
    dialect: &Dialect,
    clock: Clock<'_>,
) -> std::result::Result<Value, String> {
    let wrong = || format!("{} is not a date with a time", quoted(text));
    if let Some(Exact { wall, offset, precision }) = exact(text) {
        let is_infinite = wall == i64::MAX || wall == i64::MIN;
        let moment = match offset {
            Some(_) if kind != Kind::Instant => return Err(wrong()),
            Some(offset) => {
                let utc = wall.checked_sub(offset).ok_or_else(wrong)?;
                Moment { utc: Some(utc), local: clock(utc), precision }
            }
            None => Moment { utc: is_infinite.then_some(wall), local: wall, precision },
        };
        return Ok(Value::Exact(moment));
    }
    let (Some(order), Some(found)) = (dialect.order(place), local(text)) else { return Err(wrong()) };
    match found.days(order).and_then(|days| days.checked_mul(time::DAY)) {
        Some(midnight) => Ok(Value::Exact(Moment {
            utc: None,
            local: midnight.saturating_add(found.time),
            precision: found.precision,
        })),
        None if found.order == DayOrder::Unknown && order == DayOrder::Unknown => Err(unclear(text)),
        None => Err(wrong()),
    }
}

/// Text, an enum's label, a uuid or a document, with or without the guard of formulas.
fn words(text: &str, rule: &Rule, delimiter: u8) -> std::result::Result<Value, String> {
    let form = match rule.kind {
        Kind::Json => Form::Json,
        Kind::Mixed if text.starts_with(['{', '[']) => Form::Json,
        _ => Form::Plain,
    };
    let mut found: Vec<String> = Vec::new();
    let mut wrong = None;
    let mut readings = readings(text, &[form], delimiter);
    if rule.ty.class == Class::Time {
        readings.extend(time_of_day(text.trim()));
    }
    for reading in readings {
        match compare::text(&Given::Text(reading), rule) {
            Ok(Value::Text(text)) => found.push(text),
            Ok(other) => return Ok(other),
            Err(problem) => wrong = wrong.or(Some(problem)),
        }
    }
    match (found.pop(), wrong) {
        (Some(only), _) if found.is_empty() => Ok(Value::Text(only)),
        (Some(last), _) => {
            found.push(last);
            Ok(Value::Texts(found))
        }
        (None, wrong) => Err(wrong.unwrap_or_default()),
    }
}

/// A time as the server prints it: spreadsheets save `11:59:59 PM` of it.
fn time_of_day(text: &str) -> Option<String> {
    let (micros, _) = local_time(text)?;
    let mut out = Vec::new();
    time::time_of_day(micros, &mut out);
    String::from_utf8(out).ok()
}

fn list_readings(text: &str, delimiter: u8) -> Vec<String> {
    let forms: &[Form] =
        if text.trim_start().starts_with('[') { &[Form::Json, Form::Plain] } else { &[Form::Plain] };
    readings(text, forms, delimiter)
}

/// The texts that an export may have written so, the likeliest first: with its guards by this file's separator; without any;
/// with guards by another separator, where a spreadsheet has changed it.
fn readings(text: &str, forms: &[Form], delimiter: u8) -> Vec<String> {
    let mut readings: Vec<String> = Vec::with_capacity(1);
    let mut add = |reading: Cow<'_, str>| {
        let reading = lines(&reading);
        if !readings.iter().any(|known| *known == reading) {
            readings.push(reading.into_owned());
        }
    };
    if text.contains('\'') {
        for form in forms {
            add(unguarded(text, *form, delimiter));
        }
    }
    add(Cow::Borrowed(text));
    if text.contains('\'') {
        for other in b",;\t|" {
            for form in forms {
                add(unguarded(text, *form, *other));
            }
        }
    }
    readings
}

/// Line breaks as spreadsheets keep them.
fn lines(text: &str) -> Cow<'_, str> {
    if text.contains('\r') {
        Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n"))
    } else {
        Cow::Borrowed(text)
    }
}
