//! The server's object identifier as an argument of SQL functions.

pub use pgrx::pg_sys::Oid;

/// Catalogues in which options of foreign servers stand.
pub const SERVERS: Oid = pgrx::pg_sys::ForeignServerRelationId;
pub const USER_MAPPINGS: Oid = pgrx::pg_sys::UserMappingRelationId;
pub const WRAPPERS: Oid = pgrx::pg_sys::ForeignDataWrapperRelationId;
