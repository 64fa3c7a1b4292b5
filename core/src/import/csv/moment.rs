//! Days and moments as text: ISO 8601 over the server's whole range, and the forms that spreadsheets save in a locale.

use std::ops::RangeInclusive;

use crate::value::time::DAY;

const MILLISECOND: u64 = 1_000;
const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;

/// The smallest unit that a text shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Precision {
    Microsecond,
    /// Three digits, to which LibreOffice rounds.
    Millisecond,
    Second,
    Minute,
}

/// A moment that was read, in microseconds since 2000-01-01.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moment {
    /// Of an instant whose zone is known.
    pub utc: Option<i64>,
    /// On the wall clock of the comparison.
    pub local: i64,
    pub precision: Precision,
}

impl Moment {
    /// True if the moments are one, as far as both show it: spreadsheets cut off fractions of a second.
    pub fn is_same(&self, other: &Moment) -> bool {
        let (one, two) = match (self.utc, other.utc) {
            (Some(one), Some(two)) => (one, two),
            _ => (self.local, other.local),
        };
        let unit = match self.precision.max(other.precision) {
            Precision::Microsecond => return one == two,
            Precision::Millisecond => return one.abs_diff(two) < MILLISECOND,
            Precision::Second => SECOND,
            Precision::Minute => MINUTE,
        };
        one.div_euclid(unit) == two.div_euclid(unit)
    }
}

/// A text of ISO 8601.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Exact {
    /// As it is written.
    pub wall: i64,
    /// Of its zone, to the east.
    pub offset: Option<i64>,
    pub precision: Precision,
}

/// Reads ISO 8601 as exports write it: a day, with or without a time behind `T` or a blank, with or without a zone; `infinity`.
pub fn exact(text: &str) -> Option<Exact> {
    let plain = |wall| Exact { wall, offset: None, precision: Precision::Microsecond };
    match text {
        "infinity" => return Some(plain(i64::MAX)),
        "-infinity" => return Some(plain(i64::MIN)),
        _ => {}
    }
    let split = text.find(['T', ' ']).unwrap_or(text.len());
    let (day, time) = (iso_day(&text[..split])?, &text[split..]);
    let midnight = day.checked_mul(DAY)?;
    let Some(time) = time.get(1..) else {
        return Some(Exact { wall: midnight, offset: None, precision: Precision::Second });
    };
    let (time, offset) = zone(time)?;
    let (time, precision) = time_of_day(time)?;
    Some(Exact { wall: midnight.checked_add(time)?, offset, precision })
}

/// Days since 2000-01-01 of `2026-01-15`, with a sign before years beyond four digits.
pub fn iso_day(text: &str) -> Option<i64> {
    let (sign, digits) = match text.as_bytes().first()? {
        b'-' => (-1, &text[1..]),
        b'+' => (1, &text[1..]),
        _ => (1, text),
    };
    let mut parts = digits.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    let has_sign = digits.len() < text.len();
    let widths = (year.len() == 4 || (has_sign && (4..=7).contains(&year.len())))
        && month.len() == 2
        && day.len() == 2;
    if !widths || parts.next().is_some() {
        return None;
    }
    days(sign * number(year, 0..=9_999_999)?, number(month, 1..=12)?, number(day, 1..=31)?)
}

/// `10:00:00.123456` or `10:00`.
fn time_of_day(text: &str) -> Option<(i64, Precision)> {
    let mut parts = text.splitn(3, ':');
    let (hour, minute) = (number(parts.next()?, 0..=23)?, number(parts.next()?, 0..=59)?);
    let minutes = (hour * 60 + minute) * MINUTE;
    let Some(seconds) = parts.next() else { return Some((minutes, Precision::Second)) };
    let (second, fraction) = seconds.split_once('.').unwrap_or((seconds, ""));
    let time = minutes + number(second, 0..=59)? * SECOND;
    if fraction.is_empty() {
        return (second.len() == seconds.len()).then_some((time, Precision::Second));
    }
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let micros =
        fraction.bytes().chain(*b"000000").take(6).fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'));
    let precision = if fraction.len() == 3 { Precision::Millisecond } else { Precision::Microsecond };
    Some((time + micros, precision))
}

/// A time without the zone behind it, and the zone in microseconds to the east.
fn zone(text: &str) -> Option<(&str, Option<i64>)> {
    if let Some(time) = text.strip_suffix(['Z', 'z']) {
        return Some((time, Some(0)));
    }
    let Some(at) = text.rfind(['+', '-']) else { return Some((text, None)) };
    let sign = if text.as_bytes().get(at) == Some(&b'-') { -1 } else { 1 };
    let (hours, minutes) = match &text[at + 1..] {
        zone if zone.len() == 4 && zone.is_ascii() && !zone.contains(':') => zone.split_at(2),
        zone => zone.split_once(':').unwrap_or((zone, "0")),
    };
    let minutes = number(hours, 0..=15)? * 60 + number(minutes, 0..=59)?;
    Some((&text[..at], Some(sign * minutes * MINUTE)))
}

fn number(digits: &str, within: RangeInclusive<i64>) -> Option<i64> {
    let is_plain =
        !digits.is_empty() && digits.len() <= 7 && digits.bytes().all(|byte| byte.is_ascii_digit());
    let number = if is_plain { digits.parse().ok()? } else { return None };
    within.contains(&number).then_some(number)
}

/// Days from 2000-01-01 to a day of the Gregorian calendar, the inverse of `value::time::civil` (Howard Hinnant, "chrono-Compatible
/// Low-Level Date Algorithms", days_from_civil). None: there is no such day.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    let from_march = year - i64::from(month <= 2);
    let year_of_cycle = from_march.rem_euclid(400);
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let day_of_cycle = year_of_cycle * 365 + year_of_cycle / 4 - year_of_cycle / 100 + day_of_year;
    let days = from_march.div_euclid(400) * 146_097 + day_of_cycle - 730_425;
    let civil = crate::value::time::civil(days);
    ((civil.year, i64::from(civil.month), i64::from(civil.day)) == (year, month, day)).then_some(days)
}

/// The order of day and month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DayOrder {
    DayFirst,
    MonthFirst,
    YearFirst,
    Unknown,
}

/// A text of a locale: `15.01.2026`, `1/15/2026 11:00`, `1/15/26 11:00 AM`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Local {
    /// As the text alone shows it.
    pub order: DayOrder,
    numbers: [i64; 3],
    pub time: i64,
    pub precision: Precision,
}

/// Reads the form of a locale, if it is one.
pub fn local(text: &str) -> Option<Local> {
    let (day, time) = text.split_once(' ').unwrap_or((text, ""));
    let separator = day.chars().find(|letter| matches!(letter, '.' | '/' | '-'))?;
    let mut parts = day.trim_end_matches('.').split(separator);
    let texts = [parts.next()?, parts.next()?, parts.next()?];
    if parts.next().is_some() {
        return None;
    }
    let number = |text: &str| number(text, 0..=9_999);
    let mut numbers = [number(texts[0])?, number(texts[1])?, number(texts[2])?];
    let order = if texts[0].len() == 4 {
        DayOrder::YearFirst
    } else {
        numbers[2] = match texts[2].len() {
            4 => numbers[2],
            // As Excel and LibreOffice read them: 1930 to 2029.
            2 if numbers[2] < 30 => numbers[2] + 2_000,
            2 => numbers[2] + 1_900,
            _ => return None,
        };
        match (separator, numbers[0] > 12, numbers[1] > 12) {
            ('.', ..) | (_, true, false) => DayOrder::DayFirst,
            (_, false, true) => DayOrder::MonthFirst,
            // 05/05/2026 is one day in either order.
            _ if numbers[0] == numbers[1] => DayOrder::YearFirst,
            _ => DayOrder::Unknown,
        }
    };
    let (time, precision) = if time.is_empty() { (0, Precision::Second) } else { local_time(time)? };
    Some(Local { order, numbers, time, precision })
}

/// `23:59:59`, `11:59:59 PM`, `11:59 PM`.
pub fn local_time(text: &str) -> Option<(i64, Precision)> {
    let half = |suffix: &str| {
        let (time, end) = text.split_at_checked(text.len().checked_sub(suffix.len())?)?;
        end.eq_ignore_ascii_case(suffix).then_some(time)
    };
    let (text, shift) = match (half(" AM"), half(" PM")) {
        (Some(time), _) => (time, Some(0)),
        (_, Some(time)) => (time, Some(12)),
        _ => (text, None),
    };
    let (time, precision) = time_of_day(text)?;
    // Seconds that are not shown were cut off.
    let precision = if text.matches(':').count() == 1 { Precision::Minute } else { precision };
    let hour = 60 * MINUTE;
    match shift {
        None => Some((time, precision)),
        Some(_) if !(hour..13 * hour).contains(&time) => None,
        Some(shift) => Some((time % (12 * hour) + shift * hour, precision)),
    }
}

impl Local {
    /// Days since 2000-01-01 by the order of the file; None: there is no such day.
    pub fn days(&self, order: DayOrder) -> Option<i64> {
        let [a, b, c] = self.numbers;
        match if self.order == DayOrder::Unknown { order } else { self.order } {
            DayOrder::YearFirst if a > 31 => days(a, b, c),
            DayOrder::DayFirst | DayOrder::YearFirst => days(c, b, a),
            DayOrder::MonthFirst => days(c, a, b),
            DayOrder::Unknown => None,
        }
    }
}
