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

const REMOVE: &str = "
DELETE FROM acct_export.declaration
 WHERE kind = $1 AND relation::oid IS NOT DISTINCT FROM $2::oid AND column_name IS NOT DISTINCT FROM $3
   AND function::oid IS NOT DISTINCT FROM $4::oid AND name IS NOT DISTINCT FROM $5";

const INSERT: &str = "
INSERT INTO acct_export.declaration (kind, relation, column_name, function, name, reason, declared_by, definition)
VALUES ($1, $2::oid::regclass, $3, $4::oid::regprocedure, $5, $6, $7, coalesce($8, acct_export.function_hash($4::oid)))";

/// Makes, changes or (without a reason) withdraws a declaration. 42501 for others than superusers, 22023 for an object
/// that does not exist.
pub fn declare(given: &Declaration<'_>) -> Result<()> {
    if !identity::is_superuser(identity::current_user()) {
        return Err(Error::denied("must be superuser to declare what may leave and what may not"));
    }
    xact::require_write("declare")?;
    let object = object(given)?;
    let reason = given.reason.map(str::trim).filter(|reason| !reason.is_empty());
    let by = By::caller();
    identity::as_owner(|| {
        let number = |oid: Option<u32>| sql::Arg::Int(oid.map(i64::from));
        let (relation, function) = (number(given.relation), number(given.function));
        let what = [given.kind.into(), relation, given.column_name.into(), function, given.name.into()];
        let removed = sql::run(REMOVE, &what)?;
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
            return Err(Error::invalid(format!("there is no such declaration of {object}"))
                .hint("acct_export_declarations lists them; a new one needs a reason."));
        }
        let detail = serde_json::json!({
            "kind": given.kind, "object": object, "reason": reason, "withdrawn": reason.is_none().then_some(true),
        });
        audit::record_plain(Event::new(audit::DECLARED, by, detail))
    })
}

/// What an exemption sets aside: the bar that there is now. One that comes for another reason is not lifted by it.
fn lifted(given: &Declaration<'_>, object: &str) -> Result<Option<String>> {
    let (Some(relation), Some(column), "exempt_column") = (given.relation, given.column_name, given.kind)
    else {
        return Ok(None);
    };
    match lineage::trace(relation)?.bars(column) {
        Some(reason) => Ok(Some(reason)),
        None => Err(Error::invalid(format!("column {object} may leave as it is"))
            .hint("An exemption sets aside the reason that acct_export_fields gives as barred.")),
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
            Err(Error::invalid("a secret name needs letters")
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
            let name = catalog::relation_name(relation)
                .ok_or_else(|| Error::invalid(format!("relation with OID {relation} does not exist")))?;
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
