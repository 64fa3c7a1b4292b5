//! The syntax tree of a filter: one shape, first with names as typed, then with the fields they stand for.
//!
//! Generic in its leaves so that connectives are written once; the tree is at most as deep as the document it
//! came from, so walking and dropping it recursively is bounded by the limit that `weigh` keeps.

use crate::model::Field;

/// Connectives over leaves of type `C`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node<C> {
    /// AND; empty: every row.
    All(Vec<Node<C>>),
    /// OR; never empty.
    Any(Vec<Node<C>>),
    /// Complement: holds where the inner one is false or unknown.
    Not(Box<Node<C>>),
    Leaf(C),
}

/// A comparison by its SCIM name (RFC 7644, section 3.4.2.2), `in`, and `any`: a filter on an element (SCIM's value path).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    Eq,
    Ne,
    Co,
    Sw,
    Ew,
    Gt,
    Ge,
    Lt,
    Le,
    Pr,
    In,
    Any,
}

impl Operator {
    /// All of them, in the order of the documentation.
    pub const ALL: [Operator; 12] = [
        Operator::Eq,
        Operator::Ne,
        Operator::Co,
        Operator::Sw,
        Operator::Ew,
        Operator::Gt,
        Operator::Ge,
        Operator::Lt,
        Operator::Le,
        Operator::Pr,
        Operator::In,
        Operator::Any,
    ];

    /// The name in the document.
    pub fn name(self) -> &'static str {
        match self {
            Operator::Eq => "eq",
            Operator::Ne => "ne",
            Operator::Co => "co",
            Operator::Sw => "sw",
            Operator::Ew => "ew",
            Operator::Gt => "gt",
            Operator::Ge => "ge",
            Operator::Lt => "lt",
            Operator::Le => "le",
            Operator::Pr => "pr",
            Operator::In => "in",
            Operator::Any => "any",
        }
    }

    /// The operator of this name, exactly as written.
    pub fn parse(name: &str) -> Option<Operator> {
        Operator::ALL.into_iter().find(|operator| operator.name() == name)
    }
}

/// A condition as typed; nothing about it is known to fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    pub name: String,
    pub operator: Operator,
    /// The operator's name as typed, for messages.
    pub word: &'static str,
    pub operand: Operand,
    /// Letter case does not matter.
    pub ci: bool,
}

/// The operand of an operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operand {
    One(Scalar),
    Many(Vec<Scalar>),
    /// Of `any`: names in it are keys of an element.
    Element(Box<Node<Condition>>),
}

/// A JSON value where a scalar belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scalar {
    Null,
    Bool(bool),
    /// As it was written: no digit is lost to a float.
    Number(String),
    Text(String),
    /// An object or an array, which `check` refuses once it can name the type.
    Unfit(&'static str),
}

impl Scalar {
    /// The kind of a JSON value, for a message.
    pub fn kind(&self) -> &'static str {
        match self {
            Scalar::Null => "null",
            Scalar::Bool(_) => "true or false",
            Scalar::Number(_) => "a number",
            Scalar::Text(_) => "a string",
            Scalar::Unfit(kind) => kind,
        }
    }
}

/// A condition that fits its field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved<'d> {
    pub field: &'d Field,
    /// Keys inside a JSON field, or inside an element of one; empty: the field itself.
    pub path: Vec<String>,
    /// The name as typed, for messages: the field, the path with dots, or the stand-in.
    pub name: String,
    /// The operator that is applied, which for a stand-in differs from the typed one.
    pub operator: Operator,
    /// Its name as typed, or what a stand-in means.
    pub word: &'static str,
    pub test: Test<'d>,
    pub ci: bool,
}

/// The test of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Test<'d> {
    /// `eq null`, or `ne null` where `is` is false.
    Null { is: bool },
    /// `pr true`, or `pr false`.
    Present { is: bool },
    /// The operator against one value; `number` where it was a JSON number, beside which numbers in JSON are
    /// compared as such.
    Compare { value: String, number: bool },
    /// `in`; `numbers` are those of the values that were JSON numbers; `or_null` where the list held a null.
    OneOf { values: Vec<String>, numbers: Vec<String>, or_null: bool },
    /// An element of the JSON value holds all this; paths begin at the element.
    Element(Box<Node<Resolved<'d>>>),
}
