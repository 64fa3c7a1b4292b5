//! Column widths, from the labels and the first rows.
//!
//! Widths stand at the head of a sheet, which is written once the first rows are known; from then on they are
//! the same for all sheets.

use super::shown::Shown;
use crate::encode::{Column, Kind};

/// Rows that are measured.
const SAMPLE: u32 = 200;
/// Bounds of a column, in characters of the default font.
const NARROWEST: u16 = 8;
const WIDEST: u16 = 60;
/// The filter button over a label, and the air beside a value.
const BUTTON: u16 = 4;
const AIR: u16 = 3;

/// The widest value seen in each column.
pub struct Gauge {
    widths: Vec<u16>,
    rows: u32,
}

impl Gauge {
    pub fn new(columns: &[Column]) -> Self {
        let widths = columns.iter().map(|column| {
            let least = match column.kind {
                Kind::Date => 10,
                Kind::Timestamp | Kind::Instant => 19,
                _ => 0,
            };
            (extent(&column.label) + BUTTON).max(least + AIR)
        });
        Gauge { widths: widths.collect(), rows: 0 }
    }

    /// Measures a value, as long as the sample lasts.
    pub fn see(&mut self, column: usize, shown: &Shown<'_>) {
        if self.rows >= SAMPLE {
            return;
        }
        let width = match *shown {
            Shown::Blank => return,
            Shown::Bool(_) => 5,
            // General shows eleven characters at most, a whole number all of its digits.
            Shown::Number(value) if value.fract() == 0.0 && value.abs() < 1e15 => places(value),
            Shown::Number(_) => 11,
            Shown::Scaled(value, scale) => places(value) + scale as u16 + 1,
            Shown::Day(_) => 10,
            Shown::Moment(_) => 19,
            Shown::Text(text) => extent(text),
        };
        if let Some(widest) = self.widths.get_mut(column) {
            *widest = (*widest).max(width + AIR);
        }
    }

    pub fn next_row(&mut self) {
        self.rows = self.rows.saturating_add(1);
    }

    /// Ends the sample: the widths have been written.
    pub fn close(&mut self) {
        self.rows = SAMPLE;
    }

    /// Widths in characters.
    pub fn widths(&self) -> impl Iterator<Item = u16> + '_ {
        self.widths.iter().map(|width| (*width).clamp(NARROWEST, WIDEST))
    }
}

/// Digits before the point, and the sign.
fn places(value: f64) -> u16 {
    // Below 1e15 by the rules of `shown`.
    let whole = value.abs() as u64;
    whole.checked_ilog10().unwrap_or(0) as u16 + 1 + u16::from(value < 0.0)
}

/// The width of the longest line, in characters; those of East Asian scripts (from Hangul Jamo on) are twice
/// as wide.
pub fn extent(text: &str) -> u16 {
    let line = |line: &str| -> u16 {
        // More than the widest column need not be counted.
        line.chars().take(usize::from(WIDEST)).map(|character| 1 + u16::from(character >= '\u{1100}')).sum()
    };
    text.lines().take(8).map(line).max().unwrap_or(0)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn widths_follow_labels_and_values() {
        let column = |label: &str, kind| Column {
            name: "c".into(),
            label: label.into(),
            kind,
            identifier: false,
            free_text: true,
            json_path: None,
        };
        let columns = [column("Id", Kind::Int), column("Created", Kind::Instant), column("Name", Kind::Text)];
        let mut gauge = Gauge::new(&columns);
        assert_eq!(gauge.widths().collect::<Vec<_>>(), [8, 22, 8]);
        gauge.see(0, &Shown::Number(-123_456_789_012.0));
        gauge.see(2, &Shown::Text("short\na longer line\n"));
        assert_eq!(gauge.widths().collect::<Vec<_>>(), [16, 22, 16]);
        gauge.see(2, &Shown::Text(&"漢".repeat(1_000_000)));
        assert_eq!(gauge.widths().last(), Some(60));
        for _ in 0..SAMPLE {
            gauge.next_row();
        }
        gauge.see(0, &Shown::Text("no longer measured, however long it is"));
        assert_eq!(gauge.widths().next(), Some(16));
    }
}
