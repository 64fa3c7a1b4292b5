//! Where the values of a source come from: per field, down through all views to the columns of base tables.
//!
//! A field is barred when its value comes from a column that holds a secret by its name, its type or a declaration, from a
//! whole row of a table that has one, or through a function that could read one; and where that cannot be told. It is
//! decided anew whenever a dataset is registered, changed, asked for or read: nothing is kept.

mod borrowed;
mod flow;
mod functions;
mod known;
mod per_row;
mod range;
mod relations;
mod rows;
mod shape;
mod simple;
mod trace;
mod tree;
mod walk;

pub use borrowed::borrowed;
pub use per_row::calls_per_row;
pub use relations::{has_foreign_table, hold, Relation};
pub use trace::Origin;

use super::declared::Declared;
use super::secrets::Names;
use crate::error::{Error, Result};
use crate::pg::catalog::FIRST_USER_OID;
use flow::Flow;
use std::collections::HashMap;

/// All relations that a source reads, and what became of its columns' values.
pub struct Lineage {
    /// The source first.
    relations: Vec<Relation>,
    /// By name: the columns of the source.
    fields: HashMap<String, Flow>,
    origins: HashMap<String, Origin>,
    /// A system catalog that a view reads: the view and the catalog.
    catalog: Option<(String, String)>,
    pub declared: Declared,
    /// What is secret by its name.
    pub names: Names,
}

/// Traces a relation by its oid, as it is at this moment.
pub fn trace(source: u32) -> Result<Lineage> {
    let declared = Declared::load()?;
    let relations = relations::below(source)?;
    let names = Names::with(&declared.names);
    let traced = trace::trace(&relations, &declared, &names)?;
    Ok(Lineage {
        relations,
        names,
        fields: traced.fields,
        origins: traced.origins,
        catalog: traced.catalog,
        declared,
    })
}

impl Lineage {
    /// Tables and foreign tables that hold the rows.
    pub fn base_tables(&self) -> impl Iterator<Item = &Relation> {
        self.relations.iter().filter(|relation| matches!(relation.kind.as_str(), "r" | "p" | "f"))
    }

    /// Those of them that hold data of tenants.
    pub fn tenant_tables(&self) -> impl Iterator<Item = &Relation> {
        self.base_tables().filter(|table| !self.declared.is_shared(table.oid))
    }

    /// Whether the source is of a kind that may be exported, at every depth (42501 with what mends it).
    pub fn check(&self, dataset: &str) -> Result<()> {
        self.relations.iter().try_for_each(|relation| check_kind(relation, dataset))?;
        match &self.catalog {
            None => Ok(()),
            Some((view, catalog)) => Err(Error::denied(format!(
                "view {view} of dataset \"{dataset}\" reads the system catalog {catalog}"
            ))
            .hint("Use relations of the application only in a view that is exported.")),
        }
    }

    /// Why a column of the source never leaves; None: it may.
    pub fn bars(&self, column: &str) -> Option<String> {
        match self.fields.get(column) {
            Some(flow) => flow.bar.as_ref().map(|bar| bar.reason.to_string()),
            None => Some("the source has no such column any more".to_owned()),
        }
    }

    /// The column of a table that a column of the source is, where each row of the source is one of the table's.
    pub fn origin(&self, column: &str) -> Option<&Origin> {
        self.origins.get(column)
    }

    /// Whether JSON with all its keys may be in the values of a column.
    pub fn holds_json(&self, column: &str) -> bool {
        self.fields.get(column).is_some_and(|flow| flow.json)
    }
}

fn check_kind(relation: &Relation, dataset: &str) -> Result<()> {
    let name = &relation.name;
    if relation.oid < FIRST_USER_OID {
        return Err(Error::denied(format!("{name} of dataset \"{dataset}\" is a system catalog"))
            .hint("Register a relation of the application."));
    }
    match relation.kind.as_str() {
        "r" | "p" | "f" => Ok(()),
        "v" if relation.security_invoker => Ok(()),
        "v" => Err(Error::denied(format!(
            "view {name} of dataset \"{dataset}\" reads its tables with the rights of its owner"
        ))
        .hint(format!("ALTER VIEW {name} SET (security_invoker = true);"))),
        "m" => Err(Error::denied(format!(
            "materialized view {name} of dataset \"{dataset}\" is not subject to row security"
        ))
        .hint("Register a table, or a view with security_invoker = true, instead.")),
        _ => Err(Error::denied(format!("{name} of dataset \"{dataset}\" is no table and no view")).hint(
            "Register a table, a partitioned table, a foreign table, or a view with security_invoker = true.",
        )),
    }
}
