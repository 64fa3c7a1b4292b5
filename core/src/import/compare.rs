//! A cell of a workbook beside the value of the database: whether it is of the field's type, and whether it is the same as what
//! an export would have put there.
//!
//! The text that an export writes is the measure (`encode::xlsx::shown`); programs that save the file again may put down a number's last
//! digits, a line break or a blank after a comma otherwise, and that is no difference.

use super::csv::cell;
use super::csv::dialect::Dialect;
use super::csv::moment::Moment;
use super::moments::{day, moment};
use super::problem::quoted;
use super::several::as_list;
use super::workbook::{Given, Workbook};
use crate::encode::xlsx::markup;
use crate::encode::xlsx::shown::{shown, Shown};
use crate::encode::xlsx::text::{clean, Counts};
use crate::error::Result;
use crate::model::{Class, Type};
use crate::value::{key_text, Cell, Grid, Kind, Lists, TextForm};

/// The share of a number that programs may lose when they save it: Excel keeps 15 digits.
const PRECISION: f64 = 1e-14;
/// Half a millisecond in days: moments are kept as floats of days.
const INSTANT: f64 = 0.0005 / 86_400.0;
/// The facts about a field.
pub struct Rule {
    pub kind: Kind,
    pub identifier: bool,
    pub ty: Type,
    /// Of an enum.
    pub labels: Vec<String>,
    /// Between the elements of the workbook's lists.
    pub separator: String,
    /// The form of values that are texts in it.
    pub form: TextForm,
}

/// A value as a worksheet holds it.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Bool(bool),
    Number(f64),
    /// A serial day with its time.
    Moment(f64),
    Text(String),
    /// A moment of a CSV file.
    Exact(Moment),
    /// The readings of a text of a CSV file, the likeliest first; of a list of the database, its forms.
    Texts(Vec<String>),
    /// The readings of a list of a CSV file, in the file's own form.
    List(Vec<String>),
    /// A text of a CSV file that is no value of its field, unless it stands for NULL; what is wrong with it.
    Unfit {
        text: String,
        problem: String,
    },
}

impl Value {
    /// A text of a CSV file as it stands there.
    pub fn as_written(&self) -> Option<&str> {
        match self {
            Value::Text(text) | Value::Unfit { text, .. } => Some(text),
            Value::Texts(readings) | Value::List(readings) => readings.first().map(String::as_str),
            _ => None,
        }
    }

    /// Its text, where it is one.
    pub fn text(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            Value::Texts(readings) => readings.first().map(String::as_str),
            _ => None,
        }
    }
}

/// On whose clock a workbook shows instants: microseconds since 2000-01-01 UTC to those of its wall clock.
pub type Clock<'a> = &'a dyn Fn(i64) -> i64;

/// The file that cells are read from.
#[derive(Clone, Copy)]
pub enum Form<'a> {
    Workbook(&'a Workbook),
    Csv(&'a Dialect),
}

impl Form<'_> {
    /// The value that an export would write; None: an empty cell.
    pub fn held(
        self,
        cell: &Cell<'_>,
        rule: &Rule,
        clock: Clock<'_>,
        scratch: &mut Vec<u8>,
    ) -> Result<Option<Value>> {
        match self {
            Form::Workbook(_) => held(cell, rule, clock, scratch),
            Form::Csv(_) => cell::held(cell, rule, clock, scratch),
        }
    }

    /// The value of a cell in the column of a place, or what is wrong with it; None: it changes nothing.
    pub fn given(
        self,
        value: &Given,
        place: usize,
        rule: &Rule,
        clock: Clock<'_>,
    ) -> std::result::Result<Option<Value>, String> {
        match (self, value) {
            (Form::Workbook(workbook), _) => {
                let value = given(value, rule, &|number| workbook.serial(number), clock)?;
                // A list of nothing.
                Ok((value != Value::Text(String::new())).then_some(value))
            }
            (Form::Csv(dialect), Given::Text(text)) => cell::given(text, place, rule, dialect, clock),
            (Form::Csv(_), _) => Ok(None),
        }
    }

    /// A value that does not fit, to be kept until the database's value is known; else what is wrong with it.
    pub fn unfit(self, value: &Given, problem: String) -> std::result::Result<Value, String> {
        match (self, value) {
            (Form::Csv(_), Given::Text(text)) => Ok(Value::Unfit { text: text.trim().to_owned(), problem }),
            _ => Err(problem),
        }
    }

    /// True if the database's value is another one.
    pub fn differs(self, held: Option<&Value>, given: &Value) -> bool {
        match self {
            Form::Workbook(_) => !held.is_some_and(|held| same(held, given)),
            Form::Csv(_) => cell::differs(held, given),
        }
    }
}

/// The cell with its moment on this clock.
pub fn on_clock<'c>(cell: &Cell<'c>, clock: Clock<'_>) -> Cell<'c> {
    match *cell {
        Cell::Instant { utc, .. } => Cell::Instant { utc, local: clock(utc) },
        other => other,
    }
}

/// The cell that an export would write; None: an empty one.
pub fn held(cell: &Cell<'_>, rule: &Rule, clock: Clock<'_>, scratch: &mut Vec<u8>) -> Result<Option<Value>> {
    let cell = on_clock(cell, clock);
    let lists = Lists { form: rule.form, ..Lists::default() };
    let items: Vec<Cell<'_>>;
    let grid: Grid<'_>;
    let cell = match cell {
        Cell::List(list) if rule.form.local_times => {
            items = list.iter().map(|item| on_clock(item, clock)).collect();
            Cell::List(&items)
        }
        Cell::Grid(of) if rule.form.local_times => {
            items = of.items.iter().map(|item| on_clock(item, clock)).collect();
            grid = Grid { items: &items, sizes: of.sizes };
            Cell::Grid(&grid)
        }
        other => other,
    };
    Ok(match shown(&cell, rule.identifier, &lists, scratch)? {
        Shown::Blank => None,
        Shown::Bool(value) => Some(Value::Bool(value)),
        Shown::Number(number) | Shown::Scaled(number, _) | Shown::Day(number) => Some(Value::Number(number)),
        Shown::Moment(serial) => Some(Value::Moment(serial)),
        Shown::Text(text) => Some(Value::Text(tidy(&clean(text, &mut Counts::default()), rule.kind, ","))),
    })
}

/// The cell's value as its field has it, or what is wrong with it. `serial`: days counted from 1900.
pub fn given(
    given: &Given,
    rule: &Rule,
    serial: &dyn Fn(f64) -> f64,
    clock: Clock<'_>,
) -> std::result::Result<Value, String> {
    match (given, rule.kind) {
        (Given::Error, _) => Err("contains an error".to_owned()),
        (Given::Formula, _) => Err("is a formula without a value".to_owned()),
        (_, Kind::Bool) => boolean(given),
        (_, Kind::Int) => whole(given, rule),
        (_, Kind::Float | Kind::Numeric) => number(given, rule),
        (_, Kind::Date) => day(given, serial),
        (_, Kind::Timestamp | Kind::Instant) => moment(given, rule.kind, serial, clock),
        (_, Kind::Text | Kind::Json | Kind::List | Kind::Mixed) => text(given, rule),
    }
}

/// True if two values are the same but for what saving a file may change.
pub fn same(one: &Value, other: &Value) -> bool {
    let near = |a: f64, b: f64| (a - b).abs() <= PRECISION * a.abs().max(b.abs());
    match (one, other) {
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::Number(a), Value::Number(b)) => near(*a, *b),
        (Value::Moment(a), Value::Moment(b)) => (a - b).abs() <= INSTANT,
        (Value::Text(a), Value::Text(b)) => a == b,
        (Value::Text(text), Value::Texts(readings)) | (Value::Texts(readings), Value::Text(text)) => {
            readings.contains(text)
        }
        (Value::Exact(a), Value::Exact(b)) => a.is_same(b),
        (Value::Number(number), Value::Text(text)) | (Value::Text(text), Value::Number(number)) => {
            text.parse().is_ok_and(|parsed| near(*number, parsed))
        }
        _ => false,
    }
}

/// True if the database's moment is the later one.
pub fn is_later(held: &Value, given: &Value) -> bool {
    match (held, given) {
        (Value::Number(held), Value::Number(given)) | (Value::Moment(held), Value::Moment(given)) => {
            held > given
        }
        (Value::Exact(held), Value::Exact(given)) => held.local > given.local,
        _ => false,
    }
}

/// The text by which a row is found, of a key of so many values, which come first; None: one of them is empty.
pub fn row_key(values: &[Option<Value>], width: usize) -> Option<String> {
    let mut key: Vec<String> =
        values.get(..width)?.iter().map(|value| value.clone().map(key)).collect::<Option<_>>()?;
    if width == 1 {
        return key.pop();
    }
    Some(key_text::joined(&key.iter().map(String::as_str).collect::<Vec<_>>()).into_owned())
}

pub(super) fn key(value: Value) -> String {
    match value {
        Value::Bool(value) => value.to_string(),
        Value::Number(number) | Value::Moment(number) => number_text(number),
        Value::Text(text) => text,
        Value::Exact(moment) => moment.local.to_string(),
        Value::Texts(readings) | Value::List(readings) => readings.into_iter().next().unwrap_or_default(),
        Value::Unfit { text, .. } => text,
    }
}

/// A number as the export writes it.
pub fn number_text(number: f64) -> String {
    let mut out = Vec::new();
    match markup::number(number, &mut out) {
        Ok(()) => String::from_utf8_lossy(&out).into_owned(),
        Err(_) => number.to_string(),
    }
}

pub(super) fn boolean(given: &Given) -> std::result::Result<Value, String> {
    match given {
        Given::Bool(value) => Ok(Value::Bool(*value)),
        Given::Number(number) if *number == 0.0 || *number == 1.0 => Ok(Value::Bool(*number == 1.0)),
        Given::Text(text) if text.trim().eq_ignore_ascii_case("true") => Ok(Value::Bool(true)),
        Given::Text(text) if text.trim().eq_ignore_ascii_case("false") => Ok(Value::Bool(false)),
        _ => Err(format!("{} is neither TRUE nor FALSE", shown_of(given))),
    }
}

/// Oids of the whole numbers of 16 and 32 bits and of `oid` (pg_type.dat).
const INT2: u32 = 21;
const INT4: u32 = 23;
const OID: u32 = 26;

pub(super) fn whole(given: &Given, rule: &Rule) -> std::result::Result<Value, String> {
    let number: Option<i128> = match given {
        Given::Number(number) if number.fract() == 0.0 && number.abs() < 1e19 => Some(*number as i128),
        Given::Text(text) => text.trim().parse().ok(),
        _ => None,
    };
    let number = number.ok_or_else(|| format!("{} is not an integer", shown_of(given)))?;
    let range = match rule.ty.base {
        INT2 => i128::from(i16::MIN)..=i128::from(i16::MAX),
        INT4 => i128::from(i32::MIN)..=i128::from(i32::MAX),
        OID => 0..=i128::from(u32::MAX),
        _ => i128::from(i64::MIN)..=i128::from(i64::MAX),
    };
    if !range.contains(&number) {
        return Err(format!("{} is beyond the range of type {}", shown_of(given), rule.ty.name));
    }
    Ok(match rule.identifier || number.abs() >= 1_000_000_000_000_000 {
        true => Value::Text(number.to_string()),
        false => Value::Number(number as f64),
    })
}

pub(super) fn number(given: &Given, rule: &Rule) -> std::result::Result<Value, String> {
    match given {
        Given::Number(number) if rule.identifier => Ok(Value::Text(number_text(*number))),
        Given::Number(number) => Ok(Value::Number(*number)),
        Given::Text(text) if text.trim().parse::<f64>().is_ok() => Ok(Value::Text(text.trim().to_owned())),
        _ => Err(format!("{} is not a number", shown_of(given))),
    }
}

pub(super) fn text(given: &Given, rule: &Rule) -> std::result::Result<Value, String> {
    let text = match given {
        Given::Text(text) => tidy(text, rule.kind, &rule.separator),
        Given::Number(number) => number_text(*number),
        Given::Bool(value) => if *value { "TRUE" } else { "FALSE" }.to_owned(),
        Given::Error | Given::Formula => String::new(),
    };
    match rule.ty.class {
        Class::Enum if !rule.labels.contains(&text) => {
            Err(format!("{} is not a value of type {}", quoted(&text), rule.ty.name))
        }
        Class::Uuid => match uuid(&text) {
            Some(uuid) => Ok(Value::Text(uuid)),
            None => Err(format!("{} is not a UUID", quoted(&text))),
        },
        // One that was cut to what a cell takes is none any more.
        Class::Json | Class::Jsonb if !text.ends_with('…') && !is_json(&text) => {
            Err(format!("{} is not valid JSON", quoted(&text)))
        }
        _ => Ok(Value::Text(text)),
    }
}

/// As the server prints it.
fn uuid(text: &str) -> Option<String> {
    let inner = text.trim().trim_start_matches('{').trim_end_matches('}');
    let digits: String =
        inner.chars().filter(|character| *character != '-').flat_map(char::to_lowercase).collect();
    let is_hex = digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hex.then(|| [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-"))
}

/// Line breaks as XML has them, blanks around commas of a list as an export has them.
fn tidy(text: &str, kind: Kind, separator: &str) -> String {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    match kind {
        Kind::List => as_list(&text, separator),
        _ => text,
    }
}

/// The cell's value for a problem.
pub(super) fn shown_of(given: &Given) -> String {
    match given {
        Given::Number(number) => number_text(*number),
        Given::Bool(value) => if *value { "TRUE" } else { "FALSE" }.to_owned(),
        Given::Text(text) => quoted(text),
        Given::Error => "an error".to_owned(),
        Given::Formula => "a formula".to_owned(),
    }
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<&serde_json::value::RawValue>(text).is_ok()
}
