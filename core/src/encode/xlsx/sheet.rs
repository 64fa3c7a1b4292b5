//! A data sheet but for its cells: its name and its look.

use rust_xlsxwriter::{IgnoreError, Worksheet};
use unicode_normalization::UnicodeNormalization;

use super::caught::library_error;
use super::info;
use super::style::Styles;
use super::template::OutlineSheet;
use crate::error::Result;

/// UTF-16 units of a sheet name.
const MAX_NAME: usize = 31;
/// Points; the default row has 15.
const HEADER_HEIGHT: f64 = 20.0;
/// Characters side by side that are still readable when a page of paper has to take them.
const PRINTABLE: u32 = 280;

/// The name that Excel keeps for the sheet of tracked changes, in English and in Russian. Of other languages none was found.
const RESERVED: [&str; 2] = ["history", "журнал"];

/// The form in which programs compare names of sheets: without case, ligatures and wide letters.
pub fn folded(name: &str) -> String {
    let plain: String = name.nfkc().collect();
    plain.to_uppercase().to_lowercase().nfkc().collect()
}

/// The name of the `number`th sheet (from 1) of a title: `Users`, `Users (2)`, cut so that it fits.
///
/// Excel allows neither `: \ / ? * [ ]` nor an apostrophe at either end, keeps `History` for itself, and
/// compares names without regard to case; `Export info` is our own last sheet.
pub fn name(title: &str, number: usize) -> String {
    let suffix = if number > 1 { format!(" ({number})") } else { String::new() };
    let cleaned: String =
        title.chars().map(|character| if is_barred(character) { '_' } else { character }).collect();
    let trimmed = trim(&cleaned);
    let mut kept = RESERVED.into_iter().chain([info::NAME]);
    let reserved = kept.any(|name| folded(trimmed) == folded(name));
    let base = match (trimmed, reserved) {
        ("", _) => "Export".to_string(),
        (_, true) => format!("{trimmed} data"),
        _ => trimmed.to_string(),
    };
    let mut units = suffix.len();
    let fits = |character: &char| {
        units += character.len_utf16();
        units <= MAX_NAME
    };
    let cut: String = base.chars().take_while(fits).collect();
    format!("{}{suffix}", trim(&cut))
}

fn is_barred(character: char) -> bool {
    matches!(character, ':' | '\\' | '/' | '?' | '*' | '[' | ']' | '\u{FFFE}' | '\u{FFFF}')
        || character.is_control()
}

fn trim(name: &str) -> &str {
    name.trim_matches(|character: char| character == '\'' || character.is_whitespace())
}

/// Makes the look of a data sheet of so many rows: formats, widths, a header that stays in view, whose cells
/// are still empty, filter, print settings, and no green corners on identifiers that are digits.
pub fn draw(sheet: &mut Worksheet, outline: &OutlineSheet<'_>, styles: &Styles) -> Result<()> {
    let (columns, gauge, rows) = (&outline.table.columns, &outline.table.gauge, outline.rows);
    sheet.set_name(outline.name).map_err(library_error)?;
    sheet.set_row_height(0, HEADER_HEIGHT).map_err(library_error)?;
    sheet.set_freeze_panes(1, 0).map_err(library_error)?;
    // On paper the header stands on every page as well.
    sheet.set_repeat_rows(0, 0).map_err(library_error)?;
    sheet.set_landscape();
    for ((index, column), width) in (0_u16..).zip(columns).zip(gauge.widths()) {
        if let Some(format) = styles.of(column) {
            sheet.set_column_format(index, format).map_err(library_error)?;
        }
        sheet.set_column_width(index, width).map_err(library_error)?;
        sheet.write_blank(0, index, &styles.header).map_err(library_error)?;
    }
    let Some(last) = columns.len().checked_sub(1) else { return Ok(()) };
    // At most 16,384 columns.
    let last = last as u16;
    sheet.autofilter(0, 0, rows, last).map_err(library_error)?;
    if gauge.widths().map(u32::from).sum::<u32>() <= PRINTABLE {
        sheet.set_print_fit_to_pages(1, 0);
    }
    if rows > 0 {
        sheet.ignore_error_range(1, 0, rows, last, IgnoreError::NumberStoredAsText).map_err(library_error)?;
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_as_programs_do() {
        for (one, other) in [("ﬃ", "FFI"), ("Straße", "STRASSE"), ("Ｕｓｅｒｓ", "users"), ("Ä", "A\u{308}")]
        {
            assert_eq!(folded(one), folded(other));
        }
        assert_ne!(folded("Users"), folded("Users (2)"));
    }

    #[test]
    fn names_are_made_to_fit() {
        for (title, number, wanted) in [
            ("Users", 1, "Users"),
            ("Users", 2, "Users (2)"),
            ("'a/b:c\\d?e*f[g]'", 1, "a_b_c_d_e_f_g_"),
            ("", 1, "Export"),
            (" '' ", 3, "Export (3)"),
            ("History", 1, "History data"),
            ("ЖУРНАЛ", 1, "ЖУРНАЛ data"),
            ("EXPORT INFO", 1, "EXPORT INFO data"),
            ("a\u{0}b\nc", 1, "a_b_c"),
            ("1234567890123456789012345678901234", 1, "1234567890123456789012345678901"),
            ("1234567890123456789012345678901234", 12, "12345678901234567890123456 (12)"),
            ("123456789012345678901234567890😀", 1, "123456789012345678901234567890"),
            ("123456789012345678901234567890'x", 1, "123456789012345678901234567890"),
        ] {
            assert_eq!(name(title, number), wanted);
            assert!(Worksheet::new().set_name(name(title, number)).is_ok());
        }
    }
}
