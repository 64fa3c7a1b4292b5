#![allow(clippy::unwrap_used)]

use super::*;
use proptest::prelude::*;

/// Microseconds since 2000-01-01 of a text like `2026-10-25 00:30`.
fn at(text: &str) -> i64 {
    let moment = chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap();
    moment.and_utc().timestamp_micros() - 946_684_800_000_000
}

fn shown_at(at: i64) -> String {
    let moment = chrono::DateTime::from_timestamp_micros(at + 946_684_800_000_000).unwrap();
    moment.format("%Y-%m-%d %H:%M").to_string()
}

/// Berlin in 2026 and 2027.
#[derive(Clone, Copy)]
struct Berlin;

impl WallClock for Berlin {
    fn wall_clock(self, utc: i64) -> i64 {
        let summers = [("2026-03-29 01:00", "2026-10-25 01:00"), ("2027-03-28 01:00", "2027-10-31 01:00")];
        let is_summer = summers.iter().any(|(begin, end)| (at(begin)..at(end)).contains(&utc));
        utc + if is_summer { 2 } else { 1 } * 3600 * SECOND
    }
}

#[derive(Clone, Copy)]
struct Utc;

impl WallClock for Utc {
    fn wall_clock(self, utc: i64) -> i64 {
        utc
    }
}

/// The next moments in UTC.
fn next(cron: &str, after: &str, count: usize) -> Vec<String> {
    let cron = Cron::parse(cron).unwrap();
    let mut moment = at(after);
    let step = |_| {
        moment = cron.next(moment, Berlin).unwrap();
        shown_at(moment)
    };
    (0..count).map(step).collect()
}

#[test]
fn a_time_that_does_not_exist_is_the_first_one_after_the_gap() {
    assert_eq!(next("30 2 * * *", "2027-03-27 12:00", 2), ["2027-03-28 01:00", "2027-03-29 00:30"]);
    assert_eq!(
        next("0 * * * *", "2027-03-27 23:30", 3),
        ["2027-03-28 00:00", "2027-03-28 01:00", "2027-03-28 02:00"]
    );
    assert_eq!(next("*/30 2 * * *", "2027-03-27 12:00", 1), ["2027-03-29 00:00"]);
}

#[test]
fn a_time_that_exists_twice_is_the_first_one() {
    assert_eq!(next("30 2 * * *", "2026-10-24 12:00", 2), ["2026-10-25 00:30", "2026-10-26 01:30"]);
    // From between the two.
    assert_eq!(next("30 2 * * *", "2026-10-25 00:45", 1), ["2026-10-26 01:30"]);
    assert_eq!(
        next("0 * * * *", "2026-10-24 23:30", 4),
        ["2026-10-25 00:00", "2026-10-25 01:00", "2026-10-25 02:00", "2026-10-25 03:00"]
    );
}

#[test]
fn days_are_those_of_the_zone() {
    assert_eq!(next("@daily", "2026-12-31 22:59", 2), ["2026-12-31 23:00", "2027-01-01 23:00"]);
    assert_eq!(next("0 9 * * MON", "2026-11-29 00:00", 1), ["2026-11-30 08:00"]);
    assert_eq!(next("0 0 L * *", "2026-11-01 00:00", 1), ["2026-11-29 23:00"]);
    // A day of the month or one of the week, whichever comes first.
    assert_eq!(next("0 12 1 * 5", "2026-11-29 00:00", 2), ["2026-12-01 11:00", "2026-12-04 11:00"]);
    assert_eq!(next("0 12 29 2 *", "2026-11-29 00:00", 1), ["2028-02-29 11:00"]);
}

#[test]
fn errors_name_the_field() {
    let hint = |text: &str| {
        let error = Cron::parse(text).err().unwrap_or_else(|| panic!("{text}"));
        assert_eq!(error.sqlstate(), "22023", "{text}");
        error.hint.unwrap()
    };
    for (text, field) in [
        ("60 * * * *", "minute"),
        ("*/0 * * * *", "minute"),
        ("5-1 * * * *", "minute"),
        ("-1 * * * *", "minute"),
        ("H * * * *", "minute"),
        ("0 24 * * *", "hour"),
        ("0 0 0 * *", "day of month"),
        ("0 0 32 * *", "day of month"),
        ("0 0 * 13 *", "month"),
        ("0 0 * * 8", "day of week"),
        ("0 0 * * \u{1f4a5}", "day of week"),
    ] {
        assert!(hint(text).contains(&format!("Field {field} ")), "{text}: {}", hint(text));
    }
    for text in ["", " ", "* * * *", "* * * * * *", "0 0 1 1 * 2030", "every day"] {
        assert!(hint(text).contains("five fields"), "{text}");
    }
    for text in ["@reboot", "@every 1s", "@"] {
        assert!(hint(text).contains("@daily"), "{text}");
    }
    assert!(hint(&"1,".repeat(200)).contains("200"));
    assert_eq!(Cron::parse("0 0 30 2 *").unwrap().next(0, Utc), None);
    assert!(NAMES.iter().all(|name| Cron::parse(name).is_ok()));
}

proptest! {
    #[test]
    fn nothing_makes_it_panic(text in "[-0-9*/,#@LW?+ a-z]{0,30}", after in 0i64..1_000_000_000_000_000) {
        if let Ok(cron) = Cron::parse(&text) {
            prop_assert!(cron.next(after, Berlin).is_none_or(|at| at > after && at % (60 * SECOND) == 0));
        }
    }

    #[test]
    fn each_minute_comes_a_minute_later(after in at("2026-01-01 00:00")..at("2027-12-31 00:00")) {
        let found = Cron::parse("* * * * *").unwrap().next(after, Berlin).unwrap();
        prop_assert!(found > after && found <= after + 60 * SECOND);
    }
}
