//! The audit trail: who asked for, was refused, made, took and removed what, in a chain of hashes.
//!
//! An event is written in the transaction of what it tells of, and goes with it. Where that must not be, because the caller
//! is refused or because bytes have left the server already, an audit worker writes it: a worker with a transaction of its own.
//!
//! ```text
//! event ──► record ──► seal (just before this commit, or in one that follows)
//!             ▲
//! denied ──► audit worker (a worker; the refused caller waits for it)
//!             ▲
//! outlast ────┘ (what left the server, if the transaction is rolled back)
//! ```

pub mod autonomous;
pub mod denials;
pub mod event;
mod hash_chain;
mod on_rollback;
mod record;
pub mod removal;

pub use event::{told as event_detail, By, Event};
pub use hash_chain::{at_commit as chain_at_commit, seal_waiting};
pub use record::{catalog_change, left, record_plain};

pub const EXPORTED: &str = "user.bulk_export";
pub const PREVIEWED: &str = "user.bulk_export.previewed";
pub const IMPORT_CHECKED: &str = "user.bulk_export.import_checked";
pub const REQUESTED: &str = "user.bulk_export.requested";
pub const DENIED: &str = "user.bulk_export.denied";
pub const APPROVED: &str = "user.bulk_export.approved";
pub const FAILED: &str = "user.bulk_export.failed";
pub const CANCELLED: &str = "user.bulk_export.cancelled";
pub const DOWNLOADED: &str = "user.bulk_export.downloaded";
pub const DELETED: &str = "user.bulk_export.deleted";
pub const PURGED: &str = "user.bulk_export.purged";
pub const DECLARED: &str = "user.bulk_export.declared";
pub const POLICY_SET: &str = "user.bulk_export.policy_set";
pub const REGISTERED: &str = "user.bulk_export.registered";
pub const ALTERED: &str = "user.bulk_export.altered";
pub const REFRESHED: &str = "user.bulk_export.refreshed";
pub const UNREGISTERED: &str = "user.bulk_export.unregistered";
pub const FIELD_SET: &str = "user.bulk_export.field_set";
pub const EXPANSION_SET: &str = "user.bulk_export.expansion_set";
pub const REFERENCE_SET: &str = "user.bulk_export.reference_set";
pub const COMPANION_SET: &str = "user.bulk_export.companion_set";
pub const TEMPLATE_SET: &str = "user.bulk_export.template_set";
pub const SAVED: &str = "user.bulk_export.saved";
pub const SAVED_DROPPED: &str = "user.bulk_export.saved_dropped";
pub const ADOPTED: &str = "user.bulk_export.adopted";
pub const SCHEDULE_SET: &str = "user.bulk_export.schedule_set";
pub const SCHEDULE_REMOVED: &str = "user.bulk_export.schedule_removed";
pub const SCHEDULE_DISABLED: &str = "user.bulk_export.schedule_disabled";
pub const SCHEDULE_STARTED: &str = "user.bulk_export.schedule_started";
pub const REMOVED: &str = "user.bulk_export.audit_removed";
