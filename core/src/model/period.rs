//! Periods by name: rolling ones, which reach back from the moment of asking, and those of the calendar.
//!
//! The arithmetic is the server's, in the session's time zone: a month is as long as the calendar says, and a day of a time change
//! has 23 or 25 hours. Nothing here reads a clock.

use crate::error::{Error, Result};
use crate::value::{listed, shown};

/// A period that somebody asks for by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Period {
    /// It ends at the moment of asking; its length as the server's interval type reads it.
    Rolling(&'static str),
    Calendar(Calendar),
}

/// A week, month, quarter or year of the calendar, whole days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Calendar {
    pub unit: Unit,
    pub start: Start,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// From Monday on.
    Week,
    Month,
    Quarter,
    Year,
}

/// The day on which a period of the calendar is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// The day of asking, or so many units before it.
    Before(u8),
    /// The first day of a month.
    Month { year: u16, month: u8 },
}

const ROLLING: [(&str, &str); 6] = [
    ("last_week", "7 days"),
    ("last_2_weeks", "14 days"),
    ("last_month", "1 month"),
    ("last_3_months", "3 months"),
    ("last_6_months", "6 months"),
    ("last_year", "1 year"),
];

const UNITS: [(&str, Unit); 4] =
    [("week", Unit::Week), ("month", Unit::Month), ("quarter", Unit::Quarter), ("year", Unit::Year)];

const BEFORE: [(&str, u8); 2] = [("this_", 0), ("previous_", 1)];

impl Period {
    /// Reads a name exactly as it is documented; anything else is 22023 with all of them in the hint.
    pub fn parse(text: &str) -> Result<Period> {
        let rolling = ROLLING.into_iter().find(|(name, _)| *name == text);
        let rolling = rolling.map(|(_, length)| Period::Rolling(length));
        rolling.or_else(|| calendar(text).map(Period::Calendar)).ok_or_else(|| {
            let mut names: Vec<String> = ROLLING.iter().map(|(name, _)| (*name).to_owned()).collect();
            for (prefix, _) in BEFORE {
                names.extend(UNITS.iter().map(|(unit, _)| format!("{prefix}{unit}")));
            }
            names.extend(["2026", "2026-Q3", "2026-10"].map(str::to_owned));
            Error::invalid(format!("unknown period {}", shown(text)))
                .hint(format!("Known periods: {}.", listed(names.iter().map(String::as_str))))
        })
    }
}

impl Unit {
    /// The field of `date_trunc`.
    pub fn name(self) -> &'static str {
        match self {
            Unit::Week => "week",
            Unit::Month => "month",
            Unit::Quarter => "quarter",
            Unit::Year => "year",
        }
    }

    /// Its length in months and days.
    pub fn length(self) -> (u8, u8) {
        match self {
            Unit::Week => (0, 7),
            Unit::Month => (1, 0),
            Unit::Quarter => (3, 0),
            Unit::Year => (12, 0),
        }
    }
}

fn calendar(text: &str) -> Option<Calendar> {
    for (prefix, before) in BEFORE {
        if let Some(name) = text.strip_prefix(prefix) {
            let (_, unit) = UNITS.into_iter().find(|(unit, _)| *unit == name)?;
            return Some(Calendar { unit, start: Start::Before(before) });
        }
    }
    let number = |digits: &str, length: usize| {
        let is_number = digits.len() == length && digits.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| digits.parse::<u16>().ok()).flatten().filter(|number| *number > 0)
    };
    let (year, part) = text.split_once('-').map_or((text, None), |(year, part)| (year, Some(part)));
    let year = number(year, 4)?;
    let (unit, month) = match part {
        None => (Unit::Year, 1),
        Some(part) => match part.strip_prefix('Q') {
            Some(quarter) => (Unit::Quarter, number(quarter, 1).filter(|quarter| *quarter <= 4)? * 3 - 2),
            None => (Unit::Month, number(part, 2).filter(|month| *month <= 12)?),
        },
    };
    Some(Calendar { unit, start: Start::Month { year, month: u8::try_from(month).ok()? } })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_documented_name_is_read() {
        for (name, length) in ROLLING {
            assert_eq!(Period::parse(name), Ok(Period::Rolling(length)));
        }
        let of = |unit, start| Ok(Period::Calendar(Calendar { unit, start }));
        assert_eq!(Period::parse("this_week"), of(Unit::Week, Start::Before(0)));
        assert_eq!(Period::parse("previous_quarter"), of(Unit::Quarter, Start::Before(1)));
        assert_eq!(Period::parse("2026"), of(Unit::Year, Start::Month { year: 2026, month: 1 }));
        assert_eq!(Period::parse("2026-Q3"), of(Unit::Quarter, Start::Month { year: 2026, month: 7 }));
        assert_eq!(Period::parse("2026-10"), of(Unit::Month, Start::Month { year: 2026, month: 10 }));
    }

    #[test]
    fn other_names_are_refused_with_those_that_there_are() {
        for text in [
            "",
            "last_decade",
            "Last_Week",
            " last_week",
            "this_day",
            "previous_",
            "0000",
            "26",
            "2026-13",
            "2026-00",
            "2026-1",
            "2026-Q0",
            "2026-Q5",
            "2026-q1",
            "2026-10-01",
            "-2026",
            "٢٠٢٦",
        ] {
            let error = Period::parse(text).unwrap_err();
            assert_eq!(error.kind.sqlstate(), "22023", "{text}");
            let hint = error.hint.unwrap();
            for name in ["last_6_months", "this_week", "previous_year", "2026-Q3"] {
                assert!(hint.contains(name), "{hint}");
            }
        }
    }
}
