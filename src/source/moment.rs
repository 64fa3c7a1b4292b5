//! The moment of the data in an export.

use crate::pg::xact;
use crate::request::{file_stem, Stamp};
use chrono::{DateTime, Datelike, SecondsFormat, Timelike, Utc};

/// The time of the data in the files.
pub struct Moment {
    /// Microseconds since 2000-01-01 UTC.
    pub as_of: i64,
    pub utc: DateTime<Utc>,
    pub wal_position: String,
}

impl Moment {
    /// Of the snapshot that was taken just before.
    pub fn of_snapshot() -> Moment {
        Moment { wal_position: xact::wal_position(), ..Moment::at(xact::statement_time()) }
    }

    /// Microseconds since 2000-01-01 UTC.
    pub fn at(as_of: i64) -> Moment {
        const POSTGRES_EPOCH: i64 = 946_684_800_000_000;
        let utc = DateTime::from_timestamp_micros(as_of + POSTGRES_EPOCH).unwrap_or_default();
        Moment { as_of, utc, wal_position: String::new() }
    }

    pub fn in_full(&self) -> String {
        self.utc.to_rfc3339_opts(SecondsFormat::Micros, true)
    }

    /// `users-20261121-080230.csv`.
    pub fn file_name(&self, stem: &str, ending: &str) -> String {
        let stamp = Stamp {
            year: self.utc.year(),
            month: self.utc.month() as u8,
            day: self.utc.day() as u8,
            hour: self.utc.hour() as u8,
            minute: self.utc.minute() as u8,
            second: self.utc.second() as u8,
        };
        format!("{}.{ending}", file_stem(stem, &stamp))
    }
}
