//! The server's object identifier as an argument of SQL functions.

pub use pgrx::pg_sys::Oid;
