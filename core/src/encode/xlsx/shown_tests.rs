use super::*;

fn is(cell: Cell<'_>, identifier: bool, wanted: Shown<'_>) {
    let mut scratch = b"left over".to_vec();
    assert_eq!(shown(&cell, identifier, &Lists::default(), &mut scratch), Ok(wanted));
}

#[test]
fn whole_numbers_up_to_fifteen_digits() {
    is(Cell::Int(-42), false, Shown::Number(-42.0));
    is(Cell::Int(999_999_999_999_999), false, Shown::Number(999_999_999_999_999.0));
    is(Cell::Int(1_000_000_000_000_000), false, Shown::Text("1000000000000000"));
    is(Cell::Int(i64::MIN), false, Shown::Text("-9223372036854775808"));
    is(Cell::Int(42), true, Shown::Text("42"));
}

#[test]
fn numerics_that_excel_keeps() {
    for (digits, number, scale) in [
        ("0", 0.0, 0),
        ("12.50", 12.5, 2),
        ("-0.001", -0.001, 3),
        ("123456789012.345", 123_456_789_012.345, 3),
        ("0.000000000000000000000000000001", 1e-30, 30),
        ("1.00000000000000000000", 1.0, 20),
    ] {
        is(Cell::Numeric(digits), false, Shown::Scaled(number, scale));
        is(Cell::Numeric(digits), true, Shown::Text(digits));
        // The format shows the very text.
        assert_eq!(format!("{number:.scale$}"), digits);
    }
    let long = "9".repeat(1_000);
    for digits in ["1234567890123456", "1.234567890123456", "100000000000000000", "NaN", "-Infinity", &long] {
        is(Cell::Numeric(digits), false, Shown::Text(digits));
    }
    is(
        Cell::Numeric("0.0000000000000000000000000000001"),
        false,
        Shown::Text("0.0000000000000000000000000000001"),
    );
}

#[test]
fn floats_that_excel_has() {
    is(Cell::Float(0.1), false, Shown::Number(0.1));
    is(Cell::Float(0.0), false, Shown::Number(0.0));
    is(Cell::Float(0.1), true, Shown::Text("0.1"));
    is(Cell::Float(f64::NAN), false, Shown::Text("NaN"));
    is(Cell::Float(f64::NEG_INFINITY), false, Shown::Text("-Infinity"));
    is(Cell::Float(5e-324), false, Shown::Text("5e-324"));
    is(Cell::Float(f64::MAX), false, Shown::Text("1.7976931348623157e+308"));
}

#[test]
fn days_that_excel_counts_right() {
    is(Cell::Date(0), false, Shown::Day(36_526.0));
    is(Cell::Date(-36_465), false, Shown::Day(61.0));
    is(Cell::Date(-36_466), false, Shown::Text("1900-02-28"));
    is(Cell::Date(2_921_939), false, Shown::Day(2_958_465.0));
    is(Cell::Date(2_921_940), false, Shown::Text("+10000-01-01"));
    is(Cell::Date(i32::MIN), false, Shown::Text("-infinity"));
}

#[test]
fn moments_show_the_wall_clock() {
    is(Cell::Instant { utc: 0, local: time::DAY / 4 }, false, Shown::Moment(36_526.25));
    is(Cell::Timestamp(-time::DAY / 2), false, Shown::Moment(36_525.5));
    // The last moment of a day and of the calendar stays within its day.
    let last = |days: i64| (days + 1) * time::DAY - 1;
    is(Cell::Timestamp(last(0)), false, Shown::Moment(36_526.0 + 86_399.0 / 86_400.0));
    is(Cell::Timestamp(last(2_921_939)), false, Shown::Moment(2_958_465.0 + 86_399.0 / 86_400.0));
    is(Cell::Timestamp(last(2_921_939) + 1), false, Shown::Text("+10000-01-01 00:00:00"));
    is(Cell::Timestamp(-1), false, Shown::Moment(36_525.0 + 86_399.0 / 86_400.0));
    is(Cell::Timestamp(-40_000 * time::DAY), false, Shown::Text("1890-06-26 00:00:00"));
    is(Cell::Instant { utc: i64::MAX, local: i64::MAX }, false, Shown::Text("infinity"));
}

#[test]
fn what_is_nothing_is_blank() {
    for cell in [Cell::Null, Cell::text(""), Cell::List(&[]), Cell::List(&[Cell::Null])] {
        is(cell, false, Shown::Blank);
    }
    is(Cell::List(&[Cell::Int(1), Cell::text("a")]), false, Shown::Text("1, a"));
    is(Cell::text("=1+1"), false, Shown::Text("=1+1"));
    is(Cell::Json("{}"), false, Shown::Text("{}"));
}
