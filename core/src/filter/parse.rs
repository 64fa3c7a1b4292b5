//! From the JSON document to the tree: the grammar, and nothing of datasets.
//!
//! ```text
//! filter    = { key: …, … }                             joined by AND
//! key       = "or" | "and": [ filter, … ]  |  "not": filter  |  name: test
//! test      = scalar (eq)  |  [ scalar, … ] (in)  |  { operator: operand, …, "ci": boolean }   joined by AND
//! operator  = of SCIM, or its synonym; the operand of "any" is a filter
//! ```
//!
//! Recursion is bounded: `weigh` runs first. Names are not looked up and operands not judged; `check` does
//! both.

use super::ast::{Condition, Node, Operand, Operator, Scalar};
use super::limits::{weigh, within_conditions};
use super::synonym::{self, Meaning};
use crate::error::{Error, Result};
use crate::value::{listed, shown};
use serde_json::{Map, Value};

/// Reads a filter document.
///
/// Errors: 54000 over a limit; 22023 for a document that is no filter, an unknown operator, an empty group.
pub fn parse(document: &Value) -> Result<Node<Condition>> {
    weigh(document)?;
    let Value::Object(object) = document else {
        return Err(Error::invalid(format!("the filter must be a JSON object, not {}", kind(document)))
            .hint("Write it as {\"field\": value}, such as {\"status\": \"active\"}."));
    };
    Parser { conditions: 0 }.object(object)
}

struct Parser {
    conditions: usize,
}

impl Parser {
    fn object(&mut self, object: &Map<String, Value>) -> Result<Node<Condition>> {
        let mut nodes = Vec::with_capacity(object.len());
        for (key, value) in object {
            match key.as_str() {
                "or" => nodes.push(Node::Any(self.group("or", value)?)),
                "and" => nodes.push(Node::All(self.group("and", value)?)),
                "not" => nodes.push(Node::Not(Box::new(self.inner("not", value)?))),
                _ => self.tests(key, value, &mut nodes)?,
            }
        }
        Ok(one_or_all(nodes))
    }

    fn group(&mut self, word: &str, value: &Value) -> Result<Vec<Node<Condition>>> {
        let Value::Array(items) = value else {
            return Err(Error::invalid(format!(
                "\"{word}\" in the filter takes an array, not {}",
                kind(value)
            ))
            .hint(format!("Write it as {{\"{word}\": [{{…}}, {{…}}]}}.")));
        };
        if items.is_empty() {
            return Err(Error::invalid(format!("\"{word}\" in the filter must not be empty"))
                .hint("Leave it out if there are no conditions to join."));
        }
        items.iter().map(|item| self.inner(word, item)).collect()
    }

    /// An object inside a connective. Empty it would match every row: inside `or` it would silently widen the
    /// export to all of them, so it is refused.
    fn inner(&mut self, word: &str, value: &Value) -> Result<Node<Condition>> {
        match value {
            Value::Object(object) if object.is_empty() => {
                Err(Error::invalid(format!("\"{word}\" in the filter must not contain an empty object"))
                    .hint("An empty object matches every row; leave it out or name a field in it."))
            }
            Value::Object(object) => self.object(object),
            other => Err(Error::invalid(format!(
                "\"{word}\" in the filter must contain objects, not {}",
                kind(other)
            ))
            .hint("Write each part as {\"field\": value}.")),
        }
    }

    fn tests(&mut self, name: &str, value: &Value, nodes: &mut Vec<Node<Condition>>) -> Result<()> {
        let Value::Object(object) = value else {
            let operator = if value.is_array() { Operator::In } else { Operator::Eq };
            nodes.push(self.leaf(name, operator, operator.name(), operand(value), false)?);
            return Ok(());
        };
        let ci = match object.get("ci") {
            None => false,
            Some(Value::Bool(ci)) => *ci,
            Some(other) => {
                return Err(Error::invalid(format!(
                    "\"ci\" of field {} in the filter must be true or false, not {}",
                    shown(name),
                    kind(other)
                )))
            }
        };
        let before = nodes.len();
        for (key, value) in object.iter().filter(|(key, _)| key.as_str() != "ci") {
            let (word, meaning) = synonym::meaning(key).ok_or_else(|| {
                Error::invalid(format!(
                    "unknown operator {} for field {} in the filter",
                    shown(key),
                    shown(name)
                ))
                .hint(known())
            })?;
            nodes.push(self.test(name, word, meaning, value, ci)?);
        }
        if nodes.len() == before {
            return Err(
                Error::invalid(format!("field {} in the filter has no operator", shown(name))).hint(known())
            );
        }
        Ok(())
    }

    fn test(
        &mut self,
        name: &str,
        word: &'static str,
        meaning: Meaning,
        value: &Value,
        ci: bool,
    ) -> Result<Node<Condition>> {
        let not = |node| Node::Not(Box::new(node));
        match meaning {
            Meaning::Same(Operator::Any) => {
                if !value.is_object() {
                    let message = format!(
                        "operator any of field {} in the filter needs an object, not {}",
                        shown(name),
                        kind(value)
                    );
                    return Err(Error::invalid(message).hint("Write {\"any\": {\"key\": value}}."));
                }
                only_keys(name, value)?;
                let inner = Box::new(self.inner("any", value)?);
                self.leaf(name, Operator::Any, word, Operand::Element(inner), ci)
            }
            Meaning::Same(operator) => self.leaf(name, operator, word, operand(value), ci),
            Meaning::Not(operator) => self.leaf(name, operator, word, operand(value), ci).map(not),
            Meaning::Flag(operator, given) => {
                let Value::Bool(holds) = value else {
                    return Err(Error::invalid(format!(
                        "operator {word} of field {} in the filter needs true or false, not {}",
                        shown(name),
                        kind(value)
                    ))
                    .hint(format!("Write {{\"{word}\": true}}.")));
                };
                let leaf = self.leaf(name, operator, word, Operand::One(Scalar::Bool(given)), ci)?;
                Ok(if *holds { leaf } else { not(leaf) })
            }
        }
    }

    fn leaf(
        &mut self,
        name: &str,
        operator: Operator,
        word: &'static str,
        operand: Operand,
        ci: bool,
    ) -> Result<Node<Condition>> {
        self.conditions += 1;
        within_conditions(self.conditions)?;
        Ok(Node::Leaf(Condition { name: name.into(), operator, word, operand, ci }))
    }
}

/// Refuses operators where the keys of an element belong: they would be looked for as keys, and found in no list of plain values.
fn only_keys(name: &str, value: &Value) -> Result<()> {
    let mut keys =
        value.as_object().into_iter().flat_map(|element| element.keys()).filter(|key| *key != "ci");
    let Some(first) = keys.next().filter(|first| Operator::parse(first).is_some()) else { return Ok(()) };
    if !keys.all(|key| Operator::parse(key).is_some()) {
        return Ok(());
    }
    let message = format!(
        "operator any of field {} in the filter needs keys of an element, not operator {first}",
        shown(name)
    );
    Err(Error::invalid(message).hint(
        "For a list of plain values, leave any out: {\"field.path\": {\"eq\": value}} is true if one element is equal.",
    ))
}

fn known() -> String {
    let operators = listed(Operator::ALL.map(Operator::name));
    format!("Known operators: {operators}; synonyms: {}.", listed(synonym::names()))
}

/// A single node needs no AND around it.
fn one_or_all(mut nodes: Vec<Node<Condition>>) -> Node<Condition> {
    match (nodes.pop(), nodes.is_empty()) {
        (Some(only), true) => only,
        (Some(last), false) => {
            nodes.push(last);
            Node::All(nodes)
        }
        (None, _) => Node::All(nodes),
    }
}

fn operand(value: &Value) -> Operand {
    match value {
        Value::Array(items) => Operand::Many(items.iter().map(scalar).collect()),
        other => Operand::One(scalar(other)),
    }
}

fn scalar(value: &Value) -> Scalar {
    match value {
        Value::Null => Scalar::Null,
        Value::Bool(value) => Scalar::Bool(*value),
        Value::Number(number) => Scalar::Number(number.as_str().into()),
        Value::String(text) => Scalar::Text(text.clone()),
        Value::Array(_) => Scalar::Unfit("an array"),
        Value::Object(_) => Scalar::Unfit("an object"),
    }
}

fn kind(value: &Value) -> &'static str {
    scalar(value).kind()
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
