use proptest::prelude::*;
use serde_json::{json, Value};

use super::*;
use crate::encode::fixture::{self, column};
use crate::encode::{encoder, Format, Kind as ColumnKind, Options};

#[path = "json_library_tests.rs"]
mod library_tests;

fn paths(paths: &[(&str, Option<&str>)]) -> Vec<Column> {
    let with_path = |(name, path): &(&str, Option<&str>)| Column {
        json_path: path.map(String::from),
        ..column(name, "Label", ColumnKind::Text)
    };
    paths.iter().map(with_path).collect()
}

fn ndjson(columns: &[Column], rows: &[&[Cell<'_>]]) -> String {
    let encoder = encoder(Format::Ndjson, &Options::default(), columns, fixture::setup()).unwrap();
    String::from_utf8(fixture::rows(encoder, rows).0).unwrap()
}

fn one(cell: Cell<'_>) -> String {
    let line = ndjson(&paths(&[("v", None)]), &[&[cell]]);
    assert_eq!(line.matches('\n').count(), 1);
    line.strip_prefix("{\"v\":").unwrap().strip_suffix("}\n").unwrap().to_string()
}

#[test]
fn the_table_as_it_should_be() {
    let (lines, tally) = fixture::encoded(Format::Ndjson, &Options::default()).unwrap();
    fixture::golden("users.ndjson", &lines);
    assert_eq!(tally, Tally { rows: 4, ..Tally::default() });
    let (array, _) = fixture::encoded(Format::Json, &Options::default()).unwrap();
    fixture::golden("users.json", &array);
    // Both say the same.
    let lines: Vec<Value> = lines
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect();
    assert_eq!(serde_json::from_slice::<Value>(&array).unwrap(), Value::Array(lines));
}

#[test]
fn no_rows() {
    for (format, wanted) in [(Format::Ndjson, &b""[..]), (Format::Json, b"[]\n")] {
        let encoder = encoder(format, &Options::default(), &fixture::columns(), fixture::setup()).unwrap();
        assert_eq!(fixture::rows(encoder, &[]).0, wanted);
    }
}

#[test]
fn paths_nest_in_the_order_of_first_appearance() {
    let columns = paths(&[
        ("a", Some("u.x.a")),
        ("b.c", None),
        ("c", Some("u.c")),
        ("d", Some("u.x.d")),
        ("\"q\"", None),
    ]);
    let row: &[Cell<'_>] = &[Cell::Int(1), Cell::Int(2), Cell::Int(3), Cell::Int(4), Cell::Null];
    let wanted = "{\"u\":{\"x\":{\"a\":1,\"d\":4},\"c\":3},\"b.c\":2,\"\\\"q\\\"\":null}\n";
    assert_eq!(ndjson(&columns, &[row]), wanted);
    assert_eq!(ndjson(&[], &[&[]]), "{}\n");
}

#[test]
fn two_columns_cannot_have_one_place() {
    for (columns, places) in [
        ([("a", Some("u")), ("b", Some("u.x"))], "\"u\" and \"u.x\""),
        ([("a", Some("u.x.y")), ("b", Some("u.x"))], "\"u.x.y\" and \"u.x\""),
        ([("a", Some("u.x")), ("b", Some("u.x"))], "\"u.x\" and \"u.x\""),
        ([("a", None), ("b", Some("a"))], "\"a\" and \"a\""),
    ] {
        let Err(error) = encoder(Format::Json, &Options::default(), &paths(&columns), fixture::setup())
        else {
            panic!()
        };
        assert_eq!(error.kind.sqlstate(), "22023");
        assert_eq!(error.message, "fields \"a\" and \"b\" have the same place in a JSON row");
        assert!(error.detail.unwrap().contains(places));
    }
    let deep = vec!["a"; 65].join(".");
    for bad in ["", ".", "a.", ".a", "a..b", deep.as_str()] {
        let columns = paths(&[("a", Some(bad))]);
        assert!(encoder(Format::Ndjson, &Options::default(), &columns, fixture::setup()).is_err(), "{bad}");
    }
}

#[test]
fn numbers_keep_their_digits() {
    let long = format!("-{}.{}", "9".repeat(1_000), "1".repeat(1_000));
    for digits in ["0", "-0.50", "1.10", "100000000000000000000", long.as_str()] {
        assert_eq!(one(Cell::Numeric(digits)), digits);
        assert_eq!(serde_json::from_str::<Value>(&one(Cell::Numeric(digits))).unwrap().to_string(), digits);
    }
    for words in ["NaN", "Infinity", "-Infinity", "", "-", "007", "1.", ".5", "1,5", "1e5"] {
        assert_eq!(one(Cell::Numeric(words)), format!("\"{words}\""));
    }
    for (value, wanted) in
        [(1.0, "1"), (-0.1, "-0.1"), (f64::NAN, "\"NaN\""), (f64::INFINITY, "\"Infinity\"")]
    {
        assert_eq!(one(Cell::Float(value)), wanted);
    }
    assert_eq!(one(Cell::Int(i64::MIN)), i64::MIN.to_string());
}

#[test]
fn moments_are_strings() {
    assert_eq!(one(Cell::Date(-746_117)), "\"-0043-03-15\"");
    assert_eq!(one(Cell::Date(i32::MIN)), "\"-infinity\"");
    assert_eq!(one(Cell::Timestamp(fixture::MOMENT)), "\"2026-01-15T10:00:00\"");
    assert_eq!(one(Cell::Instant { utc: fixture::MOMENT, local: 0 }), "\"2026-01-15T10:00:00Z\"");
}

#[test]
fn embedded_json_stays_on_one_line_and_is_not_changed() {
    for (json, wanted) in [
        ("{\"a\": 1.10, \"a\": 2}", "{\"a\": 1.10, \"a\": 2}"),
        ("{\n  \"a b\": \"c \\\" d\\\\\",\r\n\t\"e\": [1, 2]\n}", "{\"a b\":\"c \\\" d\\\\\",\"e\":[1,2]}"),
        ("\n\"\\n\"\n", "\"\\n\""),
        ("12345678901234567890.10", "12345678901234567890.10"),
    ] {
        assert_eq!(one(Cell::Json(json)), wanted);
    }
}

#[test]
fn lists_nest() {
    let inner = [Cell::Null, Cell::text("a\"b")];
    let outer = [Cell::List(&inner), Cell::List(&[]), Cell::Bool(true), Cell::Json("{}")];
    assert_eq!(one(Cell::List(&outer)), "[[null,\"a\\\"b\"],[],true,{}]");
}

#[test]
fn a_wrong_number_of_cells_is_an_error() {
    let mut ndjson = Ndjson::new(TextForm::default(), &paths(&[("a", None)]), &[]).unwrap();
    assert!(ndjson.row(&[], &mut Vec::new()).is_err());
}

/// Any JSON document.
fn document() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn every_line_parses_to_what_was_put(text in any::<String>(), int in any::<i64>(), float in any::<f64>(),
        numeric in "-?[1-9][0-9]{0,40}(\\.[0-9]{1,40})?", json in document(), key in any::<String>()) {
        let pretty = serde_json::to_string_pretty(&json).unwrap();
        let columns = paths(&[("t", Some("a.t")), ("i", None), ("f", None), ("n", Some("a.n")), ("j", None)]);
        let list = [Cell::text(&text), Cell::Null];
        let number: Value = serde_json::from_str(&numeric).unwrap();
        let numeric = Cell::Numeric(&numeric);
        let row = [Cell::text(&text), Cell::Int(int), Cell::Float(float), numeric, Cell::Json(&pretty)];
        let line = ndjson(&columns, &[&row]);
        prop_assert_eq!(line.matches('\n').count(), 1);
        prop_assert!(!line.contains('\r'));
        let mut read: Value = serde_json::from_str(&line).unwrap();
        if float.is_finite() {
            prop_assert_eq!(read["f"].as_f64(), Some(float));
        }
        read.as_object_mut().unwrap().remove("f");
        prop_assert_eq!(read, json!({"a": {"t": text, "n": number}, "i": int, "j": json}));
        let line = ndjson(&paths(&[(&key, None)]), &[&[Cell::List(&list)]]);
        let read: Value = serde_json::from_str(&line).unwrap();
        prop_assert_eq!(&read[&key], &json!([text, null]));
    }
}
