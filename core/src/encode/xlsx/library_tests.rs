//! Our rows against rust_xlsxwriter's: over arbitrary cells a reader gets the same from both.

use rust_xlsxwriter::{Format as Style, Workbook as Library};

use super::shown::Shown;
use super::*;
use crate::encode::arbitrary::cell;
use crate::value::Lists;

/// The same rows, cell by cell, by the library alone.
fn by_the_library(columns: &[Column], rows: &[Vec<Cell<'static>>]) -> Vec<u8> {
    let mut library = Library::new();
    let sheet = library.add_worksheet();
    let [date, datetime, number] =
        ["yyyy-mm-dd", "yyyy-mm-dd hh:mm:ss", "0.00"].map(|code| Style::new().set_num_format(code));
    let styles = Styles::new();
    let mut scratch = Vec::new();
    for (index, column) in (0..).zip(columns) {
        if let Some(style) = styles.of(column) {
            sheet.set_column_format(index, style).unwrap();
        }
        sheet.write_string(0, index, &column.label).unwrap();
    }
    for (row, cells) in (1..).zip(rows) {
        for (index, (cell, column)) in (0..).zip(cells.iter().zip(columns)) {
            match shown::shown(cell, column.identifier, &Lists::default(), &mut scratch).unwrap() {
                Shown::Blank => continue,
                Shown::Bool(value) => sheet.write_boolean(row, index, value),
                Shown::Number(value) => sheet.write_number(row, index, value),
                Shown::Scaled(value, _) => sheet.write_number_with_format(row, index, value, &number),
                Shown::Day(serial) => sheet.write_number_with_format(row, index, serial, &date),
                Shown::Moment(serial) => sheet.write_number_with_format(row, index, serial, &datetime),
                Shown::Text(text) => {
                    sheet.write_string(row, index, text::clean(text, &mut Counts::default()))
                }
            }
            .unwrap();
        }
    }
    library.save_to_buffer().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]
    #[test]
    fn a_reader_sees_no_difference(
        rows in prop::collection::vec(prop::collection::vec(cell(), 12), 0..12),
        compact in any::<bool>(),
    ) {
        let columns = fixture::columns();
        let options = XlsxOptions { compact, ..XlsxOptions::default() };
        let xlsx = Xlsx::new(&options, &columns, fixture::setup()).unwrap();
        let given: Vec<&[Cell<'_>]> = rows.iter().map(|row| &row[..]).collect();
        let (bytes, tally) = fixture::rows(Box::new(xlsx), &given);
        prop_assert_eq!(tally.rows, rows.len() as u64);
        let ours = open(&bytes).worksheet_range("Users").unwrap();
        let theirs = open(&by_the_library(&columns, &rows)).worksheet_range_at(0).unwrap().unwrap();
        for row in 0..=rows.len() as u32 {
            for column in 0..12 {
                let cell = |range: &calamine::Range<Data>| range.get_value((row, column)).cloned().unwrap_or_default();
                prop_assert_eq!(cell(&ours), cell(&theirs), "row {} column {}", row, column);
            }
        }
    }
}
