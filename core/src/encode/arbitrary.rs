//! For tests: any cell that the server could give.

use proptest::prelude::*;

use super::Cell;

fn text_of(pattern: &'static str) -> impl Strategy<Value = &'static str> {
    pattern.prop_map(|text| &*text.leak())
}

/// Any cell, whatever the column; texts live as long as the test does.
pub fn cell() -> impl Strategy<Value = Cell<'static>> {
    let simple = prop_oneof![
        Just(Cell::Null),
        any::<bool>().prop_map(Cell::Bool),
        any::<i64>().prop_map(Cell::Int),
        (-9_999_i64..9_999).prop_map(Cell::Int),
        any::<f64>().prop_map(Cell::Float),
        (-1e6..1e6).prop_map(Cell::Float),
        prop_oneof![Just(f64::NAN), Just(f64::INFINITY), Just(-0.0), Just(1e15), Just(-1e15)]
            .prop_map(Cell::Float),
        text_of("-?[0-9]{1,20}(\\.[0-9]{1,33})?").prop_map(Cell::Numeric),
        text_of("NaN|-?Infinity|-?0\\.0{0,9}[0-9]{1,4}").prop_map(Cell::Numeric),
        text_of("(_x00|_x|_|[0-9A-Fa-f]|[ \\t\\n\\r&<>\"']|\\PC|[\\x00-\\x1F]|\u{FFFE}|\u{F8FF}){0,14}")
            .prop_map(Cell::text),
        text_of("\\PC{30,200}").prop_map(Cell::text),
        text_of("\\{\"[a-z<&]{0,5}\": -?(0|[1-9][0-9]{0,19})\\}").prop_map(Cell::Json),
        any::<i32>().prop_map(Cell::Date),
        (-40_000..3_000_000).prop_map(Cell::Date),
        any::<i64>().prop_map(Cell::Timestamp),
        (0..900_000_000_000_000_i64).prop_map(Cell::Timestamp),
        (0..900_000_000_000_000_i64).prop_map(|utc| Cell::Instant { utc, local: utc + 3_600_000_000 }),
    ];
    simple.prop_recursive(2, 8, 4, |inner| {
        prop::collection::vec(inner, 0..4).prop_map(|items| Cell::List(items.leak()))
    })
}
