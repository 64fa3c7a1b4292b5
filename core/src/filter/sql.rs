//! The checked tree as a WHERE clause: quoted columns of the alias `s`, built-in operators, `$n` for every
//! value.
//!
//! It runs with `search_path = pg_catalog`, so operators of extensions are not there: types that bring their
//! own equality are compared as text, citext as text without case. A domain over an enum has no `=` at all
//! (anyenum takes no domains): the catalogue must hand it over as `Class::Other`, whose text is compared.
//! Three-valued logic is closed off where SCIM means a complement: `ne` and `not` hold for NULL.
//!
//! Index use: equality and order take the field's own type on both sides. `sw` is `^@`: from PostgreSQL 15 on
//! it uses a btree of collation "C" or of `text_pattern_ops` just as LIKE does (tried on 15), and needs no
//! escaping of wildcards. Both do so only while the planner sees the value, so the caller must not force a
//! generic plan. Arrays are searched with `@>` and `&&`, which GIN serves and `= ANY` it does not.

use super::ast::{Node, Operator, Resolved, Test};
use super::coercion::{as_text, is_citext, Side, TEXT};
use super::compare::{compared, guarded, null_test, of_document, or_null_test, present_array};
use super::document::is_document;
use super::json;
use crate::error::Error;
use crate::model::{Class, Type};
use crate::secret::named::{self, Role};
use crate::value::quote_ident;
use std::collections::BTreeSet;

/// The alias under which the source stands in the query.
pub const ALIAS: &str = "s";

/// A condition to stand in a WHERE, with the values of its placeholders in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clause {
    pub sql: String,
    pub params: Vec<Param>,
    /// Columns that the condition names, for the check of rights.
    pub columns: Vec<String>,
    /// Those that it holds to values.
    pub narrowed: BTreeSet<String>,
}

/// A value to bind, and what a message says of it where the type's input function refuses it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Param {
    /// The type of the value, for [`Value::Many`] of each element: the parameter is then an array of it.
    pub type_oid: u32,
    pub type_name: String,
    pub value: Value,
    /// The field as the requester named it.
    pub field: String,
    /// The operator's name in the document.
    pub operator: &'static str,
}

/// Texts for the input function of the type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    One(String),
    Many(Vec<String>),
}

impl Param {
    /// 22023 for a value that its type does not read. It names field, operator and type, never the value.
    pub fn misfit(&self) -> Error {
        let Param { field, operator, type_name, .. } = self;
        if *operator == "tenant" {
            return Error::invalid(format!(
                "the tenant that is set is not valid for {field}, which is of type {type_name}"
            ))
            .hint(format!("Set a value that type {type_name} reads."));
        }
        Error::invalid(format!(
            "the value given for {field} with operator \"{operator}\" is not valid for type {type_name}"
        ))
        .hint(format!("Give a value that type {type_name} reads."))
    }
}

/// Writes the clause; its first placeholder is `$first`. Without any condition it is `true`. `without_secrets`: the function that
/// gives a jsonb document as an export shows it.
pub fn to_sql(node: &Node<Resolved<'_>>, first: usize, without_secrets: &str) -> Clause {
    let without_secrets = without_secrets.to_owned();
    let mut writer = Writer { first, without_secrets, params: Vec::new(), columns: Vec::new(), elements: 0 };
    let sql = writer.node(node);
    Clause { sql, params: writer.params, columns: writer.columns, narrowed: BTreeSet::new() }
}

/// Collects parameters while the SQL is put together.
pub(super) struct Writer {
    first: usize,
    without_secrets: String,
    params: Vec<Param>,
    columns: Vec<String>,
    /// The number of nested elements of JSON arrays around the condition; the innermost is `e`n.
    elements: usize,
}

impl Writer {
    pub(super) fn node(&mut self, node: &Node<Resolved<'_>>) -> String {
        match node {
            Node::All(nodes) => self.joined(nodes, " AND ", "true"),
            Node::Any(nodes) => self.joined(nodes, " OR ", "false"),
            Node::Not(inner) => format!("({} IS NOT TRUE)", self.node(inner)),
            Node::Leaf(leaf) => format!("({})", self.leaf(leaf)),
        }
    }

    fn joined(&mut self, nodes: &[Node<Resolved<'_>>], word: &str, empty: &str) -> String {
        if nodes.is_empty() {
            return empty.into();
        }
        let parts: Vec<String> = nodes.iter().map(|node| self.node(node)).collect();
        format!("({})", parts.join(word))
    }

    fn leaf(&mut self, leaf: &Resolved<'_>) -> String {
        if self.elements > 0 {
            return json::condition(self, leaf, &format!("e{}.v", self.elements));
        }
        let column = format!("{ALIAS}.{}", quote_ident(&leaf.field.column));
        self.columns.push(leaf.field.column.clone());
        match (leaf.field.ty.class, &leaf.test) {
            (Class::Json | Class::Jsonb, Test::Null { is }) if leaf.path.is_empty() => {
                null_test(&column, *is)
            }
            (Class::Json, _) => self.document(leaf, &json::parsed(&column)),
            (Class::Jsonb, _) => self.document(leaf, &column),
            (Class::Hstore, _) if !leaf.path.is_empty() => self.document(leaf, &json::of_hstore(&column)),
            (Class::Array, _) => self.array(leaf, &column),
            _ => self.scalar(leaf, &column, &leaf.field.ty),
        }
    }

    /// A value under `value` is shown or not by the name beside it.
    fn document(&mut self, leaf: &Resolved<'_>, document: &str) -> String {
        let beside = |key: &String| matches!(named::role(key), Role::Value | Role::Content | Role::KeyPart);
        match leaf.path.iter().any(beside) {
            true => json::condition(self, leaf, &self.shown(document)),
            false => json::condition(self, leaf, document),
        }
    }

    /// A jsonb value as an export shows it; an element is of a document that is shown so already.
    pub(super) fn shown(&self, value: &str) -> String {
        match self.elements {
            0 => format!("{}({value})", self.without_secrets),
            _ => value.to_owned(),
        }
    }

    /// A condition on an element of a JSON array; it is told the alias under which the element stands.
    pub(super) fn on_element(&mut self, node: &Node<Resolved<'_>>) -> (String, String) {
        self.elements += 1;
        let alias = format!("e{}", self.elements);
        let condition = self.node(node);
        self.elements -= 1;
        (alias, condition)
    }

    /// Adds a parameter and gives its placeholder.
    pub(super) fn bind(
        &mut self,
        leaf: &Resolved<'_>,
        type_oid: u32,
        type_name: &str,
        value: Value,
    ) -> String {
        let number = self.first + self.params.len();
        self.params.push(Param {
            type_oid,
            type_name: type_name.into(),
            value,
            field: leaf.name.clone(),
            operator: leaf.word,
        });
        format!("${number}")
    }

    /// A test on a single value of type `ty` that the SQL `value` gives.
    fn scalar(&mut self, leaf: &Resolved<'_>, value: &str, ty: &Type) -> String {
        let textual = ty.class == Class::Text;
        match &leaf.test {
            Test::Null { is } => null_test(value, *is),
            Test::Present { is } if textual => {
                let present = format!("{} <> ''", as_text(value, ty));
                if *is {
                    present
                } else {
                    format!("({present}) IS NOT TRUE")
                }
            }
            Test::Present { is } => null_test(value, !is),
            Test::Compare { value: operand, .. } => self.comparison(leaf, value, ty, operand),
            Test::OneOf { values, or_null, .. } => {
                let any = self.one_of(leaf, value, ty, values);
                or_null_test(any, value, *or_null)
            }
            // `check` lets it come to JSON only.
            Test::Element(_) => "false".into(),
        }
    }

    fn comparison(&mut self, leaf: &Resolved<'_>, value: &str, ty: &Type, operand: &str) -> String {
        let folded = ty.class == Class::Text && (leaf.ci || is_citext(ty));
        let pattern = matches!(leaf.operator, Operator::Co | Operator::Sw | Operator::Ew);
        if ty.class == Class::Text {
            if let Some(certain) = of_document(leaf.operator, operand) {
                return certain;
            }
        }
        if folded || pattern {
            let bound = self.bind(leaf, TEXT, "text", Value::One(operand.to_owned()));
            let text = as_text(value, ty);
            let holds = if folded {
                compared(leaf.operator, &format!("lower({text})"), &format!("lower({bound})"))
            } else {
                compared(leaf.operator, &text, &bound)
            };
            return guarded(leaf.operator, holds, &text);
        }
        let side = Side::of(value, ty);
        let bound = self.bind(leaf, side.oid, &side.name, Value::One(operand.to_owned()));
        let holds = compared(leaf.operator, &side.sql, &bound);
        if ty.class == Class::Text {
            guarded(leaf.operator, holds, &as_text(value, ty))
        } else {
            holds
        }
    }

    fn one_of(&mut self, leaf: &Resolved<'_>, value: &str, ty: &Type, values: &[String]) -> String {
        let plain: Vec<String>;
        let values = if ty.class == Class::Text {
            plain = values.iter().filter(|value| !is_document(value)).cloned().collect();
            plain.as_slice()
        } else {
            values
        };
        if ty.class == Class::Text && (leaf.ci || is_citext(ty)) {
            let bound = self.bind(leaf, TEXT, "text", Value::Many(values.to_vec()));
            // An array made once, before the scan: an index on lower(column) serves it.
            return format!(
                "lower({}) = ANY (ARRAY(SELECT lower(u.v) FROM unnest({bound}) AS u(v)))",
                as_text(value, ty)
            );
        }
        let side = Side::of(value, ty);
        let bound = self.bind(leaf, side.oid, &side.name, Value::Many(values.to_vec()));
        format!("{} = ANY ({bound})", side.sql)
    }

    /// Arrays are asked for an element; `co` means the same as `eq`.
    fn array(&mut self, leaf: &Resolved<'_>, column: &str) -> String {
        let Some(element) = leaf.field.ty.element.as_deref() else {
            // `check` lets only tests for presence come here.
            return match &leaf.test {
                Test::Null { is } => null_test(column, *is),
                Test::Present { is } => present_array(column, *is),
                Test::Compare { .. } | Test::OneOf { .. } | Test::Element(_) => "false".into(),
            };
        };
        let folded = leaf.ci && element.class == Class::Text;
        // An array of a domain is not one of its base type, and an element is never compared with the domain itself.
        let exact = !folded && !Side::is_text(element) && element.base == element.oid;
        match &leaf.test {
            Test::Null { is } => null_test(column, *is),
            Test::Present { is } => present_array(column, *is),
            Test::Compare { value, .. } => {
                let has = if element.class == Class::Text && is_document(value) {
                    "false".to_owned()
                } else if exact {
                    let bound = self.bind(leaf, element.base, &element.name, Value::One(value.clone()));
                    format!("{column} @> ARRAY[{bound}]")
                } else {
                    let one = self.element(leaf, element, Operator::Eq, value);
                    format!("EXISTS (SELECT 1 FROM unnest({column}) AS e(v) WHERE {one})")
                };
                if leaf.operator == Operator::Ne {
                    format!("({has}) IS NOT TRUE")
                } else {
                    has
                }
            }
            Test::OneOf { values, or_null, .. } => {
                let any = if exact {
                    let plain = |value: &&String| element.class != Class::Text || !is_document(value);
                    let values = values.iter().filter(plain).cloned().collect();
                    let bound = self.bind(leaf, element.base, &element.name, Value::Many(values));
                    format!("{column} && {bound}")
                } else {
                    let one = self.one_of(leaf, "e.v", element, values);
                    format!("EXISTS (SELECT 1 FROM unnest({column}) AS e(v) WHERE {one})")
                };
                or_null_test(any, column, *or_null)
            }
            Test::Element(_) => "false".into(),
        }
    }

    /// The test on one element, where the array operators would compare it otherwise than asked.
    fn element(&mut self, leaf: &Resolved<'_>, element: &Type, operator: Operator, operand: &str) -> String {
        let inner = Resolved { operator, ..leaf.clone() };
        self.comparison(&inner, "e.v", element, operand)
    }
}

#[cfg(test)]
#[path = "sql_tests.rs"]
mod tests;
