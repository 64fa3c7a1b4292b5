//! The tree against the dataset: every name becomes a field, every operand a test that suits the field's
//! type.
//!
//! Invariants of the tree that comes out: fields are known and not barred, operators suit, operands are
//! texts for the type's input function. Whether that function reads them, only the server can say.

use super::ast::{Condition, Node, Operand, Operator, Resolved, Scalar, Test};
use super::names::{self, keys, resolve, Named};
use super::operators::{operators, reads};
use crate::error::{Error, Result};
use crate::model::{Class, Dataset, Field, Treatment};
use crate::value::{listed, shown};

/// Checks a parsed filter; see [`compile`](super::compile) for `is_secret_key`.
///
/// Errors: 22023 for an unknown field (the hint lists the known ones), an operator that does not suit, a
/// value of the wrong JSON type; 42501 for a barred or masked field or a secret key in a path.
pub fn check<'d>(
    node: &Node<Condition>,
    dataset: &'d Dataset,
    is_secret_key: &dyn Fn(&str) -> bool,
) -> Result<Node<Resolved<'d>>> {
    each(node, &|condition| {
        let named = resolve(&condition.name, dataset, is_secret_key)?;
        leaf(condition, named, &condition.name, dataset, is_secret_key)
    })
}

/// The tree with `resolved` of each of its leaves.
fn each<'d>(
    node: &Node<Condition>,
    resolved: &dyn Fn(&Condition) -> Result<Resolved<'d>>,
) -> Result<Node<Resolved<'d>>> {
    let all = |nodes: &[Node<Condition>]| -> Result<Vec<Node<Resolved<'d>>>> {
        nodes.iter().map(|node| each(node, resolved)).collect()
    };
    Ok(match node {
        Node::All(nodes) => Node::All(all(nodes)?),
        Node::Any(nodes) => Node::Any(all(nodes)?),
        Node::Not(inner) => Node::Not(Box::new(each(inner, resolved)?)),
        Node::Leaf(condition) => Node::Leaf(resolved(condition)?),
    })
}

/// `name` is the condition's, with those of the elements around it.
fn leaf<'d>(
    condition: &Condition,
    named: Named<'d>,
    name: &str,
    dataset: &Dataset,
    is_secret_key: &dyn Fn(&str) -> bool,
) -> Result<Resolved<'d>> {
    let operator = match (named.implied, condition.operator) {
        (None, typed) => typed,
        (Some(implied), Operator::Eq) => implied,
        (Some(_), _) => {
            return Err(Error::invalid(format!(
                "{} in the filter takes a date or time, not operator {}",
                shown(name),
                condition.word
            ))
            .hint(format!("Write {{{}: \"2025-01-01\"}}.", shown(name))))
        }
    };
    let named_condition = NamedCondition { condition, named: &named, name, operator };
    named_condition.may_be_compared()?;
    let test = match &condition.operand {
        Operand::Element(inner) if operator == Operator::Any => {
            named_condition.suits()?;
            Test::Element(Box::new(each(inner, &|inner| {
                // Cut where a message would be cut: a name of a megabyte is not copied for each condition in it.
                let outer: String = name.chars().take(64).collect();
                let name = format!("{outer}.{}", inner.name);
                let path = keys(&inner.name, &name, is_secret_key)?;
                let named = Named { field: named.field, path, implied: None };
                leaf(inner, named, &name, dataset, is_secret_key)
            })?))
        }
        _ => named_condition.test()?,
    };
    // A key is compared as it is, whatever a SCIM string says of attributes in general (RFC 7643, section 3.1).
    let is_key = named.path.is_empty() && dataset.is_key(&named.field.name);
    Ok(Resolved {
        name: name.to_owned(),
        ci: condition.ci && !is_key,
        field: named.field,
        path: named.path,
        operator,
        word: named.implied.map_or(condition.word, Operator::name),
        test,
    })
}

/// The field of this name whose values a request compares as a whole: 22023 for an unknown one, 42501 for one that is barred or
/// whose values could be guessed.
pub fn comparable<'d>(dataset: &'d Dataset, name: &str) -> Result<&'d Field> {
    let field = names::known(dataset, name)?;
    values_may_be_asked(field)?;
    Ok(field)
}

fn values_may_be_asked(field: &Field) -> Result<()> {
    let why = if field.mask != Treatment::Keep {
        "its values are masked"
    } else if field.json_text {
        "it is text converted from JSON, which may contain a secret"
    } else if field.named_by.is_some() {
        "the names beside its values may say that they are secrets"
    } else {
        return Ok(());
    };
    Err(Error::denied(format!("field {} cannot be filtered on: {why}", shown(&field.name)))
        .hint("Only pr and null can be used with it; remove the condition."))
}

/// A condition with its field, while it is being judged.
struct NamedCondition<'a, 'd> {
    condition: &'a Condition,
    named: &'a Named<'d>,
    name: &'a str,
    operator: Operator,
}

impl<'d> NamedCondition<'_, 'd> {
    /// A value that is masked in the file, or may be cut out of it, is not to be guessed by filters; its presence may be tested.
    fn may_be_compared(&self) -> Result<()> {
        let field = self.named.field;
        let null = matches!(self.condition.operand, Operand::One(Scalar::Null));
        let of_presence = match self.operator {
            Operator::Pr => true,
            Operator::Eq | Operator::Ne => null,
            _ => false,
        };
        // Keys of a masked document may be data themselves.
        let masked_path = field.mask != Treatment::Keep && !self.named.path.is_empty();
        if of_presence && !masked_path {
            return Ok(());
        }
        values_may_be_asked(field)
    }

    fn suits(&self) -> Result<()> {
        let suitable = operators(&self.named.field.ty, &self.named.path);
        if suitable.contains(&self.operator) {
            Ok(())
        } else {
            Err(self.unsuitable(suitable))
        }
    }

    fn test(&self) -> Result<Test<'d>> {
        // Being NULL is a question to any type.
        if let (Operator::Eq | Operator::Ne, Operand::One(Scalar::Null)) =
            (self.operator, &self.condition.operand)
        {
            return Ok(Test::Null { is: self.operator == Operator::Eq });
        }
        self.suits()?;
        match (self.operator, &self.condition.operand) {
            (Operator::Pr, Operand::One(Scalar::Bool(is))) => Ok(Test::Present { is: *is }),
            (Operator::Pr, Operand::One(other)) => Err(self.unfit("true or false", other.kind())),
            (Operator::Pr, Operand::Many(_)) => Err(self.unfit("true or false", "an array")),
            (Operator::In, Operand::Many(items)) => self.one_of(items),
            (Operator::In, Operand::One(other)) => Err(self.unfit("an array of values", other.kind())),
            (Operator::Gt | Operator::Ge | Operator::Lt | Operator::Le, Operand::One(Scalar::Number(_)))
                if self.named.field.ty.class == Class::Hstore =>
            {
                Err(self.unfit("a string", "a number").hint("Values of hstore are ordered as texts."))
            }
            (_, Operand::One(value)) => {
                Ok(Test::Compare { value: self.text(value)?, number: matches!(value, Scalar::Number(_)) })
            }
            (_, Operand::Element(_)) => Err(self.unfit("a single value", "an object")),
            (_, Operand::Many(_)) => {
                Err(self.unfit("a single value", "an array").hint("Use \"in\" with a list of values."))
            }
        }
    }

    fn one_of(&self, items: &[Scalar]) -> Result<Test<'d>> {
        let mut values = Vec::with_capacity(items.len());
        let mut numbers = Vec::new();
        let mut or_null = false;
        for item in items {
            match item {
                Scalar::Null => or_null = true,
                other => {
                    let value = self.text(other)?;
                    if matches!(other, Scalar::Number(_)) {
                        numbers.push(value.clone());
                    }
                    values.push(value);
                }
            }
        }
        Ok(Test::OneOf { values, numbers, or_null })
    }

    /// The operand's text for the type's input function.
    fn text(&self, value: &Scalar) -> Result<String> {
        if !reads(&self.named.field.ty, value) {
            return Err(self.unfit(&format!("a value of type {}", self.type_name()), value.kind()));
        }
        match value {
            Scalar::Text(text) if text.contains('\0') => {
                Err(self.unfit("a text", "one with a null character"))
            }
            Scalar::Text(text) | Scalar::Number(text) => Ok(text.clone()),
            Scalar::Bool(true) => Ok("true".into()),
            Scalar::Bool(false) => Ok("false".into()),
            Scalar::Null | Scalar::Unfit(_) => Err(self.unfit("a single value", value.kind())),
        }
    }

    fn type_name(&self) -> &str {
        &self.named.field.ty.name
    }

    fn unfit(&self, needed: &str, given: &str) -> Error {
        Error::invalid(format!(
            "operator {} of field {} of type {} in the filter needs {needed}, not {given}",
            self.condition.word,
            shown(self.name),
            self.type_name()
        ))
        .hint(format!("Give a value that type {} reads.", self.type_name()))
    }

    fn unsuitable(&self, suitable: &[Operator]) -> Error {
        let names = listed(suitable.iter().map(|operator| operator.name()));
        let mut hint =
            format!("Operators for {}: {names}; null can be used with eq and ne.", self.type_name());
        if matches!(self.named.field.ty.class, Class::Json | Class::Jsonb) {
            hint.push_str(
                " Values inside are reached by path, such as \"field.key\", elements of lists by any.",
            );
        }
        Error::invalid(format!(
            "operator {} cannot be used on field {} of type {} in the filter",
            self.condition.word,
            shown(self.name),
            self.type_name()
        ))
        .hint(hint)
    }
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "check_element_tests.rs"]
mod element_tests;
