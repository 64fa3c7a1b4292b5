//! The last sheet, `Export info`: what this file is, for whoever finds it later.

use rust_xlsxwriter::Worksheet;

use super::caught::library_error;
use super::fill::Value;
use super::style::Styles;
use super::text::{clean, Counts};
use super::width::extent;
use crate::encode::{Info, InfoValue, Setup, Tally};
use crate::error::Result;
use crate::value::Lists;

/// Its name, which no data sheet may have.
pub const NAME: &str = "Export info";

/// Characters of the widest value column.
const WIDEST: u16 = 60;
/// Lines that a value is given at most, and the height of one in points.
const MOST_LINES: usize = 20;
const LINE: f64 = 15.0;

/// Name and value.
pub type Line = [Value; 2];

/// The caller's entries, then what only the encoder knows.
///
/// Cells of a workbook are never run, so none is guarded; the count stands there because people look for it.
pub fn lines(info: &Info, setup: &Setup, lists: &Lists, tally: &Tally) -> Vec<Line> {
    // Changes to the sheet's own texts are counted with the rest.
    let mut own = Counts::default();
    let mut text = |text: &str| Value::Text(clean(text, &mut own).into_owned());
    let mut lines: Vec<Line> = Vec::with_capacity(info.entries.len() + 8);
    for (name, value) in &info.entries {
        lines.push([
            text(name),
            match value {
                InfoValue::Text(value) => text(value),
                // Counts of what is in a file stay far below 2^53.
                InfoValue::Count(count) => Value::Number(*count as f64),
            },
        ]);
    }
    lines.push([text("Time zone"), text(&setup.time_zone)]);
    if lists.json {
        lines.push([text("Lists"), text("JSON")]);
    } else if lists.separator != Lists::default().separator {
        lines.push([text("List separator"), text(&lists.separator)]);
    }
    if lists.form.local_times {
        lines.push([text("Timestamps"), text("local")]);
    }
    for (name, count) in [
        ("Sheets", u64::from(tally.sheets)),
        ("Truncated cells", tally.truncated_cells + own.truncated_cells),
        ("Replaced characters", tally.replaced_characters + own.replaced_characters),
        ("Guarded cells", tally.guarded_cells),
    ] {
        lines.push([Value::Text(name.to_owned()), Value::Number(count as f64)]);
    }
    lines
}

/// Makes the sheet's look and empty cells; the lines are filled in later.
pub fn draw(sheet: &mut Worksheet, lines: &[Line], styles: &Styles) -> Result<()> {
    sheet.set_name(NAME).map_err(library_error)?;
    let mut widths = (12, 12);
    for (row, [name, value]) in (0..).zip(lines) {
        sheet.write_blank(row, 0, &styles.name).map_err(library_error)?;
        sheet.write_blank(row, 1, &styles.value).map_err(library_error)?;
        if let Value::Text(name) = name {
            widths.0 = extent(name).max(widths.0);
        }
        if let Value::Text(value) = value {
            widths.1 = extent(value).max(widths.1);
            // Wrapped text needs the height to show; nobody computes it before the file is opened, and some
            // not even then.
            let lines = value.chars().count().div_ceil(usize::from(WIDEST)).min(MOST_LINES);
            if lines > 1 {
                sheet.set_row_height(row, lines as f64 * LINE).map_err(library_error)?;
            }
        }
    }
    sheet.set_column_width(0, widths.0.min(40) + 4).map_err(library_error)?;
    sheet.set_column_width(1, widths.1.min(WIDEST) + 2).map_err(library_error)?;
    sheet.set_print_fit_to_pages(1, 0);
    Ok(())
}
