//! Datasets from the catalogue tables, with what the server says of their columns now.

use super::lineage::Lineage;
use super::{lineage, rights};
use crate::error::{Error, Result};
use crate::model::{Dataset, DeclaredKey, Expansion, Field, Policy, Treatment};
use crate::pg::{identity, sql, types};
use crate::secret::Names;
use crate::value::key_text;
use serde::Deserialize;
use std::collections::BTreeMap;

/// A dataset together with where its rows come from.
pub struct Loaded {
    pub dataset: Dataset,
    pub lineage: Lineage,
    /// The names of secrets.
    pub names: Names,
}

#[derive(Deserialize)]
struct Row {
    dataset: String,
    title: String,
    source: u32,
    exists: bool,
    key: String,
    tenant_column: Option<String>,
    tenant_setting: Option<String>,
    created_column: Option<String>,
    updated_column: Option<String>,
    status_column: Option<String>,
    disabled_values: Vec<String>,
    required_roles: Vec<String>,
    authorize: Option<String>,
    companions: Vec<String>,
    matches: BTreeMap<String, String>,
    policy: Policy,
    fields: Vec<FieldRow>,
}

#[derive(Deserialize)]
struct FieldRow {
    field: String,
    label: String,
    position: i32,
    is_default: bool,
    in_group: Option<String>,
    on_anonymise: Treatment,
    mask: String,
    json_path: Option<String>,
    eligible: bool,
    expand: bool,
    keys: Option<Vec<String>>,
    labels: Option<Vec<Option<String>>>,
    /// Last known name of the column.
    column_name: String,
    /// Name, number and type of the column now; None: it is gone.
    column: Option<String>,
    attnum: Option<i16>,
    type_oid: Option<u32>,
    /// Of a nondeterministic one.
    collation: Option<u32>,
}

const DATASET: &str = "
SELECT json_build_object(
    'dataset', d.dataset, 'title', d.title, 'source', d.source::oid::bigint,
    'exists', EXISTS (SELECT FROM pg_class c WHERE c.oid = d.source),
    'key', d.key, 'tenant_column', d.tenant_column, 'tenant_setting', d.tenant_setting, 'created_column', d.created_column,
    'updated_column', d.updated_column, 'status_column', d.status_column, 'disabled_values', d.disabled_values,
    'required_roles', d.required_roles, 'authorize', d.authorize, 'companions', d.companions,
    'matches', coalesce((SELECT json_object_agg(m.companion, m.match) FROM acct_export.companion m WHERE m.dataset = d.dataset), '{}'),
    'policy', json_build_object('approve_above', d.approve_above, 'approver_roles', d.approver_roles,
                  'require_filter', d.require_filter, 'max_rows', d.max_rows, 'max_active', d.max_active),
    'fields', coalesce((
        SELECT json_agg(json_build_object(
                   'field', f.field, 'label', f.label, 'position', f.position, 'is_default', f.is_default,
                   'in_group', f.in_group, 'on_anonymise', f.on_anonymise, 'mask', f.mask, 'json_path', f.json_path,
                   'eligible', f.eligible, 'expand', f.expand, 'keys', f.keys, 'labels', f.labels,
                   'column_name', f.column_name, 'column', a.attname, 'attnum', a.attnum,
                   'type_oid', a.atttypid::bigint,
                   'collation', (SELECT c.oid::bigint FROM pg_collation c
                                  WHERE c.oid = a.attcollation AND NOT c.collisdeterministic))
                   ORDER BY f.position, f.field)
          FROM acct_export.field f
          LEFT JOIN pg_attribute a
                 ON a.attrelid = d.source AND a.attnum > 0 AND NOT a.attisdropped
                AND a.attnum = CASE WHEN f.relation_oid = d.source::oid THEN f.attnum
                                    -- A copy of a row of another database: its number is that database's.
                                    ELSE (SELECT n.attnum FROM pg_attribute n
                                           WHERE n.attrelid = d.source AND n.attname = f.column_name::name AND f.attnum > 0
                                             AND NOT n.attisdropped) END
         WHERE f.dataset = d.dataset), '[]'))
  FROM acct_export.dataset d
 WHERE d.dataset = $1";

/// The same for reading now: what its rows come from is locked as a query would lock it, so that what was judged is what is
/// read.
pub fn load_for_reading(name: &str) -> Result<Loaded> {
    let source: Option<Option<u32>> = identity::as_owner(|| {
        sql::document(
            "SELECT to_jsonb((SELECT c.oid::bigint FROM pg_class c WHERE c.oid = d.source))
               FROM acct_export.dataset d WHERE dataset = $1",
            &[name.into()],
        )
    })?;
    // To whom a list of the others would be shown is not known here.
    let source = source.ok_or_else(|| {
        Error::invalid(format!("dataset \"{name}\" is not registered any more"))
            .hint("acct_export_datasets lists the datasets.")
    })?;
    if let Some(source) = source {
        lineage::hold(source)?;
    }
    load_named(name)
}

/// Finds a dataset by name. 22023 with the known names for an unknown one, and for one that the caller may not know of; 42501 for a source that is gone or has
/// become one that could leak.
pub fn load(name: &str) -> Result<Loaded> {
    check_exists(name)?;
    load_named(name)
}

/// 22023 with the known names for a dataset that does not exist, and for one that the caller may not know of.
pub fn check_exists(name: &str) -> Result<()> {
    if rights::check_known(name)? {
        Ok(())
    } else {
        Err(unknown(name)?)
    }
}

/// The same for a dataset that another one names, or that the caller has been found to know of.
pub fn load_named(name: &str) -> Result<Loaded> {
    let row: Option<Row> = identity::as_owner(|| sql::document(DATASET, &[name.into()]))?;
    let Some(row) = row else { return Err(unknown(name)?) };
    if !row.exists {
        return Err(gone(name));
    }
    let lineage = lineage::trace(row.source)?;
    lineage.check(name)?;
    let names = lineage.names.clone();
    let is_tenant = |field: &&FieldRow| row.tenant_column.as_ref() == Some(&field.field);
    let tenant_collation = row.fields.iter().find(is_tenant).and_then(|field| field.collation);
    let fields = row.fields.into_iter().map(|field| assemble(field, &lineage)).collect();
    let dataset = Dataset {
        name: row.dataset,
        title: row.title,
        source: row.source,
        key: key_text::names(&row.key),
        tenant_column: row.tenant_column,
        tenant_setting: row.tenant_setting,
        tenant_collation,
        created_column: row.created_column,
        updated_column: row.updated_column,
        status_column: row.status_column,
        disabled_values: row.disabled_values,
        required_roles: row.required_roles,
        authorize: row.authorize,
        companions: row.companions,
        matches: row
            .matches
            .into_iter()
            .map(|(companion, fields)| (companion, key_text::names(&fields)))
            .collect(),
        policy: row.policy,
        fields,
    };
    Ok(Loaded { dataset, lineage, names })
}

fn assemble(row: FieldRow, lineage: &Lineage) -> Field {
    let ty = types::describe(row.type_oid.unwrap_or(0));
    // Another column may have the name of one that is gone.
    let column = row.column.as_deref();
    let barred = column.map_or_else(|| Some(lineage::GONE.to_owned()), |column| lineage.bars(column));
    let json_text = !ty.is_json() && column.is_some_and(|column| lineage.holds_json(column));
    let named_by = column.and_then(|column| lineage.named_by(column));
    // The column may be of another type by now.
    let expansion = (row.expand && ty.is_document()).then(|| expansion(row.keys, row.labels));
    Field {
        name: row.field,
        column: row.column.unwrap_or(row.column_name),
        attnum: row.attnum.unwrap_or(0),
        label: row.label,
        position: row.position,
        is_default: row.is_default,
        in_group: row.in_group,
        on_anonymise: row.on_anonymise,
        mask: match row.mask.as_str() {
            "none" => Treatment::Keep,
            "last4" => Treatment::Last4,
            _ => Treatment::Redact,
        },
        json_path: row.json_path,
        eligible: row.eligible,
        json_text,
        named_by,
        expansion,
        barred,
        ty,
    }
}

fn expansion(keys: Option<Vec<String>>, labels: Option<Vec<Option<String>>>) -> Expansion {
    let Some(keys) = keys else { return Expansion::Found };
    let labels = labels.into_iter().flatten().chain(std::iter::repeat(None));
    Expansion::Declared(
        keys.into_iter().zip(labels).map(|(path, label)| DeclaredKey { path, label }).collect(),
    )
}

/// 42501 for a dataset whose source was dropped.
pub fn gone(name: &str) -> Error {
    Error::denied(format!("the source of dataset \"{name}\" does not exist any more")).hint(format!(
        "Give the dataset another source: SELECT acct_export_alter({}, source => 'schema.relation');",
        crate::value::quote_literal(name)
    ))
}

/// The error for a name that is no dataset; its hint lists those that the caller may export.
pub fn unknown(name: &str) -> Result<Error> {
    let known: Vec<(String, u32, Vec<String>)> = identity::as_owner(|| {
        sql::documents(
            "SELECT jsonb_build_array(dataset, source::oid::bigint, required_roles) FROM acct_export.dataset ORDER BY dataset",
            &[],
        )
    })?;
    let caller = identity::current_user();
    let names: Vec<String> = known
        .into_iter()
        .filter(|(_, source, roles)| rights::may_know(caller, *source, roles))
        .map(|(name, ..)| name)
        .collect();
    let hint = if names.is_empty() {
        "No registered dataset may be exported by this role; see acct_export_register.".to_owned()
    } else {
        format!("Known datasets: {}.", names.join(", "))
    };
    Ok(Error::invalid(format!("unknown dataset \"{name}\"")).hint(hint))
}

/// Names of a dataset's fields, whatever became of its source.
pub fn field_names(dataset: &str) -> Result<Vec<String>> {
    identity::as_owner(|| {
        sql::documents(
            "SELECT to_jsonb(field) FROM acct_export.field WHERE dataset = $1 ORDER BY position, field",
            &[dataset.into()],
        )
    })
}

/// Names of the columns that fields are bound to now; a name that is no field stays.
pub fn columns_of(dataset: &str, fields: &[String]) -> Result<Vec<String>> {
    let fields = serde_json::json!(fields).to_string();
    identity::as_owner(|| {
        sql::documents(
            "SELECT to_jsonb(coalesce(a.attname::text, f.column_name, n.field))
               FROM jsonb_array_elements_text($2::jsonb) AS n(field)
               LEFT JOIN acct_export.field f ON f.dataset = $1 AND f.field = n.field
               LEFT JOIN pg_attribute a ON a.attrelid = f.relation_oid AND a.attnum = f.attnum AND a.attnum > 0
                    AND NOT a.attisdropped",
            &[dataset.into(), (&fields).into()],
        )
    })
}
