//! Tests on JSON: on the whole value for presence, on what a path finds as text.
//!
//! Only strings, numbers and booleans are compared. The text of an object or array would show, to who asks
//! often enough, the secret keys inside it; such a value equals nothing, like a missing one.
//!
//! Order: beside a JSON number numbers are compared as numbers (9 before 10), everything else as text by code
//! point, so that ISO dates sort alike in every locale.

use super::ast::{Operator, Resolved, Test};
use super::document::is_document;
use super::side::{NUMERIC, TEXT};
use super::sql::{compared, guarded, null_test, of_document, or_null_test, Value, Writer};

/// The condition on a json or jsonb column; `typeof_function` is the one of its type.
pub(super) fn condition(
    writer: &mut Writer,
    leaf: &Resolved<'_>,
    column: &str,
    typeof_function: &str,
) -> String {
    if let (Test::Null { is }, true) = (&leaf.test, leaf.path.is_empty()) {
        return null_test(column, *is);
    }
    let path = writer.bind(leaf, TEXT, "text", Value::Many(leaf.path.clone()));
    let text = format!("({column} #>> {path})");
    let kind = format!("{typeof_function}({column} #> {path})");
    let is_scalar = format!("{kind} IN ('string', 'number', 'boolean')");
    match &leaf.test {
        Test::Null { is } => null_test(&text, *is),
        Test::Present { is } => {
            let present = format!("{text} NOT IN ('', '[]', '{{}}')");
            if *is {
                present
            } else {
                format!("({present}) IS NOT TRUE")
            }
        }
        Test::Compare { value, number } => {
            let ordered = matches!(leaf.operator, Operator::Gt | Operator::Ge | Operator::Lt | Operator::Le);
            if ordered && *number {
                let bound = writer.bind(leaf, NUMERIC, "numeric", Value::One(value.clone()));
                let compared = compared(leaf.operator, &format!("{text}::numeric"), &bound);
                // CASE keeps the cast away from what is no number.
                return format!("CASE WHEN {kind} = 'number' THEN {compared} END");
            }
            // A string in JSON may hold a document as well.
            if let Some(certain) = of_document(leaf.operator, value) {
                return certain;
            }
            // `ne` is the complement of `eq` together with its guard.
            let operator = if leaf.operator == Operator::Ne { Operator::Eq } else { leaf.operator };
            let bound = writer.bind(leaf, TEXT, "text", Value::One(value.clone()));
            let (mut left, right) = if leaf.ci {
                (format!("lower({text})"), format!("lower({bound})"))
            } else {
                (text.clone(), bound)
            };
            if ordered {
                left.push_str(" COLLATE \"C\"");
            }
            let holds = guarded(operator, compared(operator, &left, &right), &text);
            let holds = format!("{holds} AND {is_scalar}");
            if leaf.operator == Operator::Ne {
                format!("({holds}) IS NOT TRUE")
            } else {
                holds
            }
        }
        Test::OneOf { values, or_null } => {
            let plain = values.iter().filter(|value| !is_document(value)).cloned().collect();
            let bound = writer.bind(leaf, TEXT, "text", Value::Many(plain));
            let any = if leaf.ci {
                format!("lower({text}) = ANY (ARRAY(SELECT lower(u.v) FROM unnest({bound}) AS u(v)))")
            } else {
                format!("{text} = ANY ({bound})")
            };
            or_null_test(format!("({any} AND {is_scalar})"), &text, *or_null)
        }
    }
}
