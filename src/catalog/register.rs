//! Registration: what a DBA says of a relation, checked against the server's catalogue before it is kept.
//!
//! `acct_export_register`, `acct_export_alter` and `acct_export_refresh` come to a whole registration, which is checked and kept by
//! the same code.

use super::args::{null, required, shown_text};
use super::bound::Change;
use super::fields::{self, find, Column, Extent};
use super::lineage::{self, Lineage};
use super::owner::{owner_of_dataset, owner_only};
use super::registration::{self, Given, Registered, Stated};
use super::{authorize, companion, disabled, key};
use crate::audit;
use crate::error::{Error, Kind, Result};
use crate::model::Class;
use crate::pg::{catalog, identity, report, sql, types};
use crate::pseudonym_key;
use crate::settings;
use crate::value::key_text;
use serde_json::{json, Value};

const INSERT: &str = "
INSERT INTO acct_export.dataset (dataset, title, source, key, tenant_column, tenant_setting, created_column,
       updated_column, status_column, disabled_values, required_roles, authorize, companions)
SELECT r.dataset, coalesce(r.title, initcap(r.dataset)), r.source::oid::regclass, r.key, r.tenant_column, r.tenant_setting,
       r.created_column, r.updated_column, r.status_column, r.disabled_values, r.required_roles, r.authorize, r.companions
  FROM jsonb_to_record($1::jsonb) AS r(dataset text, title text, source bigint, key text, tenant_column text,
       tenant_setting text, created_column text, updated_column text, status_column text, disabled_values text[],
       required_roles text[], authorize text, companions text[])
    ON CONFLICT (dataset) DO NOTHING";

const UPDATE: &str = "
UPDATE acct_export.dataset d
   SET title = coalesce(r.title, initcap(r.dataset)), source = r.source::oid::regclass, source_name = $2, key = r.key,
       tenant_column = r.tenant_column, tenant_setting = r.tenant_setting, created_column = r.created_column,
       updated_column = r.updated_column, status_column = r.status_column, disabled_values = r.disabled_values,
       required_roles = r.required_roles, authorize = r.authorize, companions = r.companions
  FROM jsonb_to_record($1::jsonb) AS r(dataset text, title text, source bigint, key text, tenant_column text,
       tenant_setting text, created_column text, updated_column text, status_column text, disabled_values text[],
       required_roles text[], authorize text, companions text[])
 WHERE d.dataset = r.dataset";

/// The settings of a dataset for its companions are removed with them. $2: the key is another one, which the matches do not hold.
const FORGET_MATCHES: &str = "
DELETE FROM acct_export.companion c
 WHERE c.dataset = $1
   AND ($2 OR NOT EXISTS (SELECT FROM acct_export.dataset d WHERE d.dataset = $1 AND c.companion = ANY (d.companions)))
RETURNING to_jsonb(c.companion)";

/// `acct_export_register`. Settings of fields, the policy and references of a dataset that is replaced stay for the columns
/// that stay.
///
/// Errors: 42710 for a name that is registered, without `replace`; 22023 for what does not exist or fit; 42501 for a caller who is
/// not the owner and for a source that could leak; 42883 for a function that cannot authorize.
pub fn register(dataset: Option<&str>, given: &Given, replace: bool) -> Result<()> {
    let dataset = required(dataset, "dataset")?;
    let source = given.source.ok_or_else(|| null("source"))?;
    let relation = relation(source)?;
    if dataset.chars().count() > 200 || dataset.chars().any(char::is_control) {
        return Err(Error::invalid("dataset must have at most 200 characters and no control characters"));
    }
    owner_only(source, &relation)?;
    may_write()?;
    registration::hold(dataset)?;
    let kept = registration::registered(dataset)?;
    if kept.is_some() && !replace {
        return Err(taken(dataset));
    }
    if owner_of_dataset(dataset).is_err() {
        return Err(Error::denied(format!("must be owner of dataset \"{dataset}\""))
            .hint("Register the relation under another name."));
    }
    let stated = Stated::new(dataset, source, given)?;
    let saved = save(stated, kept.as_ref(), Extent::All)?;
    saved.record(audit::REGISTERED, kept.is_some().then_some(json!({ "replace": true })))
}

/// `acct_export_alter`: what is not named stays. Fields stay as they are, unless the source is another one.
///
/// Errors: those of `acct_export_register`; 22023 for an unknown dataset, for an unknown name in `reset` and for one that is
/// given too.
pub fn alter(dataset: Option<&str>, given: &Given, reset: Option<&[Option<String>]>) -> Result<()> {
    let kept = held(dataset)?;
    let reset = super::args::elements(&reset.map(<[_]>::to_vec), "reset")?;
    if let Some(source) = given.source {
        owner_only(source, &relation(source)?)?;
    }
    let stated = kept.changed(given, &reset)?;
    let extent = if stated.source == kept.stated.source { Extent::Named } else { Extent::All };
    let saved = save(stated, Some(&kept), extent)?;
    saved.record(audit::ALTERED, (!reset.is_empty()).then_some(json!({ "reset": reset })))
}

/// `acct_export_refresh`: fields follow the columns of the source. The changes, in the order of the columns.
///
/// Errors: those of `acct_export_alter`.
pub fn refresh(dataset: Option<&str>) -> Result<Vec<Change>> {
    let kept = held(dataset)?;
    let stated = kept.on(kept.stated.source);
    let saved = save(stated, Some(&kept), Extent::All)?;
    saved.record(audit::REFRESHED, None)?;
    Ok(saved.changes)
}

/// The registration of a dataset that the caller may change, locked.
fn held(dataset: Option<&str>) -> Result<Registered> {
    let dataset = required(dataset, "dataset")?;
    if !owner_of_dataset(dataset)? {
        return Err(super::load::unknown(dataset)?);
    }
    may_write()?;
    registration::hold(dataset)?;
    match registration::registered(dataset)? {
        Some(kept) => Ok(kept),
        None => Err(super::load::unknown(dataset)?),
    }
}

fn taken(dataset: &str) -> Error {
    Error::new(Kind::DuplicateObject, format!("dataset \"{dataset}\" is already registered")).hint(format!(
        "SELECT acct_export_alter({0}, …); changes the given arguments; acct_export_register(…, replace => true) replaces the registration.",
        crate::value::quote_literal(dataset)
    ))
}

/// Checks a whole registration and keeps it. `kept` is the one that it takes the place of.
fn save(mut stated: Stated, kept: Option<&Registered>, extent: Extent) -> Result<Saved> {
    let dataset = stated.dataset.clone();
    let checked = check(&mut stated)?;
    let fields = fields::of(&stated, &checked.columns, &checked.lineage);
    let named = stated.clone();
    let is_other_key = kept.is_some_and(|kept| kept.on(named.source).key != named.key);
    if extent == Extent::Named {
        by_fields(&mut stated, kept);
    }
    let record =
        serde_json::to_string(&stated).map_err(|_| Error::invalid("could not store the registration"))?;
    let arguments = [(&record).into(), (&checked.relation).into()];
    let changes = identity::as_owner(|| {
        pseudonym_key::ensure()?;
        let touched =
            if kept.is_some() { sql::run(UPDATE, &arguments)? } else { sql::run(INSERT, &arguments[..1])? };
        if touched == 0 {
            // Another session registered or unregistered it at the same moment.
            return Err(taken(&dataset));
        }
        let forgotten: Vec<String> = sql::changes(FORGET_MATCHES, &[(&dataset).into(), is_other_key.into()])?;
        forgotten.iter().for_each(|companion| withdrawn(&stated, companion));
        fields::save(&named, &fields, kept, extent)
    })?;
    Ok(Saved { stated, relation: checked.relation, changes })
}

/// Tells of a companion whose match was the key that the dataset had before.
fn withdrawn(stated: &Stated, companion: &str) {
    if stated.companions.iter().any(|kept| kept == companion) {
        let literal = crate::value::quote_literal;
        report::notice(
            format!(
                "the match of companion \"{companion}\" was withdrawn, because dataset \"{}\" has another key",
                stated.dataset
            ),
            &format!(
                "SELECT acct_export_set_companion({}, {}, match => '…'); sets it again.",
                literal(&stated.dataset),
                literal(companion)
            ),
        );
    }
}

/// A registration that was kept.
struct Saved {
    stated: Stated,
    relation: String,
    changes: Vec<Change>,
}

impl Saved {
    /// Tells the audit trail of the registration as it is now, and of the fields that changed.
    fn record(&self, event: &'static str, more: Option<Value>) -> Result<()> {
        let mut detail = json!(self.stated);
        if let Some(detail) = detail.as_object_mut() {
            detail.insert("source".to_owned(), json!(self.relation));
            detail.remove("dataset");
            let changes: Vec<Value> = self
                .changes
                .iter()
                .map(|change| json!({ "field": change.field, "change": change.kind.as_str() }))
                .collect();
            detail.insert("changes".to_owned(), json!(changes));
            if let Some(Value::Object(more)) = more {
                detail.extend(more);
            }
        }
        audit::catalog_change(event, &self.stated.dataset, detail)
    }
}

/// Columns by the names of the fields that are bound to them, which the table has.
fn by_fields(stated: &mut Stated, kept: Option<&Registered>) {
    let fields = kept.map_or(&[][..], |kept| &kept.fields);
    let field = |column: &mut String| {
        if let Some(kept) = fields.iter().find(|kept| kept.name_in(true) == Some(column)) {
            column.clone_from(&kept.field);
        }
    };
    stated.key.iter_mut().for_each(field);
    let named = [
        &mut stated.tenant_column,
        &mut stated.created_column,
        &mut stated.updated_column,
        &mut stated.status_column,
    ];
    named.into_iter().flatten().for_each(field);
}

/// A registration that was checked.
struct Checked {
    relation: String,
    columns: Vec<Column>,
    lineage: Lineage,
}

fn check(stated: &mut Stated) -> Result<Checked> {
    let (dataset, source) = (stated.dataset.clone(), stated.source);
    let relation = match catalog::relation_name(source) {
        Some(relation) => relation,
        None => return Err(super::load::gone(&dataset)),
    };
    if catalog::is_temporary(source) {
        return Err(Error::invalid(format!("{relation} is a temporary relation"))
            .hint("Register a relation that other sessions can see."));
    }
    let lineage = lineage::trace(source)?;
    lineage.check(&dataset)?;
    let columns = fields::columns(source)?;
    let column = |name: &str, what: &str| find(&columns, name, what, &relation);
    stated.key = key_columns(std::mem::take(&mut stated.key), &columns)?;
    let key: Vec<&str> = stated.key.iter().map(String::as_str).collect();
    for name in &key {
        column(name, "key")?;
        if let Some(reason) = lineage.bars(name) {
            return Err(Error::denied(format!("column \"{name}\" cannot be the key: {reason}"))
                .hint("Name columns that may be exported."));
        }
    }
    if let Some(name) = &stated.tenant_column {
        key::check_tenant_type(name, &types::describe(column(name, "tenant_column")?.type_oid))?;
        no_foreign_table(&lineage, &dataset)?;
    }
    if let Some(name) = &stated.tenant_setting {
        settings::check_custom_name(name, "tenant_setting")?;
    }
    // The columns by which rows are selected: their values show in which rows leave.
    let selecting = [
        (&stated.created_column, "created_column"),
        (&stated.updated_column, "updated_column"),
        (&stated.status_column, "status_column"),
    ];
    for (name, what) in selecting.iter().filter_map(|(name, what)| Some((name.as_ref()?, what))) {
        column(name, what)?;
        if let Some(reason) = lineage.bars(name) {
            return Err(Error::denied(format!("column \"{name}\" cannot be the {what}: {reason}")));
        }
    }
    for (name, what) in
        [(&stated.created_column, "created_column"), (&stated.updated_column, "updated_column")]
    {
        let Some(name) = name else { continue };
        let ty = types::describe(column(name, what)?.type_oid);
        if !matches!(ty.class, Class::Date | Class::Timestamp | Class::Instant) {
            return Err(Error::invalid(format!(
                "{what} \"{name}\" is of type {}, not a date or timestamp",
                ty.name
            )));
        }
    }
    roles_exist(&stated.required_roles)?;
    stated.companions.iter().try_for_each(|companion| companion::exists(&stated.dataset, companion))?;
    check_authorize(stated.authorize.as_deref(), source)?;
    match (&stated.status_column, stated.disabled_values.is_empty()) {
        (_, true) => {}
        (None, false) => {
            return Err(Error::invalid("disabled_values needs status_column")
                .hint("Name the column that has these values, or reset disabled_values."))
        }
        (Some(name), false) => {
            let type_oid = column(name, "status_column")?.type_oid;
            disabled::check(
                &disabled::Status { source, column: name, type_oid, lineage: &lineage },
                &stated.disabled_values,
            )?;
        }
    }
    if !key::is_proven(&lineage, &key, stated.tenant_column.as_deref())? {
        key::look_for_twins(source, &lineage, &key, stated.tenant_column.as_deref())?;
    }
    shown_text(stated.title.as_deref(), "title")?;
    Ok(Checked { relation, columns, lineage })
}

/// The columns that a key names: one, or several as an array literal. 22023 for an array that cannot be read or names a column twice.
fn key_columns(key: Vec<String>, columns: &[Column]) -> Result<Vec<String>> {
    let [text] = key.as_slice() else { return Ok(key) };
    if !key_text::is_array(text) || columns.iter().any(|column| column.name == *text) {
        return Ok(key);
    }
    let names = key_text::elements(text).ok_or_else(|| {
        Error::invalid("key is not a valid array of columns")
            .hint("Name one column, or several: key => '{workspace_id,user_id}'.")
    })?;
    match names.iter().enumerate().find(|(place, name)| names[..*place].contains(name)) {
        Some((_, twice)) => {
            Err(Error::invalid(format!("key names column \"{twice}\" twice")).hint("Name each column once."))
        }
        None => Ok(names),
    }
}

fn relation(source: u32) -> Result<String> {
    catalog::relation_name(source)
        .ok_or_else(|| Error::invalid(format!("relation with OID {source} does not exist")))
}

fn roles_exist(roles: &[String]) -> Result<()> {
    match roles.iter().find(|role| identity::role_oid(role).is_none()) {
        None => Ok(()),
        Some(missing) => Err(Error::invalid(format!("role \"{missing}\" in required_roles does not exist"))
            .hint("Create it with CREATE ROLE, and grant it to the roles that may export.")),
    }
}

fn check_authorize(function: Option<&str>, source: u32) -> Result<()> {
    let Some(function) = function else { return Ok(()) };
    if authorize::find(function, Some(source))?.is_some() {
        return Ok(());
    }
    Err(Error::invalid(format!("function {function} cannot authorize a request"))
        .hint("It must be a function f(request jsonb) that returns boolean, owned by the owner of the source or by a superuser."))
}

fn no_foreign_table(lineage: &Lineage, dataset: &str) -> Result<()> {
    let Some(table) = lineage.tenant_tables().find(|table| table.kind == "f") else { return Ok(()) };
    Err(Error::denied(format!(
        "foreign table {} of dataset \"{dataset}\" cannot have row security, which exports by tenant need",
        table.name
    ))
    .hint(format!(
        "Make it a partition of a table with row security; or, if it contains no data of tenants: SELECT acct_export_shared_table({}, 'reason');",
        crate::value::quote_literal(&table.name)
    )))
}

pub(super) fn may_write() -> Result<()> {
    crate::pg::xact::require_write("register a dataset")
}
