//! The last sheet, `Export info`: what this file is, for whoever finds it later.

use rust_xlsxwriter::Worksheet;

use super::caught::library_error;
use super::style::Styles;
use super::text::{clean, Counts};
use super::width::extent;
use crate::encode::{Info, Setup, Tally};
use crate::error::Result;

/// Its name, which no data sheet may have.
pub const NAME: &str = "Export info";

/// Characters of the widest value column.
const WIDEST: u16 = 60;
/// Lines that a value is given at most, and the height of one in points.
const MOST_LINES: usize = 20;
const LINE: f64 = 15.0;

/// Fills the sheet: the caller's entries, then what only the encoder knows.
///
/// Cells of a workbook are never run, so none is guarded; the count stands there because people look for it.
pub fn sheet(
    mut sheet: Worksheet,
    info: &Info,
    setup: &Setup,
    tally: &Tally,
    styles: &Styles,
) -> Result<Worksheet> {
    sheet.set_name(NAME).map_err(library_error)?;
    // Of the info sheet's own texts nothing is counted: the counts are about the data.
    let mut dropped = Counts::default();
    let mut row = 0;
    let mut widths = (12, 12);
    let given = info.entries.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    for (name, value) in given.chain([("Time zone", setup.time_zone.as_str())]) {
        let (name, value) = (clean(name, &mut dropped), clean(value, &mut dropped));
        widths = (extent(&name).max(widths.0), extent(&value).max(widths.1));
        // Wrapped text needs the height to show; nobody computes it before the file is opened, and some not even then.
        let lines = value.chars().count().div_ceil(usize::from(WIDEST)).min(MOST_LINES);
        if lines > 1 {
            sheet.set_row_height(row, lines as f64 * LINE).map_err(library_error)?;
        }
        sheet.write_string_with_format(row, 0, name, &styles.name).map_err(library_error)?;
        sheet.write_string_with_format(row, 1, value, &styles.value).map_err(library_error)?;
        row += 1;
    }
    for (name, count) in [
        ("Sheets", u64::from(tally.sheets)),
        ("Truncated cells", tally.truncated_cells),
        ("Replaced characters", tally.replaced_characters),
        ("Guarded cells", tally.guarded_cells),
    ] {
        widths.0 = extent(name).max(widths.0);
        sheet.write_string_with_format(row, 0, name, &styles.name).map_err(library_error)?;
        // Counts of characters in memory-sized data stay far below 2^53.
        sheet.write_number_with_format(row, 1, count as f64, &styles.value).map_err(library_error)?;
        row += 1;
    }
    sheet.set_column_width(0, widths.0.min(40) + 4).map_err(library_error)?;
    sheet.set_column_width(1, widths.1.min(WIDEST) + 2).map_err(library_error)?;
    sheet.set_print_fit_to_pages(1, 0);
    Ok(sheet)
}
