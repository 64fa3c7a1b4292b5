//! The request for an export: what was asked, and everything about it that can be checked without a server.
//!
//! Arguments of the SQL functions become one [`Asked`]; the rooms below turn its parts into typed values.
//! What holds here: every name that passes was found in the [`Dataset`](crate::catalog::model::Dataset),
//! every value of the requester stays a value (a bound parameter, never SQL), and every refusal is an
//! [`Error`](crate::error::Error) that names the thing. What it must not do: talk to the server, read a
//! clock, or decide who may export.

pub mod asked;
pub mod companions;
pub mod filter;
pub mod name;
pub mod part;
pub mod period;
pub mod required;
pub mod selection;

mod listing;

pub use asked::Asked;
pub use listing::shown;
pub use name::{file_stem, slug, Stamp};
pub use selection::select_fields;
