//! Days and microseconds since 2000-01-01 to ISO 8601, over PostgreSQL's whole range.
//!
//! The server's dates reach from 4713 BC to 5874897 AD (datatype/timestamp.h), further than chrono's, so the
//! calendar is computed here: the proleptic Gregorian one, exact in `i64`. Years outside 0000 to 9999 are
//! written as ISO 8601 expands them, with a sign: `-0043-03-15` (44 BC; the year 0000 is 1 BC),
//! `+10000-01-01`.

use std::borrow::Cow;

/// Microseconds of a day.
pub const DAY: i64 = 86_400_000_000;

/// A day of the calendar; `year` is astronomical (0 is 1 BC).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Civil {
    pub year: i64,
    pub month: u8,
    pub day: u8,
}

/// The calendar day that is `days` after 2000-01-01.
///
/// Shifted to a year that starts in March, so that the leap day is its last, and cut into cycles of 400 years
/// = 146,097 days (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", civil_from_days).
pub fn civil(days: i64) -> Civil {
    // 0000-03-01 is 730,425 days before 2000-01-01.
    let shifted = days + 730_425;
    let cycle = shifted.div_euclid(146_097);
    let day_of_cycle = shifted.rem_euclid(146_097);
    let year_of_cycle =
        (day_of_cycle - day_of_cycle / 1_460 + day_of_cycle / 36_524 - day_of_cycle / 146_096) / 365;
    let day_of_year = day_of_cycle - (365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_cycle + cycle * 400 + i64::from(month <= 2);
    // Month and day are within 1..=31 by construction.
    Civil { year, month: month as u8, day: day as u8 }
}

/// Appends a date as ISO 8601, or `infinity` and `-infinity`.
pub fn date(days: i32, out: &mut Vec<u8>) {
    match days {
        i32::MIN => out.extend_from_slice(b"-infinity"),
        i32::MAX => out.extend_from_slice(b"infinity"),
        _ => civil_date(i64::from(days), out),
    }
}

/// Appends a wall clock's time as ISO 8601; `separator` stands between date and time (`T` in text formats, a
/// space in a worksheet).
pub fn timestamp(micros: i64, separator: u8, out: &mut Vec<u8>) {
    match micros {
        i64::MIN => out.extend_from_slice(b"-infinity"),
        i64::MAX => out.extend_from_slice(b"infinity"),
        _ => {
            civil_date(micros.div_euclid(DAY), out);
            out.push(separator);
            time_of_day(micros.rem_euclid(DAY), out);
        }
    }
}

/// Appends an instant as ISO 8601 in UTC, with its `Z`.
pub fn instant(micros: i64, out: &mut Vec<u8>) {
    timestamp(micros, b'T', out);
    if micros != i64::MIN && micros != i64::MAX {
        out.push(b'Z');
    }
}

/// A date or a moment as the server reads it: ISO 8601 has signs before years of more or less than four digits, and counts a year 0.
pub fn for_input(text: &str) -> Cow<'_, str> {
    if let Some(later) = text.strip_prefix('+') {
        return Cow::Borrowed(later);
    }
    let earlier = text.strip_prefix('-').and_then(|text| text.split_once('-'));
    let (year, rest) = match earlier {
        Some((year, rest)) => (year.parse::<u64>().map(|year| year + 1), rest),
        None if text.starts_with("0000-") => (Ok(1), &text[5..]),
        None => return Cow::Borrowed(text),
    };
    match year {
        Ok(year) => Cow::Owned(format!("{year:04}-{rest} BC")),
        Err(_) => Cow::Borrowed(text),
    }
}

/// The same within the years 0000 to 9999, without a division, and in half the time (Cassio Neri, Lorenz Schneider, "Euclidean affine
/// functions and their application to calendar algorithms", 2023).
fn civil_of_four_digits(days: i64) -> Option<Civil> {
    // From 0000-03-01 on; 9999-12-31 is day 3,652,364.
    let shifted = u32::try_from(days + 730_425).ok().filter(|days| *days <= 3_652_364)?;
    let (cycle, of_century) = ((4 * shifted + 3) / 146_097, (4 * shifted + 3) % 146_097 / 4);
    let product = 2_939_745 * u64::from(4 * of_century + 3);
    let year_of_century = (product >> 32) as u32;
    let day_of_year = (product as u32) / 2_939_745 / 4;
    let months = 2_141 * day_of_year + 197_913;
    let (month, day) = (months >> 16, (months & 0xFFFF) / 2_141 + 1);
    let is_next = day_of_year >= 306;
    Some(Civil {
        year: i64::from(100 * cycle + year_of_century + u32::from(is_next)),
        month: (if is_next { month - 12 } else { month }) as u8,
        day: day as u8,
    })
}

fn civil_date(days: i64, out: &mut Vec<u8>) {
    let Some(Civil { year, month, day }) = civil_of_four_digits(days) else { return far_date(days, out) };
    let ([a, b], [c, d]) = (two(year as u32 / 100), two(year as u32 % 100));
    let ([e, f], [g, h]) = (two(month.into()), two(day.into()));
    out.extend_from_slice(&[a, b, c, d, b'-', e, f, b'-', g, h]);
}

/// A date before March of the year 0000 or after 9999.
#[cold]
fn far_date(days: i64, out: &mut Vec<u8>) {
    let Civil { year, month, day } = civil(days);
    match year {
        0..=9_999 => {}
        10_000.. => out.push(b'+'),
        _ => out.push(b'-'),
    }
    let year = year.unsigned_abs();
    digits(year, 4.max(year.checked_ilog10().unwrap_or(0) as usize + 1), out);
    let ([a, b], [c, d]) = (two(month.into()), two(day.into()));
    out.extend_from_slice(&[b'-', a, b, b'-', c, d]);
}

/// Appends a time of day; `micros` is within a day. A fraction is written only where there is one, without trailing zeros.
pub fn time_of_day(micros: i64, out: &mut Vec<u8>) {
    let (seconds, fraction) = ((micros / 1_000_000) as u32, (micros % 1_000_000) as u32);
    let ([a, b], [c, d], [e, f]) = (two(seconds / 3_600), two(seconds / 60 % 60), two(seconds % 60));
    let ([g, h], [i, j], [k, l]) = (two(fraction / 10_000), two(fraction / 100 % 100), two(fraction % 100));
    let text = [a, b, b':', c, d, b':', e, f, b'.', g, h, i, j, k, l];
    let zeros = text[9..].iter().rev().take_while(|digit| **digit == b'0').count();
    let length = if fraction == 0 { 8 } else { text.len() - zeros };
    out.extend_from_slice(&text[..length]);
}

/// Two decimal digits of a number below a hundred.
#[inline]
fn two(value: u32) -> [u8; 2] {
    TWO[value as usize & 127]
}

/// More than a hundred, so that no place is beyond the end.
static TWO: [[u8; 2]; 128] = {
    let mut all = [[0; 2]; 128];
    let mut value = 0;
    while value < 100 {
        all[value] = [b'0' + value as u8 / 10, b'0' + value as u8 % 10];
        value += 1;
    }
    all
};

/// Appends `value` in `width` decimal digits (at most 20), padded with zeros.
fn digits(mut value: u64, width: usize, out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + width, b'0');
    for place in out[start..].iter_mut().rev() {
        *place = b'0' + (value % 10) as u8;
        value /= 10;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    /// Without a sign from 0000 on, whichever way the day is found.
    #[test]
    fn years_of_four_digits_have_no_sign() {
        for days in (-731_000..-730_000).chain(2_921_500..2_922_500) {
            let Civil { year, month, day } = civil(days);
            let sign = match year {
                0..=9_999 => "",
                10_000.. => "+",
                _ => "-",
            };
            let wanted = format!("{sign}{:04}-{month:02}-{day:02}", year.abs());
            assert_eq!(text(|out| date(days as i32, out)), wanted);
        }
    }

    #[test]
    fn the_server_reads_every_year() {
        for (text, wanted) in [
            ("2026-01-15", "2026-01-15"),
            ("+10000-01-01T00:00:00Z", "10000-01-01T00:00:00Z"),
            ("0000-12-31", "0001-12-31 BC"),
            ("-0043-03-15T10:00:00Z", "0044-03-15T10:00:00Z BC"),
            ("infinity", "infinity"),
            ("-infinity", "-infinity"),
        ] {
            assert_eq!(for_input(text), wanted);
        }
    }

    #[test]
    fn both_ways_give_the_same_day() {
        for days in -730_500..2_922_000 {
            if let Some(quick) = civil_of_four_digits(days) {
                assert_eq!(quick, civil(days), "{days}");
            }
        }
        assert_eq!((civil_of_four_digits(-730_426), civil_of_four_digits(2_921_940)), (None, None));
        assert!(civil_of_four_digits(-730_425).is_some() && civil_of_four_digits(2_921_939).is_some());
        assert_eq!(
            (civil_of_four_digits(i64::MIN + 1), civil_of_four_digits(i64::MAX - 730_425)),
            (None, None)
        );
    }

    /// The days that PostgreSQL 15.20 gives for `d - '2000-01-01'`.
    #[test]
    fn dates_of_the_whole_range() {
        for (days, wanted) in [
            (0, "2000-01-01"),
            (59, "2000-02-29"),
            (60, "2000-03-01"),
            (9_511, "2026-01-15"),
            (-36_465, "1900-03-01"),
            (-36_466, "1900-02-28"),
            (-730_119, "0001-01-01"),
            (-730_120, "0000-12-31"),
            (-730_425, "0000-03-01"),
            (-730_426, "0000-02-29"),
            (-730_485, "0000-01-01"),
            (-730_486, "-0001-12-31"),
            (-746_117, "-0043-03-15"),
            (2_921_939, "9999-12-31"),
            (2_921_940, "+10000-01-01"),
            (2_145_031_948, "+5874897-12-31"),
            (-2_451_545, "-4713-11-24"),
            (i32::MAX, "infinity"),
            (i32::MIN, "-infinity"),
        ] {
            assert_eq!(text(|out| date(days, out)), wanted);
        }
    }

    /// Each day follows the one before it: the calendar has neither gap nor overlap over four cycles.
    #[test]
    fn days_follow_one_another() {
        let length = |year: i64, month: u8| match month {
            2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        let mut before = civil(-800_000);
        for days in -799_999..800_000 {
            let now = civil(days);
            let wanted = if before.day < length(before.year, before.month) {
                Civil { day: before.day + 1, ..before }
            } else if before.month < 12 {
                Civil { month: before.month + 1, day: 1, ..before }
            } else {
                Civil { year: before.year + 1, month: 1, day: 1 }
            };
            assert_eq!(now, wanted);
            before = now;
        }
    }

    #[test]
    fn instants_and_fractions() {
        let base = 9_511 * DAY + 36_000_000_000;
        assert_eq!(text(|out| instant(base, out)), "2026-01-15T10:00:00Z");
        assert_eq!(text(|out| instant(base + 1, out)), "2026-01-15T10:00:00.000001Z");
        assert_eq!(text(|out| instant(base + 120_000, out)), "2026-01-15T10:00:00.12Z");
        assert_eq!(text(|out| timestamp(base, b' ', out)), "2026-01-15 10:00:00");
        assert_eq!(text(|out| timestamp(-1, b'T', out)), "1999-12-31T23:59:59.999999");
        assert_eq!(text(|out| instant(i64::MAX, out)), "infinity");
        assert_eq!(text(|out| instant(i64::MIN, out)), "-infinity");
        // Whatever the number, it is written and nothing overflows.
        assert_eq!(text(|out| instant(i64::MAX - 1, out)), "+294277-01-09T04:00:54.775806Z");
        assert_eq!(text(|out| instant(i64::MIN + 1, out)), "-290278-12-22T19:59:05.224193Z");
    }
}
