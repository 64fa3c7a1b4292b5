//! Our values against serde_json's, over arbitrary cells: the same text, and the same value read back.

use super::*;
use crate::encode::arbitrary::cell;
use crate::value::text;

/// The text that serde_json writes of a cell.
fn by_the_library(cell: &Cell<'_>) -> String {
    let plain = |cell: &Cell<'_>| {
        let mut plain = Vec::new();
        text::plain(cell, &mut plain).unwrap();
        String::from_utf8(plain).unwrap()
    };
    match cell {
        Cell::Null => "null".into(),
        Cell::Bool(value) => serde_json::to_string(value).unwrap(),
        Cell::Int(value) => serde_json::to_string(value).unwrap(),
        Cell::Float(value) if value.is_finite() => {
            let text = serde_json::to_string(value).unwrap();
            text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
        }
        Cell::Text(text) => serde_json::to_string(text.as_str()).unwrap(),
        // With every digit: the numbers of serde_json are texts here.
        Cell::Numeric(digits) => match serde_json::from_str::<Value>(digits) {
            Ok(number) => number.to_string(),
            Err(_) => serde_json::to_string(digits).unwrap(),
        },
        Cell::Json(json) => (*json).into(),
        Cell::List(items) => {
            format!("[{}]", items.iter().map(by_the_library).collect::<Vec<_>>().join(","))
        }
        Cell::Grid(_) => unreachable!(),
        Cell::Float(_) | Cell::Date(_) | Cell::Timestamp(_) | Cell::Instant { .. } => {
            serde_json::to_string(&plain(cell)).unwrap()
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_byte_is_the_librarys(rows in prop::collection::vec(prop::collection::vec(cell(), 3), 0..6), key in any::<String>()) {
        let key = format!("{key}x");
        let columns = paths(&[("a", Some("o.a")), (&key, None), ("b", Some("o.b"))]);
        let given: Vec<&[Cell<'_>]> = rows.iter().map(Vec::as_slice).collect();
        let line = |row: &Vec<Cell<'_>>| {
            let [a, b, c] = [&row[0], &row[1], &row[2]].map(by_the_library);
            format!("{{\"o\":{{\"a\":{a},\"b\":{c}}},{}:{b}}}", serde_json::to_string(&key).unwrap())
        };
        let lines: Vec<String> = rows.iter().map(line).collect();
        let file: String = lines.iter().map(|line| format!("{line}\n")).collect();
        prop_assert_eq!(ndjson(&columns, &given), file);
        // The array holds the same objects, and a reader takes it.
        let encoder = encoder(Format::Json, &Options::default(), &columns, fixture::setup()).unwrap();
        let array = fixture::rows(encoder, &given).0;
        let read: Vec<Value> = serde_json::from_slice(&array).unwrap();
        let wanted: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        prop_assert_eq!(read, wanted);
    }
}
