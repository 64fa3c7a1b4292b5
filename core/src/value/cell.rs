//! A value on its way from a tuple to a file, and what is known of its column.
//!
//! This is the border between the server and the encoders: everything on this side is plain data,
//! borrowed for the time of one row. Units follow the server's own: days and microseconds since
//! 2000-01-01, with `i32`/`i64` MIN and MAX for `-infinity` and `infinity` (datatype/timestamp.h).

use super::Text;
use serde::{Deserialize, Serialize};

/// One value of one row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cell<'a> {
    Null,
    Bool(bool),
    Int(i64),
    /// `real` and `double precision`; NaN and infinities occur.
    Float(f64),
    /// `numeric` as the server prints it: plain decimal digits, `NaN`, `Infinity`, `-Infinity`.
    Numeric(&'a str),
    Text(Text<'a>),
    /// Days since 2000-01-01.
    Date(i32),
    /// Microseconds since 2000-01-01 00:00, a wall clock without a zone.
    Timestamp(i64),
    /// An instant: microseconds since 2000-01-01 00:00 UTC, and the same instant on the wall clock of the
    /// requester's TimeZone (what a spreadsheet cell shows).
    Instant {
        utc: i64,
        local: i64,
    },
    /// Valid JSON text as the server wrote it.
    Json(&'a str),
    /// An array of one dimension.
    List(&'a [Cell<'a>]),
    /// An array of several dimensions.
    Grid(&'a Grid<'a>),
}

/// An array of several dimensions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Grid<'a> {
    /// Row by row, as many as the product of the sizes.
    pub items: &'a [Cell<'a>],
    /// The number of elements of each dimension, the outer one first; none is 0.
    pub sizes: &'a [usize],
}

impl<'a> Cell<'a> {
    pub fn text(text: &'a str) -> Cell<'a> {
        Cell::Text(Text::new(text))
    }
}

impl Cell<'_> {
    /// Bytes of its text, where it is one: of what is not bounded by its kind.
    #[inline]
    pub fn text_bytes(&self) -> usize {
        match self {
            Cell::Text(text) => text.len(),
            Cell::Numeric(text) | Cell::Json(text) => text.len(),
            _ => 0,
        }
    }

    /// About the bytes of memory that it takes.
    #[inline]
    pub fn memory(&self) -> usize {
        match self {
            Cell::List(items) | Cell::Grid(Grid { items, .. }) => memory_of(items),
            _ => self.text_bytes(),
        }
    }
}

fn memory_of(items: &[Cell<'_>]) -> usize {
    items.iter().map(|item| size_of::<Cell<'_>>() + item.memory()).sum()
}

/// The kind of values in a column; fixed for the whole file, so a spreadsheet can size and format it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Bool,
    Int,
    Float,
    Numeric,
    Text,
    Date,
    Timestamp,
    Instant,
    Json,
    List,
    /// Members of JSON objects: each cell is of its own kind.
    Mixed,
}

/// A column of the file, in its order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// The field's name: the key in JSON rows when there is no `json_path`.
    pub name: String,
    /// The header in xlsx and CSV.
    pub label: String,
    pub kind: Kind,
    /// An identifier or a phone number: numbers of it are written as text in a spreadsheet.
    pub identifier: bool,
    /// People and programs write its texts freely, so that anything may stand in them: a formula, a secret. Not so the texts of
    /// money, ranges, addresses of networks and the like.
    pub free_text: bool,
    /// Place in a JSON row: `user.identifiers.email_address`; None: the name at the top level.
    pub json_path: Option<String>,
}
