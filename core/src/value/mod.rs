//! Values and how they are written: cells, texts, times, JSON, quoting, and memory for them.
//!
//! The ground floor: nothing here imports another room of the crate but `error`.

pub mod big_numbers;
mod cell;
pub mod escape;
mod form;
pub mod json_string;
pub mod json_value;
pub mod key_text;
pub mod list;
mod listing;
pub mod members;
pub mod memory;
mod plain;
mod quote;
mod scan;
pub mod text;
pub mod thread;
pub mod time;
pub mod uuid;

pub use cell::{Cell, Column, Grid, Kind};
pub use escape::storable;
pub use form::TextForm;
pub use list::Lists;
pub use listing::{listed, shown};
pub use plain::{Look, Text};
pub use quote::{quote_ident, quote_literal};
pub use scan::{contains, position};
