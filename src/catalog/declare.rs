//! Declarations of superusers: what the catalogue cannot know of a column, a name, a function or a table. Each has a
//! reason and an audit event; one without a reason is withdrawn, as COMMENT … IS NULL does.

use super::lineage;
use crate::audit::{self, By, Event};
use crate::error::{Error, Result};
use crate::pg::{catalog, identity, sql, xact};

/// One declaration, of the kind that its object fits.
#[derive(Debug, Default)]
pub struct Declaration<'a> {
    pub kind: &'a str,
    pub relation: Option<u32>,
    pub column_name: Option<&'a str>,
    pub function: Option<u32>,
    pub name: Option<&'a str>,
    pub reason: Option<&'a str>,
}

/// Rows for this object, and rows that hold for its name or lapsed with an earlier object of that name.
const REMOVE: &str = "
DELETE FROM acct_export.declaration d
 WHERE d.kind = $1 AND d.name IS NOT DISTINCT FROM $5
   AND (d.function_name IS NULL OR d.function = $4::oid
        OR d.function_name = (SELECT p.oid::regprocedure::text FROM pg_proc p WHERE p.oid = $4::oid)
           AND NOT EXISTS (SELECT FROM pg_proc p WHERE p.oid = d.function))
   AND (d.table_name IS NULL OR d.id IN (
        SELECT c.id FROM acct_export.declared_column c WHERE c.relation = $2::oid AND c.column_name = $3 AND NOT c.by_name
        UNION ALL
        SELECT g.id FROM acct_export.declaration g
         WHERE g.column_name IS NOT DISTINCT FROM $3
           AND (g.relation_oid = $2::oid
                OR g.relation_name
                   = (SELECT format('%I.%I', n.nspname, c.relname)
                        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = $2::oid))
           AND NOT EXISTS (SELECT FROM acct_export.declared_column c WHERE c.id = g.id AND NOT c.by_name)
           AND (g.kind <> 'shared_table' OR g.relation::oid = $2::oid
                OR NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = g.relation::oid))))";

/// A secret column of another table no longer holds for this one, which took that table's name.
const RELEASE: &str = "
UPDATE acct_export.declaration d
   SET former_tables = array_remove(d.former_tables,
           (SELECT format('%I.%I', n.nspname, c.relname)
              FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = $1::oid))
 WHERE d.id IN (SELECT c.id FROM acct_export.declared_column c
                 WHERE c.kind = 'secret_column' AND c.relation = $1::oid AND c.column_name = $2 AND c.by_name)";

/// The trigger `bind` adds the names and the column's number.
const INSERT: &str = "
INSERT INTO acct_export.declaration (kind, relation, column_name, function, function_name, name, reason, declared_by, definition)
VALUES ($1, $2::oid::regclass, $3, $4::oid, $4::oid::regprocedure::text, $5, $6, $7,
        coalesce($8, acct_export.function_hash($4::oid)))";

/// Makes, changes or (without a reason) withdraws a declaration. 42501 for others than superusers, 22023 for an object
/// that does not exist.
pub fn declare(given: &Declaration<'_>) -> Result<()> {
    if !identity::is_superuser(identity::current_user()) {
        return Err(Error::denied("must be superuser to declare secrets and exemptions"));
    }
    xact::require_write("declare")?;
    let object = object(given)?;
    let reason = given.reason.map(str::trim).filter(|reason| !reason.is_empty());
    let by = By::caller();
    identity::as_owner(|| {
        let number = |oid: Option<u32>| sql::Arg::Int(oid.map(i64::from));
        let (relation, function) = (number(given.relation), number(given.function));
        let what = [given.kind.into(), relation, given.column_name.into(), function, given.name.into()];
        let mut removed = sql::run(REMOVE, &what)?;
        if given.kind == "secret_column" {
            removed += sql::run(RELEASE, &[relation, given.column_name.into()])?;
        }
        if reason.is_some() {
            let [kind, relation, column_name, function, name] = what;
            let lifted = xact::with_latest_snapshot(|| lifted(given, &object))?;
            sql::run(
                INSERT,
                &[
                    kind,
                    relation,
                    column_name,
                    function,
                    name,
                    reason.into(),
                    (&by.role).into(),
                    lifted.as_deref().into(),
                ],
            )?;
        } else if removed == 0 {
            return Err(Error::invalid(format!("no such declaration of {object} exists"))
                .hint("acct_export_declarations lists the declarations. To make a new one, give a reason."));
        }
        let detail = serde_json::json!({
            "kind": given.kind, "object": object, "reason": reason, "withdrawn": reason.is_none().then_some(true),
        });
        audit::record_plain(Event::new(audit::DECLARED, by, detail))
    })
}

/// The bar that an exemption lifts: the present one. A bar with another reason is not lifted by it.
fn lifted(given: &Declaration<'_>, object: &str) -> Result<Option<String>> {
    let (Some(relation), Some(column), "exempt_column") = (given.relation, given.column_name, given.kind)
    else {
        return Ok(None);
    };
    match lineage::trace(relation)?.bars(column) {
        Some(reason) => Ok(Some(reason)),
        None => Err(Error::invalid(format!("column {object} is not barred; it needs no exemption"))
            .hint("An exemption is for a column that acct_export_scan lists as barred.")),
    }
}

/// The object as people write it; 22023 where it does not exist or is of another kind.
fn object(given: &Declaration<'_>) -> Result<String> {
    let needed = |what: &str| Error::invalid(format!("{what} must not be null"));
    match given.kind {
        "secret_name" => {
            let name = given.name.ok_or_else(|| needed("name"))?;
            if name.chars().any(char::is_alphabetic) {
                return Ok(name.to_owned());
            }
            Err(Error::invalid("name of a secret must contain letters")
                .hint("Write it like 'badge_number': whole words are compared."))
        }
        "clean_function" => {
            let function = given.function.ok_or_else(|| needed("function"))?;
            let found = identity::as_owner(|| {
                sql::text(
                    "SELECT oid::regprocedure::text FROM pg_proc WHERE oid = $1::oid",
                    &[i64::from(function).into()],
                )
            })?;
            found.ok_or_else(|| Error::invalid(format!("function with OID {function} does not exist")))
        }
        _ => {
            let relation = given.relation.ok_or_else(|| needed("relation"))?;
            let name = match catalog::relation_name(relation) {
                Some(name) => Some(name),
                None if given.reason.is_none() => gone(relation)?,
                None => None,
            };
            let name =
                name.ok_or_else(|| Error::invalid(format!("relation with OID {relation} does not exist")))?;
            if given.kind == "shared_table" {
                return Ok(name);
            }
            let column = given.column_name.ok_or_else(|| needed("column_name"))?;
            let known = identity::as_owner(|| {
                sql::text(
                    "SELECT 'x' FROM pg_attribute WHERE attrelid = $1::oid AND attname = $2 AND attnum > 0 AND NOT attisdropped",
                    &[i64::from(relation).into(), column.into()],
                )
            })?;
            if known.is_none() && given.reason.is_some() {
                return Err(Error::invalid(format!("column \"{column}\" of relation {name} does not exist")));
            }
            Ok(format!("{name}.{}", catalog::quoted(column)))
        }
    }
}

/// Name of a dropped relation that something is declared of still.
fn gone(relation: u32) -> Result<Option<String>> {
    identity::as_owner(|| {
        sql::text(
            "SELECT relation_name FROM acct_export.declaration WHERE relation_oid = $1::oid LIMIT 1",
            &[i64::from(relation).into()],
        )
    })
}
