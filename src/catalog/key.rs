//! True if columns can be the key: they order the rows and say which row is which, so they have to be unique and not null.

use super::lineage::{self, Lineage, Origin};
use super::unique_index::{never_null, proves};
use crate::error::{Error, Result};
use crate::model::Type;
use crate::pg::identity::{self, Reader};
use crate::pg::{catalog, report, sql, types, xact};
use crate::value::quote_ident;

/// A unique index of these columns or some of them, or with the tenant's, all of them without nulls. An index of a partitioned
/// table covers the partitions; one of another table covers no table that inherits from it.
const PROOF: &str = concat!(
    "
SELECT 'x' FROM pg_index i
 WHERE i.indrelid = $1::oid AND ",
    proves!(),
    "
   AND NOT EXISTS (
       SELECT FROM jsonb_array_elements_text($2::jsonb) AS k(name)
         LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attname = k.name AND NOT a.attisdropped
        WHERE (",
    never_null!(),
    ") IS NOT TRUE)
   AND NOT EXISTS (
       SELECT FROM generate_series(0, i.indnkeyatts - 1) AS n
         JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[n]
        WHERE NOT (jsonb_exists($2::jsonb, a.attname::text) OR coalesce(a.attname = $3, false)))
   AND NOT EXISTS (SELECT FROM pg_inherits h JOIN pg_class c ON c.oid = h.inhparent
                    WHERE h.inhparent = i.indrelid AND c.relkind <> 'p')"
);

/// True if an index of the table below proves that the key is unique, among all rows or within a tenant.
pub fn is_proven(lineage: &Lineage, key: &[&str], tenant_column: Option<&str>) -> Result<bool> {
    let Some((table, columns)) = origins(lineage, key) else { return Ok(false) };
    let tenant = tenant_column.and_then(|name| lineage.origin(name)).filter(|origin| origin.table == table);
    let columns = serde_json::json!(columns).to_string();
    let arguments =
        [i64::from(table).into(), (&columns).into(), tenant.map(|origin| origin.column.as_str()).into()];
    Ok(identity::as_owner(|| sql::text(PROOF, &arguments))?.is_some())
}

/// The columns of one table that the key is made of, where each row of the source is one of that table's.
fn origins<'l>(lineage: &'l Lineage, key: &[&str]) -> Option<(u32, Vec<&'l str>)> {
    let origins: Vec<&Origin> = key.iter().map(|name| lineage.origin(name)).collect::<Option<_>>()?;
    let table = origins.first()?.table;
    let columns = origins.iter().map(|origin| origin.column.as_str()).collect();
    origins.iter().all(|origin| origin.table == table).then_some((table, columns))
}

/// Looks for two rows of one key (22023), and warns where rows could not be seen: then exports will find them.
///
/// Somebody else's code does not run with a superuser's rights, here neither: it runs with those of the source's owner, or, where
/// that is a superuser too, nobody looks. Row security that is forced upon the owner is passed by where all code in the way is the
/// owner's own or a superuser's: the owner could lift it.
pub fn look_for_twins(
    source: u32,
    lineage: &Lineage,
    key: &[&str],
    tenant_column: Option<&str>,
) -> Result<()> {
    let relation = catalog::relation_name(source).unwrap_or_default();
    let (role, foreign) = looker(source)?;
    let unseen = match (role, foreign) {
        (Some(role), _) => look(source, &relation, lineage, key, tenant_column, role)?,
        (None, code) => {
            Some(format!("{} would run with the rights of a superuser", code.unwrap_or_default()))
        }
    };
    if let Some(why) = unseen {
        let key_list = key.join(", ");
        report::warn(
            format!("could not check that key \"{key_list}\" is unique in {relation}: {why}"),
            mends(lineage, key, tenant_column, &relation),
        );
    }
    Ok(())
}

/// The role that may look at rows of a source for the caller, and the code of others that is the reason why the caller may not.
pub(super) fn looker(source: u32) -> Result<(Option<u32>, Option<String>)> {
    let caller = identity::current_user();
    if !identity::may_run_programs(caller) {
        return Ok((Some(caller), None));
    }
    Ok(match lineage::borrowed(source, caller)? {
        None => (Some(caller), None),
        foreign => {
            let owner = catalog::relation_owner(source).filter(|owner| !identity::may_run_programs(*owner));
            (owner, foreign)
        }
    })
}

/// The statement that proves a key unique, or, where no index can, the one that finds rows of one key.
fn mends(lineage: &Lineage, key: &[&str], tenant_column: Option<&str>, relation: &str) -> String {
    let quoted =
        |names: &[&str]| names.iter().map(|name| catalog::quoted(name)).collect::<Vec<_>>().join(", ");
    let name = |table| catalog::relation_name(table).filter(|_| !lineage.multiplies());
    if let Some((table, mut columns)) =
        origins(lineage, key).and_then(|(table, columns)| Some((name(table)?, columns)))
    {
        let not_null: Vec<String> = columns
            .iter()
            .map(|column| format!("ALTER COLUMN {} SET NOT NULL", catalog::quoted(column)))
            .collect();
        columns.extend(
            tenant_column.and_then(|tenant| lineage.origin(tenant)).map(|origin| origin.column.as_str()),
        );
        return format!(
            "CREATE UNIQUE INDEX ON {table} ({}); ALTER TABLE {table} {}; An export fails where two rows have the same key.",
            quoted(&columns),
            not_null.join(", ")
        );
    }
    let mut by = key.to_vec();
    by.extend(tenant_column);
    let by = quoted(&by);
    format!("SELECT {by} FROM {relation} GROUP BY {by} HAVING count(*) > 1; An export fails where two rows have the same key.")
}

/// Refuses a key that is not unique (22023), by a look at the rows with the rights of a role; why some or all of them were not seen.
fn look(
    source: u32,
    relation: &str,
    lineage: &Lineage,
    key: &[&str],
    tenant_column: Option<&str>,
    role: u32,
) -> Result<Option<String>> {
    let column = |name: &str| format!("s.{}", quote_ident(name));
    let by = key.iter().copied().chain(tenant_column).map(column).collect::<Vec<_>>().join(", ");
    let nulls = key.iter().map(|name| format!("{} IS NULL", column(name))).collect::<Vec<_>>().join(" OR ");
    let query =
        format!("SELECT 'x' FROM {relation} AS s GROUP BY {by} HAVING count(*) > 1 OR {nulls} LIMIT 1");
    let may_pass = lineage::foreign_code(source, role)?.is_none();
    let reader = Reader::checking(role);
    let hidden = || lineage.base_tables().find(|table| catalog::row_security_active(table.oid, role));
    let found = reader.undone(|| {
        xact::with_latest_snapshot(|| {
            identity::as_requester(&reader, || {
                let read =
                    || Ok((sql::text_of_source(&query, &[])?, hidden().map(|table| table.name.clone())));
                if may_pass {
                    identity::past_forced_row_security(read)
                } else {
                    read()
                }
            })
        })
    });
    let refused = || {
        Error::invalid(format!("key \"{}\" is not unique in {relation}", key.join(", ")))
            .hint("Use columns whose values are unique and not null. With a unique index on them the rows need not be read.")
    };
    match found {
        Ok((None, None)) => Ok(None),
        Ok((None, Some(table))) => Ok(Some(format!("row security hides rows of {table}"))),
        Ok((Some(_), _)) => Err(refused()),
        Err(failure) if failure.is_of_server() => Err(failure.into_error()),
        Err(failure) => match failure.sqlstate() {
            // No equality for the type.
            "42883" => Err(refused()),
            // The caller may not read it: the export will show it.
            code => Ok(Some(format!("it could not be read (SQLSTATE {code})"))),
        },
    }
}

/// Refuses a tenant column that a setting, which is text, cannot be compared with (22023).
pub fn check_tenant_type(name: &str, ty: &Type) -> Result<()> {
    if types::can_be_tenant(ty) {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "tenant_column \"{name}\" is of type {}, which cannot be compared with a setting",
        ty.name
    ))
    .hint("Use a column of type text, uuid, integer, bigint or an enum."))
}
