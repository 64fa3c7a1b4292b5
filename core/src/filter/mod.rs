//! The filter language: a JSON document that becomes a WHERE clause with bound values.
//!
//! ```text
//! SCIM string ── scim ──► JSON ── weigh, parse ──► Node<Condition> ── check(dataset) ──► Node<Resolved> ── sql ──► Clause
//! ```
//!
//! Invariants: nothing that the requester typed is part of the SQL, only placeholders and quoted column names
//! that the catalogue knows; a barred field and a secret key inside JSON, at whatever depth, cannot be asked about, not even for
//! presence, a masked field for presence only; no input makes this code panic or recurse without bound. What
//! it must not do: turn values into the server's datums, that is the caller's, by the type's own input function.
//!
//! Choices:
//! - `or`, `and` and `not` are words of the language: a field of such a name cannot be filtered on.
//! - `created_after` and `updated_after` mean at or after (`ge`), the two `_before` mean before (`lt`), so
//!   that two neighbouring ranges neither overlap nor leave a gap. A field that really bears such a name wins
//!   over the stand-in.
//! - `ne` is the complement of `eq`, as in SCIM: it holds for NULL. `not` is the complement of what it
//!   encloses.
//! - An empty `in` matches no row; a null in the list matches NULL. An empty object matches every row and is
//!   accepted at the top only, where nothing else could be meant.
//! - `pr` means neither NULL nor empty: not `''`, not `{}`, not the JSON values null, `""`, `[]` and `{}`.
//! - A text that is a JSON document, in a text field, an array or a JSON string, equals nothing and contains nothing.
//! - `ci` on a field that is not text says nothing and is ignored: a SCIM string may stand for a date. The dataset's key is
//!   case-exact even so, as ids are; those `scim` knows by their name.
//! - `any` beside the other operators asks one element of a JSON list for a whole filter, whose names are the element's
//!   keys: a value path of SCIM. A path, too, reaches through lists, or `not` would let more rows pass than meant.
//! - A whole JSON field is asked by path or by `any`, never compared: SCIM's `emails co "x"` is refused where `emails` is
//!   JSON, `emails.value co "x"` is not.
//! - Names are the dataset's, letter by letter, also in SCIM strings: two columns may differ in case.

pub mod ast;
pub mod check;
pub mod parse;
pub mod scim;
pub mod sql;

mod coercion;
mod compare;
mod document;
mod json;
mod limits;
mod names;
mod operators;
mod pinned_fields;
mod synonym;

pub use crate::value::{quote_ident, quote_literal};
pub use check::{check, comparable};
pub use coercion::{as_text, is_citext};
pub use limits::{read, too_large};
pub use names::longest_prefix;
pub use parse::parse;
pub use sql::{to_sql, Clause, Param, Value};

use crate::error::Result;
use crate::model::Dataset;

/// The whole way from the document to the clause; `first` is the number of its first placeholder (1 for
/// `$1`).
///
/// `is_secret_key` says whether a key of a JSON value is one that never leaves (`password`, `token`, …): a
/// path through one is refused, or a filter could guess letter by letter what the export would not show.
/// `without_secrets` names the SQL function that gives a jsonb document as the export shows it.
///
/// Errors: 22023, 42501 and 54000 as [`parse()`] and [`check()`] give them.
pub fn compile(
    filter: &serde_json::Value,
    dataset: &Dataset,
    first: usize,
    is_secret_key: &dyn Fn(&str) -> bool,
    without_secrets: &str,
) -> Result<Clause> {
    let parsed = parse(filter)?;
    let checked = check(&parsed, dataset, is_secret_key)?;
    Ok(Clause { narrowed: pinned_fields::narrowed(&checked), ..to_sql(&checked, first, without_secrets) })
}

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod properties;
