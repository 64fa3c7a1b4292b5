//! One form for values of two files, where formats show the same value differently.
//!
//! Of a pair, what one file cannot tell apart is not told apart in the other: a workbook has no empty text beside an empty
//! cell, has moments in whole seconds, drops the zeros at the end of a fraction.

use chrono::NaiveDateTime;

use crate::encode::xlsx::shown::{self, Shown};
use crate::encode::xlsx::text::{clean, Counts};
use crate::error::Result;
use crate::model::{Format, Options};
use crate::value::{list, text, time, Cell, Kind, Lists};

/// The presentation of values in one file.
pub struct Look<'a> {
    pub format: Format,
    pub options: &'a Options,
    pub columns: usize,
}

impl Look<'_> {
    /// True if instants are shown without an offset.
    pub fn shows_wall_clock(&self) -> bool {
        self.format == Format::Xlsx || self.options.text_form.local_times
    }
}

/// The instant on a wall clock, both in microseconds since 2000-01-01.
pub type Clock = Box<dyn Fn(i64) -> i64>;

/// The normalisation of the values of both files of a pair.
pub struct Normal {
    blank_is_null: bool,
    json: bool,
    /// Of lists, where they are not `, `.
    separators: Vec<String>,
    /// One has lists as JSON arrays.
    json_lists: bool,
    /// One has numbers with a decimal comma: where numbers and texts cannot be told apart, it is a point in both.
    decimal_comma: bool,
    /// One is a workbook.
    workbook: bool,
    /// One shows instants on this clock.
    clock: Option<Clock>,
    scratch: Vec<u8>,
}

impl Normal {
    /// `clock`: of the zone in which one of them shows instants, if one does.
    pub fn new(pair: &[Look<'_>; 2], clock: Clock) -> Normal {
        let any = |is: fn(&Look<'_>) -> bool| pair.iter().any(is);
        let workbook = any(|look| look.format == Format::Xlsx);
        Normal {
            // An empty line would be lost, so a csv of one column writes NULL as the empty text.
            blank_is_null: workbook
                || any(|look| {
                    look.format == Format::Csv && look.columns == 1 && look.options.csv.null_as.is_empty()
                }),
            json: any(|look| matches!(look.format, Format::Ndjson | Format::Json)),
            separators: pair
                .iter()
                .filter_map(lists)
                .map(|lists| lists.separator.clone())
                .filter(|separator| separator != ", " && !separator.is_empty())
                .collect(),
            json_lists: pair.iter().filter_map(lists).any(|lists| lists.json),
            decimal_comma: any(|look| look.options.text_form.decimal_comma),
            workbook,
            clock: any(|look| look.shows_wall_clock()).then_some(clock),
            scratch: Vec::new(),
        }
    }

    /// Brings a value into the common form.
    pub fn apply(&mut self, kind: Kind, value: &mut Option<String>) -> Result<()> {
        let Some(text) = value.as_mut() else { return Ok(()) };
        if matches!(kind, Kind::Text | Kind::Json | Kind::List | Kind::Mixed) {
            if kind == Kind::Json {
                one_line(text);
            }
            if kind == Kind::Mixed {
                // Such a file does not tell which of them were lists.
                if self.json_lists && text.starts_with('[') {
                    if let Some(elements) = list::from_json(text) {
                        *text = list::joined(&elements);
                    }
                }
                for separator in &self.separators {
                    *text = text.replace(separator, ", ");
                }
                if !self.separators.is_empty() {
                    text.retain(|letter| letter != '"');
                }
            }
            // JSON has one null, a list of documents two.
            if kind == Kind::List && (self.json || self.json_lists) && text.contains("null") {
                if let Some(mut elements) = list::split(text, ", ") {
                    elements.iter_mut().filter(|element| **element == "null").for_each(|element| {
                        *element = "".into();
                    });
                    *text = list::joined(&elements);
                }
            }
        }
        if self.decimal_comma {
            match kind {
                Kind::Mixed => with_point(text),
                Kind::List => {
                    if let Some(mut elements) = list::split(text, ", ") {
                        for element in &mut elements {
                            with_point(element.to_mut());
                        }
                        *text = list::joined(&elements);
                    }
                }
                _ => {}
            }
        }
        if self.workbook {
            match kind {
                Kind::Text | Kind::Json | Kind::List | Kind::Mixed => {
                    let cleaned = clean(text, &mut Counts::default()).into_owned();
                    *text = cleaned;
                    // True if it was a number, a csv does not tell.
                    if kind == Kind::Mixed && is_plain_number(text) {
                        number(Kind::Numeric, text, &mut self.scratch)?;
                    }
                }
                Kind::Numeric | Kind::Float => number(kind, text, &mut self.scratch)?,
                _ => {}
            }
        }
        if let Some(clock) = &self.clock {
            match kind {
                Kind::Timestamp | Kind::Instant => moment(text, clock, self.workbook, &mut self.scratch)?,
                // Elements of lists are texts, in a workbook too.
                Kind::List if text.contains(':') => {
                    if let Some(mut elements) = list::split(text, ", ") {
                        for element in &mut elements {
                            let mut local = element.to_string();
                            moment(&mut local, clock, false, &mut self.scratch)?;
                            *element = local.into();
                        }
                        *text = list::joined(&elements);
                    }
                }
                _ => {}
            }
        }
        // To JSON there is but one null.
        if (self.blank_is_null && text.is_empty()) || (self.json && kind == Kind::Json && text == "null") {
            *value = None;
        }
        Ok(())
    }
}

fn with_point(text: &mut String) {
    if let Some(number) = text::with_point(text) {
        *text = number;
    }
}

/// The form of lists in a format that has a choice.
fn lists<'l>(look: &'l Look<'_>) -> Option<&'l Lists> {
    match look.format {
        Format::Csv => Some(&look.options.csv.lists),
        Format::Xlsx => Some(&look.options.xlsx.lists),
        Format::Ndjson | Format::Json => None,
    }
}

/// A document as JSON files have it: without line breaks. What stands for a redacted one is a string there.
fn one_line(text: &mut String) {
    if text == crate::redact::REDACTED {
        *text = format!("\"{text}\"");
    } else if text.contains(['\n', '\r']) {
        let mut line = Vec::with_capacity(text.len());
        crate::value::json_value::embed(text.as_bytes(), &mut line);
        *text = String::from_utf8_lossy(&line).into_owned();
    }
}

/// True if a text is a number as `numeric` prints it: no zeros in front.
fn is_plain_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let zeros = digits.starts_with('0') && digits[1..].starts_with(|letter: char| letter.is_ascii_digit());
    !zeros && digits.starts_with(|letter: char| letter.is_ascii_digit()) && !digits.ends_with('.')
}

/// A number as the float that a sheet holds, unless it holds the digits as a text.
fn number(kind: Kind, text: &mut String, scratch: &mut Vec<u8>) -> Result<()> {
    let held = if kind == Kind::Numeric {
        match shown::shown(&Cell::Numeric(text), false, &Lists::default(), scratch)? {
            Shown::Scaled(value, _) => Some(value),
            _ => None,
        }
    } else {
        // There is a negative zero to a server, and none to a sheet.
        text.parse().ok().filter(|value| *value == 0.0)
    };
    if let Some(value) = held {
        scratch.clear();
        crate::encode::xlsx::markup::number(value, scratch)?;
        *text = String::from_utf8_lossy(scratch).into_owned();
    }
    Ok(())
}

/// A moment on the wall clock of its zone; `in_sheet`: as near as a float of days comes.
fn moment(text: &mut String, clock: &Clock, in_sheet: bool, scratch: &mut Vec<u8>) -> Result<()> {
    // On a wall clock as text, and early and late moments in a sheet, with a blank in the middle.
    let hour = text.find(':').and_then(|colon| text.as_bytes().get(colon.checked_sub(3)?));
    let is_moment = hour.is_some_and(|byte| matches!(byte, b' ' | b'T'));
    let iso = if in_sheet || is_moment { text.replacen(' ', "T", 1) } else { text.clone() };
    let (wall, is_instant) = iso.strip_suffix('Z').map_or((iso.as_str(), false), |wall| (wall, true));
    if let Ok(moment) = NaiveDateTime::parse_from_str(wall, "%Y-%m-%dT%H:%M:%S%.f") {
        let micros = moment.and_utc().timestamp_micros() - POSTGRES_EPOCH;
        let local = if is_instant { clock(micros) } else { micros };
        let held = match in_sheet {
            true => shown::shown(&Cell::Timestamp(local), false, &Lists::default(), scratch)?,
            false => Shown::Blank,
        };
        let held = match held {
            Shown::Moment(serial) => of_serial(serial),
            _ => local,
        };
        scratch.clear();
        time::timestamp(held, b'T', scratch);
        *text = String::from_utf8_lossy(scratch).into_owned();
    } else {
        *text = iso;
    }
    Ok(())
}

/// 2000-01-01 in microseconds since 1970-01-01.
const POSTGRES_EPOCH: i64 = 946_684_800_000_000;

/// Seconds of a day.
const SECONDS: f64 = 86_400.0;

/// Microseconds since 2000-01-01 of a serial day with its time.
pub fn of_serial(serial: f64) -> i64 {
    let day = serial.floor();
    // Far from 1900 a float is some microseconds off; moments are whole seconds.
    let second = ((serial - day) * SECONDS + 0.001).floor();
    (day as i64 - shown::EPOCH_SERIAL) * time::DAY + second as i64 * 1_000_000
}
