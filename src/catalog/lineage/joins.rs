//! FROM: its table expressions, and of which of them there is one row at the most for a row of the others.

use super::facts::Facts;
use super::functions::{Function, Kind};
use super::keys::{self, Key};
use super::scope::Scope;
use super::tree::{Node, Struct};
use super::variables::{is_steady, own_column, own_tables};
use std::collections::{BTreeMap, BTreeSet};

/// The table expressions of a query's FROM and how they are joined.
#[derive(Default)]
pub struct Joins<'t> {
    /// Their numbers in the range table.
    pub tables: Vec<i64>,
    /// Those whose columns an outer join can make NULL.
    pub nullable: BTreeSet<i64>,
    /// ON of outer joins: which rows of the other side become NULL.
    pub outer_conditions: Vec<&'t Node<'t>>,
    equalities: Vec<Equality<'t>>,
}

/// `a = b` that holds for all rows.
struct Equality<'t> {
    operator: &'t Struct<'t>,
    /// Table expressions that it can hold to one row; None: all.
    held: Option<BTreeSet<i64>>,
}

/// Kinds of joins (JoinType, nodes/nodes.h).
const INNER: i64 = 0;
const LEFT: i64 = 1;
const FULL: i64 = 2;
const RIGHT: i64 = 3;

impl<'t> Joins<'t> {
    /// The joins of a query; None: they are not understood.
    pub fn of(scope: &Scope<'_, 't>) -> Option<Joins<'t>> {
        let mut joins = Joins::default();
        let from = scope.query.get("jointree").as_struct().filter(|from| from.label == "FROMEXPR")?;
        for item in from.get("fromlist").items() {
            joins.tables(item)?;
        }
        joins.hold(from.get("quals"), None);
        Some(joins)
    }

    /// The table expressions below an item of FROM.
    fn tables(&mut self, item: &'t Node<'t>) -> Option<BTreeSet<i64>> {
        let item = item.as_struct()?;
        if item.label == "RANGETBLREF" {
            let number = item.number("rtindex")?;
            self.tables.push(number);
            return Some(BTreeSet::from([number]));
        }
        if item.label != "JOINEXPR" {
            return None;
        }
        let left = self.tables(item.get("larg"))?;
        let right = self.tables(item.get("rarg"))?;
        let condition = item.get("quals");
        let held = match item.number("jointype")? {
            INNER => None,
            LEFT => Some(right.clone()),
            RIGHT => Some(left.clone()),
            FULL => Some(BTreeSet::new()),
            _ => return None,
        };
        match item.number("jointype")? {
            LEFT => self.nullable.extend(&right),
            RIGHT => self.nullable.extend(&left),
            FULL => self.nullable.extend(left.union(&right)),
            _ => {}
        }
        if held.is_some() {
            self.outer_conditions.push(condition);
        }
        self.hold(condition, held.as_ref());
        Some(left.into_iter().chain(right).collect())
    }

    /// The equalities of a condition that are joined by AND.
    fn hold(&mut self, condition: &'t Node<'t>, held: Option<&BTreeSet<i64>>) {
        match condition {
            Node::List(items) => items.iter().for_each(|item| self.hold(item, held)),
            Node::Struct(node) if node.label == "BOOLEXPR" && node.is_token("boolop", "and") => {
                self.hold(node.get("args"), held);
            }
            Node::Struct(node) if node.label == "OPEXPR" => {
                self.equalities.push(Equality { operator: node, held: held.cloned() });
            }
            _ => {}
        }
    }

    /// Adds those table expressions of which there is one row at the most for one row of each of `known`.
    pub fn complete(&self, known: &mut BTreeSet<i64>, scope: &Scope<'_, 't>, facts: &Facts<'_>) {
        while let Some(more) = self
            .tables
            .iter()
            .find(|table| !known.contains(table) && self.is_held(**table, known, scope, facts))
        {
            known.insert(*more);
        }
    }

    fn is_held(&self, number: i64, known: &BTreeSet<i64>, scope: &Scope<'_, 't>, facts: &Facts<'_>) -> bool {
        let Some(table) = scope.table(number) else { return false };
        // A LATERAL one is made anew for each row of what it refers to.
        if table.is_true("lateral") && !own_tables(table.get("subquery"), scope).is_subset(known) {
            return false;
        }
        let keys = keys::of_table(number, scope, facts);
        if keys.is_empty() {
            return false;
        }
        let columns: BTreeSet<i64> = self
            .equalities
            .iter()
            .flat_map(|equality| equality.columns(number, known, scope, facts))
            .collect();
        keys.iter().any(|key| key.columns.is_subset(&columns))
    }

    /// The expressions of a list (GROUP BY, ORDER BY, DISTINCT) that tell rows apart beyond what the others tell, and whether
    /// the list tells all rows apart. In a list that sorts (`ordered`) only those before one count.
    pub fn telling(
        &self,
        list: &[&'t Node<'t>],
        ordered: bool,
        told: &mut Told,
        scope: &Scope<'_, 't>,
        facts: &Facts<'_>,
    ) -> Vec<&'t Node<'t>> {
        // One key may be NULL where another set of GROUPING SETS has it.
        if !scope.query.get("groupingSets").items().is_empty() {
            return list.to_vec();
        }
        let is_told = |told: &Told, expression: &Node<'_>| {
            is_steady(expression, facts.world) && own_tables(expression, scope).is_subset(&told.tables)
        };
        if !ordered {
            list.iter().for_each(|expression| self.tell(expression, told, scope, facts));
            return list.iter().copied().filter(|expression| !is_told(told, expression)).collect();
        }
        let mut telling = Vec::new();
        for expression in list {
            if !is_told(told, expression) {
                telling.push(*expression);
            }
            self.tell(expression, told, scope, facts);
        }
        telling
    }

    fn tell(&self, expression: &Node<'_>, told: &mut Told, scope: &Scope<'_, 't>, facts: &Facts<'_>) {
        let Some((table, attnum)) = own_column(expression, scope) else { return };
        let columns = told.columns.entry(table).or_default();
        let is_new = columns.insert(attnum) && !told.tables.contains(&table);
        let is_whole = |key: &Key| key.identifies && key.columns.is_subset(columns);
        if is_new && self.tables.contains(&table) && keys::of_table(table, scope, facts).iter().any(is_whole)
        {
            told.tables.insert(table);
            self.complete(&mut told.tables, scope, facts);
        }
    }

    /// True if a list tells all rows apart.
    pub fn tells_all(&self, told: &Told) -> bool {
        self.tables.iter().all(|table| told.tables.contains(table))
    }
}

/// The columns that a list of expressions reveals, by their table expression, with the lists that reveal each row.
#[derive(Default)]
pub struct Told {
    columns: BTreeMap<i64, BTreeSet<i64>>,
    pub tables: BTreeSet<i64>,
}

impl Equality<'_> {
    /// The columns of a table expression that it holds to what is known.
    fn columns(
        &self,
        table: i64,
        known: &BTreeSet<i64>,
        scope: &Scope<'_, '_>,
        facts: &Facts<'_>,
    ) -> Vec<i64> {
        if self.held.as_ref().is_some_and(|held| !held.contains(&table)) {
            return Vec::new();
        }
        let [left, right] = self.operator.get("args").items() else { return Vec::new() };
        if !is_equality(&facts.world.function(self.operator.oid("opfuncid"))) {
            return Vec::new();
        }
        let collation = self.operator.oid("inputcollid");
        let column = |side: &Node<'_>, other: &Node<'_>| {
            let (number, attnum) = own_column(side, scope)?;
            let is_of_column = collation == 0 || collation_of(side) == collation;
            (number == table
                && is_of_column
                && is_steady(other, facts.world)
                && own_tables(other, scope).is_subset(known))
            .then_some(attnum)
        };
        [column(left, right), column(right, left)].into_iter().flatten().collect()
    }
}

fn collation_of(node: &Node<'_>) -> u32 {
    let node = node.as_struct();
    node.map_or(0, |node| if node.label == "VAR" { node.oid("varcollid") } else { node.oid("resultcollid") })
}

/// Functions of operators `=` under which no two values of a unique index are equal to the same one.
fn is_equality(function: &Function) -> bool {
    const EQUALITIES: &[&str] = &[
        "booleq",
        "bpchareq",
        "byteaeq",
        "cash_eq",
        "chareq",
        "citext_eq",
        "date_eq",
        "enum_eq",
        "float4eq",
        "float8eq",
        "int24eq",
        "int28eq",
        "int2eq",
        "int42eq",
        "int48eq",
        "int4eq",
        "int82eq",
        "int84eq",
        "int8eq",
        "interval_eq",
        "macaddr_eq",
        "nameeq",
        "nameeqtext",
        "network_eq",
        "numeric_eq",
        "oideq",
        "texteq",
        "texteqname",
        "time_eq",
        "timestamp_eq",
        "timestamptz_eq",
        "timetz_eq",
        "uuid_eq",
    ];
    function.kind == Kind::BuiltIn && EQUALITIES.contains(&function.name.as_str())
}
