//! Our lines against the csv crate's, over arbitrary cells and all options.

use ::csv::{QuoteStyle, WriterBuilder};

use super::*;
use crate::encode::arbitrary::cell;
use crate::encode::formula::{self, Form};

/// One field as the crate's writer has it, before another one.
fn by_the_library(field: &str, delimiter: u8, style: QuoteStyle) -> String {
    let mut writer = WriterBuilder::new().delimiter(delimiter).quote_style(style).from_writer(Vec::new());
    writer.write_record([field, "x"]).unwrap();
    let line = String::from_utf8(writer.into_inner().unwrap()).unwrap();
    let end = format!(
        "{}{}\n",
        char::from(delimiter),
        if matches!(style, QuoteStyle::Always) { "\"x\"" } else { "x" }
    );
    line.strip_suffix(&end).unwrap().to_owned()
}

/// The field that has to stand for a cell.
fn wanted(cell: &Cell<'_>, options: &CsvOptions) -> String {
    if *cell == Cell::Null {
        return options.null_as.clone();
    }
    let mut plain = Vec::new();
    options.lists.append(cell, &mut plain).unwrap();
    let form = match cell {
        Cell::Text(_) => Some(Form::Plain),
        Cell::List(items) => has_text(items).then_some(Form::Plain),
        Cell::Json(_) => Some(Form::Json),
        _ => None,
    };
    let plain = String::from_utf8(plain).unwrap();
    let guarded = form
        .filter(|_| options.formula_guard)
        .and_then(|form| formula::guarded(&plain, form, options.delimiter));
    let field = guarded.unwrap_or(plain);
    let separated = field.contains([',', ';', '\t', '|']);
    let style =
        if separated || field == options.null_as { QuoteStyle::Always } else { QuoteStyle::Necessary };
    by_the_library(&field, options.delimiter, style)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_byte_is_the_librarys(
        rows in prop::collection::vec(prop::collection::vec(cell(), 3), 0..6),
        delimiter in prop::sample::select(vec![",", ";", "\t", "|", "'", "-", "."]),
        ending in prop::sample::select(vec!["crlf", "lf"]),
        null_as in prop::sample::select(vec!["", "NULL", "\\N", "true", "="]),
        separator in prop::sample::select(vec![", ", "|", "\n", "\"", ""]),
        bom: bool, header: bool, formula_guard: bool,
    ) {
        let given = json!({"delimiter": delimiter, "line_ending": ending, "null_as": null_as, "bom": bom,
            "header": header, "formula_guard": formula_guard, "multi_value_separator": separator});
        let options = Options::parse(Format::Csv, &given).unwrap().csv;
        let mut lines = Vec::new();
        if header {
            lines.push(["C0", "C1", "C2"].map(String::from).join(delimiter));
        }
        lines.extend(rows.iter().map(|row| {
            row.iter().map(|cell| wanted(cell, &options)).collect::<Vec<_>>().join(delimiter)
        }));
        let end = if ending == "lf" { "\n" } else { "\r\n" };
        let mut file = String::from(if bom { "\u{feff}" } else { "" });
        lines.iter().for_each(|line| file.extend([line, end]));
        let rows: Vec<&[Cell<'_>]> = rows.iter().map(Vec::as_slice).collect();
        prop_assert_eq!(csv(given, 3, &rows).0, file);
    }
}
