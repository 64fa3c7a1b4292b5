//! What is known of a value: whether it may leave, and whether JSON is in it.

use std::rc::Rc;

/// What came together in a value.
#[derive(Debug, Clone, Default)]
pub struct Flow {
    /// Why the value never leaves.
    pub bar: Option<Bar>,
    /// JSON with all its keys may be in it: as a JSON value, within text, an array or a row.
    pub json: bool,
}

/// A reason, and whether it names the column that it is about.
#[derive(Debug, Clone)]
pub struct Bar {
    pub reason: Rc<str>,
    pub named: bool,
    /// It is about keys of JSON, which may hold a secret: a condition on a table's own rows may ask for them.
    pub maybe: bool,
}

impl Flow {
    /// A value that may leave: a constant, a count.
    pub fn plain() -> Flow {
        Flow::default()
    }

    /// A value that never leaves.
    pub fn barred(reason: impl Into<Rc<str>>) -> Flow {
        Flow { bar: Some(Bar { reason: reason.into(), named: true, maybe: false }), json: false }
    }

    /// A value that could be one of a secret key.
    pub fn maybe_barred(reason: impl Into<Rc<str>>) -> Flow {
        Flow { bar: Some(Bar { reason: reason.into(), named: true, maybe: true }), json: false }
    }

    /// Both together; the first reason stays, but for one that is certain.
    pub fn and(self, other: Flow) -> Flow {
        let json = self.json || other.json;
        let bar = match (self.bar, other.bar) {
            (Some(first), Some(second)) if first.maybe && !second.maybe => Some(second),
            (first, second) => first.or(second),
        };
        Flow { bar, json }
    }

    /// The same as seen from a view above: a reason that is about the column names it from here on.
    pub fn seen_from_above(&self, relation: &str, column: &str) -> Flow {
        let bar = self.bar.as_ref().map(|bar| match bar.named {
            true => bar.clone(),
            false => Bar {
                reason: format!("it comes from {relation}.{column}: {}", bar.reason).into(),
                named: true,
                maybe: bar.maybe,
            },
        });
        Flow { bar, json: self.json }
    }

    /// Whether nothing new is known: reasons of a kind count as one.
    pub fn same(&self, other: &Flow) -> bool {
        self.bar.as_ref().map(|bar| bar.maybe) == other.bar.as_ref().map(|bar| bar.maybe)
            && self.json == other.json
    }
}

impl FromIterator<Flow> for Flow {
    fn from_iter<I: IntoIterator<Item = Flow>>(flows: I) -> Flow {
        flows.into_iter().fold(Flow::plain(), Flow::and)
    }
}
