//! Safe wrappers around the server: the only place for `unsafe` and `pg_sys`.
//!
//! Nothing here knows of exports. Each file wraps one thing of the server; what it relies on stands beside
//! each `unsafe` block. A server ERROR unwinds through Rust as a panic that pgrx carries back to the server;
//! a FATAL does not unwind at all, so nothing here holds what only `Drop` would clean up.

pub mod argument;
mod array;
mod by_value;
pub mod catalog;
pub mod client;
pub mod count;
pub mod dsm_message;
pub mod equal_text;
pub mod exit;
pub mod explain;
pub mod guard;
pub mod guc;
mod hstore;
pub mod identity;
pub mod jsonb;
pub mod key_order;
pub mod line;
pub mod lock;
pub mod notify;
mod numeric;
pub mod oid;
pub mod params;
pub mod progress;
pub mod query;
mod removed;
pub mod report;
mod row;
pub mod session;
pub mod signals;
pub mod sql;
pub mod stream;
mod text_array;
pub mod text_setting;
pub mod tuple;
pub mod types;
pub mod unique;
mod varlena;
pub mod version;
pub mod wait;
pub mod worker;
pub mod xact;
pub mod zone;
