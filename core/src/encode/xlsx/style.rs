//! The styles of a workbook: the header, and a number format for each kind of column.
//!
//! A cell names its style by a number, and the rows are written before the library numbers the styles. It does
//! so in the order in which it meets them, so the numbers are given out here, as styles are used, and the
//! template shows the library the styles in this order and checks what it made of it.

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
    date: Format,
    datetime: Format,
    /// By the number of decimal places.
    scaled: Vec<Format>,
    /// Text that stays text when a user edits the cell.
    pub text: Format,
    /// The names in the info sheet.
    pub name: Format,
    /// The values beside them, texts and counts alike.
    pub value: Format,
    /// The styles of the data sheets that have numbers, the first of which is 1.
    numbered: Vec<Format>,
    /// Numbers of `scaled`, `date` and `datetime` once they are used, else 0.
    scaled_numbers: [u32; MAX_SCALE + 1],
    date_number: u32,
    datetime_number: u32,
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
            numbered: Vec::new(),
            scaled_numbers: [0; MAX_SCALE + 1],
            date_number: 0,
            datetime_number: 0,
        }
    }

    /// All styles that have numbers, in their order.
    pub fn numbered(&self) -> &[Format] {
        &self.numbered
    }

    /// The number of a column's style; 0 is the workbook's default.
    pub fn number_of(&mut self, column: &Column) -> u32 {
        match self.of(column).cloned() {
            Some(format) => self.number(&format),
            None => 0,
        }
    }

    /// The number of the style for so many decimal places, at most [`MAX_SCALE`].
    pub fn scaled_number(&mut self, places: usize) -> u32 {
        match self.scaled_numbers.get(places) {
            Some(0) => {
                let number = self.number(&self.scaled[places].clone());
                self.scaled_numbers[places] = number;
                number
            }
            Some(number) => *number,
            None => 0,
        }
    }

    /// The number of the style of days.
    pub fn date_number(&mut self) -> u32 {
        if self.date_number == 0 {
            self.date_number = self.number(&self.date.clone());
        }
        self.date_number
    }

    /// The number of the style of moments.
    pub fn datetime_number(&mut self) -> u32 {
        if self.datetime_number == 0 {
            self.datetime_number = self.number(&self.datetime.clone());
        }
        self.datetime_number
    }

    /// The number of a style, given to it when it is asked for the first time.
    fn number(&mut self, format: &Format) -> u32 {
        let found = self.numbered.iter().position(|known| known == format);
        let index = found.unwrap_or_else(|| {
            self.numbered.push(format.clone());
            self.numbered.len() - 1
        });
        index as u32 + 1
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
            Kind::Text | Kind::Json | Kind::List | Kind::Mixed => None,
        }
    }
}
