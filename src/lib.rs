//! pg_acctexport: account exports from inside a multi-tenant PostgreSQL database.
//!
//! The way of an export: `api` decodes the call, `request` and `catalog` check it, `job` queues it, `worker` claims it,
//! `source` plans the query and shields the values, `encode` makes bytes of the rows, `sink` spools and stores them, `store` puts them
//! into buckets, `notice` tells of the outcome, both on the foreign servers that `destination` knows and by way of `network`,
//! `deliver` hands the file out, `decode` reads files back to compare them, `import` those that were edited, `audit` tells of all of it, `advice` says what
//! makes it slow. `pg` is the only room that touches the server.

mod advice;
mod api;
mod audit;
mod catalog;
mod decode;
mod deliver;
// A smaller build has less to reach.
#[cfg_attr(not(all(feature = "s3", feature = "smtp", feature = "webhook")), allow(unused))]
mod destination;
mod encode;
mod error;
mod import;
mod job;
#[cfg(any(feature = "s3", feature = "smtp", feature = "webhook"))]
mod network;
// A smaller build has less to tell by.
#[cfg_attr(not(all(feature = "smtp", feature = "webhook")), allow(unused))]
mod notice;
mod pg;
mod request;
mod room;
mod settings;
mod sink;
mod source;
#[cfg(feature = "s3")]
mod store;
#[cfg(not(feature = "s3"))]
#[path = "store/absent.rs"]
mod store;
mod tenant_key;
mod worker;

use pgrx::prelude::*;

pgrx::pg_module_magic!(name, version);

/// Tells pgrx of the schema that sql/schema.sql makes, for functions that are put into it.
#[pg_schema]
mod acct_export {}

extension_sql_file!("../sql/schema.sql", name = "schema", bootstrap);
extension_sql_file!("../sql/object.sql", name = "object", requires = ["schema"]);
extension_sql_file!("../sql/audit.sql", name = "audit", requires = ["schema"]);
extension_sql_file!(
    "../sql/register.sql",
    name = "register",
    requires = ["schema", api::catalogue::register_dataset]
);
extension_sql_file!(
    "../sql/policy.sql",
    name = "policy",
    requires = ["schema", api::policy::set_policy, api::catalogue::may_know]
);
extension_sql_file!(
    "../sql/reference.sql",
    name = "reference",
    requires = [
        "schema",
        api::catalogue::acct_export_set_reference,
        api::catalogue::may_know,
        api::import::acct_export_check_import
    ]
);
extension_sql_file!(
    "../sql/destination.sql",
    name = "destination",
    requires = [
        "schema",
        api::destination::s3_validator,
        api::destination::gcs_validator,
        api::destination::azure_validator,
        api::destination::smtp_validator,
        api::destination::webhook_validator
    ]
);
extension_sql_file!("../sql/outbox.sql", name = "outbox", requires = ["schema", api::follow::visible]);
extension_sql_file!(
    "../sql/template.sql",
    name = "template",
    requires = ["schema", api::notice::acct_export_set_template, api::notice::built_in_templates]
);
extension_sql_file!("../sql/declare.sql", name = "declare", requires = ["schema", api::declare::declare]);
extension_sql_file!(
    "../sql/views.sql",
    name = "views",
    requires = [
        "schema",
        "object",
        api::follow::visible,
        api::follow::wake,
        api::follow::worker_progress,
        api::policy::may_approve,
        api::follow::acct_export_job,
        api::follow::wait_for_end,
        api::catalogue::may_know,
        api::catalogue::field_state
    ]
);
extension_sql_file!(
    "../sql/diff.sql",
    name = "diff",
    requires = ["schema", api::diff::rows_of_both, api::diff::compared_once]
);
extension_sql_file!("../sql/run.sql", name = "run", requires = ["views", api::start::acct_export_start]);
extension_sql_file!("../sql/comments.sql", name = "comments", finalize);

/// Called when the library is loaded: in the postmaster with `shared_preload_libraries`, else in a session or worker.
#[pg_guard]
pub extern "C-unwind" fn _PG_init() {
    // pgrx puts a backtrace into the DETAIL of errors where this is set; sources' paths are nobody's business there.
    std::env::remove_var("RUST_BACKTRACE");
    settings::define();
    if pg::worker::preloading() {
        pg::worker::register_launcher();
    }
}
