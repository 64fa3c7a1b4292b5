//! pg_acctexport: account exports from inside a multi-tenant PostgreSQL database.
//!
//! The way of an export: `api` decodes the call, `start` checks it with `source` and `catalog`, `job` queues it and wakes a `worker`, which
//! claims it. `source` plans the query and reads the rows, `spool` takes the bytes of the encoder, `job` stores the file, or
//! `object_store` puts it into a bucket. `job` records the end: status, `audit`, and messages, which `notify` sends. `download`
//! hands the file out.
//!
//! The rooms, the upper ones first; imports run down this list, never up (scripts/check-imports):
//!
//! - `api`: the SQL functions: decode, call, return.
//! - `worker`: the processes in the background: launcher, slots, the run of one job, outbox, removal of objects.
//! - `download`: whole files, chunks, large objects, presigned URLs, differences of two files.
//! - `advice`: the reasons why exports of a dataset are slow or incomplete.
//! - `start`: from a request to a job: its checks, the queue.
//! - `source`: from a checked request to rows: query, companions, row limits.
//! - `job`: jobs, files and objects: their changes, and the SQL on these tables; waking of workers.
//! - `notify`: mails and webhooks.
//! - `object_store`: buckets.
//! - `catalog`: datasets, fields, rights, declarations; `catalog::lineage` traces values down to base tables.
//! - `audit`: the audit trail. `tenant`: the tenant of the session and of rows.
//! - `foreign_server`, `network`: servers, user mappings, and how they are reached.
//! - `spool`: the temporary file of a running export. `pseudonym_key`, `settings`.
//! - `pg`: safe wrappers around the server, the only place for `unsafe` and `pg_sys`; it knows nothing of exports.
//! - The crate `acctexport-core`: all that needs no server.

mod advice;
mod api;
mod audit;
mod catalog;
mod download;
// A build without extras reads fewer options of servers.
#[cfg_attr(not(all(feature = "s3", feature = "smtp", feature = "webhook")), allow(unused))]
mod foreign_server;
mod job;
#[cfg(any(feature = "s3", feature = "smtp", feature = "webhook"))]
mod network;
// A build without extras has fewer channels for messages.
#[cfg_attr(not(all(feature = "smtp", feature = "webhook")), allow(unused))]
mod notify;
#[cfg(feature = "s3")]
mod object_store;
#[cfg(not(feature = "s3"))]
#[path = "object_store/disabled.rs"]
mod object_store;
mod pg;
mod pseudonym_key;
mod settings;
mod source;
mod spool;
mod start;
mod tenant;
mod worker;

/// The rooms of the core, by the names that they have there.
use acctexport_core::{
    changes, decode, encode, error, filter, import, layout, model, redact, request, secret, value,
};

use pgrx::prelude::*;

pgrx::pg_module_magic!(name, version);

/// Tells pgrx of the schema that sql/schema.sql makes, for functions that are put into it.
#[pg_schema]
mod acct_export {}

extension_sql_file!("../sql/schema.sql", name = "schema", bootstrap);
extension_sql_file!("../sql/bind.sql", name = "bind", requires = ["schema"]);
extension_sql_file!("../sql/follow.sql", name = "follow", requires = ["bind", api::declare::column_code]);
extension_sql_file!("../sql/object.sql", name = "object", requires = ["schema"]);
extension_sql_file!("../sql/audit.sql", name = "audit", requires = ["schema"]);
extension_sql_file!(
    "../sql/register.sql",
    name = "register",
    requires = [
        "schema",
        api::catalog::register_given,
        api::catalog::alter_dataset,
        api::catalog::check_dataset,
        api::catalog::set_companion
    ]
);
extension_sql_file!(
    "../sql/policy.sql",
    name = "policy",
    requires = ["schema", api::policy::set_policy, api::catalog::may_know]
);
extension_sql_file!(
    "../sql/reference.sql",
    name = "reference",
    requires = [
        "schema",
        api::catalog::acct_export_set_reference,
        api::catalog::may_know,
        api::import::acct_export_check_import
    ]
);
extension_sql_file!(
    "../sql/destination.sql",
    name = "destination",
    requires = [
        "schema",
        api::foreign_server::s3_validator,
        api::foreign_server::gcs_validator,
        api::foreign_server::azure_validator,
        api::foreign_server::smtp_validator,
        api::foreign_server::webhook_validator
    ]
);
extension_sql_file!(
    "../sql/outbox.sql",
    name = "outbox",
    requires = ["schema", api::jobs::visible_in_session]
);
extension_sql_file!(
    "../sql/template.sql",
    name = "template",
    requires = ["schema", api::notify::acct_export_set_template, api::notify::built_in_templates]
);
extension_sql_file!(
    "../sql/declare.sql",
    name = "declare",
    requires = ["bind", api::declare::declare, api::declare::column_code]
);
extension_sql_file!(
    "../sql/views.sql",
    name = "views",
    requires = [
        "schema",
        "object",
        api::jobs::visible_in_session,
        api::jobs::wake,
        api::jobs::job_progress,
        api::seen::sees_all,
        api::seen::caller,
        api::seen::caller_roles,
        api::seen::caller_prints,
        api::seen::session_print,
        api::seen::session_shape,
        api::seen::moment,
        api::policy::may_approve,
        api::jobs::acct_export_job,
        api::jobs::wait_for_end,
        api::catalog::broken,
        api::catalog::may_know,
        api::catalog::may_know_without_source,
        api::catalog::field_state
    ]
);
extension_sql_file!(
    "../sql/diff.sql",
    name = "diff",
    requires = ["schema", api::diff::rows_of_both, api::diff::compared_once]
);
extension_sql_file!("../sql/scan.sql", name = "scan", requires = ["schema", api::scan::scan_columns]);
extension_sql_file!("../sql/run.sql", name = "run", requires = ["views", api::start::acct_export_start]);
extension_sql_file!(
    "../sql/saved.sql",
    name = "saved",
    requires = [
        "views",
        api::jobs::visible_in_session,
        api::seen::session_print,
        api::schedule::acct_export_run_due,
        api::jobs::here
    ]
);
extension_sql_file!(
    "../sql/monitor.sql",
    name = "monitor",
    requires = ["views", "audit", "outbox", "object"]
);
extension_sql_file!("../sql/comments.sql", name = "comments", finalize);

/// Called when the library is loaded: in the postmaster with `shared_preload_libraries`, else in a session or worker.
#[pg_guard]
pub extern "C-unwind" fn _PG_init() {
    // pgrx puts a backtrace into the DETAIL of errors where this is set; sources' paths are nobody's business there.
    std::env::remove_var("RUST_BACKTRACE");
    settings::define();
    pg::guard::install();
    pg::version::install();
    if pg::worker::preloading() {
        pg::worker::register_launcher();
    }
}
