//! Cron expressions of five fields, and the moments that they name on the wall clock of a time zone.
//!
//! The crate croner reads them and finds the moments; its rules for the two days of a year on which clocks are changed are those of
//! Vixie cron. A fixed time of day that does not exist is the first moment after the gap, one that exists twice is the first of the two.
//! Expressions with lists, ranges or steps of minutes or hours follow the clock: moments in a gap are left out, those that come twice
//! count twice.

use crate::error::{Error, Result};
use crate::value::shown;
use crate::value::time::{civil, DAY};
use chrono::NaiveDate;
use croner::errors::CronError;
use croner::parser::{CronParser, Seconds, Year};
use croner::time::{CivilDate, CivilDateTime, CivilTime, CronDateTime, Resolution, Weekday};
use std::cmp::Ordering;

/// Characters of an expression.
const LONGEST: usize = 200;

/// The fields in their order, and the values of each.
const FIELDS: [(&str, &str); 5] = [
    ("minute", "0 to 59"),
    ("hour", "0 to 23"),
    ("day of month", "1 to 31, or L for the last day"),
    ("month", "1 to 12, or names like JAN"),
    ("day of week", "0 to 7, where 0 and 7 are Sunday, or names like MON"),
];

const NAMES: [&str; 6] = ["@hourly", "@daily", "@weekly", "@monthly", "@yearly", "@annually"];

/// A time zone. Moments are microseconds since 2000-01-01, in UTC and on the wall clock.
pub trait WallClock: Copy {
    fn wall_clock(self, utc: i64) -> i64;
}

/// A cron expression.
pub struct Cron(croner::Cron);

impl Cron {
    /// Reads an expression of five fields, or a name like `@daily`. 22023 otherwise; the hint names the field that cannot be read.
    pub fn parse(text: &str) -> Result<Cron> {
        if text.chars().count() > LONGEST {
            return Err(Error::invalid("cron expression is too long")
                .hint(format!("A cron expression has at most {LONGEST} characters.")));
        }
        parsed(text).map(Cron).map_err(|_| wrong(text))
    }

    /// The first moment after `after`. None: there is none until the year 5000.
    pub fn next(&self, after: i64, zone: impl WallClock) -> Option<i64> {
        let found = self.0.find_next_occurrence(&Moment { at: after, zone }, false).ok()?;
        Some(found.at).filter(|at| *at > after)
    }
}

fn parsed(text: &str) -> std::result::Result<croner::Cron, CronError> {
    CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build().parse(text)
}

fn wrong(text: &str) -> Error {
    let error = Error::invalid(format!("invalid cron expression {}", shown(text)));
    let fields: Vec<&str> = text.split_whitespace().collect();
    if text.contains('@') {
        return error.hint(format!("Known names: {}.", NAMES.join(", ")));
    }
    if fields.len() != FIELDS.len() {
        let names = FIELDS.map(|(name, _)| name).join(", ");
        return error
            .hint(format!("Write five fields, separated by spaces: {names}; such as '30 2 * * 1-5'."));
    }
    let alone = |place: usize, field: &str| {
        let fields: Vec<&str> =
            (0..FIELDS.len()).map(|other| if other == place { field } else { "*" }).collect();
        parsed(&fields.join(" "))
    };
    let broken =
        fields.iter().zip(FIELDS).enumerate().find(|(place, (field, _))| alone(*place, field).is_err());
    match broken {
        Some((_, (field, (name, values)))) => error.hint(format!(
            "Field {name} cannot be {}: it takes {values}, and *, lists (1,2), ranges (1-5) and steps (*/15).",
            shown(field)
        )),
        None => error.hint("Write five fields, such as '30 2 * * 1-5'."),
    }
}

/// A moment on the wall clock of a zone.
#[derive(Clone, Copy)]
struct Moment<Z> {
    /// UTC.
    at: i64,
    zone: Z,
}

const SECOND: i64 = 1_000_000;

impl<Z: WallClock> Moment<Z> {
    fn wall(&self) -> i64 {
        self.zone.wall_clock(self.at)
    }

    /// The moment of a wall clock's time, if the clock has as much advance on UTC then as at another moment.
    fn with_advance_at(&self, wall: i64, other: i64) -> Option<i64> {
        let at = wall - (self.zone.wall_clock(other) - other);
        (self.zone.wall_clock(at) == wall).then_some(at)
    }
}

/// Microseconds since 2000-01-01 on the wall clock.
fn micros(civil: CivilDateTime) -> Option<i64> {
    let day = NaiveDate::from_ymd_opt(civil.year(), civil.month(), civil.day())?;
    let days = day.signed_duration_since(NaiveDate::from_ymd_opt(2000, 1, 1)?).num_days();
    let seconds = i64::from(civil.hour()) * 3600 + i64::from(civil.minute()) * 60 + i64::from(civil.second());
    Some(days * DAY + seconds * SECOND)
}

impl<Z: WallClock> CronDateTime for Moment<Z> {
    fn to_civil(&self) -> CivilDateTime {
        let wall = self.wall();
        let day = civil(wall.div_euclid(DAY));
        let second = (wall.rem_euclid(DAY) / SECOND) as u32;
        CivilDateTime::new(
            CivilDate::from_parts_unchecked(day.year as i32, day.month.into(), day.day.into()),
            CivilTime::from_parts_unchecked(second / 3600, second / 60 % 60, second % 60),
        )
    }

    fn civil_weekday(&self) -> Weekday {
        // 2000-01-01 was a Saturday.
        Weekday::from_days_from_sunday((self.wall().div_euclid(DAY) + 6).rem_euclid(7) as u32)
    }

    /// Clocks are changed once within two days at most: the advance is that of the day before or that of the day after.
    fn resolve_civil(&self, civil: CivilDateTime) -> std::result::Result<Resolution<Self>, CronError> {
        let wall = micros(civil).ok_or(CronError::InvalidDate)?;
        let moment = |at| Moment { at, zone: self.zone };
        let found = [wall - DAY, wall + DAY].map(|other| self.with_advance_at(wall, other));
        Ok(match found {
            [Some(one), Some(other)] if one != other => {
                Resolution::Ambiguous(moment(one.min(other)), moment(one.max(other)))
            }
            [Some(at), _] | [None, Some(at)] => Resolution::Single(moment(at)),
            [None, None] => Resolution::Gap,
        })
    }

    fn checked_add_seconds(&self, seconds: i64) -> Option<Self> {
        let at = self.at.checked_add(seconds.checked_mul(SECOND)?)?;
        Some(Moment { at, zone: self.zone })
    }

    fn cmp_instant(&self, other: &Self) -> Ordering {
        self.at.cmp(&other.at)
    }
}

#[cfg(test)]
#[path = "cron_tests.rs"]
mod tests;
