use std::collections::HashMap;

use proptest::prelude::*;

use super::cell::{differs, given, held};
use super::dialect::{is_fraction, Evidence};
use super::lists::Separator;
use super::moment::{exact, iso_day, local, DayOrder, Precision};
use super::nulls::Nulls;
use super::{is_workbook, CsvFile, Scan};
use crate::encode::{self, Info, Properties, Setup};
use crate::error::{Error, Kind as ErrorKind};
use crate::filter::fixture;
use crate::import::compare::{Rule, Value};
use crate::import::rows::Row;
use crate::import::workbook::Given;
use crate::model::{Class, Field, Format, LineEnding, Options, Type};
use crate::value::{text, time, Cell, Column, Kind, Lists};

fn fields() -> Vec<Field> {
    let field = |(name, label): (&str, &str)| Field { label: label.into(), ..fixture::field(name, "text") };
    [("id", "ID"), ("name", "Name"), ("mail", "E-mail"), ("note", "=Note; of all")].map(field).to_vec()
}

fn open(file: &[u8]) -> Result<CsvFile<'_>, Error> {
    CsvFile::open(file, &fields(), || Ok(()))
}

fn every_column(width: u32) -> HashMap<u32, Option<usize>> {
    (0..width).map(|column| (column, Some(column as usize))).collect()
}

/// Rows by number, from 1, and their cells.
fn rows(file: &[u8]) -> Result<Vec<(u32, Vec<String>)>, Error> {
    let file = open(file)?;
    let width = file.width();
    file.scan(&every_column(width as u32), &vec![Kind::Text; width])?;
    let mut batches = file.batches(&every_column(width as u32), width)?;
    let mut all = Vec::new();
    loop {
        let rows = batches.read()?;
        if rows.is_empty() {
            return Ok(all);
        }
        all.extend(rows.into_iter().map(|row| (row.row + 1, texts(row))));
    }
}

fn texts(row: Row) -> Vec<String> {
    let text = |cell: Option<Given>| match cell {
        Some(Given::Text(text)) => text,
        None => String::new(),
        other => panic!("{other:?}"),
    };
    row.cells.into_iter().map(text).collect()
}

#[track_caller]
fn fails(file: &[u8], sqlstate: &str, named: &str) -> Error {
    let error = rows(file).unwrap_err();
    assert_eq!(error.sqlstate(), sqlstate, "{error:?}");
    assert!(error.message.contains(named), "{error:?}");
    assert!(error.hint.is_some(), "{error:?}");
    error
}

#[test]
fn separators_line_ends_and_marks() {
    let wanted = [
        (2, vec!["1".to_owned(), "Zoë".into(), "a,b;c\td|e".into()]),
        (3, vec!["2".into(), String::new(), "two\nlines".into()]),
    ];
    for separator in [",", ";", "\t", "|", ":", "~", "^"] {
        for end in ["\r\n", "\n", "\r"] {
            for begin in ["", "\u{feff}"] {
                for last in ["", end] {
                    let plain =
                        format!("{begin}ID,Name,E-mail{end}1,Zoë,\"a#b;c\td|e\"{end}2,,\"two\nlines\"{last}");
                    let file = plain.replace(',', separator).replace('#', ",");
                    assert_eq!(rows(file.as_bytes()).unwrap(), wanted, "{file:?}");
                }
            }
        }
    }
    // As Excel's own line says, whatever else would fit.
    for first in ["sep=;\r\n", "SEP=;\n", "\"sep=;\"\r\n", "\u{feff}sep=;\r"] {
        let file = format!("{first}ID;Name\r\n1;a,b\r\n");
        assert_eq!(rows(file.as_bytes()).unwrap(), [(2, vec!["1".into(), "a,b".into()])], "{file:?}");
    }
    assert_eq!(rows(b"ID;sep=;\n").unwrap(), []);
    // One column: no separator at all, though values have some.
    assert_eq!(rows(b"Name\na;b\nc;d;e\nf\n").unwrap().len(), 3);
    assert_eq!(rows(b"Name\na,b\nc,d\n").unwrap(), [(2, vec!["a,b".into()]), (3, vec!["c,d".into()])]);
    // Labels in quotes, with separators and guards in them.
    let file = open(b"\"ID\",\"'=Note; of all\"\n").unwrap();
    assert_eq!(file.header(), &[(0, "ID".to_owned()), (1, "=Note; of all".to_owned())]);
    assert!(file.has_known_columns() && file.delimiter() == b',');
}

/// Empty lines are rows to a spreadsheet; a value of several lines is in one row.
#[test]
fn rows_have_the_numbers_of_a_spreadsheet() {
    for end in ["\r\n", "\n", "\r"] {
        let file = "ID,Name\n1,x\n\n\n2,\"a\nb\"\n,,\n3,y\n   \n\n4,z\n\n".replace('\n', end);
        let found: Vec<u32> = rows(file.as_bytes()).unwrap().iter().map(|(row, _)| *row).collect();
        assert_eq!(found, [2, 5, 7, 10], "{end:?}");
        let file = "\n\nID,Name\n1,x\n".replace('\n', end);
        assert_eq!(rows(file.as_bytes()).unwrap()[0].0, 4, "{end:?}");
    }
}

#[test]
fn rows_that_are_not_as_long_as_the_header() {
    let file = open(b"ID,Name,,Unknown\n1\n2,b,,,\n3,c,x,y,z,\n4,d,,e\n").unwrap();
    let places = HashMap::from([(0, Some(0)), (1, Some(1)), (3, None)]);
    let Scan { rows, nameless, long, .. } = file.scan(&places, &[Kind::Text; 2]).unwrap();
    assert_eq!((rows, nameless.into_iter().collect::<Vec<_>>(), long), (4, vec![2], vec![(3, 6)]));
    let rows = file.batches(&places, 2).unwrap().read().unwrap();
    assert_eq!(rows.iter().map(|row| row.fields).collect::<Vec<_>>(), [Some(1), None, None, None]);
}

#[test]
fn batches_hold_some_rows_each() {
    let mut text = "ID,Name\n".to_owned();
    (0..100).for_each(|number| text.push_str(&format!("{number},{}\n", "x".repeat(100))));
    let file = open(text.as_bytes()).unwrap();
    let mut batches = file.batches(&every_column(2), 2).unwrap().of_text(1_000);
    let mut sizes = Vec::new();
    loop {
        let rows = batches.read().unwrap();
        if rows.is_empty() {
            break;
        }
        assert_eq!(rows[0].row as usize, sizes.iter().sum::<usize>() + 1);
        sizes.push(rows.len());
    }
    assert_eq!((sizes.iter().sum::<usize>(), sizes.len()), (100, 10));
}

#[test]
fn files_that_are_no_csv_in_utf8() {
    let utf_16 = |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_le_bytes).collect() };
    let text = "ID,Name\n1,Zoë\n";
    fails(&[&[0xFF, 0xFE], &utf_16(text)[..]].concat(), "22023", "not in UTF-8");
    let error = fails(&utf_16(text), "22023", "not in UTF-8");
    assert!(error.detail.unwrap().contains("UTF-16") && error.hint.unwrap().contains("CSV UTF-8"));
    let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    fails(&big, "22023", "not in UTF-8");
    // Latin-1, in the header and in a row.
    let error = fails(b"ID,Name\n1,x\n2,Zo\xEB S3CR3T\n", "22023", "not in UTF-8");
    assert_eq!(error.detail.as_deref(), Some("Row 3 has bytes that are not UTF-8."));
    fails(b"ID,Gr\xF6\xDFe\n1,x\n", "22023", "not in UTF-8");
    fails(b"\x7FELF\x02\x01\x01\x00\x00\x00", "22023", "neither an xlsx workbook nor a CSV file");
    let late = [b"ID,Name\n", "1,x\n".repeat(1_000).as_bytes(), b"2,\0\n"].concat();
    fails(&late, "22023", "neither an xlsx workbook nor a CSV file");
    fails(&[0x1F, 0x8B, 8, 0], "22023", "compressed with gzip");
    for nothing in [&b"\xEF\xBB\xBF"[..], b"\n", b"\r\n \t\r\n", b"sep=;\r\n", b"   "] {
        fails(nothing, "22023", "the CSV file is empty");
    }
    fails(b"{\"dataset\": \"users\", \"rows\": 7}", "22023", "the file is JSON");
    fails(b"\n[{\"id\": 7}]", "22023", "the file is JSON");
    fails(b"<html><table><tr><td>1", "22023", "XML or HTML");
    assert!(!open(b"Shoe size;Hat\n43;57\n").unwrap().has_known_columns());
    for (file, is) in [
        (&b""[..], true),
        (b"PK\x03\x04", true),
        (b"PK\x05\x06", true),
        (&[0xD0, 0xCF, 0x11, 0xE0, 0xA1], true),
        (b"PK;Name\n", false),
        (b"ID", false),
    ] {
        assert_eq!(is_workbook(file), is, "{file:?}");
    }
}

#[test]
fn quotes_that_are_not_closed_and_values_without_end() {
    for (end, row) in [("3,\"S3CR3T", 4), ("3,\"a\"\"", 4), ("3,\"a\nb\nc\n", 4), ("\"", 4)] {
        let file = format!("ID,Name\n1,x\n2,\"y\"\n{end}");
        let error = fails(file.as_bytes(), "22023", "ends within quotes");
        assert_eq!(error.detail, Some(format!("The quoted value begins in row {row}.")));
    }
    // Quotes within a value that is not quoted are its own.
    assert_eq!(rows(b"ID,Name\n1,5\" pipe\n").unwrap()[0].1[1], "5\" pipe");
    assert_eq!(rows(b"ID,Name\n1,\"x\"").unwrap()[0].1[1], "x");
    for value in [format!("2,{}\n3,y\n", "S".repeat(17 << 20)), format!("2,\"{}", "S\n".repeat(17 << 20))] {
        let error = fails(format!("ID,Name\n1,x\n{value}").as_bytes(), "54000", "a row of more than 16 MiB");
        assert_eq!(error.detail.as_deref(), Some("It is row 3."));
    }
    fails(&[b"ID,Name,", ",".repeat(2_000).as_bytes(), b"\n"].concat(), "54000", "more than 2000 columns");
    fails(&vec![b'x'; 17 << 20], "54000", "a row of more than 16 MiB");
}

#[test]
fn a_cancel_request_is_heard() {
    let text = format!("ID,Name\n{}", "1,x\n".repeat(5_000));
    let cancelled = || Err(Error::new(ErrorKind::QueryCanceled, "cancelled"));
    assert_eq!(
        CsvFile::open(text.as_bytes(), &fields(), cancelled).map(drop).unwrap_err().sqlstate(),
        "57014"
    );
}

#[test]
fn moments_of_iso_8601() {
    let second = |text: &str| exact(text).map(|moment| (moment.wall, moment.offset, moment.precision));
    let micros = 821_786_400_000_000; // 2026-01-15 10:00
    let hour = 3_600_000_000;
    assert_eq!(second("2026-01-15T10:00:00Z"), Some((micros, Some(0), Precision::Second)));
    assert_eq!(second("2026-01-15 10:00"), Some((micros, None, Precision::Second)));
    assert_eq!(
        second("2026-01-15T10:00:00.5+02:00"),
        Some((micros + 500_000, Some(2 * hour), Precision::Microsecond))
    );
    assert_eq!(
        second("2026-01-15 10:00:00.000001-0330"),
        Some((micros + 1, Some(-hour * 7 / 2), Precision::Microsecond))
    );
    assert_eq!(second("2026-01-15 10:00:00+01"), Some((micros, Some(hour), Precision::Second)));
    assert_eq!(second("2026-01-15"), Some((micros - 10 * hour, None, Precision::Second)));
    assert_eq!(second("infinity").map(|found| found.0), Some(i64::MAX));
    for wrong in [
        "",
        "x",
        "2026",
        "2026-13-01",
        "2026-02-30",
        "2025-02-29",
        "26-01-15",
        "2026-1-5",
        "2026-01-15T",
        "2026-01-15T25:00",
        "2026-01-15T10:00:00.",
        "2026-01-15T10:00:00.5x",
        "2026-01-15T10:00:61",
        "2026-01-15T10:00:00+99",
        "2026-01-15 ",
        "é",
        "2026-01-15T10",
        "99999999-01-01",
        "+9999999-01-01T00:00",
        "2026-01-15T10:00:00+0é0",
        "-",
        "+",
    ] {
        assert_eq!(second(wrong), None, "{wrong}");
    }
}

#[test]
fn days_of_a_locale() {
    let order = |text: &str| local(text).map(|found| found.order);
    assert_eq!(order("15.01.2026"), Some(DayOrder::DayFirst));
    assert_eq!(order("1.2.26"), Some(DayOrder::DayFirst));
    assert_eq!(order("15/01/2026"), Some(DayOrder::DayFirst));
    assert_eq!(order("1/15/2026"), Some(DayOrder::MonthFirst));
    assert_eq!(order("01/02/2026"), Some(DayOrder::Unknown));
    assert_eq!(order("2026/01/15"), Some(DayOrder::YearFirst));
    for wrong in [
        "",
        "1.5",
        "1/2",
        "1/2/3/4",
        "a/b/c",
        "1/2/202",
        "1/2/2026 x",
        "1/2/2026 13:00 PM",
        "//",
        "é/1/2",
        "1.234.567,8",
    ] {
        assert_eq!(order(wrong), None, "{wrong}");
    }
    let days = |text: &str, order| local(text).unwrap().days(order);
    let day = iso_day("2026-02-01");
    assert!(day.is_some());
    assert_eq!(days("1.2.2026", DayOrder::Unknown), day);
    assert_eq!(days("01/02/26", DayOrder::DayFirst), day);
    assert_eq!(days("2/1/2026 11:00 AM", DayOrder::MonthFirst), day);
    assert_eq!(days("2026/2/1", DayOrder::Unknown), day);
    assert_eq!(days("01/02/2026", DayOrder::Unknown), None);
    assert_eq!(days("31.02.2026", DayOrder::Unknown), None);
    let time = |text: &str| local(text).map(|found| (found.time / 60_000_000, found.precision));
    assert_eq!(time("1/15/26 11:05 AM"), Some((665, Precision::Minute)));
    assert_eq!(time("1/15/26 12:05 am"), Some((5, Precision::Minute)));
    assert_eq!(time("1/15/26 12:05:30 PM"), Some((725, Precision::Second)));
    assert_eq!(time("15.01.2026 23:59"), Some((1_439, Precision::Minute)));
}

fn rule(kind: Kind, type_name: &str, class: Class) -> Rule {
    let labels = vec!["low".to_owned(), "=high".to_owned()];
    let oid = if type_name == "integer" { 23 } else { 1 };
    Rule {
        kind,
        identifier: false,
        ty: Type::plain(oid, type_name, class),
        labels,
        separator: ", ".into(),
        form: Default::default(),
    }
}

fn of_kind(kind: Kind) -> Rule {
    let (name, class) = match kind {
        Kind::Bool => ("boolean", Class::Bool),
        Kind::Int => ("integer", Class::Int),
        Kind::Float => ("double precision", Class::Float),
        Kind::Numeric => ("numeric", Class::Numeric),
        Kind::Date => ("date", Class::Date),
        Kind::Timestamp => ("timestamp without time zone", Class::Timestamp),
        Kind::Instant => ("timestamp with time zone", Class::Instant),
        Kind::List => ("text[]", Class::Array),
        Kind::Json => ("jsonb", Class::Jsonb),
        Kind::Text | Kind::Mixed => ("text", Class::Text),
    };
    rule(kind, name, class)
}

/// A clock one hour before UTC.
fn clock(utc: i64) -> i64 {
    utc.saturating_add(3_600_000_000)
}

/// The values of a column of the same kind, in a file with the others.
fn column(texts: &[&str], rule: &Rule) -> Vec<Result<Option<Value>, String>> {
    let mut evidence = Evidence::new(1);
    texts.iter().for_each(|text| evidence.see(0, rule.kind, text));
    let dialect = evidence.dialect(b';', 1);
    texts.iter().map(|text| given(text, 0, rule, &dialect, &clock)).collect()
}

#[track_caller]
fn are_the_same(cell: Cell<'_>, texts: &[&str]) {
    let kind = match cell {
        Cell::Bool(_) => Kind::Bool,
        Cell::Int(_) => Kind::Int,
        Cell::Float(_) => Kind::Float,
        Cell::Numeric(_) => Kind::Numeric,
        Cell::Date(_) => Kind::Date,
        Cell::Timestamp(_) => Kind::Timestamp,
        Cell::Instant { .. } => Kind::Instant,
        Cell::Json(_) => Kind::Json,
        _ => Kind::Text,
    };
    let rule = of_kind(kind);
    let held = held(&cell, &rule, &clock, &mut Vec::new()).unwrap();
    for (text, given) in texts.iter().zip(column(texts, &rule)) {
        let given = given.unwrap_or_else(|problem| panic!("{text}: {problem}")).unwrap();
        assert!(!differs(held.as_ref(), &given), "{text}: {held:?} {given:?}");
    }
}

#[test]
fn the_same_value_in_other_forms() {
    are_the_same(Cell::Bool(true), &["true", "TRUE", "1", "WAHR", "vrai", "Истина"]);
    are_the_same(Cell::Bool(false), &["false", "FALSE", "0", "falsch", "FALSO", "Epätosi"]);
    are_the_same(Cell::Int(42), &["42", " 42 ", "42.0", "4.2E+01"]);
    let big = rule(Kind::Int, "bigint", Class::Int);
    assert_eq!(
        column(&["9223372036854775807"], &big)[0],
        Ok(held(&Cell::Int(i64::MAX), &big, &clock, &mut Vec::new()).unwrap())
    );
    are_the_same(Cell::Numeric("1234.50"), &["1234.50", "1234.5", "1.2345E+03"]);
    are_the_same(Cell::Numeric("1234.50"), &["1234,50", "1234,5", "1,2345E+03"]);
    are_the_same(Cell::Numeric("NaN"), &["NaN"]);
    are_the_same(Cell::Float(0.1 + 0.2), &["0.30000000000000004", "0.3"]);
    are_the_same(Cell::Float(f64::NEG_INFINITY), &["-Infinity"]);
    // 2026-01-15
    are_the_same(Cell::Date(9_511), &["2026-01-15"]);
    are_the_same(Cell::Date(9_511), &["15.01.2026", "15.1.26"]);
    are_the_same(Cell::Date(9_511), &["1/15/2026", "01/15/26"]);
    // 2026-02-01: another cell tells the order.
    let found = column(&["1/2/2026", "15/1/2026"], &of_kind(Kind::Date));
    let held_day = held(&Cell::Date(9_528), &of_kind(Kind::Date), &clock, &mut Vec::new()).unwrap();
    assert!(!differs(held_day.as_ref(), found[0].as_ref().unwrap().as_ref().unwrap()));
    are_the_same(Cell::Date(i32::MAX), &["infinity"]);
    are_the_same(Cell::Date(-746_117), &["-0043-03-15"]);
    let utc = 821_786_400_000_000; // 2026-01-15 10:00
    let instant = Cell::Instant { utc, local: 0 };
    are_the_same(
        instant,
        &[
            "2026-01-15T10:00:00Z",
            "2026-01-15 11:00:00",
            "2026-01-15T11:00",
            "2026-01-15T12:00:00.000000+02:00",
        ],
    );
    are_the_same(instant, &["15.01.2026 11:00", "15.01.2026 11:00:00"]);
    are_the_same(instant, &["1/15/2026 11:00", "1/15/26 11:00 AM"]);
    are_the_same(Cell::Timestamp(utc + 30_400_123), &["2026-01-15T10:00:30.400123", "2026-01-15 10:00:30"]);
    are_the_same(Cell::Timestamp(utc + 30_400_123), &["15.01.2026 10:00"]);
    are_the_same(Cell::Timestamp(utc + 30_999_999), &["2026-01-15T10:00:30.999", "2026-01-15T10:00:31.000"]);
    are_the_same(Cell::Timestamp(i64::MIN), &["-infinity"]);
    are_the_same(Cell::Instant { utc: i64::MAX, local: 0 }, &["infinity"]);
    are_the_same(Cell::text("a\r\nb"), &["a\nb", "a\r\nb", "a\rb"]);
    are_the_same(Cell::text("=1+1"), &["'=1+1", "=1+1"]);
    are_the_same(Cell::text("'=1+1"), &["''=1+1", "'=1+1"]);
    are_the_same(Cell::text("O'Neill"), &["O'Neill"]);
    // Guarded by a file with another separator.
    are_the_same(Cell::text("a;=1+1"), &["a;'=1+1", "a;=1+1"]);
    are_the_same(Cell::text("a,=1+1"), &["a,'=1+1", "a,=1+1"]);
    are_the_same(Cell::Json("{\"a\": \"x,=1\"}"), &["{\"a\": \"x,'=1\"}", "{\"a\": \"x,=1\"}"]);
    let long = "é".repeat(40_000);
    are_the_same(Cell::text(&long), &[&long, &format!("{}…", "é".repeat(32_766))]);
}

#[test]
fn values_that_differ_or_do_not_fit() {
    let differ = |cell: Cell<'_>, text: &str, kind: Kind| {
        let rule = of_kind(kind);
        let held = held(&cell, &rule, &clock, &mut Vec::new()).unwrap();
        differs(held.as_ref(), &column(&[text], &rule)[0].clone().unwrap().unwrap())
    };
    assert!(differ(Cell::Int(42), "43", Kind::Int) && differ(Cell::Null, "43", Kind::Int));
    // A fraction of a second that is there counts.
    let utc = 821_786_400_000_000;
    assert!(differ(Cell::Timestamp(utc + 500_000), "2026-01-15 10:00:00.6", Kind::Timestamp));
    assert!(differ(Cell::Timestamp(utc + 500_000), "2026-01-15 10:00:00.501", Kind::Timestamp));
    assert!(differ(Cell::Timestamp(utc), "2026-01-15 10:00:01", Kind::Timestamp));
    assert!(differ(Cell::Instant { utc, local: 0 }, "2026-01-15T11:00:00Z", Kind::Instant));
    assert!(differ(Cell::text("007"), "7", Kind::Text) && differ(Cell::text("a "), "a", Kind::Text));
    for (kind, texts, problem) in [
        (Kind::Int, &["many"][..], "\"many\" is not an integer"),
        (Kind::Int, &["1.5"], "1.5 is not an integer"),
        (Kind::Int, &["99999999999"], "is beyond the range of type integer"),
        (Kind::Int, &["#N/A"], "contains an error"),
        (Kind::Int, &["=1+1"], "is a formula without a value"),
        // A comma beside a point is none of decimals.
        (Kind::Numeric, &["12,5", "1.5"], "\"12,5\" is not a number"),
        (Kind::Numeric, &["1.234,50"], "is not a number"),
        (Kind::Bool, &["perhaps"], "\"perhaps\" is neither TRUE nor FALSE"),
        (Kind::Date, &["24/10/2025", "2025-10-24"], "\"24/10/2025\" is not a date"),
        (Kind::Date, &["1/2/2026"], "is ambiguous: day and month cannot be distinguished"),
        (Kind::Date, &["31.02.2026"], "is not a date"),
        (Kind::Timestamp, &["1/2/2026 10:00"], "is ambiguous: day and month cannot be distinguished"),
        (Kind::Timestamp, &["2026-01-15T10:00:00Z"], "is not a date with a time"),
        (Kind::Instant, &["yesterday"], "\"yesterday\" is not a date with a time"),
        (Kind::Json, &["{\"a\": }"], "is not valid JSON"),
    ] {
        let found = column(texts, &of_kind(kind)).remove(0).unwrap_err();
        assert!(found.contains(problem), "{found}: not {problem}");
    }
    let clock_time = rule(Kind::Text, "time without time zone", Class::Time);
    for (text, same) in
        [("11:59:59 PM", true), ("23:59:59.00", true), ("11:59:59 AM", false), ("late", false)]
    {
        let found = column(&[text], &clock_time).remove(0).unwrap().unwrap();
        assert_eq!(differs(Some(&Value::Text("23:59:59".into())), &found), !same, "{text}");
    }
    let level = rule(Kind::Text, "app.level", Class::Enum);
    assert!(column(&["middle"], &level)[0].is_err());
    assert_eq!(column(&["'=high"], &level)[0], Ok(Some(Value::Text("=high".into()))));
}

/// The text that exports write for NULL, where it can be nothing else.
#[test]
fn texts_for_null() {
    for kind in [Kind::Int, Kind::Numeric, Kind::Bool, Kind::Date, Kind::Instant, Kind::Json] {
        for null in ["NULL", "\\N", "(null)"] {
            assert_eq!(column(&[null], &of_kind(kind)), [Ok(None)], "{kind:?} {null}");
        }
    }
    let text = column(&["NULL"], &of_kind(Kind::Text)).remove(0).unwrap().unwrap();
    assert!(!differs(None, &text));
    assert!(differs(Some(&Value::Text("x".into())), &text));
    assert!(!differs(Some(&Value::Text("NULL".into())), &text));
    for list in ["", "[]", "[null]", " , "] {
        assert!(list.is_empty() || column(&[list], &of_kind(Kind::List)) == [Ok(None)], "{list}");
    }
}

/// Any text of `null_as` is found where the file has it for the NULLs of several columns.
#[test]
fn other_texts_for_null() {
    let of = |texts: &[(&str, usize, bool)], has_empty: bool| {
        let mut nulls = Nulls::default();
        texts.iter().for_each(|(text, place, is_unfit)| nulls.see(text, *place, *is_unfit));
        if has_empty {
            nulls.see_empty();
        }
        nulls.settle();
        nulls.is_null("-")
    };
    assert!(of(&[("-", 1, true), ("-", 2, false), ("x", 1, false)], false));
    assert!(!of(&[("-", 1, true), ("-", 2, false)], true));
    // Of one column, text alone, or one among others.
    assert!(!of(&[("-", 1, true), ("-", 1, true)], false));
    assert!(of(&[("-", 1, true); 10], false));
    assert!(!of(&[("-", 1, false), ("-", 2, false)], false));
    assert!(!of(&[("-", 1, true), ("-", 2, true), ("x", 1, false), ("y", 1, false)], false));
}

#[test]
fn fractions() {
    assert!(is_fraction("1,5", b',') && is_fraction("-0,50", b',') && is_fraction("1.5E+10", b'.'));
    for text in ["", ",", "1,", ",5", "1,2,3", "a,b", "1.5", "1,5e"] {
        assert!(!is_fraction(text, b','), "{text}");
    }
}

#[test]
fn lists_find_their_separator() {
    let one = |text: &str| vec![text.to_owned()];
    let mut separator = Separator::default();
    for (text, held) in [
        ("a; b", "a, b"),
        ("Sales, EMEA; c", "\"Sales, EMEA\", c"),
        ("Sales, EMEA", "\"Sales, EMEA\""),
        ("\"a;b\"; c", "a;b, c"),
    ] {
        assert!(!separator.learn(&one(text), held), "{text}");
    }
    separator.settle();
    for (text, held) in [("a; b", "a, b"), ("Sales, EMEA", "\"Sales, EMEA\""), ("\"a;b\"; c", "a;b, c")] {
        assert!(separator.is_same(&one(text), held), "{text}");
    }
    assert!(!separator.is_same(&one("a; c"), "a, b"));
    assert_eq!(separator.as_list(&one("x, y;z")), "\"x, y\", z");
    // One edited list among others makes no separator.
    let mut separator = Separator::default();
    assert!(separator.learn(&one("a, b"), "a, b") && separator.learn(&one("[\"a\", \"b\"]"), "a, b"));
    assert!(!separator.learn(&one("c; d"), "c, d"));
    separator.settle();
    assert!(!separator.is_same(&one("c; d"), "c, d"));
}

/// Values of one row of the property below.
#[derive(Debug, Clone)]
struct Values {
    word: Option<String>,
    whole: Option<i64>,
    float: Option<f64>,
    numeric: Option<String>,
    flag: Option<bool>,
    day: Option<i32>,
    moment: Option<i64>,
    document: Option<String>,
    list: Option<Vec<String>>,
}

const WORDS: &str = "[a-c=+@'\";,|\t\n\r .#-]{0,8}";

fn values() -> impl Strategy<Value = Values> {
    let numeric = (any::<i64>(), 0..9_u32)
        .prop_map(|(digits, scale)| format!("{}.{:0width$}", digits / 1_000, scale, width = 3));
    let first = (
        prop::option::of(WORDS),
        prop::option::of(any::<i64>()),
        prop::option::of(any::<f64>()),
        prop::option::of(numeric),
        prop::option::of(any::<bool>()),
    );
    let second = (
        prop::option::of(prop_oneof![-2_000_000..2_000_000_i32, Just(i32::MIN), Just(i32::MAX)]),
        prop::option::of(prop_oneof![
            -200_000_000_000_000_000..9_000_000_000_000_000_000_i64,
            Just(i64::MAX)
        ]),
        prop::option::of(WORDS.prop_map(|word| serde_json::json!({ "a": word }).to_string())),
        prop::option::of(prop::collection::vec("[a-c=+',;| ]{1,5}", 0..4)),
    );
    (first, second).prop_map(|((word, whole, float, numeric, flag), (day, moment, document, list))| Values {
        word,
        whole,
        float,
        numeric,
        flag,
        day,
        moment,
        document,
        list,
    })
}

const KINDS: [Kind; 11] = [
    Kind::Int,
    Kind::Text,
    Kind::Int,
    Kind::Float,
    Kind::Numeric,
    Kind::Bool,
    Kind::Date,
    Kind::Timestamp,
    Kind::Instant,
    Kind::Json,
    Kind::List,
];

/// Calls `each` with the cells of each row; the first one has a list that shows the separator.
fn with_cells(all: &[Values], each: &mut dyn FnMut(&[Cell<'_>])) {
    let anchor = [Cell::text("x"), Cell::text("y"), Cell::text("x")];
    let mut first = [Cell::Null; 11];
    (first[0], first[10]) = (Cell::Int(-1), Cell::List(&anchor));
    for _ in 0..all.len() + 3 {
        each(&first);
    }
    for (number, row) in all.iter().enumerate() {
        let items: Vec<Cell<'_>> = row.list.iter().flatten().map(|item| Cell::text(item)).collect();
        each(&[
            Cell::Int(number as i64),
            row.word.as_deref().map_or(Cell::Null, Cell::text),
            row.whole.map_or(Cell::Null, Cell::Int),
            row.float.map_or(Cell::Null, Cell::Float),
            row.numeric.as_deref().map_or(Cell::Null, Cell::Numeric),
            row.flag.map_or(Cell::Null, Cell::Bool),
            row.day.map_or(Cell::Null, Cell::Date),
            row.moment.map_or(Cell::Null, Cell::Timestamp),
            row.moment.map_or(Cell::Null, |utc| Cell::Instant { utc, local: 0 }),
            row.document.as_deref().map_or(Cell::Null, Cell::Json),
            row.list.as_ref().map_or(Cell::Null, |_| Cell::List(&items)),
        ]);
    }
}

/// A list of blank elements is no list, whatever separates them.
#[test]
fn a_list_of_blank_elements_says_nothing() {
    for (text, wanted) in [(" ;  ", false), (" /  / ", false), ("|", false), ("a; ", true)] {
        assert_eq!(differs(None, &Value::List(vec![text.to_owned()])), wanted, "{text:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// An export that nobody edited says nothing, whatever its options and its values.
    #[test]
    fn an_export_comes_back(
        all in prop::collection::vec(values(), 0..6),
        delimiter in prop::sample::select(vec![b',', b';', b'\t', b'|', b':', b'~']),
        bom in any::<bool>(),
        null_as in prop::sample::select(vec!["", "NULL", "\\N"]),
        lf in any::<bool>(),
        formula_guard in any::<bool>(),
        lists in prop::sample::select(vec![
            (", ", false), ("; ", false), ("|", false), (" / ", false), ("\n", false), (", ", true)]),
    ) {
        let mut options = Options::default();
        options.csv.delimiter = delimiter;
        options.csv.bom = bom;
        options.csv.null_as = null_as.into();
        options.csv.line_ending = if lf { LineEnding::Lf } else { LineEnding::Crlf };
        options.csv.formula_guard = formula_guard;
        options.csv.lists = Lists { separator: lists.0.into(), json: lists.1, ..Lists::default() };
        let columns: Vec<Column> = KINDS.iter().enumerate().map(|(place, kind)| Column {
            name: format!("c{place}"), label: format!("C {place}"), kind: *kind, identifier: place == 0,
            free_text: true, json_path: None,
        }).collect();
        let setup = Setup { title: "Users".into(), time_zone: "UTC".into(), references: Vec::new(), ..Setup::default() };
        let mut encoder = encode::encoder(Format::Csv, &options, &columns, setup).unwrap();
        let mut file = Vec::new();
        encoder.begin(&mut file).unwrap();
        with_cells(&all, &mut |cells| encoder.row(cells, &mut file).unwrap());
        let info = Info { properties: Properties::default(), entries: Vec::new() };
        encoder.finish(&info, &mut file).unwrap();

        let fields: Vec<Field> = columns.iter()
            .map(|column| Field { label: column.label.clone(), ..fixture::field(&column.name, "text") }).collect();
        let csv = CsvFile::open(&file, &fields, || Ok(())).unwrap();
        prop_assert_eq!(csv.delimiter(), delimiter);
        let places = every_column(11);
        let scan = csv.scan(&places, &KINDS).unwrap();
        prop_assert!(scan.nameless.is_empty() && scan.long.is_empty());
        let mut rows = csv.batches(&places, 11).unwrap().read().unwrap().into_iter();
        let (mut separator, mut lists, mut problems) = (Separator::default(), Vec::new(), Vec::new());
        with_cells(&all, &mut |cells| {
            let row = rows.next().unwrap();
            for (place, (cell, text)) in cells.iter().zip(row.cells).enumerate() {
                let rule = Rule { identifier: place == 0, ..of_kind(KINDS[place]) };
                let rule = if place == 2 { Rule { ty: Type::plain(20, "bigint", Class::Int), ..rule } } else { rule };
                let Some(Given::Text(text)) = text else { continue };
                let held = held(cell, &rule, &clock, &mut Vec::new()).unwrap();
                match given(&text, place, &rule, &scan.dialect, &clock) {
                    Err(problem) => problems.push(problem),
                    Ok(None) => {}
                    Ok(Some(Value::List(readings))) if held.is_some() => {
                        let held = match held {
                            Some(Value::Text(held)) => held,
                            Some(Value::Texts(forms)) => forms[0].clone(),
                            held => panic!("{held:?}"),
                        };
                        if !separator.learn(&readings, &held) {
                            lists.push((readings, held));
                        }
                    }
                    Ok(Some(given)) if differs(held.as_ref(), &given) => {
                        problems.push(format!("{place}: {held:?} {given:?}"));
                    }
                    Ok(Some(_)) => {}
                }
            }
        });
        separator.settle();
        problems.extend(lists.iter().filter(|(readings, held)| !separator.is_same(readings, held))
            .map(|(readings, held)| format!("{held:?} {readings:?}")));
        prop_assert!(problems.is_empty() && rows.next().is_none(), "{:?}\n{}", problems, String::from_utf8_lossy(&file));
    }

    /// The server's days and moments read back from what is written of them.
    #[test]
    fn moments_come_back(micros in -211_813_488_000_000_000..9_223_371_331_200_000_000_i64) {
        let mut out = Vec::new();
        time::timestamp(micros, b'T', &mut out);
        let found = exact(std::str::from_utf8(&out).unwrap()).unwrap();
        prop_assert_eq!(found.wall, micros);
        out.clear();
        text::plain(&Cell::Instant { utc: micros, local: 0 }, &mut out).unwrap();
        prop_assert_eq!(exact(std::str::from_utf8(&out).unwrap()).unwrap().offset, Some(0));
    }

    /// Any bytes: an error or rows.
    #[test]
    fn any_bytes(bytes in prop::collection::vec(prop::sample::select(b"\"\",;\n\r\t'=ID1.\xC3\xA9\xEF\x00".to_vec()), 0..60)) {
        if let Err(error) = rows(&bytes) {
            prop_assert!(matches!(error.sqlstate(), "22023" | "54000"));
        }
    }
}
