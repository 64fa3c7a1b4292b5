//! Registration: what a DBA says of a relation, checked against the server's catalogue before it is kept.

use super::given::{elements, null, required, shown_text};
use super::lineage::{self, Lineage};
use super::model::{Class, Treatment};
use super::owner::{owner_of_dataset, owner_only};
use super::{key, personal, policy};
use crate::error::{Error, Result};
use crate::pg::{catalog, identity, sql, types};
use crate::request::filter;
use crate::tenant_key;
use serde::{Deserialize, Serialize};

/// Arguments of `acct_export_register`.
#[derive(Debug, Deserialize)]
pub struct Registration {
    pub dataset: Option<String>,
    pub source: Option<u32>,
    pub key: Option<String>,
    pub tenant_column: Option<String>,
    pub created_column: Option<String>,
    pub updated_column: Option<String>,
    pub status_column: Option<String>,
    pub disabled_values: Option<Vec<Option<String>>>,
    pub required_roles: Option<Vec<Option<String>>>,
    pub authorize: Option<String>,
    pub title: Option<String>,
    pub companions: Option<Vec<Option<String>>>,
}

#[derive(Deserialize)]
struct Column {
    name: String,
    type_oid: u32,
    position: i32,
    comment: Option<String>,
}

#[derive(Serialize)]
struct NewField<'a> {
    field: &'a str,
    label: String,
    position: i32,
    is_default: bool,
    eligible: bool,
    on_anonymise: Treatment,
}

const COLUMNS: &str = "
SELECT jsonb_build_object('name', a.attname, 'type_oid', a.atttypid::bigint,
           'position', row_number() OVER (ORDER BY a.attnum), 'comment', col_description(a.attrelid, a.attnum))
  FROM pg_attribute a
 WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped
 ORDER BY a.attnum";

const SAVE: &str = "
INSERT INTO acct_export.dataset AS d (dataset, title, source, key, tenant_column, created_column, updated_column,
       status_column, disabled_values, required_roles, authorize, companions)
SELECT r.dataset, coalesce(r.title, initcap(r.dataset)), r.source::oid::regclass, r.key, r.tenant_column, r.created_column,
       r.updated_column, r.status_column, coalesce(r.disabled_values, '{}'), coalesce(r.required_roles, '{}'), r.authorize,
       coalesce(r.companions, '{}')
  FROM jsonb_to_record($1::jsonb) AS r(dataset text, title text, source bigint, key text, tenant_column text,
       created_column text, updated_column text, status_column text, disabled_values text[], required_roles text[],
       authorize text, companions text[])
    ON CONFLICT (dataset) DO UPDATE
   SET title = excluded.title, source = excluded.source, key = excluded.key, tenant_column = excluded.tenant_column,
       created_column = excluded.created_column, updated_column = excluded.updated_column,
       status_column = excluded.status_column, disabled_values = excluded.disabled_values,
       required_roles = excluded.required_roles, authorize = excluded.authorize, companions = excluded.companions";

/// Fields of columns that are gone are dropped, those of new columns added, the others keep what set_field said; one that may
/// leave from now on is one of the default ones, as if it were new.
const SAVE_FIELDS: &str = "
WITH new AS (
    SELECT * FROM jsonb_to_recordset($2::jsonb)
        AS f(field text, label text, position integer, is_default boolean, eligible boolean, on_anonymise text)
), gone AS (
    DELETE FROM acct_export.field f WHERE f.dataset = $1 AND NOT EXISTS (SELECT FROM new WHERE new.field = f.field)
)
INSERT INTO acct_export.field AS f (dataset, field, label, position, is_default, eligible, on_anonymise)
SELECT $1, new.field, new.label, new.position, new.is_default, new.eligible, new.on_anonymise FROM new
    ON CONFLICT (dataset, field) DO UPDATE
   SET is_default = f.is_default OR (excluded.eligible AND NOT f.eligible), eligible = excluded.eligible";

/// Checks and keeps a registration. 22023 for what does not exist or fit, 42501 for a caller who is not the owner and
/// for a source that could leak.
pub fn register(given: &Registration) -> Result<()> {
    let dataset = required(given.dataset.as_deref(), "dataset")?;
    let key = required(given.key.as_deref(), "key")?;
    let source = given.source.ok_or_else(|| null("source"))?;
    let relation = catalog::relation_name(source)
        .ok_or_else(|| Error::invalid(format!("relation with OID {source} does not exist")))?;
    if dataset.chars().count() > 200 || dataset.chars().any(char::is_control) {
        return Err(Error::invalid("a dataset's name has at most 200 characters and no control characters"));
    }
    owner_only(source, &relation)?;
    if catalog::is_temporary(source) {
        return Err(Error::invalid(format!("{relation} is a temporary relation"))
            .hint("Register a relation that other sessions can see."));
    }
    let lineage = lineage::trace(source)?;
    lineage.check(dataset)?;
    let columns: Vec<Column> = identity::as_owner(|| sql::documents(COLUMNS, &[i64::from(source).into()]))?;
    let column = |name: &str, what: &str| find(&columns, name, what, &relation);
    column(key, "key")?;
    if let Some(reason) = lineage.bars(key) {
        return Err(Error::denied(format!("column \"{key}\" cannot be the key: {reason}")));
    }
    if let Some(name) = &given.tenant_column {
        key::check_tenant_type(name, &types::describe(column(name, "tenant_column")?.type_oid))?;
        no_foreign_table(&lineage, dataset)?;
    }
    // What the rows are selected by tells of itself.
    let selecting = [
        (&given.created_column, "created_column"),
        (&given.updated_column, "updated_column"),
        (&given.status_column, "status_column"),
    ];
    for (name, what) in selecting.iter().filter_map(|(name, what)| Some((name.as_ref()?, what))) {
        column(name, what)?;
        if let Some(reason) = lineage.bars(name) {
            return Err(Error::denied(format!("column \"{name}\" cannot be the {what}: {reason}")));
        }
    }
    for (name, what) in [(&given.created_column, "created_column"), (&given.updated_column, "updated_column")]
    {
        if let Some(name) = name {
            let ty = types::describe(column(name, what)?.type_oid);
            if !matches!(ty.class, Class::Date | Class::Timestamp | Class::Instant) {
                return Err(Error::invalid(format!(
                    "{what} \"{name}\" is of type {}, not a date or timestamp",
                    ty.name
                )));
            }
        }
    }
    let disabled_values = elements(&given.disabled_values, "disabled_values")?;
    if !disabled_values.is_empty() && given.status_column.is_none() {
        return Err(Error::invalid("disabled_values are given without a status_column"));
    }
    let required_roles = elements(&given.required_roles, "required_roles")?;
    if let Some(missing) = required_roles.iter().find(|role| identity::role_oid(role).is_none()) {
        return Err(Error::invalid(format!("role \"{missing}\" in required_roles does not exist"))
            .hint("CREATE ROLE it first, and GRANT it to those who may export."));
    }
    let companions = elements(&given.companions, "companions")?;
    if companions.iter().any(|companion| given.dataset.as_ref() == Some(companion)) {
        return Err(Error::invalid(format!(
            "dataset \"{}\" cannot be a companion of itself",
            given.dataset.as_deref().unwrap_or_default()
        ))
        .hint("Companions are other datasets, which ride along as further files."));
    }
    for companion in &companions {
        let known = identity::as_owner(|| {
            sql::text("SELECT 'x' FROM acct_export.dataset WHERE dataset = $1", &[companion.into()])
        })?;
        if known.is_none() {
            return Err(Error::invalid(format!("companion \"{companion}\" is not a registered dataset"))
                .hint("Register the companions first."));
        }
    }
    check_authorize(given.authorize.as_deref(), source)?;
    if !key::is_proven(&lineage, key, given.tenant_column.as_deref())? {
        key::look_for_twins(source, key, given.tenant_column.as_deref())?;
    }
    shown_text(given.title.as_deref(), "title")?;
    let record = serde_json::json!({
        "dataset": dataset, "title": given.title, "source": source, "key": key, "tenant_column": given.tenant_column,
        "created_column": given.created_column, "updated_column": given.updated_column,
        "status_column": given.status_column, "disabled_values": disabled_values, "required_roles": required_roles,
        "authorize": given.authorize, "companions": companions,
    })
    .to_string();
    let fields: Vec<NewField<'_>> = columns.iter().map(|column| new_field(column, key, &lineage)).collect();
    let fields =
        serde_json::to_string(&fields).map_err(|_| Error::invalid("a column's name cannot be kept"))?;
    may_write()?;
    // Another dataset of this name may belong to somebody else's relation.
    owner_of_dataset(dataset)?;
    identity::as_owner(|| {
        tenant_key::ensure()?;
        sql::run(SAVE, &[(&record).into()])?;
        sql::run(SAVE_FIELDS, &[dataset.into(), (&fields).into()]).map(drop)
    })
}

/// `acct_export_unregister`: the dataset and its fields; jobs and files of it stay until their time.
pub fn unregister(dataset: Option<&str>) -> Result<()> {
    let dataset = required(dataset, "dataset")?;
    if !owner_of_dataset(dataset)? {
        super::load::load(dataset)?; // not there: the error that lists the known ones
    }
    may_write()?;
    policy::tell_of_end(dataset)?;
    // Who takes the name next does not ride along with what this one rode along with.
    let leave = "UPDATE acct_export.dataset SET companions = array_remove(companions, $1) WHERE $1 = ANY (companions)";
    let forget = "DELETE FROM acct_export.dataset WHERE dataset = $1";
    identity::as_owner(|| {
        sql::run(leave, &[dataset.into()])?;
        sql::run(forget, &[dataset.into()]).map(drop)
    })
}

fn check_authorize(function: Option<&str>, source: u32) -> Result<()> {
    let Some(function) = function else { return Ok(()) };
    let fits = identity::as_owner(|| {
        sql::text(
            // It runs as whoever asks: only those may bring it who could put code into the source as well.
            "SELECT 'x' FROM pg_proc p
              WHERE oid = to_regprocedure($1) AND prorettype = 'boolean'::regtype AND NOT proretset
                AND NOT pg_is_other_temp_schema(pronamespace) AND pronamespace <> pg_my_temp_schema()
                AND (proowner = (SELECT relowner FROM pg_class WHERE oid = $2::oid)
                     OR (SELECT rolsuper FROM pg_roles r WHERE r.oid = proowner))",
            &[function.into(), i64::from(source).into()],
        )
    })?;
    match fits {
        Some(_) => Ok(()),
        None => Err(Error::invalid(format!("function {function} cannot authorize a request"))
            .hint("It has to be a function f(request jsonb) that returns boolean, owned by the owner of the source or by a superuser.")),
    }
}

fn no_foreign_table(lineage: &Lineage, dataset: &str) -> Result<()> {
    let Some(table) = lineage.tenant_tables().find(|table| table.kind == "f") else { return Ok(()) };
    Err(Error::denied(format!(
        "foreign table {} of dataset \"{dataset}\" cannot have row security, which keeps tenants apart",
        table.name
    ))
    .hint(format!(
        "Make it a partition of a table with row security; or, if it holds no tenant's data: SELECT acct_export_shared_table({}, 'why');",
        filter::quote_literal(&table.name)
    )))
}

fn new_field<'a>(column: &'a Column, key: &str, lineage: &Lineage) -> NewField<'a> {
    let eligible = lineage.bars(&column.name).is_none();
    let label = column
        .comment
        .as_deref()
        .filter(|text| text.chars().count() <= 63 && shown_text(Some(text), "label").is_ok());
    NewField {
        field: &column.name,
        label: label.unwrap_or(&column.name).to_owned(),
        position: column.position,
        is_default: eligible,
        eligible,
        on_anonymise: personal::on_anonymise(&column.name, types::describe(column.type_oid).class, key),
    }
}

fn find<'a>(columns: &'a [Column], name: &str, what: &str, relation: &str) -> Result<&'a Column> {
    columns.iter().find(|column| column.name == name).ok_or_else(|| {
        let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
        Error::invalid(format!("{what} \"{name}\" is not a column of {relation}"))
            .hint(format!("Its columns: {}.", names.join(", ")))
    })
}

pub(super) fn may_write() -> Result<()> {
    crate::pg::xact::require_write("register a dataset")
}
