//! What is known of the relations that were traced: the answers to what a walk asks.

use super::flow::{Bar, Flow};
use super::functions::{Function, Kind, CLEAN_MODULES};
use super::relations::{Column, Relation};
use super::trace::Origin;
use super::tree::{self, Node};
use super::walk::{Walk, World};
use super::FIRST_USER_OID;
use crate::catalog::context;
use crate::catalog::declared::Declared;
use crate::catalog::model::{Class, Type};
use crate::catalog::secrets::Names;
use crate::pg::{catalog, identity, sql, types};
use std::cell::RefCell;
use std::collections::HashMap;

/// A relation that was traced.
pub struct Seen {
    pub name: String,
    /// Its rows are rows of one table, each once.
    pub one_table: bool,
    pub columns: Vec<SeenColumn>,
}

pub struct SeenColumn {
    pub attnum: i64,
    pub name: String,
    pub flow: Flow,
    pub origin: Option<Origin>,
}

impl Seen {
    /// Attribute numbers count up; where none was dropped, they are the places.
    pub fn column(&self, attnum: i64) -> Option<&SeenColumn> {
        let place = usize::try_from(attnum - 1).ok().and_then(|index| self.columns.get(index));
        place
            .filter(|column| column.attnum == attnum)
            .or_else(|| self.columns.iter().find(|column| column.attnum == attnum))
    }
}

/// What is known so far.
pub struct Known<'d> {
    pub declared: &'d Declared,
    pub names: &'d Names,
    pub relations: HashMap<u32, Seen>,
    pub functions: RefCell<HashMap<u32, Function>>,
    pub types: RefCell<HashMap<u32, Type>>,
}

impl Known<'_> {
    fn with_type<T>(&self, type_oid: u32, tell: impl Fn(&Type) -> T) -> T {
        tell(self.types.borrow_mut().entry(type_oid).or_insert_with(|| types::describe(type_oid)))
    }

    /// A column of a table: what its own definition says.
    pub fn base(&self, relation: &Relation, column: &Column) -> Flow {
        let flow = match relation.generated.get(&column.name) {
            Some(expression) => self.generated(relation, column, expression),
            None => Flow { bar: None, json: self.is_json(column.type_oid) },
        };
        let renamed = relation.options.get(&column.name).is_some_and(|options| self.is_secret_name(options));
        let flow = if renamed {
            flow.and(Flow {
                bar: Some(bar("its options say that it holds a credential or a secret")),
                json: false,
            })
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
            columns: seen
                .map(|other| {
                    let plain = Flow { bar: None, json: self.is_json(other.type_oid) };
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
        let reason = if relation.elsewhere.contains(&column.name) {
            Some(
                "a table above or below in its inheritance tree keeps a secret in it, or generates it"
                    .to_owned(),
            )
        } else if self.declared.is_secret(relation.oid, &column.name) {
            Some("it was declared to hold a secret".to_owned())
        } else {
            self.with_type(column.type_oid, |ty| {
                self.names
                    .column(&column.name, ty)
                    .or_else(|| context::column(&relation.relname, &column.name, ty))
            })
        };
        let flow = match reason {
            Some(reason) if flow.bar.is_none() => Flow { bar: Some(bar(reason)), json: flow.json },
            _ => flow,
        };
        // An exemption lifts the bar that it was made for, and no other that came since.
        let reason = flow.bar.as_ref().map(|bar| &*bar.reason);
        if reason.is_some() && self.declared.lifted(relation.oid, &column.name) == reason {
            return Flow { bar: None, ..flow };
        }
        flow
    }
}

fn bar(reason: impl Into<std::rc::Rc<str>>) -> Bar {
    Bar { reason: reason.into(), named: false, maybe: false }
}

impl World for Known<'_> {
    fn column(&self, relation: u32, attnum: i64) -> Flow {
        let Some(seen) = self.relations.get(&relation) else {
            return Flow::barred("it comes from an unknown relation");
        };
        match seen.column(attnum) {
            Some(column) => column.flow.seen_from_above(&seen.name, &column.name),
            None => Flow::barred("it comes from an unknown column"),
        }
    }

    fn row(&self, relation: u32) -> Flow {
        let Some(seen) = self.relations.get(&relation) else {
            return Flow::barred("it comes from an unknown relation");
        };
        seen.columns.iter().map(|column| column.flow.seen_from_above(&seen.name, &column.name)).collect()
    }

    fn is_enum(&self, type_oid: u32) -> bool {
        type_oid != 0 && self.with_type(type_oid, |ty| ty.class == Class::Enum)
    }

    fn is_stack_deep(&self) -> bool {
        types::is_stack_deep()
    }

    fn is_of_one_table(&self, relation: u32) -> bool {
        self.relations.get(&relation).is_some_and(|seen| seen.one_table)
    }

    fn function(&self, oid: u32) -> Function {
        self.functions.borrow_mut().entry(oid).or_insert_with(|| function(oid, self.declared)).clone()
    }

    fn is_json(&self, type_oid: u32) -> bool {
        type_oid != 0 && self.with_type(type_oid, Type::is_json)
    }

    fn is_secret_name(&self, name: &str) -> bool {
        self.names.is_secret(name)
    }
}

/// The columns of one table, for the expressions of its generated ones.
struct Own<'k, 'd> {
    known: &'k Known<'d>,
    columns: HashMap<i64, Flow>,
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

    fn is_of_one_table(&self, relation: u32) -> bool {
        self.known.is_of_one_table(relation)
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
                -- What is not in C can be put into an extension by whoever owns that.
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
