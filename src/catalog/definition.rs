//! `acct_export_definition`: a dataset as the SQL that registers it. Run on a database with the same source, it comes to the same
//! registration, fields, policy, references and companions. Of a dataset that is there already, references that it does not name
//! stay.
//!
//! It runs under any `search_path` and with `standard_conforming_strings` on or off: functions, types and relations are qualified,
//! literals with a backslash are written `E'…'`.

use super::args::required;
use super::owner::owner_of_dataset;
use super::{load, policy, reference, registration};
use crate::error::{Error, Kind, Result};
use crate::model::label::{folded, Labels};
use crate::pg::{catalog, identity, sql};
use crate::value::key_text;
use serde::Deserialize;
use std::fmt::Write;

#[derive(Deserialize)]
struct Field {
    field: String,
    label: String,
    is_default: bool,
    in_group: Option<String>,
    on_anonymise: String,
    mask: String,
    json_path: Option<String>,
    expand: bool,
    keys: Option<Vec<String>>,
    labels: Option<Vec<Option<String>>>,
}

const FIELDS: &str = "
SELECT jsonb_build_object('field', field, 'label', label, 'is_default', is_default, 'in_group', in_group,
           'on_anonymise', on_anonymise, 'mask', mask, 'json_path', json_path, 'expand', expand, 'keys', keys, 'labels', labels)
  FROM acct_export.field WHERE dataset = $1 ORDER BY \"position\", field";

const MATCHES: &str = "
SELECT jsonb_build_array(u.companion, c.match)
  FROM acct_export.dataset d
 CROSS JOIN LATERAL unnest(d.companions) WITH ORDINALITY AS u(companion, place)
  LEFT JOIN acct_export.companion c ON c.dataset = d.dataset AND c.companion = u.companion
 WHERE d.dataset = $1 ORDER BY u.place";

/// The schema of the functions and views that people call.
pub(super) fn extension_schema() -> Result<String> {
    const SCHEMA: &str = "
SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'pg_acctexport'::name";
    identity::as_owner(|| sql::text(SCHEMA, &[]))?
        .ok_or_else(|| Error::new(Kind::Internal, "the extension is in no schema"))
}

/// The SQL. 22023 for an unknown dataset, 42501 for a caller who does not own its source.
pub fn of(dataset: Option<&str>) -> Result<String> {
    let dataset = required(dataset, "dataset")?;
    let kept = match owner_of_dataset(dataset)? {
        true => registration::registered(dataset)?,
        false => None,
    };
    let Some(kept) = kept else { return Err(load::unknown(dataset)?) };
    let schema = extension_schema()?;
    // Columns that are gone are not fields of a new registration.
    let loaded = load::load(dataset);
    let is_gone = |name: &str| {
        loaded.as_ref().is_ok_and(|loaded| loaded.dataset.field(name).is_none_or(|field| field.ty.oid == 0))
    };
    let is_barred = |name: &str| {
        loaded
            .as_ref()
            .is_ok_and(|loaded| loaded.dataset.field(name).is_some_and(|field| field.barred.is_some()))
    };
    // A new registration gives fields the names that the columns have now.
    let now = |field: &str| {
        let known = kept.fields.iter().find(|kept| kept.field == field);
        known.and_then(|kept| kept.name_in(true)).unwrap_or(field).to_owned()
    };
    let mut fields: Vec<Field> = identity::as_owner(|| sql::documents(FIELDS, &[dataset.into()]))?;
    fields.retain(|field| !is_gone(&field.field));
    let mut script = Script { schema: catalog::quoted(&schema), text: String::new() };
    registration(&mut script, &kept)?;
    let is_document = |name: &str| {
        loaded
            .as_ref()
            .is_ok_and(|loaded| loaded.dataset.field(name).is_some_and(|field| field.ty.is_document()))
    };
    free_labels(&mut script, dataset, &fields, &now);
    for (place, field) in fields.iter().enumerate() {
        let name = field.field.as_str();
        let (now, is_barred) = (now(name), is_barred(name));
        set_field(&mut script, dataset, &now, place + 1, field, is_barred);
        if is_document(name) && !is_barred {
            expand(&mut script, dataset, &now, field);
        }
    }
    set_policy(&mut script, dataset, &now)?;
    let matches: Vec<(String, Option<String>)> =
        identity::as_owner(|| sql::documents(MATCHES, &[dataset.into()]))?;
    for (companion, matched) in matches {
        let mut call = script.call("set_companion");
        call.argument("dataset", literal(dataset)).argument("companion", literal(&companion));
        call.optional("match", matched.as_deref().map(literal)).end();
    }
    for reference in reference::of(dataset)? {
        let mut call = script.call("set_reference");
        call.argument("dataset", literal(dataset)).argument("field", literal(&now(&reference.field)));
        call.argument("ref_dataset", literal(&reference.target.dataset));
        call.argument("ref_field", literal(&reference.target.field)).end();
    }
    Ok(script.text)
}

fn registration(script: &mut Script, kept: &registration::Registered) -> Result<()> {
    let stated = kept.on(kept.stated.source);
    let dataset = stated.dataset.as_str();
    // The name is kept for a source that was dropped.
    let last = identity::as_owner(|| {
        sql::text("SELECT source_name FROM acct_export.dataset WHERE dataset = $1", &[dataset.into()])
    })?;
    let source = catalog::relation_name(stated.source).or(last).ok_or_else(|| load::gone(dataset))?;
    let mut call = script.call("register");
    call.argument("dataset", literal(dataset));
    call.argument("source", format!("{}::pg_catalog.regclass", literal(&source)));
    call.argument("key", literal(&key_text::of_names(&stated.key)));
    let texts = [
        ("tenant_column", &stated.tenant_column),
        ("created_column", &stated.created_column),
        ("updated_column", &stated.updated_column),
        ("status_column", &stated.status_column),
    ];
    for (name, value) in texts {
        call.optional(name, value.as_deref().map(literal));
    }
    call.optional("disabled_values", list(&stated.disabled_values, "text"));
    call.optional("required_roles", list(&stated.required_roles, "name"));
    let authorize = stated.authorize.as_deref().map(|function| {
        let function = function.replacen("(jsonb)", "(pg_catalog.jsonb)", 1);
        format!("{}::pg_catalog.regprocedure", literal(&function))
    });
    call.optional("authorize", authorize);
    call.optional("title", stated.title.as_deref().map(literal));
    call.optional("companions", list(&stated.companions, "text"));
    call.optional("tenant_setting", stated.tenant_setting.as_deref().map(literal));
    call.argument("replace", "true".to_owned()).end();
    Ok(())
}

/// A new registration labels fields by their names: those whose name is the label of another field give it up first.
fn free_labels(script: &mut Script, dataset: &str, fields: &[Field], now: &dyn Fn(&str) -> String) {
    let mut labels = Labels::default();
    for field in fields {
        labels.take(&field.label);
        labels.take(&now(&field.field));
    }
    for field in fields {
        let name = now(&field.field);
        let is_wanted = |other: &Field| other.field != field.field && folded(&other.label) == folded(&name);
        if fields.iter().any(is_wanted) {
            let mut call = script.call("set_field");
            call.argument("dataset", literal(dataset)).argument("field", literal(&name));
            call.argument("label", literal(&labels.take(&name))).end();
        }
    }
}

/// Everything that `acct_export_set_field` said.
fn set_field(script: &mut Script, dataset: &str, name: &str, place: usize, field: &Field, is_barred: bool) {
    let mut call = script.call("set_field");
    call.argument("dataset", literal(dataset)).argument("field", literal(name));
    call.argument("label", literal(&field.label)).argument("\"position\"", place.to_string());
    // A barred field is never one of the default ones.
    call.argument("is_default", (field.is_default && !is_barred).to_string());
    call.argument("in_group", literal(field.in_group.as_deref().unwrap_or_default()));
    call.argument("on_anonymise", literal(&field.on_anonymise)).argument("mask", literal(&field.mask));
    call.argument("json_path", literal(field.json_path.as_deref().unwrap_or_default())).end();
}

/// Everything that `acct_export_expand` said.
fn expand(script: &mut Script, dataset: &str, name: &str, field: &Field) {
    let mut call = script.call("expand");
    call.argument("dataset", literal(dataset)).argument("field", literal(name));
    if !field.expand {
        call.argument("expand", "false".to_owned()).end();
        return;
    }
    if let Some(keys) = &field.keys {
        call.optional("keys", list(keys, "text"));
    }
    if let Some(labels) = &field.labels {
        let labels: Vec<String> =
            labels.iter().map(|label| label.as_deref().map_or("NULL".to_owned(), literal)).collect();
        call.argument("labels", format!("ARRAY[{}]::pg_catalog.text[]", labels.join(", ")));
    }
    call.end();
}

fn set_policy(script: &mut Script, dataset: &str, now: &dyn Fn(&str) -> String) -> Result<()> {
    let policy = policy::present(dataset)?;
    let filter: Vec<String> = policy.require_filter.iter().map(|field| now(field)).collect();
    let parts = [
        ("approve_above", policy.approve_above.map(number)),
        ("approver_roles", list(&policy.approver_roles, "name")),
        ("require_filter", list(&filter, "text")),
        ("max_rows", policy.max_rows.map(number)),
        ("max_active", policy.max_active.map(|jobs| jobs.to_string())),
    ];
    let unset = parts.iter().filter(|(_, value)| value.is_none());
    let unset: Vec<String> = unset.map(|(name, _)| (*name).to_owned()).collect();
    let mut call = script.call("set_policy");
    call.argument("dataset", literal(dataset));
    for (name, value) in parts {
        call.optional(name, value);
    }
    call.optional("reset", list(&unset, "text")).end();
    Ok(())
}

/// Statements, each a call of one function.
struct Script {
    /// Of the extension's functions, quoted.
    schema: String,
    text: String,
}

impl Script {
    fn call(&mut self, function: &str) -> Call<'_> {
        // Writing to a String does not fail.
        let _ = write!(self.text, "SELECT {}.acct_export_{function}(", self.schema);
        Call { text: &mut self.text, is_first: true }
    }
}

struct Call<'s> {
    text: &'s mut String,
    is_first: bool,
}

impl Call<'_> {
    fn argument(&mut self, name: &str, value: String) -> &mut Self {
        let comma = if std::mem::take(&mut self.is_first) { "" } else { ", " };
        let _ = write!(self.text, "{comma}{name} => {value}");
        self
    }

    fn optional(&mut self, name: &str, value: Option<String>) -> &mut Self {
        if let Some(value) = value {
            self.argument(name, value);
        }
        self
    }

    fn end(&mut self) {
        self.text.push_str(");\n");
    }
}

/// A text as a constant, whatever `standard_conforming_strings` is.
fn literal(text: &str) -> String {
    let quoted = text.replace('\'', "''");
    match quoted.contains('\\') {
        true => format!("E'{}'", quoted.replace('\\', "\\\\")),
        false => format!("'{quoted}'"),
    }
}

/// Whole numbers that may be larger than an integer.
fn number(value: u64) -> String {
    value.to_string()
}

/// None: there is nothing in it.
fn list(elements: &[String], of: &str) -> Option<String> {
    let literals: Vec<String> = elements.iter().map(|element| literal(element)).collect();
    (!elements.is_empty()).then(|| format!("ARRAY[{}]::pg_catalog.{of}[]", literals.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_do_not_depend_on_settings() {
        assert_eq!(literal("it's \"Zoë\""), "'it''s \"Zoë\"'");
        assert_eq!(literal("a\\'b"), "E'a\\\\''b'");
        assert_eq!(list(&[], "text"), None);
        let elements = ["a".to_owned(), "b\\".to_owned()];
        assert_eq!(list(&elements, "name").as_deref(), Some("ARRAY['a', E'b\\\\']::pg_catalog.name[]"));
    }
}
