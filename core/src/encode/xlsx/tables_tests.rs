//! Several tables in one workbook.

use super::*;

/// A workbook of these tables, each so many rows of two texts and a date, number or scaled number.
fn tables(titles: &[&str], rows: i64, options: XlsxOptions) -> (Vec<u8>, Vec<Tally>) {
    let kinds = [ColumnKind::Date, ColumnKind::Int, ColumnKind::Numeric];
    let columns = |index: usize| {
        let mut columns = text_columns(2 + index);
        columns.push(column("last", "Last", kinds[index % 3]));
        columns
    };
    let setup = Setup { title: titles[0].into(), ..fixture::setup() };
    let mut xlsx: Box<dyn Encoder> = Box::new(Xlsx::new(&options, &columns(0), setup).unwrap());
    let (mut out, mut tallies) = (Vec::new(), Vec::new());
    xlsx.begin(&mut out).unwrap();
    for (index, title) in titles.iter().enumerate() {
        if index > 0 {
            tallies.push(xlsx.part(title, &columns(index), &mut out).unwrap());
        }
        for row in 0..rows {
            let text = format!("{title} {row}");
            let mut cells = vec![Cell::text(&text); 2 + index];
            cells.push(match index % 3 {
                0 => Cell::Date(9_000 + row as i32),
                1 => Cell::Int(row),
                _ => Cell::Numeric("1.50"),
            });
            xlsx.row(&cells, &mut out).unwrap();
        }
    }
    tallies.push(xlsx.finish(&fixture::info(), &mut out).unwrap());
    (out, tallies)
}

#[test]
fn tables_follow_one_another_in_sheets_of_their_own() {
    // Few rows, whose sheets are written at the end; many, which are written on the way.
    for (rows, compact) in [(0, false), (3, false), (20_000, false), (20_000, true)] {
        let options = XlsxOptions { compact, ..XlsxOptions::default() };
        let (bytes, tallies) = tables(&["Users", "State events", "Users"], rows, options);
        let counted: Vec<(u64, u32)> = tallies.iter().map(|tally| (tally.rows, tally.sheets)).collect();
        let rows = rows as usize;
        assert_eq!(counted, [(rows as u64, 1), (2 * rows as u64, 2), (3 * rows as u64, 3)]);
        let mut book = open(&bytes);
        assert_eq!(book.sheet_names(), ["Users", "State events", "Users (2)", "Export info"]);
        for (index, name) in ["Users", "State events", "Users (2)"].iter().enumerate() {
            let range = book.worksheet_range(name).unwrap();
            assert_eq!(range.get_size(), (rows + 1, 3 + index));
            let part = part(&bytes, &format!("xl/worksheets/sheet{}.xml", index + 1));
            let last = markup::letters(2 + index);
            assert!(part.contains(&format!("<autoFilter ref=\"A1:{last}{}\"/>", rows + 1)), "{part:.2000}");
            let Some(row) = range.rows().next_back().filter(|_| rows > 0) else { continue };
            let title = if index == 1 { "State events" } else { "Users" };
            assert_eq!(row[0], Data::String(format!("{title} {}", rows - 1)));
            match (index, &row[2 + index]) {
                (0, Data::DateTime(_)) => {}
                (1, Data::Float(number)) => assert_eq!(*number, rows as f64 - 1.0),
                (2, Data::Float(number)) => assert_eq!(*number, 1.5),
                other => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn a_full_sheet_of_any_table_is_continued_under_a_free_name() {
    let setup = Setup { title: "Users".into(), ..fixture::setup() };
    let mut xlsx = Xlsx::new(&XlsxOptions::default(), &text_columns(1), setup).unwrap();
    xlsx.max_rows = 2;
    let mut out = Vec::new();
    xlsx.begin(&mut out).unwrap();
    for title in ["Users", "USERS (2)", "users"] {
        if title != "Users" {
            xlsx.part(title, &text_columns(1), &mut out).unwrap();
        }
        for _ in 0..3 {
            xlsx.row(&[Cell::text(title)], &mut out).unwrap();
        }
    }
    let tally = Box::new(xlsx).finish(&fixture::info(), &mut out).unwrap();
    assert_eq!((tally.rows, tally.sheets), (9, 6));
    let names = open(&out).sheet_names();
    let wanted =
        ["Users", "Users (2)", "USERS (2) (2)", "USERS (2) (3)", "users (3)", "users (4)", "Export info"];
    assert_eq!(names, wanted);
}

/// Earlier bytes do not depend on later rows.
#[test]
fn the_same_tables_give_the_same_bytes() {
    let [once, again] = [(); 2].map(|()| tables(&["a", "b"], 9_000, XlsxOptions::default()).0);
    assert!(once == again);
}

#[test]
fn other_formats_hold_one_kind_of_rows() {
    for format in [Format::Csv, Format::Ndjson, Format::Json] {
        let mut encoder = encoder(format, &Options::default(), &text_columns(1), fixture::setup()).unwrap();
        let error = encoder.part("b", &text_columns(1), &mut Vec::new()).unwrap_err();
        assert_eq!(error.kind, Kind::Internal);
    }
}
