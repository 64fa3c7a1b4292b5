//! Declarations of superusers (sql/declare.sql has the functions by kind, whose arguments are regclass and regprocedure).

use crate::catalog::declare::{self, Declaration};
use crate::catalog::lineage;
use crate::pg::oid::Oid;
use crate::pg::report::{Report, Reported};
use pgrx::prelude::*;

/// Behind acct_export_exempt_column and its siblings.
#[pg_extern(schema = "acct_export", volatile, parallel_unsafe)]
fn declare(
    kind: &str,
    relation: Option<i64>,
    column_name: Option<&str>,
    function: Option<i64>,
    name: Option<&str>,
    reason: Option<&str>,
) -> std::result::Result<(), Report> {
    let oid = |number: Option<i64>| number.and_then(|number| u32::try_from(number).ok());
    let given =
        Declaration { kind, relation: oid(relation), column_name, function: oid(function), name, reason };
    declare::declare(&given).reported()
}

/// Hash of the code that makes a column of a view; NULL: the relation is no view.
#[pg_extern(schema = "acct_export", stable, parallel_unsafe)]
fn column_code(relation: Oid, attnum: i16) -> std::result::Result<Option<String>, Report> {
    lineage::code_of_column(relation.to_u32(), i64::from(attnum)).reported()
}
