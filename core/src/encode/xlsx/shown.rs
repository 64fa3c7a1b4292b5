//! The cell that a value becomes in a worksheet: a number, a moment, a boolean, or text where the sheet has no such
//! number.
//!
//! Excel computes with 64-bit floats of 15 digits and counts days from 1900 to 9999. A value that it would
//! change is therefore written as text.

use crate::encode::Cell;
use crate::error::{Error, Kind, Result};
use crate::value::memory;
use crate::value::{time, Lists};

/// Digits that Excel keeps ("Excel specifications and limits": number precision).
const MAX_DIGITS: usize = 15;
/// Decimal places that a number format takes.
pub const MAX_SCALE: usize = 30;
/// Excel's largest and smallest number ("Excel specifications and limits").
const MAX_NUMBER: f64 = 9.999_999_999_999_99e307;
const MIN_NUMBER: f64 = 2.225_073_858_507_201_4e-308;
/// Microseconds of a second.
const SECOND: i64 = 1_000_000;
/// 2000-01-01 as a serial day of the 1900 date system.
pub const EPOCH_SERIAL: i64 = 36_526;
/// 1900-03-01, before which Excel counts a leap day that never was, and 9999-12-31, its last day; serial
/// days.
const SERIALS: std::ops::RangeInclusive<i64> = 61..=2_958_465;

/// A value as the sheet holds it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Shown<'a> {
    Blank,
    Bool(bool),
    Number(f64),
    /// A number and its decimal places, for a format that shows `12.50` as it was.
    Scaled(f64, usize),
    /// A serial day.
    Day(f64),
    /// A serial day with the time, in whole seconds, as its fraction.
    Moment(f64),
    Text(&'a str),
}

/// Decides for one cell. `lists`: the form of lists; `scratch` is where the text of values that are none is written; what it held is
/// gone.
pub fn shown<'a>(
    cell: &Cell<'a>,
    identifier: bool,
    lists: &Lists,
    scratch: &'a mut Vec<u8>,
) -> Result<Shown<'a>> {
    match *cell {
        Cell::Null => return Ok(Shown::Blank),
        Cell::Bool(value) => return Ok(Shown::Bool(value)),
        Cell::Text(text) if text.is_empty() => return Ok(Shown::Blank),
        Cell::Text(text) => return Ok(Shown::Text(text.as_str())),
        Cell::Json(text) => return Ok(Shown::Text(text)),
        Cell::Int(value) if !identifier && value.unsigned_abs() < 10_u64.pow(MAX_DIGITS as u32) => {
            // Exact: below 2^53.
            return Ok(Shown::Number(value as f64));
        }
        Cell::Float(value) if !identifier && (value == 0.0 || is_normal(value)) => {
            return Ok(Shown::Number(value));
        }
        Cell::Numeric(digits) => {
            return Ok(match scaled(digits) {
                Some((number, scale)) if !identifier => Shown::Scaled(number, scale),
                _ => Shown::Text(digits),
            })
        }
        Cell::Date(days) => {
            let serial = i64::from(days) + EPOCH_SERIAL;
            if SERIALS.contains(&serial) {
                return Ok(Shown::Day(serial as f64));
            }
        }
        Cell::Timestamp(micros) | Cell::Instant { local: micros, .. } => {
            let serial = micros.div_euclid(time::DAY) + EPOCH_SERIAL;
            if SERIALS.contains(&serial) {
                // The format shows seconds, and programs round to what it shows: a fraction would end up in the next
                // second, which may be that of another day.
                let second = micros.rem_euclid(time::DAY) / SECOND;
                return Ok(Shown::Moment(serial as f64 + second as f64 / (time::DAY / SECOND) as f64));
            }
        }
        Cell::Int(_) | Cell::Float(_) | Cell::List(_) | Cell::Grid(_) => {}
    }
    memory::reuse(scratch);
    match *cell {
        // As the cells around it look.
        Cell::Timestamp(micros) | Cell::Instant { local: micros, .. } => {
            time::timestamp(micros, b' ', scratch)
        }
        _ => lists.append(cell, scratch)?,
    }
    if scratch.is_empty() {
        return Ok(Shown::Blank);
    }
    let text =
        std::str::from_utf8(scratch).map_err(|_| Error::new(Kind::Internal, "a value is not UTF-8"))?;
    Ok(Shown::Text(text))
}

fn is_normal(value: f64) -> bool {
    (MIN_NUMBER..=MAX_NUMBER).contains(&value.abs())
}

/// The number and the scale of a `numeric` that Excel keeps digit for digit: not more than 15 digits from the
/// first that counts (zeros at the end of the fraction do not), so that number and format together show the
/// very text.
fn scaled(text: &str) -> Option<(f64, usize)> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let decimal = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !decimal(whole) || !decimal(fraction) || fraction.len() > MAX_SCALE {
        return None;
    }
    let whole = whole.trim_start_matches('0');
    let counted = fraction.trim_end_matches('0');
    let counted = if whole.is_empty() { counted.trim_start_matches('0') } else { counted };
    if whole.len() + counted.len() > MAX_DIGITS {
        return None;
    }
    Some((text.parse().ok()?, fraction.len()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
#[path = "shown_tests.rs"]
mod tests;
