//! The columns of a query's own table expressions that an expression is, or refers to.

use super::functions::{Function, Kind};
use super::scope::Scope;
use super::tree::{Node, Struct};
use super::walk::World;
use std::collections::{BTreeSet, HashSet};

/// Joins within joins: beyond these a column is not followed.
const DEEPEST: u32 = 200;

/// The column of a table expression in FROM that an expression is as it is: the number of the table expression and the
/// attribute number.
pub fn own_column(node: &Node<'_>, scope: &Scope<'_, '_>) -> Option<(i64, i64)> {
    resolve(node.as_struct()?, scope, DEEPEST)
}

fn resolve(node: &Struct<'_>, scope: &Scope<'_, '_>, left: u32) -> Option<(i64, i64)> {
    match node.label {
        "VAR" if node.number("varlevelsup") == Some(0) => {
            let (number, attnum) = (node.number("varno")?, node.number("varattno")?);
            let is_alias = scope.table(number)?.number("rtekind").is_some_and(super::scope::is_alias);
            if !is_alias {
                return (attnum > 0).then_some((number, attnum));
            }
            resolve(scope.stands_for(number, attnum)?.as_struct()?, scope, left.checked_sub(1)?)
        }
        // varchar as text: the one relabelling after which the same values are equal and the others are not.
        "RELABELTYPE" if node.oid("resulttype") == TEXT => {
            let arg = node.get("arg").as_struct()?;
            let is_same = arg.oid("vartype") == VARCHAR && arg.oid("varcollid") == node.oid("resultcollid");
            if is_same {
                resolve(arg, scope, left.checked_sub(1)?)
            } else {
                None
            }
        }
        _ => None,
    }
}

/// Oids of `text` and `varchar` (pg_type.dat).
const TEXT: u32 = 25;
const VARCHAR: u32 = 1043;

/// The numbers of the query's own table expressions that an expression refers to, at any depth of it.
pub fn own_tables(node: &Node<'_>, scope: &Scope<'_, '_>) -> BTreeSet<i64> {
    let mut found = Found { tables: BTreeSet::new(), aliases: HashSet::new() };
    found.look(node, 0, scope);
    found.tables
}

struct Found {
    tables: BTreeSet<i64>,
    /// Columns of joins and of GROUP BY that were followed.
    aliases: HashSet<(i64, i64)>,
}

impl Found {
    fn look(&mut self, node: &Node<'_>, level: i64, scope: &Scope<'_, '_>) {
        match node {
            Node::List(items) => items.iter().for_each(|item| self.look(item, level, scope)),
            Node::Struct(node) if node.label == "VAR" => {
                if node.number("varlevelsup") == Some(level) {
                    self.variable(node, scope);
                }
            }
            Node::Struct(node) => {
                let level = level + i64::from(node.label == "QUERY");
                node.values().for_each(|value| self.look(value, level, scope));
            }
            Node::Nothing | Node::Token(_) | Node::Bytes(_) => {}
        }
    }

    fn variable(&mut self, node: &Struct<'_>, scope: &Scope<'_, '_>) {
        let (number, attnum) = (node.number("varno").unwrap_or(0), node.number("varattno").unwrap_or(0));
        let table = scope.table(number);
        if !table.and_then(|table| table.number("rtekind")).is_some_and(super::scope::is_alias) {
            self.tables.insert(number);
        } else if self.aliases.insert((number, attnum)) {
            match (scope.stands_for(number, attnum), table) {
                (Some(node), _) => self.look(node, 0, scope),
                // A whole row of a join.
                (None, Some(table)) => self.look(table.get("joinaliasvars"), 0, scope),
                (None, None) => {}
            }
        }
    }
}

/// True if an expression has one value for the same values of the columns in it.
pub fn is_steady(node: &Node<'_>, world: &dyn World) -> bool {
    const FIXED: &[&str] = &[
        "VAR",
        "CONST",
        "RELABELTYPE",
        "COLLATEEXPR",
        "COERCEVIAIO",
        "COERCETODOMAIN",
        "NULLTEST",
        "BOOLEXPR",
        "BOOLEANTEST",
        "COALESCEEXPR",
        "CASEEXPR",
        "CASEWHEN",
        "CASETESTEXPR",
        "MINMAXEXPR",
        "ARRAYEXPR",
        "ROWEXPR",
        "SQLVALUEFUNCTION",
    ];
    match node {
        Node::List(items) => items.iter().all(|item| is_steady(item, world)),
        Node::Struct(node) => {
            let function = match node.label {
                "FUNCEXPR" if !node.is_true("funcretset") => node.oid("funcid"),
                "OPEXPR" if !node.is_true("opretset") => node.oid("opfuncid"),
                "SCALARARRAYOPEXPR" | "NULLIFEXPR" | "DISTINCTEXPR" => node.oid("opfuncid"),
                label if FIXED.contains(&label) => 0,
                _ => return false,
            };
            (function == 0 || is_steady_function(&world.function(function)))
                && node.values().all(|value| is_steady(value, world))
        }
        Node::Nothing | Node::Token(_) | Node::Bytes(_) => true,
    }
}

fn is_steady_function(function: &Function) -> bool {
    // Volatile ones of the server's that do not look elsewhere (pg_proc.dat).
    const VOLATILE: &[&str] = &[
        "random",
        "random_normal",
        "setseed",
        "gen_random_uuid",
        "uuidv4",
        "uuidv7",
        "clock_timestamp",
        "timeofday",
        "nextval",
        "setval",
        "currval",
        "lastval",
    ];
    function.kind == Kind::BuiltIn
        && !function.looks_elsewhere()
        && !VOLATILE.contains(&function.name.as_str())
        && !function.name.contains("uuid_generate")
        && !function.name.starts_with("gen_")
}
