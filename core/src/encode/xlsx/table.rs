//! The rows of one kind: a title and columns, over as many sheets as the rows need.

use super::fill::Value;
use super::markup::Markup;
use super::style::Styles;
use super::template;
use super::text::Counts;
use super::width::Gauge;
use super::{MAX_CELL, MAX_SHEET};
use crate::encode::Column;

pub struct Table {
    pub title: String,
    pub columns: Vec<Column>,
    /// The header's texts, and what had to be done to them.
    pub labels: Vec<Value>,
    pub label_counts: Counts,
    pub gauge: Gauge,
    pub markup: Markup,
    /// Bytes of XML that a sheet takes and still has room for one more row, whatever that holds.
    pub max_bytes: u64,
}

/// A data sheet.
pub struct Sheet {
    /// No other sheet has it.
    pub name: String,
    /// The table of its rows, from 0.
    pub table: usize,
    pub rows: u32,
}

impl Table {
    pub fn new(title: &str, columns: &[Column], styles: &mut Styles, compact: bool) -> Table {
        let mut label_counts = Counts::default();
        Table {
            title: title.to_owned(),
            columns: columns.to_vec(),
            labels: columns.iter().map(|column| template::label(column, &mut label_counts)).collect(),
            label_counts,
            gauge: Gauge::new(columns),
            markup: Markup::new(columns, styles, compact),
            max_bytes: MAX_SHEET - columns.len() as u64 * MAX_CELL,
        }
    }
}
