//! The rolling periods of contract section 3: a name, and the interval that reaches back from the moment of
//! asking.
//!
//! The subtraction is the server's (`now() - interval`), in the session's time zone: a month is as long as
//! the calendar says, and a day of a time change has 23 or 25 hours. Nothing here reads a clock.

use super::listing::{listed, shown};
use crate::error::{Error, Result};

/// A rolling period that ends at the moment of asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Period {
    LastWeek,
    Last2Weeks,
    LastMonth,
    Last3Months,
    Last6Months,
    LastYear,
}

impl Period {
    /// All of them, shortest first.
    pub const ALL: [Period; 6] = [
        Period::LastWeek,
        Period::Last2Weeks,
        Period::LastMonth,
        Period::Last3Months,
        Period::Last6Months,
        Period::LastYear,
    ];

    /// Reads a name exactly as the contract writes it; anything else is 22023 with all six in the hint.
    pub fn parse(text: &str) -> Result<Period> {
        Period::ALL.into_iter().find(|period| period.name() == text).ok_or_else(|| {
            Error::invalid(format!("unknown period {}", shown(text)))
                .hint(format!("Known periods: {}.", listed(Period::ALL.map(Period::name))))
        })
    }

    /// The name in the contract.
    pub fn name(self) -> &'static str {
        match self {
            Period::LastWeek => "last_week",
            Period::Last2Weeks => "last_2_weeks",
            Period::LastMonth => "last_month",
            Period::Last3Months => "last_3_months",
            Period::Last6Months => "last_6_months",
            Period::LastYear => "last_year",
        }
    }

    /// How far it reaches back, as the server's interval type reads it.
    pub fn interval(self) -> &'static str {
        match self {
            Period::LastWeek => "7 days",
            Period::Last2Weeks => "14 days",
            Period::LastMonth => "1 month",
            Period::Last3Months => "3 months",
            Period::Last6Months => "6 months",
            Period::LastYear => "1 year",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_back() {
        for period in Period::ALL {
            assert_eq!(Period::parse(period.name()), Ok(period));
        }
        assert_eq!(Period::LastYear.interval(), "1 year");
        assert_eq!(Period::Last2Weeks.interval(), "14 days");
    }

    #[test]
    fn unknown_names_all_six() {
        for text in ["", "last_decade", "Last_Week", " last_week"] {
            let error = Period::parse(text).unwrap_err();
            assert_eq!(error.kind.sqlstate(), "22023");
            let hint = error.hint.unwrap();
            for period in Period::ALL {
                assert!(hint.contains(period.name()), "{hint}");
            }
        }
    }
}
