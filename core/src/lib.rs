//! The part of the extension that needs no server: from the words of a request to the bytes of a file, and back.
//!
//! - `error`: the one error, its SQLSTATE, detail and hint.
//! - `value`: cells, texts, times, JSON, quoting, limits of memory.
//! - `secret`: which names, types and values are secrets.
//! - `model`: datasets, fields, requests, formats, options.
//! - `filter`: filter documents and SCIM to SQL with `$n`.
//! - `request`: the parts of a request that are checked by the dataset alone.
//! - `redact`: masks, anonymisation, secrets out of JSON and texts.
//! - `changes`: digests of rows, and the comparison of two exports by them.
//! - `layout`: the columns of a file, keys of JSON documents among them.
//! - `encode`: rows to csv, ndjson, json, xlsx.
//! - `decode`: our own files back to rows.
//! - `import`: edited workbooks and CSV files.
//!
//! A room imports only those above it in this list.
#![forbid(unsafe_code)]

pub mod changes;
pub mod decode;
pub mod encode;
pub mod error;
pub mod filter;
pub mod import;
pub mod layout;
pub mod model;
pub mod redact;
pub mod request;
pub mod secret;
pub mod value;
