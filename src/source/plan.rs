//! The export's query: built from the catalogue and bound values, never from a requester's text.
//!
//! Built twice from the same things, when the job is asked for (so that every mistake shows there) and when it runs.

use super::order_by::{Form, OrderBy};
use super::where_clause::{self, own_column, DisabledRows, KeyMatch, WhereClause};
use crate::catalog::load::Loaded;
use crate::catalog::without_secrets;
use crate::encode::{Column, Kind};
use crate::error::{Error, Result};
use crate::filter::{self, Param};
use crate::job::captured_session::CapturedSession;
use crate::layout::field_output::FieldOutput;
use crate::model::personal;
use crate::model::ExportRequest;
use crate::model::{Dataset, Field, NamedBy, Treatment};
use crate::pg::unique::{KeyCheck, KeyColumn};
use crate::pg::{catalog, tuple};
use crate::redact::redactor::{FieldRule, Named, Redactor};
use crate::redact::scrub::Removed;
use crate::request::{companions, labels, select_fields};
use crate::secret::Names;
use crate::tenant;
use crate::value::quote_ident;
use std::collections::{BTreeMap, BTreeSet};

/// Everything that is needed to read and encode.
pub struct Plan {
    /// In the order of the key, columns of the key that are not read stand behind the others; or in another order.
    pub sql: String,
    /// The same, order and all, of a tenant of average size: for the planner, where no tenant is set. Never to be read.
    pub average_sql: String,
    /// The same without the order, but for a source that comes in the order of a secret.
    pub unordered_sql: String,
    pub params: Vec<Param>,
    /// The columns that are read: one of each field.
    pub columns: Vec<Column>,
    /// The columns that are written.
    pub outputs: Vec<FieldOutput>,
    /// The places of the dataset's key among these columns; none: not all of it is there, or not as it is.
    pub key: Vec<usize>,
    /// In the order of the key: dataset and columns of the key, by which each row is another.
    ordered: Option<(String, Vec<KeyColumn>)>,
    rules: Vec<FieldRule>,
    /// By the columns: where the names stand of what their values are.
    named: Vec<Option<Named>>,
    /// Columns of such names that are read behind the others and not written, by what the query calls them.
    helpers: Vec<String>,
    names: Names,
    /// Columns of the source that the query names, for the check of rights.
    pub uses: Vec<String>,
    /// Fields that the request holds to values, by its filter, its period or its tenant.
    pub narrowed: BTreeSet<String>,
    /// Datasets that ride along, in the order asked.
    pub companions: Vec<String>,
    /// Keys of the rows, as a query that stands in another one; its parameters are the first of that one.
    pub(super) keys_sql: String,
    /// Fields that were asked for by default or through a group and never leave, with the reason.
    pub left_out: Vec<(String, String)>,
    pub disabled: DisabledRows,
    /// Headers that the request gives fields.
    pub labels: BTreeMap<String, String>,
    /// The field that a period or `since` selects on: rows without a value of it are not in the export.
    pub period_field: Option<String>,
}

impl Plan {
    pub fn redactor(&self, key: Option<[u8; 32]>) -> Redactor {
        let names = self.names.clone();
        Redactor::new(&self.rules, &self.named, self.helpers.len(), &self.columns, names, key)
    }

    /// Of some of the columns, in this order, and of what has to be read behind them.
    pub fn redactor_of(&self, places: &[usize], key: Option<[u8; 32]>) -> (Redactor, Vec<&str>) {
        let rules: Vec<FieldRule> = places.iter().map(|place| self.rules[*place]).collect();
        let columns: Vec<Column> = places.iter().map(|place| self.columns[*place].clone()).collect();
        let mut behind = Vec::new();
        let mut named = Vec::with_capacity(places.len());
        for place in places {
            named.push(self.named[*place].clone().map(|mut named| {
                for (name, _) in &mut named.names {
                    behind.push(match self.columns.get(*name) {
                        Some(column) => column.name.as_str(),
                        None => self.helpers[*name - self.columns.len()].as_str(),
                    });
                    *name = places.len() + behind.len() - 1;
                }
                named
            }));
        }
        (Redactor::new(&rules, &named, behind.len(), &columns, self.names.clone(), key), behind)
    }

    /// Compares the keys of rows in their order; None: they come in none.
    pub fn key_check(&self) -> Option<KeyCheck> {
        let (dataset, key) = self.ordered.as_ref()?;
        Some(KeyCheck::new(dataset, self.columns.len() + self.helpers.len(), key.clone()))
    }

    /// True if rows come in the order of the key alone, which is exported as it is: they can be told apart by it.
    pub fn is_by_exported_key(&self) -> bool {
        let is_alone = self.ordered.as_ref().is_some_and(|(_, key)| key.len() == self.key.len());
        is_alone && !self.key.is_empty()
    }

    pub fn names(&self) -> &Names {
        &self.names
    }

    /// Fields that do not leave as they are, and what is done to them; those that were dropped are in `left_out`.
    pub fn masks(&self) -> BTreeMap<String, Treatment> {
        let fields = self.columns.iter().zip(&self.rules);
        fields
            .filter(|(_, rule)| rule.treatment != Treatment::Keep)
            .map(|(column, rule)| (column.name.clone(), rule.treatment))
            .collect()
    }

    /// The secrets that a redactor took out of values so far, by fields.
    pub fn removed(&self, redactor: &Redactor) -> BTreeMap<String, Removed> {
        let removed = self.columns.iter().zip(redactor.removed()).filter(|(_, removed)| removed.any());
        removed.map(|(column, removed)| (column.name.clone(), *removed)).collect()
    }

    pub fn pseudonymises(&self) -> bool {
        self.rules.iter().any(|rule| rule.treatment == Treatment::Pseudonymise)
    }
}

/// Builds the plan. Errors: 22023 for what is unknown or does not fit, 42501 for what is barred.
pub fn build(
    loaded: &Loaded,
    asked: &ExportRequest,
    context: &CapturedSession,
    form: &Form,
    key_match: Option<&KeyMatch<'_>>,
) -> Result<Plan> {
    let dataset = &loaded.dataset;
    let include = still_included(dataset, asked, context);
    let (include, further) = apart(include, asked)?;
    let mut selection = select_fields(dataset, asked.fields.as_deref(), Some(&include), asked.anonymise)?;
    for name in further {
        if !selection.companions.contains(&name) {
            selection.companions.push(name);
        }
    }
    labels::apply(dataset, &mut selection.fields, &form.labels)?;
    if !context.included.is_empty() {
        selection.companions.clone_from(&context.included);
    }
    let mut list = Vec::new();
    let (mut columns, mut outputs) = (Vec::new(), Vec::new());
    let mut rules = Vec::new();
    let (mut values, mut read_columns) = (Vec::new(), Vec::new());
    let mut kept = BTreeMap::new();
    let mut narrowing = WhereClause::default();
    if let Some(key_match) = key_match {
        key_match.narrow(dataset, &mut narrowing)?;
    }
    let outer_conditions = narrowing.conditions.len();
    let is_secret = |key: &str| loaded.names.is_secret(key);
    for selected in &selection.fields {
        let Some(field) = dataset.field(&selected.name) else { continue };
        let known = columns.iter().position(|column: &Column| column.name == field.name);
        let mut read = column(dataset, field, selected.treatment);
        if let (Some(label), None) = (&selected.label, &selected.part) {
            read.label.clone_from(label);
        }
        let place = known.unwrap_or(columns.len());
        outputs.push(FieldOutput::of((place, &read), field, selected, &is_secret, &mut selection.left_out)?);
        // Another part of it is read already.
        if known.is_some() {
            continue;
        }
        list.push(output(field));
        narrowing.uses.push(field.column.clone());
        if selected.treatment == Treatment::Keep {
            kept.insert(field.name.as_str(), columns.len());
        }
        values.push(field.named_by.as_ref());
        read_columns.push(field.column.as_str());
        columns.push(read);
        rules.push(FieldRule {
            treatment: selected.treatment,
            personal_keys: asked.anonymise && field.on_anonymise == Treatment::Keep,
            json_text: field.json_text,
            free_text: field.ty.is_free_text(),
        });
    }
    let (named, helpers) = named(&values, &columns, &read_columns, &mut list, &mut narrowing.uses);
    where_clause::tenant(dataset, asked, context, &mut narrowing)?;
    let tenant_conditions = narrowing.conditions.len();
    let without_tenant =
        |conditions: &[String]| [&conditions[..outer_conditions], &conditions[tenant_conditions..]].concat();
    let period_field = where_clause::period(dataset, asked, context, &mut narrowing)?;
    let clause = match &asked.filter {
        Some(document) => {
            without_secrets::keep(&loaded.names);
            let function = without_secrets::function()?;
            Some(filter::compile(document, dataset, narrowing.params.len() + 1, &is_secret, &function)?)
        }
        None => None,
    };
    let disabled = DisabledRows::of(dataset, asked, clause.as_ref().map_or(&[], |clause| &clause.columns));
    if let Some(clause) = clause {
        narrowing.uses.extend(clause.columns);
        narrowing.narrowed.extend(clause.narrowed);
        narrowing.conditions.push(format!("({})", clause.sql));
        narrowing.params.extend(clause.params);
    }
    if disabled == DisabledRows::LeftOut {
        where_clause::without_disabled(dataset, &mut narrowing)?;
    }

    let relation = catalog::relation_name(dataset.source).ok_or_else(|| {
        Error::denied(format!("the source of dataset \"{}\" does not exist any more", dataset.name))
    })?;
    let select_list = |list: &str, conditions: &[String]| {
        let all = if conditions.is_empty() {
            String::new()
        } else {
            format!(" WHERE {}", conditions.join(" AND "))
        };
        format!("SELECT {list} FROM {relation} AS s{all}")
    };
    let mut ordered = None;
    let mut order = String::new();
    let visible = list.join(", ");
    let is_sorted_by_secret = loaded.lineage.is_sorted_by_secret();
    if let Some(by) = OrderBy::of(loaded, asked, &form.order)? {
        narrowing.uses.extend(by.columns().map(str::to_owned));
        order = by.sql();
        ordered = by.key.map(|key| {
            let place = |(field, nullable): (&Field, bool)| {
                let place = columns.iter().position(|read| read.name == field.name).unwrap_or_else(|| {
                    list.push(format!("s.{}", quote_ident(&field.column)));
                    list.len() - 1
                });
                KeyColumn { name: field.name.clone(), place, nullable }
            };
            (dataset.name.clone(), key.into_iter().map(place).collect())
        });
    }
    let list = list.join(", ");
    let select = |conditions: &[String]| select_list(&list, conditions);
    let key_list = dataset.key.iter().map(|field| format!("s.{}", quote_ident(dataset.column(field))));
    let keys_sql = select_list(&key_list.collect::<Vec<_>>().join(", "), &narrowing.conditions);
    let key: Option<Vec<usize>> = dataset.key.iter().map(|field| kept.get(field.as_str()).copied()).collect();
    let mut unordered_sql = select_list(&visible, &narrowing.conditions);
    let mut sql = select(&narrowing.conditions);
    let mut average_sql = match &dataset.tenant_column {
        None => sql.clone(),
        Some(tenant) => {
            // The planner does not know the value, so it uses an average share (var_eq_non_const, selfuncs.c).
            let field = own_column(dataset, tenant)?;
            let tenant = quote_ident(&field.column);
            let (of_row, equals) = tenant::equality(&field.ty, &format!("s.{tenant}"))?;
            let (of_any, _) = tenant::equality(&field.ty, &format!("t.{tenant}"))?;
            let any = format!("{of_row} {equals} (SELECT {of_any} FROM {relation} AS t LIMIT 1)");
            select(&[vec![any], without_tenant(&narrowing.conditions)].concat())
        }
    };
    sql.push_str(&order);
    average_sql.push_str(&order);
    if is_sorted_by_secret {
        unordered_sql.push_str(&order);
    }
    Ok(Plan {
        sql,
        average_sql,
        unordered_sql,
        params: narrowing.params,
        columns,
        outputs,
        key: key.unwrap_or_default(),
        ordered,
        rules,
        named,
        helpers,
        names: loaded.names.clone(),
        uses: narrowing.uses,
        narrowed: narrowing.narrowed,
        companions: selection.companions,
        keys_sql,
        left_out: selection.left_out,
        disabled,
        labels: form.labels.clone(),
        period_field,
    })
}

/// The names in include, and apart from them those of companions of companions, which the dataset does not know.
fn apart(
    include: Option<Vec<Option<String>>>,
    asked: &ExportRequest,
) -> Result<(Vec<Option<String>>, Vec<String>)> {
    let further = companions::further(asked)?;
    let is_further = |name: &Option<String>| name.as_ref().is_some_and(|name| further.contains_key(name));
    let (others, own): (Vec<_>, Vec<_>) = include.unwrap_or_default().into_iter().partition(is_further);
    Ok((own, others.into_iter().flatten().collect()))
}

/// A field in the select list, under its own name where its column was renamed.
fn output(field: &Field) -> String {
    let column = quote_ident(&field.column);
    if field.column == field.name {
        return format!("s.{column}");
    }
    format!("s.{column} AS {}", quote_ident(&field.name))
}

/// The places of the names of the columns' values. A name that is not among the columns is read behind them. `read`: the source's
/// columns that they are.
fn named(
    values: &[Option<&NamedBy>],
    columns: &[Column],
    read: &[&str],
    list: &mut Vec<String>,
    uses: &mut Vec<String>,
) -> (Vec<Option<Named>>, Vec<String>) {
    let mut helpers: Vec<(&str, String)> = Vec::new();
    let mut all = Vec::with_capacity(values.len());
    for value in values {
        let Some(value) = value else {
            all.push(None);
            continue;
        };
        let mut names = Vec::with_capacity(value.columns.len());
        for (name, naming) in &value.columns {
            let known = read
                .iter()
                .position(|column| *column == name.as_str())
                .or_else(|| Some(columns.len() + helpers.iter().position(|(helper, _)| helper == name)?));
            let place = known.unwrap_or_else(|| {
                let mut alias = format!("name of a value {}", helpers.len() + 1);
                while columns.iter().any(|column| column.name == alias) {
                    alias.push('_');
                }
                list.push(format!("s.{} AS {}", quote_ident(name), quote_ident(&alias)));
                uses.push(name.clone());
                helpers.push((name, alias));
                columns.len() + helpers.len() - 1
            });
            names.push((place, *naming));
        }
        all.push(Some(Named { names, role: value.role }));
    }
    (all, helpers.into_iter().map(|(_, alias)| alias).collect())
}

/// The included companions, without those that were companions when the export was requested and are none any more: those fail at their turn,
/// and not the whole export.
fn still_included(
    dataset: &Dataset,
    asked: &ExportRequest,
    context: &CapturedSession,
) -> Option<Vec<Option<String>>> {
    let is_gone = |name: &str| {
        context.included.iter().any(|included| included == name)
            && !dataset.companions.iter().any(|companion| companion == name)
            && !dataset.fields.iter().any(|field| field.in_group.as_deref() == Some(name))
    };
    let include = asked.include.as_ref()?.iter();
    Some(include.filter(|name| !name.as_deref().is_some_and(is_gone)).cloned().collect())
}

fn column(dataset: &Dataset, field: &Field, treatment: Treatment) -> Column {
    let kind = match (treatment, tuple::kind_of(field.ty.oid)) {
        (Treatment::Keep, kind) => kind,
        // Treated element by element, leaf by leaf.
        (_, Kind::List) => Kind::List,
        (Treatment::Last4 | Treatment::Pseudonymise, Kind::Json) => Kind::Json,
        _ => Kind::Text,
    };
    Column {
        name: field.name.clone(),
        label: field.label.clone(),
        kind,
        identifier: dataset.is_key(&field.name) || personal::is_identifier(&field.name),
        // A treated value is a text of ours, or a part of one.
        free_text: treatment != Treatment::Keep || field.ty.is_free_text(),
        json_path: field.json_path.clone(),
    }
}
