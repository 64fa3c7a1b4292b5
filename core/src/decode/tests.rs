use super::normal::Clock;
use super::*;
use crate::encode::fixture::{self, column, MOMENT};
use crate::encode::{encoder, Setup};
use crate::value::{text as plain, Cell, Column, Kind as CellKind};
use proptest::prelude::*;
use serde_json::{json, Value};
use std::io::{Cursor, Write};

const HOUR: i64 = 3_600_000_000;

/// Formats and options of which each file has to read back as all others.
fn ways() -> Vec<(Format, Options)> {
    let parse = |format: Format, options: Value| (format, Options::parse(format, &options).unwrap());
    vec![
        parse(Format::Csv, json!({})),
        parse(
            Format::Csv,
            json!({"delimiter": ";", "bom": true, "header": false, "null_as": "NULL", "line_ending": "lf",
            "formula_guard": false, "multi_value_separator": "|", "compression": "gzip"}),
        ),
        parse(Format::Ndjson, json!({})),
        parse(Format::Json, json!({"compression": "gzip"})),
        parse(Format::Xlsx, json!({})),
        parse(Format::Xlsx, json!({"compact": true, "info_sheet": false})),
    ]
}

/// The clock of the zone of which the cells' local times are.
fn clock() -> Clock {
    Box::new(|utc| if utc == i64::MAX || utc == i64::MIN { utc } else { utc + HOUR })
}

/// The bytes of a file, as the spool would keep them.
fn file(format: Format, options: &Options, columns: &[Column], rows: &[Vec<Cell<'_>>]) -> Vec<u8> {
    let setup = Setup {
        title: "Users".into(),
        time_zone: "Etc/GMT-1".into(),
        references: Vec::new(),
        ..Setup::default()
    };
    let mut encoder = encoder(format, options, columns, setup).unwrap();
    let mut out = Vec::new();
    encoder.begin(&mut out).unwrap();
    rows.iter().for_each(|cells| encoder.row(cells, &mut out).unwrap());
    encoder.finish(&fixture::info(), &mut out).unwrap();
    if options.compression.is_none() {
        return out;
    }
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&out).unwrap();
    gzip.finish().unwrap()
}

fn decoded(format: Format, options: &Options, columns: &[Column], bytes: Vec<u8>) -> Vec<Row> {
    let shape = Shape::new(columns, vec![0], 1);
    let mut decoder = rows(format, options, &shape, Cursor::new(bytes)).unwrap();
    let (mut all, mut row) = (Vec::new(), Row::new());
    while decoder.next(&mut row).unwrap() {
        all.push(row.clone());
    }
    all
}

fn normal(mut rows: Vec<Row>, columns: &[Column], pair: &[Look<'_>; 2]) -> Vec<Row> {
    let mut normal = Normal::new(pair, clock());
    for row in &mut rows {
        for (value, column) in row.iter_mut().zip(columns) {
            normal.apply(column.kind, value).unwrap();
        }
    }
    rows
}

/// All pairs of files of these rows are alike.
fn alike(columns: &[Column], cells: &[Vec<Cell<'_>>]) {
    let ways = ways();
    let files: Vec<Vec<Row>> = ways
        .iter()
        .map(|(format, options)| decoded(*format, options, columns, file(*format, options, columns, cells)))
        .collect();
    for (one, a) in files.iter().zip(&ways) {
        assert_eq!(one.len(), cells.len(), "{a:?}");
        for (other, b) in files.iter().zip(&ways) {
            let pair =
                [a, b].map(|(format, options)| Look { format: *format, options, columns: columns.len() });
            let [one, other] = [one, other].map(|rows| normal(rows.clone(), columns, &pair));
            assert_eq!(one, other, "{a:?} and {b:?}");
        }
    }
}

#[test]
fn values_of_every_kind_are_alike_in_all_formats() {
    let columns = fixture::columns();
    let mut compared = 0;
    fixture::each_row(|cells| {
        alike(&columns, &[cells.to_vec()]);
        compared += 1;
    });
    assert_eq!(compared, 4);
}

/// The text that a csv shows is the text that is read, in files that distinguish NULL from an empty text.
#[test]
fn text_files_give_the_plain_text() {
    let columns = fixture::columns();
    fixture::each_row(|cells| {
        let wanted: Row = cells
            .iter()
            .map(|cell| {
                let mut out = Vec::new();
                plain::plain(cell, &mut out).unwrap();
                (*cell != Cell::Null).then(|| String::from_utf8(out).unwrap())
            })
            .collect();
        let options = Options::parse(Format::Csv, &json!({"formula_guard": false})).unwrap();
        let bytes = file(Format::Csv, &options, &columns, &[cells.to_vec()]);
        assert_eq!(decoded(Format::Csv, &options, &columns, bytes), [wanted]);
    });
}

#[test]
fn files_without_rows() {
    alike(&fixture::columns(), &[]);
    alike(&[column("id", "Id", CellKind::Text)], &[]);
}

/// A csv of one column has no NULL.
#[test]
fn one_column() {
    let cells = [Cell::text("a"), Cell::text(""), Cell::Null, Cell::text("NULL")];
    let rows: Vec<Vec<Cell<'_>>> = cells.iter().map(|cell| vec![*cell]).collect();
    let columns = [column("id", "Id", CellKind::Text)];
    let options = Options::default();
    let pair = [Format::Csv, Format::Ndjson].map(|format| Look { format, options: &options, columns: 1 });
    let [csv, ndjson] = [Format::Csv, Format::Ndjson].map(|format| {
        let rows = decoded(format, &options, &columns, file(format, &options, &columns, &rows));
        normal(rows, &columns, &pair)
    });
    assert_eq!(csv, ndjson);
    let text = |text: &str| vec![Some(text.to_owned())];
    assert_eq!(csv, [text("a"), vec![None], vec![None], text("NULL")]);
}

/// More rows than one block of XML holds, and cells of the sheet's own escapes.
#[test]
fn many_rows_of_odd_texts() {
    let columns = [column("id", "Id", CellKind::Int), column("a", "A", CellKind::Text)];
    let texts =
        ["_x0041_", "_x005F_", "a\r\nb", "<&>\"'", " x ", "\u{1}", "'=1", "=1", "_x000D_\r", "_x", "é😀"];
    let long = "x&".repeat(20_000);
    let cells: Vec<Vec<Cell<'_>>> = (0..5_000)
        .map(|id| vec![Cell::Int(id), Cell::text(texts[id as usize % texts.len()])])
        .chain([vec![Cell::Int(5_000), Cell::text(&long)]])
        .collect();
    alike(&columns, &cells);
}

#[test]
fn what_is_no_such_file_is_refused() {
    let columns = fixture::columns();
    let shape = Shape::new(&columns, vec![0], 1);
    let options = Options::default();
    for (format, bytes) in [
        (Format::Xlsx, &b"PK"[..]),
        (Format::Csv, b"a,b\n\"1"),
        (Format::Csv, b"a,b\n1,2\n"),
        (Format::Ndjson, b"{\"user_id\": 1}\n"),
        (Format::Ndjson, b"S3CR3T\n"),
    ] {
        let mut row = Row::new();
        let outcome =
            rows(format, &options, &shape, Cursor::new(bytes)).and_then(|mut rows| rows.next(&mut row));
        let error = outcome.unwrap_err();
        assert_eq!(error.kind, Kind::Internal, "{format:?}");
        assert!(!error.message.contains("S3CR3T"));
    }
}

/// An error of the source, a cancel request for one, comes out as it went in.
#[test]
fn errors_of_the_source_pass() {
    struct Failing;
    impl Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other(Error::new(Kind::QueryCanceled, "stopped")))
        }
    }
    impl Seek for Failing {
        fn seek(&mut self, _: std::io::SeekFrom) -> std::io::Result<u64> {
            Ok(1_000)
        }
    }
    let shape = Shape::new(&fixture::columns(), vec![0], 1);
    for (format, options) in ways() {
        let outcome = rows(format, &options, &shape, Failing).and_then(|mut rows| rows.next(&mut Row::new()));
        assert_eq!(outcome.unwrap_err().kind, Kind::QueryCanceled, "{format:?}");
    }
}

fn numeric() -> impl Strategy<Value = String> {
    prop_oneof![
        "-?[1-9][0-9]{0,20}(\\.[0-9]{1,20})?",
        "-?0\\.[0-9]{1,12}",
        Just("NaN".to_owned()),
        "[1-9][0-9]{999}"
    ]
}

/// A text that begins as a document does is guarded as a text.
#[test]
fn formulas_behind_brackets_are_alike() {
    let columns = [column("id", "Id", CellKind::Int), column("any", "Any", CellKind::Mixed)];
    let document = json!({ "a": "=1", "b": "x|=2;=3" }).to_string();
    for cell in [Cell::text("{|="), Cell::text("[a;=1"), Cell::text("{\"a\":\t=1"), Cell::Json(&document)] {
        alike(&columns, &[vec![Cell::Int(1), cell]]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_values_are_alike_in_all_formats(
        int in any::<i64>(),
        float in prop_oneof![any::<f64>(), (-1_000_000i64..1_000_000).prop_map(|n| n as f64 / 100.0)],
        digits in numeric(),
        flag in any::<bool>(),
        // From before 1900, where a sheet has no days, to beyond 9999.
        day in -80_000i32..3_000_000,
        seconds in -6_000_000_000i64..252_000_000_000,
        micros in 0i64..1_000_000,
        text in any::<String>(),
        odd in "['=+@\"\\\\,;|\r\n\t x_0-9A-F]{0,20}",
        words in prop::collection::vec("[a-z =\"]{1,8}", 0..4),
    ) {
        let columns = [
            column("id", "Id", CellKind::Int),
            column("float", "Float", CellKind::Float),
            column("digits", "Digits", CellKind::Numeric),
            column("flag", "Flag", CellKind::Bool),
            column("day", "Day", CellKind::Date),
            column("stamp", "Stamp", CellKind::Timestamp),
            column("instant", "Instant", CellKind::Instant),
            column("text", "Text", CellKind::Text),
            column("odd", "Odd", CellKind::Text),
            column("doc", "Doc", CellKind::Json),
            column("list", "List", CellKind::List),
            column("mixed_digits", "1", CellKind::Mixed),
            column("mixed_text", "2", CellKind::Mixed),
            column("mixed_odd", "3", CellKind::Mixed),
            column("mixed_doc", "4", CellKind::Mixed),
            column("mixed_list", "5", CellKind::Mixed),
            column("mixed_flag", "6", CellKind::Mixed),
        ];
        let doc = json!({ "a": text, "b": [int, null, flag], "c": words }).to_string();
        let items: Vec<Cell<'_>> = words.iter().map(|word| Cell::text(word)).chain([Cell::Null, Cell::Int(int)]).collect();
        let utc = MOMENT + seconds * 1_000_000 + micros;
        let cells = vec![
            Cell::Int(int), Cell::Float(float), Cell::Numeric(&digits), Cell::Bool(flag), Cell::Date(day), Cell::Timestamp(utc),
            Cell::Instant { utc, local: utc + HOUR }, Cell::text(&text), Cell::text(&odd), Cell::Json(&doc), Cell::List(&items),
            Cell::Numeric(&digits), Cell::text(&text), Cell::text(&odd), Cell::Json(&doc), Cell::List(&items), Cell::Bool(flag),
        ];
        alike(&columns, &[cells]);
    }
}
