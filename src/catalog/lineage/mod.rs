//! The lineage of a source: per field, down through all views to the columns of base tables.
//!
//! A field is barred when its value, its order or its multiplicity depends on a secret: on a column that holds one by its
//! name, its type or a declaration, on a whole row of a table that has one, or on a function that could read one. Where that
//! cannot be told, it is barred. It is decided anew whenever a dataset is registered, changed, asked for or read: nothing is
//! kept.
//!
//! - *Value.* An expression depends on all that is in it. An aggregate, a window function and a sub-select depend on the rows
//!   that they see as well: on the conditions, joins, groups, limits and set operations that choose these, and on their order
//!   where that matters. A window function depends on what parts and sorts its rows.
//! - *Multiplicity.* Conditions, joins, GROUP BY, HAVING, DISTINCT, LIMIT, set operations and functions that return sets say
//!   which rows there are and how often each comes. Where one of them depends on a secret, all fields are barred. What is
//!   grouped or compared beside a key of its table adds nothing: `GROUP BY id, password_hash` is `GROUP BY id`.
//! - *Order.* A query that sorts, groups or joins by a secret gives its rows in an order that depends on it. What reads the rows
//!   of such a query in their order is barred (`row_number() OVER ()`, `array_agg`, LIMIT). Where it is the source itself,
//!   no field is barred, and its rows are always sorted by the key ([`Lineage::is_sorted_by_secret`]).
//!
//! A policy of row security that reads a secret chooses the rows of its table as a WHERE clause does.
//!
//! The one exception: rows that are chosen by a secret. `WHERE password_hash LIKE '!%'` bars no field of a source of which each
//! row is a row of one table, each once at the most, with columns of other tables joined to it by their keys. It says which
//! rows there are; what stands in them is the same as without it. Aggregates and windows over such rows depend on the secret.
//!
//! The presence of a value is no secret: `column IS NULL`, `column <> ''` and `count(column)` of a table's own column may leave.
//! An expression in the place of the column answers a guess, and bars.

mod aggregate;
mod cache;
mod code;
mod expressions;
mod facts;
mod flow;
mod foreign_code;
mod functions;
mod joins;
mod json;
mod keys;
mod named;
mod per_row;
mod policies;
mod presence;
mod range;
pub mod reads_settings;
mod relations;
mod rows;
mod scope;
mod shape;
mod trace;
mod tree;
mod variables;
mod verdicts;
mod walk;

pub use foreign_code::{borrowed, foreign_code};
pub use per_row::calls_per_row;
pub use relations::{hold, query, Relation};
pub use trace::Origin;

use super::declared::Declared;
use super::distributed;
use crate::error::{Error, Result};
use crate::model::NamedBy;
use crate::pg::catalog::FIRST_USER_OID;
use crate::secret::Names;
use flow::Flow;
use std::collections::HashMap;
use std::rc::Rc;

/// The reason for a field whose column was dropped.
pub const GONE: &str = "its column is gone";

/// All relations that a source reads, and what became of its columns' values.
pub struct Lineage {
    /// The source first.
    relations: Vec<Relation>,
    /// By name: the columns of the source.
    fields: HashMap<String, Flow>,
    origins: HashMap<String, Origin>,
    single: bool,
    /// By name: the columns of the source that name what the values of another one are.
    named: HashMap<String, NamedBy>,
    is_sorted_by_secret: bool,
    /// A system catalog that a view reads: the view and the catalog.
    catalog: Option<(String, String)>,
    /// Those that Citus distributes.
    distributed: Vec<u32>,
    pub declared: Rc<Declared>,
    /// The names of secrets.
    pub names: Names,
}

/// Traces a relation by its oid, as it is at this moment.
pub fn trace(source: u32) -> Result<Lineage> {
    trace_with(source, Rc::new(Declared::load()?))
}

/// The same with declarations that were read before.
pub fn trace_with(source: u32, declared: Rc<Declared>) -> Result<Lineage> {
    let relations = relations::below(source)?;
    let names = Names::with(&declared.names);
    let distributed = distributed::among(&relations)?;
    let traced = trace::trace(&relations, &declared, &names)?;
    Ok(Lineage {
        relations,
        names,
        fields: traced.fields,
        origins: traced.origins,
        named: traced.named,
        single: traced.single,
        is_sorted_by_secret: traced.is_sorted_by_secret,
        catalog: traced.catalog,
        distributed,
        declared,
    })
}

/// Hash of the code that makes a column of a view; None: the relation is no view.
pub fn code_of_column(relation: u32, attnum: i64) -> Result<Option<String>> {
    code::of_column(&relations::below(relation)?, relation, attnum)
}

impl Lineage {
    /// Tables and foreign tables that hold the rows.
    pub fn base_tables(&self) -> impl Iterator<Item = &Relation> {
        self.relations.iter().filter(|relation| matches!(relation.kind.as_str(), "r" | "p" | "f"))
    }

    /// Tables whose rows Citus keeps on other servers.
    pub fn distributed_tables(&self) -> impl Iterator<Item = &Relation> {
        self.relations.iter().filter(|relation| self.is_distributed(relation.oid))
    }

    pub fn is_distributed(&self, relation: u32) -> bool {
        self.distributed.contains(&relation)
    }

    /// True if some of the rows are on other servers: of a foreign table, as a partition or a child too, or of one that Citus
    /// distributes.
    pub fn reads_other_servers(&self) -> bool {
        !self.distributed.is_empty() || self.relations.iter().any(Relation::is_foreign)
    }

    /// OID and quoted name of each relation that the source reads, itself included.
    pub fn names_of_relations(&self) -> impl Iterator<Item = (u32, &str)> {
        self.relations.iter().map(|relation| (relation.oid, relation.name.as_str()))
    }

    /// Views that the rows come through, the source among them.
    pub fn views(&self) -> impl Iterator<Item = &Relation> {
        self.relations.iter().filter(|relation| relation.kind == "v")
    }

    /// Those of them that hold data of tenants.
    pub fn tenant_tables(&self) -> impl Iterator<Item = &Relation> {
        self.base_tables().filter(|table| !self.declared.is_shared(table.oid))
    }

    /// True if the source is of a kind that may be exported, at every depth (42501 with what mends it).
    pub fn check(&self, dataset: &str) -> Result<()> {
        self.relations.iter().try_for_each(|relation| check_kind(relation, dataset))?;
        match &self.catalog {
            None => Ok(()),
            Some((view, catalog)) => Err(Error::denied(format!(
                "view {view} of dataset \"{dataset}\" reads the system catalog {catalog}"
            ))
            .hint("A view that is exported must read relations of the application only.")),
        }
    }

    /// The reason why a column of the source never leaves; None: it may.
    pub fn bars(&self, column: &str) -> Option<String> {
        match self.fields.get(column) {
            Some(flow) => flow.bar.as_ref().map(|bar| bar.reason.to_string()),
            None => Some(GONE.to_owned()),
        }
    }

    /// The column of a table that a column of the source is, where each row of the source is one of the table's.
    pub fn origin(&self, column: &str) -> Option<&Origin> {
        self.origins.get(column)
    }

    /// True if the order in which the source gives its rows depends on a secret: they have to be sorted by another column.
    pub fn is_sorted_by_secret(&self) -> bool {
        self.is_sorted_by_secret
    }

    /// True if the source may give a row of a table more than once (joins, set operations, functions that return sets), so
    /// that a unique column of that table proves nothing. [`Lineage::origin`] is None then for all columns.
    pub fn multiplies(&self) -> bool {
        !self.single
    }

    /// The columns of the source that say of each row whether its value in this column is a secret.
    pub fn named_by(&self, column: &str) -> Option<NamedBy> {
        self.named.get(column).cloned()
    }

    /// True if JSON with all its keys may be in the values of a column.
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
        _ => Err(Error::denied(format!("{name} of dataset \"{dataset}\" is not a table or view")).hint(
            "Register a table, a partitioned table, a foreign table, or a view with security_invoker = true.",
        )),
    }
}
