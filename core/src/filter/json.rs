//! Tests on JSON: on the whole value for presence, on what a path finds as text.
//!
//! A path goes through arrays: where one is on the way, or at its end, the elements are what it finds, and a test holds where
//! one of them passes it (RFC 7644, section 3.4.2.2, of attributes with many values); an element that is an object stands for
//! its key `value` (RFC 7643, section 2.4). `any` asks one element for several things.
//!
//! Only strings, numbers and booleans are compared. The text of an object or array would show, to who asks
//! often enough, the secret keys inside it; such a value equals nothing, like a missing one. A value that the name beside it may
//! make a secret, in an object or in a pair, is compared as the export shows it. Nothing in a document raises
//! an error: what does not fit is not equal.
//!
//! Order: beside a JSON number numbers are compared as numbers (9 before 10), everything else as text by code
//! point, so that ISO dates sort alike in every locale.
//!
//! Indexes are not used: a key that is asked for often is made a field, by a view that reads it (`->>`) and an index on that.

use super::ast::{Node, Operator, Resolved, Test};
use super::coercion::{JSONPATH, NUMERIC, TEXT};
use super::compare::{compared, guarded, null_test, of_document, or_null_test};
use super::document::is_document;
use super::sql::{Value, Writer};

/// A column of type json as jsonb. What jsonb does not hold, some characters and numbers, would fail the whole export: a value
/// that may have such is there, and nothing is in it.
pub(super) fn parsed(column: &str) -> String {
    const UNREADABLE: &str = r"\\u0000|\\u[dD][89abAB]..(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB]..)\\u[dD][c-fC-F]|[eE][-+]?\d{5}|\d{250}";
    format!("(CASE WHEN {column}::text ~ '{UNREADABLE}' THEN '[[]]' ELSE {column}::jsonb END)")
}

/// A column of type hstore as jsonb, by the cast of its extension, which needs no search_path: an object of strings and nulls.
pub(super) fn of_hstore(column: &str) -> String {
    format!("{column}::jsonb")
}

/// The condition on a jsonb document, a column or an element.
pub(super) fn condition(writer: &mut Writer, leaf: &Resolved<'_>, document: &str) -> String {
    if let Test::Compare { value, .. } = &leaf.test {
        // A string in JSON may hold a document as well.
        if let Some(certain) = of_document(leaf.operator, value) {
            return certain;
        }
    }
    let found = found(writer, leaf, document);
    match &leaf.test {
        Test::Null { is } => null_test(&text(&found), *is),
        Test::Present { is } => {
            let present = format!("{} NOT IN ('', '[]', '{{}}')", text(&found));
            if *is {
                present
            } else {
                format!("({present}) IS NOT TRUE")
            }
        }
        Test::Compare { value, number } => {
            let holds = comparison(writer, leaf, value, *number).holds(&found, writer);
            if leaf.operator == Operator::Ne {
                format!("({holds}) IS NOT TRUE")
            } else {
                holds
            }
        }
        Test::OneOf { values, numbers, or_null } => {
            let any = one_of(writer, leaf, values, numbers).holds(&found, writer);
            or_null_test(any, &text(&found), *or_null)
        }
        Test::Element(node) => element(writer, node, &found),
    }
}

/// The values that the path finds: the value itself, else those found through arrays, as an array; NULL where there are none.
fn found(writer: &mut Writer, leaf: &Resolved<'_>, document: &str) -> String {
    if leaf.path.is_empty() {
        return document.to_owned();
    }
    let keys: String =
        leaf.path.iter().map(|key| format!(".{}", serde_json::Value::from(key.as_str()))).collect();
    let path = writer.bind(leaf, TEXT, "text", Value::Many(leaf.path.clone()));
    let through =
        writer.bind(leaf, JSONPATH, "jsonpath", Value::One(format!("lax ${keys}[*] ? (@ != null)")));
    let shown = writer.shown(document);
    format!(
        "coalesce({document} #> {path}, CASE WHEN jsonb_path_exists({document}, {through}) \
         THEN nullif(jsonb_path_query_array({shown}, {through}), '[]') END)"
    )
}

fn text(value: &str) -> String {
    format!("({value} #>> '{{}}')")
}

/// Conditions on a value by its kind, `%` being its text.
struct Comparison {
    /// None: numbers do not pass.
    number: Option<String>,
    /// Of strings and booleans.
    textual: Option<String>,
}

impl Comparison {
    /// True if the value passes, or one of its elements.
    fn holds(&self, value: &str, writer: &Writer) -> String {
        let shown = writer.shown(value);
        let elements = format!(
            "(SELECT CASE jsonb_typeof(u.v) WHEN 'object' THEN u.v -> 'value' ELSE u.v END \
             FROM jsonb_path_query({shown}, '$[*]') AS u(v)) AS e(v)"
        );
        format!(
            "CASE jsonb_typeof({value}){} WHEN 'array' THEN EXISTS (SELECT 1 FROM {elements} \
             WHERE CASE jsonb_typeof(e.v){} END) END",
            self.cases(value),
            self.cases("e.v")
        )
    }

    fn cases(&self, value: &str) -> String {
        let text = text(value);
        let case = |kind: &str, holds: &Option<String>| match holds {
            Some(holds) => format!(" WHEN '{kind}' THEN {}", holds.replace('%', &text)),
            None => String::new(),
        };
        // CASE keeps the cast to numeric away from what is no number.
        [("number", &self.number), ("string", &self.textual), ("boolean", &self.textual)]
            .map(|(kind, holds)| case(kind, holds))
            .concat()
    }
}

fn comparison(writer: &mut Writer, leaf: &Resolved<'_>, value: &str, number: bool) -> Comparison {
    // `ne` is the complement of `eq` together with its kinds.
    let operator = if leaf.operator == Operator::Ne { Operator::Eq } else { leaf.operator };
    let ordered = matches!(operator, Operator::Gt | Operator::Ge | Operator::Lt | Operator::Le);
    let numeric = (number && (ordered || operator == Operator::Eq)).then(|| {
        let bound = writer.bind(leaf, NUMERIC, "numeric", Value::One(value.to_owned()));
        compared(operator, "%::numeric", &bound)
    });
    if ordered && number {
        return Comparison { number: numeric, textual: None };
    }
    let bound = writer.bind(leaf, TEXT, "text", Value::One(value.to_owned()));
    let (mut left, right) =
        if leaf.ci { ("lower(%)".to_owned(), format!("lower({bound})")) } else { ("%".to_owned(), bound) };
    if ordered {
        left.push_str(" COLLATE \"C\"");
    }
    let textual = guarded(operator, compared(operator, &left, &right), "%");
    Comparison { number: numeric.or_else(|| Some(textual.clone())), textual: Some(textual) }
}

fn one_of(writer: &mut Writer, leaf: &Resolved<'_>, values: &[String], numbers: &[String]) -> Comparison {
    let plain = values.iter().filter(|value| !is_document(value)).cloned().collect();
    let bound = writer.bind(leaf, TEXT, "text", Value::Many(plain));
    let textual = if leaf.ci {
        format!("lower(%) = ANY (ARRAY(SELECT lower(u.v) FROM unnest({bound}) AS u(v)))")
    } else {
        format!("% = ANY ({bound})")
    };
    let number = if numbers.is_empty() {
        textual.clone()
    } else {
        let bound = writer.bind(leaf, NUMERIC, "numeric", Value::Many(numbers.to_vec()));
        format!("({textual} OR %::numeric = ANY ({bound}))")
    };
    Comparison { number: Some(number), textual: Some(textual) }
}

/// True if one element, or the value where it is no array, holds all of it. What is no object is asked under the key `value`.
fn element(writer: &mut Writer, node: &Node<Resolved<'_>>, value: &str) -> String {
    let shown = writer.shown(value);
    let (alias, holds) = writer.on_element(node);
    format!(
        "EXISTS (SELECT 1 FROM (SELECT CASE jsonb_typeof(u.v) WHEN 'object' THEN u.v \
         ELSE jsonb_build_object('value', u.v) END FROM jsonb_path_query({shown}, '$[*]') AS u(v)) AS {alias}(v) WHERE {holds})"
    )
}
