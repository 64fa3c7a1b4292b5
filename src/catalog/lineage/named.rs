//! Columns of values beside columns of names: settings, attributes, variables, of which each row says by its name what its value is.
//!
//! Such a value leaves only where the name of its row is at hand, in a column of the source that comes from the same row. Every other use
//! of it is barred, but for JSON that puts name and value side by side: there the name decides as the document is searched.

use super::cache::{Cache, CachedColumn};
use super::expressions::constant;
use super::functions::Function;
use super::relations::Relation;
use super::scope::{kind, target_of, Scope};
use super::tree::{Node, Struct};
use super::variables::own_column;
use super::walk::Walk;
use crate::model::{Class, NamedBy, Type};
use crate::secret::named::{role, Naming, Role};
use crate::secret::reasons;
use std::collections::HashMap;
use std::rc::Rc;

/// The row of a table that a value is of, and the column.
#[derive(Debug, Clone)]
pub struct Trail {
    /// Views on the way, each with the number of the table expression that the row is of; the last one first.
    steps: Vec<(u32, i64)>,
    table: u32,
    attnum: i64,
}

impl Trail {
    pub fn of_table(table: u32, attnum: i64) -> Trail {
        Trail { steps: Vec::new(), table, attnum }
    }

    /// The column of a table that it leads to: oid of the table, number of the column.
    pub fn column(&self) -> (u32, i64) {
        (self.table, self.attnum)
    }

    fn is_of_row(&self, other: &Trail) -> bool {
        self.table == other.table && self.steps == other.steps
    }
}

/// The columns of its table that name the values of a column.
#[derive(Debug)]
pub struct Value {
    names: Vec<(i64, Naming)>,
    role: Role,
}

/// The reason why a value without its name never leaves.
pub fn reason(relation: &str, column: &str) -> String {
    format!("it comes from {relation}.{column}, {}", reasons::WITHOUT_NAME)
}

/// The columns of values of a table, by their numbers.
pub fn of_table(relation: &Relation, describe: &dyn Fn(u32) -> Type) -> HashMap<i64, Rc<Value>> {
    let roles: Vec<(i64, u32, Role)> =
        relation.columns.iter().map(|column| (column.attnum, column.type_oid, role(&column.name))).collect();
    // Most tables have no such column.
    if !roles.iter().any(|(.., role)| matches!(role, Role::Value | Role::Content)) {
        return HashMap::new();
    }
    let names: Vec<(i64, Naming)> = roles
        .iter()
        .filter_map(|(attnum, type_oid, role)| match role {
            Role::Name(naming) if matches!(describe(*type_oid).class, Class::Text | Class::Enum) => {
                Some((*attnum, *naming))
            }
            _ => None,
        })
        .collect();
    let of = |role: Role| -> Vec<(i64, Naming)> {
        // Contents are named by a column that can hold nothing but the name of a setting.
        let says = |naming: &Naming| role == Role::Value || *naming == Naming::Setting;
        names.iter().filter(|(_, naming)| says(naming)).copied().collect()
    };
    let values = roles.iter().filter(|(_, type_oid, role)| {
        matches!(role, Role::Value | Role::Content) && describe(*type_oid).is_free_text()
    });
    let values = values.map(|(attnum, _, role)| (*attnum, Rc::new(Value { names: of(*role), role: *role })));
    values.filter(|(_, value)| !value.names.is_empty()).collect()
}

/// The row that a column of a view passes on as it is, and the value, if it is one.
pub fn passed(
    query: &Struct<'_>,
    place: i64,
    view: u32,
    known: &Cache<'_>,
) -> (Option<Trail>, Option<Rc<Value>>) {
    let scope = Scope { query, outer: None };
    let found = || {
        if query.get("setOperations").as_struct().is_some() {
            return None;
        }
        let (number, attnum) = own_column(target_of(query, place)?.get("expr"), &scope)?;
        let column = known.relations.get(&relation_of(number, &scope)?)?.column(attnum)?;
        let mut trail = column.trail.clone()?;
        trail.steps.push((view, number));
        Some((trail, column.value.clone()))
    };
    found().map_or((None, None), |(trail, value)| (Some(trail), value))
}

/// The relation of a table expression.
fn relation_of(number: i64, scope: &Scope<'_, '_>) -> Option<u32> {
    let table = scope.table(number)?;
    (table.number("rtekind") == Some(kind::RELATION)).then(|| table.oid("relid"))
}

/// The columns among these that hold the name of the row that a value is of.
fn names<'c>(
    value: &'c CachedColumn,
    columns: &'c [CachedColumn],
) -> impl Iterator<Item = (&'c CachedColumn, Naming)> {
    let of = value.value.as_ref().zip(value.trail.as_ref());
    columns.iter().filter_map(move |column| {
        let (value, trail) = of?;
        let other = column.trail.as_ref().filter(|other| other.is_of_row(trail))?;
        let (_, naming) = value.names.iter().find(|(attnum, _)| *attnum == other.attnum)?;
        Some((column, *naming))
    })
}

/// Numbers of the columns that hold the names of a value.
pub fn names_of(value: &CachedColumn, columns: &[CachedColumn]) -> Vec<i64> {
    names(value, columns).map(|(column, _)| column.attnum).collect()
}

/// The columns of the source that name the values of one of its columns; None: it is none of values, or they have no name.
pub fn by(value: &CachedColumn, columns: &[CachedColumn]) -> Option<NamedBy> {
    let role = value.value.as_ref()?.role;
    let columns: Vec<(String, Naming)> =
        names(value, columns).map(|(column, naming)| (column.name.clone(), naming)).collect();
    (!columns.is_empty()).then_some(NamedBy { columns, role })
}

/// True if the rows of a relation as JSON have each value beside its name, under keys that say so.
pub fn are_members(columns: &[CachedColumn]) -> bool {
    let mut values = columns.iter().filter(|column| column.value.is_some());
    values.all(|value| {
        matches!(role(&value.name), Role::Value)
            && names(value, columns).any(|(name, _)| matches!(role(&name.name), Role::Name(_)))
    })
}

impl<'t> Walk<'_, 't> {
    /// True if a function makes JSON in which each value of its arguments stands beside its name.
    pub(super) fn keeps_names(&self, function: &Function, node: &Struct<'t>, scope: &Scope<'_, 't>) -> bool {
        let args: Vec<&Node<'t>> = node.get("args").items().iter().map(expression).collect();
        match function.name.as_str() {
            "jsonb_object_agg"
            | "json_object_agg"
            | "jsonb_object_agg_strict"
            | "json_object_agg_strict"
            | "jsonb_object_agg_unique"
            | "json_object_agg_unique" => {
                matches!(args.as_slice(), [name, value] if self.is_name_of(name, value, scope))
            }
            "to_json" | "to_jsonb" | "row_to_json" | "json_agg" | "jsonb_agg" => {
                matches!(args.as_slice(), [row] if self.is_named_row(row, scope))
            }
            "jsonb_build_object" | "json_build_object" => self.are_pairs(&args, scope),
            _ => false,
        }
    }

    fn is_name_of(&self, name: &Node<'t>, value: &Node<'t>, scope: &Scope<'_, 't>) -> bool {
        let found = || {
            let (of_name, name) = own_column(name, scope)?;
            let (of_value, value) = own_column(value, scope)?;
            let names = self.facts.world.named_by(relation_of(of_value, scope)?, value);
            Some(of_name == of_value && names.contains(&name))
        };
        found().unwrap_or(false)
    }

    fn is_named_row(&self, row: &Node<'t>, scope: &Scope<'_, 't>) -> bool {
        let found = || {
            let row =
                row.as_struct().filter(|row| row.label == "VAR" && row.number("varattno") == Some(0))?;
            let is_own = row.number("varlevelsup") == Some(0);
            let relation = relation_of(row.number("varno")?, scope)?;
            Some(is_own && self.facts.world.is_named_in_json(relation))
        };
        found().unwrap_or(false)
    }

    /// One value under a key of values, and its name under a key of names: more than one value has a bar that no name lifts.
    fn are_pairs(&self, args: &[&Node<'t>], scope: &Scope<'_, 't>) -> bool {
        let members: Vec<(Role, &Node<'t>)> =
            args.chunks_exact(2).filter_map(|pair| Some((role(&written(pair[0])?), pair[1]))).collect();
        let names: Vec<&Node<'t>> =
            members.iter().filter(|(role, _)| matches!(role, Role::Name(_))).map(|(_, name)| *name).collect();
        members.len() * 2 == args.len()
            && members.iter().any(|(role, value)| {
                *role == Role::Value && names.iter().any(|name| self.is_name_of(name, value, scope))
            })
    }
}

/// The expression of an argument, which an aggregate has in an entry of its own.
fn expression<'n, 't>(arg: &'n Node<'t>) -> &'n Node<'t> {
    match arg.as_struct() {
        Some(entry) if entry.label == "TARGETENTRY" => entry.get("expr"),
        _ => arg,
    }
}

/// A constant text without its length word, each byte of which is one character. A literal without a type, such as an argument
/// of `jsonb_build_object`, is a string that a zero byte ends.
fn written(node: &Node<'_>) -> Option<String> {
    /// Oid of `unknown` (pg_type.dat).
    const UNKNOWN: u32 = 705;
    let text = constant(node)?;
    if node.as_struct().is_some_and(|node| node.oid("consttype") == UNKNOWN) {
        return Some(text.trim_end_matches('\0').to_owned());
    }
    Some(text.chars().skip(4).collect())
}
