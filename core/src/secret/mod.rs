//! Columns and names that hold secrets.
//!
//! [`classify`] judges the columns of a table by their names, types, table and neighbours. [`Names`] judges a single name:
//! a key of a JSON object, or the name in a row of names and values ([`name_value`]).

mod classify;
mod foreign;
mod name;
pub mod name_value;
mod name_words;
pub mod named;
mod names;
mod neighbours;
mod normalise;
pub mod reasons;
mod settings;
mod table;
mod table_kind;
mod table_texts;
mod table_words;
mod types;
mod unnamed;
pub mod values;
mod vocabulary;
mod words;

pub use classify::{classify, Column, TableShape, Verdict};
pub use names::{counts, Names};
pub use types::{ColumnType, Family};
pub use words::words;
