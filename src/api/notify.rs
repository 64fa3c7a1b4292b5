//! Texts of mails, for superusers; the rest of it is SQL (sql/template.sql).

use crate::notify::templates;
use crate::pg::report::{Report, Reported};
use pgrx::prelude::*;

/// Sets subject and text of the mails about an outcome; NULL for both: the extension's own again.
///
/// Errors: 42501 for others than superusers, 22023 for an unknown name or placeholder and for what is no line or no text.
#[pg_extern(volatile, parallel_unsafe)]
fn acct_export_set_template(
    name: Option<&str>,
    subject: default!(Option<&str>, "NULL"),
    body: default!(Option<&str>, "NULL"),
) -> std::result::Result<(), Report> {
    templates::set(name, subject, body).reported()
}

/// Subjects and texts that the extension brings.
#[pg_extern(schema = "acct_export", immutable, parallel_safe)]
fn built_in_templates() -> TableIterator<
    'static,
    (name!(name, &'static str), name!(subject, &'static str), name!(body, &'static str)),
> {
    TableIterator::new(templates::BUILT_IN)
}
