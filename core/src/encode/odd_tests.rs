//! Values at the edge of what there is, and rows beyond it, in every format.

use std::io::Cursor;

use calamine::{Data, Reader, Xlsx};
use serde_json::{json, Value};

use super::fixture::{self, column};
use super::*;

/// Texts that readers and writers have stumbled over: each control character and what else XML forbids, line separators that
/// are none, and lengths.
fn texts() -> Vec<String> {
    let odd = [
        '\u{7f}', '\u{80}', '\u{9f}', '\u{85}', '\u{2028}', '\u{2029}', '\u{feff}', '\u{fffd}', '\u{fffe}',
        '\u{ffff}',
    ];
    let characters = ('\u{1}'..='\u{1f}').chain(odd).chain(['\u{10ffff}', '\u{202e}', '\u{0}']);
    let mut texts: Vec<String> =
        characters.flat_map(|odd| [odd.to_string(), format!("a{odd}b"), format!("{odd}{odd}x")]).collect();
    texts.extend(["", " ", "\"", "\\", "''", "\\u0000", "\\N", "NULL", "_x0000_", "]]>"].map(String::from));
    texts.extend([32_766, 32_767, 32_768, 1 << 20].map(|length| "é".repeat(length)));
    texts.push("\u{1}\"\\\n".repeat(250_000));
    texts
}

/// All of a file of one column.
fn file(format: Format, options: Value, kind: Kind, cells: &[Cell<'_>]) -> (Vec<u8>, Tally) {
    let options = Options::parse(format, &options).unwrap();
    let encoder = encoder(format, &options, &[column("v", "V", kind)], fixture::setup()).unwrap();
    let rows: Vec<&[Cell<'_>]> = cells.chunks(1).collect();
    fixture::rows(encoder, &rows)
}

/// The values that readers find: in csv, ndjson, json, and in both forms of a workbook.
struct Found {
    csv: Vec<String>,
    ndjson: Vec<Value>,
    json: Vec<Value>,
    sheets: [Vec<Data>; 2],
    tally: Tally,
}

fn found(kind: Kind, cells: &[Cell<'_>]) -> Found {
    let (csv, _) = file(Format::Csv, json!({"formula_guard": false}), kind, cells);
    let csv = ::csv::Reader::from_reader(&csv[..]).records().map(|row| row.unwrap()[0].to_owned()).collect();
    let (lines, _) = file(Format::Ndjson, json!({}), kind, cells);
    let lines = std::str::from_utf8(&lines).unwrap();
    assert_eq!(lines.matches('\n').count(), cells.len());
    let value = |row: Value| row["v"].clone();
    let ndjson = lines.lines().map(|line| value(serde_json::from_str(line).unwrap())).collect();
    let (array, _) = file(Format::Json, json!({}), kind, cells);
    let json = serde_json::from_slice::<Vec<Value>>(&array).unwrap().into_iter().map(value).collect();
    let mut tallies = Vec::new();
    let sheets = [false, true].map(|compact| {
        let (book, tally) = file(Format::Xlsx, json!({"compact": compact}), kind, cells);
        tallies.push(tally);
        let mut book = Xlsx::new(Cursor::new(book)).unwrap();
        let range = book.worksheet_range("Users").unwrap();
        (1..=cells.len() as u32).map(|row| range.get_value((row, 0)).cloned().unwrap_or_default()).collect()
    });
    assert_eq!(tallies[0], tallies[1]);
    Found { csv, ndjson, json, sheets, tally: tallies[0] }
}

#[test]
fn texts_arrive_whole() {
    let texts = texts();
    let cells: Vec<Cell<'_>> = texts.iter().map(|text| Cell::text(text)).collect();
    let found = found(Kind::Text, &cells);
    assert!(found.csv == texts);
    assert!(found.ndjson == texts.iter().map(|text| json!(text)).collect::<Vec<_>>());
    assert!(found.json == found.ndjson);
    let (mut truncated, mut replaced) = (0, 0);
    for (row, text) in texts.iter().enumerate() {
        let long = text.encode_utf16().count() > 32_767;
        truncated += u64::from(long);
        let kept: String =
            if long { text.chars().take(32_766).chain(['…']).collect() } else { text.clone() };
        let bad = |letter: &char| matches!(*letter, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}');
        replaced += kept.chars().filter(bad).count() as u64;
        let kept: String =
            kept.chars().map(|letter| if bad(&letter) { '\u{fffd}' } else { letter }).collect();
        let wanted = if kept.is_empty() { Data::Empty } else { Data::String(kept) };
        for sheet in &found.sheets {
            assert!(sheet[row] == wanted, "row {row}: {:?}", text.chars().take(5).collect::<String>());
        }
    }
    assert_eq!((found.tally.truncated_cells, found.tally.replaced_characters), (truncated, replaced));
}

/// Digits are no text that a reader may round.
#[test]
fn numerics_of_any_length_keep_every_digit() {
    let long = "9".repeat(1_000);
    let digits = [
        long.clone(),
        format!("-{long}.{long}"),
        format!("0.{}1", "0".repeat(998)),
        "1".repeat(131_072),
        "NaN".into(),
        "Infinity".into(),
        "-Infinity".into(),
    ];
    let cells: Vec<Cell<'_>> = digits.iter().map(|text| Cell::Numeric(text)).collect();
    let found = found(Kind::Numeric, &cells);
    assert_eq!(found.csv, digits);
    for (row, digits) in digits.iter().enumerate() {
        let number = row < 4;
        assert_eq!(found.ndjson[row].is_number(), number);
        assert_eq!(found.ndjson[row].to_string().trim_matches('"'), digits);
        let shown: String = digits.chars().take(32_766).chain(['…']).collect();
        let wanted = Data::String(if digits.len() > 32_767 { shown } else { digits.clone() });
        assert!(found.sheets.iter().all(|sheet| sheet[row] == wanted), "{row}");
    }
    assert_eq!(found.json, found.ndjson);
}

/// Before the year 0, after 9999, and without end.
#[test]
fn moments_beyond_the_calendar() {
    const DAY: i64 = 86_400_000_000;
    let instant = |utc: i64| Cell::Instant { utc, local: utc };
    for (kind, cell, wanted) in [
        (Kind::Date, Cell::Date(i32::MAX), "infinity"),
        (Kind::Date, Cell::Date(i32::MIN), "-infinity"),
        // 4713-01-01 BC, and the last day that the server has.
        (Kind::Date, Cell::Date(-2_451_507), "-4712-01-01"),
        (Kind::Date, Cell::Date(2_145_031_948), "+5874897-12-31"),
        (Kind::Date, Cell::Date(2_921_940), "+10000-01-01"),
        (Kind::Timestamp, Cell::Timestamp(i64::MAX), "infinity"),
        (Kind::Timestamp, Cell::Timestamp(2_921_940 * DAY - 1), "9999-12-31T23:59:59.999999"),
        (Kind::Timestamp, Cell::Timestamp(2_921_940 * DAY), "+10000-01-01T00:00:00"),
        (Kind::Timestamp, Cell::Timestamp(-2_451_507 * DAY), "-4712-01-01T00:00:00"),
        (Kind::Timestamp, Cell::Timestamp(9_223_371_331_200_000_000 - 1), "+294276-12-31T23:59:59.999999"),
        (Kind::Instant, instant(i64::MIN), "-infinity"),
        (Kind::Instant, instant(-730_486 * DAY), "-0001-12-31T00:00:00Z"),
        (Kind::Instant, instant(2_921_940 * DAY), "+10000-01-01T00:00:00Z"),
    ] {
        let found = found(kind, &[cell]);
        assert_eq!(
            (found.csv[0].as_str(), &found.ndjson[0], &found.json[0]),
            (wanted, &json!(wanted), &json!(wanted))
        );
        for sheet in &found.sheets {
            match &sheet[0] {
                // A wall clock, as the cells around it look.
                Data::String(text) => {
                    assert_eq!(text, wanted.trim_end_matches('Z').replace('T', " ").as_str());
                }
                Data::DateTime(moment) => {
                    assert!(wanted.starts_with("9999") && moment.as_f64() < 2_958_466.0 + 1e-6)
                }
                other => panic!("{wanted}: {other:?}"),
            }
        }
    }
}

#[test]
fn documents_are_not_changed() {
    let deep = format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000));
    let wide = format!("{{\"a\": [{}]}}", vec!["\"\\u2028\""; 10_000].join(", "));
    for document in
        [deep.as_str(), &wide, "\"\\ud800\"", "{\"\\udfff\": \"\\ud83d\\ude00\"}", "-0.0e-0", "\"\\u0000\""]
    {
        let line = file(Format::Ndjson, json!({}), Kind::Json, &[Cell::Json(document)]).0;
        assert!(line == format!("{{\"v\":{document}}}\n").as_bytes());
        let array = file(Format::Json, json!({}), Kind::Json, &[Cell::Json(document)]).0;
        assert!(array == format!("[\n{{\"v\":{document}}}\n]\n").as_bytes());
        let csv = file(Format::Csv, json!({}), Kind::Json, &[Cell::Json(document)]).0;
        let read = ::csv::Reader::from_reader(&csv[..]).records().next().unwrap().unwrap()[0].to_owned();
        assert_eq!(read.trim_start_matches('\''), document);
        for compact in [false, true] {
            let (book, _) =
                file(Format::Xlsx, json!({"compact": compact}), Kind::Json, &[Cell::Json(document)]);
            let mut book = Xlsx::new(Cursor::new(book)).unwrap();
            let range = book.worksheet_range("Users").unwrap();
            let Some(Data::String(text)) = range.get_value((1, 0)) else { panic!() };
            let kept = text.strip_suffix('…').unwrap_or(text);
            assert!(document.starts_with(kept) && kept.len() >= document.len().min(32_766));
        }
    }
}

/// Lists in lists, without elements, with nothing but NULL, and a thousand levels of them.
#[test]
fn lists_of_any_shape() {
    let nulls = [Cell::Null; 3];
    let empty = [Cell::List(&[]), Cell::List(&nulls), Cell::Null];
    let numbers = [Cell::Numeric("1.10"), Cell::Float(f64::NAN), Cell::Int(i64::MIN), Cell::Date(0)];
    for (list, text, wanted) in [
        (&empty[..0], "", json!([])),
        (&nulls, ", , ", json!([null, null, null])),
        (&empty, ", , , , ", json!([[], [null, null, null], null])),
        (
            &numbers,
            "1.10, NaN, -9223372036854775808, 2000-01-01",
            serde_json::from_str("[1.10, \"NaN\", -9223372036854775808, \"2000-01-01\"]").unwrap(),
        ),
    ] {
        let found = found(Kind::List, &[Cell::List(list)]);
        assert_eq!((found.csv[0].as_str(), &found.ndjson[0], &found.json[0]), (text, &wanted, &wanted));
        let shown = if text.is_empty() { Data::Empty } else { Data::String(text.into()) };
        assert!(found.sheets.iter().all(|sheet| sheet[0] == shown), "{text}");
    }
}

const HUGE: usize = 200_000_000;

/// One row, and what is left of the encoder's buffer.
fn row(format: Format, kind: Kind, cells: &[Cell<'_>], out: &mut Vec<u8>) -> Result<()> {
    let columns: Vec<Column> = (0..cells.len()).map(|n| column(&format!("c{n}"), "C", kind)).collect();
    let mut encoder = encoder(format, &Options::default(), &columns, fixture::setup()).unwrap();
    encoder.begin(&mut Vec::new()).unwrap();
    encoder.row(cells, out)
}

#[test]
fn a_row_of_200_mb_is_encoded() {
    let text = "0123456789".repeat(HUGE / 10);
    let mut out = Vec::new();
    row(Format::Csv, Kind::Text, &[Cell::text(&text), Cell::Null], &mut out).unwrap();
    assert!(out.len() == HUGE + 3 && out.starts_with(text.as_bytes()) && out.ends_with(b",\r\n"));
    out.clear();
    row(Format::Ndjson, Kind::Json, &[Cell::Json(&text)], &mut out).unwrap();
    assert_eq!(out.len(), HUGE + "{\"c0\":}\n".len());
    // A workbook takes its beginning, and no memory for the rest.
    out = Vec::new();
    row(Format::Xlsx, Kind::Text, &[Cell::text(&text); 5], &mut out).unwrap();
    assert!(out.capacity() < 1 << 20);
}

/// A line that no text of the server could hold is an error, before memory is taken for it.
#[test]
fn a_row_of_more_than_1_gb_is_an_error() {
    let controls = "\u{1}".repeat(HUGE);
    let quotes = "\"".repeat(HUGE);
    let list = [Cell::text(&controls); 6];
    for (format, kind, cells) in [
        // Six bytes for each.
        (Format::Ndjson, Kind::Text, &[Cell::text(&controls)][..]),
        (Format::Json, Kind::List, &[Cell::List(&list)]),
        (Format::Ndjson, Kind::Json, &[Cell::Json(&quotes); 6]),
        (Format::Csv, Kind::Text, &[Cell::text(&controls); 6]),
        // Doubled, in quotes.
        (Format::Csv, Kind::Text, &[Cell::text(&quotes); 3]),
        (Format::Csv, Kind::List, &[Cell::List(&list)]),
        (Format::Xlsx, Kind::List, &[Cell::List(&list)]),
    ] {
        let mut out = Vec::new();
        let error = row(format, kind, cells, &mut out).unwrap_err();
        assert_eq!(error, crate::value::memory::too_large(), "{format:?}");
        assert_eq!(error.sqlstate(), "54000");
        assert!(out.capacity() <= crate::value::memory::LARGEST, "{format:?}: {}", out.capacity());
    }
}
