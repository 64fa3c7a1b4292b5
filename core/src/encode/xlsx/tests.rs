use std::io::{self, Cursor, Read};

use calamine::{Data, Reader, Xlsx as Workbook};
use proptest::prelude::*;

use super::*;
use crate::encode::fixture::{self, column};
use crate::encode::{encoder, Format, Kind as ColumnKind, Options};

#[path = "library_tests.rs"]
mod library_tests;
#[path = "stream_tests.rs"]
mod stream_tests;
#[path = "tables_tests.rs"]
mod tables_tests;

type Book = Workbook<Cursor<Vec<u8>>>;

fn open(bytes: &[u8]) -> Book {
    Book::new(Cursor::new(bytes.to_vec())).unwrap()
}

fn text_columns(count: usize) -> Vec<Column> {
    (0..count).map(|n| column(&format!("c{n}"), &format!("C{n}"), ColumnKind::Text)).collect()
}

fn workbook(columns: &[Column], rows: &[&[Cell<'_>]]) -> (Vec<u8>, Tally) {
    let encoder = encoder(Format::Xlsx, &Options::default(), columns, fixture::setup()).unwrap();
    fixture::rows(encoder, rows)
}

/// A part of the package.
fn part(bytes: &[u8], name: &str) -> String {
    let mut archive = ::zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    let mut text = String::new();
    archive.by_name(name).unwrap().read_to_string(&mut text).unwrap();
    text
}

/// The text of a cell of the first sheet; `row` counts from the header.
fn text(book: &mut Book, row: u32, column: u32) -> String {
    let range = book.worksheet_range_at(0).unwrap().unwrap();
    match range.get_value((row, column)) {
        None | Some(Data::Empty) => String::new(),
        Some(Data::String(text)) => text.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_table_as_it_should_be() {
    let (bytes, tally) = fixture::encoded(Format::Xlsx, &Options::default()).unwrap();
    let wanted = Tally { rows: 4, sheets: 1, replaced_characters: 1, ..Tally::default() };
    assert_eq!(tally, wanted);
    for (name, golden) in [
        ("xl/worksheets/sheet1.xml", "users-sheet.xml"),
        ("xl/worksheets/sheet2.xml", "users-info.xml"),
        ("xl/styles.xml", "users-styles.xml"),
        ("docProps/core.xml", "users-core.xml"),
    ] {
        fixture::golden(golden, part(&bytes, name).as_bytes());
    }
}

#[test]
fn no_formula_no_link_no_string_table() {
    let (bytes, _) = fixture::encoded(Format::Xlsx, &Options::default()).unwrap();
    let sheet = part(&bytes, "xl/worksheets/sheet1.xml");
    assert!(!sheet.contains("<f>") && !sheet.contains("hyperlink"));
    let archive = ::zip::ZipArchive::new(Cursor::new(&bytes[..])).unwrap();
    let mut names = archive.file_names().map(|name| name.unwrap());
    assert!(!names.any(|name| name.contains("sharedStrings") || name.contains("_rels/sheet")));
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let first = fixture::encoded(Format::Xlsx, &Options::default()).unwrap();
    assert!(first == fixture::encoded(Format::Xlsx, &Options::default()).unwrap());
    // Not because it was the same second: the parts bear no time of the clock, only zip's first day.
    let mut archive = ::zip::ZipArchive::new(Cursor::new(&first.0[..])).unwrap();
    for index in 0..archive.len() {
        let made = archive.by_index(index).unwrap().last_modified();
        assert!(made.is_none_or(|made| made.year() == 1980), "{made:?}");
    }
}

#[test]
fn typed_cells_are_read_back() {
    let (bytes, _) = fixture::encoded(Format::Xlsx, &Options::default()).unwrap();
    let mut book = open(&bytes);
    assert_eq!(book.sheet_names(), ["Users", "Export info"]);
    let range = book.worksheet_range("Users").unwrap();
    let cell = |row, column| range.get_value((row, column)).cloned().unwrap_or_default();
    assert_eq!(cell(0, 1), Data::String("Email address".into()));
    assert_eq!(cell(1, 0), Data::String("7301".into()));
    assert_eq!(cell(1, 2), Data::String("+33 1 23 45 67 89".into()));
    assert_eq!(cell(1, 3), Data::Bool(true));
    assert_eq!(cell(1, 4), Data::Float(42.0));
    assert_eq!(cell(1, 6), Data::Float(1250.5));
    let Data::DateTime(born) = cell(1, 7) else { panic!() };
    assert_eq!(born.to_ymd_hms_milli(), (1980, 1, 1, 0, 0, 0, 0));
    let Data::DateTime(login) = cell(1, 8) else { panic!() };
    assert_eq!(login.to_ymd_hms_milli(), (2026, 1, 15, 11, 0, 0, 0));
    assert_eq!(cell(1, 11), Data::String("France, Spain".into()));
    assert_eq!(cell(2, 1), Data::String("=HYPERLINK(\"x\")\r\n\u{FFFD}_x0041_ 😀".into()));
    assert_eq!(cell(2, 2), Data::String("0033123".into()));
    assert_eq!(cell(2, 4), Data::String("-1234567890123456".into()));
    assert_eq!(cell(2, 5), Data::String("NaN".into()));
    assert_eq!(cell(2, 6), Data::String("123456789012345678.90".into()));
    assert_eq!(cell(2, 8), Data::String("infinity".into()));
    assert_eq!(cell(3, 1), Data::Empty);
    let info = book.worksheet_range("Export info").unwrap();
    let rows: Vec<String> = info.rows().map(|row| format!("{}={}", row[0], row[1])).collect();
    let wanted = [
        "Job=6f1c0d1e",
        "Dataset=users",
        "Rows=4",
        "Time zone=Europe/Paris",
        "Sheets=1",
        "Truncated cells=0",
        "Replaced characters=1",
        "Guarded cells=0",
    ];
    assert_eq!(rows, wanted);
}

#[test]
fn hostile_texts_never_break_the_file() {
    let long = "é😀".repeat(20_000);
    let megabyte = "<&\">".repeat(250_000);
    let texts = [
        "_x0041_",
        "_x0041\r",
        "_x005F_x0041_",
        "_x0041_x0042_",
        "\r",
        "\r\n",
        " lead and trail ",
        "\n\t",
        "]]>",
        "<c r=\"A1\"/>",
        "&amp;",
        "\u{0}\u{FFFF}",
        "=1+1",
        "http://example.com",
        "007",
        "\u{7F}\u{85}\u{2028}",
        "<r>rich</r>",
        "'",
        "{=SUM(1)}",
        long.as_str(),
        megabyte.as_str(),
    ];
    let cells: Vec<[Cell<'_>; 1]> = texts.iter().map(|text| [Cell::text(text)]).collect();
    let rows: Vec<&[Cell<'_>]> = cells.iter().map(|row| &row[..]).collect();
    let (bytes, tally) = workbook(&text_columns(1), &rows);
    assert_eq!((tally.rows, tally.truncated_cells, tally.replaced_characters), (texts.len() as u64, 2, 3));
    let mut book = open(&bytes);
    for (row, sent) in (1..).zip(texts) {
        let wanted = text::clean(sent, &mut Counts::default());
        assert!(text(&mut book, row, 0) == wanted, "{:?}", sent.get(..20.min(sent.len())));
    }
}

#[test]
fn full_sheets_are_followed_by_others() {
    let mut xlsx = Xlsx::new(&XlsxOptions::default(), &text_columns(2), fixture::setup()).unwrap();
    xlsx.max_rows = 3;
    let texts: Vec<String> = (0..7).map(|n| n.to_string()).collect();
    let cells: Vec<[Cell<'_>; 2]> = texts.iter().map(|text| [Cell::text(text), Cell::Null]).collect();
    let rows: Vec<&[Cell<'_>]> = cells.iter().map(|row| &row[..]).collect();
    let (bytes, tally) = fixture::rows(Box::new(xlsx), &rows);
    assert_eq!((tally.rows, tally.sheets), (7, 3));
    let mut book = open(&bytes);
    assert_eq!(book.sheet_names(), ["Users", "Users (2)", "Users (3)", "Export info"]);
    for (name, count) in [("Users", 3), ("Users (2)", 3), ("Users (3)", 1)] {
        let range = book.worksheet_range(name).unwrap();
        assert_eq!(range.height(), count + 1);
        assert_eq!(range.get_value((0, 1)), Some(&Data::String("C1".into())));
    }
    for (sheet, filter) in [(1, "A1:B4"), (3, "A1:B2")] {
        let sheet = part(&bytes, &format!("xl/worksheets/sheet{sheet}.xml"));
        assert!(sheet.contains(&format!("<autoFilter ref=\"{filter}\"/>")));
        assert!(sheet.contains("state=\"frozen\"") && sheet.contains("<cols>"));
    }
    // Not one sheet more where the last is just full.
    let mut xlsx = Xlsx::new(&XlsxOptions::default(), &text_columns(2), fixture::setup()).unwrap();
    xlsx.max_rows = 7;
    assert_eq!(fixture::rows(Box::new(xlsx), &rows).1.sheets, 1);
}

#[test]
fn an_empty_table_has_its_header() {
    let (bytes, tally) = workbook(&text_columns(2), &[]);
    assert_eq!((tally.rows, tally.sheets), (0, 1));
    assert_eq!(text(&mut open(&bytes), 0, 1), "C1");
    assert!(part(&bytes, "xl/worksheets/sheet1.xml").contains("<autoFilter ref=\"A1:B1\"/>"));
    let (bytes, _) = workbook(&[], &[&[]]);
    assert_eq!(open(&bytes).sheet_names().len(), 2);
}

#[test]
fn equal_labels_bad_titles_and_no_info_sheet() {
    let columns = [column("a", "Name", ColumnKind::Text), column("b", "Name", ColumnKind::Text)];
    let setup = Setup { title: "'export info".into(), ..fixture::setup() };
    let options =
        Options::parse(Format::Xlsx, &serde_json::json!({"info_sheet": false, "compact": true})).unwrap();
    let encoder = encoder(Format::Xlsx, &options, &columns, setup).unwrap();
    let (bytes, _) = fixture::rows(encoder, &[]);
    assert_eq!(open(&bytes).sheet_names(), ["export info data"]);
}

#[test]
fn limits_and_misuse_are_errors() {
    let error = encoder(Format::Xlsx, &Options::default(), &text_columns(16_385), fixture::setup());
    assert_eq!(error.map(|_| ()).unwrap_err().kind.sqlstate(), "54000");
    let mut xlsx = Xlsx::new(&XlsxOptions::default(), &text_columns(1), fixture::setup()).unwrap();
    assert_eq!(xlsx.row(&[Cell::Null], &mut Vec::new()).unwrap_err().kind, Kind::Internal);
    assert_eq!(xlsx.row(&[], &mut Vec::new()).unwrap_err().kind, Kind::Internal);
    let error = Box::new(xlsx).finish(&fixture::info(), &mut Vec::new()).unwrap_err();
    assert_eq!(error.kind, Kind::Internal);
}

/// A writer that fails after so many bytes.
struct Failing(usize, fn() -> io::Error);

impl Write for Failing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or_else(self.1)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_failing_writer_is_an_error_and_no_panic() {
    let full = || io::Error::from_raw_os_error(28);
    let cancelled =
        || io::Error::other(Error::new(Kind::QueryCanceled, "canceling statement due to user request"));
    for (after, fail, wanted) in [
        (0, full as fn() -> io::Error, Kind::DiskFull),
        (1_000, full, Kind::DiskFull),
        (4_000, full, Kind::DiskFull),
        (3_000, || io::Error::from_raw_os_error(5), Kind::Io),
        (100, cancelled, Kind::QueryCanceled),
    ] {
        let mut encoder =
            encoder(Format::Xlsx, &Options::default(), &text_columns(1), fixture::setup()).unwrap();
        encoder.begin(&mut Vec::new()).unwrap();
        encoder.row(&[Cell::text("a")], &mut Vec::new()).unwrap();
        let error = encoder.finish(&fixture::info(), &mut Failing(after, fail)).unwrap_err();
        assert_eq!(error.kind, wanted);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_reader_gets_back_what_was_put(
        texts in prop::collection::vec("(_x00|[0-9A-F]|\\PC|[\\x00-\\x1F]){0,12}", 1..20),
        ints in prop::collection::vec(-999_999_999_999_999_i64..=999_999_999_999_999, 1..20),
    ) {
        let columns = [column("t", "T", ColumnKind::Text), column("i", "I", ColumnKind::Int)];
        let cells: Vec<[Cell<'_>; 2]> =
            texts.iter().zip(&ints).map(|(text, int)| [Cell::text(text), Cell::Int(*int)]).collect();
        let rows: Vec<&[Cell<'_>]> = cells.iter().map(|row| &row[..]).collect();
        let (bytes, tally) = workbook(&columns, &rows);
        let mut book = open(&bytes);
        let mut counts = Counts::default();
        for (row, (sent, int)) in (1..).zip(texts.iter().zip(&ints)) {
            prop_assert_eq!(text(&mut book, row, 0), text::clean(sent, &mut counts));
            let range = book.worksheet_range_at(0).unwrap().unwrap();
            prop_assert_eq!(range.get_value((row, 1)), Some(&Data::Float(*int as f64)));
        }
        prop_assert_eq!(tally.replaced_characters, counts.replaced_characters);
    }
}
