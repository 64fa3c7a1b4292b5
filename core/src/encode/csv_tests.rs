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
    let row: &[Cell<'_>] = &[Cell::Null, Cell::text(""), Cell::text("NULL"), Cell::List(&[])];
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
    assert_eq!(csv(json!({"header": false}), 1, &[&[Cell::Null], &[Cell::text("")]]).0, "\"\"\r\n\"\"\r\n");
    assert_eq!(csv(json!({"header": false, "null_as": "-"}), 1, &[&[Cell::Null]]).0, "-\r\n");
}

#[test]
fn formulas_are_guarded_and_counted() {
    let rows: &[&[Cell<'_>]] = &[
        &[Cell::text("=1+1"), Cell::text("-42")],
        &[Cell::text("@a,b"), Cell::text("+33 1")],
        &[Cell::Int(-5), Cell::Numeric("-0.5")],
        &[Cell::List(&[Cell::text("=1"), Cell::text("b")]), Cell::Json("-1")],
        &[Cell::Date(i32::MIN), Cell::text("\r=1")],
    ];
    let (out, tally) = csv(json!({"header": false}), 2, rows);
    let wanted = "'=1+1,-42\r\n\"'@a,b\",+33 1\r\n-5,-0.5\r\n\"'=1, b\",-1\r\n-infinity,\"'\r'=1\"\r\n";
    assert_eq!((out.as_str(), tally.guarded_cells), (wanted, 4));
    let (out, tally) = csv(json!({"header": false, "formula_guard": false}), 2, rows);
    assert!(out.starts_with("=1+1,"));
    assert_eq!(tally.guarded_cells, 0);
    // A guard quote that is the delimiter would make two fields of one.
    assert_eq!(
        csv(json!({"header": false, "delimiter": "'"}), 2, &[&[Cell::text("=1"), Cell::Int(2)]]).0,
        "\"'=1\"'2\r\n"
    );
    // A guarded text is not the one that stands for NULL.
    assert_eq!(
        csv(json!({"header": false, "null_as": "="}), 2, &[&[Cell::text("="), Cell::Null]]).0,
        "'=,=\r\n"
    );
}

#[test]
fn what_is_no_free_text_is_never_guarded() {
    let columns = [ColumnKind::Text, ColumnKind::List]
        .map(|kind| Column { free_text: false, ..column("a", "A", kind) });
    let encoder = encoder(Format::Csv, &Options::default(), &columns, fixture::setup()).unwrap();
    let numbers = [Cell::Int(-1), Cell::text("-$2.00")];
    let (out, tally) = fixture::rows(encoder, &[&[Cell::text("-$12.50;-x"), Cell::List(&numbers)]]);
    assert_eq!(String::from_utf8(out).unwrap(), "A,A\r\n\"-$12.50;-x\",\"-1, -$2.00\"\r\n");
    assert_eq!(tally.guarded_cells, 0);
    let dates = [Cell::Date(i32::MIN), Cell::Int(-1)];
    assert_eq!(csv(json!({"header": false}), 1, &[&[Cell::List(&dates)]]).0, "\"-infinity, -1\"\r\n");
}

/// A text is one field whatever separates, and no formula begins behind a separator.
#[test]
fn fields_with_other_separators_are_quoted_and_guarded_behind_them() {
    let row: &[Cell<'_>] = &[Cell::text("a;=1+1"), Cell::text("a\tb"), Cell::text("a|b"), Cell::text("a b")];
    let (out, tally) = csv(json!({"header": false}), 4, &[row]);
    assert_eq!((out.as_str(), tally.guarded_cells), ("\"a;'=1+1\",\"a\tb\",\"a|b\",a b\r\n", 1));
    let (out, _) = csv(json!({"header": false, "formula_guard": false, "delimiter": "|"}), 4, &[row]);
    assert_eq!(out, "\"a;=1+1\"|\"a\tb\"|\"a|b\"|a b\r\n");
    let document = Cell::Json(r#"{"a": "x;=1", "b": -1}"#);
    assert_eq!(
        csv(json!({"header": false}), 1, &[&[document]]).0,
        "\"{\"\"a\"\": \"\"x;'=1\"\", \"\"b\"\": -1}\"\r\n"
    );
}

/// Excel takes a file that begins with `ID` for one of SYLK, and does not open it.
#[test]
fn no_file_begins_with_id() {
    let columns = [column("id", "ID", ColumnKind::Int), column("b", "ID", ColumnKind::Text)];
    let file = |options: Value| {
        let options = Options::parse(Format::Csv, &options).unwrap();
        let encoder = encoder(Format::Csv, &options, &columns, fixture::setup()).unwrap();
        let (out, _) = fixture::rows(
            encoder,
            &[&[Cell::text("ID1"), Cell::text("ID2")], &[Cell::text("ID3"), Cell::Null]],
        );
        String::from_utf8(out).unwrap()
    };
    assert_eq!(file(json!({})), "\"ID\",ID\r\nID1,ID2\r\nID3,\r\n");
    assert_eq!(file(json!({"header": false})), "\"ID1\",ID2\r\nID3,\r\n");
    assert_eq!(file(json!({"bom": true})), "\u{feff}ID,ID\r\nID1,ID2\r\nID3,\r\n");
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
    let (out, _) = csv(json!({}), 1, &[&[Cell::text(&text)]]);
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
            row.iter().map(|text| text.as_deref().map_or(Cell::Null, Cell::text)).collect()
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
    fn no_guarded_text_begins_like_a_formula(text in "[-=+@\t\r;|＝＋0-9.,eE()a ]{0,6}") {
        let (out, tally) = csv(json!({"header": false}), 1, &[&[Cell::text(&text)]]);
        let mut reader = ReaderBuilder::new().has_headers(false).from_reader(out.as_bytes());
        let read = reader.records().next().unwrap().unwrap()[0].to_string();
        prop_assert_eq!(tally.guarded_cells == 1, read != text);
        prop_assert_eq!(formula::unguarded(&read, Form::Plain, b','), &text[..]);
        prop_assert!(!read.starts_with(['=', '@', '\t', '\r', '＝', '＋']));
    }
}
