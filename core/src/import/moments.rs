//! Days and moments of a workbook: numbers of days since 1900, or texts in the forms in which exports write them.

use chrono::{DateTime, NaiveDate, NaiveDateTime};

use super::compare::{shown_of, Clock, Value};
use super::workbook::Given;
use crate::encode::xlsx::shown::{shown, Shown};
use crate::value::{time, Cell, Kind, Lists};

/// Serial days that an export writes as dates; see `shown`.
const SERIALS: std::ops::RangeInclusive<f64> = 1.0..=2_958_465.0;

/// A day, as a number of days or a text.
pub fn day(given: &Given, serial: &dyn Fn(f64) -> f64) -> std::result::Result<Value, String> {
    let wrong = || Err(format!("{} is not a date", shown_of(given)));
    match given {
        Given::Number(number) => match serial(*number) {
            day if day.fract() == 0.0 && SERIALS.contains(&day) => Ok(Value::Number(day)),
            day if SERIALS.contains(&day) => Err("has a time of day, but the field is a date".to_owned()),
            _ => wrong(),
        },
        Given::Text(text) => {
            let text = text.trim();
            match NaiveDate::parse_from_str(text, "%Y-%m-%d") {
                Ok(date) => Ok(of_days(days(date), text)),
                Err(_) if is_far_moment(text, false) => Ok(Value::Text(text.to_owned())),
                Err(_) => wrong(),
            }
        }
        _ => wrong(),
    }
}

/// A day as an export shows it.
pub(super) fn of_days(days: i64, text: &str) -> Value {
    let cell = i32::try_from(days).map(Cell::Date).unwrap_or(Cell::Null);
    match shown(&cell, false, &Lists::default(), &mut Vec::new()) {
        Ok(Shown::Day(serial)) => Value::Number(serial),
        _ => Value::Text(text.to_owned()),
    }
}

fn days(date: NaiveDate) -> i64 {
    date.signed_duration_since(EPOCH).num_days()
}

/// 2000-01-01, from which the server counts.
const EPOCH: NaiveDate = match NaiveDate::from_ymd_opt(2000, 1, 1) {
    Some(date) => date,
    None => NaiveDate::MIN,
};

/// A moment, likewise; a text with a zone is an instant.
pub fn moment(
    given: &Given,
    kind: Kind,
    serial: &dyn Fn(f64) -> f64,
    clock: Clock<'_>,
) -> std::result::Result<Value, String> {
    let wrong = || Err(format!("{} is not a date with a time", shown_of(given)));
    match given {
        Given::Number(number) => match serial(*number) {
            moment if SERIALS.contains(&moment.floor()) => Ok(Value::Moment(moment)),
            _ => wrong(),
        },
        Given::Text(text) => {
            let text = text.trim().replacen('T', " ", 1);
            if let Some(wall) = wall_clock(&text) {
                return Ok(of_micros(wall, text));
            }
            match DateTime::parse_from_rfc3339(&text.replacen(' ', "T", 1)) {
                Ok(moment) if kind == Kind::Instant => {
                    Ok(of_micros(clock(since_epoch(moment.naive_utc())), text))
                }
                _ if is_far_moment(&text, true) => Ok(Value::Text(text)),
                _ => wrong(),
            }
        }
        _ => wrong(),
    }
}

fn wall_clock(text: &str) -> Option<i64> {
    let moment = ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M"]
        .iter()
        .find_map(|form| NaiveDateTime::parse_from_str(text, form).ok());
    let day = || NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0);
    moment.or_else(day).map(since_epoch)
}

fn since_epoch(moment: NaiveDateTime) -> i64 {
    let midnight = days(moment.date()).saturating_mul(time::DAY);
    let time =
        moment.time().signed_duration_since(chrono::NaiveTime::MIN).num_microseconds().unwrap_or_default();
    midnight.saturating_add(time)
}

/// A moment as an export shows it.
fn of_micros(micros: i64, text: String) -> Value {
    match shown(&Cell::Timestamp(micros), false, &Lists::default(), &mut Vec::new()) {
        Ok(Shown::Moment(serial)) => Value::Moment(serial),
        _ => Value::Text(text),
    }
}

/// True if a text is a day or a moment of which a worksheet knows nothing, as an export writes it: years with a sign, infinity.
fn is_far_moment(text: &str, with_time: bool) -> bool {
    let unsigned = text.trim_start_matches(['+', '-']);
    if unsigned == "infinity" {
        return true;
    }
    if unsigned.len() + 1 != text.len() {
        return false;
    }
    let mut parts = unsigned.splitn(2, ' ');
    let date: Vec<&str> = parts.next().unwrap_or_default().split('-').collect();
    let digits =
        |part: &str, least: usize| part.len() >= least && part.bytes().all(|byte| byte.is_ascii_digit());
    let is_date =
        matches!(date[..], [year, month, day] if digits(year, 4) && digits(month, 2) && digits(day, 2));
    is_date
        && parts.next().is_none_or(|time| {
            with_time && time.bytes().all(|byte| byte.is_ascii_digit() || byte == b':' || byte == b'.')
        })
}
