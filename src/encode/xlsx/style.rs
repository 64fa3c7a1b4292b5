//! How a workbook looks: the header, and a number format for each kind of column.
//!
//! Formats are set on columns, not on cells: the library looks a cell's format up by hashing all of it, and a
//! column's by its number.

use rust_xlsxwriter::{Color, Format, FormatAlign, FormatBorder};

use super::shown::MAX_SCALE;
use crate::encode::{Column, Kind};

/// The formats of a workbook.
pub struct Styles {
    pub header: Format,
    /// Excel shows a boolean as TRUE whatever the format, LibreOffice shows 1 unless it finds the format that
    /// it writes itself.
    boolean: Format,
    /// For columns whose numbers bring their own format or need none.
    number: Format,
    pub date: Format,
    pub datetime: Format,
    /// By the number of decimal places.
    pub scaled: Vec<Format>,
    /// Text that stays text when a user edits the cell.
    pub text: Format,
    /// The names in the info sheet.
    pub name: Format,
    /// The values beside them, texts and counts alike.
    pub value: Format,
}

impl Styles {
    pub fn new() -> Self {
        let scaled = |places: usize| match places {
            0 => "0".to_string(),
            _ => format!("0.{}", "0".repeat(places)),
        };
        // A step away from the edge, where the text of the next column begins.
        let number = Format::new().set_align(FormatAlign::Right).set_indent(1);
        Styles {
            header: Format::new()
                .set_bold()
                .set_font_color(Color::RGB(0x1F_2A37))
                .set_background_color(Color::RGB(0xDC_E6F1))
                .set_border_bottom(FormatBorder::Thin)
                .set_border_bottom_color(Color::RGB(0x7F_8FA6))
                .set_align(FormatAlign::Left)
                .set_align(FormatAlign::VerticalCenter),
            boolean: Format::new().set_num_format("\"TRUE\";\"TRUE\";\"FALSE\"").set_align(FormatAlign::Left),
            number: number.clone(),
            date: Format::new().set_num_format("yyyy-mm-dd").set_align(FormatAlign::Left),
            datetime: Format::new().set_num_format("yyyy-mm-dd hh:mm:ss").set_align(FormatAlign::Left),
            scaled: (0..=MAX_SCALE).map(|places| number.clone().set_num_format(scaled(places))).collect(),
            text: Format::new().set_num_format("@"),
            name: Format::new().set_bold().set_align(FormatAlign::Top),
            value: Format::new().set_align(FormatAlign::Left).set_align(FormatAlign::Top).set_text_wrap(),
        }
    }

    /// The format of a column's cells; None is the workbook's default.
    pub fn of(&self, column: &Column) -> Option<&Format> {
        match column.kind {
            _ if column.identifier => Some(&self.text),
            Kind::Date => Some(&self.date),
            Kind::Timestamp | Kind::Instant => Some(&self.datetime),
            Kind::Int => self.scaled.first(),
            Kind::Float | Kind::Numeric => Some(&self.number),
            Kind::Bool => Some(&self.boolean),
            Kind::Text | Kind::Json | Kind::List => None,
        }
    }
}
