//! The forms of numbers and days in a CSV file: those of exports, or those of the locale in which a spreadsheet saved it.
//!
//! A form of a locale counts only where the file leaves no doubt: a comma is the decimal separator where no number has a
//! point, and days of a column are in another order than ISO 8601 where none of the column is in that.

use super::moment::{exact, local, DayOrder};
use crate::value::Kind;

pub struct Dialect {
    pub delimiter: u8,
    /// Fields of the header.
    pub width: usize,
    pub decimal_comma: bool,
    /// Of days and moments, by their places: ISO 8601 is among them.
    iso: Vec<bool>,
    order: Option<DayOrder>,
}

impl Dialect {
    /// The order of day and month in the forms of a locale; None: the column has days in ISO 8601.
    pub fn order(&self, place: usize) -> Option<DayOrder> {
        match self.iso.get(place) {
            Some(false) => Some(self.order.unwrap_or(DayOrder::Unknown)),
            _ => None,
        }
    }
}

/// The forms of a file, as its cells tell them.
pub struct Evidence {
    point: bool,
    comma: bool,
    iso: Vec<bool>,
    day_first: bool,
    month_first: bool,
}

impl Evidence {
    /// `places`: the number of columns that are compared.
    pub fn new(places: usize) -> Evidence {
        Evidence {
            point: false,
            comma: false,
            iso: vec![false; places],
            day_first: false,
            month_first: false,
        }
    }

    pub fn see(&mut self, place: usize, kind: Kind, text: &str) {
        match kind {
            Kind::Float | Kind::Numeric => {
                self.point |= is_fraction(text.trim(), b'.');
                self.comma |= is_fraction(text.trim(), b',');
            }
            Kind::Date | Kind::Timestamp | Kind::Instant => {
                let text = text.trim();
                if exact(text).is_some() {
                    if let Some(iso) = self.iso.get_mut(place) {
                        *iso = true;
                    }
                } else if let Some(found) = local(text) {
                    self.day_first |= found.order == DayOrder::DayFirst;
                    self.month_first |= found.order == DayOrder::MonthFirst;
                }
            }
            _ => {}
        }
    }

    pub fn dialect(self, delimiter: u8, width: usize) -> Dialect {
        let order = match (self.day_first, self.month_first) {
            (true, false) => Some(DayOrder::DayFirst),
            (false, true) => Some(DayOrder::MonthFirst),
            _ => None,
        };
        Dialect { delimiter, width, decimal_comma: self.comma && !self.point, iso: self.iso, order }
    }
}

/// True for digits, one separator, digits, and perhaps an exponent.
pub fn is_fraction(text: &str, separator: u8) -> bool {
    let text = text.strip_prefix(['+', '-']).unwrap_or(text);
    let Some((whole, rest)) = text.split_once(char::from(separator)) else { return false };
    let (fraction, exponent) = rest.split_once(['e', 'E']).unwrap_or((rest, "0"));
    let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    [whole, fraction, exponent]
        .iter()
        .all(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
}
