//! The lineage of a value: may it leave, and does it contain JSON.

use std::rc::Rc;

/// The sources that were combined in a value.
#[derive(Debug, Clone, Default)]
pub struct Flow {
    /// The reason why the value never leaves.
    pub bar: Option<Bar>,
    /// JSON with all its keys may be in it: as a JSON value, within text, an array or a row.
    pub json: bool,
    /// A constant key picked it out of JSON as text. It is compared like any other text.
    pub picked: bool,
}

/// The flow of the rows of a table expression or a query, beside that of the values in them.
#[derive(Debug, Clone, Default)]
pub struct RowFlow {
    /// Of the choice of rows: which there are, and how many times each.
    pub chosen: Flow,
    /// Of their order. A choice counts, because an index on what chooses gives its order.
    pub order: Flow,
}

impl RowFlow {
    /// Rows that cannot be followed.
    pub fn barred(reason: &str) -> RowFlow {
        RowFlow { chosen: Flow::barred(reason), order: Flow::barred(reason) }
    }

    /// True if nothing new is known.
    pub fn same(&self, other: &RowFlow) -> bool {
        self.chosen.same(&other.chosen) && self.order.same(&other.order)
    }
}

/// A reason, and whether it names the column that it is about.
#[derive(Debug, Clone)]
pub struct Bar {
    pub reason: Rc<str>,
    pub named: bool,
    /// It is about keys of JSON, which may hold a secret: a condition on a table's own rows may ask for them.
    pub maybe: bool,
    /// It is about a value that the name beside it tells of, and about nothing else: where the name is at hand, it is none.
    pub paired: bool,
}

impl Flow {
    /// A value that may leave: a constant, a count.
    pub fn plain() -> Flow {
        Flow::default()
    }

    /// A value that never leaves.
    pub fn barred(reason: impl Into<Rc<str>>) -> Flow {
        Flow {
            bar: Some(Bar { reason: reason.into(), named: true, maybe: false, paired: false }),
            ..Flow::default()
        }
    }

    /// A value that could be one of a secret key.
    pub fn maybe_barred(reason: impl Into<Rc<str>>) -> Flow {
        Flow {
            bar: Some(Bar { reason: reason.into(), named: true, maybe: true, paired: false }),
            ..Flow::default()
        }
    }

    /// A value that leaves only with the name of its row.
    pub fn paired(reason: impl Into<Rc<str>>) -> Flow {
        let bar = Bar { reason: reason.into(), named: true, maybe: false, paired: true };
        Flow { bar: Some(bar), ..Flow::default() }
    }

    /// The same where the name is at hand.
    pub fn with_name(self) -> Flow {
        Flow { bar: self.bar.filter(|bar| !bar.paired), ..self }
    }

    /// Both together; the first reason stays, but for one that is certain.
    pub fn and(self, other: Flow) -> Flow {
        let json = self.json || other.json;
        let picked = json && (self.picked || !self.json) && (other.picked || !other.json);
        let bar = match (self.bar, other.bar) {
            // More than one such value is told of by no one name.
            (Some(first), Some(second)) if first.paired || second.paired => {
                let reason = if first.paired && !second.maybe { second } else { first };
                Some(Bar { maybe: false, paired: false, ..reason })
            }
            (Some(first), Some(second)) if first.maybe && !second.maybe => Some(second),
            (first, second) => first.or(second),
        };
        Flow { bar, json, picked }
    }

    /// The flow of a test of the value, a choice by it, or a count. It holds no part of the value.
    pub fn deciding(self) -> Flow {
        Flow { bar: self.bar, ..Flow::default() }
    }

    /// The same as seen from a view above: a reason that is about the column names it from here on.
    pub fn seen_from_above(&self, relation: &str, column: &str) -> Flow {
        let bar = self.bar.as_ref().map(|bar| match bar.named {
            true => bar.clone(),
            false => Bar {
                reason: format!("it comes from {relation}.{column}: {}", bar.reason).into(),
                named: true,
                maybe: bar.maybe,
                paired: bar.paired,
            },
        });
        Flow { bar, json: self.json, picked: self.picked }
    }

    /// True if nothing new is known: reasons of a kind count as one.
    pub fn same(&self, other: &Flow) -> bool {
        let kind = |flow: &Flow| flow.bar.as_ref().map(|bar| (bar.maybe, bar.paired));
        kind(self) == kind(other) && self.json == other.json && self.picked == other.picked
    }
}

impl FromIterator<Flow> for Flow {
    fn from_iter<I: IntoIterator<Item = Flow>>(flows: I) -> Flow {
        flows.into_iter().fold(Flow::plain(), Flow::and)
    }
}
