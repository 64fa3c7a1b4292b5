//! A cache of traced relations: the answers to the questions of a walk.

use super::code;
use super::flow::{Bar, Flow, RowFlow};
use super::functions::{Function, Kind, CLEAN_MODULES};
use super::keys::Key;
use super::named::{self, Trail, Value};
use super::relations::{Column, Relation};
use super::trace::Origin;
use super::tree::{self, Node};
use super::verdicts::Verdicts;
use super::walk::{Walk, World};
use super::FIRST_USER_OID;
use crate::catalog::declared::Declared;
use crate::model::{Class, Type};
use crate::pg::{catalog, identity, sql, types};
use crate::secret::{reasons, ColumnType, Names};
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

/// A relation that was traced.
pub struct CachedRelation {
    pub name: String,
    /// Its rows are rows of one table, each once.
    pub single: bool,
    /// A secret decides no more than which of these rows there are.
    pub is_choice: bool,
    pub rows: RowFlow,
    pub keys: Vec<Key>,
    pub columns: Vec<CachedColumn>,
}

pub struct CachedColumn {
    pub attnum: i64,
    pub name: String,
    pub flow: Flow,
    pub origin: Option<Origin>,
    /// It is a column of a table as it is, and not generated.
    pub is_column: bool,
    /// The row of a table that its value is of.
    pub trail: Option<Trail>,
    /// It is a value that the name of its row tells of.
    pub value: Option<Rc<Value>>,
}

impl CachedRelation {
    /// Attribute numbers count up; where none was dropped, they are the places.
    pub fn column(&self, attnum: i64) -> Option<&CachedColumn> {
        let place = usize::try_from(attnum - 1).ok().and_then(|index| self.columns.get(index));
        place
            .filter(|column| column.attnum == attnum)
            .or_else(|| self.columns.iter().find(|column| column.attnum == attnum))
    }
}

/// The relations traced so far.
pub struct Cache<'d> {
    pub declared: &'d Declared,
    pub names: &'d Names,
    /// The relations that are traced.
    pub all: &'d [Relation],
    /// The facts about traced relations.
    pub relations: HashMap<u32, CachedRelation>,
    pub functions: RefCell<HashMap<u32, Function>>,
    pub types: RefCell<HashMap<u32, Type>>,
    pub verdicts: Verdicts,
}

impl Cache<'_> {
    fn with_type<T>(&self, type_oid: u32, tell: impl Fn(&Type) -> T) -> T {
        tell(self.types.borrow_mut().entry(type_oid).or_insert_with(|| types::describe(type_oid)))
    }

    pub fn type_of(&self, type_oid: u32) -> Type {
        self.with_type(type_oid, Type::clone)
    }

    /// A column of a table: what its own definition says.
    pub fn base(&self, relation: &Relation, column: &Column) -> Flow {
        let flow = match relation.generated(&column.name) {
            Some(expression) => self.generated(relation, column, expression),
            None => Flow { json: self.is_json(column.type_oid), ..Flow::plain() },
        };
        let renamed = relation.options(&column.name).is_some_and(|options| self.is_secret_name(options));
        let flow = if renamed {
            let bar = bar(reasons::COLUMN_OPTIONS);
            flow.and(Flow { bar: Some(bar), ..Flow::plain() })
        } else {
            flow
        };
        self.judged(relation, column, flow)
    }

    fn generated(&self, relation: &Relation, column: &Column, expression: &str) -> Flow {
        // The other columns as those of a table; one that is generated itself cannot be referred to.
        let seen = relation.columns.iter().filter(|other| other.attnum != column.attnum);
        let own = Own {
            known: self,
            elsewhere: seen
                .clone()
                .filter(|other| relation.is_secret_elsewhere(&other.name))
                .map(|other| other.attnum)
                .collect(),
            columns: seen
                .map(|other| {
                    let plain = Flow { json: self.is_json(other.type_oid), ..Flow::plain() };
                    (
                        other.attnum,
                        self.judged(relation, other, plain).seen_from_above(&relation.name, &other.name),
                    )
                })
                .collect(),
        };
        let query = tree::read("{QUERY :rtable ({RANGETBLENTRY :rtekind 0 :relid 0})}");
        let tree = tree::read(expression);
        match (&tree, query.as_ref().and_then(Node::as_struct)) {
            (Some(tree), Some(query)) => Walk::new(&own).alone(tree, query),
            _ => Flow::barred("the expression that generates it could not be read"),
        }
    }

    /// Name, type and declarations have the last word.
    pub fn judged(&self, relation: &Relation, column: &Column, flow: Flow) -> Flow {
        let reason = if relation.is_secret_elsewhere(&column.name) {
            Some(reasons::INHERITANCE.to_owned())
        } else if self.declared.is_secret(relation.oid, column.attnum) {
            Some(reasons::DECLARED.to_owned())
        } else {
            self.reason(relation, column)
        };
        let flow = match reason {
            Some(reason) if flow.bar.is_none() => Flow { bar: Some(bar(reason)), ..flow },
            _ => flow,
        };
        // An exemption lifts the bar that it was made for, and no other that came since.
        let reason = flow.bar.as_ref().map(|bar| &*bar.reason);
        match (reason, self.declared.exemption(relation.oid, column.attnum)) {
            (Some(reason), Some(exemption)) if code::lifts(self.all, relation, column, exemption, reason) => {
                Flow { bar: None, ..flow }
            }
            _ => flow,
        }
    }

    /// The reason why a column is barred by its name, type, table and neighbours; None: it may leave.
    fn reason(&self, relation: &Relation, column: &Column) -> Option<String> {
        let ty = |type_oid| self.with_type(type_oid, |ty| ColumnType::from(ty));
        self.verdicts.reason(relation, column, self.names, ty)
    }
}

fn seen_from_above(seen: &CachedRelation, column: &CachedColumn) -> Flow {
    let flow = column.flow.seen_from_above(&seen.name, &column.name);
    match column.value {
        Some(_) => flow.and(Flow::paired(named::reason(&seen.name, &column.name))),
        None => flow,
    }
}

fn bar(reason: impl Into<std::rc::Rc<str>>) -> Bar {
    Bar { reason: reason.into(), named: false, maybe: false, paired: false }
}

impl World for Cache<'_> {
    fn column(&self, relation: u32, attnum: i64) -> Flow {
        let Some(seen) = self.relations.get(&relation) else {
            return Flow::barred("it comes from an unknown relation");
        };
        match seen.column(attnum) {
            Some(column) => seen_from_above(seen, column),
            None => Flow::barred("it comes from an unknown column"),
        }
    }

    fn row(&self, relation: u32) -> Flow {
        let Some(seen) = self.relations.get(&relation) else {
            return Flow::barred("it comes from an unknown relation");
        };
        seen.columns.iter().map(|column| seen_from_above(seen, column)).collect()
    }

    fn is_enum(&self, type_oid: u32) -> bool {
        type_oid != 0 && self.with_type(type_oid, |ty| ty.class == Class::Enum)
    }

    fn is_stack_deep(&self) -> bool {
        types::is_stack_deep()
    }

    fn rows(&self, relation: u32) -> RowFlow {
        let seen = self.relations.get(&relation);
        seen.map_or_else(|| RowFlow::barred("it comes from an unknown relation"), |seen| seen.rows.clone())
    }

    fn is_single(&self, relation: u32) -> bool {
        self.relations.get(&relation).is_some_and(|seen| seen.single)
    }

    fn is_choice(&self, relation: u32) -> bool {
        self.relations.get(&relation).is_some_and(|seen| seen.is_choice)
    }

    fn is_column(&self, relation: u32, attnum: i64) -> bool {
        self.relations.get(&relation).is_some_and(|seen| match attnum {
            0 => seen.columns.iter().all(|column| column.is_column),
            _ => seen.column(attnum).is_some_and(|column| column.is_column),
        })
    }

    fn named_by(&self, relation: u32, attnum: i64) -> Vec<i64> {
        let Some(seen) = self.relations.get(&relation) else { return Vec::new() };
        seen.column(attnum).map(|value| named::names_of(value, &seen.columns)).unwrap_or_default()
    }

    fn is_named_in_json(&self, relation: u32) -> bool {
        self.relations.get(&relation).is_some_and(|seen| named::are_members(&seen.columns))
    }

    fn keys(&self, relation: u32) -> Vec<Key> {
        self.relations.get(&relation).map(|seen| seen.keys.clone()).unwrap_or_default()
    }

    fn function(&self, oid: u32) -> Function {
        self.functions.borrow_mut().entry(oid).or_insert_with(|| function(oid, self.declared)).clone()
    }

    fn is_json(&self, type_oid: u32) -> bool {
        type_oid != 0 && self.with_type(type_oid, Type::is_json)
    }

    fn is_secret_name(&self, name: &str) -> bool {
        self.names.mentions_secret(name)
    }
}

/// The columns of one table, for the expressions of its generated ones.
struct Own<'k, 'd> {
    known: &'k Cache<'d>,
    columns: HashMap<i64, Flow>,
    /// Those that a table above or below generates.
    elsewhere: Vec<i64>,
}

impl World for Own<'_, '_> {
    fn column(&self, _: u32, attnum: i64) -> Flow {
        self.columns.get(&attnum).cloned().unwrap_or_else(|| Flow::barred("it comes from an unknown column"))
    }

    fn row(&self, _: u32) -> Flow {
        self.columns.values().cloned().collect()
    }

    fn is_enum(&self, type_oid: u32) -> bool {
        self.known.is_enum(type_oid)
    }

    fn is_stack_deep(&self) -> bool {
        self.known.is_stack_deep()
    }

    fn rows(&self, _: u32) -> RowFlow {
        RowFlow::default()
    }

    fn is_single(&self, _: u32) -> bool {
        true
    }

    fn is_choice(&self, _: u32) -> bool {
        true
    }

    fn is_column(&self, _: u32, attnum: i64) -> bool {
        self.columns.contains_key(&attnum) && !self.elsewhere.contains(&attnum)
    }

    fn keys(&self, _: u32) -> Vec<Key> {
        Vec::new()
    }

    fn function(&self, oid: u32) -> Function {
        self.known.function(oid)
    }

    fn is_json(&self, type_oid: u32) -> bool {
        self.known.is_json(type_oid)
    }

    fn is_secret_name(&self, name: &str) -> bool {
        self.known.is_secret_name(name)
    }
}

const FUNCTION: &str = "
SELECT json_build_array(p.proname, quote_ident(n.nspname) || '.' || quote_ident(p.proname),
           CASE WHEN l.lanname = 'c' THEN p.probin
                -- The owner of an extension can add functions that are not in C.
                WHEN o.rolsuper THEN (
                    SELECT '$libdir/' || e.extname FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
                     WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
                       AND d.refclassid = 'pg_extension'::regclass
                       AND (SELECT rolsuper FROM pg_roles x WHERE x.oid = e.extowner)) END)
  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_language l ON l.oid = p.prolang
  JOIN pg_roles o ON o.oid = p.proowner
 WHERE p.oid = $1::oid";

/// Only superusers make functions in C, so the library tells whose one is.
fn function(oid: u32, declared: &Declared) -> Function {
    if oid < FIRST_USER_OID {
        let name = catalog::function_name(oid);
        let kind = match name {
            _ if declared.is_clean(oid) => Kind::Clean,
            Some(_) => Kind::BuiltIn,
            None => Kind::Opaque,
        };
        return Function { name: name.unwrap_or_else(|| oid.to_string()), kind };
    }
    let found = identity::as_owner(|| sql::document(FUNCTION, &[i64::from(oid).into()]));
    let found: Option<(String, String, Option<String>)> = found.ok().flatten();
    let Some((name, full_name, library)) = found else {
        return Function { name: oid.to_string(), kind: Kind::Opaque };
    };
    let module = library.as_deref().and_then(|library| library.strip_prefix("$libdir/"));
    match module.is_some_and(|module| CLEAN_MODULES.contains(&module)) {
        true => Function { name, kind: Kind::BuiltIn },
        false if declared.is_clean(oid) => Function { name: full_name, kind: Kind::Clean },
        false => Function { name: full_name, kind: Kind::Opaque },
    }
}
