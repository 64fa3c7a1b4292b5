use ::csv::{Reader, ReaderBuilder};
use proptest::prelude::*;
use serde_json::{json, Value};

use super::*;
use crate::encode::fixture::{self, column};
use crate::encode::{encoder, Format, Kind as ColumnKind, Options};

#[path = "csv_library_tests.rs"]
mod library_tests;

fn csv(options: Value, columns: usize, rows: &[&[Cell<'_>]]) -> (String, Tally) {
    let options = Options::parse(Format::Csv, &options).unwrap();
    let columns: Vec<Column> =
        (0..columns).map(|n| column(&format!("c{n}"), &format!("C{n}"), ColumnKind::Text)).collect();
    let encoder = encoder(Format::Csv, &options, &columns, fixture::setup()).unwrap();
    let (out, tally) = fixture::rows(encoder, rows);
    (String::from_utf8(out).unwrap(), tally)
}

#[test]
fn the_table_as_it_should_be() {
    let (out, tally) = fixture::encoded(Format::Csv, &Options::default()).unwrap();
    fixture::golden("users.csv", &out);
    assert_eq!(tally, Tally { rows: 4, guarded_cells: 1, ..Tally::default() });
    let options = json!({"delimiter": ";", "bom": true, "line_ending": "lf", "null_as": "NULL",
        "multi_value_separator": "|"});
    let (out, _) = fixture::encoded(Format::Csv, &Options::parse(Format::Csv, &options).unwrap()).unwrap();
    fixture::golden("users-excel.csv", &out);
}

#[test]
fn null_and_empty_differ() {
    let row: &[Cell<'_>] = &[Cell::Null, Cell::Text(""), Cell::Text("NULL"), Cell::List(&[])];
    assert_eq!(csv(json!({"header": false}), 4, &[row]).0, ",\"\",NULL,\"\"\r\n");
    assert_eq!(csv(json!({"header": false, "null_as": "NULL"}), 4, &[row]).0, "NULL,,\"NULL\",\r\n");
    // Not only texts can look like it.
    assert_eq!(
        csv(json!({"header": false, "null_as": "7"}), 2, &[&[Cell::Int(7), Cell::Null]]).0,
        "\"7\",7\r\n"
    );
}

#[test]
fn a_sole_null_is_no_empty_line() {
    assert_eq!(csv(json!({"header": false}), 1, &[&[Cell::Null], &[Cell::Text("")]]).0, "\"\"\r\n\"\"\r\n");
    assert_eq!(csv(json!({"header": false, "null_as": "-"}), 1, &[&[Cell::Null]]).0, "-\r\n");
}

#[test]
fn formulas_are_guarded_and_counted() {
    let rows: &[&[Cell<'_>]] = &[
        &[Cell::Text("=1+1"), Cell::Text("-42")],
        &[Cell::Text("@a,b"), Cell::Text("+33 1")],
        &[Cell::Int(-5), Cell::Numeric("-0.5")],
        &[Cell::List(&[Cell::Text("=1"), Cell::Text("b")]), Cell::Json("-1")],
        &[Cell::Date(i32::MIN), Cell::Text("\r=1")],
    ];
    let (out, tally) = csv(json!({"header": false}), 2, rows);
    let wanted = "'=1+1,-42\r\n\"'@a,b\",+33 1\r\n-5,-0.5\r\n\"'=1, b\",-1\r\n-infinity,\"'\r=1\"\r\n";
    assert_eq!((out.as_str(), tally.guarded_cells), (wanted, 4));
    let (out, tally) = csv(json!({"header": false, "formula_guard": false}), 2, rows);
    assert!(out.starts_with("=1+1,"));
    assert_eq!(tally.guarded_cells, 0);
    // Where the guard's quote is the delimiter it must not make two fields of one.
    assert_eq!(
        csv(json!({"header": false, "delimiter": "'"}), 2, &[&[Cell::Text("=1"), Cell::Int(2)]]).0,
        "\"'=1\"'2\r\n"
    );
    // A guarded text is not the one that stands for NULL.
    assert_eq!(
        csv(json!({"header": false, "null_as": "="}), 2, &[&[Cell::Text("="), Cell::Null]]).0,
        "'=,=\r\n"
    );
}

#[test]
fn labels_are_guarded_too() {
    let columns = [column("a", "=a", ColumnKind::Text), column("b", "b,\"c\"", ColumnKind::Text)];
    let encoder = encoder(Format::Csv, &Options::default(), &columns, fixture::setup()).unwrap();
    let (out, tally) = fixture::rows(encoder, &[]);
    assert_eq!(out, b"'=a,\"b,\"\"c\"\"\"\r\n");
    assert_eq!((tally.rows, tally.guarded_cells), (0, 1));
}

#[test]
fn fields_that_look_like_other_grammar_are_quoted() {
    let row: &[Cell<'_>] = &[Cell::Date(9_511), Cell::Float(1.5)];
    assert_eq!(csv(json!({"header": false, "delimiter": "-"}), 2, &[row]).0, "\"2026-01-15\"-1.5\r\n");
    assert_eq!(csv(json!({"header": false, "delimiter": "."}), 2, &[row]).0, "2026-01-15.\"1.5\"\r\n");
}

#[test]
fn a_wrong_number_of_cells_is_an_error() {
    let mut csv = Csv::new(&CsvOptions::default(), &[column("a", "A", ColumnKind::Text)]);
    assert_eq!(csv.row(&[], &mut Vec::new()).unwrap_err().kind, Kind::Internal);
}

#[test]
fn long_texts() {
    let text = "\"a\n".repeat(400_000);
    let (out, _) = csv(json!({}), 1, &[&[Cell::Text(&text)]]);
    let record = Reader::from_reader(out.as_bytes()).records().next().unwrap().unwrap();
    assert!(record == vec![text]);
}

proptest! {
    #[test]
    fn a_reader_gets_back_what_was_put(
        texts in prop::collection::vec(prop::collection::vec(any::<Option<String>>(), 3), 0..8),
        delimiter in prop::sample::select(vec![",", ";", "\t", "|", "'", "-"]),
        ending in prop::sample::select(vec!["crlf", "lf"]),
    ) {
        let rows: Vec<Vec<Cell<'_>>> = texts.iter().map(|row| {
            row.iter().map(|text| text.as_deref().map_or(Cell::Null, Cell::Text)).collect()
        }).collect();
        let rows: Vec<&[Cell<'_>]> = rows.iter().map(Vec::as_slice).collect();
        let options = json!({"delimiter": delimiter, "line_ending": ending, "formula_guard": false});
        let (out, tally) = csv(options, 3, &rows);
        let mut reader = ReaderBuilder::new().delimiter(delimiter.as_bytes()[0]).from_reader(out.as_bytes());
        let read: Vec<Vec<String>> =
            reader.records().map(|record| record.unwrap().iter().map(String::from).collect()).collect();
        let wanted: Vec<Vec<String>> =
            texts.iter().map(|row| row.iter().map(|text| text.clone().unwrap_or_default()).collect()).collect();
        prop_assert_eq!(read, wanted);
        prop_assert_eq!(tally.rows, rows.len() as u64);
    }

    #[test]
    fn no_guarded_text_begins_like_a_formula(text in "[-=+@\t\r＝＋0-9.,eE()a ]{0,6}") {
        let (out, tally) = csv(json!({"header": false}), 1, &[&[Cell::Text(&text)]]);
        let mut reader = ReaderBuilder::new().has_headers(false).from_reader(out.as_bytes());
        let read = reader.records().next().unwrap().unwrap()[0].to_string();
        if tally.guarded_cells == 1 {
            prop_assert_eq!(read, format!("'{text}"));
        } else {
            prop_assert_eq!(&read, &text);
            prop_assert!(!read.starts_with(['=', '@', '\t', '\r', '＝', '＋']));
        }
    }
}
