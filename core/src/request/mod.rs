//! The request for an export: what was asked, and everything about it that can be checked without a server.
//!
//! Arguments of the SQL functions become one [`ExportRequest`]; the rooms below turn its parts into typed values.
//! Invariants: every name that passes was found in the [`Dataset`](crate::model::Dataset),
//! every value of the requester stays a value (a bound parameter, never SQL), and every refusal is an
//! [`Error`](crate::error::Error) that names the thing. This folder must not talk to the server, read a
//! clock, or decide who may export.

pub mod companions;
pub mod labels;
pub mod name;
pub mod required;
pub mod selection;
pub mod sorting;
pub mod subject;

pub use crate::model::ExportRequest;
pub use crate::value::shown;
pub use name::{file_stem, slug, Stamp};
pub use selection::select_fields;
